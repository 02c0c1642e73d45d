//! The conventions that every endpoint keeps: ids, traces, headers, and the refusals of the shell itself.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use domain::id::Ids;
use domain::time::{Clock, Timestamp};
use http::{Method, Request};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use local::embedded::Embedded;
use local::system;
use serde_json::{Value, json};
use tests::contract::Contract;
use tests::faults::{Fault, Faults};
use tests::{Reply, World};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A function's surroundings, without tables: for requests that are answered before they are needed.
fn app(clock: Clock) -> api::App {
    let config = api::Config::from_variables(|name| match name {
        "EPR_CORE_TABLE" | "EPR_EVENTS_TABLE" | "EPR_AUDIT_TABLE" => Some("table".to_owned()),
        _ => None,
    });
    api::App::new(config.unwrap(), Embedded::memory().unwrap().client(), clock, Ids::by_time())
}

/// The router of a function.
fn router(function: &str, app: &api::App) -> Router {
    let mut functions = system::functions().into_iter().map(|(routes, ..)| routes);
    functions.find(|routes| routes.function == function).unwrap().router(app)
}

/// What a function answers to a request that came past no gateway, with this authorizer's word.
async fn ask(router: &Router, method: Method, path: &str, authorizer: Option<Value>) -> Reply {
    let body = lambda_http::Body::Text(r#"{"name": "Acme", "type": "issuer"}"#.to_owned());
    let request = Request::builder().method(method).uri(path);
    let mut request = request.header("content-type", "application/json").body(body).unwrap();
    if let Some(authorizer) = authorizer {
        let context = json!({"http": {"method": "POST"}, "authorizer": authorizer});
        let context: ApiGatewayV2httpRequestContext = serde_json::from_value(context).unwrap();
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
    }
    let (parts, body) = api::invoke(router.clone(), request).await.unwrap().into_parts();
    Reply::of(parts, &body, store::meter::Usage::default())
}

#[tokio::test]
async fn a_request_is_named_by_its_own_id_or_by_a_new_one() {
    let world = World::new();
    for own in ["req-12345", "!\"#~", &"x".repeat(128)] {
        let reply = world.default_tenant().with("x-request-id", own).get("/api/v1/roles").await;
        assert_eq!(reply.header("x-request-id"), Some(own));
        let reply =
            world.default_tenant().with("x-request-id", own).get("/api/v1/roles/none").await;
        assert_eq!(reply.header("x-request-id"), Some(own), "refusals too");
    }
    let mut new = BTreeSet::new();
    for unusable in [None, Some(""), Some("two words"), Some(&*"x".repeat(129)), Some("tab\t")] {
        let tenant = world.default_tenant();
        let tenant = unusable.map_or(tenant.clone(), |id| tenant.with("x-request-id", id));
        let reply = tenant.get("/api/v1/roles").await;
        let id = reply.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 36, "{id}");
        assert!(new.insert(id), "each request has its own");
    }
}

#[tokio::test]
async fn a_trace_goes_on_through_a_refusal() {
    let world = World::new();
    for (name, value) in [
        ("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")),
        (
            "x-amzn-trace-id",
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
        ),
    ] {
        let reply = world.default_tenant().with(name, &value).get("/api/v1/roles/none").await;
        assert_eq!(reply.expect_problem(404, "not_found")["trace_id"], TRACE);
    }
    let broken = world.default_tenant().with("traceparent", "00-nonsense-00f067aa0ba902b7-01");
    let (one, other) = (broken.get("/api/v1/roles/a").await, broken.get("/api/v1/roles/b").await);
    assert_ne!(
        one.expect_problem(404, "not_found")["trace_id"],
        other.expect_problem(404, "not_found")["trace_id"]
    );
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let world = World::new();
    let tenant = world.default_tenant();
    for reply in [
        tenant.get("/api/v1/roles").await,
        tenant.get("/api/v1/roles/none").await,
        tenant.get("/healthz").await,
        tenant.put("/api/v1/roles", json!({})).await,
        tenant.post("/api/v1/roles", json!({"name": "abc"})).await,
        tenant.post("/api/v1/roles", json!([])).await,
    ] {
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{}", reply.text);
        }
    }
}

