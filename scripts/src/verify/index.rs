//! What the index holds for the records of a segment.

use std::collections::HashMap;

use domain::ledger::inspect::Indexed;
use domain::ledger::segment::Segment;
use serde_json::Value;
use store::Error;
use store::ledger::{IndexEntry, StoredSegment};

use crate::audit::place::Ledger;

/// The events of a segment's records, in order, as far as they can be read.
pub(super) fn events_of(segment: &StoredSegment) -> Vec<String> {
    let Some(Ok(body)) = segment.body.as_deref().map(Segment::decode) else { return Vec::new() };
    let event = |line: &[u8]| {
        let record: Value = serde_json::from_slice(line).ok()?;
        Some(record.get("event_id")?.as_str()?.to_owned())
    };
    body.records().into_iter().map(|line| event(line).unwrap_or_default()).collect()
}

/// What the index holds for the events of segments, each in its order.
pub(super) async fn of_segments(
    ledger: &Ledger,
    segments: &[StoredSegment],
) -> Result<Vec<Vec<Option<Indexed>>>, Error> {
    let events: Vec<Vec<String>> = segments.iter().map(events_of).collect();
    // Asking for one key twice is an error, and no event has an empty id.
    let mut ids: Vec<&str> = events.iter().flatten().map(String::as_str).collect();
    ids.retain(|id| !id.is_empty());
    ids.sort_unstable();
    ids.dedup();
    let found: HashMap<String, IndexEntry> =
        ledger.store.ledger_index(&ledger.tenant, &ids).await?;
    let indexed = |event: &String| {
        found.get(event).map(|entry| Indexed { sequence: entry.sequence, leaf: entry.leaf })
    };
    Ok(events.iter().map(|events| events.iter().map(indexed).collect()).collect())
}
