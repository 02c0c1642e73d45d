//! Delivery: what the relay and the sweeper do, whatever topics and queues answer.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use api::delivery::Courier;
use api::{App, BatchResponse};
use aws_lambda_events::dynamodb::Event;
use axum::body::Body;
use domain::id::TenantId;
use http::Request;
use http_body_util::BodyExt;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext,
};
use lambda_http::request::RequestContext;
use serde_json::{Value, json};
use tests::faults::{Fault, Faults};
use tests::messaging::{Fate, Message, Messages};
use tests::{World, inserted};
use tower::ServiceExt;

/// A world with topics and queues, and a courier between.
struct Post {
    world: World,
    messages: Messages,
    faults: Faults,
    app: App,
    courier: Courier,
}

impl Post {
    fn new() -> Self {
        let (world, messages, faults) = (World::new(), Messages::default(), Faults::none());
        let app = world.app(faults.client(&world.system.embedded), &messages);
        let courier = Courier::of(&app);
        Self { world, messages, faults, app, courier }
    }

    async fn stream(&self) -> Event {
        serde_json::from_value(self.world.stream().await).unwrap()
    }

    async fn relay(&self) -> Vec<String> {
        self.relay_of(self.stream().await).await
    }

    /// The sequence numbers that the relay reports as failed.
    async fn relay_of(&self, event: Event) -> Vec<String> {
        let BatchResponse { batch_item_failures } =
            outbox_relay::handle(&self.courier, event).await.unwrap();
        batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    async fn sweep(&self) -> outbox_sweeper::Swept {
        outbox_sweeper::handle(&self.courier, json!({})).await.unwrap()
    }

    /// The states of all rows, with how often delivery was tried.
    async fn states(&self) -> Vec<(String, u64)> {
        let rows = self.world.items("EventsTable").await;
        let of = |row: &Value| {
            let attempts = row["delivery_attempts"].as_u64().unwrap();
            (row["delivery_state"].as_str().unwrap().to_owned(), attempts)
        };
        rows.iter().map(of).collect()
    }

    async fn all_are(&self, state: &str, attempts: u64) {
        for found in self.states().await {
            assert_eq!(found, (state.to_owned(), attempts));
        }
    }

    /// Posts to the function itself, which has a topic, unlike the world's.
    async fn post(&self, path: &str, body: Value) -> Value {
        let mut authorizer = ApiGatewayRequestAuthorizer::default();
        for (name, value) in
            [("principal_id", "local"), ("principal_type", "service"), ("via", "local")]
        {
            authorizer.fields.insert(name.to_owned(), json!(value));
        }
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.authorizer = Some(authorizer);
        let request = Request::post(path)
            .header("content-type", "application/json")
            .extension(RequestContext::ApiGatewayV2(context))
            .body(Body::from(body.to_string()));
        let router = events::routes().router(&self.app);
        let response = router.oneshot(request.unwrap()).await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }
}

fn types(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body["event_type"].as_str().unwrap()).collect()
}

fn plain() -> Value {
    json!({"event_type": "a.happened", "source": "vault"})
}

