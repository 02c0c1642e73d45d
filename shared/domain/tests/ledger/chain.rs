//! A chain as a store would hold it, and every way to spoil it that the tests use.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers beside the tests fail as tests do"
)]

use domain::id::TenantId;
use domain::ledger::checkpoint::{Checkpoint, Origin};
use domain::ledger::commit::{Commit, Head, append};
use domain::ledger::frontier::Frontier;
use domain::ledger::hash::Hash;
use domain::ledger::inspect::{Evidence, Indexed};
use domain::ledger::message::Message;
use domain::ledger::record::Record;
use domain::ledger::segment::{Body, Segment};
use domain::time::Timestamp;
use serde_json::json;

/// A chain: commits, the bodies beside them, and what the index holds.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) commits: Vec<Commit>,
    pub(crate) bodies: Vec<Option<Vec<u8>>>,
    pub(crate) index: Vec<Vec<Option<Indexed>>>,
}

pub(crate) fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

pub(crate) fn origin() -> Origin {
    Origin::new("epr.example.com/audit", &tenant()).unwrap()
}

/// The time of a segment.
pub(crate) fn at(segment: usize) -> Timestamp {
    let seconds = i64::try_from(segment).unwrap();
    Timestamp::from_microseconds(1_763_868_653_123_456).unwrap().plus_seconds(seconds)
}

pub(crate) fn message(id: &str, note: &str) -> Message {
    let message = json!({
        "event_id": id,
        "source": "issuer-service",
        "action": "issuer.created",
        "actor_id": "alice",
        "details": {"note": note, "numbers": [1, 2.5]},
        "occurred_at": "2024-04-14T18:03:11.221208Z",
    });
    Message::from_value(message).unwrap()
}

impl Chain {
    /// An honest chain with so many records in each segment; events are named `PREFIX-SEQUENCE`.
    pub(crate) fn grow(sizes: &[usize], prefix: &str) -> Self {
        let mut chain = Self { commits: Vec::new(), bodies: Vec::new(), index: Vec::new() };
        sizes.iter().for_each(|size| chain.append(*size, prefix));
        chain
    }

    pub(crate) fn head(&self) -> Head {
        self.commits.last().map_or_else(Head::genesis, Commit::head)
    }

    pub(crate) fn size(&self) -> u64 {
        self.head().size()
    }

    pub(crate) fn append(&mut self, size: usize, prefix: &str) {
        let first = self.size() + 1;
        let messages: Vec<Message> = (first..first + size as u64)
            .map(|sequence| message(&format!("{prefix}-{sequence}"), "as it was"))
            .collect();
        self.append_messages(&messages);
    }

    pub(crate) fn append_messages(&mut self, messages: &[Message]) {
        let appended = append(&self.head(), &tenant(), messages, at(self.commits.len())).unwrap();
        assert_eq!(appended.records.len(), messages.len());
        let indexed = appended
            .records
            .iter()
            .map(|placed| Some(Indexed { sequence: placed.record.sequence, leaf: placed.leaf }));
        self.index.push(indexed.collect());
        self.bodies.push(Some(appended.body.bytes));
        self.commits.push(appended.commit);
    }

    pub(crate) fn evidence(&self, indexed: bool) -> Vec<Evidence<'_>> {
        let parts = self.commits.iter().zip(&self.bodies).zip(&self.index);
        let evidence = parts.map(|((commit, body), index)| Evidence {
            commit,
            body: body.as_deref(),
            index: if indexed { index } else { &[] },
        });
        evidence.collect()
    }

    /// The canonical records of one segment.
    pub(crate) fn lines(&self, segment: usize) -> Vec<Vec<u8>> {
        let segment = Segment::decode(self.bodies[segment].as_ref().unwrap()).unwrap();
        segment.records().into_iter().map(<[u8]>::to_vec).collect()
    }

    /// All canonical records.
    pub(crate) fn all_lines(&self) -> Vec<Vec<u8>> {
        (0..self.commits.len()).flat_map(|segment| self.lines(segment)).collect()
    }

    /// Replaces a body, and nothing that vouches for it.
    pub(crate) fn put_body(&mut self, segment: usize, lines: &[Vec<u8>]) {
        self.bodies[segment] = Some(Body::encode(lines).unwrap().0.bytes);
    }

    /// Replaces a body and recomputes every hash from there on: what whoever holds the table can do.
    pub(crate) fn rewrite(&mut self, segment: usize, lines: &[Vec<u8>]) {
        self.put_body(segment, lines);
        let mut head =
            segment.checked_sub(1).map_or_else(Head::genesis, |before| self.commits[before].head());
        for place in segment..self.commits.len() {
            let lines = self.lines(place);
            let commit = &mut self.commits[place];
            commit.number = head.number + 1;
            commit.previous = head.entry;
            let leaves: Vec<Hash> = lines.iter().map(|line| Hash::of_leaf(line)).collect();
            commit.frontier = head.frontier.clone();
            leaves.iter().for_each(|leaf| commit.frontier.append(*leaf));
            commit.root = commit.frontier.root();
            commit.entry =
                leaves.iter().fold(head.entry, |previous, leaf| Hash::of_entry(&previous, leaf));
            commit.count = u16::try_from(lines.len()).unwrap();
            commit.body = Hash::of(self.bodies[place].as_ref().unwrap());
            commit.recorded_at = Record::parse(lines.last().unwrap()).unwrap().recorded_at;
            head = commit.head();
        }
    }

    /// What this chain promised at a size.
    pub(crate) fn checkpoint(&self, size: u64) -> Checkpoint {
        let mut frontier = Frontier::new();
        let lines = self.all_lines();
        lines
            .iter()
            .take(usize::try_from(size).unwrap())
            .for_each(|line| frontier.append(Hash::of_leaf(line)));
        assert_eq!(frontier.size(), size);
        Checkpoint::of(&origin(), &frontier)
    }
}

/// Changes one word of a record, and keeps it canonical.
pub(crate) fn edited(line: &[u8]) -> Vec<u8> {
    String::from_utf8(line.to_vec()).unwrap().replace("as it was", "as it is").into_bytes()
}

/// A record with another sequence.
pub(crate) fn renumbered(line: &[u8], sequence: u64) -> Vec<u8> {
    let record = Record::parse(line).unwrap();
    Record { sequence, ..record }.canonical().unwrap()
}
