//! The audit table: chains of records to which things are only ever added.
//!
//! **Invariant:** every write is an insert of something that is not there yet ([`crate::insert`]). Nothing
//! here replaces, updates or deletes, and the template grants none of these to anyone.
//!
//! # How a batch is appended
//!
//! One chain per tenant, up to 256 records to a segment. A segment is three things, written in this order:
//! its **body** (the records, compressed, named by their hash), its **commit** (a small item with the next
//! number of the chain, put only if no other has it), and an **index** item for each record. The commit
//! alone decides what is in the chain; a process that ends before it leaves a body that nothing names.
//!
//! An event is in a chain at most once, because a writer looks it up in the index before it commits, and
//! the index is complete: whoever reads the end of the chain first makes sure that its last segment is
//! indexed, which a mark says, and writes the index itself where the mark is missing. The commit then
//! succeeds only if the chain still ends where it was read. An answer that is not a clear yes is treated as
//! a no: the end is read anew. The model in `shared/domain/tests/ledger_model` holds this order against
//! every interleaving, crash and lost answer, and shows what each rule is for.
//!
//! # What it costs
//!
//! | | per segment | per record, of 256 of 640 bytes |
//! |---|---|---|
//! | body | 1 WCU per KiB, about 24 | 0.09 |
//! | commit, mark | 2 or 3, the first one 1 more | 0.01 |
//! | index | 1 per record | 1 |
//! | tiles, when they are published | 12 | 0.05 |
//! | reading the end and looking up | 1 to 2 RCU, and 1 per record (0.5 where it is not found) | |
//!
//! A proof reads one or two tiles for each level of them, all at once, which is two for 65,536 records:
//!
//! | tile | |
//! |---|---|
//! | stored | 2 RCU |
//! | of leaves, not stored | what its segments cost to read, about 10 RCU, and the way to the first of them |
//! | above those, not stored | all of the tiles below it |
//!
//! One chain is bound by the time a commit takes, not by its partition, which carries 1 WCU per segment.

mod append;
mod batch;
mod list;
mod proof;
mod publish;
mod read;
mod verified;

use domain::id::TenantId;
use domain::ledger::commit::{Commit, Head};
use domain::ledger::hash::Hash;
use domain::ledger::record::Record;
use domain::refusal::Refusal;

use crate::error::Error;
pub use append::APPEND_ATTEMPTS_MAX;
pub use batch::Appended;
pub use list::LedgerFilter;
pub use proof::Consistency;
pub use publish::Promise;
pub use read::{ChainPosition, Chains};
pub use verified::VerifierRun;

/// A record as a reader finds it: with its place and its hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// What was recorded.
    pub record: Record,
    /// Its canonical bytes.
    pub line: Vec<u8>,
    /// The hash of these.
    pub leaf: Hash,
    /// The entry of the chain before it.
    pub previous: Hash,
    /// Its own entry.
    pub entry: Hash,
    /// The number of its segment.
    pub segment: u64,
}

/// A segment as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSegment {
    /// Its commit.
    pub commit: Commit,
    /// The bytes of its body; `None` where they are gone.
    pub body: Option<Vec<u8>>,
}

/// Where the index says that an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IndexEntry {
    /// Its sequence.
    pub sequence: u64,
    /// The number of its segment.
    pub segment: u64,
    /// The hash of its record.
    pub leaf: Hash,
    /// What its producer said, as one hash.
    pub content: Hash,
}

/// The end of a chain that may not have begun.
fn head_of(commit: Option<&Commit>) -> Head {
    commit.map_or_else(Head::genesis, Commit::head)
}

/// The chain of a tenant, for the messages of errors.
fn chain(tenant: &TenantId) -> String {
    format!("the chain of `{tenant}`")
}

/// A record of the chain that the code cannot read: the verifier says where and why.
fn unreadable(tenant: &TenantId, refusal: &Refusal) -> Error {
    Error::Defect(format!("{} has a record that {refusal}", chain(tenant)))
}
