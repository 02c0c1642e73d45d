//! Entities: creating and reading them, and every refusal of both.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use axum::body::Body;
use domain::document::{DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX};
use http::{Method, Request};
use serde_json::{Value, json};
use tests::{Reply, World};

use crate::outbox;

const ENTITIES: &str = "/api/v1/entities";

/// An object of exactly so many bytes as JSON.
fn document(bytes: usize) -> Value {
    json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())})
}

/// An object that nests so many levels deep.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
}

/// A body sent as it is, under any content type or none.
async fn send(world: &World, content_type: Option<&str>, body: &str) -> Reply {
    let mut request = Request::builder().method(Method::POST).uri(ENTITIES);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_created_entity_can_be_read_and_says_where_it_is() {
    let world = World::new();
    let tenant = world.default_tenant();
    let created = tenant
        .post(ENTITIES, json!({"name": "Acme", "type": "issuer", "attributes": {"region": "US"}}))
        .await;
    let entity = created.expect(201);
    let expected = json!({
        "id": entity["id"],
        "tenant_id": "default",
        "name": "Acme",
        "type": "issuer",
        "status": "active",
        "parent_id": null,
        "attributes": {"region": "US"},
        "version": 1,
        "created_at": world.now(),
        "updated_at": world.now(),
    });
    assert_eq!(*entity, expected);
    assert_eq!(created.header("etag"), Some("\"1\""));
    assert_eq!(created.header("content-type"), Some("application/json"));

    let read = tenant.get(created.header("location").unwrap()).await;
    assert_eq!(read.expect(200), entity);
    assert_eq!(read.header("etag"), Some("\"1\""));
}

#[tokio::test]
async fn a_new_entity_takes_every_field_that_a_client_may_set() {
    let tenant = World::new().default_tenant();
    let issuer = tenant.entity("Acme", "issuer", None).await;
    let body = json!({
        "id": "spv:acme-1",
        "name": "é".repeat(255),
        "type": "spv",
        "status": "inactive",
        "parent_id": issuer,
        "attributes": document(DOCUMENT_BYTES_MAX),
        "tenant_id": "another",
        "version": 9,
        "colour": "green",
    });
    let reply = tenant.post(ENTITIES, body.clone()).await;
    let entity = reply.expect(201);
    for field in ["id", "name", "type", "status", "parent_id", "attributes"] {
        assert_eq!(entity[field], body[field], "{field}");
    }
    // What only the service sets, and what nobody knows, is ignored.
    assert_eq!((&entity["tenant_id"], &entity["version"]), (&json!("default"), &json!(1)));
    assert_eq!(entity.get("colour"), None);
    assert_eq!(reply.header("location"), Some("/api/v1/entities/spv:acme-1"));
    assert_eq!(tenant.get("/api/v1/entities/spv:acme-1").await.expect(200), entity);
}

#[tokio::test]
async fn null_in_an_optional_field_of_a_new_entity_is_as_good_as_absent() {
    let tenant = World::new().default_tenant();
    let body = json!({
        "id": null, "name": "Acme", "type": "issuer", "status": null, "parent_id": null, "attributes": null,
    });
    let reply = tenant.post(ENTITIES, body).await;
    let entity = reply.expect(201);
    assert_eq!((&entity["status"], &entity["attributes"]), (&json!("active"), &json!({})));
    assert_eq!(entity["id"].as_str().unwrap().len(), 36, "a UUIDv7 of the service's own");
}

#[tokio::test]
async fn a_creation_is_told_to_subscribers_and_to_the_ledger() {
    let world = World::new();
    let tenant = world.default_tenant().with("x-request-id", "req-1");
    let id = tenant.entity("Acme", "issuer", None).await;
    assert_eq!(outbox::rows(&world).await, 2);

    let event = outbox::only(world.events("entity.created").await);
    let payload = json!({
        "entity_id": id,
        "entity_type": "issuer",
        "before": {},
        "after": {
            "name": "Acme", "type": "issuer", "status": "active", "parent_id": null, "attributes": {},
        },
    });
    assert_eq!(outbox::read(&event, "payload"), payload);
    let context = json!({"actor_id": "local", "actor_type": "service", "request_id": "req-1"});
    assert_eq!(outbox::read(&event, "context"), context);
    for (field, value) in [
        ("tenant_id", json!("default")),
        ("source", json!("entity_permissions_core")),
        ("occurred_at", json!(world.now())),
        ("correlation_id", json!("req-1")),
        ("schema_version", json!("v1")),
        ("aggregate_type", json!("entity")),
        ("aggregate_id", json!(id)),
        ("delivery_state", json!("pending")),
        ("delivery_attempts", json!(0)),
    ] {
        assert_eq!(event[field], value, "{field}");
    }

    let audit = outbox::only(world.audits("entity.create").await);
    assert_eq!(outbox::read(&audit, "details"), json!({"type": "issuer", "name": "Acme"}));
    for (field, value) in [
        ("tenant_id", json!("default")),
        ("source", json!("entity_permissions_core")),
        ("occurred_at", json!(world.now())),
        ("correlation_id", json!("req-1")),
        ("actor_id", json!("local")),
        ("actor_type", json!("service")),
        ("on_behalf_of", Value::Null),
        ("entity_id", json!(id)),
        ("entity_type", json!("issuer")),
    ] {
        assert_eq!(audit[field], value, "{field}");
    }
    assert_ne!(audit["event_id"], event["event_id"]);
}

#[tokio::test]
async fn whom_a_service_speaks_for_is_recorded_beside_it_and_never_instead() {
    let world = World::new();
    let tenant = world.default_tenant().with("x-actor-id", "alice@example.com");
    tenant.entity("Acme", "issuer", None).await;
    let context = outbox::read(&outbox::only(world.events("entity.created").await), "context");
    assert_eq!(
        (&context["actor_id"], &context["actor_type"], &context["on_behalf_of"]),
        (&json!("local"), &json!("service"), &json!("alice@example.com"))
    );
    let audit = outbox::only(world.audits("entity.create").await);
    assert_eq!(
        (&audit["actor_id"], &audit["actor_type"], &audit["on_behalf_of"]),
        (&json!("local"), &json!("service"), &json!("alice@example.com"))
    );

    let reply = world
        .default_tenant()
        .with("x-actor-id", "two words")
        .post(ENTITIES, json!({"name": "Beta", "type": "issuer"}))
        .await;
    reply.expect_problem(400, "invalid");
    assert_eq!(reply.pointers(), ["X-Actor-Id"]);
}

#[tokio::test]
async fn every_fault_of_a_new_entity_is_told_at_once() {
    let world = World::new();
    let body = json!({
        "id": "a b", "name": "", "type": "company", "status": "gone", "parent_id": 7, "attributes": [],
    });
    let reply = world.default_tenant().post(ENTITIES, body).await;
    reply.expect_problem(400, "invalid");
    assert_eq!(reply.pointers(), ["/id", "/name", "/type", "/status", "/parent_id", "/attributes"]);
    assert_eq!(outbox::rows(&world).await, 0);
}

#[tokio::test]
async fn each_field_of_a_new_entity_is_held_to_its_limits() {
    let tenant = World::new().default_tenant();
    let whole = json!({"name": "Acme", "type": "issuer"});
    for (field, value, reason) in [
        ("name", Value::Null, "must be a text"),
        ("name", json!(7), "must be a text"),
        ("name", json!("   "), "must not be blank"),
        ("name", json!("a\nb"), "must not hold control characters"),
        ("name", json!("x".repeat(256)), "must have 1 to 255 characters, has 256"),
        ("type", Value::Null, "must be a text"),
        ("type", json!("Issuer"), "`Issuer` is no entity type"),
        ("status", json!("Active"), "`Active` is no status"),
        ("id", json!(""), "must not be empty"),
        ("id", json!("a/b"), "may hold only letters, digits"),
        ("id", json!("x".repeat(129)), "must be at most 128 characters long"),
        ("parent_id", json!("*"), "may hold only letters, digits"),
        ("parent_id", json!("nobody"), "names no entity: there is no `nobody`"),
        ("attributes", json!("text"), "must be a JSON object"),
        ("attributes", document(DOCUMENT_BYTES_MAX + 1), "must be at most 65536 bytes as JSON"),
        ("attributes", nested(DOCUMENT_DEPTH_MAX + 1), "must nest at most 32 deep"),
    ] {
        let mut body = whole.clone();
        body[field] = value;
        let reply = tenant.post(ENTITIES, body).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), [format!("/{field}")]);
        let detail = reply.body["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.starts_with(reason), "{field}: {detail}");
    }
    let reply = tenant.post(ENTITIES, json!({})).await;
    reply.expect_problem(400, "invalid");
    assert_eq!(reply.pointers(), ["/name", "/type"]);
}

