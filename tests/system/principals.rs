//! Principals' stored properties: put, get, delete, and every refusal.

use serde_json::{Value, json};
use tests::World;

const ALICE: &str = "/api/v1/principals/user/alice";

#[tokio::test]
async fn properties_are_stored_replaced_read_and_deleted() {
    let world = World::new();
    let tenant = world.default_tenant();
    let first = json!({"department": "legal", "levels": [1, 2.5, null], "é": {"deep": true}});
    let stored = tenant.put(ALICE, json!({"properties": first, "note": "ignored"})).await;
    let mut expected = json!({
        "type": "user",
        "id": "alice",
        "tenant_id": "default",
        "properties": first,
        "version": 1,
        "created_at": world.now(),
        "updated_at": world.now(),
    });
    assert_eq!(stored.expect(201), &expected);
    assert_eq!((stored.header("etag"), stored.header("location")), (Some("\"1\""), Some(ALICE)));
    assert_eq!(tenant.get(ALICE).await.expect(200), &expected);

    world.pass_seconds(1);
    expected["properties"] = json!({"department": "sales"});
    expected["version"] = json!(2);
    expected["updated_at"] = json!(world.now());
    let replaced = tenant.put(ALICE, json!({"properties": {"department": "sales"}})).await;
    assert_eq!(replaced.expect(200), &expected);
    assert_eq!((replaced.header("etag"), replaced.header("location")), (Some("\"2\""), None));
    let read = tenant.get(ALICE).await;
    assert_eq!((read.expect(200), read.header("etag")), (&expected, Some("\"2\"")));

    let deleted = tenant.delete(ALICE).await;
    let gone = json!({"status": "deleted", "principal_id": "alice", "principal_type": "user"});
    assert_eq!(deleted.expect(200), &gone);
    tenant.get(ALICE).await.expect_problem(404, "not_found");
    tenant.delete(ALICE).await.expect_problem(404, "not_found");
    assert_eq!(tenant.put(ALICE, json!({"properties": {}})).await.expect(201)["version"], 1);
}

#[tokio::test]
async fn properties_that_are_so_already_change_and_announce_nothing() {
    let world = World::new();
    let tenant = world.default_tenant();
    tenant.put(ALICE, json!({"properties": {"a": 1, "b": 2}})).await.expect(201);
    world.pass_seconds(1);
    let again =
        tenant.send(http::Method::PUT, ALICE, Some(r#"{"properties":{"b":2,"a":1}}"#.into())).await;
    assert_eq!(again.expect(200)["version"], 1);
    assert_ne!(again.body["updated_at"], world.now());
    assert_eq!(world.events("principal.updated").await.len(), 1);
    assert_eq!(world.audits("principal.update").await.len(), 1);
}

#[tokio::test]
async fn a_change_under_if_match_is_of_that_version_only() {
    let tenant = World::new().default_tenant();
    let when = |version: &str| tenant.clone().with("if-match", version);
    let body = |level: u64| json!({"properties": {"level": level}});
    for version in ["\"1\"", "*"] {
        when(version).put(ALICE, body(1)).await.expect_problem(412, "stale");
    }
    when("\"1\"").delete(ALICE).await.expect_problem(404, "not_found");
    tenant.put(ALICE, body(1)).await.expect(201);
    when("\"2\"").put(ALICE, body(2)).await.expect_problem(412, "stale");
    when("\"2\"").put(ALICE, body(1)).await.expect_problem(412, "stale");
    when("\"1\"").put(ALICE, body(2)).await.expect(200);
    when("*").put(ALICE, body(3)).await.expect(200);
    when("\"1\"").delete(ALICE).await.expect_problem(412, "stale");
    when("3").delete(ALICE).await.expect_problem(400, "invalid");
    when("\"3\"").delete(ALICE).await.expect(200);
}

#[tokio::test]
async fn properties_end_at_their_limits() {
    let tenant = World::new().default_tenant();
    let sized = |bytes: usize| json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())});
    let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
    // Half of it quotes and backslashes, so that escaping it once more doubles it.
    let escaped = json!({"a": "\\\"".repeat(64 * 1024 / 4 - 4)});
    for good in [json!({}), sized(64 * 1024), nested(32), escaped] {
        let reply = tenant
            .clone()
            .with("idempotency-key", &good.to_string().len().to_string())
            .put(ALICE, json!({"properties": good}))
            .await;
        assert!([200, 201].contains(&reply.status), "{}", reply.text);
        assert_eq!(tenant.get(ALICE).await.expect(200)["properties"], good);
    }
    for bad in [sized(64 * 1024 + 1), nested(33), json!([]), json!("text"), json!(null), json!(7)] {
        let refused = tenant.put(ALICE, json!({"properties": bad})).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["/properties"]);
    }
    assert_eq!(tenant.put(ALICE, json!({})).await.pointers(), ["/properties"]);
    tenant.put(ALICE, json!([])).await.expect_problem(400, "malformed");
    let huge = json!({"properties": {"a": "x".repeat(1024 * 1024)}});
    tenant.put(ALICE, huge).await.expect_problem(413, "too_large");
}

