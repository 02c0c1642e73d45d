//! Capabilities: the registry, who holds what and by what, and grants by name.

use std::collections::BTreeSet;

use domain::capability::{API, BUSINESS, Capability};
use futures::future::join_all;
use serde_json::{Value, json};
use tests::{Reply, Tenant, World};

pub(crate) const CAPABILITIES: &str = "/api/v1/capabilities";
const ASSIGNMENTS: &str = "/api/v1/assignments";
pub(crate) const SOLD: &str = "availability:mark_sold";

pub(crate) async fn world() -> (World, Tenant) {
    let world = World::new();
    let tenant = world.default_tenant();
    (world, tenant)
}

pub(crate) fn path(user: &str, what: &str) -> String {
    format!("{CAPABILITIES}/users/{user}{what}")
}

pub(crate) async fn grant(tenant: &Tenant, user: &str, code: &str, more: Value) -> Reply {
    let mut body = json!({"capability_code": code});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tenant.post(&path(user, "/grant"), body).await
}

async fn revoke(tenant: &Tenant, user: &str, code: &str) -> Reply {
    tenant.post(&path(user, "/revoke"), json!({"capability_code": code})).await
}

/// What a check answers.
async fn check(tenant: &Tenant, user: &str, code: &str, on: Option<&str>) -> Value {
    let body = json!({"capability_code": code, "entity_id": on});
    tenant.post(&path(user, "/check"), body).await.expect(200).clone()
}

pub(crate) async fn has(tenant: &Tenant, user: &str, code: &str, on: Option<&str>) -> bool {
    let answer = check(tenant, user, code, on).await;
    assert_eq!(answer["has_capability"] == true, !answer["granted_via"].is_null(), "{answer}");
    answer["has_capability"] == true
}

pub(crate) fn codes(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["capability_code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_registry_is_listed_whole_by_category_and_by_whom_it_serves() {
    let (_, tenant) = world().await;
    let all: BTreeSet<&str> = Capability::all().map(|one| one.action).collect();
    assert_eq!(all.len(), API.len() + BUSINESS.len());
    for limit in [7, 50, 200] {
        let listed = tenant.pages(CAPABILITIES, limit).await.concat();
        assert_eq!(codes(&listed), all.iter().copied().collect::<Vec<_>>(), "by {limit}");
    }
    let sold = tenant.list(&format!("{CAPABILITIES}?category=Availability")).await;
    assert_eq!(sold.len(), 11);
    let one = sold.iter().find(|one| one["capability_code"] == SOLD).unwrap();
    assert_eq!((&one["category"], &one["is_system"]), (&json!("Availability"), &json!(false)));
    assert!(one["description"].as_str().is_some_and(|text| text.ends_with('.')));
    let own = tenant.list(&format!("{CAPABILITIES}?is_system=true")).await;
    assert_eq!(own.len(), API.len());
    let others = tenant.list(&format!("{CAPABILITIES}?is_system=false")).await;
    assert_eq!(others.len(), 70);
    let none = tenant.list(&format!("{CAPABILITIES}?is_system=true&category=Availability")).await;
    assert_eq!(none, Vec::<Value>::new());
}

#[tokio::test]
async fn every_fault_of_a_query_is_told_at_once() {
    let (_, tenant) = world().await;
    let refused = tenant
        .get(&format!("{CAPABILITIES}?category=availability&is_system=yes&limit=0&x=1"))
        .await;
    refused.expect_problem(400, "invalid");
    assert_eq!(refused.pointers(), ["category", "is_system", "limit", "x"]);
    let refused = tenant.get(&path("alice", "?principal_type=a%2Fb&y=1")).await;
    refused.expect_problem(400, "invalid");
    assert_eq!(refused.pointers(), ["principal_type", "y"]);
    let refused = tenant.get(&format!("{CAPABILITIES}/me?principal_type=user")).await;
    assert_eq!(refused.pointers(), ["principal_type"]);
    for what in ["/grant", "/revoke", "/check"] {
        let body = json!({"capability_code": SOLD});
        let refused = tenant.post(&path("alice", &format!("{what}?limit=1")), body).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["limit"], "{what}");
    }
}

