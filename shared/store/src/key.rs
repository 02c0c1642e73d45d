//! Every key of every item: the only place where one is spelled.
//!
//! A partition key begins with the tenant, and each part of it that comes from outside is written with
//! its length (`7:default/entity/4:acme`), so that no choice of names can make two keys collide, and a
//! policy on `dynamodb:LeadingKeys` can fence a tenant in by the prefix `7:default/`.
//!
//! **Invariant:** a key cannot be formed without a tenant.
//!
//! | item | `pk` (after the tenant) | `sk` |
//! |---|---|---|
//! | entity | `entity/<id>` | `entity` |
//! | entity's name, taken | `entity-name/<type>/<name>` | `guard` |
//! | role | `roles` | `role/<id>` |
//! | role's name, taken | `role-name/<name>` | `guard` |
//! | assignment of a role | `principal/<type>/<id>` | `assignment/<role>/<entity>` |
//! | assignment of a permission | `principal/<type>/<id>` | `assignment/permission/<action>/<entity>` |
//! | where an assignment stands | `assignment/<id>` | `pointer` |
//! | membership, seen from the member | `principal/<type>/<id>` | `member-of/<group>` |
//! | membership, seen from the group | `group/<id>` | `member/<type>/<id>` |
//! | principal's properties | `principal/<type>/<id>` | `profile` |
//! | principal's epoch | `principal/<type>/<id>` | `epoch` |
//! | epochs that the tenant shares | `epochs` | `shared` |
//! | shape of the entity tree, of the group graph | `graph/<name>` | `version` |
//! | API key | `api-keys` | `key/<id>` |
//! | impersonation | `impersonations` | `session/<id>` |
//! | tenant (of the tenant `system:tenants`) | `tenants` | `tenant/<id>` |
//! | tenant's slug, taken (likewise) | `tenant-slug/<slug>` | `guard` |
//! | tenant's external reference, taken (likewise) | `tenant-reference/<reference>` | `guard` |
//! | idempotency receipt | `receipt/<type>/<id>/<method>/<route>/<key>` | `receipt` |
//! | count of the requests of a class | `rate-limit/<class>` | `count` |
//! | secret that seals cursors | `secret` | `cursor` |
//! | event (events table) | `event/<event id>` | `event` |
//! | audit entry on its way (events table) | `audit-outbox/<event id>` | `audit` |
//! | event, as one consumer knows it | `consumed/<consumer>/<event id>` | `mark` |
//! | how far the ledger is verified | `audit-verified/<run>` | `state` |
//! | that there is a chain (of the tenant `system:audit`) | `audit-roster` | `chain/<tenant>` |
//! | commit of a segment (audit table) | `audit-chain` | `commit/<number>` |
//! | that a segment is in the index (audit table) | `audit-chain` | `indexed/<number>` |
//! | body of a segment (audit table) | `audit-body/<its hash>` | `body` |
//! | where a record stands (audit table) | `audit-event/<event id>` | `record` |
//! | hashes of the tree (audit table) | `audit-tile/<level>/<index>` | `tile/<width>` |
//! | what was promised after a size (audit table) | `audit-checkpoints` | `promise/<size before>` |
//! | checkpoint as it was signed (audit table) | `audit-checkpoints` | `signed/<size>` |
//!
//! | index | `…_pk` (after the tenant) | `…_sk` |
//! |---|---|---|
//! | `by_kind`, entities | `entities/<type>/<live or archived>/<shard>` | `<created_at>/<id>` |
//! | `by_kind`, assignments | `assignments/<shard>` | `<created_at>/<id>` |
//! | `by_kind`, members and principals with properties | `principals/<type>/<shard>` | `<id>` |
//! | `by_relation`, entities | `children/<parent>/<live or archived>` | `<created_at>/<id>` |
//! | `by_relation`, assignments | `assignments-on/<entity>` | `<created_at>/<id>` |
//! | `by_time`, events (events table) | `events/<shard>` | `<occurred_at>/<event id>` |
//! | `undelivered`, while pending (events table) | `undelivered/<shard>` | `<created_at>/<event id>` |
//! | `chains`, each chain's first commit (audit table) | `audit-chain` | `<recorded_at>/<tenant>` |