#[tokio::test]
async fn a_path_that_can_name_no_principal_names_none() {
    let world = World::new();
    let tenant = world.default_tenant();
    let long = format!("/api/v1/principals/user/{}", "x".repeat(129));
    for path in [
        "/api/v1/principals/user/%2A",
        "/api/v1/principals/a%20type/alice",
        "/api/v1/principals/user/a%2Fb",
        &long,
    ] {
        let body = json!({"properties": {}});
        tenant.put(path, body).await.expect_problem(404, "not_found");
        tenant.get(path).await.expect_problem(404, "not_found");
        tenant.delete(path).await.expect_problem(404, "not_found");
    }
    assert!(world.items("CoreTable").await.is_empty());
}

#[tokio::test]
async fn principals_of_one_id_and_different_types_have_properties_of_their_own() {
    let tenant = World::new().default_tenant();
    for kind in ["user", "service", "group"] {
        let path = format!("/api/v1/principals/{kind}/alice");
        tenant.put(&path, json!({"properties": {"kind": kind}})).await.expect(201);
    }
    tenant.delete(ALICE).await.expect(200);
    let service = tenant.get("/api/v1/principals/service/alice").await;
    assert_eq!(service.expect(200)["properties"], json!({"kind": "service"}));
}

#[tokio::test]
async fn each_change_of_properties_is_announced_with_them_and_audited_without() {
    let world = World::new();
    let tenant = world.default_tenant();
    let secret = |value: &str| json!({"properties": {"phone": value}});
    tenant.put(ALICE, secret("111")).await.expect(201);
    tenant.put(ALICE, secret("222")).await.expect(200);
    tenant.delete(ALICE).await.expect(200);
    let payload = |before: Value, after: Value| json!({"principal_type": "user", "principal_id": "alice", "before": before, "after": after});
    assert_eq!(
        world.payloads("principal.updated").await,
        [payload(json!({}), secret("111")), payload(secret("111"), secret("222"))]
    );
    assert_eq!(world.payloads("principal.deleted").await, [payload(secret("222"), json!({}))]);
    let details = json!({"principal_type": "user", "principal_id": "alice"});
    assert_eq!(world.details("principal.update").await, [details.clone(), details.clone()]);
    assert_eq!(world.details("principal.delete").await, [details]);
    world.check_consistency().await;
}

#[tokio::test]
async fn properties_make_a_principal_known_and_give_it_nothing() {
    let tenant = World::new().default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    assert_eq!(tenant.denial("user:alice", "document:read", &acme).await, "unknown_principal");
    tenant.put(ALICE, json!({"properties": {"role": "admin"}})).await.expect(201);
    assert_eq!(tenant.denial("user:alice", "document:read", &acme).await, "no_assignment");
}
