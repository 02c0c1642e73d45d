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

/// A segment after its own bytes were looked at: no other segment was needed for it.
#[derive(Clone, Debug)]
pub(crate) struct Inspected {
    /// The records, or why there are none.
    pub(crate) records: Result<Vec<Result<Examined, Kind>>, Kind>,
    /// Where the bytes are not those of the commit's body.
    pub(crate) edited: Option<Kind>,
}

/// Unpacks, hashes and examines a segment.
pub(crate) fn inspect(evidence: &Evidence<'_>, tenant_id: &TenantId) -> Inspected {
    let Some(body) = evidence.body else {
        return Inspected { records: Err(Kind::BodyMissing), edited: None };
    };
    let found = Hash::of(body);
    let edited = (found != evidence.commit.body).then_some(Kind::BodyEdited { found });
    let records = match Segment::decode(body) {
        Ok(segment) => {
            Ok(segment.records().into_iter().map(|line| examine(line, tenant_id)).collect())
        }
        Err(refusal) => {
            let unreadable = Kind::BodyUnreadable { reason: refusal.reason().to_owned() };
            Err(edited.clone().unwrap_or(unreadable))
        }
    };
    Inspected { records, edited }
}

/// Does the same to each item, on so many threads, and gives the results in the items' order.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    each: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    let run = |share: &[T]| share.iter().map(&each).collect::<Vec<R>>();
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
