//! The responses of an operation: its answers with their headers, its refusals with an example of each.

use serde_json::{Map, Value, json};

use super::{Body, Operation, in_other_form, limits, refer, with};
use crate::problem::{
    self, AUTHENTICATE, EXPIRED, FOREIGN_TENANT, IMPERSONATION_ENDED, INSUFFICIENT_SCOPE, INVALID,
    KEY_EXPIRED, KEY_INVALID, KEY_REVOKED, Problem, TENANT_SUSPENDED,
};
use crate::routes::Endpoint;
use domain::refusal::Refusal;

/// A refusal that is the same wherever it is given: status, name, code, when.
type Shared = (u16, &'static str, &'static str, &'static str);

const UNAUTHENTICATED: Shared =
    (401, "Unauthenticated", crate::problem::UNAUTHENTICATED, "Nobody was authenticated.");
const FORBIDDEN: Shared = (
    403,
    "Forbidden",
    FOREIGN_TENANT.0,
    "The caller is known, but may not do this; told by API Gateway itself of a signature that does not count.",
);
const TOO_LARGE: Shared = (413, "TooLarge", "too_large", "The body is larger than 1 MiB.");
const DEFECT: Shared =
    (500, "Defect", "defect", "A defect of the service; `trace_id` identifies it.");
const UNAVAILABLE: Shared = (
    503,
    "Unavailable",
    "unavailable",
    "Try again after `Retry-After` seconds, with the same idempotency key.",
);

/// What API Gateway refuses before any function runs: status, name, message, when.
pub(super) const THROTTLED: Shared = (
    429,
    "Throttled",
    "Too Many Requests",
    "The request is above the rate limit; told by API Gateway.",
);

/// An answer without its headers.
pub(super) fn content(description: &str, schema: &Value, example: &Value) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": schema, "example": example}},
    })
}

/// The responses by status: the answers, then each refused status with its codes.
pub(super) fn write(operation: &Operation, endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    for (status, answer) in &operation.answers {
        let headers = answer_headers(*status, operation, endpoint);
        let mut answer = with(answer.clone(), "headers", headers);
        if let Some(content) = answer.get_mut("content") {
            *content = in_other_form(content.take(), operation.other_form.as_ref());
        }
        responses.insert(status.to_string(), answer);
    }
    for (status, ..) in &operation.refusals {
        if !responses.contains_key(&status.to_string()) {
            responses.insert(status.to_string(), refused(*status, operation, endpoint));
        }
    }
    let shared = [
        (UNAUTHENTICATED, endpoint.needs.is_some()),
        (FORBIDDEN, endpoint.needs.is_some()),
        (TOO_LARGE, operation.body.is_some()),
        (DEFECT, true),
        (UNAVAILABLE, endpoint.needs.is_some()),
    ];
    for ((status, name, _, when), _) in shared.into_iter().filter(|(_, applies)| *applies) {
        let response = || match endpoint.is_plain {
            true => plain(status, when),
            false => refer("responses", name),
        };
        responses.entry(status.to_string()).or_insert_with(response);
    }
    let throttled = match endpoint.limited_as() {
        Some(_) => limits::refused(endpoint),
        None => refer("responses", THROTTLED.1),
    };
    responses.insert(THROTTLED.0.to_string(), throttled);
    Value::Object(responses)
}

fn answer_headers(status: u16, operation: &Operation, endpoint: &Endpoint) -> Value {
    let headers = [
        ("X-Request-Id", "RequestId", true),
        ("ETag", "ETag", operation.is_versioned),
        ("Location", "Location", status == 201),
        ("Idempotency-Replayed", "IdempotencyReplayed", endpoint.mutates()),
        ("Consistency-Token", "ConsistencyToken", endpoint.mutates()),
    ];
    let headers = headers.into_iter().filter(|(.., carried)| *carried);
    let headers = headers.map(|(name, component, _)| (name, component));
    let is_limited = endpoint.limited_as().is_some();
    let headers = headers.chain(limits::headers_of_answer().filter(|_| is_limited));
    let shared = headers.map(|(name, component)| (name, refer("headers", component)));
    shared.chain(operation.headers.iter().cloned()).collect()
}

