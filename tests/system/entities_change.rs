//! Entities: changing, archiving and restoring them, and what each change says.

use serde_json::{Value, json};
use tests::{Tenant, World};

use crate::outbox::{self, before_and_after};

const ENTITIES: &str = "/api/v1/entities";

/// A world with one issuer, and the issuer's path.
async fn acme() -> (World, Tenant, String) {
    let world = World::new();
    let tenant = world.default_tenant();
    let id = tenant.entity("Acme", "issuer", None).await;
    (world, tenant, format!("{ENTITIES}/{id}"))
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_leaves_the_rest() {
    let (world, tenant, path) = acme().await;
    let before = tenant.get(&path).await.body;
    world.pass_seconds(60);
    let reply = tenant.patch(&path, json!({"name": "Acme 2", "status": "inactive"})).await;
    let mut expected = before.clone();
    expected["name"] = json!("Acme 2");
    expected["status"] = json!("inactive");
    expected["version"] = json!(2);
    expected["updated_at"] = json!(world.now());
    assert_eq!(*reply.expect(200), expected);
    assert_eq!(reply.header("etag"), Some("\"2\""));
    assert_eq!(tenant.get(&path).await.expect(200), &expected);
}

#[tokio::test]
async fn a_patch_tells_what_was_and_what_is_and_who_did_it() {
    let (world, tenant, path) = acme().await;
    let tenant = tenant.with("x-request-id", "req-2").with("x-actor-id", "alice");
    tenant.patch(&path, json!({"name": "Acme 2", "attributes": {"a": 1}})).await.expect(200);

    let event = outbox::only(world.events("entity.updated").await);
    assert_eq!(
        before_and_after(&event),
        (
            json!({"name": "Acme", "attributes": {}}),
            json!({"name": "Acme 2", "attributes": {"a": 1}})
        )
    );
    assert_eq!(
        outbox::read(&event, "context"),
        json!({"actor_id": "local", "actor_type": "service", "on_behalf_of": "alice", "request_id": "req-2"})
    );
    let audit = outbox::only(world.audits("entity.update").await);
    // Which fields, never what they hold: the ledger cannot forget.
    assert_eq!(outbox::read(&audit, "details"), json!({"changes": ["attributes", "name"]}));
    assert_eq!(
        (
            &audit["actor_id"],
            &audit["on_behalf_of"],
            &audit["correlation_id"],
            &audit["entity_type"]
        ),
        (&json!("local"), &json!("alice"), &json!("req-2"), &json!("issuer"))
    );
    assert!(path.ends_with(audit["entity_id"].as_str().unwrap()));
}

#[tokio::test]
async fn every_fault_of_a_patch_is_told_at_once() {
    let (world, tenant, path) = acme().await;
    let rows = outbox::rows(&world).await;
    for (body, pointers) in [
        (json!({"type": "spv"}), vec!["/type"]),
        (json!({"id": "a", "version": 1, "colour": 1}), vec!["/colour", "/id", "/version"]),
        (
            json!({"name": null, "status": null, "attributes": null}),
            vec!["/name", "/status", "/attributes"],
        ),
        (
            json!({"x": 1, "name": "", "status": "gone", "parent_id": "a b", "attributes": 1}),
            vec!["/x", "/name", "/status", "/parent_id", "/attributes"],
        ),
        (json!({"attributes": {"a": "x".repeat(65_536)}}), vec!["/attributes"]),
        (json!({"parent_id": "nobody"}), vec!["/parent_id"]),
    ] {
        let reply = tenant.patch(&path, body).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), pointers);
    }
    for body in ["", "[]", "{"] {
        let reply = tenant.send(http::Method::PATCH, &path, Some(body.to_owned())).await;
        reply.expect_problem(400, "malformed");
    }
    let too_large = json!({"name": "x".repeat(api::BODY_BYTES_MAX)});
    tenant.patch(&path, too_large).await.expect_problem(413, "too_large");
    assert_eq!(tenant.get(&path).await.body["version"], 1);
    assert_eq!(outbox::rows(&world).await, rows);
}

