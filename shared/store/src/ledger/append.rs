//! The writer: group commit with one insert, in the order that the module above gives.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::TenantId;
use domain::ledger::commit::{Commit, Head, append};
use domain::ledger::message::Message;
use domain::ledger::segment::Body;
use domain::time::Clock;

use super::batch::{Appended, Batch};
use super::{IndexEntry, StoredSegment, chain, head_of, unreadable};
use crate::Store;
use crate::error::Error;
use crate::item::{Item, from_item, index, text, to_item};
use crate::key::{self, CHAINS, Key};
use crate::ledger::read::placed;

/// How often the end of a chain is read anew before a writer gives up: others keep appending, or the
/// table does not answer.
pub const APPEND_ATTEMPTS_MAX: u32 = 10;

/// The first pause before the end is read anew, in milliseconds; a commit takes about as long.
const PAUSE_MILLISECONDS: u64 = 5;

impl Store {
    /// Appends messages to the chain of a tenant, each once; says for each, in their order, what became of
    /// it. After an error any of them may be in the chain: to append them again is harmless.
    ///
    /// Per segment of 256: 1 round trip to read the end, 1 to look up, then 1 each for body, commit, index
    /// and mark. Further segments of one call neither read nor look up.
    pub async fn ledger_append(
        &self,
        tenant: &TenantId,
        messages: &[Message],
        clock: &Clock,
    ) -> Result<Vec<Appended>, Error> {
        let mut batch = Batch::of(tenant, messages)?;
        let mut attempts = 0;
        let mut head = None;
        while batch.waits() {
            let from = match head.take() {
                Some(head) => head,
                None => {
                    if attempts == APPEND_ATTEMPTS_MAX {
                        return Err(Error::Busy(format!("{} does not hold still", chain(tenant))));
                    }
                    if attempts > 0 {
                        tokio::time::sleep(self.chance.pause(PAUSE_MILLISECONDS, attempts)).await;
                    }
                    attempts += 1;
                    let head = self.ledger_end_indexed(tenant).await?;
                    self.leave_out_what_is_there(tenant, &mut batch).await?;
                    if batch.waiting.is_empty() {
                        continue;
                    }
                    head
                }
            };
            head = self.append_segment(tenant, &from, &mut batch, clock).await?;
        }
        Ok(batch.into_outcomes())
    }

    /// The end of a chain whose last segment is indexed.
    async fn ledger_end_indexed(&self, tenant: &TenantId) -> Result<Head, Error> {
        let (last, indexed) =
            tokio::try_join!(self.ledger_last(tenant), self.ledger_last_indexed(tenant))?;
        let head = head_of(last.as_ref());
        let Some(commit) = last.filter(|commit| indexed.is_none_or(|n| n < commit.number)) else {
            return Ok(head);
        };
        // Its writer ended before it had written the index, or is about to write it.
        let number = commit.number;
        let body = self.ledger_bodies(tenant, &[commit.body]).await?.remove(&commit.body);
        let records = placed(&StoredSegment { commit, body })?;
        let entries = records.iter().map(|record| {
            let content =
                record.record.content().map_err(|refusal| unreadable(tenant, &refusal))?;
            let (sequence, leaf) = (record.record.sequence, record.leaf);
            let entry = IndexEntry { sequence, segment: number, leaf, content };
            Ok((record.record.message.event_id.as_str(), entry))
        });
        let entries = entries.collect::<Result<Vec<_>, Error>>()?;
        self.index_segment(tenant, number, entries).await?;
        tracing::info!(tenant_id = %tenant, segment = number, "audit_segment_repaired");
        Ok(head)
    }

