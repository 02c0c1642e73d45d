//! The description of each endpoint.

use api::Operation;
use serde_json::{Value, json};

use crate::wire::{RoleBody, RoleCreate, RoleUpdate};

const NAME_TAKEN: &str = "A role with this name exists.";

fn on_a_condition() -> Value {
    json!({"action": "document:verify", "condition": "resource.properties.owner != subject.id"})
}

fn example() -> Value {
    json!({
        "id": "0190b0c5-7e4c-7000-8000-000000000002",
        "tenant_id": "default",
        "name": "Document reviewer",
        "description": "Reads and verifies documents.",
        "permissions": ["document:download", on_a_condition()],
        "scope_types": ["issuer", "offering"],
        "is_system": false,
        "version": 1,
        "created_at": "2026-11-23T03:30:53.000000Z",
        "updated_at": "2026-11-23T03:30:53.000000Z",
    })
}

pub(crate) fn create() -> Operation {
    Operation::new("createRole", "Create a role")
        .describe(
            "A role's `scope_types` limit the types of the *resource* it authorizes on, not of the entity it is \
             held on: held on an issuer, a role for issuers does not reach the offerings below. A permission may \
             hang on a condition in CEL over `subject`, `resource`, `action`, `context` and `now`; it grants only \
             while that is true.",
        )
        .leaves(&["role.created"], "role.create")
        .takes::<RoleCreate>(&json!({
            "name": "Document reviewer",
            "description": "Reads and verifies documents.",
            "permissions": [on_a_condition(), "document:download"],
            "scope_types": ["issuer", "offering"],
        }))
        .versioned()
        .gives::<RoleBody>(201, "It was created; `Location` leads to it.", &example())
        .refuses(409, "name_taken", NAME_TAKEN)
        .refuses(409, "id_taken", "A role with this id exists.")
}

pub(crate) fn list() -> Operation {
    Operation::new("listRoles", "List roles")
        .describe("By id, built-in roles included.")
        .paged()
        .lists::<RoleBody>("A page of roles.", &example())
}

pub(crate) fn read() -> Operation {
    Operation::new("getRole", "Get a role").versioned().gives::<RoleBody>(
        200,
        "The role; `ETag` is its version.",
        &example(),
    )
}

pub(crate) fn update() -> Operation {
    Operation::new("updateRole", "Change a role")
        .describe(
            "Holds at once for everyone who holds the role. What is so already changes and emits nothing.",
        )
        .leaves(&["role.updated"], "role.update")
        .conditional()
        .takes::<RoleUpdate>(&json!({"permissions": ["document:download"]}))
        .versioned()
        .gives::<RoleBody>(200, "The role as it is now.", &example())
        .refuses(409, "name_taken", NAME_TAKEN)
        .refuses(409, "system_role", "The role is built in.")
        .refuses(409, "conflict", "Others keep changing the same role.")
}