#[tokio::test]
async fn a_rename_takes_the_new_name_and_frees_the_old() {
    let (_, tenant, path) = acme().await;
    tenant.patch(&path, json!({"name": "Beta"})).await.expect(200);
    tenant
        .post(ENTITIES, json!({"name": "Beta", "type": "issuer"}))
        .await
        .expect_problem(409, "name_taken");
    tenant.entity("Acme", "issuer", None).await;
    tenant.patch(&path, json!({"name": "Acme"})).await.expect_problem(409, "name_taken");
}

#[tokio::test]
async fn a_name_can_be_given_up_and_taken_back() {
    let (world, tenant, path) = acme().await;
    for name in ["Beta", "Acme", "Beta", "Acme"] {
        tenant.patch(&path, json!({"name": name})).await.expect(200);
    }
    tenant.entity("Beta", "issuer", None).await;
    world.check_consistency().await;
}

#[tokio::test]
async fn a_rename_to_a_taken_name_changes_nothing_at_all() {
    let (world, tenant, path) = acme().await;
    tenant.entity("Beta", "issuer", None).await;
    let (before, rows) = (tenant.get(&path).await.body, outbox::rows(&world).await);
    let reply = tenant.patch(&path, json!({"name": "Beta", "status": "inactive"})).await;
    let problem = reply.expect_problem(409, "name_taken");
    assert_eq!(problem["detail"], "entity `Beta` of type `issuer` already exists");
    assert_eq!(tenant.get(&path).await.body, before);
    assert_eq!(outbox::rows(&world).await, rows);
    // Its own name is still its own.
    tenant
        .post(ENTITIES, json!({"name": "Acme", "type": "issuer"}))
        .await
        .expect_problem(409, "name_taken");
}

#[tokio::test]
async fn attributes_are_replaced_as_a_whole() {
    let (_, tenant, path) = acme().await;
    for attributes in [json!({"a": 1, "b": {"c": [1, 2]}}), json!({"d": null}), json!({})] {
        let reply = tenant.patch(&path, json!({"attributes": attributes})).await;
        assert_eq!(reply.expect(200)["attributes"], attributes);
    }
}

#[tokio::test]
async fn a_patch_that_changes_nothing_has_no_version_no_time_and_no_event() {
    let (world, tenant, path) = acme().await;
    let (before, rows) = (tenant.get(&path).await.body, outbox::rows(&world).await);
    world.pass_seconds(60);
    for body in [
        json!({}),
        json!({"name": "Acme", "status": "active", "parent_id": null, "attributes": {}}),
    ] {
        let reply = tenant.patch(&path, body).await;
        assert_eq!(reply.expect(200), &before);
        assert_eq!(reply.header("etag"), Some("\"1\""));
    }
    assert_eq!(outbox::rows(&world).await, rows);
}

#[tokio::test]
async fn if_match_lets_only_the_version_it_names_be_changed() {
    let (world, tenant, path) = acme().await;
    let with = |tag: &str| tenant.clone().with("if-match", tag);
    with("\"1\"").patch(&path, json!({"name": "Beta"})).await.expect(200);
    with("*").patch(&path, json!({"name": "Gamma"})).await.expect(200);
    let rows = outbox::rows(&world).await;
    for stale in ["\"1\"", "\"2\"", "\"4\""] {
        let reply = with(stale).patch(&path, json!({"name": "Delta"})).await;
        let detail = reply.expect_problem(412, "stale")["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("version is 3"), "{detail}");
        // Neither is a change to what is so already made under a wrong assumption.
        with(stale).patch(&path, json!({"name": "Gamma"})).await.expect_problem(412, "stale");
        for action in ["archive", "restore"] {
            let reply = with(stale).post_empty(&format!("{path}/{action}")).await;
            reply.expect_problem(412, "stale");
        }
    }
    for malformed in ["3", "W/\"3\"", "\"2\", \"3\"", "\"three\"", ""] {
        let reply = with(malformed).patch(&path, json!({"name": "Delta"})).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), ["If-Match"]);
    }
    assert_eq!(tenant.get(&path).await.body["version"], 3);
    assert_eq!(outbox::rows(&world).await, rows);
    with("\"3\"").post_empty(&format!("{path}/archive")).await.expect(200);
}

