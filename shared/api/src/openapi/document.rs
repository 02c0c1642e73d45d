//! The whole document: every function's operations, and what they refer to.

use serde_json::{Map, Value, json};

use super::responses;
use crate::routes::Routes;

const DESCRIPTION: &str = "\
Who may do what, what happened, and proof of it. Every list is paged, every refusal is \
`application/problem+json` (RFC 9457), every mutation takes an `Idempotency-Key`. HEAD works wherever GET does; any \
other method that a path has not is refused with 405 and an `Allow` header.

A deployment lets callers in by the tokens of its issuers, or, where it has none, by the signatures of IAM. What API \
Gateway answers itself is `{\"message\": \"…\"}`: 401 to a request without any token, 403 to one whose signature does \
not count, 404 for a path that does not exist, 413 to a body above 10 MB, 429 where the deployment is above its rate limit, and \
500 or 503 where a function did not answer. `cargo local` asks for neither, unless it is started with `--auth`.

Where limits are configured for tenants, every limited answer has the headers `RateLimit-Policy` and `RateLimit`, and \
a request above them is refused with 429, `limit_type` and `Retry-After`.";

/// The document of all functions: `(routes, title, what its endpoints are for)` each.
pub fn document(functions: Vec<(Routes, &'static str, &'static str)>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas: Map<String, Value> =
        Map::from_iter([("Problem".to_owned(), problem_schema()), responses::gateway_message()]);
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
    schemas.values_mut().for_each(open_what_has_no_properties);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "EPR, the Entity & Permissions Core",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": servers(),
        "security": [{"token": []}, {"api_key": []}, {"iam": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": header_parameters(),
            "headers": responses::headers(),
            "responses": responses::shared(),
            "securitySchemes": {
                "api_key": {
                    "type": "apiKey", "in": "header", "name": "X-API-Key",
                    "description": "An API key; also as `Authorization: ApiKey …` or `Bearer …`, and behind API \
                                    Gateway only so.",
                },
                "token": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A token of an issuer that the deployment trusts; locally one of `epr token`.",
                },
                "iam": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "AWS Signature Version 4 (service `execute-api`) of a principal that may invoke \
                                    the API.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
            },
        },
    })
}

/// Says of an object of which no property is described that it may have any. A schema that is silent means the
/// same, but generators of clients take it for an object that has none.
fn open_what_has_no_properties(schema: &mut Value) {
    let is_object = match &schema["type"] {
        Value::Array(types) => types.contains(&json!("object")),
        one => one == "object",
    };
    match schema {
        Value::Object(members) => {
            if is_object && !members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(json!(true));
            }
            members.values_mut().for_each(open_what_has_no_properties);
        }
        Value::Array(items) => items.iter_mut().for_each(open_what_has_no_properties),
        _ => {}
    }
}

fn servers() -> Value {
    let name =
        |default: &str, description: &str| json!({"default": default, "description": description});
    json!([
        {"url": "http://127.0.0.1:8000", "description": "`cargo local`"},
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com",
            "description": "A deployment: its output `ApiUrl`",
            "variables": {
                "api": name("api", "The id of the HTTP API."),
                "region": name("us-east-1", "The region of the deployment."),
            },
        },
    ])
}

fn header_parameters() -> Value {
    let header = |name: &str, description: &str, schema: Value, example: &str| {
        json!({
            "name": name, "in": "header", "required": false, "description": description,
            "schema": schema, "example": example,
        })
    };
    let like = |pattern: &str| json!({"type": "string", "pattern": pattern});
    let id = || like(domain::id::ID_PATTERN);
    json!({
        "TenantId": header("X-Tenant-Id", "The tenant, for a caller whose identity carries none.", id(), "default"),
        "RequestId": header(
            "X-Request-Id",
            "Names the request in logs and answers; echoed.",
            json!({"type": "string"}),
            "req-12345",
        ),
        "IdempotencyKey": header(
            "Idempotency-Key",
            "The same request under the same key has one effect and one answer, for 24 hours.",
            like("^[!-~]{1,255}$"),
            "0190b0c5-7e4c-7000-8000-000000000001",
        ),
        "IfMatch": header(
            "If-Match",
            "Change only this version, as `ETag` gave it.",
            like(r#"^(\*|"[0-9]{1,19}")$"#),
            "\"3\"",
        ),
        "ActorId": header("X-Actor-Id", "On whose behalf a service acts; recorded beside it.", id(), "user-42"),
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
            "permission": text("The permission that the caller lacks, where that is the reason."),
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
            "limit_type": {
                "type": "string",
                "description": "Which limit was reached.",
                "enum": ["burst", "minute", "hour", "day"],
            },
        },
    })
}
