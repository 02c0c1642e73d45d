//! Every step from commit over stream and publishing to the mark, failed in every way, one at a time.
//!
//! A run does the same work each time, one of its calls to DynamoDB, SNS or SQS is broken, and clients
//! and Lambda go on as they do: a request without an answer is sent again under its key, an invocation
//! that ended is made again, the schedule comes round. Then nothing may be missing, doubled or invented.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Value, json};
use tests::faults::{Call, Fault, Faults};
use tests::{Tenant, World};

/// Rounds of pump and schedule in which everything must be delivered.
const ROUNDS_MAX: usize = 5;

/// Times that a client sends a request before it gives up.
const SENDINGS_MAX: usize = 3;

/// One run: a world, the fault on its ways, and the calls that were made.
struct Run {
    world: World,
    faults: Faults,
    calls: Vec<Call>,
}

impl Run {
    /// Does the work, with a fault at one call; `None` for the work as it goes by itself.
    async fn of(fault: Option<(usize, Fault)>) -> Self {
        let faults = Faults::none_but_watched();
        let world = World::with_faults(&faults);
        let mut run = Self { world, faults, calls: Vec::new() };
        let (place, fault) = fault.unwrap_or((usize::MAX, Fault::None));
        run.faults.plan_nth(place, fault);
        run.work().await;
        run.recover().await;
        run.calls = run.faults.calls();
        run
    }

    /// Two changes of an entity, which the relay has both before the third; two events of an aggregate,
    /// and one that its request publishes.
    async fn work(&self) {
        let entity = json!({"id": "acme", "name": "Acme", "type": "issuer"});
        self.send(Method::POST, "/api/v1/entities", Some(entity)).await;
        self.world.pass_seconds(1);
        self.send(Method::PATCH, "/api/v1/entities/acme", Some(json!({"name": "Ace"}))).await;
        self.pump().await;
        self.send(Method::POST, "/api/v1/events", Some(happened("c-1", Some("d-1")))).await;
        self.world.pass_seconds(1);
        self.send(Method::POST, "/api/v1/events", Some(happened("c-2", Some("d-1")))).await;
        self.send(Method::POST, "/api/v1/events", Some(happened("c-3", None))).await;
        self.send(Method::POST, "/api/v1/entities/acme/archive", None).await;
        self.pump().await;
    }