#[cfg(feature = "valkey")]
mod cache;
mod ledger;
mod limits;
mod listings;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::assignment::Assigned;
use domain::entity_type::TypeName;
use domain::id::{
    ApiKeyId, AssignmentId, EntityId, EventId, ImpersonationId, PrincipalId, RoleId, TenantId,
};
use domain::principal::Principal;
use domain::slug::Slug;
use domain::text::{EntityName, ExternalReference, RoleName};
use sha2::{Digest, Sha256};

use crate::item::{Item, text};
use crate::receipt::ReceiptSlot;
#[cfg(feature = "valkey")]
pub(crate) use cache::*;
pub(crate) use ledger::*;
pub(crate) use limits::*;
pub(crate) use listings::*;

/// The sort key of every entity.
const ENTITY: &str = "entity";

/// What stands for "on no entity in particular" in an assignment's key. No id is empty.
const EVERYWHERE: &str = "";

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pk: String,
    sk: String,
}

impl Key {
    /// The primary key of an item of an index.
    pub(crate) fn of_item(item: &Item) -> Option<Self> {
        let part = |name| crate::item::text(item, name).map(str::to_owned);
        Some(Self { pk: part("pk")?, sk: part("sk")? })
    }

    /// The two attributes.
    pub(crate) fn into_item(self) -> Item {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk)),
            ("sk".to_owned(), AttributeValue::S(self.sk)),
        ])
    }
}

/// A text with its length in bytes before it.
fn measured(text: &str) -> String {
    format!("{}:{text}", text.len())
}

/// A partition key: the tenant, a literal, and measured parts.
fn partition(tenant: &TenantId, literal: &str, parts: &[&str]) -> String {
    let mut key = measured(tenant.as_str());
    key.push('/');
    key.push_str(literal);
    for part in parts {
        key.push('/');
        key.push_str(&measured(part));
    }
    key
}

fn key(tenant: &TenantId, literal: &str, parts: &[&str], sk: impl Into<String>) -> Key {
    Key { pk: partition(tenant, literal, parts), sk: sk.into() }
}

pub(crate) fn entity(tenant: &TenantId, id: &EntityId) -> Key {
    key(tenant, "entity", &[id.as_str()], ENTITY)
}

/// Whether an item is an entity, of those whose key begins like one.
pub(crate) fn is_entity(item: &Item) -> bool {
    text(item, "sk") == Some(ENTITY)
}

pub(crate) fn entity_name(tenant: &TenantId, kind: &TypeName, name: &EntityName) -> Key {
    key(tenant, "entity-name", &[kind.as_str(), name.as_str()], "guard")
}

/// The partition of all of a tenant's roles.
pub(crate) fn roles(tenant: &TenantId) -> String {
    partition(tenant, "roles", &[])
}

/// What the sort keys of roles begin with.
pub(crate) const ROLE_PREFIX: &str = "role/";

/// The place of a role among all of a tenant's.
pub(crate) fn role_place(id: &RoleId) -> String {
    format!("{ROLE_PREFIX}{id}")
}

pub(crate) fn role(tenant: &TenantId, id: &RoleId) -> Key {
    key(tenant, "roles", &[], role_place(id))
}

pub(crate) fn role_name(tenant: &TenantId, name: &RoleName) -> Key {
    key(tenant, "role-name", &[name.as_str()], "guard")
}

/// The partition of all of a tenant's API keys.
pub(crate) fn api_keys(tenant: &TenantId) -> String {
    partition(tenant, "api-keys", &[])
}

/// What the sort keys of API keys begin with.
pub(crate) const API_KEY_PREFIX: &str = "key/";

pub(crate) fn api_key(tenant: &TenantId, id: &ApiKeyId) -> Key {
    key(tenant, "api-keys", &[], format!("{API_KEY_PREFIX}{id}"))
}

/// One who acts as another.
pub(crate) fn impersonation(tenant: &TenantId, id: &ImpersonationId) -> Key {
    key(tenant, "impersonations", &[], format!("session/{id}"))
}

/// The partition of all tenants that are registered: one of the product's own, like their guards.
pub(crate) fn tenants() -> String {
    partition(&TenantId::registry(), "tenants", &[])
}

/// What the sort keys of tenants begin with.
pub(crate) const TENANT_PREFIX: &str = "tenant/";