#[tokio::test]
async fn a_grant_is_a_direct_assignment_that_counts_at_once_and_ends_when_revoked() {
    let (world, tenant) = world().await;
    let acme = tenant.entity("Acme", "issuer", None).await;
    assert!(!has(&tenant, "alice", SOLD, None).await);
    let more = json!({"reason": "covers for bob", "expires_at": world.in_seconds(60)});
    let granted = grant(&tenant, "alice", "AVAILABILITY_MARK_SOLD", more.clone()).await;
    let id = granted.expect(201)["id"].as_str().unwrap();
    assert_eq!(granted.header("location"), Some(format!("{ASSIGNMENTS}/{id}").as_str()));
    assert_eq!(tenant.get(&format!("{ASSIGNMENTS}/{id}")).await.expect(200), &granted.body);
    let told = ["permission", "role_id", "principal_id", "principal_type", "reason"];
    let told = told.map(|field| granted.body[field].clone());
    assert_eq!(json!(told), json!([SOLD, null, "alice", "user", "covers for bob"]));

    let answer = check(&tenant, "alice", "availability.mark_sold", None).await;
    let expected = json!({
        "user_id": "alice",
        "principal_type": "user",
        "capability_code": SOLD,
        "has_capability": true,
        "granted_via": {
            "type": "direct",
            "assignment_id": id,
            "principal_id": "alice",
            "principal_type": "user",
            "groups": [],
            "role_id": null,
            "role_name": null,
            "scope_types": [],
            "entity_id": null,
            "conditions": [],
            "expires_at": world.in_seconds(60),
            "granted_at": world.now(),
            "reason": "covers for bob",
        },
    });
    assert_eq!(answer, expected);
    assert!(tenant.may("alice", SOLD, &acme).await);
    let again = grant(&tenant, "alice", SOLD, more).await;
    assert_eq!(again.expect(200), &granted.body);

    let revoked = revoke(&tenant, "alice", "AVAILABILITY_MARK_SOLD").await;
    assert_eq!(revoked.expect(200), &json!({"status": "revoked", "assignment_id": id}));
    assert!(!has(&tenant, "alice", SOLD, None).await && !tenant.may("alice", SOLD, &acme).await);
    let gone = revoke(&tenant, "alice", SOLD).await;
    gone.expect_problem(404, "not_found");
    assert!(gone.text.contains(SOLD), "{}", gone.text);
    assert_eq!(world.events("role.assignment.changed").await.len(), 2);
    assert_eq!(world.audits("role_assignment.create").await.len(), 1);
    assert_eq!(world.audits("role_assignment.delete").await.len(), 1);
    world.check_consistency().await;
}

#[tokio::test]
async fn a_grant_ends_with_its_time_and_must_be_revoked_to_be_given_another() {
    let (world, tenant) = world().await;
    let until = json!({"expires_at": world.in_seconds(60)});
    grant(&tenant, "alice", SOLD, until.clone()).await.expect(201);
    assert!(has(&tenant, "alice", SOLD, None).await);
    world.pass_seconds(60);
    assert!(!has(&tenant, "alice", SOLD, None).await);
    assert_eq!(tenant.list(&path("alice", "")).await, Vec::<Value>::new());
    grant(&tenant, "alice", SOLD, json!({})).await.expect_problem(409, "assigned_otherwise");
    revoke(&tenant, "alice", SOLD).await.expect(200);
    grant(&tenant, "alice", SOLD, json!({})).await.expect(201);
    assert!(has(&tenant, "alice", SOLD, None).await);
}

