//! The way to tables, topics and queues, below the SDK clients and above the embedded engines: where calls
//! can be made to fail, and can be watched.
//!
//! The engines themselves never throttle and never conflict; DynamoDB does both, and networks lose answers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use local::embedded::Embedded;
use local::messaging::Messaging;
use local::system::Clients;
use local::wire;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered as it should be.
    None,
    /// It never arrives.
    NotSent,
    /// It arrives and is done, but the answer is lost.
    AnswerLost,
    /// It arrives and is done, and nothing is ever heard of it.
    Silent,
    /// It arrives and is done, and the answer comes when it is let go: see [`Faults::when_held`].
    Held,
    /// DynamoDB answers with this error instead: its name, and for a cancelled transaction the reason
    /// that every item is given.
    Refused(&'static str, Option<&'static str>),
    /// Something before DynamoDB answers with this status and a page for people, and nobody knows
    /// whether DynamoDB did it.
    Broken(u16),
    /// A `BatchExecuteStatement` is answered, but none of its statements is done, because of this.
    NoneDone(&'static str),
    /// A `BatchGetItem` is answered for so many keys only; the others come back unread.
    ReadOnly(usize),
    /// The process ends before the call is sent: see [`Faults::unless_it_ends`].
    EndsBefore,
    /// The process ends when the call is done, before it hears of it.
    EndsAfter,
}

/// A call as it was sent.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation, such as `GetItem`.
    pub operation: String,
    /// What was sent; the fields of a form as an object.
    pub body: Value,
    /// Whether it reached the service whole, as far as the faults let it.
    pub arrived: bool,
}

/// The faults of the calls to come, by operation, such as `TransactWriteItems`; and what was called.
#[derive(Clone, Default)]
pub struct Faults {
    planned: Arc<Mutex<VecDeque<(&'static str, Fault)>>>,
    counted: Arc<Mutex<Counted>>,
    ended: Arc<Notify>,
    held: Arc<Notify>,
    released: Arc<Notify>,
    seen: Option<Arc<Mutex<Vec<Call>>>>,
}

/// How many calls there were, and the fault of one of them.
#[derive(Debug, Default)]
struct Counted {
    calls: usize,
    fault: Option<(usize, Fault)>,
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

    /// No faults; every call is kept to be looked at.
    pub fn none_but_watched() -> Self {
        Self { seen: Some(Arc::default()), ..Self::default() }
    }

    /// The calls since this was last asked.
    pub fn calls(&self) -> Vec<Call> {
        self.seen
            .as_ref()
            .map(|seen| std::mem::take(&mut *seen.lock().unwrap()))
            .unwrap_or_default()
    }

    /// Plans what happens to the next calls of an operation, in order.
    pub fn plan(&self, operation: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.planned.lock().unwrap().extend(faults.into_iter().map(|fault| (operation, fault)));
    }

    /// Plans what happens to one call from now on, whatever it is: 0 is the next.
    pub fn plan_nth(&self, place: usize, fault: Fault) {
        *self.counted.lock().unwrap() = Counted { calls: 0, fault: Some((place, fault)) };
    }

    /// How many calls there were since [`Faults::plan_nth`].
    pub fn count(&self) -> usize {
        self.counted.lock().unwrap().calls
    }

