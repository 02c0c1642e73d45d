//! The verifier: reads a chain in order, recomputes everything, and stops at the first fault.
//!
//! A chain comes as commits with their bodies, or as an export of canonical records, one in a line. What a
//! verifier remembers is its [`Head`], which is stored and gone on from, and the events of this run.
//!
//! What a chain cannot show by itself (a tail that is gone, a history that was written anew with all its
//! hashes) shows against a checkpoint: the more of them are expected, the narrower is the place of a fault.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use crate::id::TenantId;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::commit::{Commit, Head};
use crate::ledger::fault::{Fault, Kind};
use crate::ledger::hash::Hash;
use crate::ledger::inspect::{Evidence, Indexed, Unpacked, in_parallel};
use crate::ledger::line::{EventKey, Examined, examine};
use crate::ledger::record::HASH_VERSION;
use crate::time::Timestamp;

/// Lines that are examined before the next are looked at, so that a fault is told soon.
const BATCH_LINES: usize = 16 * 1024;

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The end of the chain: the state to store and to go on from.
    pub head: Head,
    /// How many records a checkpoint vouches for. Those after it are only consistent with one another.
    pub anchored: u64,
}

/// The start of a key, which is the start of a SHA-256: it is spread as well as any hash of it would be.
#[derive(Clone, Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= bytes.first_chunk().copied().map_or(0, u64::from_le_bytes);
    }

    /// A key's length, which is always the same.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Reads a chain from its beginning or from a stored state. After a fault it must not be fed any more.
#[derive(Clone, Debug)]
pub struct Verifier {
    tenant_id: TenantId,
    head: Head,
    recorded_at: String,
    /// Where each event of this run stands.
    seen: HashMap<EventKey, u64, BuildHasherDefault<Spread>>,
    expected: BTreeMap<u64, Checkpoint>,
    anchored: u64,
}

impl Verifier {
    /// Reads a chain from its beginning.
    pub fn new(tenant_id: TenantId) -> Self {
        Self::resume(tenant_id, Head::genesis())
    }

    /// Goes on from what was verified before.
    ///
    /// A second record of an event that stood before this point is not seen here: the index shows it, given
    /// as [`Evidence`]; or a run from the beginning.
    pub fn resume(tenant_id: TenantId, head: Head) -> Self {
        let recorded_at = head.recorded_at.map(|at| at.to_string()).unwrap_or_default();
        let (seen, expected) = (HashMap::default(), BTreeMap::new());
        Self { tenant_id, head, recorded_at, seen, expected, anchored: 0 }
    }

    /// How far it has read.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Holds the chain against a verified checkpoint of it, once it has read that far.
    ///
    /// A checkpoint of before the start needs a proof: see [`crate::ledger::watch::continues`].
    pub fn expect(&mut self, checkpoint: Checkpoint) -> Result<(), Fault> {
        let size = checkpoint.size;
        if size < self.head.size() {
            let kind = Kind::CheckpointBeforeStart { size, start: self.head.size() };
            return Err(Fault::of_range(size, size, kind));
        }
        let other = self.expected.values().next();
        if let Some(other) = other.filter(|other| other.origin != checkpoint.origin) {
            let kind = Kind::ForeignCheckpoint { origin: other.origin.clone() };
            return Err(Fault::of_range(1, size, kind));
        }
        let same = self.expected.get(&size);
        if same.is_some_and(|same| same.root != checkpoint.root) {
            return Err(Fault::of_range(1, size, Kind::SplitView { size }));
        }
        self.expected.insert(size, checkpoint);
        self.compare()
    }

    /// Compares with the checkpoint of this size, if there is one.
    fn compare(&mut self) -> Result<(), Fault> {
        let size = self.head.size();
        if self.expected.first_key_value().is_none_or(|(next, _)| *next != size) {
            return Ok(());
        }
        let Some((_, checkpoint)) = self.expected.pop_first() else { return Ok(()) };
        let found = self.head.frontier.root();
        if found != checkpoint.root {
            let kind = Kind::Rewritten { size, found };
            return Err(Fault::of_range(self.anchored.min(size) + 1, size.max(1), kind));
        }
        self.anchored = size;
        Ok(())
    }

    /// Takes the next record.
    fn record(
        &mut self,
        examined: Result<Examined<'_>, Kind>,
        indexed: Option<Indexed>,
    ) -> Result<(), Fault> {
        let expected = self.head.size() + 1;
        let record = examined.map_err(|kind| Fault::of_record(expected, None, kind))?;
        let fault = |kind| Err(Fault::of_record(expected, Some(record.event_id), kind));
        if record.sequence != expected {
            return fault(Kind::Sequence { expected, found: record.sequence });
        }
        match indexed.map(|indexed| indexed.sequence) {
            Some(first) if first < expected => return fault(Kind::DuplicateEvent { first }),
            Some(found) if found > expected => return fault(Kind::Misindexed { found }),
            _ => {}
        }
        if indexed.is_some_and(|indexed| indexed.leaf != record.leaf) {
            return fault(Kind::RecordEdited);
        }
        if self.recorded_at.as_str() > record.recorded_at {
            let previous = std::mem::take(&mut self.recorded_at);
            return fault(Kind::BackDated { previous, found: record.recorded_at.to_owned() });
        }
        match self.seen.entry(record.event) {
            Entry::Occupied(first) => {
                return fault(Kind::DuplicateEvent { first: *first.get() });
            }
            Entry::Vacant(place) => place.insert(expected),
        };
        record.recorded_at.clone_into(&mut self.recorded_at);
        self.head.entry = Hash::of_entry(&self.head.entry, &record.leaf);
        self.head.frontier.append(record.leaf);
        Ok(())
    }

