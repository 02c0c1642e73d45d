//! Rate limits over the whole deployment: who is refused, what is told, what it costs, and what happens when
//! nobody can count.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use http::Method;
use local::system::TEMPLATE;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::{Value, json};
use store::{LIMITER_PAUSE_SECONDS, Limiter};
use tests::faults::{Fault, Faults};
use tests::valkey::{Server, closed_port, limiter_at, patient};
use tests::{Reply, Tenant, World};

/// Where no role is: the cheapest request that a handler answers.
const NOWHERE: &str = "/api/v1/roles/none";

fn world(limits: &str, limiter: Limiter) -> World {
    World::limited(limits, limiter, &Faults::none())
}

/// Where requests are counted, but for the cache.
fn places() -> [Limiter; 2] {
    [Limiter::in_process(), Limiter::table()]
}

/// Creates an entity of a name.
async fn create(tenant: &Tenant, name: &str) -> Reply {
    tenant.post("/api/v1/entities", json!({"name": name, "type": "other"})).await
}

/// Asks for a decision, or whether there is a role; whether that passed.
async fn passes(tenant: &Tenant, class: &str) -> bool {
    let reply = match class {
        "decide" => {
            let asked = json!({"user_id": "alice", "action": "doc:read", "resource_type": "doc"});
            tenant.post("/api/v1/authorize", asked).await
        }
        _ => tenant.get(NOWHERE).await,
    };
    assert!(!reply.usage.limit_unknown, "it was not counted: {}", reply.text);
    reply.status != 429
}

