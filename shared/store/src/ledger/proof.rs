//! Tiles of any part of a chain, and proofs from them: that a record is in it, and that it only grew.
//!
//! **Invariant:** what is answered is the same whether a tile was stored or not. A stored tile only saves
//! the reading of what it was made of.

use std::collections::BTreeSet;

use domain::id::TenantId;
use domain::ledger::hash::Hash;
use domain::ledger::proof::Plan;
use domain::ledger::tile::{
    Kind, TILE_HASHES_MAX, Tile, Tiles, bundle, from_bytes, root, to_bytes,
};
use futures::future::{BoxFuture, try_join_all};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::chain;
use crate::Store;
use crate::error::Error;

/// Tiles that are made at the same time for one above them.
const TILES_AT_ONCE: usize = 16;

/// That a tree is the start of another, with what it takes to be convinced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The root of the smaller tree.
    pub old_root: Hash,
    /// The root of the larger one.
    pub new_root: Hash,
    /// The proof.
    pub hashes: Vec<Hash>,
}

impl Store {
    /// The hashes of a tile, stored or not; `None` where the chain does not reach so far.
    ///
    /// 2 RCU where it is stored. Otherwise the leaves are read from their segments, and a tile above them is
    /// made of all the tiles below it: at worst, for 65,536 records, of as many segments as hold them.
    pub async fn ledger_hash_tile(
        &self,
        tenant: &TenantId,
        tile: &Tile,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Kind::Hashes { level } = tile.kind() else { return Ok(None) };
        if let Some(stored) = self.ledger_tile(tenant, tile).await? {
            return Ok(Some(stored));
        }
        let hashes = match level.checked_sub(1) {
            None => {
                let (from, to) = tile.leaves();
                Some(self.ledger_leaves(tenant, from, to).await?)
            }
            Some(below) => self.ledger_roots_below(tenant, tile, below).await?,
        };
        let whole = hashes.filter(|hashes| hashes.len() == usize::from(tile.width()));
        Ok(whole.as_deref().map(to_bytes))
    }

    /// The hashes of a tile above the leaves: the roots of the full tiles below it.
    async fn ledger_roots_below(
        &self,
        tenant: &TenantId,
        tile: &Tile,
        level: u8,
    ) -> Result<Option<Vec<Hash>>, Error> {
        let (_, end) = tile.leaves();
        let first = tile.index().saturating_mul(u64::from(TILE_HASHES_MAX));
        let below: Vec<Tile> = (first..first.saturating_add(u64::from(tile.width())))
            .filter_map(|index| Tile::of(Kind::Hashes { level }, index, end))
            .collect();
        let made: Vec<BoxFuture<'_, _>> =
            below.iter().map(|tile| self.ledger_hash_tile_boxed(tenant, tile)).collect();
        let made: Vec<Option<Vec<u8>>> =
            stream::iter(made).buffered(TILES_AT_ONCE).try_collect().await?;
        let root_of = |(tile, bytes): (&Tile, Option<Vec<u8>>)| match bytes {
            Some(bytes) => hashes_of(tenant, tile, &bytes).map(|hashes| Some(root(&hashes))),
            None => Ok(None),
        };
        below.iter().zip(made).map(root_of).collect()
    }

    /// The same as [`Store::ledger_hash_tile`], whose future holds itself.
    fn ledger_hash_tile_boxed<'a>(
        &'a self,
        tenant: &'a TenantId,
        tile: &'a Tile,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
        Box::pin(self.ledger_hash_tile(tenant, tile))
    }

    /// A bundle of entries: the canonical bytes of the records, each with its length before it; `None` where
    /// the chain does not reach so far. What its segments cost to read, and the way to the first of them.
    pub async fn ledger_entries(
        &self,
        tenant: &TenantId,
        tile: &Tile,
    ) -> Result<Option<Vec<u8>>, Error> {
        let (from, to) = tile.leaves();
        if tile.kind() != Kind::Entries {
            return Ok(None);
        }
        let mut lines: Vec<Vec<u8>> = Vec::new();
        while from + (lines.len() as u64) < to {
            let next = from + lines.len() as u64 + 1;
            let records = self.ledger_range(tenant, next, to).await?;
            if records.is_empty() {
                return Ok(None);
            }
            lines.extend(records.into_iter().map(|record| record.line));
        }
        let bundled = bundle(lines.iter().map(Vec::as_slice));
        bundled.map(Some).map_err(|refusal| {
            Error::Defect(format!("{} has a record for no bundle: {refusal}", chain(tenant)))
        })
    }

    /// The proof that the record at `index`, counted from 0, is in the tree of the first `size` records.
    ///
    /// Both must be within the chain. The tiles that it needs, read at the same time.
    pub async fn ledger_inclusion(
        &self,
        tenant: &TenantId,
        index: u64,
        size: u64,
    ) -> Result<Vec<Hash>, Error> {
        let plan = Plan::inclusion(index, size).map_err(|error| outside(tenant, &error))?;
        let [hashes] = self.ledger_resolve(tenant, size, [plan]).await?;
        Ok(hashes)
    }

    /// The proof that the tree of the first `old` records is the start of that of the first `new`, with the
    /// roots of both.
    ///
    /// Both must be within the chain. The tiles that it needs, read at the same time.
    pub async fn ledger_consistency(
        &self,
        tenant: &TenantId,
        old: u64,
        new: u64,
    ) -> Result<Consistency, Error> {
        let proof = Plan::consistency(old, new).map_err(|error| outside(tenant, &error))?;
        let plans = [proof, Plan::root(old), Plan::root(new)];
        let [hashes, old_root, new_root] = self.ledger_resolve(tenant, new, plans).await?;
        let only = |hashes: Vec<Hash>| hashes.first().copied().unwrap_or_else(Hash::of_nothing);
        Ok(Consistency { old_root: only(old_root), new_root: only(new_root), hashes })
    }

    /// Fetches the tiles that plans need, all at once, and gives the hashes of each plan.
    async fn ledger_resolve<const N: usize>(
        &self,
        tenant: &TenantId,
        size: u64,
        plans: [Plan; N],
    ) -> Result<[Vec<Hash>; N], Error> {
        let wanted: BTreeSet<Tile> = plans.iter().flat_map(|plan| plan.tiles(size)).collect();
        let fetched = wanted.iter().map(|tile| self.ledger_hash_tile(tenant, tile));
        let mut tiles = Tiles::new(size);
        for (tile, bytes) in wanted.iter().zip(try_join_all(fetched).await?) {
            let bytes = bytes.ok_or_else(|| outside(tenant, &format!("it has no `{tile}`")))?;
            tiles.add(*tile, &bytes).map_err(|refusal| unusable(tenant, tile, &refusal))?;
        }
        let mut resolved = [const { Vec::new() }; N];
        for (plan, hashes) in plans.iter().zip(&mut resolved) {
            *hashes = plan
                .resolve(|node| tiles.node(node))
                .map_err(|refusal| outside(tenant, &refusal))?;
        }
        Ok(resolved)
    }
}

fn hashes_of(tenant: &TenantId, tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    from_bytes(tile, bytes).map_err(|refusal| unusable(tenant, tile, &refusal))
}

fn unusable(tenant: &TenantId, tile: &Tile, reason: &dyn std::fmt::Display) -> Error {
    Error::Defect(format!("`{tile}` of {} cannot be used: {reason}", chain(tenant)))
}

fn outside(tenant: &TenantId, reason: &dyn std::fmt::Display) -> Error {
    Error::Defect(format!("{} has no such proof: {reason}", chain(tenant)))
}