pub(crate) fn tenant(id: &TenantId) -> Key {
    key(&TenantId::registry(), "tenants", &[], format!("{TENANT_PREFIX}{id}"))
}

pub(crate) fn tenant_slug(slug: &Slug) -> Key {
    key(&TenantId::registry(), "tenant-slug", &[slug.as_str()], "guard")
}

pub(crate) fn tenant_reference(reference: &ExternalReference) -> Key {
    key(&TenantId::registry(), "tenant-reference", &[reference.as_str()], "guard")
}

/// The partition of all that is known of a principal.
pub(crate) fn principal(tenant: &TenantId, principal: &Principal) -> String {
    partition(tenant, "principal", &[principal.kind.as_str(), principal.id.as_str()])
}

/// What the sort keys of assignments begin with.
pub(crate) const ASSIGNMENT_PREFIX: &str = "assignment/";
/// What the sort keys of memberships begin with, in the member's partition.
pub(crate) const MEMBER_OF_PREFIX: &str = "member-of/";

pub(crate) fn assignment(
    tenant: &TenantId,
    of: &Principal,
    what: &Assigned,
    on: Option<&EntityId>,
) -> Key {
    let on = on.map_or(EVERYWHERE, EntityId::as_str);
    // What is measured begins with a digit, so no role's id can be taken for the literal.
    let what = match what {
        Assigned::Role(id) => measured(id.as_str()),
        Assigned::Permission(action) => format!("permission/{}", measured(action.as_str())),
    };
    let sk = format!("{ASSIGNMENT_PREFIX}{what}/{}", measured(on));
    Key { pk: principal(tenant, of), sk }
}

pub(crate) fn assignment_pointer(tenant: &TenantId, id: &AssignmentId) -> Key {
    key(tenant, "assignment", &[id.as_str()], "pointer")
}

pub(crate) fn member_of(tenant: &TenantId, member: &Principal, group: &PrincipalId) -> Key {
    Key {
        pk: principal(tenant, member),
        sk: format!("{MEMBER_OF_PREFIX}{}", measured(group.as_str())),
    }
}

/// The partition of a group's members.
pub(crate) fn group(tenant: &TenantId, group: &PrincipalId) -> String {
    partition(tenant, "group", &[group.as_str()])
}

pub(crate) fn member(tenant: &TenantId, of: &PrincipalId, member: &Principal) -> Key {
    Key { pk: group(tenant, of), sk: member_place(member) }
}

/// The place of a member among all of its group.
pub(crate) fn member_place(member: &Principal) -> String {
    format!("member/{}/{}", measured(member.kind.as_str()), measured(member.id.as_str()))
}

/// The sort key of a principal's properties.
pub(crate) const PROFILE: &str = "profile";

pub(crate) fn profile(tenant: &TenantId, of: &Principal) -> Key {
    Key { pk: principal(tenant, of), sk: PROFILE.to_owned() }
}

/// The sort key of a principal's epoch, and the attribute it is in.
pub(crate) const EPOCH: &str = "epoch";
/// The attribute beside it that says of which items the epoch speaks.
pub(crate) const HELD: &str = "held";

pub(crate) fn epoch(tenant: &TenantId, of: &Principal) -> Key {
    Key { pk: principal(tenant, of), sk: EPOCH.to_owned() }
}

/// The epochs that a whole tenant shares.
pub(crate) fn epochs(tenant: &TenantId) -> Key {
    key(tenant, "epochs", &[], "shared")
}

pub(crate) fn graph(tenant: &TenantId, name: &str) -> Key {
    key(tenant, "graph", &[name], "version")
}

pub(crate) fn receipt(slot: &ReceiptSlot) -> Key {
    let ReceiptSlot { tenant_id, principal, method, route, idempotency_key, .. } = slot;
    let parts = [principal.kind.as_str(), principal.id.as_str(), method, route, idempotency_key];
    key(tenant_id, "receipt", &parts, "receipt")
}

pub(crate) fn cursor_secret(tenant: &TenantId) -> Key {
    key(tenant, "secret", &[], "cursor")
}

/// An item that nobody owns and that need not exist: whether the table answers is all that is asked.
pub(crate) fn probe() -> Key {
    Key { pk: format!("{}/probe", measured("system:readyz")), sk: "probe".to_owned() }
}

