//! Many questions in one request: each is answered as it would be alone, in its place.

use serde_json::{Value, json};
use tests::{Reply, Tenant, World};

const READ: &str = "document:read";
const BATCH: &str = "/api/v1/authorize/batch";

fn check(user: &str, action: &str, resource: &str) -> Value {
    json!({"user_id": user, "action": action, "resource_id": resource})
}

async fn ask(tenant: &Tenant, checks: Vec<Value>) -> Reply {
    tenant.post(BATCH, json!({ "checks": checks })).await
}

/// Two entities, and a reader of each and of both.
async fn world() -> (Tenant, [String; 2]) {
    let tenant = World::new().default_tenant();
    let one = tenant.entity("One", "issuer", None).await;
    let other = tenant.entity("Other", "spv", None).await;
    let reader = tenant.role("Reader", &[READ], &[]).await;
    tenant.assign("alice", &reader, Some(&one)).await;
    tenant.assign("bob", &reader, Some(&other)).await;
    tenant.assign("carol", &reader, None).await;
    (tenant, [one, other])
}

#[tokio::test]
async fn each_question_of_a_batch_is_answered_as_alone_and_in_its_place() {
    let (tenant, entities) = world().await;
    let mut checks = Vec::new();
    for user in ["alice", "bob", "carol", "nobody"] {
        for action in [READ, "document:write"] {
            for (explain, entity) in entities.iter().enumerate() {
                let mut check = check(user, action, entity);
                check["explain"] = json!(explain == 1);
                checks.push(check);
            }
        }
    }
    let together = ask(&tenant, checks.clone()).await.expect(200)["items"].clone();
    for (check, answer) in checks.into_iter().zip(together.as_array().unwrap()) {
        let alone = tenant.post("/api/v1/authorize", check.clone()).await;
        assert_eq!(alone.expect(200), answer, "{check}");
    }
}

#[tokio::test]
async fn equal_questions_with_different_contexts_are_different_questions() {
    // OpenFGA CVE-2026-34972: what is one question must not be told by principal, action and resource alone.
    let (tenant, [one, other]) = world().await;
    let mut checks = vec![check("alice", READ, &one), check("alice", READ, &other)];
    checks[0]["context"] = json!({"a": [1]});
    checks[1]["context"] = json!({"a": [2]});
    checks.push(check("alice", READ, &one));
    let items = ask(&tenant, checks).await.expect(200)["items"].clone();
    let of = |authorized: bool| json!({ "authorized": authorized });
    assert_eq!(items, json!([of(true), of(false), of(true)]));
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_says_why_and_leaves_the_others_alone() {
    let (tenant, [one, _]) = world().await;
    let wrong = json!({"user_id": "a b", "action": READ, "context": 5, "consistency": "soon"});
    let checks = vec![check("alice", READ, "nowhere"), json!(7), wrong, check("alice", READ, &one)];
    let answer = ask(&tenant, checks).await;
    let items = answer.expect(200)["items"].as_array().unwrap();
    let problem = |place: usize| {
        let problem = &items[place]["problem"];
        assert_eq!(problem["instance"], BATCH);
        (problem["status"].as_u64().unwrap(), problem["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(problem(0), (404, "unknown_resource".to_owned()));
    assert_eq!(problem(1), (400, "invalid".to_owned()));
    assert_eq!(problem(2), (400, "invalid".to_owned()));
    let faults = items[2]["problem"]["errors"].as_array().unwrap();
    let pointers: Vec<_> = faults.iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert_eq!(
        pointers,
        [
            "/checks/2/user_id",
            "/checks/2/resource_id",
            "/checks/2/context",
            "/checks/2/consistency"
        ]
    );
    assert_eq!(items[1]["problem"]["errors"][0]["pointer"], "/checks/1");
    assert_eq!(items[3], json!({"authorized": true}));
}

#[tokio::test]
async fn a_batch_holds_one_to_a_hundred_questions() {
    let (tenant, [one, _]) = world().await;
    for (count, status) in [(0, 400), (1, 200), (100, 200), (101, 400)] {
        let reply = ask(&tenant, vec![check("alice", READ, &one); count]).await;
        assert_eq!(reply.status, status, "{count}: {}", reply.text);
    }
    for body in [json!({}), json!({"checks": 5}), json!({"checks": null})] {
        let refused = tenant.post(BATCH, body).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["/checks"]);
    }
}

#[tokio::test]
async fn the_inputs_of_a_batch_are_read_once_however_many_questions_are_about_them() {
    let (tenant, [one, other]) = world().await;
    let check = |user: &str, on: &str| {
        let mut check = check(user, READ, on);
        // Past all memory, or there would be nothing to read.
        check["consistency"] = json!("strong");
        check
    };
    let few = ask(&tenant, vec![check("alice", &one), check("bob", &other)]).await;
    let many = [("alice", &one), ("bob", &other)].into_iter().cycle().take(100);
    let many = ask(&tenant, many.map(|(user, on)| check(user, on)).collect()).await;
    assert!(few.usage.calls > 0);
    assert_eq!(few.usage.read_units.to_bits(), many.usage.read_units.to_bits());
    assert_eq!(few.usage.calls, many.usage.calls);
}

#[tokio::test]
async fn a_context_is_an_object_within_limits_and_a_consistency_one_of_four() {
    let (tenant, [one, _]) = world().await;
    let ask = async |name: &str, value: Value| {
        let mut body = check("alice", READ, &one);
        body[name] = value;
        tenant.post("/api/v1/authorize", body).await
    };
    for good in [json!({}), json!({"ip": "::1", "deep": {"a": [1]}}), json!(null)] {
        assert_eq!(ask("context", good).await.expect(200)["authorized"], true);
    }
    for bad in [json!([]), json!("a"), json!({"a": "x".repeat(70_000)})] {
        let refused = ask("context", bad).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["/context"]);
    }
    for good in [json!("minimize_latency"), json!("fresh"), json!("strong"), json!(null)] {
        assert_eq!(ask("consistency", good).await.expect(200)["authorized"], true);
    }
    for bad in [json!("newest"), json!(1), json!({"at_least": ""}), json!({"at_most": "t"})] {
        let refused = ask("consistency", bad).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["/consistency"]);
    }
}
