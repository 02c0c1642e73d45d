//! The functions without routes, each case with what it cost and which calls it made.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

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