/// A status that an operation refuses with, and an example of each code.
fn refused(status: u16, operation: &Operation, endpoint: &Endpoint) -> Value {
    let of_status = || operation.refusals.iter().filter(|(other, ..)| *other == status);
    let mut whens: Vec<&str> = of_status().map(|(_, _, when)| *when).collect();
    whens.dedup();
    if endpoint.is_plain {
        return plain(status, &whens.join(" "));
    }
    let mut examples = Map::new();
    for (_, code, when) in of_status() {
        let mut example = problem(status, code, when, &endpoint.path.replace(['{', '}', '+'], ""));
        if *code == "invalid" {
            let (pointer, detail) = fault(operation);
            let errors = json!([{"pointer": pointer, "detail": detail}]);
            example = with(example, "errors", errors);
        }
        examples.entry(*code).or_insert_with(|| json!({ "value": example }));
    }
    response(status, &whens.join(" "), &Value::Object(examples))
}

/// A fault that a request of this operation may have.
fn fault(operation: &Operation) -> (String, &'static str) {
    if let Some(Body { name, example, .. }) = &operation.body {
        let mut schemas = operation.schemas.iter().filter(|(of, _)| of == name);
        let required = schemas.find_map(|(_, schema)| schema.pointer("/required/0")?.as_str());
        let field = || example.as_object()?.keys().next();
        return match (required, field()) {
            (Some(field), _) => (format!("/{field}"), "is required"),
            (None, Some(field)) => (format!("/{field}"), "must not be null"),
            (None, None) => (String::new(), "must not be empty"),
        };
    }
    match operation.parameters.last().and_then(|parameter| parameter["name"].as_str()) {
        Some(name) => (name.to_owned(), "may be given only once"),
        None => {
            ("Idempotency-Key".to_owned(), "must be 1 to 255 visible characters without spaces")
        }
    }
}

/// The refusals that every endpoint refers to.
pub(super) fn shared() -> Value {
    let own = [UNAUTHENTICATED, FORBIDDEN, TOO_LARGE, DEFECT, UNAVAILABLE];
    let own = own.into_iter().map(|(status, name, code, when)| {
        let further: &[(&str, &str)] = match status {
            401 => &[EXPIRED, IMPERSONATION_ENDED, INVALID, KEY_EXPIRED, KEY_INVALID, KEY_REVOKED],
            403 => &[
                (
                    INSUFFICIENT_SCOPE,
                    "The scopes of the caller's token or key do not include `permission`.",
                ),
                problem::FORBIDDEN,
                TENANT_SUSPENDED,
            ],
            _ => &[],
        };
        let codes = [(code, when)].into_iter().chain(further.iter().copied());
        let example = |(code, when)| {
            let mut problem = problem(status, code, when, "/api/v1/entities");
            if code == INSUFFICIENT_SCOPE {
                problem = with(problem, "permission", json!("entity:create"));
            }
            (code.to_owned(), json!({ "value": problem }))
        };
        let examples: Map<String, Value> = codes.map(example).collect();
        (name, or_by_gateway(status, response(status, when, &examples.into())))
    });
    let (_, name, message, when) = THROTTLED;
    let throttled =
        content(when, &refer("schemas", GATEWAY_MESSAGE), &json!({ "message": message }));
    own.chain([(name, throttled), limits::shared()]).collect()
}

/// A refusal that API Gateway may also tell itself, in its own form.
fn or_by_gateway(status: u16, mut response: Value) -> Value {
    if status != FORBIDDEN.0 {
        return response;
    }
    let own = json!({
        "schema": refer("schemas", GATEWAY_MESSAGE), "example": {"message": "Forbidden"},
    });
    if let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) {
        content.insert("application/json".to_owned(), own);
    }
    // Its own answers carry no name of the request.
    with(response, "headers", json!({"WWW-Authenticate": refer("headers", "Challenge")}))
}

