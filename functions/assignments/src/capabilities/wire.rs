//! What is sent and received about capabilities.

use std::collections::BTreeSet;

use domain::capability::Capability;
use domain::condition::Condition;
use domain::entity_type::TypeName;
use domain::grants::Grant;
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId};
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use domain::text::{Reason, RoleName};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::capabilities::held::Holding;

/// Most ways that are told of one permission.
pub(super) const WAYS_MAX: usize = 10;

/// The categories of the registry, in order.
pub(super) fn categories() -> Vec<&'static str> {
    let categories: BTreeSet<_> = Capability::all().map(|one| one.category).collect();
    categories.into_iter().collect()
}

/// A registered capability: a permission that has a meaning to this API or to the business that it serves.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Capability)]
pub struct CapabilityBody {
    /// Its canonical name.
    pub capability_code: &'static str,
    /// What it belongs to.
    pub category: &'static str,
    /// What it allows.
    pub description: &'static str,
    /// Whether an operation of this API needs it.
    pub is_system: bool,
}

impl CapabilityBody {
    /// The body of a capability.
    pub fn of(capability: &Capability) -> Self {
        let Capability { action, category, description } = *capability;
        let is_system = capability.is_system();
        Self { capability_code: action, category, description, is_system }
    }
}

/// A permission that a principal effectively holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HeldCapability)]
pub struct HeldBody {
    /// The permission as it is spelled where it is granted; with `*` in it, a wildcard of a built-in role.
    pub capability_code: String,
    /// What it belongs to; `null` where it is not registered.
    #[schema(required = true)]
    pub category: Option<&'static str>,
    /// What it allows; `null` where it is not registered.
    #[schema(required = true)]
    pub description: Option<&'static str>,
    /// How it is held, direct grants first; the first ten ways.
    #[schema(max_items = 10)]
    pub granted_via: Vec<WayBody>,
    /// In how many ways it is held.
    #[schema(minimum = 1)]
    pub ways: usize,
}

impl HeldBody {
    /// The body of what is held.
    pub(super) fn of(holding: &Holding<'_>) -> Self {
        let Holding { code, by } = holding;
        let action = Action::parse(code).ok();
        let way = |grant: &&Grant| match &action {
            Some(action) => WayBody::of(grant, action),
            None => WayBody::unconditional(grant),
        };
        let registered = Capability::named(code);
        Self {
            capability_code: code.clone(),
            category: registered.map(|one| one.category),
            description: registered.map(|one| one.description),
            granted_via: by.iter().take(WAYS_MAX).map(way).collect(),
            ways: by.len(),
        }
    }
}

/// A way in which a permission is held.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CapabilityWay)]
pub struct WayBody {
    /// `direct` for a permission that was granted by itself, `role` for one of a role.
    #[serde(rename = "type")]
    #[schema(pattern = "^(direct|role)$")]
    pub kind: &'static str,
    /// The assignment.
    #[schema(value_type = String)]
    pub assignment_id: AssignmentId,
    /// Whose assignment it is: the principal's own, a group's, or with `*` that of every principal of the type.
    #[schema(value_type = String)]
    pub principal_id: PrincipalId,
    /// The type of whose it is.
    #[schema(value_type = String)]
    pub principal_type: PrincipalType,
    /// The groups between the principal and the holder, the principal's own first.
    #[schema(value_type = Vec<String>)]
    pub groups: Vec<PrincipalId>,
    /// The role; `null` for a direct grant.
    #[schema(value_type = Option<String>, required = true)]
    pub role_id: Option<RoleId>,
    /// The role's name; `null` for a direct grant.
    #[schema(value_type = Option<String>, required = true)]
    pub role_name: Option<RoleName>,
    /// The types of entity it counts for; empty for all.
    #[schema(value_type = Vec<String>)]
    pub scope_types: Vec<TypeName>,
    /// Where it counts, and below; `null` for everywhere.
    #[schema(value_type = Option<String>, required = true)]
    pub entity_id: Option<EntityId>,
    /// What must be true besides, in CEL: of the role's permission and of the assignment.
    #[schema(value_type = Vec<String>)]
    pub conditions: Vec<Condition>,
    /// Until when; `null` for good.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub expires_at: Option<Timestamp>,
    /// Since when the assignment is there.
    #[schema(value_type = String, format = DateTime)]
    pub granted_at: Timestamp,
    /// Why; `null` where nobody said.
    #[schema(value_type = Option<String>, required = true)]
    pub reason: Option<Reason>,
}

