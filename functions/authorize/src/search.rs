//! Searches: everything of which a check says yes, in pages.
//!
//! A search walks through candidates ([`store::Candidates`]) and asks the same decision about each that a
//! check does, so that what is listed and what is allowed cannot differ. A page ends when it is full or has
//! cost enough; it may be short, even empty, and still have a next one.

mod actions;
mod endpoints;
mod paging;
mod principals;
mod resources;

use api::App;
use domain::id::TenantId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Candidates, HolderPosition, KnownPosition, TreePosition};

use crate::asked::Sent;

pub(crate) use endpoints::{actions, principals, resources};
pub(crate) use paging::{Asked, Paging};

/// Work of one page, past which it ends: candidates that are looked at, and reads that lead to them.
const WORK_MAX: usize = 400;

/// Candidates that are looked at together.
const CHUNK: usize = 50;

/// Actions that are looked at for one page at most: they cost no read, but each may have conditions.
const ACTIONS_MAX: usize = 500;

/// A search under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search<'a> {
    pub(crate) app: &'a App,
    pub(crate) tenant: &'a TenantId,
    pub(crate) sent: &'a Sent,
    pub(crate) now: Timestamp,
    pub(crate) limit: usize,
}

/// A page of what was found, and where the search goes on.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<Position>,
}

/// Where a search goes on, and by which way: that is chosen once, for all its pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Position {
    /// Among all entities of the type.
    #[serde(rename = "e")]
    OfType(Option<String>),
    /// Among those at and below the entities that the principal's grants stand on.
    #[serde(rename = "t")]
    Below(Option<TreePosition>),
    /// Among those who hold something on the line of the resource, or everywhere.
    #[serde(rename = "h")]
    Held(Option<HolderPosition>),
    /// Among all principals of the type that are known.
    #[serde(rename = "k")]
    Known(Option<KnownPosition>),
    /// Among the actions, after this one.
    #[serde(rename = "a")]
    Action(String),
}

/// A page under way.
struct Page<T> {
    found: Found<T>,
    limit: usize,
    work: usize,
}

impl<T> Page<T> {
    fn new(limit: usize) -> Self {
        Self { found: Found { items: Vec::new(), next: None }, limit, work: 0 }
    }

    /// How many candidates to look at next. Not one by one for the last of a page: what is looked at in
    /// vain costs less than a round trip.
    fn chunk(&self) -> usize {
        (self.limit - self.found.items.len()).clamp(CHUNK / 5, CHUNK)
    }

    /// Takes those of the candidates that passed, each with the position after it, and where they go on.
    /// The position to go on from; `None` when the page has ended.
    fn take(
        &mut self,
        judged: Vec<(Option<T>, Position)>,
        next: Option<Position>,
        reads: usize,
    ) -> Option<Position> {
        self.work += judged.len() + reads;
        let mut rest = judged.into_iter();
        while let Some((passed, after)) = rest.next() {
            self.found.items.extend(passed);
            if self.found.items.len() == self.limit {
                self.found.next = if rest.len() > 0 { Some(after) } else { next };
                return None;
            }
        }
        if self.work >= WORK_MAX {
            self.found.next = next;
            return None;
        }
        next
    }
}

/// Those candidates with another form of position.
fn in_form<T, P>(
    Candidates { items, next, reads }: Candidates<T, P>,
    form: impl Fn(P) -> Position,
) -> Candidates<T, Position> {
    let items = items.into_iter().map(|(item, position)| (item, form(position))).collect();
    Candidates { items, next: next.map(form), reads }
}
