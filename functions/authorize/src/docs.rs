//! The description of the endpoint.

use api::Operation;
use serde_json::json;

use crate::wire::{AuthorizeAnswer, AuthorizeRequest};

pub(crate) fn authorize() -> Operation {
    Operation::new("authorize", "May this principal do this here?")
        .describe(
            "Yes if some assignment is held by the principal (itself, through a group, or as one of its type), is \
             effective now, is global or on the resource or above it, and its role grants the exact action and \
             governs the resource's type. A denial is an answer, not an error. Reads the tables as they are: a \
             change that was acknowledged counts.",
        )
        .takes::<AuthorizeRequest>(&json!({
            "user_id": "alice",
            "action": "document:verify",
            "resource_id": "0190b0c5-7e4c-7000-8000-000000000001",
            "explain": true,
        }))
        .gives::<AuthorizeAnswer>(
            200,
            "The answer.",
            &json!({
                "authorized": true,
                "decision": {
                    "outcome": "allow",
                    "permission": "document:verify",
                    "path": ["0190b0c5-7e4c-7000-8000-000000000001"],
                    "assignment": {
                        "assignment_id": "0190b0c5-7e4c-7000-8000-000000000003",
                        "principal_id": "alice",
                        "principal_type": "user",
                        "groups": [],
                        "role_id": "0190b0c5-7e4c-7000-8000-000000000002",
                        "role_name": "Document reviewer",
                        "entity_id": "0190b0c5-7e4c-7000-8000-000000000001",
                        "effective_at": "2026-11-23T03:30:53.000000Z",
                        "expires_at": null,
                    },
                },
            }),
        )
        .refuses(404, "unknown_resource", "There is no such entity, or it belongs to another tenant.")
}
