//! The description of each endpoint.

use api::Operation;
use serde_json::{Value, json};

use crate::wire::{
    ApiKeyBody, ApiKeyCreate, ApiKeyDeleted, ImpersonationBody, ImpersonationStart,
    ImpersonationStop,
};

const IMPERSONATING: &str = "The caller acts as someone else.";

fn key(version: u64, revoked_at: Option<&str>) -> Value {
    json!({
        "id": "5f0c1e9a77d2b364",
        "tenant_id": "default",
        "name": "Nightly reports",
        "principal_id": "reports",
        "principal_type": "service",
        "key_prefix": "ak_default.5f0c1e9a77d2b364",
        "scopes": ["entity:read", "role:read"],
        "expires_at": "2027-11-23T03:30:53.000000Z",
        "revoked_at": revoked_at,
        "last_used_at": null,
        "version": version,
        "created_at": "2026-11-23T03:30:53.000000Z",
        "updated_at": revoked_at.unwrap_or("2026-11-23T03:30:53.000000Z"),
    })
}

fn example() -> Value {
    key(1, None)
}

fn revoked() -> Value {
    key(2, Some("2026-11-24T03:30:53.000000Z"))
}

fn created() -> Value {
    let mut key = example();
    if let Some(members) = key.as_object_mut() {
        let secret = "0123456789abcdef".repeat(4);
        members.insert("key".to_owned(), json!(format!("ak_default.5f0c1e9a77d2b364_{secret}")));
    }
    key
}

pub(crate) fn create() -> Operation {
    Operation::new("createApiKey", "Create an API key")
        .describe(
            "The whole key is in this answer and in no other: what is stored is its HMAC. Repeated under its \
             idempotency key, the request is answered without it; if the first answer was lost, revoke the key and \
             create another. A key is limited to no more than the caller is.",
        )
        .leaves(&["api_key.created"], "api_key.create")
        .takes::<ApiKeyCreate>(&json!({
            "name": "Nightly reports",
            "principal_id": "reports",
            "scopes": ["entity:read", "role:read"],
            "expires_at": "2027-11-23T03:30:53Z",
        }))
        .versioned()
        .gives::<ApiKeyBody>(201, "It was created; `Location` leads to it.", &created())
        .refuses(409, "impersonating", IMPERSONATING)
}

pub(crate) fn list() -> Operation {
    Operation::new("listApiKeys", "List API keys")
        .describe("By id. Revoked and expired keys included.")
        .paged()
        .lists::<ApiKeyBody>("A page of API keys.", &example())
}

pub(crate) fn read() -> Operation {
    Operation::new("getApiKey", "Get an API key").versioned().gives::<ApiKeyBody>(
        200,
        "The API key; `ETag` is its version.",
        &example(),
    )
}

pub(crate) fn revoke() -> Operation {
    Operation::new("revokeApiKey", "Revoke an API key")
        .describe(
            "Nobody is let in with it any more, but for what API Gateway remembers of it. A key that was revoked \
             before stays as it is, and nothing is emitted.",
        )
        .leaves(&["api_key.revoked"], "api_key.revoke")
        .conditional()
        .versioned()
        .gives::<ApiKeyBody>(200, "The API key as it is now.", &revoked())
        .refuses(409, "conflict", "Others keep changing the same API key.")
}

pub(crate) fn forget() -> Operation {
    Operation::new("deleteApiKey", "Delete an API key")
        .describe("Only one that was revoked or has expired.")
        .leaves(&["api_key.deleted"], "api_key.delete")
        .conditional()
        .gives::<ApiKeyDeleted>(
            200,
            "It is no more.",
            &json!({"status": "deleted", "api_key_id": "5f0c1e9a77d2b364"}),
        )
        .refuses(409, "key_active", "Someone may still be using the key.")
        .refuses(409, "conflict", "Others keep changing the same API key.")
}

fn impersonation(stopped_at: Option<&str>) -> Value {
    json!({
        "impersonation_id": "5f0c1e9a77d2b364",
        "tenant_id": "default",
        "actor_id": "ada",
        "actor_type": "user",
        "user_id": "bob",
        "user_type": "user",
        "reason": "Ticket 789: cannot see the ledger.",
        "started_at": "2026-11-23T03:30:53.000000Z",
        "expires_at": "2026-11-23T03:45:53.000000Z",
        "stopped_at": stopped_at,
    })
}

fn started() -> Value {
    let mut started = impersonation(None);
    if let Some(members) = started.as_object_mut() {
        let secret = "0123456789abcdef".repeat(4);
        members.insert("token".to_owned(), json!(format!("im_default.5f0c1e9a77d2b364_{secret}")));
    }
    started
}

pub(crate) fn start() -> Operation {
    Operation::new("startImpersonation", "Act as someone else")
        .describe(
            "For a quarter of an hour, which nothing makes longer. Call with the token \
             (`Authorization: Bearer im_…`), or from a browser with the cookie `impersonation`, which counts beside the \
             caller's own credential only. What is done so needs the permission of both: of the user, and of who acts \
             as the user, who must also hold `admin:impersonate` still. It is on record as the actor's, on behalf of the \
             user. No API key can be made, and no further impersonation started. Start, stop and expiry are entries of \
             the audit ledger, with the reason. Repeated under its idempotency key, the request is answered without \
             the token.",
        )
        .leaves(&["impersonation.started"], "impersonation.start")
        .takes::<ImpersonationStart>(&json!({
            "user_id": "bob",
            "reason": "Ticket 789: cannot see the ledger.",
        }))
        .gives::<ImpersonationBody>(200, "It has begun; `Set-Cookie` says so to a browser.", &started())
        .refuses(409, "impersonating", IMPERSONATING)
}

pub(crate) fn stop() -> Operation {
    Operation::new("stopImpersonation", "Stop acting as someone else")
        .describe(
            "At once, whatever API Gateway remembers. Who does not act as someone else names the impersonation to stop. \
             One that has ended stays as it is.",
        )
        .leaves(&["impersonation.stopped"], "impersonation.stop")
        .takes::<ImpersonationStop>(&json!({"impersonation_id": "5f0c1e9a77d2b364"}))
        .gives::<ImpersonationBody>(
            200,
            "It has ended; `Set-Cookie` takes the cookie away.",
            &impersonation(Some("2026-11-23T03:35:53.000000Z")),
        )
        .refuses(404, "not_found", "There is no such impersonation.")
        .refuses(409, "conflict", "Others keep changing the same impersonation.")
}
