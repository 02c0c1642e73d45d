//! The hashes of a proof, from what is stored of the tree.

use domain::ledger::hash::Hash;
use domain::ledger::proof::Plan;
use domain::ledger::tile::{Kind, TILE_HASHES_MAX, Tile, Tiles, root, to_bytes};

use crate::audit::place::Ledger;

/// The hashes that prove the leaf at a place, counted from 0, of the tree of a size.
pub(super) async fn proof(ledger: &Ledger, index: u64, size: u64) -> Result<Vec<Hash>, String> {
    let plan = Plan::inclusion(index, size).map_err(|error| error.to_string())?;
    let mut tiles = Tiles::new(size);
    for tile in plan.tiles(size) {
        let stored = ledger.store.ledger_tile(&ledger.tenant, &tile).await;
        let bytes = match stored.map_err(|error| ledger.said(&error))? {
            Some(bytes) => bytes,
            None => to_bytes(&computed(ledger, tile).await?),
        };
        tiles.add(tile, &bytes).map_err(|refusal| refusal.to_string())?;
    }
    plan.resolve(|node| tiles.node(node)).map_err(|refusal| refusal.to_string())
}

/// The hashes of a tile that is not stored, from the records below it.
async fn computed(ledger: &Ledger, tile: Tile) -> Result<Vec<Hash>, String> {
    let Kind::Hashes { level } = tile.kind() else { return Ok(Vec::new()) };
    let (start, end) = tile.leaves();
    let step = usize::from(TILE_HASHES_MAX);
    let mut hashes = Vec::new();
    for from in (start..end).step_by(step) {
        let to = end.min(from + u64::from(TILE_HASHES_MAX));
        let leaves = ledger.store.ledger_leaves(&ledger.tenant, from, to).await;
        let leaves = leaves.map_err(|error| ledger.said(&error))?;
        if leaves.len() as u64 != to - from {
            return Err(format!("the chain ends before record {to}"));
        }
        if level == 0 {
            hashes.extend(leaves);
        } else {
            hashes.push(root(&leaves));
        }
    }
    for _ in 1..level {
        hashes = hashes.chunks(step).map(root).collect();
    }
    Ok(hashes)
}
