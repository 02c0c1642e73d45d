//! How a caller's tenant stands, remembered: whether its callers are let in, and in which tier.
//!
//! **Invariant:** who is not registered is let in. The registry can shut a tenant out; to be in it is not needed.

use std::sync::Arc;

use domain::id::TenantId;
use domain::tenant::Tier;
use quick_cache::sync::Cache;
use store::{Error, Store};

/// How long it is remembered how a tenant stands, in seconds: so long may callers of one that was suspended still be
/// let in, beside what API Gateway remembers.
pub const TENANT_SECONDS_FRESH: i64 = 30;

/// Of how many tenants it is remembered at most. What was not used for longest goes first.
pub const TENANTS_REMEMBERED_MAX: usize = 10_000;

/// How a tenant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its callers are let in, in the tier that the registry says.
    Active(Option<Tier>),
    /// They are not.
    Suspended,
}

/// The tenants of a registry, as they were when it was last asked. Clones share what they know.
#[derive(Clone, Debug)]
pub(crate) struct Tenants {
    store: Store,
    /// Each with the second since 1970 in which it was asked for.
    known: Arc<Cache<TenantId, (Standing, i64)>>,
}

impl Tenants {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, known: Arc::new(Cache::new(TENANTS_REMEMBERED_MAX)) }
    }

    /// How a tenant stands, in a second since 1970. 1 RCU once in [`TENANT_SECONDS_FRESH`].
    pub(crate) async fn standing(&self, id: &TenantId, now: i64) -> Result<Standing, Error> {
        if let Some((standing, asked_at)) = self.known.get(id) {
            // A clock that was put back ends it as well.
            if (0..TENANT_SECONDS_FRESH).contains(&(now - asked_at)) {
                return Ok(standing);
            }
        }
        let standing = match self.store.tenant_read(id).await? {
            Some(tenant) if tenant.status.is_suspended() => Standing::Suspended,
            found => Standing::Active(found.map(|tenant| tenant.tier)),
        };
        self.known.insert(id.clone(), (standing, now));
        Ok(standing)
    }
}