/// The number in a header.
fn number(reply: &Reply, name: &str) -> i64 {
    reply.header(name).unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn whoever_has_asked_as_often_as_the_limit_says_is_refused_and_told_when_to_come_again() {
    for limiter in places() {
        let world = world("free", limiter);
        let (tenant, other) = (world.tenant("acme"), world.tenant("other"));
        for (name, left) in [("A", 2), ("B", 1), ("C", 0)] {
            let passed = create(&tenant, name).await;
            passed.expect(201);
            let policy =
                r#""burst";q=3;w=10, "minute";q=10;w=60, "hour";q=100;w=3600, "day";q=500;w=86400"#;
            assert_eq!(passed.header("ratelimit-policy"), Some(policy));
            assert_eq!(passed.header("ratelimit"), Some(&*format!(r#""burst";r={left};t=11"#)));
            assert_eq!(number(&passed, "x-ratelimit-limit"), 3);
            assert_eq!(number(&passed, "x-ratelimit-remaining"), left);
        }
        let refused = create(&tenant, "D").await;
        let problem = refused.expect_problem(429, "rate_limited");
        assert_eq!(problem["limit_type"], "burst");
        assert_eq!(number(&refused, "retry-after"), 11);
        assert_eq!(refused.header("ratelimit"), Some(r#""burst";r=0;t=11"#));
        let reset = world.clock().now().as_seconds() + 11;
        assert_eq!(number(&refused, "x-ratelimit-reset"), reset);
        // Others are not, nor is what else this one asks for.
        create(&other, "D").await.expect(201);
        tenant.get("/api/v1/entities").await.expect(200);
        assert!(passes(&tenant, "decide").await);
        // And nothing was done for who was refused.
        world.pass_seconds(10);
        create(&tenant, "D").await.expect_problem(429, "rate_limited");
        world.pass_seconds(1);
        create(&tenant, "D").await.expect(201);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_limits_of_its_own_has_these() {
    let limits = r#"{"default": "free", "tenants": {"acme": "premium", "big": {"minute": 5}}}"#;
    for limiter in places() {
        let world = world(limits, limiter);
        let (acme, big) = (world.tenant("acme"), world.tenant("big"));
        for name in 0..20 {
            create(&acme, &name.to_string()).await.expect(201);
        }
        let refused = create(&acme, "more").await;
        assert_eq!(refused.expect_problem(429, "rate_limited")["limit_type"], "burst");
        for name in 0..5 {
            create(&big, &name.to_string()).await.expect(201);
        }
        let refused = create(&big, "more").await;
        assert_eq!(refused.expect_problem(429, "rate_limited")["limit_type"], "minute");
        assert_eq!(refused.header("ratelimit-policy"), Some(r#""minute";q=5;w=60"#));
        assert!(number(&refused, "retry-after") > 50);
    }
}

#[tokio::test(start_paused = true)]
async fn health_is_never_counted_and_without_limits_nothing_is() {
    let limited = world(r#"{"default": {"day": 1}}"#, Limiter::table()).default_tenant();
    let free = World::new().default_tenant();
    for _ in 0..30 {
        for path in ["/healthz", "/readyz", "/.well-known/authzen-configuration"] {
            let reply = limited.get(path).await;
            reply.expect(200);
            assert_eq!((reply.header("ratelimit"), reply.usage.write_units), (None, 0.0));
        }
        let reply = free.get("/api/v1/entities").await;
        reply.expect(200);
        assert_eq!((reply.header("ratelimit"), reply.usage.write_units), (None, 0.0));
    }
    // A tier without limits has no count either.
    let ours = world("internal", Limiter::table()).default_tenant();
    let reply = ours.get("/api/v1/entities").await;
    assert_eq!((reply.header("ratelimit-policy"), reply.usage.write_units), (None, 0.0));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_counts_and_its_answer_tells_how_it_stands_now() {
    let tenant = world("free", Limiter::table()).default_tenant().with("idempotency-key", "k");
    create(&tenant, "A").await.expect(201);
    let repeated = create(&tenant, "A").await;
    repeated.expect(201);
    assert_eq!(repeated.header("idempotency-replayed"), Some("true"));
    assert_eq!(repeated.header("ratelimit"), Some(r#""burst";r=1;t=11"#));
    create(&tenant, "A").await.expect(201);
    create(&tenant, "A").await.expect_problem(429, "rate_limited");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_refuses_in_plain_words_does_so_here() {
    let tenant = world(r#"{"default": {"hour": 1}}"#, Limiter::in_process()).default_tenant();
    let asked = json!({
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": "doc:read"},
        "resource": {"type": "doc", "id": "1"},
    });
    for _ in 0..20 {
        tenant.post("/access/v1/evaluation", asked.clone()).await.expect(200);
    }
    let refused = tenant.post("/access/v1/evaluation", asked).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(refused.text.contains("20 requests of this kind in 3600 s"), "{}", refused.text);
    assert!(number(&refused, "retry-after") > 3_600);
}

/// What passed, with the second it passed in.
#[derive(Default)]
struct Passed(Vec<i64>);

impl Passed {
    /// Sends so many requests at once by each of several instances.
    async fn send(&mut self, worlds: &[World], requests: usize, class: &str) {
        let now = worlds[0].clock().now().as_seconds();
        let tenants: Vec<Tenant> = worlds.iter().map(World::default_tenant).collect();
        let each = |tenant| (0..requests).map(move |_| passes(tenant, class));
        let asked = tenants.iter().flat_map(each);
        let passed = join_all(asked).await.into_iter().filter(|passed| *passed);
        self.0.extend(passed.map(|_| now));
    }

    /// The most that passed in any ten seconds.
    fn most(&self) -> usize {
        let within = |end: &i64| self.0.iter().filter(|at| (*end - 9..=*end).contains(at)).count();
        self.0.iter().map(within).max().unwrap_or_default()
    }
}

/// Two instances at once around the edges of the window. Of a limit of 100 a block is 5 tokens, so each instance
/// has at most 4 at hand.
#[tokio::test(start_paused = true)]
async fn over_the_edge_of_a_window_no_more_pass_than_the_limit_and_what_is_at_hand() {
    let limits = r#"{"default": {"burst": 10, "minute": 1000}}"#;
    let one = world(limits, Limiter::table());
    let other = one.beside(limits, Limiter::table());
    let worlds = [one.clone(), other];
    let mut passed = Passed::default();
    for (seconds, requests) in
        [(0, 13), (1, 11), (7, 20), (1, 80), (1, 80), (1, 80), (1, 9), (8, 80), (2, 120), (10, 3)]
    {
        one.pass_seconds(seconds);
        passed.send(&worlds, requests, "read").await;
    }
    let most = passed.most();
    assert!((92..=108).contains(&most), "{most} passed in ten seconds of 100");
    // And nobody is kept out for longer than a window and its slot.
    one.pass_seconds(11);
    let before = passed.0.len();
    passed.send(&worlds, 100, "read").await;
    assert!(passed.0.len() - before >= 92, "{} passed after a pause", passed.0.len() - before);
}

/// In blocks of one token nothing is at hand, and the limit is exact.
#[tokio::test(start_paused = true)]
async fn a_small_limit_is_exact_however_many_instances_share_it() {
    let limits = r#"{"default": {"burst": 3}}"#;
    let one = world(limits, Limiter::table());
    let mut worlds: Vec<World> = (0..3).map(|_| one.beside(limits, Limiter::table())).collect();
    worlds.push(one.clone());
    let mut passed = Passed::default();
    for seconds in [0, 3, 7, 1, 1, 10, 1] {
        one.pass_seconds(seconds);
        passed.send(&worlds, 20, "read").await;
    }
    assert_eq!(passed.most(), 30);
}

#[tokio::test(start_paused = true)]
async fn at_load_a_request_costs_a_twentieth_of_a_write_unit_or_less() {
    let tenant = world("enterprise", Limiter::table()).default_tenant();
    let (mut at_first, mut at_load) = (0.0, 0.0);
    for request in 0..480 {
        let reply = tenant.get(NOWHERE).await;
        assert_ne!(reply.status, 429);
        *(if request < 80 { &mut at_first } else { &mut at_load }) += reply.usage.write_units;
    }
    assert!(at_load <= 400.0 * 0.05, "{at_load} units for 400 requests");
    // Until it is known that there is load, blocks of 1, 2, 4, 8 and 16 are taken.
    assert!(at_first <= 8.0, "{at_first} units for the first 80 requests");
}

#[tokio::test(start_paused = true)]
async fn a_block_costs_one_unit_however_full_its_count_is() {
    let limits = r#"{"default": {"burst": 2, "minute": 100, "hour": 1000, "day": 10000}}"#;
    let world = world(limits, Limiter::table());
    let tenant = world.tenant(&"t".repeat(100));
    tenant.get(NOWHERE).await;
    // As if very many had passed, so that each mark is as long as it gets.
    let count = |items: Vec<Value>| items.into_iter().find(|item| item["sk"] == "count").unwrap();
    let pk = count(world.items("CoreTable").await)["pk"].as_str().unwrap().to_owned();
    let client = world.system.embedded.client();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let update = client.update_item().table_name("CoreTable").key("pk", text(&pk));
    let update = update.key("sk", text("count")).update_expression("SET taken = :many");
    let many = AttributeValue::N("9999999999".to_owned());
    update.expression_attribute_values(":many", many).send().await.unwrap();
    // Long after the marks of before.
    world.pass_seconds(200_000);
    for (step, times) in [(7_200, 14), (300, 14), (5, 14), (1, 12)] {
        for _ in 0..times {
            world.pass_seconds(step);
            let usage = tenant.get(NOWHERE).await.usage;
            assert_eq!(usage.write_units, 1.0, "{usage:?}");
        }
    }
    let marks = count(world.items("CoreTable").await).as_object().unwrap().len() - 4;
    assert_eq!(marks, 11 + 13 + 13 + 13);
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_be_counted_passes_and_that_is_noted() {
    for fault in [
        Fault::NotSent,
        Fault::Refused("ThrottlingException", None),
        Fault::AnswerLost,
        Fault::Silent,
    ] {
        let faults = Faults::none();
        let world = World::limited(r#"{"default": {"day": 1}}"#, Limiter::table(), &faults);
        let tenant = world.default_tenant();
        faults.plan("UpdateItem", [fault]);
        let uncounted = tenant.get(NOWHERE).await;
        assert!(uncounted.status == 404 && uncounted.usage.limit_unknown, "{fault:?}");
        assert_eq!(uncounted.header("ratelimit"), None);
        assert_eq!(faults.left(), 0);
        // For a moment the table is not even asked: each would wait for it.
        for _ in 0..50 {
            let uncounted = tenant.get(NOWHERE).await;
            assert!(uncounted.usage.limit_unknown && uncounted.usage.calls == 1, "{fault:?}");
        }
        world.pass_seconds(LIMITER_PAUSE_SECONDS);
        for _ in 0..9 {
            assert!(passes(&tenant, "read").await, "{fault:?}");
        }
        passes(&tenant, "read").await;
        assert!(!passes(&tenant, "read").await, "{fault:?}");
    }
}

#[tokio::test]
async fn decisions_are_counted_in_the_cache_where_there_is_one_and_the_others_in_the_table() {
    let Some(server) = Server::start() else { return };
    let limits = r#"{"default": {"burst": 5, "minute": 1000, "day": 1000}}"#;
    let one = world(limits, limiter_at(server.port(), patient()));
    let worlds = [one.clone(), one.beside(limits, limiter_at(server.port(), patient()))];
    let mut passed = Passed::default();
    for (seconds, requests) in [(0, 30), (3, 30), (7, 60), (1, 60), (5, 60)] {
        one.pass_seconds(seconds);
        passed.send(&worlds, requests, "decide").await;
    }
    assert_eq!(passed.most(), 100);
    let reply = worlds[0].tenant("other").post("/api/v1/authorize", json!({})).await;
    assert_eq!(reply.header("ratelimit"), Some(r#""burst";r=99;t=11"#));
    assert_eq!((reply.usage.write_units, reply.usage.limit_unknown), (0.0, false));
    let keys: Vec<String> = server.send(&["KEYS", "epr:limit:*"]);
    let keys: BTreeSet<String> = keys.into_iter().collect();
    assert!(keys.contains("epr:limit:{7:default}:decide") && keys.len() == 2, "{keys:?}");
    let ttl: i64 = server.send(&["PTTL", "epr:limit:{7:default}:decide"]);
    assert!((86_400_000..=93_600_000).contains(&ttl), "{ttl}");
    assert!(worlds[0].default_tenant().get(NOWHERE).await.usage.write_units > 0.0);
}

#[tokio::test]
async fn where_the_cache_is_down_decisions_pass_uncounted() {
    let limiter = limiter_at(closed_port(), patient());
    let tenant = world(r#"{"default": {"burst": 1}}"#, limiter).default_tenant();
    for _ in 0..30 {
        let asked = json!({"user_id": "a", "action": "b", "resource_type": "doc"});
        let reply = tenant.post("/api/v1/authorize", asked).await;
        assert!(reply.status != 429 && reply.usage.limit_unknown, "{}", reply.text);
    }
}

/// Each function that has limited endpoints is told of the limits, and may count in the core table.
#[test]
fn every_function_of_the_api_is_told_of_the_limits_and_may_count() {
    let template = Yaml::load_from_str(TEMPLATE).unwrap().remove(0);
    let resources = template["Resources"].as_mapping().unwrap();
    let limited: BTreeSet<&str> = local::system::functions()
        .iter()
        .filter(|(routes, ..)| routes.endpoints.iter().any(|one| one.limited_as().is_some()))
        .map(|(routes, ..)| routes.function)
        .collect();
    assert_eq!(limited.len(), 8);
    for resource in resources.values() {
        if resource["Type"].as_str() != Some("AWS::Serverless::Function") {
            continue;
        }
        let properties = &resource["Properties"];
        let folder = properties["CodeUri"].as_str().unwrap().rsplit('/').next().unwrap();
        let variables = properties
            .as_mapping_get("Environment")
            .and_then(|environment| environment.as_mapping_get("Variables"));
        let told = variables.is_some_and(|of| of.as_mapping_get("EPR_RATE_LIMITS").is_some());
        assert_eq!(told, limited.contains(folder), "{folder}");
        let policies = format!("{:?}", properties["Policies"]);
        let counts = policies.contains("CountRequestsPolicy");
        // Who updates the core table in any case needs no other permission.
        let updates = ["assignments", "entities", "roles"].contains(&folder);
        assert_eq!(counts, told && !updates, "{folder}");
    }
}

/// What HEAD asks is what GET asks.
#[tokio::test(start_paused = true)]
async fn every_method_of_an_endpoint_counts_as_the_same_kind() {
    let tenant = world(r#"{"default": {"hour": 1}}"#, Limiter::in_process()).default_tenant();
    for _ in 0..5 {
        tenant.send(Method::HEAD, "/api/v1/entities", None).await;
        tenant.get("/api/v1/roles").await.expect(200);
    }
    assert_eq!(tenant.get("/api/v1/roles").await.status, 429);
    assert_eq!(tenant.send(Method::HEAD, "/api/v1/entities", None).await.status, 429);
}
