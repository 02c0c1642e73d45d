//! Idempotency keys: the same request under the same key has one effect and one answer.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use api::{App, Config};
use domain::id::Ids;
use domain::time::Clock;
use http::{HeaderValue, Method, Request};
use lambda_http::request::RequestContext;
use local::system::functions;
use serde_json::{Value, json};
use store::RECEIPT_SECONDS;
use tests::{Reply, Tenant, World};

use crate::samples::{self, Sample, samples};
use crate::tables::{assert_same, count, count_of_kind, tables};
use crate::tour::operations;

const KEY: &str = "idempotency-key";

/// A tenant that sends a key with every request.
fn keyed(world: &World, key: &str) -> Tenant {
    world.default_tenant().with(KEY, key)
}

/// A world, and the requests that change something there, all under one key.
async fn sampled() -> (World, Tenant, Vec<Sample>) {
    let world = World::new();
    let samples = samples(&world.default_tenant()).await;
    let tenant = keyed(&world, "0190b0c5-7e4c-7000-8000-000000000001");
    (world, tenant, samples)
}

fn is_replayed(reply: &Reply) -> bool {
    match reply.header("idempotency-replayed") {
        Some(value) => value == "true",
        None => false,
    }
}

/// Checks that an answer is an earlier one, given again.
#[track_caller]
fn assert_replay(again: &Reply, first: &Reply, what: impl std::fmt::Debug) {
    let seen = |reply: &Reply| {
        let header = |name: &str| reply.header(name).map(str::to_owned);
        let kept = ["etag", "location", "content-type"].map(header);
        (reply.status, samples::kept(reply), kept)
    };
    assert_eq!(seen(again), seen(first), "{what:?}");
    assert!(is_replayed(again), "{what:?} is not said to be a replay");
}

#[tokio::test]
async fn every_operation_that_may_change_something_is_sampled() {
    let (_, _, samples) = sampled().await;
    let operations = operations();
    for operation in operations.iter().filter(|operation| operation.mutates) {
        let is_sampled = samples.iter().any(|sample| operation.is(&sample.method, &sample.path));
        assert!(is_sampled, "samples.rs has no request for `{}`: add one", operation.id);
    }
    assert_eq!(samples.len(), operations.iter().filter(|operation| operation.mutates).count());
}

#[tokio::test]
async fn the_same_request_under_the_same_key_has_one_effect_and_one_answer() {
    let (world, tenant, samples) = sampled().await;
    for sample in samples {
        let before = tables(&world).await;
        let first = sample.send(&tenant).await;
        first.expect(sample.status);
        assert!(!is_replayed(&first), "{sample:?}");
        let between = tables(&world).await;
        for (attribute, value) in sample.leaves() {
            let (was, is) = (count(&before, attribute, value), count(&between, attribute, value));
            assert_eq!(is, was + 1, "{value} of {sample:?}");
        }
        world.pass_seconds(60);
        let again = sample.send(&tenant).await;
        assert_replay(&again, &first, &sample);
        assert_same(&between, &tables(&world).await, &sample.path);
    }
}

#[tokio::test]
async fn spacing_and_the_order_of_keys_make_no_other_request() {
    let (world, tenant, samples) = sampled().await;
    for sample in samples.iter().filter(|sample| sample.body.is_some()) {
        let first = sample.send(&tenant).await;
        let after = tables(&world).await;
        let body = respelled(sample.body.as_ref().unwrap());
        assert_ne!(body, sample.body.as_ref().unwrap().to_string());
        let again = tenant.send(sample.method.clone(), &sample.path, Some(body)).await;
        assert_replay(&again, &first, sample);
        assert_same(&after, &tables(&world).await, &sample.path);
    }
}

/// The same JSON with more spaces, and the keys of each object the other way round.
fn respelled(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("\"{name}\" :\n {}", respelled(value)))
                .collect();
            members.reverse();
            format!("{{  {} }}", members.join(" ,\t"))
        }
        other => other.to_string(),
    }
}

#[tokio::test]
async fn another_request_under_a_used_key_is_refused_without_effect() {
    let (world, tenant, samples) = sampled().await;
    for sample in samples {
        let first = sample.send(&tenant).await;
        let after = tables(&world).await;
        let other_body = Sample { body: Some(sample.other.clone()), ..sample.clone() };
        let other_path = Sample { path: sample.elsewhere.clone(), ..sample.clone() };
        // Even a body that no request may have: the key is what it goes by.
        let no_body = Sample { body: Some(json!([1])), ..sample.clone() };
        for other in [other_body, other_path, no_body] {
            other.send(&tenant).await.expect_problem(409, "idempotency_key_reused");
            assert_same(&after, &tables(&world).await, &sample.path);
        }
        // And the first is still what the key stands for.
        assert_replay(&sample.send(&tenant).await, &first, &sample);
    }
}

