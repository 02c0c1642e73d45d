//! The end of both clients' wire: a request goes in, the service's answer comes out.

use super::fault::Fault;
use super::{Messaging, sns, sqs};
use crate::wire;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Value, json};

/// Names the operation of SQS. SNS names its own in the body.
const TARGET: &str = "x-amz-target";

pub(super) fn http_client(messaging: Messaging) -> SharedHttpClient {
    wire::ends_in(move |request| {
        let messaging = messaging.clone();
        async move { Ok(respond(&messaging, &request).await) }
    })
}

async fn respond(messaging: &Messaging, request: &HttpRequest) -> HttpResponse {
    let body = request.body().bytes().unwrap_or_default();
    let answer = answer(messaging, request.headers().get(TARGET), body).await;
    let mut response = HttpResponse::new(answer.status.into(), SdkBody::from(answer.body));
    response.headers_mut().insert("content-type", answer.content_type);
    if let Some(error) = answer.error {
        response.headers_mut().insert("x-amzn-query-error", error);
    }
    response
}

/// Serves what comes over a socket, except from a web page: any page in a browser on this machine
/// could post a form, and publish.
pub(super) fn router(messaging: Messaging) -> Router {
    Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        if headers.contains_key(header::ORIGIN) {
            return StatusCode::FORBIDDEN.into_response();
        }
        let target = headers.get(TARGET).and_then(|target| target.to_str().ok());
        let Answer { status, content_type, error, body } = answer(&messaging, target, &body).await;
        let mut response = Response::builder().status(status).header("content-type", content_type);
        if let Some(error) = error {
            response = response.header("x-amzn-query-error", error);
        }
        // Every part is ours and sound.
        response.body(Body::from(body)).unwrap_or_default()
    })
}

struct Answer {
    status: StatusCode,
    content_type: &'static str,
    /// The code and the blame, which SQS tells in a header.
    error: Option<String>,
    body: String,
}

async fn answer(messaging: &Messaging, target: Option<&str>, body: &[u8]) -> Answer {
    match target {
        Some(target) => {
            let operation = target.strip_prefix("AmazonSQS.").unwrap_or(target);
            sqs_answer(sqs::perform(messaging, operation, body).await)
        }
        None => sns_answer(sns::perform(messaging, body)),
    }
}

fn sqs_answer(answered: Result<Value, Fault>) -> Answer {
    let content_type = "application/x-amz-json-1.0";
    match answered {
        Ok(body) => {
            Answer { status: StatusCode::OK, content_type, error: None, body: body.to_string() }
        }
        Err(fault) => {
            let blame = if fault.is_the_senders() { "Sender" } else { "Receiver" };
            let shape = format!("com.amazonaws.sqs#{}", fault.shape());
            Answer {
                status: status(&fault),
                content_type,
                error: Some(format!("{};{blame}", fault.code)),
                body: json!({"__type": shape, "message": fault.message}).to_string(),
            }
        }
    }
}

fn sns_answer(answered: Result<String, Fault>) -> Answer {
    let (status, body) = match answered {
        Ok(body) => (StatusCode::OK, body),
        Err(fault) => (status(&fault), sns::error(&fault)),
    };
    Answer { status, content_type: "text/xml", error: None, body }
}

fn status(fault: &Fault) -> StatusCode {
    StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