    /// Looks the waiting messages up in the index.
    async fn leave_out_what_is_there(
        &self,
        tenant: &TenantId,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error> {
        let ids: Vec<&str> = batch.waiting.iter().map(|place| batch.event_id(*place)).collect();
        let found = self.ledger_index(tenant, &ids).await?;
        batch.leave_out(&found);
        Ok(())
    }

    /// Appends one segment of what waits; gives the new end, or `None` where the end must be read anew.
    async fn append_segment(
        &self,
        tenant: &TenantId,
        head: &Head,
        batch: &mut Batch<'_>,
        clock: &Clock,
    ) -> Result<Option<Head>, Error> {
        let messages: Vec<Message> = batch.next_messages();
        let appended = match append(head, tenant, &messages, clock.now()) {
            Ok(appended) => appended,
            Err(error) => {
                batch.refuse(error.index, error.refusal);
                return Ok(Some(head.clone()));
            }
        };
        let (commit, records) = (&appended.commit, &appended.records);
        match self.put_segment(tenant, commit, &appended.body).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error @ Error::Defect(_)) => return Err(error),
            // Perhaps it was done: the end of the chain says so.
            Err(error) => {
                tracing::warn!(tenant_id = %tenant, %error, "the outcome of a commit is unknown");
                return Ok(None);
            }
        }
        let entries = records.iter().map(|placed| {
            let (sequence, leaf, content) = (placed.record.sequence, placed.leaf, placed.content);
            let entry = IndexEntry { sequence, segment: commit.number, leaf, content };
            (placed.record.message.event_id.as_str(), entry)
        });
        self.index_segment(tenant, commit.number, entries.collect()).await?;
        batch.appended(records.len(), commit.first());
        Ok(Some(commit.head()))
    }

    /// The body, then the commit; whether it was this call that committed.
    async fn put_segment(
        &self,
        tenant: &TenantId,
        commit: &Commit,
        body: &Body,
    ) -> Result<bool, Error> {
        let mut item = key::audit_body(tenant, &body.hash).into_item();
        item.insert("bytes".to_owned(), AttributeValue::B(Blob::new(body.bytes.clone())));
        // Whatever has its name already has its bytes.
        self.insert(&self.tables.audit, item).await?;
        let mut item = to_item(key::audit_commit(tenant, commit.number), commit)?;
        if commit.number == 1 {
            let place = key::by_time(commit.recorded_at, tenant.as_str());
            index(&mut item, CHAINS, key::audit_chain(tenant), place);
        }
        self.insert(&self.tables.audit, item).await
    }

    /// The index of a segment, then the mark that it is complete.
    async fn index_segment(
        &self,
        tenant: &TenantId,
        number: u64,
        entries: Vec<(&str, IndexEntry)>,
    ) -> Result<(), Error> {
        let items = entries
            .into_iter()
            .map(|(event_id, entry)| to_item(key::audit_event(tenant, event_id), &entry))
            .collect::<Result<Vec<Item>, Error>>()?;
        self.insert_all(&self.tables.audit, items).await?;
        let mark = key::audit_indexed(tenant, number).into_item();
        self.insert(&self.tables.audit, mark).await.map(drop)
    }

    /// Where events stand, by their ids; those that are not in the ledger are left out. Strongly
    /// consistent: 1 RCU each, 0.5 for one that is not there.
    pub async fn ledger_index(
        &self,
        tenant: &TenantId,
        event_ids: &[&str],
    ) -> Result<HashMap<String, IndexEntry>, Error> {
        let of_key: HashMap<Key, &str> =
            event_ids.iter().map(|id| (key::audit_event(tenant, id), *id)).collect();
        let keys: Vec<Key> = of_key.keys().cloned().collect();
        let items = self.batch_get_from(&self.tables.audit, &keys).await?;
        let mut found = HashMap::with_capacity(items.len());
        for item in items {
            let id = Key::of_item(&item).and_then(|key| of_key.get(&key).copied());
            if let Some(id) = id {
                found.insert(id.to_owned(), from_item(item)?);
            }
        }
        Ok(found)
    }

    /// The number of the last segment whose index is complete.
    async fn ledger_last_indexed(&self, tenant: &TenantId) -> Result<Option<u64>, Error> {
        let found = self.ledger_newest(&key::audit_chain(tenant), key::INDEXED_PREFIX, 1).await?;
        let number = found.first().and_then(|item| text(item, "sk"));
        let number = number.and_then(|sk| sk.strip_prefix(key::INDEXED_PREFIX));
        Ok(number.and_then(|number| number.parse().ok()))
    }
}
