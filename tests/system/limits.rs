//! What is too wide or too long for one read of the database.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tests::World;

#[tokio::test]
async fn a_subtree_too_wide_to_be_looked_through_is_not_moved_deeper() {
    let world = World::new();
    let tenant = world.default_tenant();
    let wide = tenant.entity("Wide", "other", None).await;
    // The oldest child is the last one that a list of them comes to, and has children of its own.
    let mut deepest = wide.clone();
    for level in 0..14 {
        deepest = tenant.entity(&format!("Level {level}"), "other", Some(&deepest)).await;
    }
    let top = tenant.entity("Top", "other", None).await;
    let over = tenant.entity("Over", "other", Some(&top)).await;
    let body = json!({
        "name": "Child",
        "type": "other",
        "parent_id": wide,
        "attributes": {"a": "x".repeat(65_000)},
    });
    let child = tenant.post("/api/v1/entities", body).await;
    let child = child.expect(201)["id"].as_str().unwrap();
    let key = (format!("7:default/entity/{}:{child}", child.len()), "entity".to_owned());
    copies(&world, key, 170, |copy| {
        let id = format!("copy-{copy}");
        let by_time = format!("2026-12-01T00:00:00.{copy:06}Z/{id}");
        let pk = format!("7:default/entity/{}:{id}", id.len());
        vec![("pk", pk), ("id", id), ("kind_sk", by_time.clone()), ("relation_sk", by_time)]
    })
    .await;
    let refused = tenant.move_under(&wide, Some(&over)).await;
    refused.expect_problem(400, "invalid");
    assert_eq!(refused.pointers(), ["/parent_id"]);
}

#[tokio::test]
async fn an_assignment_counts_however_many_others_its_principal_holds() {
    let world = World::new();
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let long = "a".repeat(120);
    for (role, action) in [(long.as_str(), "document:list"), ("z", "document:read")] {
        let body = json!({"id": role, "name": format!("Role {role:.9}"), "permissions": [action]});
        tenant.post("/api/v1/roles", body).await.expect(201);
        tenant.assign("alice", role, Some(&acme)).await;
    }
    // More than the megabyte that one answer of the database holds, between the two assignments.
    let key = (
        "7:default/principal/4:user/5:alice".to_owned(),
        format!("assignment/{}:{long}/{}:{acme}", long.len(), acme.len()),
    );
    copies(&world, key, 1_300, |copy| {
        let entity = format!("{copy:0>120}");
        let sort_key = format!("assignment/{}:{long}/{}:{entity}", long.len(), entity.len());
        vec![("sk", sort_key), ("entity_id", entity), ("id", format!("{copy:b>120}"))]
    })
    .await;
    let asked = tenant
        .post(
            "/api/v1/authorize",
            json!({"user_id": "alice", "action": "document:read", "resource_id": acme}),
        )
        .await;
    assert_eq!(asked.expect(200)["authorized"], true);
    assert!(asked.usage.read_units > 256.0, "only {} units", asked.usage.read_units);
    let listed = tenant.list("/api/v1/assignments?principal_id=alice").await;
    assert_eq!(listed.len(), 1_302);
}

/// Copies an item under other keys, straight into the table: to ask for each would take seconds.
async fn copies(
    world: &World,
    (pk, sk): (String, String),
    count: u32,
    changed: impl Fn(u32) -> Vec<(&'static str, String)>,
) {
    let client = world.system.embedded.client();
    let text = |(name, value): (&str, String)| (name.to_owned(), AttributeValue::S(value));
    let key = HashMap::from([text(("pk", pk)), text(("sk", sk))]);
    let found = client.get_item().table_name("CoreTable").set_key(Some(key)).send().await;
    let item = found.unwrap().item.unwrap();
    for copy in 0..count {
        let mut other = item.clone();
        other.extend(changed(copy).into_iter().map(text));
        client.put_item().table_name("CoreTable").set_item(Some(other)).send().await.unwrap();
    }
}
