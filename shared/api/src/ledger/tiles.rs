//! The tiles that a chain grew by, from the hashes of its new records.
//!
//! Of leaves only full tiles are stored: readers make the last one of the last segments. Above the leaves
//! each tile is stored at its present width, too, so that no reader recomputes a level.

use domain::id::TenantId;
use domain::ledger::fault::{Fault, Kind as FaultKind};
use domain::ledger::frontier::Frontier;
use domain::ledger::hash::Hash;
use domain::ledger::tile::{Kind, TILE_HASHES_MAX, TILE_LEVELS, Tile, from_bytes, root, to_bytes};
use store::Store;

use super::PublishError;

/// Hashes of a full tile.
const FULL: usize = TILE_HASHES_MAX as usize;

/// Stores every tile that a tree has after leaves were added, and did not have before.
///
/// Harmless to repeat: a tile that is there stays. What is read to complete one that was begun is held
/// against the tree before, whose root was verified.
pub(super) async fn store_grown(
    store: &Store,
    tenant: &TenantId,
    before: &Frontier,
    leaves: Vec<Hash>,
) -> Result<(), PublishError> {
    let size = before.size() + leaves.len() as u64;
    let mut fresh = leaves;
    for level in 0..TILE_LEVELS {
        let count = before.size() >> (u32::from(level) * u32::from(TILE_LEVELS));
        let (index, width) = (count >> TILE_LEVELS, count % u64::from(TILE_HASHES_MAX));
        let width = usize::try_from(width).unwrap_or_default();
        if fresh.is_empty() || (level == 0 && width + fresh.len() < FULL) {
            return Ok(());
        }
        let mut hashes = begun(store, tenant, before, level).await?;
        hashes.append(&mut fresh);
        for (index, hashes) in (index..).zip(hashes.chunks(FULL)) {
            let is_full = hashes.len() == FULL;
            let tile = Tile::of(Kind::Hashes { level }, index, size);
            if let Some(tile) = tile.filter(|_| is_full || level > 0) {
                store.ledger_tile_put(tenant, &tile, to_bytes(hashes)).await?;
            }
            if is_full {
                fresh.push(root(hashes));
            }
        }
    }
    Ok(())
}

/// The hashes of the last tile of a level, where it is not full; none where it is.
async fn begun(
    store: &Store,
    tenant: &TenantId,
    tree: &Frontier,
    level: u8,
) -> Result<Vec<Hash>, PublishError> {
    let size = tree.size();
    let count = size >> (u32::from(level) * u32::from(TILE_LEVELS));
    let kind = Kind::Hashes { level };
    let tile = Tile::of(kind, count >> TILE_LEVELS, size);
    let Some(tile) = tile.filter(|_| !count.is_multiple_of(u64::from(TILE_HASHES_MAX))) else {
        return Ok(Vec::new());
    };
    let (start, end) = tile.leaves();
    let hashes = if level == 0 {
        store.ledger_leaves(tenant, start, end).await?
    } else {
        let stored = store.ledger_tile(tenant, &tile).await?;
        let stored = stored.and_then(|bytes| from_bytes(&tile, &bytes).ok());
        match stored.filter(|hashes| are_of(tree, level, hashes)) {
            Some(hashes) => return Ok(hashes),
            None => from_below(store, tenant, &tile, level).await?,
        }
    };
    if are_of(tree, level, &hashes) {
        return Ok(hashes);
    }
    let kind = FaultKind::TileEdited { tile: tile.to_string() };
    Err(Fault::of_range(start + 1, end, kind).into())
}

/// The hashes of a tile that is gone or was edited, from the tiles below it, or the records themselves.
async fn from_below(
    store: &Store,
    tenant: &TenantId,
    tile: &Tile,
    level: u8,
) -> Result<Vec<Hash>, PublishError> {
    let first = tile.index() << TILE_LEVELS;
    let mut hashes = Vec::with_capacity(usize::from(tile.width()));
    for index in first..first + u64::from(tile.width()) {
        let kind = Kind::Hashes { level: level - 1 };
        let Some(below) = Tile::of(kind, index, u64::MAX) else { break };
        let (start, end) = below.leaves();
        let nodes = if level == 1 {
            store.ledger_leaves(tenant, start, end).await?
        } else {
            let stored = store.ledger_tile(tenant, &below).await?.unwrap_or_default();
            from_bytes(&below, &stored).unwrap_or_default()
        };
        hashes.push(root(&nodes));
    }
    Ok(hashes)
}

/// Whether the hashes of a level's last, begun tile are those of a tree: they make up the subtrees of the
/// frontier for the bits that the level has in the size.
fn are_of(tree: &Frontier, level: u8, hashes: &[Hash]) -> bool {
    let shift = u32::from(level) * u32::from(TILE_LEVELS);
    let width = (tree.size() >> shift) % u64::from(TILE_HASHES_MAX);
    if hashes.len() as u64 != width {
        return false;
    }
    let above = tree.size().checked_shr(shift + u32::from(TILE_LEVELS)).unwrap_or(0).count_ones();
    let mut subtrees = tree.subtrees().iter().skip(above as usize);
    let mut rest = hashes;
    for bit in (0..TILE_LEVELS).rev().filter(|bit| width >> bit & 1 == 1) {
        let Some((part, after)) = rest.split_at_checked(1 << bit) else { return false };
        if subtrees.next() != Some(&root(part)) {
            return false;
        }
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_a_begun_tile_are_held_against_the_tree() {
        let leaves: Vec<Hash> = (0..1_000_u64).map(|n| Hash::of_leaf(&n.to_be_bytes())).collect();
        for size in [1, 2, 255, 256, 257, 600, 767, 1_000] {
            let mut tree = Frontier::new();
            leaves[..size].iter().for_each(|leaf| tree.append(*leaf));
            let begun = &leaves[size / FULL * FULL..size];
            assert!(are_of(&tree, 0, begun), "{size}");
            let roots: Vec<Hash> = leaves[..size / FULL * FULL].chunks(FULL).map(root).collect();
            assert!(are_of(&tree, 1, &roots), "{size}");
            if let Some((_, other)) = begun.split_first() {
                assert!(!are_of(&tree, 0, other));
                let changed: Vec<Hash> = [Hash::GENESIS].iter().chain(other).copied().collect();
                assert!(!are_of(&tree, 0, &changed), "{size}");
            }
        }
    }
}
