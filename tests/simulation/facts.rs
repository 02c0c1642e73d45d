//! What is there in the end: tables, topics, queues and chains as they are, read past the product where that can
//! be, and each chain as its readers get it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use domain::id::TenantId;
use serde_json::Value;

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
                chains.insert(tenant.to_owned(), chain(&world, tenant).await);
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

    /// Rows that wait for their delivery.
    pub(super) fn pending(&self) -> usize {
        let rows = self.events.iter().chain(&self.audits);
        rows.filter(|row| row["delivery_state"] == "pending").count()
    }
}

async fn chain(world: &World, tenant: &str) -> Vec<Entry> {
    let records = world.records(&TenantId::parse(tenant).unwrap()).await;
    let entry = |record: store::ledger::StoredRecord| Entry {
        sequence: record.record.sequence,
        said: serde_json::from_slice(&record.line).unwrap(),
        line: record.line,
        leaf: record.leaf.as_bytes().to_vec(),
        previous: record.previous.as_bytes().to_vec(),
        entry: record.entry.as_bytes().to_vec(),
    };
    records.into_iter().map(entry).collect()
}