    /// Sends a request until it is answered.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) {
        let mut tenant: Tenant = self.world.default_tenant();
        if !path.ends_with("/events") {
            tenant = tenant.with("idempotency-key", "k");
        }
        let text = body.map(|body| body.to_string());
        for _ in 0..SENDINGS_MAX {
            let sent = tenant.send(method.clone(), path, text.clone());
            match self.faults.unless_it_ends(sent).await {
                Some(reply) if reply.status < 300 => return,
                Some(reply) => assert_eq!(reply.status, 503, "{path}: {}", reply.text),
                None => {}
            }
        }
        panic!("{method} {path} was never answered");
    }

    /// One round of all that Lambda would invoke, begun again where it ended.
    async fn pump(&self) {
        while self.faults.unless_it_ends(self.world.system.pump.drain()).await.is_none() {}
    }

    async fn recover(&self) {
        for _ in 0..ROUNDS_MAX {
            self.world.pass_seconds(61);
            self.pump().await;
            let rows = self.world.items("EventsTable").await;
            if rows.iter().all(|row| row["delivery_state"] == "succeeded") {
                return;
            }
        }
        panic!("not everything is delivered after {ROUNDS_MAX} minutes");
    }

    /// The messages that reached a topic or queue, in order.
    fn arrived(&self, address: &str) -> Vec<Value> {
        let calls = self.calls.iter().filter(|call| call.arrived);
        calls.flat_map(|call| messages(call, address)).collect()
    }

    /// What must hold after every run.
    async fn check(&self) {
        self.world.check_consistency().await;
        let rows = self.world.items("EventsTable").await;
        let committed = |record: &str| -> BTreeMap<String, Value> {
            let rows = rows.iter().filter(|row| row["record"] == record);
            rows.map(|row| (row["event_id"].as_str().unwrap().to_owned(), row.clone())).collect()
        };
        let events = committed("event");
        let types: BTreeSet<&str> =
            events.values().map(|row| row["event_type"].as_str().unwrap()).collect();
        let expected = ["a.happened", "entity.archived", "entity.created", "entity.updated"];
        assert_eq!((events.len(), types), (6, expected.into()), "each change and event once");
        assert_eq!(committed("audit").len(), 3, "each change is audited once");
        self.check_delivered("EventsTopic", &events);
        self.check_delivered("AuditQueue", &committed("audit"));
        let archived = events.into_iter().filter(|(_, row)| row["event_type"] == "entity.archived");
        self.check_delivered("DocumentTopic", &archived.collect());
        assert!(self.arrived("OutboxDeadLetterQueue").is_empty());
        self.check_order();
    }

    /// What was committed arrived, and what arrived was committed, under its id and as it was.
    fn check_delivered(&self, address: &str, committed: &BTreeMap<String, Value>) {
        let mut delivered = BTreeSet::new();
        for message in self.arrived(address) {
            let id = message["event_id"].as_str().unwrap();
            let row = committed.get(id).unwrap_or_else(|| panic!("{address}: {id} was invented"));
            for name in ["event_type", "action", "source", "occurred_at", "correlation_id"] {
                assert_eq!(message.get(name), row.get(name), "{name} of {id}");
            }
            delivered.insert(id.to_owned());
        }
        let committed: BTreeSet<String> = committed.keys().cloned().collect();
        assert_eq!(delivered, committed, "{address}");
    }

    /// Of one aggregate, each event first arrived after the one before it.
    fn check_order(&self) {
        let mut seen = BTreeSet::new();
        let mut orders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for message in self.arrived("EventsTopic") {
            if let Some(aggregate) = message["aggregate_id"].as_str()
                && seen.insert(message["event_id"].to_string())
            {
                let when = message["occurred_at"].as_str().unwrap().to_owned();
                orders.entry(aggregate.to_owned()).or_default().push(when);
            }
        }
        assert_eq!(orders.len(), 2, "{orders:?}");
        for (aggregate, order) in orders {
            assert!(order.len() > 1 && order.is_sorted(), "{aggregate}: {order:?}");
        }
    }
}

fn happened(correlation_id: &str, aggregate: Option<&str>) -> Value {
    json!({
        "event_type": "a.happened",
        "source": "vault",
        "correlation_id": correlation_id,
        "aggregate_type": aggregate.map(|_| "document"),
        "aggregate_id": aggregate,
    })
}

/// The messages of a call to a topic or queue.
fn messages(call: &Call, address: &str) -> Vec<Value> {
    let Call { operation, body, .. } = call;
    let is_to = |field: &str| body[field].as_str().is_some_and(|to| to.ends_with(address));
    let texts: Vec<&Value> = match operation.as_str() {
        "PublishBatch" if is_to("TopicArn") => (1..=10)
            .map(|number| &body[format!("PublishBatchRequestEntries.member.{number}.Message")])
            .filter(|text| text.is_string())
            .collect(),
        "SendMessageBatch" if is_to("QueueUrl") => {
            body["Entries"].as_array().unwrap().iter().map(|entry| &entry["MessageBody"]).collect()
        }
        "SendMessage" if is_to("QueueUrl") => vec![&body["MessageBody"]],
        _ => Vec::new(),
    };
    texts.into_iter().map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect()
}

/// Breaks each call of the work in turn.
async fn walk(fault: Fault) {
    let undisturbed = Run::of(None).await;
    undisturbed.check().await;
    let steps: BTreeSet<&str> =
        undisturbed.calls.iter().map(|call| call.operation.as_str()).collect();
    let all = ["PublishBatch", "PutItem", "SendMessageBatch", "TransactWriteItems", "UpdateItem"];
    assert!(all.iter().all(|step| steps.contains(step)), "{steps:?}");
    for place in 0..undisturbed.calls.len() {
        let run = Run::of(Some((place, fault))).await;
        assert!(run.faults.count() > place, "call {place} was not made");
        run.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_done_loses_nothing() {
    walk(Fault::NotSent).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_done_although_its_answer_is_lost_doubles_nothing() {
    walk(Fault::AnswerLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_outcome_nobody_knows_is_settled() {
    walk(Fault::Broken(503)).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_before_a_call_loses_nothing() {
    walk(Fault::EndsBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_after_a_call_doubles_nothing() {
    walk(Fault::EndsAfter).await;
}
