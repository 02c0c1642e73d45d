//! Events: every endpoint and every refusal.

use std::collections::HashSet;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tests::{Tenant, World};

fn verified(correlation_id: &str) -> Value {
    json!({
        "event_type": "document.verified",
        "source": "document_vault",
        "payload": {"document_id": "abc-123"},
        "context": {"actor_id": "user-42"},
        "correlation_id": correlation_id,
    })
}

#[expect(clippy::unwrap_used, reason = "an event without an id fails the test")]
async fn hand_in(tenant: &Tenant, event_type: &str, source: &str, occurred_at: &str) -> String {
    let event = json!({"event_type": event_type, "source": source, "occurred_at": occurred_at});
    let reply = tenant.post("/api/v1/events", event).await;
    reply.expect(201)["event_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_event_is_stored_with_all_that_the_original_service_answers() {
    let world = World::new();
    let tenant = world.default_tenant();
    let created = tenant.post("/api/v1/events", verified("doc-abc-123")).await;
    let event = created.expect(201);
    let expected = json!({
        "id": event["event_id"], "event_id": event["id"],
        "event_type": "document.verified", "source": "document_vault",
        "occurred_at": world.now(), "tenant_id": "default", "correlation_id": "doc-abc-123",
        "schema_version": "v1", "aggregate_type": null, "aggregate_id": null,
        "payload": {"document_id": "abc-123"}, "context": {"actor_id": "user-42"},
        "delivery_state": "succeeded", "delivery_attempts": 1, "last_error": null,
        "created_at": world.now(), "updated_at": world.now(),
    });
    assert_eq!(event, &expected);
    let read = tenant.get(created.header("location").unwrap()).await;
    assert_eq!(read.expect(200), event);
}

#[tokio::test]
async fn an_event_costs_three_units_and_its_mark_two() {
    let tenant = World::new().default_tenant();
    let reply = tenant.post("/api/v1/events", verified("c")).await;
    reply.expect(201);
    assert_eq!(reply.usage.write_units, 5.0);
    assert_eq!((reply.usage.read_units, reply.usage.round_trips), (0.0, 2));
}

#[tokio::test]
async fn a_repeated_correlation_id_returns_the_stored_event_whatever_else_is_sent() {
    let tenant = World::new().default_tenant();
    let first = tenant.post("/api/v1/events", verified("c")).await;
    let mut other = verified("c");
    other["event_type"] = json!("document.rejected");
    let again = tenant.post("/api/v1/events", other).await;
    assert_eq!(again.expect(200), first.expect(201));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.header("idempotency-replayed"), None);
}

