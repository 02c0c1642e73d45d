//! Why the answer is what it is, and what is no question.

use serde_json::json;
use tests::{Tenant, World};

const READ: &str = "document:read";
const AUTHORIZE: &str = "/api/v1/authorize";

/// Acme, its SPV and the SPV's offering, and a role that may read.
async fn world() -> (World, Tenant, [String; 3], String) {
    let world = World::new();
    let tenant = world.default_tenant();
    let issuer = tenant.entity("Acme", "issuer", None).await;
    let spv = tenant.entity("Acme SPV", "spv", Some(&issuer)).await;
    let offering = tenant.entity("Acme Bond", "offering", Some(&spv)).await;
    let reader = tenant.role("Reader", &[READ, "document:list"], &[]).await;
    (world, tenant, [issuer, spv, offering], reader)
}

#[tokio::test]
async fn an_allowed_action_is_explained_by_assignment_role_and_the_path_up_to_it() {
    let (world, tenant, [issuer, spv, offering], reader) = world().await;
    let window = json!({"entity_id": issuer, "expires_at": world.in_seconds(60)});
    let held = tenant.assign_to("user:alice", &reader, window).await;
    let decision = tenant.explain("user:alice", READ, &offering).await;
    let expected = json!({
        "outcome": "allow",
        "assignment": {
            "assignment_id": held.expect(201)["id"],
            "principal_id": "alice",
            "principal_type": "user",
            "groups": [],
            "role_id": reader,
            "role_name": "Reader",
            "entity_id": issuer,
            "effective_at": held.body["effective_at"],
            "expires_at": held.body["expires_at"],
        },
        "permission": READ,
        "path": [offering, spv, issuer],
    });
    assert_eq!(decision, expected);
    let on_itself = tenant.explain("user:alice", READ, &issuer).await;
    assert_eq!(on_itself["path"], json!([issuer]));
}

#[tokio::test]
async fn a_global_assignment_is_explained_with_an_empty_path() {
    let (_, tenant, [_, _, offering], _) = world().await;
    tenant.assign("root", "system:admin", None).await;
    let decision = tenant.explain("user:root", "anything:at-all", &offering).await;
    assert_eq!(decision["path"], json!([]));
    assert_eq!(
        (&decision["permission"], &decision["assignment"]["entity_id"]),
        (&json!("*"), &json!(null))
    );
    assert_eq!(decision["assignment"]["role_name"], "system:admin");
}

#[tokio::test]
async fn the_groups_on_the_way_to_an_assignment_are_named_from_the_principals_own_up() {
    let (_, tenant, [issuer, spv, _], reader) = world().await;
    tenant.join("legal", "user:alice").await.expect(201);
    tenant.join("staff", "group:legal").await.expect(201);
    tenant.join("everyone", "group:staff").await.expect(201);
    tenant.assign_to("group:everyone", &reader, json!({"entity_id": issuer})).await.expect(201);
    let decision = tenant.explain("user:alice", READ, &spv).await;
    let assignment = &decision["assignment"];
    assert_eq!(assignment["groups"], json!(["legal", "staff", "everyone"]));
    assert_eq!(
        (&assignment["principal_type"], &assignment["principal_id"]),
        (&json!("group"), &json!("everyone"))
    );
    // Asked for the group itself there is no way; of two ways the shorter one is named.
    let direct = tenant.explain("group:everyone", READ, &spv).await;
    assert_eq!(direct["assignment"]["groups"], json!([]));
    tenant.join("everyone", "user:alice").await.expect(201);
    let shorter = tenant.explain("user:alice", READ, &spv).await;
    assert_eq!(shorter["assignment"]["groups"], json!(["everyone"]));
}

#[tokio::test]
async fn what_every_principal_holds_is_explained_as_such() {
    let (_, tenant, [issuer, ..], reader) = world().await;
    tenant.assign_to("user:*", &reader, json!({})).await.expect(201);
    let decision = tenant.explain("user:never-heard-of", READ, &issuer).await;
    assert_eq!(decision["assignment"]["principal_id"], "*");
}

#[tokio::test]
async fn the_path_is_the_one_after_the_last_move() {
    let (_, tenant, [issuer, spv, offering], reader) = world().await;
    tenant.assign("alice", &reader, Some(&issuer)).await;
    let between = tenant.entity("Between", "other", Some(&issuer)).await;
    tenant.move_under(&spv, Some(&between)).await.expect(200);
    let decision = tenant.explain("user:alice", READ, &offering).await;
    assert_eq!(decision["path"], json!([offering, spv, between, issuer]));
}

