//! What is made of a chain for others: tiles of its tree, and checkpoints.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::Head;
use domain::ledger::hash::{HASH_BYTES, Hash};
use domain::ledger::tile::{Kind, TILE_HASHES_MAX, Tile};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{Error, Guard};
use crate::item::{Item, from_item, text, to_item};
use crate::key;
use crate::read::send;

/// What was promised of a chain: reserved before it is signed, so that no two publishers sign what
/// contradicts.
///
/// It is stored under the size that was promised before it, where only one can be: so it is reserved on the
/// condition that its predecessor still is the last. A key of its own size would not say that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The end of the chain that it speaks of: what the next promise goes on from.
    pub head: Head,
    /// The size that was promised before.
    pub after: u64,
    /// When it was reserved.
    pub promised_at: Timestamp,
}

impl Store {
    /// Stores a tile of hashes where there is none of its width.
    ///
    /// Of leaves only full tiles are stored: the others are made of the last segments.
    pub async fn ledger_tile_put(
        &self,
        tenant: &TenantId,
        tile: &Tile,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let Kind::Hashes { level } = tile.kind() else {
            return Err(Error::Defect("entries are stored as segments".to_owned()));
        };
        let mut item = key::audit_tile_key(tenant, level, tile.index(), tile.width()).into_item();
        item.insert("bytes".to_owned(), AttributeValue::B(Blob::new(bytes)));
        self.insert(&self.tables.audit, item).await.map(drop)
    }

    /// The hashes of a tile, from any stored one that is as wide or wider. 2 RCU.
    pub async fn ledger_tile(
        &self,
        tenant: &TenantId,
        tile: &Tile,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Kind::Hashes { level } = tile.kind() else { return Ok(None) };
        let query = self
            .query_table(&self.tables.audit, &key::audit_tile(tenant, level, tile.index()))
            .key_condition_expression("pk = :pk AND sk >= :width")
            .expression_attribute_values(
                ":width",
                AttributeValue::S(key::audit_tile_width(tile.width())),
            )
            .limit(1)
            .consistent_read(true);
        let (mut items, _) = send(query).await?;
        let Some(mut item) = items.pop() else { return Ok(None) };
        let Some(AttributeValue::B(bytes)) = item.remove("bytes") else { return Ok(None) };
        let mut bytes = bytes.into_inner();
        bytes.truncate(usize::from(tile.width()) * HASH_BYTES);
        Ok(Some(bytes))
    }

    /// The hashes of leaves that stand in segments: those of a range of places, counted from 0, the end
    /// left out. For what no full tile has yet.
    pub async fn ledger_leaves(
        &self,
        tenant: &TenantId,
        from: u64,
        to: u64,
    ) -> Result<Vec<Hash>, Error> {
        debug_assert!(to.saturating_sub(from) <= u64::from(TILE_HASHES_MAX));
        let mut leaves = Vec::new();
        while from + (leaves.len() as u64) < to {
            let next = from + leaves.len() as u64 + 1;
            let records = self.ledger_range(tenant, next, to).await?;
            if records.is_empty() {
                break;
            }
            leaves.extend(records.into_iter().map(|record| record.leaf));
        }
        Ok(leaves)
    }

    /// Reserves what is about to be signed, as the one that follows its predecessor. Conflict
    /// ([`Guard::Version`]): something else follows that already.
    pub async fn ledger_promise_put(
        &self,
        tenant: &TenantId,
        promise: &Promise,
    ) -> Result<(), Error> {
        let key = || key::audit_promise(tenant, promise.after);
        if self.insert(&self.tables.audit, to_item(key(), promise)?).await? {
            return Ok(());
        }
        let there = self.get_from(&self.tables.audit, key()).await?;
        let there: Option<Promise> = there.map(from_item).transpose()?;
        let is_same = there.is_some_and(|there| there.checkpoint == promise.checkpoint);
        if is_same { Ok(()) } else { Err(Error::Conflict(Guard::Version)) }
    }

    /// The last promise and the one before it, newest first. Only the last can be unsigned. 1 RCU.
    pub async fn ledger_promises(&self, tenant: &TenantId) -> Result<Vec<Promise>, Error> {
        let pk = key::audit_checkpoints(tenant);
        let items = self.ledger_newest(&pk, key::PROMISE_PREFIX, 2).await?;
        items.into_iter().map(from_item).collect()
    }

    /// Stores a checkpoint as it was signed, where none of its size is. Conflict ([`Guard::Version`]): one
    /// with another text is.
    pub async fn ledger_signed_put(
        &self,
        tenant: &TenantId,
        size: u64,
        note: &str,
    ) -> Result<(), Error> {
        let mut item = key::audit_signed(tenant, size).into_item();
        item.insert("note".to_owned(), AttributeValue::S(note.to_owned()));
        if self.insert(&self.tables.audit, item).await? {
            return Ok(());
        }
        let there = self.ledger_signed_of(tenant, size).await?;
        if there.as_deref() == Some(note) { Ok(()) } else { Err(Error::Conflict(Guard::Version)) }
    }

    /// The latest signed checkpoint, as the text of its note.
    pub async fn ledger_signed(&self, tenant: &TenantId) -> Result<Option<String>, Error> {
        let pk = key::audit_checkpoints(tenant);
        let found = self.ledger_newest(&pk, key::SIGNED_PREFIX, 1).await?;
        Ok(found.first().and_then(note_of))
    }

    /// The signed checkpoint of a size, as the text of its note.
    pub async fn ledger_signed_of(
        &self,
        tenant: &TenantId,
        size: u64,
    ) -> Result<Option<String>, Error> {
        let item = self.get_from(&self.tables.audit, key::audit_signed(tenant, size)).await?;
        Ok(item.as_ref().and_then(note_of))
    }
}

fn note_of(item: &Item) -> Option<String> {
    text(item, "note").map(str::to_owned)
}
