//! What can be wrong with a chain, and where: the first fault that a verifier finds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ledger::hash::Hash;

/// A fault and its place.
///
/// The place is as narrow as the evidence allows: one record where a record shows
/// it by itself, its segment where only the segment's hash does, and otherwise what lies between the last
/// checkpoint that agreed and the first that does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The first sequence that it may concern.
    pub first: u64,
    /// The last sequence that it may concern.
    pub last: u64,
    /// The segment, where the chain is read by segments.
    pub segment: Option<u64>,
    /// The event of the record, where it is one record's and can be read.
    pub event_id: Option<String>,
    /// What is wrong.
    pub kind: Kind,
}

impl Fault {
    /// A fault of one record.
    pub fn of_record(sequence: u64, event_id: Option<&str>, kind: Kind) -> Self {
        Self {
            first: sequence,
            last: sequence,
            segment: None,
            event_id: event_id.map(str::to_owned),
            kind,
        }
    }

    /// A fault somewhere in a range.
    pub fn of_range(first: u64, last: u64, kind: Kind) -> Self {
        Self { first, last, segment: None, event_id: None, kind }
    }

    /// The same fault, in a segment.
    #[must_use]
    pub fn in_segment(self, number: u64) -> Self {
        Self { segment: Some(number), ..self }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Kind {
    /// The bytes of a record are not the one text that its content has: it was not written by the ledger.
    #[error("not a canonical record: {reason}")]
    NotCanonical {
        /// What about it.
        reason: String,
    },
    /// A record of another chain.
    #[error("a record of tenant `{found}`")]
    ForeignRecord {
        /// Whose it says it is.
        found: String,
    },
    /// A record is missing, stands twice, was put in, or has another's place.
    #[error("sequence {found} stands where {expected} belongs")]
    Sequence {
        /// What belongs there.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// An event stands twice in the chain.
    #[error("the event stands already at sequence {first}")]
    DuplicateEvent {
        /// Where it stood first.
        first: u64,
    },
    /// A record was taken in before the one that it follows.
    #[error("recorded at {found}, after a record of {previous}")]
    BackDated {
        /// The time of the record before it.
        previous: String,
        /// Its own time.
        found: String,
    },
    /// The record is not the one that the index was made from.
    #[error("the record's hash is not the one in the index")]
    RecordEdited,
    /// The index has the event at a later place, where it does not stand or stands again.
    #[error("the index has the event at sequence {found}")]
    Misindexed {
        /// Where the index has it.
        found: u64,
    },
    /// A commit is missing, or has another's place.
    #[error("segment {found} stands where {expected} belongs")]
    Segment {
        /// What belongs there.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// What a commit says of its segment is not what the segment says.
    #[error("the commit's `{field}` is not that of its records")]
    CommitEdited {
        /// Which of its fields.
        field: String,
    },
    /// A commit does not continue the one before it.
    #[error("the commit follows another entry than the last one")]
    Unlinked,
    /// A commit is there and its body is not: what a torn restore leaves behind.
    #[error("the body is missing")]
    BodyMissing,
    /// The body is not the one that was committed.
    #[error("the body's hash is {found}")]
    BodyEdited {
        /// The hash of what is there.
        found: Hash,
    },
    /// The body has the committed hash and cannot be read.
    #[error("the body cannot be read: {reason}")]
    BodyUnreadable {
        /// Why.
        reason: String,
    },
    /// Text ends within a record.
    #[error("ends within a record")]
    Torn,
    /// A checkpoint promises records, and there is no chain.
    #[error("the chain is gone, of which a checkpoint has {size} records")]
    ChainMissing {
        /// The checkpoint's size.
        size: u64,
    },
    /// A checkpoint promises more records than there are.
    #[error("ends at {found}, where a checkpoint has {size} records")]
    TailMissing {
        /// The checkpoint's size.
        size: u64,
        /// How many records there are.
        found: u64,
    },
    /// The records do not have the root that a checkpoint promised: some of them were rewritten.
    #[error("the root at {size} is {found}, not the checkpoint's")]
    Rewritten {
        /// The checkpoint's size.
        size: u64,
        /// The root that the records have.
        found: Hash,
    },
    /// A checkpoint of another chain.
    #[error("a checkpoint of `{origin}`")]
    ForeignCheckpoint {
        /// Whose it is.
        origin: String,
    },
    /// A checkpoint is older than one that was seen before.
    #[error("a checkpoint of {found}, after one of {size}")]
    Rollback {
        /// The size that was seen before.
        size: u64,
        /// The size that is shown now.
        found: u64,
    },
    /// Two checkpoints of one size have two roots: someone is shown another chain.
    #[error("two checkpoints of {size} have two roots")]
    SplitView {
        /// Their size.
        size: u64,
    },
    /// No proof shows that the older checkpoint is the start of the newer one.
    #[error("the checkpoint of {newer} does not continue that of {older}")]
    InconsistentCheckpoints {
        /// The older one's size.
        older: u64,
        /// The newer one's size.
        newer: u64,
    },
    /// What is stored as a signed checkpoint is none, or the key did not sign it.
    #[error("the checkpoint is not to be believed: {reason}")]
    CheckpointForged {
        /// Why.
        reason: String,
    },
    /// A tile does not hold the hashes of the records that it is made of.
    #[error("`{tile}` does not hold the hashes of its records")]
    TileEdited {
        /// Its path.
        tile: String,
    },
    /// A checkpoint of before the point from which verification went on says nothing without a proof.
    #[error("the checkpoint of {size} lies before the start at {start}: prove consistency")]
    CheckpointBeforeStart {
        /// The checkpoint's size.
        size: u64,
        /// Where verification went on.
        start: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (first, last) if first == last => write!(f, "record {first}")?,
            (first, last) => write!(f, "records {first} to {last}")?,
        }
        if let Some(segment) = self.segment {
            write!(f, " (segment {segment})")?;
        }
        if let Some(event_id) = &self.event_id {
            write!(f, ", event `{event_id}`")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for Fault {}
