//! The description of each endpoint.

use api::Operation;
use domain::slug::SLUG_PATTERN;
use serde_json::{Value, json};

use crate::wire::{TenantBody, TenantCreate, TenantSuspend, TenantUpdate};

const SLUG_TAKEN: &str = "A tenant with this slug exists.";
const REFERENCE_TAKEN: &str = "A tenant with this external reference exists.";

/// A text without control characters, and with something visible.
const VISIBLE: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$";

const CONTENDED: &str = "Others keep changing the same tenant.";

fn tenant(version: u64, status: &str, reason: Option<&str>) -> Value {
    let changed = if version == 1 { "2026-11-23" } else { "2026-11-24" };
    json!({
        "id": "acme",
        "slug": "acme-holdings",
        "name": "Acme Holdings",
        "external_ref": "207732",
        "tier": "premium",
        "status": status,
        "suspension_reason": reason,
        "version": version,
        "created_at": "2026-11-23T03:30:53.000000Z",
        "updated_at": format!("{changed}T03:30:53.000000Z"),
    })
}

fn example() -> Value {
    tenant(1, "active", None)
}

pub(crate) fn create() -> Operation {
    Operation::new("createTenant", "Register a tenant")
        .leaves(&["tenant.created"], "tenant.create")
        .describe(
            "For operators. Needed for a tier, a slug or a suspension, and for nothing else: a \
             tenant that is not registered is active and `free`. Its events and \
             audit entries are in the registry's own tenant, `system:tenants`.",
        )
        .takes::<TenantCreate>(&json!({
            "id": "acme",
            "slug": "acme-holdings",
            "name": "Acme Holdings",
            "external_ref": "207732",
            "tier": "premium",
        }))
        .versioned()
        .gives::<TenantBody>(201, "It was registered; `Location` leads to it.", &example())
        .refuses(409, "slug_taken", SLUG_TAKEN)
        .refuses(409, "external_ref_taken", REFERENCE_TAKEN)
        .refuses(409, "id_taken", "A tenant with this id is registered.")
}

pub(crate) fn list() -> Operation {
    Operation::new("listTenants", "List tenants")
        .describe("For operators. By id, suspended ones included.")
        .query(
            "slug",
            "The tenant of this slug only.",
            json!({"type": "string", "pattern": SLUG_PATTERN}),
            false,
        )
        .query(
            "external_ref",
            "The tenant of this external reference only.",
            json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": VISIBLE}),
            false,
        )
        .paged()
        .lists::<TenantBody>("A page of tenants.", &example())
}

pub(crate) fn read() -> Operation {
    Operation::new("getTenant", "Get a tenant")
        .describe("For operators. 404 for one that is not registered.")
        .versioned()
        .gives::<TenantBody>(200, "The tenant; `ETag` is its version.", &example())
}

pub(crate) fn update() -> Operation {
    Operation::new("updateTenant", "Change a tenant")
        .leaves(&["tenant.updated"], "tenant.update")
        .describe(
            "For operators. What is so already changes and emits nothing. The id is for ever.",
        )
        .conditional()
        .takes::<TenantUpdate>(&json!({"tier": "premium"}))
        .versioned()
        .gives::<TenantBody>(200, "The tenant as it is now.", &tenant(2, "active", None))
        .refuses(409, "slug_taken", SLUG_TAKEN)
        .refuses(409, "external_ref_taken", REFERENCE_TAKEN)
        .refuses(409, "conflict", CONTENDED)
}

pub(crate) fn suspend() -> Operation {
    Operation::new("suspendTenant", "Suspend a tenant")
        .leaves(&["tenant.suspended"], "tenant.suspend")
        .describe(
            "For operators. Its callers get 403 `tenant_suspended` from then on, but for what the \
             authorizer remembers (30 seconds) and what API Gateway does; what it has stays as it is, and operators \
             still see it. A tenant that was suspended before stays as it is, its reason too.",
        )
        .conditional()
        .takes::<TenantSuspend>(&json!({"reason": "Unpaid since August."}))
        .versioned()
        .gives::<TenantBody>(
            200,
            "The tenant as it is now.",
            &tenant(2, "suspended", Some("Unpaid since August.")),
        )
        .refuses(409, "conflict", CONTENDED)
}

pub(crate) fn resume() -> Operation {
    Operation::new("resumeTenant", "Resume a suspended tenant")
        .leaves(&["tenant.resumed"], "tenant.resume")
        .describe(
            "For operators. Its callers are let in again. A tenant that is not suspended is left as \
             it is.",
        )
        .conditional()
        .versioned()
        .gives::<TenantBody>(200, "The tenant as it is now.", &tenant(3, "active", None))
        .refuses(409, "conflict", CONTENDED)
}