#[tokio::test]
async fn another_source_tenant_or_no_correlation_id_is_another_event() {
    let world = World::new();
    let (one, other) = (world.tenant("one"), world.tenant("other"));
    let mut elsewhere = verified("c");
    elsewhere["source"] = json!("onboarding");
    let mut without = verified("c");
    without.as_object_mut().unwrap().remove("correlation_id");
    let mut ids = HashSet::new();
    for (tenant, event) in [
        (&one, verified("c")),
        (&other, verified("c")),
        (&one, elsewhere),
        (&one, without.clone()),
        (&one, without),
    ] {
        let reply = tenant.post("/api/v1/events", event).await;
        ids.insert(reply.expect(201)["event_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_posts_of_a_hundred_correlation_ids_at_once_are_a_hundred_events() {
    let world = World::new();
    let tasks = (0..16).map(|task: usize| {
        let tenant = world.default_tenant();
        tokio::spawn(async move {
            let mut created = 0;
            for post in (task..1_000).step_by(16) {
                let reply =
                    tenant.post("/api/v1/events", verified(&format!("c-{}", post % 100))).await;
                assert!([200, 201].contains(&reply.status), "{}", reply.text);
                created += usize::from(reply.status == 201);
            }
            created
        })
    });
    let created: usize = join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(created, 100);
    assert_eq!(world.events("document.verified").await.len(), 100);
}

#[tokio::test]
async fn every_fault_of_an_event_is_told_at_once() {
    let tenant = World::new().default_tenant();
    let refused = tenant
        .post(
            "/api/v1/events",
            json!({
                "event_type": "ab", "occurred_at": "noon", "correlation_id": "", "payload": [],
                "context": "text", "schema_version": "x".repeat(17), "aggregate_type": "document",
            }),
        )
        .await;
    refused.expect_problem(400, "invalid");
    assert_eq!(
        refused.pointers(),
        [
            "/event_type",
            "/source",
            "/occurred_at",
            "/correlation_id",
            "/schema_version",
            "/aggregate_id",
            "/payload",
            "/context",
        ]
    );
    let mut ours = verified("c");
    ours["source"] = json!("entity_permissions_core");
    tenant.post("/api/v1/events", ours).await.expect_problem(400, "invalid");
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused() {
    let tenant = World::new().default_tenant();
    let of = |payload: usize, context: usize| {
        let mut event = verified("c");
        event["payload"] = json!({"a": "x".repeat(payload - 8)});
        event["context"] = json!({"a": "x".repeat(context - 8)});
        event
    };
    let send = async |event| tenant.post("/api/v1/events", event).await;
    send(of(200 * 1024 - 99, 100)).await.expect_problem(413, "too_large");
    send(of(100, 48 * 1024 + 1)).await.expect_problem(413, "too_large");
    send(of(200 * 1024 - 100, 100)).await.expect(201);
}

#[tokio::test]
async fn an_answer_under_an_idempotency_key_is_the_same_for_ever() {
    let world = World::new();
    let tenant = world.default_tenant().with("idempotency-key", "key-1");
    let mut event = verified("c");
    event.as_object_mut().unwrap().remove("correlation_id");
    let first = tenant.post("/api/v1/events", event.clone()).await;
    first.expect(201);
    let again = tenant.post("/api/v1/events", event).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    tenant
        .post("/api/v1/events", verified("d"))
        .await
        .expect_problem(409, "idempotency_key_reused");
    assert_eq!(world.events("document.verified").await.len(), 1);
}

#[tokio::test]
async fn a_cloud_event_goes_in_and_comes_out() {
    let tenant = World::new().default_tenant();
    let cloud = tenant
        .clone()
        .with("content-type", "application/cloudevents+json; charset=utf-8")
        .with("accept", "application/cloudevents+json");
    let sent = json!({
        "specversion": "1.0", "id": "evt-1", "type": "document.verified", "source": "/vault",
        "time": "2026-11-23T03:30:53.5Z", "data": {"document_id": "abc-123"},
        "context": "{\"actor_id\":\"user-42\"}",
    });
    let stored = cloud.post("/api/v1/events", sent.clone()).await;
    let out = stored.expect(201);
    assert_eq!(stored.header("content-type"), Some("application/cloudevents+json"));
    for name in ["specversion", "type", "source", "data", "context"] {
        assert_eq!(out[name], sent[name], "{name}");
    }
    assert_eq!(out["correlationid"], "evt-1");
    let own = tenant.get(stored.header("location").unwrap()).await;
    assert_eq!(own.expect(200)["context"], json!({"actor_id": "user-42"}));
    assert_eq!(cloud.post("/api/v1/events", sent).await.expect(200), out);
    let faulty = cloud.post("/api/v1/events", json!({"specversion": "1.0", "source": 1})).await;
    faulty.expect_problem(400, "invalid");
    assert_eq!(faulty.pointers(), ["/type", "/source", "/id"]);
    let xml = tenant.with("content-type", "text/xml");
    xml.post("/api/v1/events", json!({})).await.expect_problem(400, "malformed");
}

#[tokio::test]
async fn events_are_listed_newest_first_by_what_is_asked_for() {
    let tenant = World::new().default_tenant();
    let mut ids = Vec::new();
    for minute in 0..12 {
        let source = if minute % 2 == 0 { "even" } else { "odd" };
        let at = format!("2026-11-23T03:{minute:02}:00Z");
        ids.push(hand_in(&tenant, "a.happened", source, &at).await);
    }
    ids.reverse();
    let list = async |query: &str| tenant.get(&format!("/api/v1/events{query}")).await;
    assert_eq!(list("").await.ids(), ids);
    let even: Vec<&String> = ids.iter().skip(1).step_by(2).collect();
    assert_eq!(list("?source=even").await.ids(), even);
    let span = list("?from=2026-11-23T03:02:00Z&to=2026-11-23T03:05:00Z").await;
    assert_eq!(span.ids(), &ids[7..10]);
    assert_eq!(list("?delivery_state=published").await.ids(), ids);
    assert!(list("?delivery_state=pending").await.ids().is_empty());
    assert!(list("?event_type=b.happened").await.ids().is_empty());
    // By pages, of a span too.
    for query in ["limit=5", "limit=5&from=2000-01-01T00:00:00Z&delivery_state=succeeded"] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&format!("?{query}{cursor}")).await;
            found.extend(page.ids().into_iter().map(str::to_owned));
            let Some(next) = page.body["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, ids, "{query}");
    }
    list("?delivery_state=lost&from=noon&surplus=1").await.expect_problem(400, "invalid");
}

#[tokio::test]
async fn a_source_and_a_correlation_id_find_one_event() {
    let tenant = World::new().default_tenant();
    let stored = tenant.post("/api/v1/events", verified("c")).await;
    let found = tenant.get("/api/v1/events?source=document_vault&correlation_id=c").await;
    assert_eq!(found.expect(200)["items"], json!([stored.body]));
    assert_eq!(found.usage.read_units, 1.0);
    let none = tenant
        .get("/api/v1/events?source=document_vault&correlation_id=c&event_type=other.type")
        .await;
    assert!(none.ids().is_empty());
}

#[tokio::test]
async fn the_events_of_the_core_are_in_the_list_under_their_request() {
    let tenant = World::new().default_tenant().with("x-request-id", "req-1");
    tenant.entity("Acme", "issuer", None).await;
    let list =
        tenant.get("/api/v1/events?source=entity_permissions_core&correlation_id=req-1").await;
    let event = &list.expect(200)["items"][0];
    assert_eq!(event["event_type"], "entity.created");
    assert_eq!(event["aggregate_type"], "entity");
}

#[tokio::test]
async fn another_tenants_events_do_not_exist() {
    let world = World::new();
    let stored = world.tenant("one").post("/api/v1/events", verified("c")).await;
    let path = stored.header("location").unwrap();
    let other = world.tenant("other");
    other.get(path).await.expect_problem(404, "not_found");
    other.post_empty(&format!("{path}/replay")).await.expect_problem(404, "not_found");
    assert!(other.get("/api/v1/events").await.ids().is_empty());
}

#[tokio::test]
async fn each_event_of_a_batch_is_answered_in_its_place() {
    let world = World::new();
    let tenant = world.default_tenant();
    tenant.post("/api/v1/events", verified("there")).await.expect(201);
    let mut large = verified("large");
    large["payload"] = json!({"a": "x".repeat(200 * 1024)});
    let events = [
        verified("a"),
        verified("there"),
        json!({"source": "vault"}),
        verified("a"),
        large,
        json!(1),
    ];
    let reply = tenant.post("/api/v1/events/batch", json!({"events": events})).await;
    let items = reply.expect(200)["items"].as_array().unwrap();
    let statuses: Vec<_> = items.iter().map(|item| item["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 200, 400, 200, 413, 400]);
    assert_eq!(items[0]["event"]["event_id"], items[3]["event"]["event_id"]);
    assert_eq!(items[2]["problem"]["errors"][0]["pointer"], "/event_type");
    assert_eq!(items[4]["problem"]["code"], "too_large");
    assert_eq!(world.events("document.verified").await.len(), 2);
}

#[tokio::test]
async fn a_batch_under_an_idempotency_key_is_stored_once() {
    let world = World::new();
    let tenant = world.default_tenant().with("idempotency-key", "key-1");
    let plain = json!({"event_type": "a.happened", "source": "vault"});
    let batch = json!({"events": [plain, plain]});
    let first = tenant.post("/api/v1/events/batch", batch.clone()).await;
    first.expect(200);
    let again = tenant.post("/api/v1/events/batch", batch).await;
    assert_eq!((&again.text, again.header("idempotency-replayed")), (&first.text, Some("true")));
    let other = json!({"events": [plain]});
    let reused = tenant.post("/api/v1/events/batch", other).await;
    reused.expect_problem(409, "idempotency_key_reused");
    assert_eq!(world.events("a.happened").await.len(), 2);
}

#[tokio::test]
async fn a_batch_holds_one_to_a_hundred_events() {
    let tenant = World::new().default_tenant();
    let plain = json!({"event_type": "a.happened", "source": "vault"});
    for (events, status) in [
        (json!([]), 400),
        (json!(vec![plain.clone(); 101]), 400),
        (json!("a"), 400),
        (json!(vec![plain; 100]), 200),
    ] {
        let reply = tenant.post("/api/v1/events/batch", json!({"events": events})).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
}

#[tokio::test]
async fn paths_have_their_methods_and_no_others() {
    let tenant = World::new().default_tenant();
    for path in
        ["/api/v1/events", "/api/v1/events/x", "/api/v1/events/batch", "/api/v1/events/x/replay"]
    {
        let reply = tenant.send(Method::DELETE, path, None).await;
        reply.expect_problem(405, "method_not_allowed");
    }
    tenant.get("/api/v1/events/unknown").await.expect_problem(404, "not_found");
    tenant.post_empty("/api/v1/events/unknown/replay").await.expect_problem(404, "not_found");
}
