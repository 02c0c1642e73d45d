//! The end of the SDK client's wire: a request goes in, the engine's answer comes out.

use super::{Embedded, operations};
use crate::wire;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::Bytes;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode, header};

/// Names the operation.
const TARGET: &str = "x-amz-target";

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

const UNKNOWN: &str = r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;

const REFUSED: &str = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not allowed here: tables are read, and with `epr local --open-tables` their items written"}"#;

/// Holds the whole [`Embedded`], so that the data folder stays locked while a client can write.
pub(super) fn http_client(embedded: Embedded) -> SharedHttpClient {
    wire::ends_in(move |request| {
        let embedded = embedded.clone();
        async move { Ok(respond(&embedded, &request)) }
    })
}

/// Serves the operations that are `allowed` and come over a socket, except from a web page; any page in a browser
/// on this machine could send them.
pub(super) fn router(embedded: Embedded, allowed: fn(&str) -> bool) -> Router {
    Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        if headers.contains_key(header::ORIGIN) {
            return StatusCode::FORBIDDEN.into_response();
        }
        let target = headers.get(TARGET).and_then(|target| target.to_str().ok());
        let target = target.unwrap_or_default();
        let (status, answer) = if allowed(target) {
            answer(&embedded, target, &body)
        } else {
            (StatusCode::BAD_REQUEST, REFUSED.as_bytes().to_vec())
        };
        (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], answer).into_response()
    })
}

/// Blocks the calling thread, which is faster than a thread made for that: the engine does one
/// thing at a time, and handing over costs more than an operation takes (measured on two cores:
/// half as many reads each second from one or two tasks at a time, no more from sixteen).
fn respond(embedded: &Embedded, request: &HttpRequest) -> HttpResponse {
    let target = request.headers().get(TARGET).unwrap_or_default();
    let body = request.body().bytes().unwrap_or_default();
    let (status, body) = answer(embedded, target, body);
    let mut response = HttpResponse::new(status.into(), SdkBody::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE.as_str(), CONTENT_TYPE);
    response
}

fn answer(embedded: &Embedded, target: &str, body: &[u8]) -> (StatusCode, Vec<u8>) {
    match operations::perform(embedded, target, body) {
        Some(Ok(answer)) => {
            embedded.answered(target);
            (StatusCode::OK, answer)
        }
        Some(Err(error)) => (
            StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            error.to_json().into_bytes(),
        ),
        None => (StatusCode::BAD_REQUEST, UNKNOWN.as_bytes().to_vec()),
    }
}
