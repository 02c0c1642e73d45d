//! The events under `/events`, as Lambda hands them to the functions: the same router serves them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::id::Ids;
use domain::time::Clock;
use local::system;
use local::template::Template;
use serde_json::{Value, json};
use tests::checkpoints::happening;
use tests::contract::Contract;
use tests::{Reply, World};

use crate::outbox;

/// Every sample of a function with routes, by function and case, with the status of its answer.
const SAMPLES: [(&str, u16); 41] = [
    ("api-keys/create", 201),
    ("api-keys/list", 200),
    ("assignments/add-member", 201),
    ("assignments/create", 201),
    ("assignments/list", 200),
    ("assignments/put-principal", 201),
    ("audit/checkpoint", 200),
    ("audit/consistency", 200),
    ("audit/export", 200),
    ("audit/get", 200),
    ("audit/get-unknown", 404),
    ("audit/list", 200),
    ("audit/prove", 200),
    ("audit/prove-as-file", 200),
    ("audit/prove-unpublished", 409),
    ("audit/signed-checkpoint", 200),
    ("audit/tile", 200),
    ("authorize/allow", 200),
    ("authorize/deny", 200),
    ("authorize/health", 200),
    ("authorize/unknown-resource", 404),
    ("entities/archive", 200),
    ("entities/create", 201),
    ("entities/create-signed-by-iam", 201),
    ("entities/get", 200),
    ("entities/get-another-tenants", 404),
    ("entities/list", 200),
    ("entities/update", 200),
    ("events/batch", 200),
    ("events/create", 201),
    ("events/create-cloud-event", 201),
    ("events/list", 200),
    ("events/replay", 200),
    ("roles/create", 201),
    ("roles/get", 200),
    ("roles/list", 200),
    ("roles/update-built-in", 409),
    ("tenants/create", 201),
    ("tenants/list", 200),
    ("tenants/list-by-another", 403),
    ("tenants/suspend-unknown", 404),
];

/// What the verifier of the ledger answers where there is no chain.
const NOTHING_VERIFIED: &str =
    r#"{"faulty":0,"lag_seconds":0.0,"unverified":0,"verified":0,"whole":0}"#;

