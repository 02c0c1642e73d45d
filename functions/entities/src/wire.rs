//! What is sent and received.

use domain::document::Document;
use domain::entity::{Entity, Status};
use domain::entity_type::TypeName;
use domain::id::{EntityId, TenantId};
use domain::text::EntityName;
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// An entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Entity)]
pub struct EntityBody {
    /// Its id.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    pub id: EntityId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// Its name, unique within tenant and type.
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    pub name: EntityName,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: TypeName,
    /// Whether it is in use.
    #[schema(schema_with = status)]
    pub status: Status,
    /// The entity above it; `null` for none.
    #[schema(value_type = Option<String>, required = true)]
    pub parent_id: Option<EntityId>,
    /// What its tenant attaches to it: a JSON object of at most 64 KiB.
    #[schema(value_type = Object)]
    pub attributes: Document,
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

impl EntityBody {
    /// The body of an entity.
    pub fn of(entity: &Entity) -> Self {
        let Entity {
            id,
            tenant_id,
            name,
            kind,
            status,
            parent_id,
            attributes,
            version,
            created_at,
            updated_at,
        } = entity.clone();
        Self {
            id,
            tenant_id,
            name,
            kind,
            status,
            parent_id,
            attributes,
            version,
            created_at,
            updated_at,
        }
    }
}

/// A new entity. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `draft` reads; serde would stop at the first fault")]
pub struct EntityCreate {
    /// Its id; a UUIDv7 when absent.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    id: Option<String>,
    /// Its name, unique within tenant and type.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// One of `issuer`, `spv`, `offering`, `investor`, `agent`, `other`, or a further type that the deployment is
    /// configured to have.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,63}$")]
    r#type: String,
    /// `active` when absent.
    #[schema(schema_with = status)]
    status: Option<String>,
    /// The entity above it, which must exist; at most 16 levels in all.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    parent_id: Option<String>,
    /// A JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    attributes: Option<Document>,
}

/// Changes of an entity: what is absent stays. Unknown fields are refused.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes what `patch_of` reads; serde would stop at the first fault"
)]
pub struct EntityUpdate {
    /// A new name.
    #[schema(
        min_length = 1,
        max_length = 255,
        nullable = false,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: Option<String>,
    /// A new status.
    #[schema(schema_with = status)]
    status: Option<String>,
    /// A new parent; `null` for none.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    parent_id: Option<String>,
    /// New attributes, in place of all the old ones.
    #[schema(value_type = Object, required = false)]
    attributes: Option<Document>,
}

/// Every status there is. A schema of one's own takes no description from its field.
fn status() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Status::ALL.map(Status::as_str)))
        .description(Some("Whether it is in use; `active` where a new entity names none."))
        .build()
}
