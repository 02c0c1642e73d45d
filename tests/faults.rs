//! Faults on the way to the database: below the SDK client, above the embedded engine.
//!
//! The engine itself never throttles and never conflicts; DynamoDB does both, and networks lose answers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use local::embedded::Embedded;

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered as it should be.
    None,
    /// It never arrives.
    NotSent,
    /// It arrives and is done, but the answer is lost.
    AnswerLost,
    /// DynamoDB answers with this error instead: its name, and for a cancelled transaction the reason
    /// that every item is given.
    Refused(&'static str, Option<&'static str>),
}

/// The faults of the calls to come, by operation, such as `TransactWriteItems`.
#[derive(Clone, Default)]
pub struct Faults {
    planned: Arc<Mutex<VecDeque<(&'static str, Fault)>>>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}

impl Faults {
    /// No faults, until some are planned.
    pub fn none() -> Self {
        Self::default()
    }

    /// Plans what happens to the next calls of an operation, in order.
    pub fn plan(&self, operation: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.planned.lock().unwrap().extend(faults.into_iter().map(|fault| (operation, fault)));
    }

    /// How many planned faults have not happened yet.
    pub fn left(&self) -> usize {
        self.planned.lock().unwrap().len()
    }

    /// A client of a database by this way. The SDK's own retries are off, so that each planned fault
    /// reaches the code under test.
    pub fn client(&self, embedded: &Embedded) -> aws_sdk_dynamodb::Client {
        let wire = Wire { inner: embedded.http_client(), faults: self.clone() };
        let config = embedded
            .config()
            .http_client(SharedHttpClient::new(wire))
            .retry_config(RetryConfig::disabled());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    fn next(&self, operation: &str) -> Fault {
        let mut planned = self.planned.lock().unwrap();
        match planned.iter().position(|(of, _)| *of == operation) {
            Some(place) => planned.remove(place).unwrap().1,
            None => Fault::None,
        }
    }
}

#[derive(Debug)]
struct Wire {
    inner: SharedHttpClient,
    faults: Faults,
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connection { inner, faults: self.faults.clone() })
    }
}

#[derive(Debug)]
struct Connection {
    inner: SharedHttpConnector,
    faults: Faults,
}

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let items = if operation == "TransactWriteItems" { transact_items(&request) } else { 0 };
        match self.faults.next(&operation) {
            Fault::None => self.inner.call(request),
            Fault::NotSent => {
                HttpConnectorFuture::ready(Err(ConnectorError::io("the network is down".into())))
            }
            Fault::AnswerLost => {
                let done = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    done.await?;
                    Err(ConnectorError::timeout("the answer was lost".into()))
                })
            }
            Fault::Refused(error, reason) => {
                HttpConnectorFuture::ready(Ok(refused(error, reason, items)))
            }
        }
    }
}

fn transact_items(request: &HttpRequest) -> usize {
    let body: serde_json::Value =
        serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
    body["TransactItems"].as_array().map_or(0, Vec::len)
}

fn refused(error: &str, reason: Option<&str>, items: usize) -> HttpResponse {
    let mut body = serde_json::json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{error}"),
        "message": "planned by the test",
    });
    if let Some(reason) = reason {
        let reasons: Vec<_> =
            (0..items).map(|_| serde_json::json!({"Code": reason, "Message": "planned"})).collect();
        body["CancellationReasons"] = reasons.into();
    }
    HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body.to_string()))
}
