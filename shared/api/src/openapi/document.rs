//! The whole document: every function's operations, and what they refer to.

use serde_json::{Map, Value, json};

use super::responses;
use crate::routes::Routes;

const DESCRIPTION: &str = "\
Who may do what, what happened, and proof of it. Every list is paged, every refusal is \
`application/problem+json` (RFC 9457), every mutation takes an `Idempotency-Key`. HEAD works wherever GET does; any \
other method that a path has not is refused with 405 and an `Allow` header. A path that does not exist (404) and a \
request above the rate limit (429) are answered by API Gateway, with `{\"message\": \"…\"}`.";

/// The document of all functions: `(routes, title, what its endpoints are for)` each.
pub fn document(functions: Vec<(Routes, &'static str, &'static str)>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas: Map<String, Value> =
        Map::from_iter([("Problem".to_owned(), problem_schema())]);
    let mut tags = Vec::new();
    for (routes, title, purpose) in functions {
        tags.push(json!({"name": title, "description": purpose}));
        for endpoint in &routes.endpoints {
            let (operation, used) = (endpoint.operation)().write(endpoint, title);
            let path = paths.entry(endpoint.described_path()).or_insert_with(|| json!({}));
            if let Some(methods) = path.as_object_mut() {
                methods.insert(endpoint.method.as_str().to_lowercase(), operation);
            }
            schemas.extend(used);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "EPR, the Entity & Permissions Core",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8000", "description": "`cargo local`"}],
        "security": [{"bearer": []}, {"iam": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": header_parameters(),
            "headers": responses::headers(),
            "responses": responses::shared(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "iam": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "AWS Signature Version 4 of a principal that may invoke the API.",
                },
            },
        },
    })
}

fn header_parameters() -> Value {
    let header = |name: &str, description: &str, example: &str| {
        json!({
            "name": name, "in": "header", "required": false, "description": description,
            "schema": {"type": "string"}, "example": example,
        })
    };
    json!({
        "TenantId": header("X-Tenant-Id", "The tenant, for a caller whose identity carries none.", "default"),
        "RequestId": header("X-Request-Id", "Names the request in logs and answers; echoed.", "req-12345"),
        "IdempotencyKey": header(
            "Idempotency-Key",
            "The same request under the same key has one effect and one answer, for 24 hours.",
            "0190b0c5-7e4c-7000-8000-000000000001",
        ),
        "IfMatch": header("If-Match", "Change only this version, as `ETag` gave it.", "\"3\""),
        "ActorId": header("X-Actor-Id", "On whose behalf a service acts; recorded beside it.", "user-42"),
    })
}

fn problem_schema() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    json!({
        "type": "object",
        "description": "Why a request was not answered as asked (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "code", "trace_id"],
        "properties": {
            "type": text("The problem as a URI."),
            "title": text("The status in words."),
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": text("What is wrong, for people."),
            "instance": text("The path that was asked."),
            "code": text("What is wrong, for programs: stable."),
            "trace_id": text("The trace that logs know it by."),
            "errors": {
                "type": "array",
                "description": "Every fault of the body or query.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": text("Where: a JSON pointer into the body, or a parameter's name."),
                        "detail": text("What."),
                    },
                },
            },
        },
    })
}
