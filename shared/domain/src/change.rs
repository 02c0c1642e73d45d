//! What a write leaves behind: who did it, the event that says so, and the entry of the audit ledger.

use serde_json::Value;

use crate::entity_type::TypeName;
use crate::id::{EntityId, PrincipalId, TenantId};
use crate::principal::Principal;
use crate::time::Timestamp;

/// The `source` of everything that the core itself says.
pub const CORE_SOURCE: &str = "entity_permissions_core";

/// Who does something, for which tenant, when, and under which request.
#[derive(Clone, Debug)]
pub struct Act {
    /// The tenant whose data is read or changed.
    pub tenant_id: TenantId,
    /// Who was authenticated.
    pub actor: Principal,
    /// On whose behalf a service acts (`X-Actor-Id`); recorded beside the actor, never instead.
    pub on_behalf_of: Option<PrincipalId>,
    /// When.
    pub at: Timestamp,
    /// The request, as logs and answers name it.
    pub request_id: String,
}

/// A changed thing together with what its change says to others. Neither can be stored without the other.
#[derive(Clone, Debug)]
pub struct Change<T> {
    /// The thing after the change.
    pub after: T,
    /// What subscribers are told.
    pub events: Vec<EventDraft>,
    /// What the audit ledger is told.
    pub audit: AuditDraft,
}

/// An event before it has an id, a time and an actor: those come with the [`Act`] when it is committed.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDraft {
    /// What happened, such as `entity.created`.
    pub event_type: &'static str,
    /// The kind of thing it happened to; events of one thing keep their order.
    pub aggregate_type: &'static str,
    /// The thing it happened to.
    pub aggregate_id: String,
    /// What changed.
    pub payload: Value,
}

/// An audit entry before it has an id, a time and an actor.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditDraft {
    /// What was done, such as `entity.create`.
    pub action: &'static str,
    /// The entity it was done to or on, where there is one.
    pub entity: Option<(EntityId, Option<TypeName>)>,
    /// Ids and names only, never documents: the ledger cannot forget.
    pub details: Value,
}

/// The fields of `after` that differ from `before`, as a pair of objects.
pub(crate) fn difference(before: &Value, after: &Value) -> (Value, Value) {
    let (Value::Object(was), Value::Object(is)) = (before, after) else {
        return (before.clone(), after.clone());
    };
    let differing = |name: &String| was.get(name) != is.get(name);
    let pick = |from: &serde_json::Map<String, Value>| {
        from.iter()
            .filter(|(name, _)| differing(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    (Value::Object(pick(was)), Value::Object(pick(is)))
}