#[tokio::test]
async fn the_length_of_an_answer_is_told_as_it_is_or_not_at_all() {
    let world = World::new();
    let tenant = world.default_tenant();
    for reply in [
        tenant.get("/api/v1/roles").await,
        tenant.get("/api/v1/roles/none").await,
        tenant.put("/api/v1/roles", json!({})).await,
        tenant.post("/api/v1/roles", json!([])).await,
    ] {
        let told = reply.header("content-length").map(|length| length.parse().unwrap());
        assert!(
            told.is_none_or(|length: usize| length == reply.text.len()),
            "{told:?} {}",
            reply.text
        );
    }
}

#[tokio::test]
async fn a_method_that_a_path_has_not_is_refused_with_those_it_has() {
    let world = World::new();
    let tenant = world.default_tenant();
    let served = api::document(system::functions());
    for (path, methods) in served["paths"].as_object().unwrap() {
        let mut allowed: BTreeSet<String> =
            methods.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        if allowed.contains("GET") {
            allowed.insert("HEAD".to_owned());
        }
        let path = path.replace(['{', '}'], "");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if allowed.contains(method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let reply = tenant.send(method.clone(), &path, None).await;
            let names = reply.header("allow").unwrap_or_default().split(',').map(str::trim);
            assert_eq!(
                names.map(str::to_owned).collect::<BTreeSet<_>>(),
                allowed,
                "{method} {path}"
            );
            if method != Method::HEAD {
                let problem = reply.expect_problem(405, "method_not_allowed");
                assert_eq!(problem["instance"], path);
            }
        }
    }
}

#[tokio::test]
async fn a_path_that_the_template_has_not_is_refused_by_the_gateway() {
    let world = World::new();
    let tenant = world.default_tenant();
    for path in
        ["/", "/api/v1", "/api/v1/entities/", "/api/v1/entities/a/children", "/openapi.yaml"]
    {
        let reply = tenant.get(path).await;
        assert_eq!(
            (reply.status, reply.text.as_str()),
            (404, r#"{"message":"Not Found"}"#),
            "{path}"
        );
    }
    // And one that the template has but the function has not, by the function.
    let router = router("roles", &app(Clock::system()));
    let reply = ask(&router, Method::GET, "/api/v1/entities", None).await;
    reply.expect_problem(404, "not_found");
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let world = World::new();
    let tenant = world.default_tenant();
    let id = tenant.entity("Acme", "issuer", None).await;
    for path in
        ["/healthz", "/api/v1/roles", &format!("/api/v1/entities/{id}"), "/api/v1/entities/none"]
    {
        let get = tenant.get(path).await;
        let head = tenant.send(Method::HEAD, path, None).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path}");
        }
    }
}

