//! Reading chains: the end, segments, one record by its event or its sequence, records by what they say.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::id::TenantId;
use domain::ledger::commit::Commit;
use domain::ledger::hash::Hash;
use domain::ledger::record::Record;
use domain::ledger::segment::Segment;

use super::{StoredRecord, StoredSegment, chain};
use crate::Store;
use crate::error::Error;
use crate::item::{Item, from_item, text};
use crate::key::{self, CHAINS, Key};
use crate::meter::Call;
use crate::read::{send, send_all};

/// Segments of one read: as many bodies as fit into one answer of DynamoDB, at their usual size.
pub(super) const SEGMENTS_READ_MAX: u64 = 64;

/// Bytes of records at which a page ends, so that the answer stays within what Lambda may give.
pub(super) const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Chains of one page.
const CHAINS_PAGE_MAX: i32 = 100;

/// Where a reading of all chains goes on.
#[derive(Clone, Debug)]
pub struct ChainPosition(Item);

/// A page of all chains.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    /// Whose they are.
    pub tenants: Vec<TenantId>,
    /// Where to go on.
    pub next: Option<ChainPosition>,
}

impl Store {
    /// The last commit of a chain; `None` while it has none. Strongly consistent: 1 RCU.
    pub async fn ledger_last(&self, tenant: &TenantId) -> Result<Option<Commit>, Error> {
        let pk = key::audit_chain(tenant);
        let mut found = self.ledger_newest(&pk, key::COMMIT_PREFIX, 1).await?;
        found.pop().map(from_item).transpose()
    }

    /// One commit. Strongly consistent: 1 RCU.
    pub async fn ledger_commit(
        &self,
        tenant: &TenantId,
        number: u64,
    ) -> Result<Option<Commit>, Error> {
        let item = self.get_from(&self.tables.audit, key::audit_commit(tenant, number)).await?;
        item.map(from_item).transpose()
    }

    /// Segments from a number on, in order, with their bodies; at most 64, and fewer only at the end.
    /// 1 RCU for 4 KiB of commits, and 1 for each 4 KiB of a body.
    pub async fn ledger_segments(
        &self,
        tenant: &TenantId,
        from: u64,
    ) -> Result<Vec<StoredSegment>, Error> {
        let through = from.saturating_add(SEGMENTS_READ_MAX - 1);
        self.ledger_segments_between(tenant, from, through).await
    }

    /// The segments of a range of numbers, both ends included, in order.
    pub(super) async fn ledger_segments_between(
        &self,
        tenant: &TenantId,
        from: u64,
        through: u64,
    ) -> Result<Vec<StoredSegment>, Error> {
        let commits = self.ledger_commits(tenant, from, through).await?;
        let names: Vec<Hash> = commits.iter().map(|commit| commit.body).collect();
        let mut bodies = self.ledger_bodies(tenant, &names).await?;
        let segment = |commit: Commit| {
            let body = bodies.remove(&commit.body);
            StoredSegment { commit, body }
        };
        Ok(commits.into_iter().map(segment).collect())
    }

    async fn ledger_commits(
        &self,
        tenant: &TenantId,
        from: u64,
        through: u64,
    ) -> Result<Vec<Commit>, Error> {
        let place = |number| AttributeValue::S(key::numbered(key::COMMIT_PREFIX, number));
        let query = self
            .query_table(&self.tables.audit, &key::audit_chain(tenant))
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :through")
            .expression_attribute_values(":from", place(from))
            .expression_attribute_values(":through", place(through))
            .consistent_read(true);
        send_all(query).await?.into_iter().map(from_item).collect()
    }

    /// Bodies by their names; what is not there is left out.
    pub(super) async fn ledger_bodies(
        &self,
        tenant: &TenantId,
        names: &[Hash],
    ) -> Result<HashMap<Hash, Vec<u8>>, Error> {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        let keys: Vec<Key> = names.iter().map(|name| key::audit_body(tenant, name)).collect();
        let items = self.batch_get_from(&self.tables.audit, &keys).await?;
        let mut of_key: HashMap<Key, Hash> = keys.into_iter().zip(names).collect();
        let bodies = items.into_iter().filter_map(|mut item| {
            let name = of_key.remove(&Key::of_item(&item)?)?;
            match item.remove("bytes") {
                Some(AttributeValue::B(bytes)) => Some((name, bytes.into_inner())),
                _ => None,
            }
        });
        Ok(bodies.collect())
    }

    /// The record of an event. The index, the commit and the body: 3 round trips, 2 RCU and 1 for each
    /// 4 KiB of the body.
    pub async fn ledger_find(
        &self,
        tenant: &TenantId,
        event_id: &str,
    ) -> Result<Option<StoredRecord>, Error> {
        let Some(entry) = self.ledger_index(tenant, &[event_id]).await?.remove(event_id) else {
            return Ok(None);
        };
        let number = entry.segment;
        let segment = self.ledger_segments_between(tenant, number, number).await?.pop();
        let Some(segment) = segment else {
            let text = format!("{} has lost its segment {number}", chain(tenant));
            return Err(Error::Defect(text));
        };
        let mut records = placed(&segment)?.into_iter();
        Ok(records.find(|record| record.record.sequence == entry.sequence))
    }