#[tokio::test]
async fn a_body_must_be_a_json_object_sent_as_json() {
    let world = World::new();
    let good = r#"{"name": "Acme", "type": "issuer"}"#;
    for body in ["", "{", "[]", "null", "\"text\"", "name=Acme", "{\"name\": \"Acme\"} more"] {
        send(&world, Some("application/json"), body).await.expect_problem(400, "malformed");
    }
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json")]
    {
        let reply = send(&world, content_type, good).await;
        let problem = reply.expect_problem(400, "malformed");
        assert_eq!(problem["detail"], "the `Content-Type` must be `application/json`");
    }
    assert_eq!(outbox::rows(&world).await, 0);
    send(&world, Some("Application/JSON; charset=utf-8"), good).await.expect(201);
}

#[tokio::test]
async fn the_largest_body_that_passes_is_one_mebibyte() {
    let world = World::new();
    let body = |bytes: usize| {
        let frame = r#"{"name": "Acme", "type": "issuer", "padding": ""}"#;
        frame.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - frame.len())))
    };
    let too_large = body(api::BODY_BYTES_MAX + 1);
    send(&world, Some("application/json"), &too_large).await.expect_problem(413, "too_large");
    assert_eq!(outbox::rows(&world).await, 0);
    send(&world, Some("application/json"), &body(api::BODY_BYTES_MAX)).await.expect(201);
}

