//! Keys of the cache that epochs may be kept in.
//!
//! `<prefix>:epoch:{<tenant, measured>}:<scope>`. What stands in braces decides which part of a partitioned
//! cache holds a key, so that all of a tenant's are together and one script may change several. A principal
//! is written as a hash, because its id may be a person's name or address; two that had the same hash would
//! only end each other's memories.

use domain::hash::hex;
use domain::id::TenantId;
use domain::principal::Principal;
use sha2::{Digest, Sha256};

use super::measured;

/// Bytes of the hash that stands for a principal.
const PRINCIPAL_BYTES: usize = 16;

/// The key of an epoch that a whole tenant shares.
pub(crate) fn cached_shared_epoch(prefix: &str, tenant: &TenantId, name: &str) -> String {
    format!("{prefix}:epoch:{{{}}}:{name}", measured(tenant.as_str()))
}

/// The key of a principal's epoch.
pub(crate) fn cached_epoch(prefix: &str, tenant: &TenantId, of: &Principal) -> String {
    let named = format!("{}/{}", measured(of.kind.as_str()), measured(of.id.as_str()));
    let hash = Sha256::digest(named);
    let (of, _) = hash.split_at(PRINCIPAL_BYTES);
    cached_shared_epoch(prefix, tenant, &format!("principal/{}", hex(of)))
}

/// The key by which a connection is tried out.
pub(crate) fn cached_probe(prefix: &str) -> String {
    format!("{prefix}:epoch:probe")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::PrincipalId;
    use domain::principal::PrincipalType;

    #[test]
    fn no_two_tenants_or_principals_share_a_key() {
        let tenant = |name| TenantId::parse(name).unwrap();
        let user = |id| Principal {
            kind: PrincipalType::parse("user").unwrap(),
            id: PrincipalId::parse(id).unwrap(),
        };
        let key = |tenant_name, id| cached_epoch("epr", &tenant(tenant_name), &user(id));
        assert_ne!(key("a", "b"), key("a", "c"));
        assert_ne!(key("a", "b"), key("c", "b"));
        assert!(key("acme", "jo@example.com").starts_with("epr:epoch:{4:acme}:principal/"));
        assert!(!key("acme", "jo@example.com").contains("jo"));
        assert_eq!(
            cached_shared_epoch("epr", &tenant("acme"), "policy"),
            "epr:epoch:{4:acme}:policy"
        );
    }
}
