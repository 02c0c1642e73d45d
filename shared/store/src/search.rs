//! Whom and what a search must look at: candidates in pages of bounded work, each exactly once while
//! nothing changes.
//!
//! Nothing is decided here. A candidate is whoever or whatever could pass; the caller asks the decision
//! about each, from inputs that are read strongly consistent. The listings that lead to candidates are
//! indexes, which DynamoDB only gives eventually consistent: what was created or moved a moment ago may
//! not be a candidate yet.
//!
//! A candidate comes with the position after it, so that a page may end at any of them.

mod entities;
mod holders;
mod known;

pub use entities::TreePosition;
pub use holders::{Holder, HolderPosition, Holding};
pub use known::{Known, KnownPosition};

/// Reads of one page, past which it ends with what it has found.
const READS_MAX: usize = 100;

/// Items of one read.
const READ_ITEMS: usize = 50;

/// Some candidates.
#[derive(Clone, Debug)]
pub struct Candidates<T, P> {
    /// The candidates, each with the position after it.
    pub items: Vec<(T, P)>,
    /// Where they go on after the last; `None` at their end.
    pub next: Option<P>,
    /// How many reads it took to find them.
    pub reads: usize,
}

impl<T, P> Candidates<T, P> {
    /// The same candidates in another form.
    pub fn map<U>(self, form: impl Fn(T) -> U) -> Candidates<U, P> {
        let items = self.items.into_iter().map(|(item, position)| (form(item), position));
        Candidates { items: items.collect(), next: self.next, reads: self.reads }
    }
}