pub(crate) fn event(tenant: &TenantId, id: &EventId) -> Key {
    key(tenant, "event", &[id.as_str()], "event")
}

pub(crate) fn audit_outbox(tenant: &TenantId, id: &EventId) -> Key {
    key(tenant, "audit-outbox", &[id.as_str()], "audit")
}

/// The mark by which a consumer knows an event again.
pub(crate) fn consumption(tenant: &TenantId, consumer: &str, id: &EventId) -> Key {
    key(tenant, "consumed", &[consumer, id.as_str()], "mark")
}

/// The id of what is recognised by its source and correlation id: the same wherever and whenever it is
/// made, so that the key of its row is the guard of its uniqueness. SHA-256 over the measured parts, cut
/// to a UUID of version 8 (RFC 9562, section 5.8).
pub(crate) fn event_id(tenant: &TenantId, parts: &[&str]) -> EventId {
    let mut hash = Sha256::new();
    hash.update(partition(tenant, "event-id", parts));
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    EventId::from(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::permission::Action;
    use domain::principal::PrincipalType;

    fn tenant(text: &str) -> TenantId {
        TenantId::parse(text).unwrap()
    }

    #[test]
    fn a_key_begins_with_the_tenant_and_its_length() {
        let id = EntityId::parse("acme").unwrap();
        assert_eq!(entity(&tenant("default"), &id).pk, "7:default/entity/4:acme");
    }

    #[test]
    fn no_choice_of_names_makes_two_keys_collide() {
        let kind = TypeName::parse("issuer").unwrap();
        let name = |text: &str| EntityName::parse(text).unwrap();
        let tricky = ["a", "a/1:b", "1:a", "a/guard", "4:a/guard"];
        let keys: std::collections::HashSet<_> =
            tricky.iter().map(|text| entity_name(&tenant("t"), &kind, &name(text))).collect();
        assert_eq!(keys.len(), tricky.len());
        // A tenant whose name looks like another's prefix stays apart.
        let id = EntityId::parse("x").unwrap();
        assert_ne!(entity(&tenant("1:t"), &id), entity(&tenant("t"), &id));
    }

    /// The template's policies name it.
    #[test]
    fn the_registry_of_tenants_is_in_a_partition_of_the_products_own() {
        assert_eq!(tenants(), "14:system:tenants/tenants");
        let (slug, reference) =
            (Slug::parse("acme").unwrap(), ExternalReference::parse("207732").unwrap());
        let acme = super::tenant(&tenant("acme"));
        assert_eq!((acme.pk.as_str(), acme.sk.as_str()), (tenants().as_str(), "tenant/acme"));
        for guard in [tenant_slug(&slug).pk, tenant_reference(&reference).pk] {
            assert!(guard.starts_with("14:system:tenants/tenant-"), "{guard}");
        }
    }

    #[test]
    fn a_global_assignment_has_a_key_of_its_own() {
        let alice =
            Principal { kind: PrincipalType::user(), id: PrincipalId::parse("alice").unwrap() };
        let role = Assigned::Role(RoleId::parse("r").unwrap());
        let on = EntityId::parse("e").unwrap();
        let (global, local) = (
            assignment(&tenant("t"), &alice, &role, None),
            assignment(&tenant("t"), &alice, &role, Some(&on)),
        );
        assert_eq!(global.sk, "assignment/1:r/0:");
        assert_ne!(global, local);
    }

    #[test]
    fn a_role_and_a_permission_of_one_name_have_keys_of_their_own() {
        let alice =
            Principal { kind: PrincipalType::user(), id: PrincipalId::parse("alice").unwrap() };
        let on = EntityId::parse("e").unwrap();
        let of = |what| assignment(&tenant("t"), &alice, &what, Some(&on));
        let role = of(Assigned::Role(RoleId::parse("doc:read").unwrap()));
        let permission = of(Assigned::Permission(Action::parse("doc:read").unwrap()));
        assert_eq!(role.sk, "assignment/8:doc:read/1:e");
        assert_eq!(permission.sk, "assignment/permission/8:doc:read/1:e");
        let longest = Assigned::Permission(Action::parse(&"/".repeat(255)).unwrap());
        assert!(of(longest).sk.len() < 1024, "a sort key has at most 1,024 bytes");
    }
}
