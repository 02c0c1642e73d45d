//! Idempotency keys: the same request under the same key has one effect and one answer.
//!
//! The receipt commits with the change, so a new request costs no read: it simply runs, and meets the
//! receipt of an earlier one as a failed condition. Only then, or when it fails otherwise (the thing it
//! was to create exists by now, by its own earlier effect), the receipt is read and its answer given.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::hash::hex;
use http::request::Parts;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::ReceiptSlot;

use crate::answer::Answer;
use crate::app::App;
use crate::body::read_whole;
use crate::caller::Caller;
use crate::consistency::{CONSISTENCY_TOKEN, ConsistencyToken};
use crate::problem::{Fault, Problem};

const KEY_HEADER: &str = "idempotency-key";

/// Longest idempotency key, in characters.
const KEY_CHARACTERS_MAX: usize = 255;

/// Up to here a double holds every integer.
const INTEGER_MAX: u64 = 1 << 53;

/// The layer around every endpoint that may change something. What has changed carries a
/// [`ConsistencyToken`].
pub(crate) async fn idempotent(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = answer(&app, request, next).await;
    if response.status().is_success() {
        let token = ConsistencyToken::at(app.clock.now());
        response.headers_mut().insert(CONSISTENCY_TOKEN, token.into());
    }
    response
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(KEY_HEADER) {
        return next.run(request).await;
    }
    match run(app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn run(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::of(&parts)?;
    let body = read_whole(body).await?;
    let slot = slot(&parts, caller, &body)?;
    parts.extensions.insert(slot.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_success() {
        return Ok(response);
    }
    let Some(receipt) = app.store.receipt_read(&slot, app.clock.now()).await? else {
        return Ok(response);
    };
    if receipt.fingerprint != slot.fingerprint {
        return Err(Problem::conflict(
            "idempotency_key_reused",
            "this idempotency key came with another request before; a new request needs a new key",
        ));
    }
    let answer = Answer::replay(&receipt.answer)
        .ok_or_else(|| Problem::defect("a receipt cannot be read"))?;
    Ok(answer.into_response())
}

/// Where the receipt of a request is kept.
fn slot(parts: &Parts, caller: Caller, body: &[u8]) -> Result<ReceiptSlot, Problem> {
    let key =
        parts.headers.get(KEY_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let legal = !key.is_empty()
        && key.len() <= KEY_CHARACTERS_MAX
        && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !legal {
        let detail = format!("must be 1 to {KEY_CHARACTERS_MAX} visible characters without spaces");
        return Err(Problem::invalid(vec![Fault {
            pointer: "Idempotency-Key".to_owned(),
            detail,
        }]));
    }
    let route = parts.extensions.get::<MatchedPath>().map_or(parts.uri.path(), MatchedPath::as_str);
    Ok(ReceiptSlot {
        principal: caller.actor().clone(),
        tenant_id: caller.tenant_id,
        method: parts.method.to_string(),
        route: route.to_owned(),
        idempotency_key: key.to_owned(),
        fingerprint: fingerprint(parts, body),
    })
}

/// A hash of what was asked: the path with its query, and the body in canonical form (RFC 8785), so that
/// spacing and the order of keys make no difference.
///
/// The canonical form writes every number as a double. A body with an integer that a double cannot hold is
/// taken as it was sent, or two that differ only there would be one request, and the second be lost.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let canonical = serde_json::from_slice::<Value>(body)
        .ok()
        .filter(is_canonical)
        .and_then(|value| serde_json_canonicalizer::to_vec(&value).ok());
    let mut hash = Sha256::new();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    hash.update((target.len() as u64).to_be_bytes());
    hash.update(target);
    hash.update(canonical.as_deref().unwrap_or(body));
    hex(&hash.finalize())
}

/// Whether the canonical form tells it from every other value.
fn is_canonical(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            let size = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            size.is_none_or(|size| size <= INTEGER_MAX)
        }
        Value::Array(items) => items.iter().all(is_canonical),
        Value::Object(members) => members.values().all(is_canonical),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(target: &str, body: &str) -> String {
        let parts = http::Request::builder().uri(target).body(()).unwrap().into_parts().0;
        fingerprint(&parts, body.as_bytes())
    }

    #[test]
    fn spacing_and_order_of_keys_make_no_other_request() {
        assert_eq!(of("/a", r#"{"a":1,"b":[2]}"#), of("/a", "{ \"b\": [2], \"a\": 1.0 }"));
    }

    #[test]
    fn another_path_or_value_is_another_request() {
        let first = of("/a/1", r#"{"a":1}"#);
        for other in [
            of("/a/2", r#"{"a":1}"#),
            of("/a/1?x=1", r#"{"a":1}"#),
            of("/a/1", r#"{"a":2}"#),
            of("/a/1", ""),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn integers_that_a_double_would_round_to_one_make_two_requests() {
        for (one, other) in [
            ("9007199254740992", "9007199254740993"),
            ("-9007199254740992", "-9007199254740993"),
            ("18446744073709551614", "18446744073709551615"),
        ] {
            let body = |number| format!(r#"{{"attributes":{{"list":[{number}]}}}}"#);
            assert_ne!(of("/a", &body(one)), of("/a", &body(other)));
        }
    }
}
