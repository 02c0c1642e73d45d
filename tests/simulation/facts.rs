//! What is there in the end: tables, topics, queues and chains as they are, read past the product where that can
//! be, and each chain as its readers get it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::TenantId;
use serde_json::Value;
use store::Store;
use store::ledger::StoredRecord;

use crate::World;
use crate::messaging::Message;
use crate::simulation::here::Here;
use crate::simulation::rig::Rig;
use crate::simulation::workload::TENANTS;

/// A record of a chain, with the hashes that are told of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    /// Its canonical bytes.
    pub(super) line: Vec<u8>,
    pub(super) said: Value,
    pub(super) leaf: Vec<u8>,
    pub(super) previous: Vec<u8>,
    pub(super) entry: Vec<u8>,
}

/// All of it.
pub(super) struct Facts {
    /// The core table.
    pub(super) core: Vec<Value>,
    /// Events and audit entries of the outbox.
    pub(super) events: Vec<Value>,
    pub(super) audits: Vec<Value>,
    /// The audit table, but for bytes.
    pub(super) ledger: Vec<Value>,
    pub(super) chains: BTreeMap<String, Vec<Entry>>,
    pub(super) published: Vec<Message>,
}

impl Facts {
    pub(super) async fn of(rig: &Arc<Rig>) -> Self {
        let process = rig.fleet.process(0);
        let world = World { system: process.system.clone(), now: Arc::new(AtomicI64::new(0)) };
        let here = Here::new("the judge".to_owned(), "the judge", &process);
        let (core, outbox) = (world.items("CoreTable").await, world.items("EventsTable").await);
        let ledger = world.items("AuditTable").await;
        let of = |record: &str| -> Vec<Value> {
            outbox.iter().filter(|row| row["record"] == record).cloned().collect()
        };
        let read = async {
            let mut chains = BTreeMap::new();
            for tenant in TENANTS {
                chains.insert(tenant.to_owned(), chain(rig, world.store(), tenant).await);
            }
            chains
        };
        let chains = here.run(read).await.unwrap();
        let published = rig.network.queues().published();
        Self { core, events: of("event"), audits: of("audit"), ledger, chains, published }
    }

    /// What of the core table has a sort key that begins so, of one tenant.
    pub(super) fn kept<'a>(
        &'a self,
        tenant: &str,
        begins: &'static str,
    ) -> impl Iterator<Item = &'a Value> {
        let tenant = tenant.to_owned();
        self.core.iter().filter(move |item| {
            let sk = item["sk"].as_str().unwrap_or_default();
            sk.starts_with(begins) && item["tenant_id"] == tenant.as_str()
        })
    }
}

/// How many rows of the outbox wait for their delivery.
pub(super) async fn pending(rig: &Rig) -> usize {
    let scan = rig.network.tables().client().scan().table_name("EventsTable");
    let scan = scan.filter_expression("delivery_state = :pending");
    let pending = AttributeValue::S("pending".to_owned());
    let scan = scan.expression_attribute_values(":pending", pending).send().await.unwrap();
    assert!(scan.last_evaluated_key().is_none(), "the outbox is larger than a page");
    scan.items().len()
}

/// A chain from its beginning, as far as it can be read.
async fn chain(rig: &Rig, store: &Store, tenant: &str) -> Vec<Entry> {
    let tenant = TenantId::parse(tenant).unwrap();
    let mut entries = Vec::new();
    loop {
        let next = entries.len() as u64 + 1;
        let records = match store.ledger_range(&tenant, next, u64::MAX).await {
            Ok(records) => records,
            Err(error) => {
                let told = format!("the chain of {tenant} from {next}: {error}");
                rig.journal.lock().unwrap().wrong("the chain can be read", told);
                return entries;
            }
        };
        if records.is_empty() {
            return entries;
        }
        entries.extend(records.into_iter().map(entry));
    }
}

fn entry(record: StoredRecord) -> Entry {
    Entry {
        sequence: record.record.sequence,
        said: serde_json::from_slice(&record.line).unwrap(),
        line: record.line,
        leaf: record.leaf.as_bytes().to_vec(),
        previous: record.previous.as_bytes().to_vec(),
        entry: record.entry.as_bytes().to_vec(),
    }
}