#[tokio::test]
async fn a_key_means_something_only_within_its_tenant_its_method_and_its_route() {
    let world = World::new();
    let (one, other) = (keyed(&world, "k"), world.tenant("other").with(KEY, "k"));
    let body = json!({"name": "Acme", "type": "issuer", "id": "acme"});
    one.post("/api/v1/entities", body.clone()).await.expect(201);
    let of_other = other.post("/api/v1/entities", body).await;
    assert_eq!(of_other.expect(201)["tenant_id"], "other");

    let (path, properties) = ("/api/v1/principals/user/grace", json!({"properties": {}}));
    let requests = [
        one.post("/api/v1/roles", json!({"name": "Reader"})).await,
        one.patch("/api/v1/entities/acme", json!({"name": "Ace"})).await,
        one.post_empty("/api/v1/entities/acme/archive").await,
        one.post_empty("/api/v1/entities/acme/restore").await,
        one.put(path, properties).await,
        one.delete(path).await,
    ];
    for reply in &requests {
        assert!(reply.status < 300 && !is_replayed(reply), "{}", reply.text);
    }
    assert!(!is_replayed(&of_other));
}

#[tokio::test]
async fn a_key_means_something_only_for_the_principal_who_sent_it() {
    let world = World::new();
    world.permit_everyone("default").await;
    let create = async |principal: &str, kind: &str, name: &str| -> (u16, bool) {
        let routes = functions().into_iter().map(|(routes, ..)| routes);
        let entities = routes.into_iter().find(|routes| routes.function == "entities").unwrap();
        let tables = [
            ("EPR_CORE_TABLE", "CoreTable"),
            ("EPR_EVENTS_TABLE", "EventsTable"),
            ("EPR_AUDIT_TABLE", "AuditTable"),
        ];
        let variable =
            |name: &str| tables.iter().find(|(of, _)| *of == name).map(|(_, to)| (*to).to_owned());
        let config = Config::from_variables(variable).unwrap();
        let client = world.system.embedded.client();
        let app = App::new(config, client, Clock::system(), Ids::by_time());
        let body = json!({"name": name, "type": "issuer"}).to_string();
        let mut request =
            Request::post("/api/v1/entities").body(lambda_http::Body::from(body)).unwrap();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().extend([(http::header::CONTENT_TYPE, json)]);
        request.headers_mut().insert(KEY, HeaderValue::from_static("k"));
        request.extensions_mut().insert(called_by(kind, principal));
        let reply = api::invoke(entities.router(&app), request).await.unwrap();
        (reply.status().as_u16(), reply.headers().contains_key("idempotency-replayed"))
    };
    assert_eq!(create("grace", "user", "Acme").await, (201, false));
    assert_eq!(create("grace", "user", "Acme").await, (201, true));
    assert_eq!(create("grace", "service", "Ace").await, (201, false));
    assert_eq!(create("alan", "user", "Apex").await, (201, false));
    assert_eq!(create("grace", "user", "Acme").await, (201, true));
    assert_eq!(count_of_kind(&tables(&world).await, "entity"), 3);
}

/// The context of a request, as the authorizer leaves it.
fn called_by(kind: &str, principal: &str) -> RequestContext {
    let context = json!({
        "http": {"method": "POST"},
        "authorizer": {"lambda": {
            "tenant_id": "default", "principal_type": kind, "principal_id": principal, "via": "jwt",
        }},
    });
    RequestContext::ApiGatewayV2(serde_json::from_value(context).unwrap())
}

#[tokio::test]
async fn after_a_day_a_key_is_new_again_though_the_table_still_holds_its_receipt() {
    let (world, tenant, samples) = sampled().await;
    for sample in &samples {
        sample.send(&tenant).await.expect(sample.status);
    }
    world.pass_seconds(RECEIPT_SECONDS - 1);
    for sample in &samples {
        assert!(is_replayed(&sample.send(&tenant).await), "{sample:?}");
    }
    world.pass_seconds(1);
    assert_eq!(count_of_kind(&tables(&world).await, "receipt"), samples.len());
    for sample in &samples {
        let late = sample.send(&tenant).await;
        assert!(!is_replayed(&late), "{sample:?}");
        let other = Sample { body: Some(sample.other.clone()), ..sample.clone() };
        // Where the request succeeded once more, the key now stands for that; else it stands for nothing.
        if late.status < 300 {
            assert_replay(&sample.send(&tenant).await, &late, sample);
            other.send(&tenant).await.expect_problem(409, "idempotency_key_reused");
        } else {
            assert_ne!(other.send(&tenant).await.body["code"], "idempotency_key_reused");
        }
    }
}

