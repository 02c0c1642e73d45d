//! What has gone wrong in the caches and batches of others, tried here: a test for each, named by what must be
//! so instead. Everything is asked twice or more, so that the second answer comes from what is remembered.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use futures::future::join_all;
use serde_json::{Value, json};
use tests::faults::{Fault, Faults};
use tests::{Tenant, World};

const AUTHORIZE: &str = "/api/v1/authorize";
const READ: &str = "document:read";

/// A tenant in which alice may read one thing, by an assignment.
async fn readable(world: &World) -> (Tenant, String, String) {
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let reader = tenant.role("Reader", &[READ], &[]).await;
    let held = tenant.assign("alice", &reader, Some(&acme)).await;
    (tenant, acme, held)
}

/// A tenant in which alice may read one thing on a condition.
async fn conditional(condition: &str) -> (Tenant, String) {
    let tenant = World::new().default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let body = json!({"name": "Reader", "permissions": [{"action": READ, "condition": condition}]});
    let role = tenant.post("/api/v1/roles", body).await.expect(201)["id"].clone();
    tenant.assign("alice", role.as_str().unwrap(), Some(&acme)).await;
    (tenant, acme)
}

fn question(resource: &str, context: &Value) -> Value {
    json!({"user_id": "alice", "action": READ, "resource_id": resource, "context": context})
}

async fn in_context(tenant: &Tenant, resource: &str, context: Value) -> bool {
    let reply = tenant.post(AUTHORIZE, question(resource, &context)).await;
    reply.expect(200)["authorized"].as_bool().unwrap()
}

/// OpenFGA CVE-2026-33729: what was decided in one context was answered in another.
#[tokio::test]
async fn a_context_counts_for_its_question_and_is_not_remembered() {
    let (tenant, acme) = conditional("context.mfa == true").await;
    for mfa in [true, false, true, false] {
        assert_eq!(in_context(&tenant, &acme, json!({ "mfa": mfa })).await, mfa);
    }
    assert!(!in_context(&tenant, &acme, json!({})).await);
}

/// OpenFGA CVE-2026-34972: of several checks of a batch on the same tuple, one was asked for all.
#[tokio::test]
async fn checks_of_a_batch_that_differ_in_their_context_alone_are_different_checks() {
    let (tenant, acme) = conditional("context.mfa == true").await;
    let said = [true, false, false, true];
    let checks = said.map(|mfa| question(&acme, &json!({ "mfa": mfa })));
    let reply = tenant.post(&format!("{AUTHORIZE}/batch"), json!({ "checks": checks })).await;
    let items = reply.expect(200)["items"].as_array().unwrap();
    let answers: Vec<bool> = items.iter().map(|item| item["authorized"] == true).collect();
    assert_eq!(answers, said);
}

/// SpiceDB 1.52: lists within lists of a context had the same hash as others.
#[tokio::test]
async fn a_context_of_nested_lists_is_not_taken_for_one_of_other_nesting() {
    let (tenant, acme) = conditional("context.teams == [[1, 2], [3]]").await;
    for (teams, is_allowed) in [
        (json!([[1, 2], [3]]), true),
        (json!([[1], [2, 3]]), false),
        (json!([[1, 2, 3]]), false),
        (json!([1, 2, 3]), false),
        (json!([[1, 2], [3]]), true),
    ] {
        assert_eq!(in_context(&tenant, &acme, json!({ "teams": teams })).await, is_allowed);
    }
}

/// OpenFGA #3148, #3097 and #3117: keys of the cache, put together from texts, were the same for others.
#[tokio::test]
async fn principals_and_resources_whose_names_run_together_are_kept_apart() {
    let tenant = World::new().default_tenant();
    let things = ["a", "a:b", "a:b:c"];
    for id in things {
        let body = json!({"id": id, "name": id, "type": "other"});
        tenant.post("/api/v1/entities", body).await.expect(201);
    }
    let reader = tenant.role("Reader", &[READ], &[]).await;
    let people = [("user", "a:b"), ("user:a", "b"), ("user:a:b", "c"), ("user", "a:b:c")];
    for ((kind, id), thing) in people.iter().zip(things) {
        let body = json!({
            "principal_type": kind, "principal_id": id, "role_id": reader, "entity_id": thing,
        });
        tenant.post("/api/v1/assignments", body).await.expect(201);
    }
    for round in 0..2 {
        for (number, (kind, id)) in people.iter().enumerate() {
            for (place, thing) in things.iter().enumerate() {
                let body = json!({
                    "user_id": id, "principal_type": kind, "action": READ, "resource_id": thing,
                });
                let allowed = tenant.post(AUTHORIZE, body).await.expect(200)["authorized"] == true;
                assert_eq!(allowed, number == place, "{round}: {kind} {id} on {thing}");
            }
        }
    }
}

/// CVE-2026-55170: ids that differ in case alone were one.
#[tokio::test]
async fn alice_and_a_capital_alice_are_two() {
    let (tenant, acme, _) = readable(&World::new()).await;
    for _ in 0..2 {
        assert!(tenant.may("alice", READ, &acme).await);
        assert!(!tenant.may("Alice", READ, &acme).await);
        assert!(!tenant.may("alice", "document:Read", &acme).await);
    }
}

/// OpenFGA #3155: what was read before a write, and stored after it, survived the invalidation.
#[tokio::test]
async fn what_was_read_before_a_revocation_is_not_remembered_after_it() {
    for operation in ["BatchGetItem", "Query", "GetItem"] {
        let faults = Faults::none();
        let (tenant, acme, held) = readable(&World::with_faults(&faults)).await;
        faults.plan(operation, [Fault::Held]);
        let (crossed, ()) =
            tokio::join!(tenant.may("alice", READ, &acme), faults.when_held(tenant.revoke(&held)));
        // Asked before the revocation was acknowledged, it may count or not; from now on it counts.
        assert!(!tenant.may("alice", READ, &acme).await, "{operation}; before: {crossed}");
        assert!(!tenant.may("alice", READ, &acme).await, "{operation}");
    }
}

