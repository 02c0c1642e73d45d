//! A walk along a chain: segments in order through the domain's verifier, until the end or out of time.

use std::collections::HashMap;

use domain::id::TenantId;
use domain::ledger::commit::Head;
use domain::ledger::fault::{Fault, Kind as FaultKind};
use domain::ledger::hash::Hash;
use domain::ledger::inspect::{Evidence, Indexed};
use domain::ledger::line::examine;
use domain::ledger::segment::Segment;
use domain::ledger::tile::{Kind, TILE_HASHES_MAX, Tile, to_bytes};
use domain::ledger::verify::Verifier;
use domain::time::Timestamp;
use store::Store;
use store::ledger::{IndexEntry, StoredSegment};
use tokio::time::Instant;

use crate::Trouble;

/// Most segments of one walk, so that what a run remembers of its records stays small.
const WALK_SEGMENTS_MAX: u64 = 4_096;

/// A walk under way.
pub(crate) struct Walk<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tenant: &'a TenantId,
    pub(crate) verifier: Verifier,
    pub(crate) deadline: Instant,
    /// Up to which size tiles must be there and are held against the records; `None` leaves them alone, and
    /// asks the index what it has of each record instead.
    pub(crate) tiles: Option<u64>,
    /// The end of what was verified.
    pub(crate) head: Head,
    /// When the first record that was read had been taken in.
    pub(crate) since: Option<Timestamp>,
}

impl Walk<'_> {
    /// Goes on to the segment that was found to be the last; says whether it was reached. After a fault
    /// `head` is where the chain was sound.
    pub(crate) async fn run(&mut self, end: u64) -> Result<bool, Trouble> {
        let last = self.head.number + WALK_SEGMENTS_MAX;
        let mut leaves = Vec::new();
        while self.head.number < end {
            let expected = self.head.number + 1;
            let segments = self.store.ledger_segments(self.tenant, expected).await?;
            let Some(first) = segments.first() else {
                let (next, kind) =
                    (self.head.size() + 1, FaultKind::Segment { expected, found: end });
                return Err(Fault::of_range(next, next, kind).in_segment(expected).into());
            };
            self.since = self.since.or(Some(first.commit.recorded_at));
            let index = match self.tiles {
                None => self.index(&segments).await?,
                Some(_) => vec![Vec::new(); segments.len()],
            };
            for (segment, index) in segments.iter().zip(&index) {
                let body = segment.body.as_deref();
                let evidence = Evidence { commit: &segment.commit, body, index };
                self.verifier.segments(&[evidence], 1)?;
                self.head = segment.commit.head();
                if let Some(size) = self.tiles {
                    self.hold_tiles(segment, &mut leaves, size).await?;
                }
            }
            if Instant::now() >= self.deadline || self.head.number >= last {
                break;
            }
        }
        Ok(self.head.number >= end)
    }

    /// What the index has of the records of each segment. A body that cannot be read has none.
    async fn index(
        &self,
        segments: &[StoredSegment],
    ) -> Result<Vec<Vec<Option<Indexed>>>, Trouble> {
        let ids: Vec<Vec<String>> =
            segments.iter().map(|segment| event_ids(segment, self.tenant)).collect();
        let all: Vec<&str> = ids.iter().flatten().map(String::as_str).collect();
        let found: HashMap<String, IndexEntry> = self.store.ledger_index(self.tenant, &all).await?;
        let indexed = |id: &String| {
            found.get(id).map(|entry| Indexed { sequence: entry.sequence, leaf: entry.leaf })
        };
        Ok(ids.iter().map(|ids| ids.iter().map(indexed).collect()).collect())
    }

    /// Holds each tile of leaves that a segment completes against what is stored of it.
    async fn hold_tiles(
        &self,
        segment: &StoredSegment,
        leaves: &mut Vec<Hash>,
        size: u64,
    ) -> Result<(), Trouble> {
        let body = segment.body.as_deref().unwrap_or_default();
        let Ok(records) = Segment::decode(body) else { return Ok(()) };
        let width = u64::from(TILE_HASHES_MAX);
        for (place, line) in (segment.commit.first() - 1..).zip(records.records()) {
            // A walk that begins within a tile leaves that one out.
            if leaves.is_empty() && place % width != 0 {
                continue;
            }
            leaves.push(Hash::of_leaf(line));
            if (place + 1) % width != 0 {
                continue;
            }
            let tile = Tile::of(Kind::Hashes { level: 0 }, place / width, place + 1);
            if let Some(tile) = tile.filter(|_| place < size) {
                let stored = self.store.ledger_tile(self.tenant, &tile).await?;
                if stored != Some(to_bytes(leaves)) {
                    let kind = FaultKind::TileEdited { tile: tile.to_string() };
                    return Err(Fault::of_range(place + 2 - width, place + 1, kind).into());
                }
            }
            leaves.clear();
        }
        Ok(())
    }
}

fn event_ids(segment: &StoredSegment, tenant: &TenantId) -> Vec<String> {
    let body = segment.body.as_deref().unwrap_or_default();
    let Ok(records) = Segment::decode(body) else { return Vec::new() };
    // What cannot be read keeps its place: the index is asked for nothing that has no name.
    let id = |line: &[u8]| examine(line, tenant).map(|record| record.event_id.to_owned());
    records.records().into_iter().map(|line| id(line).unwrap_or_default()).collect()
}