#[tokio::test]
async fn a_patch_into_or_out_of_archived_is_announced_as_such_too() {
    let (world, tenant, path) = acme().await;
    for (status, told) in [
        ("inactive", vec!["entity.updated"]),
        ("archived", vec!["entity.archived", "entity.updated"]),
        ("inactive", vec!["entity.restored", "entity.updated"]),
        ("active", vec!["entity.updated"]),
    ] {
        let known: Vec<Value> = world.items("EventsTable").await;
        let reply = tenant.patch(&path, json!({"status": status})).await;
        assert_eq!(reply.expect(200)["status"], status);
        let now = world.items("EventsTable").await;
        let mut types: Vec<&str> = now
            .iter()
            .filter(|row| row["record"] == "event" && !known.contains(row))
            .map(|row| row["event_type"].as_str().unwrap())
            .collect();
        types.sort_unstable();
        assert_eq!(types, told, "{status}");
    }
    let archived = outbox::only(world.events("entity.archived").await);
    assert_eq!(
        before_and_after(&archived),
        (json!({"status": "inactive"}), json!({"status": "archived"}))
    );
    assert_eq!(world.audits("entity.update").await.len(), 4);
    assert_eq!(world.audits("entity.archive").await.len(), 0);
}

#[tokio::test]
async fn archiving_is_told_once_however_often_it_is_asked_for() {
    let (world, tenant, path) = acme().await;
    world.pass_seconds(60);
    let archived = tenant.post_empty(&format!("{path}/archive")).await;
    let entity = archived.expect(200);
    assert_eq!(
        (&entity["status"], &entity["version"], &entity["updated_at"]),
        (&json!("archived"), &json!(2), &json!(world.now()))
    );
    let event = outbox::only(world.events("entity.archived").await);
    assert_eq!(
        before_and_after(&event),
        (json!({"status": "active"}), json!({"status": "archived"}))
    );
    let payload = outbox::read(&event, "payload");
    assert_eq!((&payload["entity_id"], &payload["entity_type"]), (&entity["id"], &json!("issuer")));
    let audit = outbox::only(world.audits("entity.archive").await);
    assert_eq!(outbox::read(&audit, "details"), json!({}));
    assert_eq!((&audit["entity_id"], &audit["entity_type"]), (&entity["id"], &json!("issuer")));

    let rows = outbox::rows(&world).await;
    world.pass_seconds(60);
    let again = tenant.post_empty(&format!("{path}/archive")).await;
    assert_eq!((again.expect(200), again.header("etag")), (entity, Some("\"2\"")));
    assert_eq!(outbox::rows(&world).await, rows);
    assert_eq!(tenant.get(&path).await.expect(200), entity, "archived is not gone");
}

#[tokio::test]
async fn restoring_is_told_once_and_only_of_what_was_archived() {
    let (world, tenant, path) = acme().await;
    let restore = format!("{path}/restore");
    tenant.patch(&path, json!({"status": "inactive"})).await.expect(200);
    let rows = outbox::rows(&world).await;
    let reply = tenant.post_empty(&restore).await;
    assert_eq!(reply.expect(200)["status"], "inactive", "what is not archived is left as it is");
    assert_eq!(outbox::rows(&world).await, rows);

    tenant.post_empty(&format!("{path}/archive")).await.expect(200);
    let restored = tenant.post_empty(&restore).await;
    let entity = restored.expect(200);
    assert_eq!((&entity["status"], &entity["version"]), (&json!("active"), &json!(4)));
    let event = outbox::only(world.events("entity.restored").await);
    assert_eq!(
        before_and_after(&event),
        (json!({"status": "archived"}), json!({"status": "active"}))
    );
    let audit = outbox::only(world.audits("entity.restore").await);
    assert_eq!(outbox::read(&audit, "details"), json!({}));

    let rows = outbox::rows(&world).await;
    assert_eq!(tenant.post_empty(&restore).await.expect(200), entity);
    assert_eq!(outbox::rows(&world).await, rows);
}

#[tokio::test]
async fn an_archived_entity_can_still_be_changed() {
    let (_, tenant, path) = acme().await;
    tenant.post_empty(&format!("{path}/archive")).await.expect(200);
    let reply = tenant.patch(&path, json!({"name": "Beta", "attributes": {"a": 1}})).await;
    assert_eq!(
        (&reply.expect(200)["status"], &reply.body["name"]),
        (&json!("archived"), &json!("Beta"))
    );
    tenant.entity("Acme", "issuer", None).await;
}
