//! The functions without routes, each case with what it cost and which calls it made.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::TenantId;
use domain::ledger::message::Message;
use serde_json::{Value, json};
use tests::faults::{Fault, Faults};
use tests::ledger::{message, queued};
use tests::{World, inserted};
use tokio::sync::OnceCell;

use crate::tour::{ENTITIES, Step, entity, id};

/// What the functions without routes do, made once for all the tests that look at it. The operation of a
/// step is the name of the function.
pub(crate) async fn deliveries() -> &'static [Step] {
    static STEPS: OnceCell<Vec<Step>> = OnceCell::const_new();
    STEPS.get_or_init(deliver).await
}

async fn deliver() -> Vec<Step> {
    let mut steps = Vec::new();
    for function in ["outbox-relay", "outbox-sweeper"] {
        let mut delivery = Delivery::new(function).await;
        delivery.step("an event and its audit entry", &[]).await;
        delivery.step("nothing new", &[]).await;
        delivery.archive().await;
        delivery.step("an archived entity, for two topics", &[]).await;
        delivery.restore().await;
        let refused = [("PublishBatch", Fault::NotSent), ("SendMessageBatch", Fault::NotSent)];
        delivery.step("given up after five attempts", &refused.repeat(5)).await;
        if function == "outbox-relay" {
            delivery.unreadable().await;
        }
        steps.append(&mut delivery.steps);
    }
    let mut writer = Delivery::new("audit-append").await;
    let events = |from: u32, to: u32| queued((from..to).map(|number| message(&id(number))));
    writer.step_with("one event, the chain's first", events(0, 1), &[]).await;
    writer.step_with("one event", events(1, 2), &[]).await;
    writer.step_with("256 events", events(2, 258), &[]).await;
    writer.step_with("the same 256 once more", events(2, 258), &[]).await;
    writer.step_with("one that cannot be read", queued([json!({})]), &[]).await;
    steps.append(&mut writer.steps);
    let mut gate = Delivery::new("authorizer").await;
    gate.step_with("a token", json!({"headers": {"authorization": "Bearer a.b.c"}}), &[]).await;
    let key = json!({"name": "Reports", "principal_id": "reports"});
    let made = gate.world.default_tenant().post("/api/v1/api-keys", key).await;
    let key = json!({"headers": {"x-api-key": made.expect(201)["key"]}});
    gate.step_with("an API key, used for the first time in an hour", key.clone(), &[]).await;
    gate.step_with("an API key", key, &[]).await;
    steps.append(&mut gate.steps);
    let mut verification = Delivery::of_ledger();
    verification.append("first", 1).await;
    verification.step("a new chain of one record", &[]).await;
    verification.step("nothing new", &[]).await;
    verification.append("more", 299).await;
    verification.step("299 records more, with a tile", &[]).await;
    verification.step_with("300 records, read whole", json!({"run": "full"}), &[]).await;
    verification.lose_the_end().await;
    verification.step("a fault", &[]).await;
    steps.append(&mut verification.steps);
    steps
}

/// A function that delivers, and what it delivers.
struct Delivery {
    function: &'static str,
    world: World,
    faults: Faults,
    entity: String,
    steps: Vec<Step>,
}

impl Delivery {
    async fn new(function: &'static str) -> Self {
        let faults = Faults::none_but_watched();
        let world = World::with_faults(&faults);
        let entity = entity(1, "issuer", None);
        world.default_tenant().post(ENTITIES, entity).await.expect(201);
        Self { function, world, faults, entity: format!("{ENTITIES}/{}", id(1)), steps: Vec::new() }
    }

    /// The verifier of the ledger, which delivers nothing but the news of a fault.
    fn of_ledger() -> Self {
        let faults = Faults::none_but_watched();
        let world = World::with_faults(&faults);
        let (function, entity, steps) = ("audit-verify", String::new(), Vec::new());
        Self { function, world, faults, entity, steps }
    }

    /// Appends records of about 300 bytes to the ledger.
    async fn append(&self, name: &str, records: usize) {
        let message = |number| {
            let message = json!({
                "event_id": format!("{name}-{number}"), "source": "tour", "action": "thing.done",
                "occurred_at": self.world.now(),
            });
            Message::from_value(message).unwrap()
        };
        let messages: Vec<Message> = (0..records).map(message).collect();
        let store = &self.world.system.app(self.function).unwrap().store;
        let tenant = TenantId::parse("default").unwrap();
        store.ledger_append(&tenant, &messages, &self.world.clock()).await.unwrap();
    }

    /// Deletes the last commit of the ledger, which nothing in the deployment may.
    async fn lose_the_end(&self) {
        let rows = self.world.items("AuditTable").await;
        let last = rows
            .iter()
            .filter(|row| row["body"].is_string())
            .max_by_key(|row| row["sk"].to_string());
        let text = |name: &str| AttributeValue::S(last.unwrap()[name].as_str().unwrap().to_owned());
        let client = self.world.system.embedded.client();
        let delete = client.delete_item().table_name("AuditTable");
        delete.key("pk", text("pk")).key("sk", text("sk")).send().await.unwrap();
    }

    async fn archive(&self) {
        let path = format!("{}/archive", self.entity);
        self.world.default_tenant().post_empty(&path).await.expect(200);
    }

    async fn restore(&self) {
        let path = format!("{}/restore", self.entity);
        self.world.default_tenant().post_empty(&path).await.expect(200);
    }

    /// The rows that no step has delivered yet.
    async fn stream(&self) -> Value {
        let mut stream = self.world.stream().await;
        let waits = |row: &Value| row["delivery_state"] == "pending";
        let rows = self.world.items("EventsTable").await;
        let waiting: Vec<_> =
            rows.iter().filter(|row| waits(row)).map(|row| &row["event_id"]).collect();
        stream["Records"]
            .as_array_mut()
            .unwrap()
            .retain(|record| waiting.contains(&&record["dynamodb"]["NewImage"]["event_id"]["S"]));
        stream
    }

    async fn step(&mut self, case: &'static str, faults: &[(&'static str, Fault)]) {
        let event = self.stream().await;
        self.step_with(case, event, faults).await;
    }

    async fn step_with(
        &mut self,
        case: &'static str,
        event: Value,
        faults: &[(&'static str, Fault)],
    ) {
        self.world.pass_seconds(120);
        for (operation, fault) in faults {
            self.faults.plan(operation, [*fault]);
        }
        let _before = self.faults.calls();
        let work = self.world.invoke(self.function, event);
        let (_, usage) = store::meter::measured(work).await;
        assert_eq!(self.faults.left(), 0, "{case}");
        let (function, calls) = (self.function, self.faults.calls());
        self.steps.push(Step { function, operation: function, case, usage, calls });
    }

    /// A row that cannot be read, before one that can.
    async fn unreadable(&mut self) {
        self.archive().await;
        let mut event = self.stream().await;
        let image = json!({"pk": {"S": "x"}, "sk": {"S": "x"}, "record": {"S": "event"}});
        event["Records"].as_array_mut().unwrap().insert(0, inserted(9, &image));
        self.step_with("a row that cannot be read, before three that can", event, &[]).await;
    }
}
