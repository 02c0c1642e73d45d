//! The description of each endpoint.

use api::Operation;
use serde_json::{Value, json};

use crate::wire::{
    ActionSearch, AuthorizeAnswer, AuthorizeBatch, AuthorizeBatchResult, AuthorizeRequest,
    PrincipalSearch, ResourceSearch, Thing,
};

fn question() -> Value {
    json!({
        "user_id": "alice",
        "action": "document:verify",
        "resource_id": "0190b0c5-7e4c-7000-8000-000000000001",
        "explain": true,
    })
}

fn allowed() -> Value {
    json!({
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
    })
}

pub(crate) fn authorize() -> Operation {
    Operation::new("authorize", "May this principal do this here?")
        .describe(
            "Yes if some assignment is held by the principal (itself, through a group, or as one of its type), is \
             effective now, is global or on the resource or above it, and its role grants, or it names directly, the exact action and \
             governs the resource's type. A denial is an answer, not an error. Reads the tables as they are: a \
             change that was acknowledged counts.",
        )
        .takes::<AuthorizeRequest>(&question())
        .gives::<AuthorizeAnswer>(200, "The answer.", &allowed())
        .refuses(404, "unknown_resource", "There is no such entity, or it belongs to another tenant.")
}

pub(crate) fn authorize_batch() -> Operation {
    let problem = json!({
        "problem": {
            "type": "urn:epr:problem:unknown_resource", "title": "Not Found", "status": 404,
            "detail": "there is no entity `nowhere`", "instance": "/api/v1/authorize/batch",
            "code": "unknown_resource", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        },
    });
    Operation::new("authorizeBatch", "Up to 100 such questions at once")
        .describe(
            "Each is answered for itself and in its place, from inputs that are read once for all. One that is \
             malformed, or about an unknown resource, has a `problem` in place of its answer; the others are answered.",
        )
        .takes::<AuthorizeBatch>(&json!({"checks": [question()]}))
        .gives::<AuthorizeBatchResult>(
            200,
            "The answers, in the order of the questions.",
            &json!({"items": [allowed(), problem]}),
        )
}

pub(crate) fn search_resources() -> Operation {
    Operation::new("searchResources", "On which entities may this principal do this?")
        .describe(
            "Every entity of the type of which `authorize` would say yes at this moment, archived ones too, in pages. \
             A page may be shorter than the limit, even empty, and still have a `next_cursor`: the end is where that \
             is null. A cursor belongs to the same question. An entity that was created or moved a moment ago may \
             not be found yet.",
        )
        .takes::<ResourceSearch>(&json!({"user_id": "alice", "action": "document:verify", "type": "offering"}))
        .lists::<Thing>("A page of entities.", &thing("offering", "0190b0c5-7e4c-7000-8000-000000000001"))
}

pub(crate) fn search_principals() -> Operation {
    Operation::new("searchPrincipals", "Which principals may do this here?")
        .describe(
            "Every principal of the type of which `authorize` would say yes at this moment, in pages as \
             `searchResources` gives them. Where every principal of the type may, those are listed that are known: \
             that hold an assignment, are members of a group, or have stored properties.",
        )
        .takes::<PrincipalSearch>(&json!({
            "action": "document:verify", "resource_id": "0190b0c5-7e4c-7000-8000-000000000001",
        }))
        .lists::<Thing>("A page of principals.", &thing("user", "alice"))
        .refuses(404, "unknown_resource", "There is no such entity, or it belongs to another tenant.")
}

pub(crate) fn search_actions() -> Operation {
    Operation::new("searchActions", "What may this principal do here?")
        .describe(
            "Every action of which `authorize` would say yes at this moment, in order and in pages. Of a built-in \
             role, which grants actions without naming them, those are listed that some role of the tenant names.",
        )
        .takes::<ActionSearch>(&json!({
            "user_id": "alice", "resource_id": "0190b0c5-7e4c-7000-8000-000000000001",
        }))
        .lists::<String>("A page of actions.", &json!("document:verify"))
        .refuses(404, "unknown_resource", "There is no such entity, or it belongs to another tenant.")
}

fn thing(kind: &str, id: &str) -> Value {
    json!({"type": kind, "id": id})
}
