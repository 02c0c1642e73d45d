//! What is sent and received.

use domain::id::TenantId;
use domain::slug::Slug;
use domain::tenant::{Status, Tenant, Tier};
use domain::text::{ExternalReference, SuspensionReason, TenantName};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// A tenant as the registry has it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub struct TenantBody {
    /// Its id: what tokens and `X-Tenant-Id` name.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    pub id: TenantId,
    /// Its name in addresses, unique over all tenants.
    #[schema(value_type = String, pattern = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
    pub slug: Slug,
    /// What it is called.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    pub name: TenantName,
    /// What it is in another system, unique over all tenants; `null` for none.
    #[schema(value_type = Option<String>, max_length = 128, required = true)]
    pub external_ref: Option<ExternalReference>,
    /// What it is served as.
    #[schema(schema_with = tier)]
    pub tier: Tier,
    /// Whether its callers are let in.
    #[schema(schema_with = status)]
    pub status: &'static str,
    /// Why it is suspended, where that was said.
    #[schema(value_type = Option<String>, max_length = 512, required = true)]
    pub suspension_reason: Option<SuspensionReason>,
    /// Counts the changes, from 1.
    #[schema(minimum = 1)]
    pub version: u64,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl TenantBody {
    /// The body of a tenant.
    pub fn of(tenant: &Tenant) -> Self {
        let Tenant { id, slug, name, external_ref, tier, status, version, created_at, updated_at } =
            tenant.clone();
        Self {
            id,
            slug,
            name,
            external_ref,
            tier,
            status: status.as_str(),
            suspension_reason: status.reason().cloned(),
            version,
            created_at,
            updated_at,
        }
    }
}

/// A new tenant. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `draft` reads; serde would stop at the first fault")]
pub struct TenantCreate {
    /// Its id, for ever; a UUIDv7 when absent. Must not begin with `system:`. What is stored under it already, from
    /// before it was registered, is its own.
    #[schema(pattern = "^(?!system:)[A-Za-z0-9._:@-]{1,128}$")]
    id: Option<String>,
    /// Its name in addresses, unique over all tenants.
    #[schema(pattern = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
    slug: String,
    /// What it is called.
    #[schema(
        min_length = 1,
        max_length = 120,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// What it is in another system, such as the number of a workspace; unique over all tenants.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    external_ref: Option<String>,
    /// `free` when absent.
    #[schema(schema_with = tier)]
    tier: Option<String>,
}

/// Changes of a tenant: what is absent stays. Unknown fields are refused.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes what `patch_of` reads; serde would stop at the first fault"
)]
pub struct TenantUpdate {
    /// A new slug; the old one is free again.
    #[schema(pattern = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", nullable = false)]
    slug: Option<String>,
    /// A new name.
    #[schema(
        min_length = 1,
        max_length = 120,
        nullable = false,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: Option<String>,
    /// A new external reference; `null` for none.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    external_ref: Option<String>,
    /// A new tier.
    #[schema(schema_with = tier)]
    tier: Option<String>,
}

/// Why a tenant is suspended. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `suspend` reads")]
pub struct TenantSuspend {
    /// Why, for operators. The tenant's callers are not told, and the audit ledger does not hold it.
    #[schema(
        min_length = 1,
        max_length = 512,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    reason: Option<String>,
}

/// Every tier there is. A schema of one's own takes no description from its field.
fn tier() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Tier::ALL.map(Tier::as_str)))
        .description(Some("What it is served as; `free` where a new tenant names none."))
        .build()
}

/// Every status there is.
fn status() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Status::NAMES))
        .description(Some("Whether its callers are let in; `suspended` ones get 403."))
        .build()
}
