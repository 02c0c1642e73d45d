//! The end of both clients' wire: a request goes in, the service's answer comes out.

use super::fault::Fault;
use super::{Messaging, sns, sqs};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http::StatusCode;

pub(super) fn http_client(messaging: Messaging) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector { messaging });
    http_client_fn(move |_settings, _components| connector.clone())
}

#[derive(Debug)]
struct Connector {
    messaging: Messaging,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let messaging = self.messaging.clone();
        HttpConnectorFuture::new(async move {
            // As a network would, so that requests made side by side interleave.
            tokio::task::yield_now().await;
            let body = request.body().bytes().unwrap_or_default();
            // SQS names the operation in a header, SNS in the body.
            Ok(match request.headers().get("x-amz-target") {
                Some(target) => {
                    let operation = target.strip_prefix("AmazonSQS.").unwrap_or(target);
                    sqs_response(sqs::perform(&messaging, operation, body).await)
                }
                None => sns_response(sns::perform(&messaging, body)),
            })
        })
    }
}

fn sqs_response(answer: Result<serde_json::Value, Fault>) -> HttpResponse {
    let (status, body, error) = match answer {
        Ok(answer) => (200, answer, None),
        Err(fault) => {
            let body = serde_json::json!({
                "__type": format!("com.amazonaws.sqs#{}", fault.shape()),
                "message": fault.message,
            });
            let blame = if fault.is_the_senders() { "Sender" } else { "Receiver" };
            (fault.status, body, Some(format!("{};{blame}", fault.code)))
        }
    };
    let mut response = response(status, "application/x-amz-json-1.0", body.to_string());
    if let Some(error) = error {
        response.headers_mut().insert("x-amzn-query-error", error);
    }
    response
}

fn sns_response(answer: Result<String, Fault>) -> HttpResponse {
    match answer {
        Ok(answer) => response(200, "text/xml", answer),
        Err(fault) => response(fault.status, "text/xml", sns::error(&fault)),
    }
}

fn response(status: u16, content_type: &'static str, body: String) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::new(status.into(), SdkBody::from(body));
    response.headers_mut().insert("content-type", content_type);
    response
}