impl WayBody {
    /// How a grant gives an action.
    pub(super) fn of(grant: &Grant, action: &Action) -> Self {
        let permission = grant.gives.granting(action).and_then(|found| found.condition);
        let mut way = Self::unconditional(grant);
        way.conditions.splice(0..0, permission.cloned());
        way
    }

    /// How a grant gives what has no condition of its own.
    fn unconditional(grant: &Grant) -> Self {
        let (assignment, role) = (&grant.assignment, grant.gives.role());
        Self {
            kind: if role.is_some() { "role" } else { "direct" },
            assignment_id: assignment.id.clone(),
            principal_id: assignment.principal.id.clone(),
            principal_type: assignment.principal.kind.clone(),
            groups: grant.groups.to_vec(),
            role_id: role.map(|role| role.id.clone()),
            role_name: role.map(|role| role.name.clone()),
            scope_types: role.map(|role| role.scope_types.clone()).unwrap_or_default(),
            entity_id: assignment.entity_id.clone(),
            conditions: assignment.condition.iter().cloned().collect(),
            expires_at: assignment.expires_at,
            granted_at: assignment.created_at,
            reason: assignment.reason.clone(),
        }
    }
}

/// What to grant. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `grant` reads; serde would stop at the first fault")]
pub struct CapabilityGrant {
    /// A registered capability, in any spelling: `availability:mark_sold`, `AVAILABILITY_MARK_SOLD`.
    #[schema(pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
    capability_code: String,
    /// Until when; for good when absent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Why, for those who review it. It goes into the audit ledger, which cannot forget.
    #[schema(min_length = 1, max_length = 512)]
    reason: Option<String>,
    /// Where: this entity and everything below it; absent or `null` for everywhere.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    entity_id: Option<String>,
}

/// What to revoke. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `revoke` reads; serde would stop at the first fault")]
pub struct CapabilityRevoke {
    /// A permission that was granted directly, in any spelling.
    #[schema(pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
    capability_code: String,
    /// Where it was granted; absent or `null` for everywhere.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    entity_id: Option<String>,
}

/// What to check. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `check` reads; serde would stop at the first fault")]
pub struct CapabilityCheck {
    /// A permission, in any spelling; its canonical one is what is decided.
    #[schema(pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
    capability_code: String,
    /// On what; absent or `null` for everywhere and all types.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    entity_id: Option<String>,
}

/// Whether a principal has a capability.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CapabilityChecked {
    /// The principal.
    #[schema(value_type = String)]
    pub user_id: PrincipalId,
    /// Its type.
    #[schema(value_type = String)]
    pub principal_type: PrincipalType,
    /// The permission in its canonical spelling.
    #[schema(value_type = String)]
    pub capability_code: Action,
    /// Whether it has it, now.
    pub has_capability: bool,
    /// What decided; `null` where it has it not.
    #[schema(required = true)]
    pub granted_via: Option<WayBody>,
}

impl CapabilityChecked {
    /// The body of an answer.
    pub(super) fn of(user: &Principal, code: &Action, granted_via: Option<WayBody>) -> Self {
        Self {
            user_id: user.id.clone(),
            principal_type: user.kind.clone(),
            capability_code: code.clone(),
            has_capability: granted_via.is_some(),
            granted_via,
        }
    }
}
