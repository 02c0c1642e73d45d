//! Keys of the counts behind rate limits, in the core table and in the cache.

use domain::id::TenantId;
use domain::limit::RouteClass;

#[cfg(feature = "valkey")]
use super::measured;
use super::{Key, key};

/// The count of a tenant's requests of a class.
pub(crate) fn count(tenant: &TenantId, class: RouteClass) -> Key {
    key(tenant, "rate-limit", &[class.name()], "count")
}

/// The same in the cache.
#[cfg(feature = "valkey")]
pub(crate) fn cached_count(prefix: &str, tenant: &TenantId, class: RouteClass) -> String {
    format!("{prefix}:limit:{{{}}}:{}", measured(tenant.as_str()), class.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_and_class_has_a_count_of_its_own() {
        let tenant = |name| TenantId::parse(name).unwrap();
        let keys = ["a", "b"].map(|name| {
            [RouteClass::Read, RouteClass::Write, RouteClass::Decide]
                .map(|class| count(&tenant(name), class))
        });
        let different: std::collections::HashSet<_> = keys.iter().flatten().collect();
        assert_eq!(different.len(), 6);
        let key = count(&tenant("acme"), RouteClass::Decide);
        assert_eq!(key.pk, "4:acme/rate-limit/6:decide");
    }
}