#[tokio::test]
async fn on_an_entity_it_counts_there_and_below_and_a_check_without_one_asks_for_everywhere() {
    let (_, tenant) = world().await;
    let acme = tenant.entity("Acme", "issuer", None).await;
    let spv = tenant.entity("SPV", "spv", Some(&acme)).await;
    grant(&tenant, "alice", SOLD, json!({"entity_id": acme})).await.expect(201);
    for (on, expected) in [(None, false), (Some(&acme), true), (Some(&spv), true)] {
        assert_eq!(has(&tenant, "alice", SOLD, on.map(String::as_str)).await, expected, "{on:?}");
    }
    // Everywhere it is another grant, of which there is none.
    revoke(&tenant, "alice", SOLD).await.expect_problem(404, "not_found");
    let body = json!({"capability_code": SOLD, "entity_id": acme});
    tenant.post(&path("alice", "/revoke"), body).await.expect(200);
    assert!(!has(&tenant, "alice", SOLD, Some(&spv)).await);
    // A role for some types is not held for all, everywhere.
    let sellers = tenant.role("Sellers", &[SOLD], &["spv"]).await;
    tenant.assign("bob", &sellers, None).await;
    for (on, expected) in [(None, false), (Some(&acme), false), (Some(&spv), true)] {
        assert_eq!(has(&tenant, "bob", SOLD, on.map(String::as_str)).await, expected, "{on:?}");
    }
}

#[tokio::test]
async fn what_is_no_capability_no_principal_or_no_entity_is_refused_and_nothing_is_written() {
    let (world, tenant) = world().await;
    let body = |code: Value| json!({"capability_code": code});
    for (what, body, pointer) in [
        ("/grant", json!({}), "/capability_code"),
        ("/grant", body(json!("entity:paint")), "/capability_code"),
        ("/grant", body(json!("AVAILABILITY_MARK_SOLDD")), "/capability_code"),
        ("/grant", body(json!("*")), "/capability_code"),
        ("/grant", body(json!(7)), "/capability_code"),
        ("/grant", json!({"capability_code": SOLD, "entity_id": "nowhere"}), "/entity_id"),
        ("/grant", json!({"capability_code": SOLD, "expires_at": world.now()}), "/expires_at"),
        ("/grant", json!({"capability_code": SOLD, "expires_at": "soon"}), "/expires_at"),
        ("/grant", json!({"capability_code": SOLD, "reason": ""}), "/reason"),
        ("/revoke", json!({}), "/capability_code"),
        ("/revoke", body(json!("a b")), "/capability_code"),
        ("/revoke", json!({"capability_code": SOLD, "entity_id": "*"}), "/entity_id"),
        ("/check", json!({}), "/capability_code"),
        ("/check", body(json!("entity:*")), "/capability_code"),
        ("/check", json!({"capability_code": SOLD, "entity_id": "nowhere"}), "/entity_id"),
    ] {
        let refused = tenant.post(&path("alice", what), body.clone()).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), [pointer], "{what} {body}");
    }
    for what in ["/grant", "/revoke", "/check"] {
        for nobody in ["%2A", "a%2Fb"] {
            let refused = tenant.post(&path(nobody, what), body(json!(SOLD))).await;
            refused.expect_problem(404, "not_found");
        }
    }
    tenant.get(&path("%2A", "")).await.expect_problem(404, "not_found");
    assert_eq!(world.items("EventsTable").await.len(), 0);
}

