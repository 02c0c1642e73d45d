//! What the document says of rate limits: the refusal, and the headers in which every limited answer tells how
//! the limits stand.

use domain::limit::{Verdict, Window};
use serde_json::{Map, Value, json};

use super::responses::{GATEWAY_MESSAGE, THROTTLED, problem};
use super::{refer, with};
use crate::problem::{Problem, RATE_LIMITED};
use crate::routes::Endpoint;

/// The name of the shared refusal.
const NAME: &str = "RateLimited";

/// When it is given.
const WHEN: &str = "The tenant has sent as many requests of this kind as its limits allow; or, told by API Gateway \
                    itself, the deployment is above its rate limit.";

/// The headers of a limited answer, and of the refusal; where no limits are configured there are none.
const HEADERS: [(&str, &str); 5] = [
    ("RateLimit-Policy", "RateLimitPolicy"),
    ("RateLimit", "RateLimit"),
    ("X-RateLimit-Limit", "RateLimitLimit"),
    ("X-RateLimit-Remaining", "RateLimitRemaining"),
    ("X-RateLimit-Reset", "RateLimitReset"),
];

/// The refusal of an endpoint that is limited.
pub(super) fn refused(endpoint: &Endpoint) -> Value {
    if endpoint.is_plain { response(&plain()) } else { refer("responses", NAME) }
}

/// The refusal that all of them refer to, by its name.
pub(super) fn shared() -> (&'static str, Value) {
    let example = problem(429, RATE_LIMITED, &refusal().detail, "/api/v1/entities");
    let example = with(example, "limit_type", json!(Window::Minute.name()));
    let content = json!({
        "application/problem+json": {
            "schema": refer("schemas", "Problem"),
            "examples": {RATE_LIMITED: {"value": example}},
        },
    });
    (NAME, response(&content))
}

fn plain() -> Value {
    json!({crate::TEXT: {"schema": {"type": "string"}, "example": refusal().words()}})
}

/// A refusal as there may be one.
fn refusal() -> Problem {
    Problem::rate_limited(&Verdict {
        allowed: false,
        limit_type: Window::Minute,
        limit: 500,
        remaining: 0,
        reset_seconds: 64,
        retry_after_seconds: 12,
    })
}

/// The response, which API Gateway may also tell itself, in its own form and without our headers.
fn response(content: &Value) -> Value {
    let own = json!({
        "schema": refer("schemas", GATEWAY_MESSAGE), "example": {"message": THROTTLED.2},
    });
    let headers = headers_of_answer().chain([("Retry-After", "RateLimitRetryAfter")]);
    let headers: Map<String, Value> =
        headers.map(|(name, component)| (name.to_owned(), refer("headers", component))).collect();
    json!({
        "description": WHEN,
        "content": with(content.clone(), "application/json", own),
        "headers": headers,
    })
}

/// The headers of an answer, each with the component that describes it.
pub(super) fn headers_of_answer() -> impl Iterator<Item = (&'static str, &'static str)> {
    HEADERS.into_iter()
}

/// The components that describe the headers.
pub(super) fn headers() -> Vec<(&'static str, Value)> {
    let header = |description: &str, schema: Value, example: Value| json!({"description": description, "required": false, "schema": schema, "example": example});
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer", "minimum": 0}));
    vec![
        (
            "RateLimitPolicy",
            header(
                "The limits of this kind of request: how many (`q`) in how many seconds (`w`), \
                 as draft-ietf-httpapi-ratelimit-headers-10 has it.",
                text.clone(),
                json!("\"burst\";q=50;w=10, \"minute\";q=500;w=60"),
            ),
        ),
        (
            "RateLimit",
            header(
                "The limit with the least left: how many requests (`r`), and after how many seconds all of \
                 them are there again (`t`).",
                text,
                json!("\"minute\";r=42;t=64"),
            ),
        ),
        ("RateLimitLimit", header("The number of that limit.", number.clone(), json!(500))),
        (
            "RateLimitRemaining",
            header("How many requests are left of it.", number.clone(), json!(42)),
        ),
        (
            "RateLimitReset",
            header(
                "The second since 1970 in which all of them are there again.",
                number.clone(),
                json!(1_795_404_717_u32),
            ),
        ),
        ("RateLimitRetryAfter", header("Seconds after which to try again.", number, json!(12))),
    ]
}
