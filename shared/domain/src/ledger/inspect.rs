//! One segment on its own: body, records and hashes, before it is held against the chain around it.

use std::thread;

use crate::id::TenantId;
use crate::ledger::commit::Commit;
use crate::ledger::fault::Kind;
use crate::ledger::hash::Hash;
use crate::ledger::line::{Examined, examine};
use crate::ledger::segment::Segment;

/// What the index holds for an event: the place it was given, and the hash it had there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Its sequence.
    pub sequence: u64,
    /// The hash of its canonical bytes.
    pub leaf: Hash,
}

/// What is known of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its commit.
    pub commit: &'a Commit,
    /// The bytes stored under the body's name; `None` where there are none.
    pub body: Option<&'a [u8]>,
    /// What the index holds for the events of its records, in their order. Optional, all and each: it
    /// narrows a fault from the segment to the record, and shows events that stand in earlier segments.
    pub index: &'a [Option<Indexed>],
}

/// A segment unpacked: no other segment was needed for it.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// What was packed, or why it cannot be had.
    segment: Result<Segment, Kind>,
    /// Where the bytes are not those of the commit's body.
    pub(crate) edited: Option<Kind>,
}

impl Unpacked {
    /// Hashes a body and unpacks it.
    pub(crate) fn of(evidence: &Evidence<'_>) -> Self {
        let Some(body) = evidence.body else {
            return Self { segment: Err(Kind::BodyMissing), edited: None };
        };
        let found = Hash::of(body);
        let edited = (found != evidence.commit.body).then_some(Kind::BodyEdited { found });
        let segment = Segment::decode(body).map_err(|refusal| {
            let unreadable = Kind::BodyUnreadable { reason: refusal.reason().to_owned() };
            edited.clone().unwrap_or(unreadable)
        });
        Self { segment, edited }
    }

    /// Examines its records.
    pub(crate) fn records(
        &self,
        tenant_id: &TenantId,
    ) -> Result<Vec<Result<Examined<'_>, Kind>>, Kind> {
        let segment = self.segment.as_ref().map_err(Clone::clone)?;
        Ok(segment.records().into_iter().map(|line| examine(line, tenant_id)).collect())
    }
}

/// Does the same to each item, on so many threads, and gives the results in the items' order.
pub(crate) fn in_parallel<'a, T: Sync, R: Send>(
    items: &'a [T],
    threads: usize,
    each: impl Fn(&'a T) -> R + Sync,
) -> Vec<R> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    let run = |share: &'a [T]| share.iter().map(&each).collect::<Vec<R>>();
    if share >= items.len() {
        return run(items);
    }
    thread::scope(|scope| {
        let mut shares = items.chunks(share);
        let first = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|share| scope.spawn(|| run(share))).collect();
        let mut results = run(first);
        for other in others {
            match other.join() {
                Ok(more) => results.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}