#[tokio::test]
async fn a_request_that_changed_nothing_is_remembered_too() {
    let (world, tenant, _) = sampled().await;
    let plain = world.default_tenant();
    let (archive, restore) =
        ("/api/v1/entities/archived/archive", "/api/v1/entities/archived/restore");
    let first = tenant.post_empty(archive).await;
    assert_eq!(first.expect(200)["status"], "archived");
    plain.post_empty(restore).await.expect(200);
    let after = tables(&world).await;
    assert_replay(&tenant.post_empty(archive).await, &first, "archive");
    assert_same(&after, &tables(&world).await, "a replayed archive");
    let now = plain.get("/api/v1/entities/archived").await;
    assert_eq!(now.expect(200)["status"], "active");

    let again = json!({"principal_id": "holder", "role_id": "reader"});
    let first = tenant.post("/api/v1/assignments", again.clone()).await;
    assert_eq!(first.expect(200)["id"], "held");
    plain.delete("/api/v1/assignments/held").await.expect(200);
    assert_replay(&tenant.post("/api/v1/assignments", again).await, &first, "assign");
    plain.get("/api/v1/assignments/held").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn no_way_of_changing_nothing_forgets_its_answer() {
    let (world, tenant, _) = sampled().await;
    let plain = world.default_tenant();
    let requests = [
        (Method::PATCH, "/api/v1/entities/changing", Some(json!({"name": "changing"}))),
        (Method::POST, "/api/v1/entities/root/restore", None),
        (Method::PATCH, "/api/v1/roles/changing", Some(json!({"name": "changing"}))),
        (Method::POST, "/api/v1/groups/crowd/members", Some(json!({"principal_id": "leaving"}))),
        (
            Method::PUT,
            "/api/v1/principals/user/barbara",
            Some(json!({"properties": {"team": "engines"}})),
        ),
    ];
    for (method, path, body) in requests {
        let body = body.map(|body| body.to_string());
        let before = tables(&world).await;
        let first = tenant.send(method.clone(), path, body.clone()).await;
        first.expect(200);
        assert_eq!(tables(&world).await.len(), before.len() + 1, "{path} leaves its receipt, only");
        assert_replay(&tenant.send(method.clone(), path, body.clone()).await, &first, path);
        // Without a key there is nothing to remember.
        plain.send(method, path, body).await.expect(200);
        assert_eq!(tables(&world).await.len(), before.len() + 1, "{path} without a key");
    }
}

#[tokio::test]
async fn a_refused_request_is_not_remembered() {
    let (world, tenant, _) = sampled().await;
    let plain = world.default_tenant();
    // Refused for the state of things: the same request may succeed later.
    let body = json!({"name": "root", "type": "issuer"});
    tenant.post("/api/v1/entities", body.clone()).await.expect_problem(409, "name_taken");
    plain.patch("/api/v1/entities/root", json!({"name": "Root"})).await.expect(200);
    let created = tenant.post("/api/v1/entities", body).await;
    assert!(created.status == 201 && !is_replayed(&created), "{}", created.text);

    tenant.delete("/api/v1/assignments/new").await.expect_problem(404, "not_found");
    let new = json!({"id": "new", "principal_id": "grace", "role_id": "reader"});
    plain.post("/api/v1/assignments", new).await.expect(201);
    assert!(!is_replayed(&tenant.delete("/api/v1/assignments/new").await));

    let stale = tenant.clone().with("if-match", "\"7\"");
    let change = json!({"name": "Changed"});
    stale.patch("/api/v1/roles/changing", change.clone()).await.expect_problem(412, "stale");
    tenant.patch("/api/v1/roles/changing", change).await.expect(200);

    // Refused for itself: a corrected request may take the key.
    let members = "/api/v1/groups/crowd/members";
    tenant.post(members, json!({})).await.expect_problem(400, "invalid");
    tenant.post(members, json!({"principal_id": "grace"})).await.expect(201);
}

#[tokio::test]
async fn a_malformed_key_is_refused_everywhere() {
    let (world, _, samples) = sampled().await;
    let before = tables(&world).await;
    for key in ["", " ", "a b", &"x".repeat(256)] {
        let tenant = keyed(&world, key);
        for sample in &samples {
            let refused = sample.send(&tenant).await;
            refused.expect_problem(400, "invalid");
            assert_eq!(refused.pointers(), ["Idempotency-Key"], "{key:?} {sample:?}");
        }
    }
    assert_same(&before, &tables(&world).await, "malformed keys");
    samples[0].send(&keyed(&world, &"x".repeat(255))).await.expect(201);
}

#[tokio::test]
async fn a_conditional_change_repeated_after_its_success_is_replayed_and_not_stale() {
    let (_, tenant, _) = sampled().await;
    let conditional = tenant.with("if-match", "\"1\"");
    for path in ["/api/v1/entities/changing", "/api/v1/roles/changing"] {
        let first = conditional.patch(path, json!({"name": "Changed"})).await;
        assert_eq!(first.expect(200)["version"], 2);
        let again = conditional.patch(path, json!({"name": "Changed"})).await;
        assert_replay(&again, &first, path);
    }
}

#[tokio::test]
async fn a_removal_repeated_after_its_success_is_replayed_and_not_unknown() {
    let (world, tenant, samples) = sampled().await;
    for sample in samples.iter().filter(|sample| sample.method == Method::DELETE) {
        let first = sample.send(&tenant).await;
        first.expect(200);
        assert_replay(&sample.send(&tenant).await, &first, sample);
        sample.send(&keyed(&world, "another")).await.expect_problem(404, "not_found");
    }
}