#[tokio::test(start_paused = true)]
async fn what_a_change_says_reaches_the_topic_and_the_audit_queue() {
    let post = Post::new();
    post.world.default_tenant().entity("Acme", "issuer", None).await;
    assert!(post.relay().await.is_empty());
    let [event] = post.messages.at(":events").try_into().unwrap();
    assert_eq!(event.body["event_type"], "entity.created");
    assert_eq!(event.body["metadata"], event.body["context"]);
    for (name, value) in [
        ("event_type", "entity.created"),
        ("eventType", "entity.created"),
        ("source", "entity_permissions_core"),
        ("tenant_id", "default"),
    ] {
        assert_eq!(event.attributes[name], value);
    }
    let [audit] = post.messages.at("/audit").try_into().unwrap();
    assert_eq!(audit.body["action"], "entity.create");
    assert_eq!(audit.body["tenant_id"], "default");
    assert!(audit.body["details"].is_object());
    post.all_are("succeeded", 1).await;
    assert!(post.messages.at(":documents").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_document_vault_hears_of_archived_entities_only() {
    let post = Post::new();
    let tenant = post.world.default_tenant();
    let id = tenant.entity("Acme", "issuer", None).await;
    post.world.pass_seconds(1);
    tenant.post_empty(&format!("/api/v1/entities/{id}/archive")).await.expect(200);
    post.relay().await;
    let [archived] = post.messages.at(":documents").try_into().unwrap();
    assert_eq!(archived.body["payload"]["entity_id"], id.as_str());
    assert_eq!(archived.body["payload"]["entity_type"], "issuer");
    assert_eq!(types(&post.messages.at(":events")), ["entity.created", "entity.archived"]);
}

#[tokio::test(start_paused = true)]
async fn a_later_event_of_an_aggregate_waits_for_the_one_before() {
    let post = Post::new();
    let tenant = post.world.default_tenant();
    let id = tenant.entity("Acme", "issuer", None).await;
    for verb in ["archive", "restore"] {
        post.world.pass_seconds(1);
        tenant.post_empty(&format!("/api/v1/entities/{id}/{verb}")).await.expect(200);
    }
    let refused = || Fate::Refused("entity.created");
    // Audit entries go at once; each is a call of its own beside the topic's.
    post.messages.plan([refused(), refused(), refused()]);
    post.relay().await;
    assert_eq!(
        types(&post.messages.at(":events")),
        ["entity.created", "entity.archived", "entity.restored"]
    );
    let states = post.states().await;
    assert!(states.iter().all(|(state, _)| state == "succeeded"), "{states:?}");
    assert!(states.iter().any(|(_, attempts)| *attempts > 1), "{states:?}");
}

#[tokio::test(start_paused = true)]
async fn one_refused_entry_of_a_call_is_not_the_others_misfortune() {
    let post = Post::new();
    for kind in ["issuer", "spv", "agent"] {
        post.world.default_tenant().entity(kind, kind, None).await;
    }
    post.messages.plan([Fate::Refused("\"spv\"")]);
    assert!(post.relay().await.is_empty());
    assert_eq!(post.messages.at(":events").len(), 3);
    let tried: u64 = post.states().await.iter().map(|(_, attempts)| attempts).sum();
    assert_eq!(tried, 7, "six rows, one of them twice");
}

#[tokio::test(start_paused = true)]
async fn after_five_attempts_an_event_is_given_up_and_a_letter_says_so() {
    let post = Post::new();
    post.world.default_tenant().entity("Acme", "issuer", None).await;
    post.messages.plan(vec![Fate::NotSent; 10]);
    assert!(post.relay().await.is_empty());
    post.all_are("failed", 5).await;
    let letters = post.messages.at("/dead-letters");
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].body["delivery_attempts"], 5);
    assert_eq!(letters[0].body["last_error"], "the service could not be reached");
    assert!(post.messages.at(":events").is_empty());
    // And is no longer looked for.
    post.world.pass_seconds(3_600);
    assert_eq!(post.sweep().await.published, 0);
    // Until someone replays it.
    let failed = post.world.default_tenant().get("/api/v1/events?delivery_state=failed").await;
    let id = failed.ids()[0].to_owned();
    let replayed = post.post(&format!("/api/v1/events/{id}/replay"), json!(null)).await;
    assert_eq!(
        (&replayed["delivery_state"], &replayed["delivery_attempts"], &replayed["last_error"]),
        (&json!("succeeded"), &json!(1), &json!(null))
    );
    assert_eq!(post.messages.at(":events")[0].body["event_id"], id.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_publishes_again_under_the_same_id() {
    let post = Post::new();
    post.world.default_tenant().entity("Acme", "issuer", None).await;
    post.messages.plan([Fate::AnswerLost, Fate::AnswerLost]);
    assert!(post.relay().await.is_empty());
    let [first, again] = post.messages.at(":events").try_into().unwrap();
    assert_eq!(first, again);
    post.all_are("succeeded", 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_is_lost_means_another_delivery_by_the_sweeper() {
    let post = Post::new();
    post.world.default_tenant().entity("Acme", "issuer", None).await;
    post.faults.plan("UpdateItem", [Fault::NotSent, Fault::NotSent]);
    assert!(post.relay().await.is_empty());
    post.all_are("pending", 0).await;
    assert_eq!(post.sweep().await.published, 0, "too young");
    post.world.pass_seconds(61);
    let swept = post.sweep().await;
    assert_eq!((swept.published, swept.complete, swept.oldest_seconds), (2, true, 61.0));
    post.all_are("succeeded", 1).await;
    assert_eq!(post.messages.at(":events").len(), 2);
    assert_eq!(post.sweep().await.published, 0);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_cannot_be_counted_is_reported_and_brought_again() {
    let post = Post::new();
    post.world.default_tenant().entity("Acme", "issuer", None).await;
    post.messages.plan([Fate::NotSent, Fate::NotSent]);
    post.faults.plan("UpdateItem", [Fault::NotSent, Fault::NotSent]);
    assert_eq!(post.relay().await.len(), 2);
    post.all_are("pending", 0).await;
    assert!(post.relay().await.is_empty());
    post.all_are("succeeded", 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_reported_and_the_others_go_once() {
    let post = Post::new();
    post.world.default_tenant().entity("Acme", "issuer", None).await;
    let damaged = async || {
        let mut event = serde_json::to_value(post.stream().await).unwrap();
        let image = json!({"pk": {"S": "x"}, "sk": {"S": "x"}, "record": {"S": "event"}});
        event["Records"].as_array_mut().unwrap().insert(0, inserted(9, &image));
        serde_json::from_value::<Event>(event).unwrap()
    };
    for _ in 0..2 {
        assert_eq!(post.relay_of(damaged().await).await, ["9"]);
    }
    assert_eq!(post.messages.at(":events").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn changes_and_removals_of_rows_are_no_news() {
    let post = Post::new();
    post.world.default_tenant().entity("Acme", "issuer", None).await;
    for name in ["MODIFY", "REMOVE"] {
        let mut event = post.stream().await;
        event.records.iter_mut().for_each(|record| record.event_name = name.to_owned());
        assert!(post.relay_of(event).await.is_empty());
    }
    assert!(post.messages.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_sample_of_the_stream_is_delivered() {
    let post = Post::new();
    let sample = include_str!("../../events/outbox-relay/stream.json");
    assert!(post.relay_of(serde_json::from_str(sample).unwrap()).await.is_empty());
    assert_eq!(types(&post.messages.at(":events")), ["entity.archived"]);
    assert_eq!(post.messages.at("/audit").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_publishes_what_it_stores_and_the_relay_leaves_it_alone() {
    let post = Post::new();
    let event = post.post("/api/v1/events", plain()).await;
    assert_eq!(
        (&event["delivery_state"], &event["delivery_attempts"], &event["last_error"]),
        (&json!("succeeded"), &json!(1), &json!(null))
    );
    assert!(post.relay().await.is_empty());
    assert_eq!(post.messages.calls(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_publish_says_so_and_the_sweeper_does() {
    let post = Post::new();
    post.messages.plan([Fate::NotSent, Fate::Refused("a.happened")]);
    let event = post.post("/api/v1/events", plain()).await;
    assert_eq!(
        (&event["delivery_state"], &event["delivery_attempts"], &event["last_error"]),
        (&json!("pending"), &json!(2), &json!("Refused: planned"))
    );
    post.world.pass_seconds(61);
    assert_eq!(post.sweep().await.published, 1);
    post.all_are("succeeded", 3).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_of_an_aggregate_is_left_to_the_relay() {
    let post = Post::new();
    let mut event = plain();
    event["aggregate_type"] = json!("document");
    event["aggregate_id"] = json!("d-1");
    assert_eq!(post.post("/api/v1/events", event).await["delivery_state"], "pending");
    assert!(post.messages.calls().is_empty());
    post.relay().await;
    assert_eq!(post.messages.at(":events")[0].body["aggregate_id"], "d-1");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_published_ten_at_a_time() {
    let post = Post::new();
    let reply = post.post("/api/v1/events/batch", json!({"events": vec![plain(); 25]})).await;
    let items = reply["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["event"]["delivery_state"] == "succeeded"));
    let mut calls = post.messages.calls();
    calls.sort_unstable();
    assert_eq!(calls, [5, 10, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_handed_in_event_costs_five_units_delivery_included() {
    let post = Post::new();
    let (_, usage) = store::meter::measured(async {
        let act = domain::change::Act {
            tenant_id: TenantId::parse("t").unwrap(),
            actor: domain::principal::Principal {
                kind: domain::principal::PrincipalType::service(),
                id: domain::id::PrincipalId::parse("vault").unwrap(),
            },
            on_behalf_of: None,
            at: post.app.clock.now(),
            request_id: "r".to_owned(),
        };
        let submission = domain::event::Submission {
            event_type: domain::text::EventType::parse("a.happened").unwrap(),
            source: domain::text::EventSource::parse("vault").unwrap(),
            occurred_at: None,
            correlation_id: None,
            schema_version: None,
            aggregate: None,
            payload: json!({"a": "x".repeat(400)}).as_object().unwrap().clone(),
            context: domain::event::Content::new(),
        };
        let event = submission.into_event(post.app.ids.mint(), act.tenant_id.clone(), act.at);
        let delivery = domain::event::Delivery::pending(act.at);
        let mut stored = domain::event::StoredEvent { event, delivery };
        let intent = store::Intent { act: &act, receipt: None };
        post.app.store.event_ingest(&intent, &stored, true).await.unwrap();
        let publisher = api::delivery::Publisher::of(&post.app);
        api::delivery::inline(&post.app, &publisher, &mut [&mut stored]).await;
    })
    .await;
    assert_eq!(usage.write_units, 5.0);
}
