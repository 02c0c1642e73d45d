//! What a decision reads: with nothing remembered, with something new, and with all remembered.

use local::embedded::Embedded;
use serde_json::json;
use store::meter::Usage;
use tests::valkey::Server;
use tests::{Tenant, World};

/// A line of entities, the root first.
async fn line(tenant: &Tenant, depth: usize) -> Vec<String> {
    let mut line: Vec<String> = Vec::new();
    for level in 0..depth {
        let parent = line.last().map(String::as_str);
        line.push(tenant.entity(&format!("Level {level}"), "other", parent).await);
    }
    line
}

async fn ask(tenant: &Tenant, user: &str, resource: &str, consistency: &str) -> (bool, Usage) {
    let asked = json!({
        "user_id": user,
        "action": "document:read",
        "resource_id": resource,
        "consistency": consistency,
    });
    let answer = tenant.post("/api/v1/authorize", asked).await;
    answer.expect(200);
    (answer.body["authorized"] == true, answer.usage)
}

/// Whom a role reaches on the second level, and another on the first; 4 levels.
async fn two_roles(world: &World) -> (Tenant, Vec<String>) {
    let tenant = world.default_tenant();
    let line = line(&tenant, 4).await;
    let (reader, writer) = (
        tenant.role("Reader", &["document:read"], &[]).await,
        tenant.role("Writer", &["document:write"], &[]).await,
    );
    tenant.assign("alice", &reader, Some(&line[1])).await;
    tenant.assign("alice", &writer, Some(&line[0])).await;
    tenant.assign("bob", &reader, Some(&line[0])).await;
    (tenant, line)
}

#[track_caller]
fn assert_reads((allowed, usage): (bool, Usage), units_max: f64, trips_max: u32) {
    assert!(allowed, "{usage:?}");
    assert!(usage.read_units <= units_max && usage.round_trips <= trips_max, "{usage:?}");
    assert!(usage.write_units.abs() < f64::EPSILON, "{usage:?}");
}

#[tokio::test]
async fn with_nothing_remembered_a_decision_reads_ten_units_at_most_in_three_trips() {
    let (tenant, line) = two_roles(&World::new()).await;
    assert_reads(ask(&tenant, "alice", &line[3], "fresh").await, 10.0, 3);
}

#[tokio::test]
async fn past_all_memory_a_decision_reads_ten_units_at_most_in_two_trips() {
    let (tenant, line) = two_roles(&World::new()).await;
    ask(&tenant, "alice", &line[3], "fresh").await;
    let strong = ask(&tenant, "alice", &line[3], "strong").await;
    assert_reads(strong, 10.0, 2);
    assert!(strong.1.read_units >= 8.0, "{:?}", strong.1);
}

#[tokio::test]
async fn what_is_remembered_is_validated_by_two_units_in_one_trip() {
    let (tenant, line) = two_roles(&World::new()).await;
    ask(&tenant, "alice", &line[3], "fresh").await;
    assert_reads(ask(&tenant, "alice", &line[3], "fresh").await, 2.0, 1);
    // Another target on the same line is known from the way up.
    assert_reads(ask(&tenant, "alice", &line[2], "fresh").await, 2.0, 1);
}

#[tokio::test]
async fn what_is_new_on_the_line_of_a_resource_is_read_and_what_is_known_above_it_is_not() {
    let world = World::new();
    let tenant = world.default_tenant();
    let trunk = line(&tenant, 12).await;
    let reader = tenant.role("Reader", &["document:read"], &[]).await;
    tenant.assign("alice", &reader, Some(&trunk[0])).await;
    let mut branch = vec![trunk[11].clone()];
    for level in 0..2 {
        let name = format!("Branch {level}");
        branch.push(tenant.entity(&name, "other", branch.last().map(String::as_str)).await);
    }
    ask(&tenant, "alice", &trunk[11], "fresh").await;
    // The epochs, the resource and its parent; not the twelve above them.
    assert_reads(ask(&tenant, "alice", &branch[2], "fresh").await, 4.0, 3);
    // After a move the hint still leads by where the branch stood: that is one more, once.
    tenant.move_under(&branch[1], Some(&trunk[10])).await.expect(200);
    ask(&tenant, "alice", &trunk[10], "fresh").await;
    assert_reads(ask(&tenant, "alice", &branch[2], "fresh").await, 5.0, 3);
    assert_reads(ask(&tenant, "alice", &branch[2], "fresh").await, 2.0, 1);
}

#[tokio::test]
async fn each_group_costs_one_unit_more_to_validate() {
    let (tenant, line) = two_roles(&World::new()).await;
    let reader = tenant.role("Group reader", &["document:read"], &[]).await;
    tenant.join("inner", "user:grace").await.expect(201);
    tenant.join("outer", "group:inner").await.expect(201);
    let held = json!({
        "principal_id": "outer", "principal_type": "group", "role_id": reader, "entity_id": line[0],
    });
    tenant.post("/api/v1/assignments", held).await.expect(201);
    ask(&tenant, "grace", &line[3], "fresh").await;
    assert_reads(ask(&tenant, "grace", &line[3], "fresh").await, 4.0, 1);
}