#[tokio::test]
async fn a_check_decides_as_authorize_does_and_what_a_role_spells_otherwise_is_not_the_same() {
    let (_, tenant) = world().await;
    let acme = tenant.entity("Acme", "issuer", None).await;
    let capitals = tenant.role("Capitals", &["AVAILABILITY_MARK_SOLD"], &[]).await;
    tenant.assign("alice", &capitals, None).await;
    assert!(tenant.may("alice", "AVAILABILITY_MARK_SOLD", &acme).await);
    assert!(
        !has(&tenant, "alice", "AVAILABILITY_MARK_SOLD", None).await,
        "its canonical name is asked"
    );
    let body = json!({"capability_code": SOLD, "entity_id": acme});
    for (condition, expected) in [
        ("resource.type == 'issuer'", true),
        ("resource.type == 'spv'", false),
        ("context.none == 1", false),
    ] {
        let given = json!({"principal_id": "bob", "permission": SOLD, "condition": condition});
        let given = tenant.post(ASSIGNMENTS, given).await;
        let answer = tenant.post(&path("bob", "/check"), body.clone()).await;
        assert_eq!(answer.expect(200)["has_capability"], expected, "{condition}");
        assert_eq!(tenant.may("bob", SOLD, &acme).await, expected, "{condition}");
        tenant.revoke(given.expect(201)["id"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn what_one_way_grants_the_other_revokes_and_a_role_is_not_revoked_by_a_capability() {
    let (world, tenant) = world().await;
    let given = json!({"principal_id": "alice", "permission": "document:sign"});
    tenant.post(ASSIGNMENTS, given).await.expect(201);
    revoke(&tenant, "alice", "document.sign").await.expect(200);
    let granted = grant(&tenant, "alice", SOLD, json!({})).await;
    tenant.revoke(granted.expect(201)["id"].as_str().unwrap()).await;
    assert!(!has(&tenant, "alice", SOLD, None).await);
    let seller = tenant.role("Seller", &[SOLD], &[]).await;
    tenant.assign("alice", &seller, None).await;
    revoke(&tenant, "alice", SOLD).await.expect_problem(404, "not_found");
    assert_eq!(
        check(&tenant, "alice", SOLD, None).await["granted_via"]["role_id"],
        seller.as_str()
    );
    let service = path("reports", "/grant?principal_type=service");
    let granted = tenant.post(&service, json!({"capability_code": SOLD})).await;
    assert_eq!(granted.expect(201)["principal_type"], "service");
    assert!(!has(&tenant, "reports", SOLD, None).await, "a user of that name is another");
    world.check_consistency().await;
}

#[tokio::test]
async fn the_same_request_under_one_key_is_answered_once_and_ten_at_once_grant_once() {
    let (world, tenant) = world().await;
    let keyed = tenant.clone().with("idempotency-key", "one");
    let first = grant(&keyed, "alice", SOLD, json!({})).await;
    let again = grant(&keyed, "alice", SOLD, json!({})).await;
    assert_eq!(
        (again.expect(201), again.header("idempotency-replayed")),
        (&first.body, Some("true"))
    );
    let other = grant(&keyed, "alice", "availability:read", json!({})).await;
    other.expect_problem(409, "idempotency_key_reused");
    let replies = join_all((0..10).map(|_| grant(&tenant, "bob", SOLD, json!({})))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert!(replies.iter().all(|reply| reply.body == replies[0].body));
    let replies = join_all((0..10).map(|_| revoke(&tenant, "bob", SOLD))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 404).count(), 9);
    assert_eq!(world.events("role.assignment.changed").await.len(), 3);
    world.check_consistency().await;
}

#[tokio::test]
async fn a_grant_in_one_tenant_is_nothing_in_another() {
    let (world, tenant) = world().await;
    let acme = tenant.entity("Acme", "issuer", None).await;
    grant(&tenant, "alice", SOLD, json!({})).await.expect(201);
    let stranger = world.tenant("stranger");
    assert!(!has(&stranger, "alice", SOLD, None).await);
    assert_eq!(stranger.list(&path("alice", "")).await, Vec::<Value>::new());
    revoke(&stranger, "alice", SOLD).await.expect_problem(404, "not_found");
    let theirs = grant(&stranger, "alice", SOLD, json!({"entity_id": acme})).await;
    assert_eq!((theirs.status, theirs.pointers()), (400, vec!["/entity_id"]));
    let page = tenant.get(&format!("{CAPABILITIES}?limit=1")).await;
    let cursor = page.expect(200)["next_cursor"].as_str().unwrap();
    let reached = stranger.get(&format!("{CAPABILITIES}?cursor={cursor}")).await;
    assert_eq!((reached.status, reached.pointers()), (400, vec!["cursor"]));
    assert!(has(&tenant, "alice", SOLD, None).await);
}