#[tokio::test]
async fn nobody_is_let_in_whom_no_authorizer_named() {
    let app = app(Clock::system());
    let document = api::document(system::functions());
    let mut asked = 0;
    for (routes, ..) in system::functions() {
        let endpoints: Vec<_> = routes
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.method.clone(), endpoint.path))
            .collect();
        let router = routes.router(&app);
        for (method, path) in endpoints {
            let operation = &document["paths"][path][method.as_str().to_lowercase()];
            if operation["security"] == json!([]) {
                continue;
            }
            let half = json!({"lambda": {"tenant_id": "default", "principal_id": "alice"}});
            for authorizer in [None, Some(Value::Null), Some(json!({})), Some(half)] {
                let path = path.replace(['{', '}'], "");
                let reply = ask(&router, method.clone(), &path, authorizer).await;
                if path.contains("/access/v1/") {
                    reply.expect(401);
                    assert_eq!(reply.text, "the request names no authenticated caller");
                } else {
                    reply.expect_problem(401, "unauthenticated");
                }
                assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{method} {path}");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 4 * 67, "every operation but those of health and metadata");
}

#[tokio::test]
async fn health_is_told_to_anyone() {
    let world = World::new();
    for path in ["/healthz", "/readyz"] {
        // An id that no authorizer would take, were there one before these routes.
        let reply = world.tenant("a/b").get(path).await;
        assert_eq!(*reply.expect(200), json!({"status": "ok"}));
    }
    let router = router("authorize", &app(Clock::system()));
    ask(&router, Method::GET, "/healthz", None).await.expect(200);
    // Without a table the process lives but cannot work.
    ask(&router, Method::GET, "/readyz", None).await.expect_problem(503, "unavailable");
}

#[tokio::test]
async fn a_service_whose_database_fails_is_not_ready_and_says_when_to_come_back() {
    let faults = Faults::none();
    let world = World::with_faults(&faults);
    for fault in [
        Fault::NotSent,
        Fault::AnswerLost,
        Fault::Refused("ProvisionedThroughputExceededException", None),
        Fault::Refused("ResourceNotFoundException", None),
        Fault::Refused("AccessDeniedException", None),
    ] {
        faults.plan("GetItem", [fault]);
        let reply = world.default_tenant().get("/readyz").await;
        reply.expect_problem(503, "unavailable");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    assert_eq!(faults.left(), 0);
    world.default_tenant().get("/readyz").await.expect(200);
    world.default_tenant().get("/healthz").await.expect(200);
}

#[tokio::test]
async fn what_fails_below_is_told_without_a_word_of_what_is_below() {
    let faults = Faults::none();
    let world = World::with_faults(&faults);
    let tenant = world.default_tenant();
    let id = tenant.entity("Acme", "issuer", None).await;
    for (fault, status, code) in [
        (Fault::Refused("ValidationException", None), 500, "defect"),
        (Fault::Refused("AccessDeniedException", None), 500, "defect"),
        (Fault::Refused("ResourceNotFoundException", None), 500, "defect"),
        (Fault::Refused("InternalServerError", None), 503, "unavailable"),
        (Fault::Refused("ThrottlingException", None), 503, "unavailable"),
        (Fault::NotSent, 503, "unavailable"),
        (Fault::AnswerLost, 503, "unavailable"),
    ] {
        faults.plan("GetItem", [fault]);
        let reply = tenant.get(&format!("/api/v1/entities/{id}")).await;
        reply.expect_problem(status, code);
        assert_eq!(reply.header("retry-after").is_some(), status == 503, "{fault:?}");
        let text = reply.text.to_lowercase();
        for word in ["table", "exception", "getitem", "dynamo", "aws", "planned", "network", "lost"]
        {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
    assert_eq!(faults.left(), 0);
}

#[tokio::test]
async fn a_panic_is_one_requests_misfortune() {
    // The first time is that of the arrival, which the layer around the handler notes.
    let asked = AtomicUsize::new(0);
    let clock = Clock::from_fn(move || match asked.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => Timestamp::from_microseconds(0).unwrap(),
        _ => panic!("a secret of the code"),
    });
    let router = router("entities", &app(clock));
    let caller = json!({"lambda": {
        "principal_id": "local", "principal_type": "service", "via": "local",
    }});
    for _ in 0..2 {
        let reply = ask(&router, Method::POST, "/api/v1/entities", Some(caller.clone())).await;
        reply.expect_problem(500, "defect");
        assert!(!reply.text.contains("secret") && !reply.text.contains("panic"), "{}", reply.text);
        assert!(reply.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn a_tenant_that_is_no_id_is_refused_by_every_operation_that_has_a_tenant() {
    let tenant = World::new().tenant("a/b");
    let contract = Contract::of_the_code();
    let of_tenants = contract
        .operations
        .iter()
        .filter(|(_, operation)| operation.described["security"] != json!([]));
    for (id, operation) in of_tenants {
        let path = operation.path.replace(['{', '}'], "");
        let reply = tenant.send(operation.method.clone(), &path, Some("{}".to_owned())).await;
        assert_eq!(reply.status, 400, "{id}: {}", reply.text);
        assert!(reply.text.contains("`X-Tenant-Id` may hold only letters"), "{id}: {}", reply.text);
    }
}
