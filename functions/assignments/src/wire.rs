//! What is sent and received.

use domain::assignment::Assignment;
use domain::condition::Condition;
use domain::document::Document;
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::membership::Membership;
use domain::permission::Action;
use domain::principal::{PrincipalType, Profile};
use domain::text::Reason;
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// An assignment: a principal holds a role, or a single permission, on an entity and what is below it or everywhere.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Assignment)]
pub struct AssignmentBody {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AssignmentId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// Who holds it; `*` for every principal of the type.
    #[schema(value_type = String)]
    pub principal_id: PrincipalId,
    /// The type of who holds it.
    #[schema(value_type = String)]
    pub principal_type: PrincipalType,
    /// The role; `null` for a permission that is granted directly.
    #[schema(value_type = Option<String>, required = true)]
    pub role_id: Option<RoleId>,
    /// The permission that is granted directly, in its canonical spelling; `null` for a role.
    #[schema(value_type = Option<String>, required = true)]
    pub permission: Option<Action>,
    /// Where; `null` for everywhere.
    #[schema(value_type = Option<String>, required = true)]
    pub entity_id: Option<EntityId>,
    /// From when on it counts.
    #[schema(value_type = String, format = DateTime)]
    pub effective_at: Timestamp,
    /// From when on it no longer counts; `null` for never.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub expires_at: Option<Timestamp>,
    /// What must be true besides, in CEL; `null` for nothing.
    #[schema(value_type = Option<String>, required = true)]
    pub condition: Option<Condition>,
    /// Why it was made; `null` where nobody said.
    #[schema(value_type = Option<String>, required = true)]
    pub reason: Option<Reason>,
    /// Always 1: an assignment is revoked and made anew, not changed.
    #[schema(minimum = 1, maximum = 1)]
    pub version: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl AssignmentBody {
    /// The body of an assignment.
    pub fn of(assignment: &Assignment) -> Self {
        let Assignment {
            id,
            tenant_id,
            principal,
            what,
            entity_id,
            effective_at,
            expires_at,
            condition,
            reason,
            created_at,
            updated_at,
        } = assignment.clone();
        Self {
            id,
            tenant_id,
            principal_id: principal.id,
            principal_type: principal.kind,
            role_id: what.role().cloned(),
            permission: what.permission().cloned(),
            entity_id,
            effective_at,
            expires_at,
            condition,
            reason,
            version: 1,
            created_at,
            updated_at,
        }
    }
}

/// A new assignment: of a role or of a permission, one of the two. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `wanted` reads; serde would stop at the first fault")]
pub struct AssignmentCreate {
    /// Its id; a UUIDv7 when absent.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    id: Option<String>,
    /// Who; `*` for every principal of the type.
    #[schema(pattern = r"^([A-Za-z0-9._:@-]{1,128}|\*)$")]
    principal_id: String,
    /// `user` when absent.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,64}$")]
    principal_type: Option<String>,
    /// The role.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    role_id: Option<String>,
    /// Instead of a role, one permission by itself. What is stored, and compared to the letter, is its canonical
    /// spelling: of `AVAILABILITY_MARK_SOLD` and `availability.mark_sold` that is `availability:mark_sold`.
    #[schema(pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
    permission: Option<String>,
    /// Where: this entity and everything below it; absent or `null` for everywhere.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    entity_id: Option<String>,
    /// From when on; now when absent.
    #[schema(format = DateTime)]
    effective_at: Option<String>,
    /// Until when; for good when absent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// What must be true besides, in CEL, such as `resource.properties.owner == subject.id`.
    #[schema(min_length = 1, max_length = 2048)]
    condition: Option<String>,
    /// Why, for those who review it. It goes into the audit ledger, which cannot forget.
    #[schema(min_length = 1, max_length = 512)]
    reason: Option<String>,
}

/// A member of a group.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberBody {
    /// The group.
    #[schema(value_type = String)]
    pub group_id: PrincipalId,
    /// The member.
    #[schema(value_type = String)]
    pub principal_id: PrincipalId,
    /// The member's type.
    #[schema(value_type = String)]
    pub principal_type: PrincipalType,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl MemberBody {
    /// The body of a membership.
    pub fn of(membership: &Membership) -> Self {
        let Membership { tenant_id, group_id, member, created_at } = membership.clone();
        Self {
            group_id,
            principal_id: member.id,
            principal_type: member.kind,
            tenant_id,
            created_at,
        }
    }
}

/// A new member. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes what `groups::add` reads; serde would stop at the first fault"
)]
pub struct MemberCreate {
    /// The member.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    principal_id: String,
    /// `user` when absent; `group` for a group in the group.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,64}$")]
    principal_type: Option<String>,
}

/// What is stored of a principal.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Principal)]
pub struct PrincipalBody {
    /// The principal's type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: PrincipalType,
    /// The principal.
    #[schema(value_type = String)]
    pub id: PrincipalId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// The properties: a JSON object of at most 64 KiB.
    #[schema(value_type = Object)]
    pub properties: Document,
    /// Counts the changes, from 1.
    #[schema(minimum = 1)]
    pub version: u64,
    /// When it was first stored.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl PrincipalBody {
    /// The body of a profile.
    pub fn of(profile: &Profile) -> Self {
        let Profile { tenant_id, principal, properties, version, created_at, updated_at } =
            profile.clone();
        Self {
            kind: principal.kind,
            id: principal.id,
            tenant_id,
            properties,
            version,
            created_at,
            updated_at,
        }
    }
}

/// New properties of a principal, in place of all the old ones.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes what `principals::write` reads; serde would stop at the first fault"
)]
pub struct PrincipalUpdate {
    /// A JSON object of at most 64 KiB.
    #[schema(value_type = Object)]
    properties: Document,
}
