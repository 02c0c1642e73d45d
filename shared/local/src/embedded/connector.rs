//! The end of the SDK client's wire: a request goes in, the engine's answer comes out.

use super::{Embedded, operations};
use crate::wire;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http::StatusCode;

/// Holds the whole [`Embedded`], so that the data folder stays locked while a client can write.
pub(super) fn http_client(embedded: Embedded) -> SharedHttpClient {
    wire::ends_in(move |request| {
        let embedded = embedded.clone();
        async move { Ok(respond(&embedded, &request)) }
    })
}

/// Blocks the calling thread, which is faster than a thread made for that: the engine does one
/// thing at a time, and handing over costs more than an operation takes (measured on two cores:
/// half as many reads each second from one or two tasks at a time, no more from sixteen).
fn respond(embedded: &Embedded, request: &HttpRequest) -> HttpResponse {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let body = request.body().bytes().unwrap_or_default();
    let (status, body) = match operations::perform(embedded, target, body) {
        Some(Ok(answer)) => {
            embedded.answered(target);
            (StatusCode::OK, SdkBody::from(answer))
        }
        Some(Err(error)) => (
            StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            SdkBody::from(error.to_json()),
        ),
        None => (
            StatusCode::BAD_REQUEST,
            SdkBody::from(r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#),
        ),
    };
    let mut response = HttpResponse::new(status.into(), body);
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}