    /// The number of the segment that holds a sequence; `None` beyond the end. About as many round trips
    /// as there are digits in the length of the chain.
    pub async fn ledger_segment_of(
        &self,
        tenant: &TenantId,
        sequence: u64,
    ) -> Result<Option<u64>, Error> {
        let Some(last) = self.ledger_last(tenant).await? else { return Ok(None) };
        if sequence == 0 || sequence > last.last() {
            return Ok(None);
        }
        let found = self.ledger_search(tenant, &last, |commit| commit.last() >= sequence).await?;
        Ok(Some(found))
    }

    /// The number of the first segment for which something holds that holds for all later ones, too, the
    /// last one included.
    pub(super) async fn ledger_search(
        &self,
        tenant: &TenantId,
        last: &Commit,
        holds: impl Fn(&Commit) -> bool,
    ) -> Result<u64, Error> {
        // What is looked for is mostly near the end: the steps back double before they are halved.
        let (mut low, mut high, mut step) = (1, last.number, 1);
        while low < high {
            let back = high.saturating_sub(step).max(low);
            let middle = back.max(low + (high - low) / 2);
            let Some(commit) = self.ledger_commit(tenant, middle).await? else {
                return Err(Error::Defect(format!("{} lacks segment {middle}", chain(tenant))));
            };
            if holds(&commit) {
                high = middle;
                step *= 2;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    /// The records of a range of sequences, both ends included, in order: as many as one answer may hold,
    /// and at least the first.
    pub async fn ledger_range(
        &self,
        tenant: &TenantId,
        from: u64,
        through: u64,
    ) -> Result<Vec<StoredRecord>, Error> {
        let Some(mut number) = self.ledger_segment_of(tenant, from.max(1)).await? else {
            return Ok(Vec::new());
        };
        let (mut records, mut bytes) = (Vec::new(), 0);
        loop {
            let segments = self.ledger_segments(tenant, number).await?;
            let Some(last) = segments.last().map(|segment| segment.commit.number) else {
                return Ok(records);
            };
            number = last + 1;
            for segment in &segments {
                for record in placed(segment)? {
                    let sequence = record.record.sequence;
                    if sequence < from {
                        continue;
                    }
                    bytes += record.line.len();
                    if sequence > through || (bytes > PAGE_BYTES_MAX && !records.is_empty()) {
                        return Ok(records);
                    }
                    records.push(record);
                }
            }
        }
    }

    /// A page of all chains of the deployment, the verifier's to walk through.
    pub async fn ledger_chains(&self, from: Option<ChainPosition>) -> Result<Chains, Error> {
        let call = Call::begin();
        let output = self
            .client
            .scan()
            .table_name(&self.tables.audit)
            .index_name(CHAINS)
            .limit(CHAINS_PAGE_MAX)
            .set_exclusive_start_key(from.map(|ChainPosition(key)| key))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("Scan", &error))?;
        call.end_read(output.consumed_capacity());
        let next = output.last_evaluated_key.filter(|key| !key.is_empty()).map(ChainPosition);
        let tenants = output.items.unwrap_or_default().into_iter().map(|item| {
            let tenant = text(&item, "chains_sk").and_then(|place| place.split_once('/'));
            tenant
                .and_then(|(_, tenant)| TenantId::parse(tenant).ok())
                .ok_or_else(|| Error::Defect("the index of chains names no tenant".to_owned()))
        });
        Ok(Chains { tenants: tenants.collect::<Result<_, _>>()?, next })
    }

    /// The last items of a partition of the audit table whose sort keys begin so, last first.
    pub(super) async fn ledger_newest(
        &self,
        pk: &str,
        prefix: &str,
        limit: i32,
    ) -> Result<Vec<Item>, Error> {
        let query = self
            .query_table(&self.tables.audit, pk)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .scan_index_forward(false)
            .limit(limit)
            .consistent_read(true);
        Ok(send(query).await?.0)
    }
}

/// The records of a segment with their places and hashes. It must be whole: what is wrong with one that is
/// not, the verifier says.
pub(super) fn placed(segment: &StoredSegment) -> Result<Vec<StoredRecord>, Error> {
    let commit = &segment.commit;
    let what = || format!("segment {} of {}", commit.number, chain(&commit.tenant_id));
    let body = segment.body.as_ref().ok_or_else(|| Error::Defect(format!("{} is gone", what())))?;
    let unreadable = |reason: &dyn std::fmt::Display| {
        Error::Defect(format!("{} cannot be read: {reason}", what()))
    };
    let lines = Segment::decode(body).map_err(|refusal| unreadable(&refusal))?;
    let mut previous = commit.previous;
    lines
        .records()
        .into_iter()
        .map(|line| {
            let record = Record::parse(line).map_err(|refusals| {
                let reason = refusals.first().map(ToString::to_string).unwrap_or_default();
                unreadable(&reason)
            })?;
            let leaf = Hash::of_leaf(line);
            let entry = Hash::of_entry(&previous, &leaf);
            let before = std::mem::replace(&mut previous, entry);
            let (line, segment) = (line.to_vec(), commit.number);
            Ok(StoredRecord { record, line, leaf, previous: before, entry, segment })
        })
        .collect()
}
