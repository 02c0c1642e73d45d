//! The tables: what is stored where, read how, and written in one transaction.
//!
//! **Invariant:** this is the only crate that knows DynamoDB, and [`commit`] the only place in it that
//! writes what a tenant owns.
//!
//! # Access patterns
//!
//! Costs are for items up to 1 KiB written and 4 KiB read; `docs/costs.md` has them as measured, of whole
//! requests. A transactional write costs 2 WCU an item, an index entry 1 WCU more. Reads are strongly
//! consistent, but for listings through an index, which DynamoDB only gives eventually consistent.
//!
//! | pattern | how | cost | saturates at |
//! |---|---|---|---|
//! | entity by id | `GetItem` | 1 RCU | 3,000 reads/s of one entity |
//! | entity's ancestors | one `BatchGetItem` of the hinted line | 1 RCU each | 3,000 reads/s of one root: cached by a later version |
//! | entities by type, newest first | `by_kind`, 4 shards merged | 0.5 RCU a shard and 4 KiB | 4,000 creations/s of one tenant and type |
//! | children of an entity | `by_relation` | 0.5 RCU per 4 KiB | 1,000 children/s of one parent |
//! | create entity | transaction: entity, name, event, audit, receipt | 10 WCU + 1 per index | no shared item |
//! | move entity | transaction: entity, the tree's version, epoch, event, audit, receipt; epoch | 13 WCU + 3 for the indexes | ~100 moves/s of one tenant: they serialise on the tree's version |
//! | role by id | `GetItem` | 1 RCU | 3,000 reads/s of one tenant's roles |
//! | roles of a tenant | `Query` | 1 RCU per 4 KiB | the same partition |
//! | create role | transaction: role, name, event, audit, receipt | 10 WCU | 500 roles/s of one tenant |
//! | change role | transaction: role, name, epoch, event, audit, receipt; epoch | 13 WCU | ~100 changes/s of one tenant: they meet at its shared epochs |
//! | what is known of a principal | `Query` of its partition | 1 RCU per 4 KiB | 3,000 decisions/s of one principal |
//! | assignments of all, newest first | `by_kind`, 4 shards merged | 0.5 RCU a shard and 4 KiB | 4,000 assignments/s of one tenant |
//! | assignments on an entity | `by_relation` | 0.5 RCU per 4 KiB | 1,000 assignments/s on one entity |
//! | assign, revoke | transaction: assignment, pointer, epoch, event, audit, receipt | 12 WCU + 2 | 250 changes/s of one principal |
//! | members of a group | `Query` of the group's partition | 1 RCU per 4 KiB | 3,000 reads/s of one group |
//! | add, remove member | transaction: both ends, epoch, event, audit, receipt | 12 WCU + 1 | 250 changes/s of one member |
//! | inputs of a decision, remembered | the epochs: one `BatchGetItem` | 2 RCU + 1 per group; none in one process | 3,000 decisions/s of one tenant: its shared epochs |
//! | inputs of a decision, read | see [`Store::inputs_read`] | 4 RCU + 1 per role, ancestor and group | the principal's or the target's partition |
//! | candidates of a search | see [`search`] | 4 RCU for 50 of a type, 1 for each entity of a tree, 1 for each group | the listing that is walked |
//! | API key by id | `GetItem` | 1 RCU | 3,000 calls/s by the keys of one tenant, but for what API Gateway remembers |
//! | API keys of a tenant | `Query` | 1 RCU per 4 KiB | the same partition |
//! | note that an API key was used | one conditional `UpdateItem`, once an hour | 1 WCU | no shared item |
//! | count requests against a limit | one conditional `UpdateItem` for a block of them, see `limits.rs` | 1 WCU a block, a tenant's first in two days 1 more | 1,000 blocks/s of one tenant and class |
//! | tenant by id | `GetItem` | 1 RCU | 3,000 reads/s of all tenants: the authorizer of each process remembers them |
//! | tenant by slug or external reference | its guard, then the tenant: two `GetItem` | 2 RCU | the same partition |
//! | tenants | `Query` | 1 RCU per 4 KiB | the same partition |
//! | register, change tenant | transaction: tenant, its guards, event, audit, receipt | 8 WCU + 2 per guard | 500 changes/s of all tenants |
//! | receipt by key | `GetItem` | 1 RCU | no shared item |
//! | event, audit entry | rows of the change's transaction | 2 WCU each, and 2 or 1 for indexes | no shared item |
//! | hand in an event | one conditional `PutItem`, see `events.rs` | 3 WCU | 4,000 events/s of one tenant: the shards of its indexes |
//! | mark a delivery | one conditional `UpdateItem` | 2 WCU | no shared item |
//! | event by id, or by source and correlation id | `GetItem` | 1 RCU | 3,000 reads/s of one event |
//! | events by time, newest first | `by_time`, 4 shards merged, and one `BatchGetItem` | 0.5 RCU a shard and 8 KiB, 1 RCU each | 4,000 events/s of one tenant |
//! | what is yet to be delivered | `Scan` of the sparse `undelivered` | 0.5 RCU per 8 KiB of what is pending | 2,000 events/s of one tenant: each enters and leaves |
//! | claim, finish a consumption | one conditional write each | 1 WCU each | no shared item |

