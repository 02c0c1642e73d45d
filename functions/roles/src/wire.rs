//! What is sent and received.

use domain::entity_type::TypeName;
use domain::id::{RoleId, TenantId};
use domain::permission::Permissions;
use domain::role::Role;
use domain::text::{Description, RoleName};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::openapi::schema::{OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A role.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub struct RoleBody {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RoleId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// Its name, unique within the tenant.
    #[schema(value_type = String, min_length = 3, max_length = 120)]
    pub name: RoleName,
    /// What it is for.
    #[schema(value_type = Option<String>, max_length = 512, required = true)]
    pub description: Option<Description>,
    /// What it grants, in ascending order of the actions.
    #[schema(value_type = Vec<GrantedPermission>)]
    pub permissions: Permissions,
    /// The types of entity it governs; empty for all.
    #[schema(value_type = Vec<String>)]
    pub scope_types: Vec<TypeName>,
    /// Whether it is built in.
    pub is_system: bool,
    /// Counts the changes, from 1.
    #[schema(minimum = 1)]
    pub version: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl RoleBody {
    /// The body of a role.
    pub fn of(role: &Role) -> Self {
        let Role {
            id,
            tenant_id,
            name,
            description,
            permissions,
            scope_types,
            is_system,
            version,
            created_at,
            updated_at,
        } = role.clone();
        Self {
            id,
            tenant_id,
            name,
            description,
            permissions,
            scope_types,
            is_system,
            version,
            created_at,
            updated_at,
        }
    }
}

/// What a role grants: an action, such as `document:upload`, or an action on a condition.
#[derive(Debug)]
pub struct Permission;

/// An action, such as `document:upload`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a text that others read")]
#[schema(value_type = String, pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
pub(crate) struct ActionName(String);

impl PartialSchema for Permission {
    fn schema() -> RefOr<Schema> {
        let either = OneOfBuilder::new()
            .item(Ref::from_schema_name("ActionName"))
            .item(Ref::from_schema_name("ConditionalPermission"));
        let what = "What a role grants: an action, or an action on a condition.";
        Schema::OneOf(either.description(Some(what)).build()).into()
    }
}

impl ToSchema for Permission {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("ActionName".to_owned(), ActionName::schema()));
        schemas.push(("ConditionalPermission".to_owned(), ConditionalPermission::schema()));
    }
}

/// What a role has: as it was sent, or with the wildcards of a built-in role.
#[derive(Debug, Serialize, ToSchema)]
#[expect(dead_code, reason = "describes what `Permissions` writes")]
#[serde(untagged)]
pub(crate) enum GrantedPermission {
    /// The action alone; `*` and `*:read` are those of built-in roles.
    Action(String),
    /// The action, and what must be true besides.
    Conditional(ConditionalPermission),
}

/// The name of a type of entity.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a text that others read")]
#[schema(value_type = String, pattern = "^[a-z][a-z0-9_]{0,63}$")]
pub(crate) struct EntityType(String);

/// An action that a role grants on a condition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionalPermission {
    /// The action.
    #[schema(pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
    action: String,
    /// What must be true besides, in CEL, such as `resource.properties.owner == subject.id`.
    #[schema(min_length = 1, max_length = 2048)]
    condition: String,
}

/// A new role. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `draft` reads; serde would stop at the first fault")]
pub struct RoleCreate {
    /// Its id; a UUIDv7 when absent. Must not begin with `system:`.
    #[schema(pattern = "^(?!system:)[A-Za-z0-9._:@-]{1,128}$")]
    id: Option<String>,
    /// Its name, unique within the tenant. Must not begin with `system:`.
    #[schema(
        min_length = 3,
        max_length = 120,
        pattern = r"^(?!system:)[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// What it is for.
    #[schema(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    description: Option<String>,
    /// Exact actions, such as `document:upload`, some perhaps on a condition; repeats are dropped. Wildcards
    /// are refused, and so is an action on two conditions. At most 48 KiB as JSON.
    #[schema(max_items = 500)]
    permissions: Option<Vec<Permission>>,
    /// The types of entity it governs; empty or absent for all.
    #[schema(value_type = Option<Vec<EntityType>>, max_items = 100)]
    scope_types: Option<Vec<TypeName>>,
}

/// Changes of a role: what is absent stays. Unknown fields are refused.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes what `patch_of` reads; serde would stop at the first fault"
)]
pub struct RoleUpdate {
    /// A new name. Must not begin with `system:`.
    #[schema(
        min_length = 3,
        max_length = 120,
        nullable = false,
        pattern = r"^(?!system:)[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: Option<String>,
    /// A new description; `null` for none.
    #[schema(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    description: Option<String>,
    /// New permissions, in place of all the old ones; at most 48 KiB as JSON.
    #[schema(max_items = 500, nullable = false)]
    permissions: Option<Vec<Permission>>,
    /// New scope types, in place of all the old ones.
    #[schema(value_type = Vec<EntityType>, max_items = 100, required = false)]
    scope_types: Option<Vec<TypeName>>,
}