/// The samples of the others, with the answer.
const WORKERS: [(&str, &str); 9] = [
    ("audit-append/queue", r#"{"batchItemFailures":[]}"#),
    ("audit-append/topic", r#"{"batchItemFailures":[]}"#),
    ("audit-verify/daily", NOTHING_VERIFIED),
    ("audit-verify/minutely", NOTHING_VERIFIED),
    ("audit-verify/reset", NOTHING_VERIFIED),
    ("authorizer/issuer-unknown", r#"{"context":{"refusal":"invalid"},"isAuthorized":true}"#),
    ("authorizer/no-token", r#"{"context":{"refusal":"missing"},"isAuthorized":true}"#),
    ("outbox-relay/stream", r#"{"batchItemFailures":[]}"#),
    (
        "outbox-sweeper/schedule",
        r#"{"complete":true,"failed":0,"left":0,"oldest_seconds":0.0,"published":0,"unreadable":0}"#,
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn sample(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A world with what the samples speak of: an issuer, a role, and a user who holds it there.
async fn world() -> World {
    let world = World::new();
    let tenant = world.default_tenant();
    for (path, body) in [
        ("/api/v1/entities", json!({"id": "acme", "name": "Acme Holdings", "type": "issuer"})),
        (
            "/api/v1/roles",
            json!({"id": "document-reader", "name": "Document reader", "permissions": ["document:download"]}),
        ),
        (
            "/api/v1/assignments",
            json!({"principal_id": "alice@example.com", "role_id": "document-reader", "entity_id": "acme"}),
        ),
    ] {
        tenant.post(path, body).await.expect(201);
    }
    // What is replayed: its id is made of tenant, source and correlation id.
    let event = json!({"event_type": "document.verified", "source": "document_vault", "correlation_id": "doc-abc-122"});
    tenant.post("/api/v1/events", event).await.expect(201);
    // Ten records that a checkpoint promises, and one that none does yet.
    world.record("default", (0..10).map(happening)).await;
    world.sign("default").await;
    world.record("default", [happening(10)]).await;
    world
}

/// What a function answers to an event, by the way that an invocation on Lambda goes.
async fn invoke(world: &World, function: &str, event: &Value) -> Reply {
    let config = api::Config::from_variables(|name| match name {
        "EPR_CORE_TABLE" => Some("CoreTable".to_owned()),
        "EPR_EVENTS_TABLE" => Some("EventsTable".to_owned()),
        "EPR_AUDIT_TABLE" => Some("AuditTable".to_owned()),
        _ => None,
    });
    let client = world.system.embedded.client();
    let app = api::App::new(config.unwrap(), client, Clock::system(), Ids::by_time());
    let mut functions = system::functions().into_iter().map(|(routes, ..)| routes);
    let router = functions.find(|routes| routes.function == function).unwrap().router(&app);
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let (parts, body) = api::invoke(router, request).await.unwrap().into_parts();
    Reply::of(parts, &body, store::meter::Usage::default())
}

#[tokio::test]
async fn every_sample_is_answered_as_an_event_of_lambda() {
    for (name, status) in SAMPLES {
        let world = world().await;
        let event = sample(name);
        let reply = invoke(&world, name.split('/').next().unwrap(), &event).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.text);
        let method = event["requestContext"]["http"]["method"].as_str().unwrap();
        let path = event["rawPath"].as_str().unwrap();
        Contract::of_the_code().check(&method.parse().unwrap(), path, &reply);
        // Where the client names no request, the name that API Gateway gave it goes on.
        assert_eq!(reply.header("x-request-id"), event["requestContext"]["requestId"].as_str());
    }
}

#[tokio::test]
async fn every_sample_of_a_function_without_routes_is_handled_as_an_event_of_lambda() {
    for (name, answer) in WORKERS {
        let world = World::new();
        let function = name.split('/').next().unwrap();
        let handled = world.invoke(function, sample(name)).await;
        assert_eq!(handled.to_string(), answer, "{name}");
    }
}

#[test]
fn every_sample_on_disk_is_tried_and_every_function_has_some() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut names = Vec::new();
    for function in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        let name = function.file_name().unwrap().to_str().unwrap().to_owned();
        for case in fs::read_dir(&function).unwrap().map(|entry| entry.unwrap().path()) {
            assert_eq!(case.extension().unwrap(), "json", "{}", case.display());
            names.push(format!("{name}/{}", case.file_stem().unwrap().to_str().unwrap()));
            *found.entry(name.clone()).or_default() += 1;
        }
    }
    names.sort_unstable();
    let mut tried: Vec<_> = SAMPLES.map(|(name, _)| name).into();
    tried.extend(WORKERS.map(|(name, _)| name));
    tried.sort_unstable();
    assert_eq!(names, tried);
    let template = Template::parse(system::TEMPLATE).unwrap();
    let mut functions: Vec<_> =
        template.functions.into_iter().map(|function| function.folder).collect();
    functions.sort_unstable();
    assert_eq!(found.into_keys().collect::<Vec<_>>(), functions);
}

#[test]
fn every_sample_is_an_event_that_api_gateway_could_send() {
    let world = World::new();
    for (name, _) in SAMPLES {
        let event = sample(name);
        let context = &event["requestContext"];
        assert_eq!((&event["version"], &context["stage"]), (&json!("2.0"), &json!("$default")));
        assert_eq!(event["routeKey"], context["routeKey"], "{name}");
        assert_eq!(event["rawPath"], context["http"]["path"], "{name}");
        // The route is one of the template's, to this function, with an authorizer where it has one.
        let key = event["routeKey"].as_str().unwrap();
        let mut routes = world.system.gateway.routes().iter();
        let route = routes.find(|route| format!("{} {}", route.method, route.path) == key).unwrap();
        assert_eq!(route.folder, name.split('/').next().unwrap());
        assert_eq!(context["authorizer"].is_object(), route.authenticated, "{name}");
        // Its parameters, put into the path of the route, make the path of the request.
        let mut path = route.path.clone();
        for (parameter, value) in event["pathParameters"].as_object().into_iter().flatten() {
            for form in [format!("{{{parameter}}}"), format!("{{{parameter}+}}")] {
                path = path.replace(&form, value.as_str().unwrap());
            }
        }
        assert_eq!(event["rawPath"], path, "{name}");
    }
}

#[tokio::test]
async fn the_authorizers_word_is_who_acts_and_in_which_tenant() {
    let world = world().await;
    invoke(&world, "entities", &sample("entities/create")).await.expect(201);
    let event = world.events("entity.created").await.into_iter();
    let event = outbox::only(event.filter(|event| event["aggregate_id"] != "acme").collect());
    assert_eq!(event["tenant_id"], "default");
    assert_eq!(
        outbox::read(&event, "context"),
        json!({"actor_id": "alice", "actor_type": "user", "request_id": "UaExample011="})
    );

    // An operator of the account, whose identity has no tenant, names one, and may speak for others.
    invoke(&world, "entities", &sample("entities/create-signed-by-iam")).await.expect(201);
    let audits = world.audits("entity.create").await.into_iter();
    let audit = outbox::only(audits.filter(|audit| audit["on_behalf_of"] == "alice").collect());
    assert_eq!(
        (&audit["tenant_id"], &audit["actor_id"], &audit["actor_type"]),
        (&json!("default"), &json!("AROAEXAMPLEEXAMPLE00:operator"), &json!("service"))
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_leave_lambda_in_base64_and_text_as_it_is() {
    let world = world().await;
    let kind = async |name: &str| {
        let request = lambda_http::request::from_str(&sample(name).to_string()).unwrap();
        let router = audit::routes().router(world.system.app("audit").unwrap());
        api::invoke(router, request).await.unwrap().into_body()
    };
    let tile = kind("audit/tile").await;
    assert!(matches!(tile, lambda_http::Body::Binary(bytes) if bytes.len() == 10 * 32));
    for text in ["audit/export", "audit/prove-as-file", "audit/list"] {
        assert!(matches!(kind(text).await, lambda_http::Body::Text(_)), "{text}");
    }
}

#[tokio::test]
async fn what_an_event_carries_reaches_the_handler_as_it_was_sent() {
    let world = world().await;
    // A query parameter given twice.
    world.default_tenant().entity("SPV", "spv", None).await;
    let listed = invoke(&world, "entities", &sample("entities/list")).await;
    assert_eq!(listed.ids().len(), 2);
    // Characters escaped in the query, and in the path.
    let listed = invoke(&world, "assignments", &sample("assignments/list")).await;
    assert_eq!(listed.body["items"][0]["principal_id"], "alice@example.com");
    // A body in base64, with characters that are not ASCII.
    let updated = invoke(&world, "entities", &sample("entities/update")).await;
    assert_eq!(updated.body["name"], "Acmé Holdings");
    // An idempotency key: the same event again is the same request.
    let create = sample("roles/create");
    let first = invoke(&world, "roles", &create).await;
    let again = invoke(&world, "roles", &create).await;
    assert_eq!(
        (first.expect(201), again.header("idempotency-replayed")),
        (&again.body, Some("true"))
    );
}
