//! Roles: named sets of permissions, and the types of entity they govern.

use serde_json::{Value, json};

use crate::change::{AuditDraft, Change, EventDraft, difference};
use crate::condition::Condition;
use crate::entity_type::TypeName;
use crate::id::{RoleId, TenantId};
use crate::permission::{Entry, Permissions};
use crate::refusal::Refusal;
use crate::text::{Description, RoleName};
use crate::time::Timestamp;

/// Most permissions of one role.
pub const ROLE_PERMISSIONS_MAX: usize = 500;

/// Most bytes of all permissions of one role, as a JSON list. What JSON escapes in a condition counts as
/// often as it is escaped when the list is quoted once more.
///
/// An event holds them before and after a change and must fit into a topic's message; the audit entry of a
/// new role names them all and must fit into a record of the ledger, which has 64 KiB.
pub const ROLE_PERMISSIONS_BYTES_MAX: usize = 48 * 1024;

/// The built-in roles of every tenant: id, name, description, permissions.
const SYSTEM: [(&str, &str, &str, &[&str]); 4] = [
    ("system:admin", "system:admin", "May do everything, everywhere.", &["*"]),
    (
        "system:auditor",
        "system:auditor",
        "May read everything and export the audit ledger; may change nothing.",
        &["*:read", "audit:export"],
    ),
    (
        "system:service",
        "system:service",
        "For programs: may ask for decisions, submit events, and read entities and what is stored of principals.",
        &[
            "decision:evaluate",
            "decision:search",
            "entity:read",
            "event:create",
            "event:read",
            "principal:read",
        ],
    ),
    (
        "system:support",
        "system:support",
        "May look into why someone may or may not, and publish events again; may grant and change nothing.",
        &[
            "assignment:read",
            "capability:read",
            "decision:evaluate",
            "decision:search",
            "entity:read",
            "event:read",
            "event:replay",
            "group:read",
            "principal:read",
            "role:read",
        ],
    ),
];

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Its name, unique within the tenant.
    pub name: RoleName,
    /// What it is for.
    pub description: Option<Description>,
    /// What it grants.
    pub permissions: Permissions,
    /// The types of entity it governs, in order; empty for all.
    pub scope_types: Vec<TypeName>,
    /// Whether it is built in: the same for every tenant, and not to be changed.
    pub is_system: bool,
    /// Counts the changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What it takes to make a role.
#[derive(Clone, Debug)]
pub struct RoleDraft {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: RoleName,
    /// What it is for.
    pub description: Option<Description>,
    /// What it grants.
    pub permissions: Permissions,
    /// The types of entity it governs; empty for all.
    pub scope_types: Vec<TypeName>,
}

/// What may change of a role; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct RolePatch {
    /// A new name.
    pub name: Option<RoleName>,
    /// A new description, or with `Some(None)` none.
    pub description: Option<Option<Description>>,
    /// New permissions, in place of all the old ones.
    pub permissions: Option<Permissions>,
    /// New scope types, in place of all the old ones.
    pub scope_types: Option<Vec<TypeName>>,
}

impl Role {
    /// Takes the permissions of a role, in any order, repeats allowed. A refusal that is of one of them
    /// says which.
    pub fn permissions(entries: Vec<Entry>) -> Result<Permissions, (Option<usize>, Refusal)> {
        let permissions = Permissions::of(entries);
        let permissions = permissions.map_err(|(place, refusal)| (Some(place), refusal))?;
        // Each is quoted and followed by a comma or the closing bracket.
        let actions = permissions.iter().map(|action| action.len() + 3);
        let conditions = permissions.conditions().map(bytes_beside_the_action);
        let bytes = 1 + actions.chain(conditions).sum::<usize>();
        if bytes > ROLE_PERMISSIONS_BYTES_MAX {
            return Err((
                None,
                Refusal::new(format!(
                    "must be at most {ROLE_PERMISSIONS_BYTES_MAX} bytes as a JSON list, is {bytes}"
                )),
            ));
        }
        Ok(permissions)
    }