mod api_keys;
mod assignments;
mod authorization;
mod commit;
mod consumptions;
mod cursor;
mod deliveries;
mod entities;
mod epochs;
mod error;
mod events;
mod grants;
mod graph;
mod impersonations;
mod insert;
mod item;
mod key;
pub mod ledger;
mod limits;
mod lineage;
mod memberships;
mod memory;
pub mod meter;
mod outbox;
mod pause;
mod principals;
mod put;
mod read;
mod receipt;
mod roles;
mod search;
mod tenants;

use std::sync::Arc;

use domain::id::Ids;
use memory::Memory;

pub use api_keys::StoredKey;
pub use assignments::AssignmentFilter;
pub use authorization::{Attributes, Consistency, Inputs, Located, Wanted};
pub use commit::{COMMIT_ATTEMPTS_MAX, Intent};
pub use consumptions::{CONSUMPTION_SECONDS, Claim, Consumption, LEASE_SECONDS};
pub use deliveries::{Mark, Undelivered, UndeliveredPosition};
pub use entities::{EntityFilter, Placed};
pub use epochs::{CacheAccess, CacheDoor, Defect, EpochSource, InProcess};
#[cfg(feature = "valkey")]
pub use epochs::{Limits as CacheLimits, Valkey};
pub use error::{Error, Guard};
pub use events::{EventFilter, Ingested, event_id_in, event_id_of};
pub use graph::Graph;
pub use impersonations::StoredImpersonation;
pub use limits::{LIMITER_MILLISECONDS_MAX, LIMITER_PAUSE_SECONDS, Limiter};
pub use outbox::{AuditRow, OutboxRow, Record};
pub use pause::Chance;
pub use read::Page;
pub use receipt::{RECEIPT_SECONDS, Receipt, ReceiptSlot};
pub use search::{Candidates, Holder, HolderPosition, Holding, Known, KnownPosition, TreePosition};

/// The names of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Entities, roles, assignments, memberships, guards and receipts.
    pub core: String,
    /// The event ledger, which is also the outbox.
    pub events: String,
    /// The audit ledger. Nothing in it is ever changed or deleted.
    pub audit: String,
}

/// The tables of a deployment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    client: aws_sdk_dynamodb::Client,
    tables: Arc<Tables>,
    ids: Ids,
    secrets: Arc<cursor::Secrets>,
    epochs: EpochSource,
    limiter: Limiter,
    memory: Arc<Memory>,
    chance: Chance,
}

impl Store {
    /// The store over a client. Event ids and transaction tokens come from `ids`.
    pub fn new(client: aws_sdk_dynamodb::Client, tables: Tables, ids: Ids) -> Self {
        Self {
            client,
            tables: Arc::new(tables),
            ids,
            secrets: Arc::default(),
            epochs: EpochSource::default(),
            limiter: Limiter::default(),
            memory: Arc::default(),
            chance: Chance::default(),
        }
    }

    /// The same store with its epochs elsewhere. Whatever writes the tables must move them there.
    #[must_use]
    pub fn with_epochs(self, epochs: EpochSource) -> Self {
        Self { epochs, memory: Arc::new(Memory::of(self.chance.clone())), ..self }
    }

    /// The same store with its chance from elsewhere.
    #[must_use]
    pub fn with_chance(self, chance: Chance) -> Self {
        Self { memory: Arc::new(Memory::of(chance.clone())), chance, ..self }
    }

    /// Where its chance comes from.
    pub fn chance(&self) -> &Chance {
        &self.chance
    }

    /// The same store that counts requests elsewhere. Whatever serves requests must count them there.
    #[must_use]
    pub fn with_limiter(self, limiter: Limiter) -> Self {
        Self { limiter, ..self }
    }

    /// Whether the core table answers. 1 RCU.
    pub async fn ready(&self) -> Result<(), Error> {
        self.get(key::probe()).await.map(|_| ())
    }
}