    /// Does something in a process that ends at [`Fault::EndsBefore`] or [`Fault::EndsAfter`]: then what it
    /// was doing is dropped where it stands, and there is nothing to return.
    pub async fn unless_it_ends<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.ended.notified() => None,
            done = work => Some(done),
        }
    }

    /// Does something while a call is on its way that is [`Fault::Held`], and lets go of it then.
    pub async fn when_held<T>(&self, work: impl Future<Output = T>) -> T {
        self.held.notified().await;
        let done = work.await;
        self.released.notify_one();
        done
    }

    /// How many planned faults have not happened yet.
    pub fn left(&self) -> usize {
        self.planned.lock().unwrap().len()
    }

    /// A client of a database by this way. The SDK's own retries are off, so that each planned fault
    /// reaches the code under test.
    pub fn client(&self, embedded: &Embedded) -> aws_sdk_dynamodb::Client {
        let config = embedded
            .config()
            .http_client(self.wire(embedded.http_client()))
            .retry_config(RetryConfig::disabled());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// Clients of a database, topics and queues by this way, likewise.
    pub fn clients(&self, embedded: &Embedded, messaging: &Messaging) -> Clients {
        let sns = messaging
            .sns_config()
            .http_client(self.wire(messaging.http_client()))
            .retry_config(RetryConfig::disabled());
        let sqs = messaging
            .sqs_config()
            .http_client(self.wire(messaging.http_client()))
            .retry_config(RetryConfig::disabled());
        Clients {
            dynamodb: self.client(embedded),
            messaging: api::delivery::Messaging {
                sns: Some(aws_sdk_sns::Client::from_conf(sns.build())),
                sqs: Some(aws_sdk_sqs::Client::from_conf(sqs.build())),
            },
        }
    }

    fn wire(&self, inner: SharedHttpClient) -> SharedHttpClient {
        let faults = self.clone();
        wire::past(inner, move |inner, request| faults.pass(inner, request))
    }

    fn next(&self, operation: &str) -> Fault {
        let mut counted = self.counted.lock().unwrap();
        let place = counted.calls;
        counted.calls += 1;
        if let Some((_, fault)) = counted.fault.take_if(|(of, _)| *of == place) {
            return fault;
        }
        let mut planned = self.planned.lock().unwrap();
        match planned.iter().position(|(of, _)| *of == operation) {
            Some(place) => planned.remove(place).unwrap().1,
            None => Fault::None,
        }
    }

    /// Does with a call what is planned for it.
    fn pass(&self, inner: &SharedHttpConnector, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        let fault = self.next(&call.operation);
        let count = |name: &str| call.body[name].as_array().map_or(0, Vec::len);
        let (items, statements) = (count("TransactItems"), count("Statements"));
        if let Some(seen) = &self.seen {
            let arrived = matches!(
                fault,
                Fault::None | Fault::AnswerLost | Fault::Held | Fault::Silent | Fault::EndsAfter
            );
            seen.lock().unwrap().push(Call { arrived, ..call });
        }
        match fault {
            Fault::None => inner.call(request),
            Fault::NotSent => {
                HttpConnectorFuture::ready(Err(ConnectorError::io("the network is down".into())))
            }
            Fault::AnswerLost => {
                let done = inner.call(request);
                HttpConnectorFuture::new(async move {
                    done.await?;
                    Err(ConnectorError::timeout("the answer was lost".into()))
                })
            }
            Fault::Held => {
                let (done, held) = (inner.call(request), self.held.clone());
                let released = self.released.clone();
                HttpConnectorFuture::new(async move {
                    let answer = done.await;
                    held.notify_one();
                    released.notified().await;
                    answer
                })
            }
            Fault::Silent => {
                let done = inner.call(request);
                HttpConnectorFuture::new(async move {
                    done.await?;
                    std::future::pending().await
                })
            }
            Fault::Refused(error, reason) => {
                HttpConnectorFuture::ready(Ok(refused(error, reason, items)))
            }
            Fault::Broken(status) => HttpConnectorFuture::ready(Ok(broken(status))),
            Fault::NoneDone(reason) => {
                let error = json!({"Error": {"Code": reason, "Message": "planned by the test"}});
                let answer = json!({"Responses": vec![error; statements]});
                let ok = StatusCode::try_from(200).unwrap();
                let answer = HttpResponse::new(ok, SdkBody::from(answer.to_string()));
                HttpConnectorFuture::ready(Ok(answer))
            }
            Fault::ReadOnly(keys) => read_only(inner, request, keys),
            Fault::EndsBefore => {
                self.ended.notify_one();
                HttpConnectorFuture::new(std::future::pending())
            }
            Fault::EndsAfter => {
                let (done, ended) = (inner.call(request), self.ended.clone());
                HttpConnectorFuture::new(async move {
                    done.await?;
                    ended.notify_one();
                    std::future::pending().await
                })
            }
        }
    }
}

impl Call {
    /// A call as it is sent. SNS names its operation in a form, the others in a header.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let sent = request.body().bytes().unwrap_or_default();
        match request.headers().get("x-amz-target") {
            Some(target) => Self {
                operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
                body: serde_json::from_slice(sent).unwrap(),
                arrived: true,
            },
            None => {
                let fields: Map<String, Value> = form_urlencoded::parse(sent)
                    .map(|(name, value)| (name.into_owned(), json!(value)))
                    .collect();
                let operation = fields["Action"].as_str().unwrap().to_owned();
                Self { operation, body: Value::Object(fields), arrived: true }
            }
        }
    }
}

/// Passes the first keys of a `BatchGetItem` on, and says of the others that they were not read.
pub(crate) fn read_only(
    inner: &SharedHttpConnector,
    mut request: HttpRequest,
    keys: usize,
) -> HttpConnectorFuture {
    let mut asked: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
    let mut unread = asked["RequestItems"].clone();
    for (table, of_table) in asked["RequestItems"].as_object_mut().unwrap() {
        let all = of_table["Keys"].as_array_mut().unwrap();
        unread[table]["Keys"] = all.split_off(keys.min(all.len())).into();
    }
    unread.as_object_mut().unwrap().retain(|_, of_table| of_table["Keys"] != json!([]));
    let nothing_to_read = keys == 0;
    *request.body_mut() = SdkBody::from(asked.to_string());
    let read = inner.call(request);
    HttpConnectorFuture::new(async move {
        let mut answer = json!({"Responses": {}});
        if !nothing_to_read {
            let response = read.await?;
            answer = serde_json::from_slice(response.body().bytes().unwrap()).unwrap();
        }
        answer["UnprocessedKeys"] = unread;
        let ok = StatusCode::try_from(200).unwrap();
        Ok(HttpResponse::new(ok, SdkBody::from(answer.to_string())))
    })
}

/// The answer of something before the service, a page for people.
pub(crate) fn broken(status: u16) -> HttpResponse {
    let page = SdkBody::from("<html>try again</html>");
    HttpResponse::new(StatusCode::try_from(status).unwrap(), page)
}

/// The answer of DynamoDB that refuses a call, and of a transaction each item for the same reason.
pub(crate) fn refused(error: &str, reason: Option<&str>, items: usize) -> HttpResponse {
    let mut body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{error}"),
        "message": "planned by the test",
    });
    if let Some(reason) = reason {
        let reasons: Vec<_> =
            (0..items).map(|_| json!({"Code": reason, "Message": "planned by the test"})).collect();
        body["CancellationReasons"] = reasons.into();
    }
    let status = if error == "InternalServerError" { 500 } else { 400 };
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.to_string()))
}