    /// Makes a role.
    pub fn create(tenant_id: TenantId, draft: RoleDraft, at: Timestamp) -> Change<Self> {
        let RoleDraft { id, name, description, permissions, scope_types } = draft;
        let after = Self {
            id,
            tenant_id,
            name,
            description,
            permissions,
            scope_types: in_order(scope_types),
            is_system: false,
            version: 1,
            created_at: at,
            updated_at: at,
        };
        let details = json!({"role_id": after.id, "permissions": after.permissions});
        let (was, is) = (json!({}), after.described());
        after.changed("role.created", "role.create", details, &was, &is)
    }

    /// Changes a role; `None` when it is so already.
    pub fn patch(&self, patch: RolePatch, at: Timestamp) -> Option<Change<Self>> {
        let RolePatch { name, description, permissions, scope_types } = patch;
        let mut after = self.clone();
        after.name = name.unwrap_or(after.name);
        after.description = description.unwrap_or(after.description);
        after.permissions = permissions.unwrap_or(after.permissions);
        after.scope_types = scope_types.map_or(after.scope_types, in_order);
        if after == *self {
            return None;
        }
        after.version += 1;
        after.updated_at = at;
        let (was, is) = difference(&self.described(), &after.described());
        let details = json!({"role_id": after.id, "changes": is.as_object().map(|fields| fields.keys().collect::<Vec<_>>())});
        Some(after.changed("role.updated", "role.update", details, &was, &is))
    }

    /// The built-in roles, by id, as they stand in a tenant.
    pub fn system(tenant_id: &TenantId) -> Vec<Self> {
        let build =
            |(id, name, description, patterns): (&str, &str, &str, &'static [&'static str])| {
                Some(Self {
                    id: RoleId::parse(id).ok()?,
                    tenant_id: tenant_id.clone(),
                    name: RoleName::parse(name).ok()?,
                    description: Description::parse(description).ok(),
                    permissions: Permissions::Patterns(patterns),
                    scope_types: Vec::new(),
                    is_system: true,
                    version: 1,
                    created_at: Timestamp::from_microseconds(0)?,
                    updated_at: Timestamp::from_microseconds(0)?,
                })
            };
        SYSTEM.into_iter().filter_map(build).collect()
    }

    /// The built-in role of that id.
    pub fn system_by_id(tenant_id: &TenantId, id: &RoleId) -> Option<Self> {
        id.is_reserved()
            .then(|| Self::system(tenant_id))
            .and_then(|roles| roles.into_iter().find(|role| role.id == *id))
    }

    /// Whether the role governs entities of a type.
    pub fn governs(&self, kind: &str) -> bool {
        self.scope_types.is_empty() || self.scope_types.iter().any(|scope| scope.as_str() == kind)
    }

    fn described(&self) -> Value {
        json!({
            "name": self.name,
            "description": self.description,
            "permissions": self.permissions,
            "scope_types": self.scope_types,
        })
    }

    fn changed(
        self,
        event_type: &'static str,
        action: &'static str,
        details: Value,
        before: &Value,
        after: &Value,
    ) -> Change<Self> {
        let event = EventDraft {
            event_type,
            aggregate_type: "role",
            aggregate_id: self.id.to_string(),
            payload: json!({"role_id": self.id, "before": before, "after": after}),
        };
        Change {
            events: vec![event],
            audit: AuditDraft { action, entity: None, details },
            after: self,
        }
    }
}

/// What a condition adds to the list: the object around the action, and its own text, quoted and the quotes
/// escaped.
fn bytes_beside_the_action(condition: &Condition) -> usize {
    let quoted = serde_json::to_string(condition.as_str()).unwrap_or_default();
    let again = serde_json::to_string(&quoted).map_or(usize::MAX / 2, |json| json.len());
    r#"{"action":,"condition":}"#.len() + again
}