#[tokio::test]
async fn a_name_is_taken_within_its_type_by_one_entity_also_when_archived() {
    let world = World::new();
    let tenant = world.default_tenant();
    let id = tenant.entity("Acme", "issuer", None).await;
    let rows = outbox::rows(&world).await;
    let again = json!({"name": "Acme", "type": "issuer"});
    let reply = tenant.post(ENTITIES, again.clone()).await;
    let problem = reply.expect_problem(409, "name_taken");
    assert_eq!(problem["detail"], "entity `Acme` of type `issuer` already exists");
    assert_eq!(outbox::rows(&world).await, rows, "a refused creation leaves no trace");

    tenant.entity("Acme", "spv", None).await;
    tenant.entity("acme", "issuer", None).await;
    tenant.post_empty(&format!("{ENTITIES}/{id}/archive")).await.expect(200);
    tenant.post(ENTITIES, again).await.expect_problem(409, "name_taken");
}

#[tokio::test]
async fn an_id_is_taken_by_one_entity_of_any_type_and_a_refusal_takes_no_name() {
    let tenant = World::new().default_tenant();
    let acme = json!({"id": "acme", "name": "Acme", "type": "issuer"});
    tenant.post(ENTITIES, acme).await.expect(201);
    let beta = json!({"id": "acme", "name": "Beta", "type": "spv"});
    let reply = tenant.post(ENTITIES, beta).await;
    let problem = reply.expect_problem(409, "id_taken");
    assert_eq!(problem["detail"], "an entity with the id `acme` already exists");
    tenant.entity("Beta", "spv", None).await;
}

#[tokio::test]
async fn what_does_not_exist_or_cannot_is_not_found() {
    let tenant = World::new().default_tenant();
    for id in ["0190b0c5-7e4c-7000-8000-000000000001", "a%20b", "*", &"x".repeat(129)] {
        let path = format!("{ENTITIES}/{id}");
        let reply = tenant.get(&path).await;
        assert_eq!(reply.expect_problem(404, "not_found")["instance"], path);
        tenant.patch(&path, json!({"name": "Acme"})).await.expect_problem(404, "not_found");
        for action in ["archive", "restore"] {
            let reply = tenant.post_empty(&format!("{path}/{action}")).await;
            reply.expect_problem(404, "not_found");
        }
    }
    // Bytes that are no text in any encoding of a path.
    tenant.get(&format!("{ENTITIES}/%ff")).await.expect_problem(400, "malformed");
}