#[tokio::test]
async fn each_reason_for_a_denial_is_told_and_the_one_that_came_furthest_wins() {
    let (world, tenant, [issuer, spv, offering], reader) = world().await;
    let why = async || tenant.explain("user:alice", READ, &spv).await;
    let expect = async |code: &str, assignment: Option<&str>| {
        let decision = why().await;
        assert_eq!(decision["reason"], code, "{decision}");
        assert!(decision["detail"].as_str().is_some_and(|detail| detail.ends_with('.')));
        assert_eq!(decision["assignment"]["assignment_id"].as_str(), assignment, "{decision}");
        assert!(decision.get("path").is_none() && decision.get("permission").is_none());
    };
    expect("unknown_principal", None).await;
    tenant.join("staff", "user:alice").await.expect(201);
    expect("no_assignment", None).await;

    let writer = tenant.role("Writer", &["document:write"], &[]).await;
    let ungranted = tenant.assign("alice", &writer, None).await;
    expect("action_not_granted", Some(&ungranted)).await;
    let elsewhere = tenant.assign("alice", &reader, Some(&offering)).await;
    expect("outside_hierarchy", Some(&elsewhere)).await;
    let scoped = tenant.role("Issuers", &[READ], &["issuer"]).await;
    let misfit = tenant.assign("alice", &scoped, Some(&issuer)).await;
    expect("out_of_scope_type", Some(&misfit)).await;
    let later = json!({"entity_id": issuer, "effective_at": world.in_seconds(10), "expires_at": world.in_seconds(20)});
    let later = tenant.assign_to("group:staff", &reader, later).await;
    let later = later.expect(201)["id"].as_str().unwrap();
    expect("not_yet_effective", Some(later)).await;
    assert_eq!(why().await["assignment"]["groups"], json!(["staff"]));
    world.pass_seconds(10);
    assert_eq!(why().await["outcome"], "allow");
    world.pass_seconds(10);
    expect("expired", Some(later)).await;

    // And back, as what came furthest is taken away.
    tenant.revoke(later).await;
    expect("out_of_scope_type", Some(&misfit)).await;
    for (gone, left) in [
        (&misfit, "outside_hierarchy"),
        (&elsewhere, "action_not_granted"),
        (&ungranted, "no_assignment"),
    ] {
        tenant.revoke(gone).await;
        assert_eq!(why().await["reason"], left);
    }
    tenant.leave("staff", "user:alice").await.expect(200);
    assert_eq!(why().await["reason"], "no_assignment", "it was known once");
}

#[tokio::test]
async fn an_explanation_is_given_only_when_asked_for() {
    let (_, tenant, [issuer, ..], reader) = world().await;
    tenant.assign("alice", &reader, None).await;
    let question = json!({"user_id": "alice", "action": READ, "resource_id": issuer});
    for explain in [json!(null), json!(false)] {
        let mut question = question.clone();
        question["explain"] = explain;
        let answer = tenant.post(AUTHORIZE, question).await;
        assert_eq!(answer.text, r#"{"authorized":true}"#);
    }
    // Unknown fields are ignored, and the type is `user` where none is named.
    let mut more = question;
    more["trace"] = json!({"deep": []});
    more["principal_type"] = json!(null);
    assert_eq!(tenant.post(AUTHORIZE, more).await.expect(200), &json!({"authorized": true}));
}

#[tokio::test]
async fn a_resource_that_does_not_exist_is_unknown_for_everyone() {
    let (world, tenant, [issuer, ..], _) = world().await;
    tenant.assign("root", "system:admin", None).await;
    let ask = |tenant: Tenant, resource: String| async move {
        let question =
            json!({"user_id": "root", "action": READ, "resource_id": resource, "explain": true});
        tenant.post(AUTHORIZE, question).await
    };
    ask(tenant.clone(), issuer.clone()).await.expect(200);
    let unknown = ask(tenant, "nowhere".to_owned()).await;
    unknown.expect_problem(404, "unknown_resource");
    assert!(unknown.text.contains("`nowhere`"), "{}", unknown.text);
    ask(world.tenant("other"), issuer).await.expect_problem(404, "unknown_resource");
}

#[tokio::test]
async fn every_fault_of_a_question_is_told_at_once() {
    let (_, tenant, [issuer, ..], _) = world().await;
    let refused = tenant
        .post(
            AUTHORIZE,
            json!({"principal_type": "", "action": "document:*", "resource_id": "a/b", "explain": "yes"}),
        )
        .await;
    refused.expect_problem(400, "invalid");
    assert_eq!(
        refused.pointers(),
        ["/user_id", "/principal_type", "/action", "/resource_id", "/explain"]
    );
    let good = json!({"user_id": "alice", "action": READ, "resource_id": issuer});
    for (field, bad) in [
        ("user_id", json!("*")),
        ("user_id", json!(7)),
        ("user_id", json!(null)),
        ("principal_type", json!("*")),
        ("action", json!("")),
        ("action", json!("document read")),
        ("action", json!("x".repeat(256))),
        ("resource_id", json!("")),
        ("resource_id", json!(["a"])),
        ("explain", json!(1)),
    ] {
        let mut question = good.clone();
        question[field] = bad.clone();
        let refused = tenant.post(AUTHORIZE, question).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), [format!("/{field}")], "{field}: {bad}");
    }
    tenant.post(AUTHORIZE, json!([good])).await.expect_problem(400, "malformed");
    let torn = tenant.send(http::Method::POST, AUTHORIZE, Some("{\"user_id\":".to_owned())).await;
    torn.expect_problem(400, "malformed");
    tenant.get(AUTHORIZE).await.expect_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_question_changes_nothing() {
    let (world, tenant, [issuer, ..], reader) = world().await;
    tenant.assign("alice", &reader, None).await;
    let before = world.items("CoreTable").await.len() + world.items("EventsTable").await.len();
    let asking = tenant.clone().with("idempotency-key", "k");
    for user in ["alice", "bob", "alice"] {
        let answer = asking
            .post(AUTHORIZE, json!({"user_id": user, "action": READ, "resource_id": issuer}))
            .await;
        assert_eq!(answer.expect(200)["authorized"], user == "alice");
    }
    let after = world.items("CoreTable").await.len() + world.items("EventsTable").await.len();
    assert_eq!(before, after);
}
