//! The description of each endpoint of capabilities.

use api::Operation;
use serde_json::{Value, json};

use super::wire::{
    CapabilityBody, CapabilityCheck, CapabilityChecked, CapabilityGrant, CapabilityRevoke,
    HeldBody, categories,
};
use crate::docs::{assignment, principal_type};
use crate::wire::AssignmentBody;

const SOLD: &str = "availability:mark_sold";

fn way() -> Value {
    json!({
        "type": "direct",
        "assignment_id": "0190b0c5-7e4c-7000-8000-000000000003",
        "principal_id": "alice",
        "principal_type": "user",
        "groups": [],
        "role_id": null,
        "role_name": null,
        "scope_types": [],
        "entity_id": null,
        "conditions": [],
        "expires_at": "2026-12-24T00:00:00.000000Z",
        "granted_at": "2026-11-23T03:30:53.000000Z",
        "reason": "covers for bob",
    })
}

fn held() -> Value {
    json!({
        "capability_code": SOLD,
        "category": "Availability",
        "description": "Mark offers as sold.",
        "granted_via": [way()],
        "ways": 1,
    })
}

/// A direct grant as an assignment.
fn granted() -> Value {
    let mut assignment = assignment();
    if let Some(members) = assignment.as_object_mut() {
        members.insert("role_id".to_owned(), Value::Null);
        members.insert("permission".to_owned(), json!(SOLD));
        members.insert("entity_id".to_owned(), Value::Null);
    }
    assignment
}

fn of_type(operation: Operation) -> Operation {
    operation.query(
        "principal_type",
        "The type of the principal; `user` when absent.",
        principal_type(),
        false,
    )
}

pub(crate) fn list() -> Operation {
    Operation::new("listCapabilities", "List the registered capabilities")
        .describe(
            "What this API needs, and what the business that it serves counts as its capabilities, in the order of \
             their names. The same for every tenant. A role may grant other permissions as well.",
        )
        .query("category", "Of this category.", json!({"type": "string", "enum": categories()}), false)
        .query("is_system", "Needed by this API, or not.", json!({"type": "boolean"}), false)
        .paged()
        .lists::<CapabilityBody>(
            "A page of capabilities.",
            &json!({
                "capability_code": "entity:read",
                "category": "Entities",
                "description": "Read and list entities.",
                "is_system": true,
            }),
        )
}

pub(crate) fn mine() -> Operation {
    Operation::new("listOwnCapabilities", "List what the caller effectively holds")
        .describe(
            "By direct grants and by roles, the caller's own, through groups, and of everyone of its type; what is not \
             yet in effect or has expired is left out. Of a caller whose token or key has scopes, only what they \
             include.",
        )
        .paged()
        .lists::<HeldBody>("A page of permissions, in the order of their names.", &held())
}

pub(crate) fn of_user() -> Operation {
    of_type(Operation::new("listUserCapabilities", "List what a principal effectively holds"))
        .describe(
            "By direct grants and by roles, its own, through groups, and of everyone of its type; what is not yet in \
             effect or has expired is left out. One of whom nothing is known holds nothing.",
        )
        .paged()
        .lists::<HeldBody>("A page of permissions, in the order of their names.", &held())
        .refuses(404, "not_found", "No principal can have this id.")
}

pub(crate) fn grant() -> Operation {
    of_type(Operation::new("grantCapability", "Grant a capability directly"))
        .describe(
            "An assignment of the permission in its canonical spelling, which the endpoints of assignments list, show \
             and revoke like any other. It holds at once. Asking again for the same gives the one that is there, with \
             200.",
        )
        .leaves(&["role.assignment.changed"], "role_assignment.create")
        .takes::<CapabilityGrant>(&json!({
            "capability_code": "AVAILABILITY_MARK_SOLD",
            "expires_at": "2026-12-24T00:00:00Z",
            "reason": "covers for bob",
        }))
        .gives::<AssignmentBody>(201, "It was granted; `Location` leads to the assignment.", &granted())
        .gives::<AssignmentBody>(200, "It was granted before.", &granted())
        .refuses(404, "not_found", "No principal can have this id.")
        .refuses(
            409,
            "assigned_otherwise",
            "The principal holds this here with other times, on another condition or for another reason.",
        )
        .refuses(409, "conflict", "Others keep changing the same assignment.")
}

pub(crate) fn revoke() -> Operation {
    of_type(Operation::new("revokeCapability", "Revoke a capability that was granted directly"))
        .describe(
            "Holds at once. What a role grants stays granted: that is revoked with the assignment of the role.",
        )
        .leaves(&["role.assignment.changed"], "role_assignment.delete")
        .takes::<CapabilityRevoke>(&json!({"capability_code": "AVAILABILITY_MARK_SOLD"}))
        .answers(
            200,
            "It was revoked.",
            &json!({"status": "revoked", "assignment_id": "0190b0c5-7e4c-7000-8000-000000000003"}),
        )
        .refuses(404, "not_found", "It is not granted directly, here.")
        .refuses(409, "conflict", "Others keep changing the same assignment.")
}

pub(crate) fn check() -> Operation {
    of_type(Operation::new("checkCapability", "Check whether a principal has a capability"))
        .describe(
            "The decision that would be made now: on the entity, or without one on the tenant as a whole, where only \
             what is held everywhere and for all types counts. The canonical spelling is compared to the letter with \
             what roles grant. A condition sees what is stored, and no context.",
        )
        .takes::<CapabilityCheck>(&json!({"capability_code": "AVAILABILITY_MARK_SOLD"}))
        .gives::<CapabilityChecked>(
            200,
            "The answer.",
            &json!({
                "user_id": "alice",
                "principal_type": "user",
                "capability_code": SOLD,
                "has_capability": true,
                "granted_via": way(),
            }),
        )
        .refuses(404, "not_found", "No principal can have this id.")
}
