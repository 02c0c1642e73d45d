//! The segments of a chain in order, several reads ahead of who takes them.

use std::ops::RangeInclusive;

use domain::ledger::commit::Head;
use futures::{Stream, StreamExt, stream};
use store::Error;
use store::ledger::StoredSegment;

use super::place::Ledger;

/// Segments of one read, as the store gives them.
const WINDOW: u8 = 64;

/// Reads that are under way at once.
const WINDOWS_AHEAD: usize = 4;

/// The segments from a number on, read by read. What is missing in the middle is left out; beyond the last,
/// or the end where the last is not known, reads are empty.
pub(crate) fn windows(
    ledger: &Ledger,
    first: u64,
    last: Option<u64>,
) -> impl Stream<Item = Result<Vec<StoredSegment>, Error>> + Unpin + use<> {
    let ledger = ledger.clone();
    let numbers: RangeInclusive<u64> = first..=last.unwrap_or(u64::MAX);
    let reads = stream::iter(numbers.step_by(usize::from(WINDOW))).map(move |from| {
        let ledger = ledger.clone();
        // Of its own, so that it goes on while the thread that waits for it hashes.
        let read =
            tokio::spawn(async move { ledger.store.ledger_segments(&ledger.tenant, from).await });
        async move { read.await.unwrap_or_else(|error| Err(Error::Defect(error.to_string()))) }
    });
    reads.buffered(WINDOWS_AHEAD)
}

/// The first segment after what was verified whose commit cannot be read, in words; `None` where it is not
/// that, but the table.
pub(crate) async fn unreadable(ledger: &Ledger, verified: &Head) -> Option<String> {
    if !ledger.answers().await {
        return None;
    }
    let (mut first, size) = (verified.size() + 1, verified.size());
    for number in verified.number + 1..=verified.number + u64::from(WINDOW) {
        match ledger.store.ledger_commit(&ledger.tenant, number).await {
            Ok(Some(commit)) => first = commit.last().saturating_add(1),
            Err(Error::Defect(reason)) => {
                return Some(format!(
                    "records from {first} on (segment {number}): the commit cannot be read ({reason}); \
                     verified were the first {size}"
                ));
            }
            _ => {}
        }
    }
    None
}
