//! What is made of a chain for others: tiles of its tree, checkpoints, and how far it was verified.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::Head;
use domain::ledger::fault::Fault;
use domain::ledger::hash::{HASH_BYTES, Hash};
use domain::ledger::tile::{Kind, TILE_HASHES_MAX, Tile};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{Error, Guard};
use crate::item::{Item, from_item, text, to_item};
use crate::key;
use crate::meter::Call;

/// What was promised of a size of a chain: reserved before it is signed, so that no two publishers sign
/// what contradicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// When it was reserved.
    pub promised_at: Timestamp,
}

/// How far a run of the verifier has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifierRun {
    /// The end of what was verified.
    pub head: Head,
    /// When the run was last at work.
    pub at: Timestamp,
    /// When it began, of a run over the whole chain.
    pub begun_at: Timestamp,
    /// What it found wrong: then it stays where it is until someone has looked.
    pub fault: Option<Fault>,
    /// Counts the writes of this state, from 1.
    pub version: u64,
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
        self.ledger_put_new(item).await.map(|_| ())
    }

    /// The hashes of a tile, from any stored one that is as wide or wider. 2 RCU.
    pub async fn ledger_tile(
        &self,
        tenant: &TenantId,
        tile: &Tile,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Kind::Hashes { level } = tile.kind() else { return Ok(None) };
        let call = Call::begin();
        let output = self
            .client
            .query()
            .table_name(&self.tables.audit)
            .key_condition_expression("pk = :pk AND sk >= :width")
            .expression_attribute_values(
                ":pk",
                AttributeValue::S(key::audit_tile(tenant, level, tile.index())),
            )
            .expression_attribute_values(
                ":width",
                AttributeValue::S(key::audit_tile_width(tile.width())),
            )
            .limit(1)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("Query", &error))?;
        call.end_read(output.consumed_capacity());
        let Some(mut item) = output.items.unwrap_or_default().pop() else { return Ok(None) };
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

    /// Reserves what is about to be signed. Conflict ([`Guard::Version`]): something else was promised of
    /// this size, which [`Store::ledger_promise`] tells.
    pub async fn ledger_promise_put(
        &self,
        tenant: &TenantId,
        promise: &Promise,
    ) -> Result<(), Error> {
        let item = to_item(key::audit_promise(tenant, promise.checkpoint.size), promise)?;
        if self.ledger_put_new(item).await? {
            return Ok(());
        }
        let there = self.ledger_promise(tenant, promise.checkpoint.size).await?;
        let is_same = there.is_some_and(|there| there.checkpoint == promise.checkpoint);
        if is_same { Ok(()) } else { Err(Error::Conflict(Guard::Version)) }
    }

    /// What was promised of a size.
    pub async fn ledger_promise(
        &self,
        tenant: &TenantId,
        size: u64,
    ) -> Result<Option<Promise>, Error> {
        let item = self.get_from(&self.tables.audit, key::audit_promise(tenant, size)).await?;
        item.map(from_item).transpose()
    }

    /// Stores a checkpoint as it was signed, where none of its size is.
    pub async fn ledger_signed_put(
        &self,
        tenant: &TenantId,
        size: u64,
        note: &str,
    ) -> Result<(), Error> {
        let mut item = key::audit_signed(tenant, size).into_item();
        item.insert("note".to_owned(), AttributeValue::S(note.to_owned()));
        self.ledger_put_new(item).await.map(|_| ())
    }

    /// The latest signed checkpoint, as the text of its note.
    pub async fn ledger_signed(&self, tenant: &TenantId) -> Result<Option<String>, Error> {
        let found =
            self.ledger_last_of(&key::audit_checkpoints(tenant), key::SIGNED_PREFIX).await?;
        Ok(found.as_ref().and_then(note_of))
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

    /// How far a run of the verifier (`incremental` or `full`) has come. It stands in the core table,
    /// because it changes. 1 RCU.
    pub async fn ledger_verified(
        &self,
        tenant: &TenantId,
        run: &str,
    ) -> Result<Option<VerifierRun>, Error> {
        self.get(key::audit_verified(tenant, run)).await?.map(from_item).transpose()
    }

    /// Remembers how far a run has come. Conflict ([`Guard::Version`]): another process went on with it.
    /// 1 or 2 WCU.
    pub async fn ledger_verified_put(
        &self,
        tenant: &TenantId,
        run: &str,
        state: &VerifierRun,
    ) -> Result<(), Error> {
        let item: Item = to_item(key::audit_verified(tenant, run), state)?;
        let before = AttributeValue::N(state.version.saturating_sub(1).to_string());
        let call = Call::begin();
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.core)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR version = :before")
            .expression_attribute_values(":before", before)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match put {
            Ok(output) => {
                call.end_write(output.consumed_capacity());
                Ok(())
            }
            Err(error) => {
                call.end_write([]);
                let is_conflict = aws_sdk_dynamodb::error::ProvideErrorMetadata::code(&error)
                    == Some("ConditionalCheckFailedException");
                if is_conflict {
                    return Err(Error::Conflict(Guard::Version));
                }
                Err(Error::from_sdk("PutItem", &error))
            }
        }
    }
}

fn note_of(item: &Item) -> Option<String> {
    text(item, "note").map(str::to_owned)
}
