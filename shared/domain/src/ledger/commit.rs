//! A commit: the small item that makes a segment part of the chain, and all that the next one needs.
//!
//! The order in which body, commit and index are written is held by the model in `tests/ledger_model`.

use serde::{Deserialize, Serialize};

use crate::id::TenantId;
use crate::ledger::frontier::Frontier;
use crate::ledger::hash::Hash;
use crate::ledger::message::Message;
use crate::ledger::record::{HASH_VERSION, Record};
use crate::ledger::segment::{Body, SEGMENT_RECORDS_MAX};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// The end of a chain: what the next segment continues, and what a verifier goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many segments the chain has.
    pub number: u64,
    /// The last entry of the chain.
    pub entry: Hash,
    /// The tree of its records.
    pub frontier: Frontier,
    /// When the last record was taken in; `None` while there is none.
    pub recorded_at: Option<Timestamp>,
}

impl Head {
    /// The end of a chain that has not begun.
    pub fn genesis() -> Self {
        Self { number: 0, entry: Hash::GENESIS, frontier: Frontier::new(), recorded_at: None }
    }

    /// How many records the chain has: the sequence of the last one.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }
}

/// What is stored of a segment beside its body. Each field is checked against body and predecessor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The chain.
    pub tenant_id: TenantId,
    /// Which segment of the chain, counted from 1 without a gap.
    pub number: u64,
    /// The last entry before the segment.
    pub previous: Hash,
    /// The last entry of the segment.
    pub entry: Hash,
    /// The tree after the segment: its size is the sequence of the segment's last record.
    pub frontier: Frontier,
    /// The root of that tree.
    pub root: Hash,
    /// How many records the segment has: 1 to 256.
    pub count: u16,
    /// The hash of its body's bytes: the body's name.
    pub body: Hash,
    /// When its records were taken in.
    pub recorded_at: Timestamp,
    /// How they are hashed.
    pub hash_version: u64,
}

impl Commit {
    /// The sequence of the segment's first record.
    pub fn first(&self) -> u64 {
        (self.frontier.size() + 1).saturating_sub(u64::from(self.count))
    }

    /// The sequence of the segment's last record.
    pub fn last(&self) -> u64 {
        self.frontier.size()
    }

    /// The end of the chain after this segment.
    pub fn head(&self) -> Head {
        Head {
            number: self.number,
            entry: self.entry,
            frontier: self.frontier.clone(),
            recorded_at: Some(self.recorded_at),
        }
    }
}

/// A record with its place, as an index and a reader need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The record.
    pub record: Record,
    /// The hash of its canonical bytes.
    pub leaf: Hash,
    /// The entry before it.
    pub previous: Hash,
    /// Its own entry.
    pub entry: Hash,
    /// What its producer said, as one hash: see [`crate::ledger::record::content`].
    pub content: Hash,
}

/// A segment to be written: the body first, then the commit where none has its number, then the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// What makes it part of the chain.
    pub commit: Commit,
    /// What is committed.
    pub body: Body,
    /// The records, in order. Messages beyond these wait for the next segment.
    pub records: Vec<Placed>,
}

/// A message that no segment can hold, by its place in the batch. The others can be appended without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message {index} of the batch {refusal}")]
pub struct AppendError {
    /// Which of the messages, counted from 0.
    pub index: usize,
    /// Why.
    pub refusal: Refusal,
}

/// Continues a chain with the first of the messages: as many as one segment holds.
///
/// The messages must be fresh: none of the chain's already, and none twice. All are taken in at `now`, or
/// when the last record was if that is later: writers have different clocks, and a chain does not go back.
pub fn append(
    head: &Head,
    tenant_id: &TenantId,
    messages: &[Message],
    now: Timestamp,
) -> Result<Appended, AppendError> {
    let recorded_at = head.recorded_at.map_or(now, |last| last.max(now));
    let at = |index| move |refusal| AppendError { index, refusal };
    let mut records = Vec::new();
    let mut lines = Vec::new();
    for (index, message) in messages.iter().take(SEGMENT_RECORDS_MAX).enumerate() {
        let sequence = head.size() + 1 + index as u64;
        let record = Record::new(message.clone(), tenant_id.clone(), sequence, recorded_at);
        lines.push(record.canonical().map_err(at(index))?);
        records.push(record);
    }
    let (body, count) = Body::encode(&lines).map_err(at(0))?;
    let mut frontier = head.frontier.clone();
    let mut entry = head.entry;
    let mut placed = Vec::with_capacity(count);
    for (index, (record, line)) in records.into_iter().zip(&lines).take(count).enumerate() {
        let leaf = Hash::of_leaf(line);
        let previous = entry;
        entry = Hash::of_entry(&previous, &leaf);
        frontier.append(leaf);
        let content = record.content().map_err(at(index))?;
        placed.push(Placed { record, leaf, previous, entry, content });
    }
    let commit = Commit {
        tenant_id: tenant_id.clone(),
        number: head.number + 1,
        previous: head.entry,
        entry,
        root: frontier.root(),
        frontier,
        count: u16::try_from(count).map_err(|_| at(0)(Refusal::new("too many records")))?,
        body: body.hash,
        recorded_at,
        hash_version: HASH_VERSION,
    };
    Ok(Appended { commit, body, records: placed })
}