/// OpenFGA #3125: a check that was cancelled half-way left a denial behind.
#[tokio::test]
async fn a_check_that_is_abandoned_leaves_nothing_behind() {
    for operation in ["BatchGetItem", "Query", "GetItem"] {
        let faults = Faults::none();
        let (tenant, acme, _) = readable(&World::with_faults(&faults)).await;
        faults.plan(operation, [Fault::EndsAfter]);
        let abandoned = faults.unless_it_ends(tenant.may("alice", READ, &acme)).await;
        assert_eq!(abandoned, None, "{operation}");
        assert!(tenant.may("alice", READ, &acme).await, "{operation}");
    }
}

/// OpenFGA #2779: no word about an invalidation stood for "still valid".
#[tokio::test]
async fn where_epochs_cannot_be_read_nothing_that_is_remembered_is_answered() {
    let faults = Faults::none();
    let (tenant, acme, held) = readable(&World::with_faults(&faults)).await;
    assert!(tenant.may("alice", READ, &acme).await);
    tenant.revoke(&held).await;
    for fault in [
        Fault::NotSent,
        Fault::AnswerLost,
        Fault::Broken(500),
        Fault::Refused("ProvisionedThroughputExceededException", None),
    ] {
        faults.plan("BatchGetItem", [fault]);
        let reply = tenant.post(AUTHORIZE, question(&acme, &json!({}))).await;
        assert_eq!(faults.left(), 0, "{fault:?}");
        reply.expect_problem(503, "unavailable");
    }
    assert!(!tenant.may("alice", READ, &acme).await);
}

/// OpenFGA CVE-2025-46331: what was found within a cycle was remembered, and wrong elsewhere.
#[tokio::test]
async fn a_cycle_that_is_refused_and_a_second_way_up_change_no_answer() {
    let (tenant, acme, _) = readable(&World::new()).await;
    let reader = tenant.role("Group reader", &[READ], &[]).await;
    for (group, member) in [
        ("inner", "user:grace"),
        ("outer", "group:inner"),
        ("other", "group:inner"),
        ("outer", "group:other"),
    ] {
        tenant.join(group, member).await.expect(201);
    }
    let on_acme = json!({ "entity_id": acme });
    let held = tenant.assign_to("group:outer", &reader, on_acme).await.expect(201)["id"].clone();
    for _ in 0..2 {
        assert!(tenant.may("grace", READ, &acme).await);
        assert!(tenant.allows("group:other", READ, &acme).await);
        tenant.join("inner", "group:outer").await.expect_problem(400, "invalid");
    }
    tenant.revoke(held.as_str().unwrap()).await;
    assert!(!tenant.may("grace", READ, &acme).await);
    assert!(!tenant.allows("group:other", READ, &acme).await);
}

/// OpenFGA CVE-2025-64751: a wildcard lost its condition.
#[tokio::test]
async fn what_everyone_holds_on_a_condition_nobody_holds_without_it() {
    let tenant = World::new().default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let reader = tenant.role("Reader", &[READ], &[]).await;
    let everyone = json!({"entity_id": acme, "condition": "context.open == true"});
    tenant.assign_to("user:*", &reader, everyone).await.expect(201);
    for open in [true, false, true, false] {
        assert_eq!(in_context(&tenant, &acme, json!({ "open": open })).await, open);
    }
}

/// SpiceDB GHSA-4vrg-r928-h5vv and 1.56: checks that were to be explained shared an answer with others.
#[tokio::test]
async fn an_explained_question_and_a_bare_one_side_by_side_get_each_its_own_answer() {
    let (tenant, acme, _) = readable(&World::new()).await;
    let asked = (0..16).map(|number| {
        let mut body = question(&acme, &json!({}));
        body["explain"] = json!(number % 2 == 0);
        body["action"] = json!(if number % 4 < 2 { READ } else { "document:write" });
        let tenant = &tenant;
        async move { (number, tenant.post(AUTHORIZE, body).await) }
    });
    for (number, reply) in join_all(asked).await {
        let answer = reply.expect(200);
        assert_eq!(answer["authorized"], number % 4 < 2, "{number}");
        assert_eq!(answer.get("decision").is_some(), number % 2 == 0, "{number}: {answer}");
    }
}

/// SpiceDB's memory store: a write was not seen by the read that followed it.
#[tokio::test]
async fn a_change_is_seen_by_the_question_that_follows_its_answer() {
    for world in [World::new(), World::in_one_process()] {
        let (tenant, acme, mut held) = readable(&world).await;
        let reader = tenant.role("Another reader", &[READ], &[]).await;
        for _ in 0..20 {
            assert!(tenant.may("alice", READ, &acme).await);
            tenant.revoke(&held).await;
            assert!(!tenant.may("alice", READ, &acme).await);
            held = tenant.assign("alice", &reader, Some(&acme)).await;
        }
    }
}

/// OpenFGA #3057: the addresses of AuthZEN's metadata were made from the request's `Host`.
#[tokio::test]
async fn no_address_is_made_from_what_the_request_says_of_its_host() {
    let tenant = World::new().default_tenant();
    for header in ["host", "x-forwarded-host", "forwarded"] {
        let forged = tenant.clone().with(header, "evil.example.com");
        let metadata = forged.get("/.well-known/authzen-configuration").await;
        assert!(!metadata.expect(200).to_string().contains("evil"), "{header}");
    }
}
