//! The description of each endpoint.

use api::Operation;
use serde_json::{Value, json};

use crate::wire::{EntityBody, EntityCreate, EntityUpdate};

const NAME_TAKEN: &str =
    "An entity of this type with this name exists; an archived one keeps its name.";

fn example() -> Value {
    json!({
        "id": "0190b0c5-7e4c-7000-8000-000000000001",
        "tenant_id": "default",
        "name": "Acme Holdings",
        "type": "issuer",
        "status": "active",
        "parent_id": null,
        "attributes": {"region": "US"},
        "version": 1,
        "created_at": "2026-11-23T03:30:53.000000Z",
        "updated_at": "2026-11-23T03:30:53.000000Z",
    })
}

pub(crate) fn create() -> Operation {
    Operation::new("createEntity", "Create an entity")
        .leaves(&["entity.created"], "entity.create")
        .takes::<EntityCreate>(
            &json!({"name": "Acme Holdings", "type": "issuer", "attributes": {"region": "US"}}),
        )
        .versioned()
        .gives::<EntityBody>(201, "It was created; `Location` leads to it.", &example())
        .refuses(409, "name_taken", NAME_TAKEN)
        .refuses(409, "id_taken", "An entity with this id exists.")
}

pub(crate) fn list() -> Operation {
    let id = json!({"type": "string", "pattern": domain::id::ID_PATTERN});
    let statuses = domain::entity::Status::ALL.map(domain::entity::Status::as_str);
    Operation::new("listEntities", "List entities")
        .describe("Newest first, without archived ones unless asked for. A new entity shows within moments.")
        .query("type", "Of these types only.", json!({"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"}), true)
        .query("parent_id", "Directly under this entity.", id, false)
        .query(
            "status",
            "In this status only.",
            json!({"type": "string", "enum": statuses}),
            false,
        )
        .paged()
        .lists::<EntityBody>("A page of entities.", &example())
}

pub(crate) fn read() -> Operation {
    Operation::new("getEntity", "Get an entity").versioned().gives::<EntityBody>(
        200,
        "The entity; `ETag` is its version.",
        &example(),
    )
}

pub(crate) fn update() -> Operation {
    Operation::new("updateEntity", "Change an entity")
        .describe(
            "What is so already changes and emits nothing. The type is for ever. An unknown parent, one below the \
             entity itself, and a line of more than 16 levels are refused. When the status moves into or out of \
             `archived`, `entity.archived` or `entity.restored` is emitted as well.",
        )
        .leaves(&["entity.updated", "entity.archived", "entity.restored"], "entity.update")
        .conditional()
        .takes::<EntityUpdate>(&json!({"status": "inactive"}))
        .versioned()
        .gives::<EntityBody>(200, "The entity as it is now.", &example())
        .refuses(409, "name_taken", NAME_TAKEN)
        .refuses(409, "conflict", "Others keep changing the same entity.")
}

pub(crate) fn archive() -> Operation {
    Operation::new("archiveEntity", "Archive an entity")
        .describe(
            "Hides it from lists; its name stays taken, and permissions on it stay as they are. A second time it \
             changes and emits nothing.",
        )
        .leaves(&["entity.archived"], "entity.archive")
        .conditional()
        .versioned()
        .gives::<EntityBody>(200, "The archived entity.", &example())
        .refuses(409, "conflict", "Others keep changing the same entity.")
}

pub(crate) fn restore() -> Operation {
    Operation::new("restoreEntity", "Restore an archived entity")
        .describe("Makes it active again. An entity that is not archived is left as it is.")
        .leaves(&["entity.restored"], "entity.restore")
        .conditional()
        .versioned()
        .gives::<EntityBody>(200, "The entity as it is now.", &example())
        .refuses(409, "conflict", "Others keep changing the same entity.")
}