#[tokio::test]
async fn a_new_principal_or_a_new_target_costs_five_units_whatever_the_depth() {
    let world = World::new();
    let (tenant, _) = two_roles(&world).await;
    let deep = line_under_a_root(&tenant, 15).await;
    let reader = tenant.role("Deep reader", &["document:read"], &[]).await;
    for user in ["ada", "grace"] {
        tenant.assign(user, &reader, Some(&deep[0])).await;
    }
    ask(&tenant, "ada", &deep[13], "fresh").await;
    assert_reads(ask(&tenant, "grace", &deep[13], "fresh").await, 5.0, 2);
    assert_reads(ask(&tenant, "ada", &deep[14], "fresh").await, 5.0, 2);
}

async fn line_under_a_root(tenant: &Tenant, depth: usize) -> Vec<String> {
    let mut line = vec![tenant.entity("Root", "issuer", None).await];
    for level in 1..depth {
        let parent = line.last().cloned();
        line.push(tenant.entity(&format!("Deep {level}"), "spv", parent.as_deref()).await);
    }
    line
}

#[tokio::test]
async fn in_one_process_what_is_remembered_costs_nothing() {
    let (tenant, line) = two_roles(&World::in_one_process()).await;
    ask(&tenant, "alice", &line[3], "fresh").await;
    let (allowed, usage) = ask(&tenant, "alice", &line[3], "fresh").await;
    assert!(allowed);
    assert_eq!(usage, Usage::default());
}

#[tokio::test]
async fn with_the_epochs_in_a_cache_what_is_remembered_costs_no_unit() {
    let Some(server) = Server::start() else { return };
    let world = World::over(&Embedded::memory().unwrap(), server.epochs());
    let (tenant, line) = two_roles(&world).await;
    assert_reads(ask(&tenant, "alice", &line[3], "fresh").await, 10.0, 3);
    for level in [3, 2] {
        let (allowed, usage) = ask(&tenant, "alice", &line[level], "fresh").await;
        assert!(allowed);
        assert_eq!(usage, Usage::default());
    }
    // Someone new, and then something new.
    assert_reads(ask(&tenant, "bob", &line[3], "fresh").await, 5.0, 2);
    tenant.move_under(&line[3], Some(&line[1])).await.expect(200);
    assert_reads(ask(&tenant, "bob", &line[3], "fresh").await, 5.0, 2);
}

#[tokio::test]
async fn whoever_minimizes_latency_reads_nothing_within_the_second() {
    let (tenant, line) = two_roles(&World::new()).await;
    ask(&tenant, "alice", &line[3], "fresh").await;
    let (allowed, usage) = ask(&tenant, "alice", &line[3], "minimize_latency").await;
    assert!(allowed);
    assert_eq!(usage, Usage::default());
}

#[tokio::test]
async fn one_principals_change_leaves_what_is_remembered_of_others() {
    let (tenant, line) = two_roles(&World::new()).await;
    ask(&tenant, "alice", &line[3], "fresh").await;
    let reader = tenant.role("Other reader", &["document:read"], &[]).await;
    tenant.assign("carol", &reader, Some(&line[0])).await;
    assert_reads(ask(&tenant, "alice", &line[3], "fresh").await, 2.0, 1);
}

#[tokio::test]
async fn a_condition_on_the_resource_reads_it_again_as_it_is_now() {
    let world = World::new();
    let tenant = world.default_tenant();
    let document = tenant.entity("Document", "other", None).await;
    let owned = json!({
        "name": "Owner",
        "permissions": [{
            "action": "document:read",
            "condition": "resource.properties.owner == subject.id",
        }],
    });
    let role = tenant.post("/api/v1/roles", owned).await.expect(201)["id"].clone();
    tenant.assign("alice", role.as_str().unwrap(), Some(&document)).await;
    for (owner, allowed) in [("alice", true), ("bob", false), ("alice", true)] {
        let path = format!("/api/v1/entities/{document}");
        tenant.patch(&path, json!({"attributes": {"owner": owner}})).await.expect(200);
        ask(&tenant, "alice", &document, "fresh").await;
        let (answered, usage) = ask(&tenant, "alice", &document, "fresh").await;
        assert_eq!(answered, allowed, "owned by {owner}");
        assert!(usage.read_units <= 3.0, "{usage:?}");
    }
}

#[tokio::test]
async fn every_change_returns_a_token_that_a_question_can_name() {
    let (tenant, line) = two_roles(&World::new()).await;
    let tenant = tenant.with("idempotency-key", "archived");
    let archive = format!("/api/v1/entities/{}/archive", line[3]);
    // The second answer is the receipt's, and the change counts for it as well.
    for _ in 0..2 {
        let changed = tenant.post_empty(&archive).await;
        changed.expect(200);
        let token = changed.header("consistency-token").unwrap();
        let asked = json!({
            "user_id": "alice",
            "action": "document:read",
            "resource_id": line[3],
            "consistency": {"at_least": token},
        });
        assert_eq!(tenant.post("/api/v1/authorize", asked).await.expect(200)["authorized"], true);
    }
    assert_eq!(tenant.get("/api/v1/entities").await.header("consistency-token"), None);
}