    /// Reads the next canonical record.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.record(examine(line, &self.tenant_id), None)?;
        self.compare()
    }

    /// Reads the next part of an export: records, each with a line feed after it.
    ///
    /// Gives how many bytes were read: all but a last line that is not complete, which belongs before the
    /// next part. Examining is spread over so many threads; what chains the records is not.
    pub fn export(&mut self, part: &[u8], threads: usize) -> Result<usize, Fault> {
        let mut read = 0;
        let mut lines = memchr::memchr_iter(b'\n', part).peekable();
        while lines.peek().is_some() {
            let ends: Vec<usize> = lines.by_ref().take(BATCH_LINES).collect();
            let start = read;
            read = ends.last().map_or(read, |end| end + 1);
            let starts = std::iter::once(start).chain(ends.iter().map(|end| end + 1));
            let batch: Vec<&[u8]> =
                starts.zip(&ends).filter_map(|(start, end)| part.get(start..*end)).collect();
            for examined in in_parallel(&batch, threads, |line| examine(line, &self.tenant_id)) {
                self.record(examined, None)?;
                self.compare()?;
            }
        }
        Ok(read)
    }

    /// Reads the next segments: commits in order, each with what else is known of it.
    pub fn segments(&mut self, segments: &[Evidence<'_>], threads: usize) -> Result<(), Fault> {
        for batch in segments.chunks(64 * threads.max(1)) {
            let unpacked = in_parallel(batch, threads, Unpacked::of);
            let records = in_parallel(&unpacked, threads, |body| body.records(&self.tenant_id));
            for ((evidence, unpacked), records) in batch.iter().zip(&unpacked).zip(records) {
                self.segment(evidence, unpacked, records)?;
            }
        }
        Ok(())
    }

    /// Takes the next segment. What its records show by themselves is told before what only the hash of
    /// the whole shows, because it names a record.
    fn segment(
        &mut self,
        evidence: &Evidence<'_>,
        unpacked: &Unpacked,
        records: Result<Vec<Result<Examined<'_>, Kind>>, Kind>,
    ) -> Result<(), Fault> {
        let commit = evidence.commit;
        let (before, number, first) = (self.head.entry, self.head.number + 1, self.head.size() + 1);
        let whole = |kind| {
            let last = first + u64::from(commit.count.max(1)) - 1;
            Fault::of_range(first, last, kind).in_segment(number)
        };
        if commit.number != number {
            return Err(whole(Kind::Segment { expected: number, found: commit.number }));
        }
        if commit.previous != before {
            return Err(whole(Kind::Unlinked));
        }
        let mut index = evidence.index.iter();
        for examined in records.map_err(whole)? {
            let indexed = index.next().copied().flatten();
            self.record(examined, indexed).map_err(|fault| fault.in_segment(number))?;
            if unpacked.edited.is_none() {
                self.compare()?;
            }
        }
        if let Some(kind) = &unpacked.edited {
            return Err(whole(kind.clone()));
        }
        if let Some(field) = self.edited(commit, first) {
            return Err(whole(Kind::CommitEdited { field: field.to_owned() }));
        }
        self.head.number = number;
        Ok(())
    }

    /// The first field of a commit that is not what its records, now read, make it.
    fn edited(&self, commit: &Commit, first: u64) -> Option<&'static str> {
        let fields = [
            ("tenant_id", commit.tenant_id == self.tenant_id),
            ("hash_version", commit.hash_version == HASH_VERSION),
            ("count", u64::from(commit.count) == self.head.size() + 1 - first),
            ("recorded_at", self.recorded_at == commit.recorded_at.to_string()),
            ("entry", commit.entry == self.head.entry),
            ("frontier", commit.frontier == self.head.frontier),
            ("root", commit.root == self.head.frontier.root()),
        ];
        fields.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }

    /// Ends the reading: whatever checkpoint was not reached promises records that are not there.
    pub fn finish(mut self) -> Result<Verified, Fault> {
        let found = self.head.size();
        if let Some((size, _)) = self.expected.pop_last() {
            let kind = if found == 0 {
                Kind::ChainMissing { size }
            } else {
                Kind::TailMissing { size, found }
            };
            return Err(Fault::of_range(found + 1, size, kind));
        }
        self.head.recorded_at = Timestamp::parse(&self.recorded_at).ok();
        Ok(Verified { head: self.head, anchored: self.anchored })
    }
}