fn in_order(mut types: Vec<TypeName>) -> Vec<TypeName> {
    types.sort_unstable();
    types.dedup();
    types
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capability;
    use crate::permission::Action;

    fn tenant() -> TenantId {
        TenantId::parse("t").unwrap()
    }

    #[test]
    fn every_built_in_role_is_well_formed() {
        let roles = Role::system(&tenant());
        assert_eq!(roles.len(), SYSTEM.len());
        assert!(roles.iter().map(|role| &role.id).is_sorted());
        assert!(roles.iter().all(|role| role.is_system && role.id.is_reserved()));
    }

    #[test]
    fn the_auditor_reads_everything_and_changes_nothing() {
        let auditor =
            Role::system_by_id(&tenant(), &RoleId::parse("system:auditor").unwrap()).unwrap();
        assert!(auditor.permissions.granting(&Action::parse("audit:export").unwrap()).is_some());
        assert!(auditor.permissions.granting(&Action::parse("entity:read").unwrap()).is_some());
        assert!(auditor.permissions.granting(&Action::parse("entity:update").unwrap()).is_none());
    }

    #[test]
    fn built_in_roles_without_a_wildcard_name_registered_permissions_only() {
        for role in Role::system(&tenant()) {
            for name in role.permissions.iter().filter(|name| !name.contains('*')) {
                assert!(Capability::named(name).is_some_and(|one| one.action == name), "{name}");
            }
        }
    }

    #[test]
    fn support_and_service_may_change_neither_what_anyone_is_granted_nor_any_record() {
        for id in ["system:support", "system:service"] {
            let role = Role::system_by_id(&tenant(), &RoleId::parse(id).unwrap()).unwrap();
            for Capability { action, .. } in Capability::all() {
                let grants = role.permissions.granting(&Action::parse(action).unwrap()).is_some();
                let harmless = ["read", "evaluate", "search"]
                    .iter()
                    .any(|verb| action.ends_with(&format!(":{verb}")));
                let own = matches!(
                    (id, *action),
                    ("system:support", "event:replay") | ("system:service", "event:create")
                );
                assert!(!grants || harmless || own, "{id} grants {action}");
            }
        }
    }

    #[test]
    fn a_patch_tells_what_changed() {
        let draft = RoleDraft {
            id: RoleId::parse("r").unwrap(),
            name: RoleName::parse("Reviewer").unwrap(),
            description: None,
            permissions: Permissions::exact(vec![Action::parse("document:read").unwrap()]),
            scope_types: vec![],
        };
        let at = Timestamp::from_microseconds(0).unwrap();
        let role = Role::create(tenant(), draft, at).after;
        let patch = RolePatch {
            scope_types: Some(vec![TypeName::parse("spv").unwrap()]),
            ..RolePatch::default()
        };
        let change = role.patch(patch.clone(), at).unwrap();
        assert_eq!(change.events[0].payload["before"], json!({"scope_types": []}));
        assert_eq!(change.events[0].payload["after"], json!({"scope_types": ["spv"]}));
        assert!(change.after.patch(patch, at).is_none());
    }

    #[test]
    fn the_permissions_of_a_role_fit_into_an_event_and_a_record_of_the_ledger() {
        let of = |bytes: usize| {
            let all = (0..500).map(|n| Action::parse(&format!("{n:0>bytes$}")).unwrap());
            Role::permissions(all.map(Entry::from).collect())
        };
        let largest = of(95).unwrap();
        let json = serde_json::to_string(&largest).unwrap();
        assert!(json.len() <= ROLE_PERMISSIONS_BYTES_MAX && of(96).is_err(), "{}", json.len());
    }

    #[test]
    fn conditions_count_towards_the_size_of_a_role_as_often_as_json_escapes_them() {
        // Each quote is four bytes once the list is quoted again.
        let condition = format!("'{}' != ''", "\"".repeat(2_000));
        let of = |count: usize| {
            let all = (0..count).map(|n| Entry {
                action: Action::parse(&format!("doc:act-{n}")).unwrap(),
                condition: Some(Condition::parse(&condition).unwrap()),
            });
            Role::permissions(all.collect())
        };
        let json = serde_json::to_string(&of(6).unwrap()).unwrap();
        let again = serde_json::to_string(&json).unwrap();
        assert!(again.len() <= ROLE_PERMISSIONS_BYTES_MAX, "{}", again.len());
        let (place, refusal) = of(7).unwrap_err();
        assert!(place.is_none() && refusal.reason().contains("49152 bytes"), "{refusal}");
    }
}
