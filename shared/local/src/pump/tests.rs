//! Events from the real clients' writes to the functions of a template.

mod queues;
mod running;
mod streams;

use super::*;
use crate::example::{FLOW, clock};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// A deployment whose functions remember what they were invoked with.
struct Flow {
    embedded: Embedded,
    messaging: Messaging,
    pump: Pump,
    calls: Calls,
}

/// The events that functions got, in order, each with the folder of the function.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<(&'static str, Value)>>>);

impl Calls {
    fn all(&self) -> Vec<(&'static str, Value)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn to(&self, folder: &str) -> Vec<Value> {
        self.all().into_iter().filter(|(name, _)| *name == folder).map(|(_, event)| event).collect()
    }

    /// A function that remembers its event and answers what `answer` makes of it.
    fn handler(
        &self,
        folder: &'static str,
        answer: impl Fn(&Value) -> Result<Value, HandlerError> + Send + Sync + 'static,
    ) -> Handler {
        let (calls, answer) = (self.clone(), Arc::new(answer));
        Handler::new(move |event| {
            let (calls, answer) = (calls.clone(), Arc::clone(&answer));
            async move {
                calls
                    .0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((folder, event.clone()));
                answer(&event)
            }
        })
    }
}

type Answer = fn(&Value) -> Result<Value, HandlerError>;

const WELL: Answer = |_| Ok(Value::Null);

impl Flow {
    fn new(relay: impl Fn(&Value) -> Result<Value, HandlerError> + Send + Sync + 'static) -> Self {
        Self::with(FLOW, relay, WELL)
    }

    fn with(
        template: &str,
        relay: impl Fn(&Value) -> Result<Value, HandlerError> + Send + Sync + 'static,
        worker: impl Fn(&Value) -> Result<Value, HandlerError> + Send + Sync + 'static,
    ) -> Self {
        let template = Template::parse(template).unwrap();
        let embedded = Embedded::memory().unwrap();
        embedded.create_tables(&template).unwrap();
        let messaging = Messaging::memory(&template, clock()).unwrap();
        let calls = Calls::default();
        let functions = HashMap::from([
            ("relay".to_owned(), calls.handler("relay", relay)),
            ("worker".to_owned(), calls.handler("worker", worker)),
            ("sweeper".to_owned(), calls.handler("sweeper", WELL)),
        ]);
        let pump = Pump::new(&template, functions, &embedded, &messaging).unwrap();
        Self { embedded, messaging, pump, calls }
    }

    async fn put(&self, id: &str) {
        put(&self.embedded, id).await;
    }

    async fn drain(&self) -> (u64, u64) {
        let Drained { invocations, failures } = self.pump.drain().await.unwrap();
        (invocations, failures)
    }

    /// The bodies of a queue's visible messages.
    async fn bodies(&self, queue: &str) -> Vec<String> {
        let request = self.messaging.sqs().receive_message().max_number_of_messages(10);
        let request = request.queue_url(Messaging::queue_url(queue)).wait_time_seconds(0);
        let messages = request.send().await.unwrap().messages.unwrap_or_default();
        messages.into_iter().map(|message| message.body.unwrap()).collect()
    }

    async fn send(&self, queue: &str, body: &str) {
        let request = self.messaging.sqs().send_message().queue_url(Messaging::queue_url(queue));
        request.message_body(body).send().await.unwrap();
    }
}

async fn put(embedded: &Embedded, id: &str) {
    let request = embedded.client().put_item().table_name("LedgerTable");
    let request = request.item("id", AttributeValue::S(id.to_owned()));
    request.item("n", AttributeValue::N("1".to_owned())).send().await.unwrap();
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// The ids of the items in a stream event.
fn ids(event: &Value) -> Vec<&str> {
    let records = event["Records"].as_array().unwrap();
    records.iter().map(|record| record["dynamodb"]["Keys"]["id"]["S"].as_str().unwrap()).collect()
}

/// The answer that names those of the records whose item or body is `bad`.
fn failing(event: &Value, bad: &str) -> Value {
    let failures = event["Records"].as_array().unwrap().iter().filter_map(|record| {
        if record["body"] == bad {
            Some(json!({"itemIdentifier": record["messageId"]}))
        } else if record["dynamodb"]["Keys"]["id"]["S"] == bad {
            Some(json!({"itemIdentifier": record["dynamodb"]["SequenceNumber"]}))
        } else {
            None
        }
    });
    json!({"batchItemFailures": failures.collect::<Vec<_>>()})
}
