//! The keys of the indexes: what is listed together, and in which order.

use domain::entity::Status;
use domain::entity_type::TypeName;
use domain::hash::fnv1a;
use domain::id::{AssignmentId, EntityId, EventId, TenantId};
use domain::principal::{Principal, PrincipalType};
use domain::time::Timestamp;

use super::{EVERYWHERE, partition};

/// The index of things by their kind, newest last.
pub(crate) const BY_KIND: &str = "by_kind";
/// The index of things by what they belong to, newest last.
pub(crate) const BY_RELATION: &str = "by_relation";

/// The index of events by when they happened, newest last.
pub(crate) const BY_TIME: &str = "by_time";
/// The index of what is yet to be delivered, oldest first.
pub(crate) const UNDELIVERED: &str = "undelivered";

/// Parts that the listings by time are spread over, so that one tenant can write more than the
/// 1,000 units a second that one partition of an index takes.
pub(crate) const LISTING_SHARDS: u8 = 4;

/// The sort key of a listing by time.
pub(crate) fn by_time(created_at: Timestamp, id: &str) -> String {
    format!("{created_at}/{id}")
}

/// Archived things stand apart, so that a list without them never reads past them.
fn shelf(archived: bool) -> &'static str {
    if archived { "archived" } else { "live" }
}

/// The shard of a listing that an id belongs to.
fn shard(id: &str) -> u8 {
    u8::try_from(fnv1a(id) % u64::from(LISTING_SHARDS)).unwrap_or(0)
}

pub(crate) fn entity_listing(
    tenant: &TenantId,
    kind: &TypeName,
    status: Status,
    id: &EntityId,
) -> String {
    entity_listing_shard(tenant, kind, status == Status::Archived, shard(id.as_str()))
}

/// Every partition that lists a tenant's entities of a type.
pub(crate) fn entity_listings(tenant: &TenantId, kind: &TypeName, archived: bool) -> Vec<String> {
    (0..LISTING_SHARDS).map(|shard| entity_listing_shard(tenant, kind, archived, shard)).collect()
}

fn entity_listing_shard(tenant: &TenantId, kind: &TypeName, archived: bool, shard: u8) -> String {
    partition(tenant, "entities", &[kind.as_str(), shelf(archived), &shard.to_string()])
}

pub(crate) fn children(tenant: &TenantId, parent: &EntityId, archived: bool) -> String {
    partition(tenant, "children", &[parent.as_str(), shelf(archived)])
}

pub(crate) fn assignment_listing(tenant: &TenantId, id: &AssignmentId) -> String {
    partition(tenant, "assignments", &[&shard(id.as_str()).to_string()])
}

/// Every partition that lists a tenant's assignments.
pub(crate) fn assignment_listings(tenant: &TenantId) -> Vec<String> {
    (0..LISTING_SHARDS)
        .map(|shard| partition(tenant, "assignments", &[&shard.to_string()]))
        .collect()
}

pub(crate) fn principal_listing(tenant: &TenantId, of: &Principal) -> String {
    partition(tenant, "principals", &[of.kind.as_str(), &shard(of.id.as_str()).to_string()])
}

/// Every partition that lists a tenant's principals of a type.
pub(crate) fn principal_listings(tenant: &TenantId, kind: &PrincipalType) -> Vec<String> {
    (0..LISTING_SHARDS)
        .map(|shard| partition(tenant, "principals", &[kind.as_str(), &shard.to_string()]))
        .collect()
}

/// Every partition that lists a tenant's events.
pub(crate) fn event_listings(tenant: &TenantId) -> Vec<String> {
    (0..LISTING_SHARDS).map(|shard| partition(tenant, "events", &[&shard.to_string()])).collect()
}

pub(crate) fn event_listing(tenant: &TenantId, id: &EventId) -> String {
    partition(tenant, "events", &[&shard(id.as_str()).to_string()])
}

/// Where something waits for its delivery. What shares a `lane` waits in one line, oldest first.
pub(crate) fn undelivered(tenant: &TenantId, lane: &str) -> String {
    partition(tenant, "undelivered", &[&shard(lane).to_string()])
}

pub(crate) fn assignments_on(tenant: &TenantId, entity: Option<&EntityId>) -> String {
    partition(tenant, "assignments-on", &[entity.map_or(EVERYWHERE, EntityId::as_str)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_shard_is_the_same_for_ever() {
        assert_eq!(["acme", "spv-1", "0190b0c5-7e4c-7000-8000-000000000001"].map(shard), [3, 2, 2]);
    }
}
