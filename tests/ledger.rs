//! Chains of the audit ledger, read whole and verified from outside.

use std::collections::BTreeMap;

use domain::id::TenantId;
use domain::ledger::fault::Fault;
use domain::ledger::inspect::{Evidence, Indexed};
use domain::ledger::message::Message;
use domain::ledger::verify::{Verified, Verifier};
use serde_json::{Value, json};
use store::Store;
use store::ledger::{Appended, StoredRecord, StoredSegment};

use crate::World;

/// An audit message that a producer could send.
pub fn message(event_id: &str) -> Value {
    json!({
        "event_id": event_id,
        "source": "issuer-service",
        "action": "issuer.created",
        "actor_id": "b5db2c29-6f2d-4dc6-9b6b-7827806bd0be",
        "actor_type": "user",
        "entity_id": "0f0f7e13-7cb5-449b-9349-0ed8cc5d9b32",
        "entity_type": "issuer",
        "correlation_id": "req-12345",
        "details": {"issuer_code": "ACME", "event": event_id},
        "occurred_at": "2024-04-14T18:03:11.221208Z",
    })
}

/// The same, read.
pub fn parsed(event_id: &str) -> Message {
    Message::from_value(message(event_id)).unwrap()
}

/// A batch of messages as the queue brings it.
pub fn queued(bodies: impl IntoIterator<Item = Value>) -> Value {
    let record = |(place, body): (usize, Value)| json!({"messageId": place.to_string(), "body": body.to_string()});
    json!({"Records": bodies.into_iter().enumerate().map(record).collect::<Vec<_>>()})
}

impl World {
    /// The store of the deployment.
    pub fn store(&self) -> &Store {
        &self.system.app("audit-append").unwrap().store
    }

    /// Appends messages to a chain, as the writer does.
    pub async fn append(
        &self,
        tenant: &TenantId,
        messages: &[Message],
    ) -> Result<Vec<Appended>, store::Error> {
        self.store().ledger_append(tenant, messages, &self.clock()).await
    }

    /// The segments of a chain, in order.
    pub async fn segments(&self, tenant: &TenantId) -> Vec<StoredSegment> {
        let mut segments: Vec<StoredSegment> = Vec::new();
        loop {
            let next = segments.len() as u64 + 1;
            let more = self.store().ledger_segments(tenant, next).await.unwrap();
            if more.is_empty() {
                return segments;
            }
            segments.extend(more);
        }
    }

    /// The records of a chain, in order.
    pub async fn records(&self, tenant: &TenantId) -> Vec<StoredRecord> {
        let mut records: Vec<StoredRecord> = Vec::new();
        loop {
            let next = records.len() as u64 + 1;
            let more = self.store().ledger_range(tenant, next, u64::MAX).await.unwrap();
            if more.is_empty() {
                return records;
            }
            records.extend(more);
        }
    }

    /// Verifies a chain from its beginning, with what the index says of each record, which must be there.
    pub async fn verify(&self, tenant: &TenantId) -> Result<Verified, Fault> {
        let mut verifier = Verifier::new(tenant.clone());
        let mut indexed: BTreeMap<u64, Vec<Option<Indexed>>> = BTreeMap::new();
        let records = self.records(tenant).await;
        let ids: Vec<&str> =
            records.iter().map(|record| record.record.message.event_id.as_str()).collect();
        let index = self.store().ledger_index(tenant, &ids).await.unwrap();
        for record in &records {
            let entry = &index[&record.record.message.event_id];
            let known = Indexed { sequence: entry.sequence, leaf: entry.leaf };
            indexed.entry(record.segment).or_default().push(Some(known));
        }
        let segments = self.segments(tenant).await;
        let evidence: Vec<Evidence<'_>> = segments
            .iter()
            .map(|segment| Evidence {
                commit: &segment.commit,
                body: segment.body.as_deref(),
                index: &indexed[&segment.commit.number],
            })
            .collect();
        verifier.segments(&evidence, 1)?;
        verifier.finish()
    }
}