/// The form of what API Gateway answers itself.
pub(super) const GATEWAY_MESSAGE: &str = "GatewayMessage";

/// The schema of what API Gateway answers itself.
pub(super) fn gateway_message() -> (String, Value) {
    let schema = json!({
        "type": "object",
        "description": "What API Gateway answers itself, where no function was reached.",
        "required": ["message"],
        "properties": {"message": {"type": "string", "description": "The status in words."}},
    });
    (GATEWAY_MESSAGE.to_owned(), schema)
}

fn response(status: u16, description: &str, examples: &Value) -> Value {
    let content = json!({"schema": refer("schemas", "Problem"), "examples": examples});
    with_headers(status, description, &json!({ "application/problem+json": content }))
}

/// A refusal in a line of text.
fn plain(status: u16, description: &str) -> Value {
    let example = match status {
        401 => Problem::unauthenticated(),
        403 => Problem::foreign_tenant(),
        404 => Problem::no_route(),
        413 => Problem::too_large(),
        500 => Problem::defect(""),
        503 => Problem::unavailable(""),
        _ => Problem::invalid_at("/subject", &Refusal::new("is required")),
    };
    let content = json!({"schema": {"type": "string"}, "example": example.words()});
    or_by_gateway(status, with_headers(status, description, &json!({ crate::TEXT: content })))
}

fn with_headers(status: u16, description: &str, content: &Value) -> Value {
    let more = match status {
        401 => Some(("WWW-Authenticate", "Authenticate")),
        503 => Some(("Retry-After", "RetryAfter")),
        _ => None,
    };
    let headers = [("X-Request-Id", "RequestId")].into_iter().chain(more);
    let headers: Map<String, Value> =
        headers.map(|(name, component)| (name.to_owned(), refer("headers", component))).collect();
    json!({"description": description, "content": content, "headers": headers})
}

pub(super) fn problem(status: u16, code: &str, detail: &str, instance: &str) -> Value {
    let status = http::StatusCode::from_u16(status).unwrap_or_default();
    json!({
        "type": format!("urn:epr:problem:{code}"),
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
        "instance": instance,
        "code": code,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    })
}

/// The headers of answers.
pub(super) fn headers() -> Value {
    let header = |description: &str, always: bool, schema: Value, example: Value| json!({"description": description, "required": always, "schema": schema, "example": example});
    let text = || json!({"type": "string"});
    let own = json!({
        "RequestId": header(
            "The request's own `X-Request-Id`, or the one it was given.", true, text(), json!("req-12345"),
        ),
        "ETag": header("The version of what is shown, for `If-Match`.", true, text(), json!("\"3\"")),
        "Location": header(
            "Where what was made is found.", true, text(),
            json!("/api/v1/entities/0190b0c5-7e4c-7000-8000-000000000001"),
        ),
        "ConsistencyToken": header(
            "Given as `consistency: {\"at_least\": …}`, it asks for a decision that counts this change.", true,
            json!({"type": "string", "pattern": crate::CONSISTENCY_TOKEN_PATTERN}),
            json!("ct1-1795404653000000"),
        ),
        "IdempotencyReplayed": header(
            "That the request was answered before, under its `Idempotency-Key`, and this is that answer.",
            false, json!({"type": "string", "const": "true"}), json!("true"),
        ),
        "RetryAfter": header(
            "Seconds after which to try again.", true, json!({"type": "integer", "minimum": 0}), json!(1),
        ),
        "Authenticate": header("How to authenticate.", true, text(), json!(AUTHENTICATE)),
        "Challenge": header(
            "Which scope the token or key lacks, where it lacks one (RFC 6750).", false, text(),
            json!("Bearer error=\"insufficient_scope\", scope=\"entity:create\""),
        ),
    });
    limits::headers().into_iter().fold(own, |all, (name, header)| with(all, name, header))
}
