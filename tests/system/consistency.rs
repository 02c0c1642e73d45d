//! The check of what must hold across items is worth something only if it misses nothing.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tests::World;

type Item = std::collections::HashMap<String, AttributeValue>;

/// A world with an item of every kind in it.
async fn world() -> World {
    let world = World::new();
    let tenant = world.default_tenant().with("idempotency-key", "k");
    let acme = tenant.entity("Acme", "issuer", None).await;
    let spv = world.default_tenant().entity("SPV", "spv", Some(&acme)).await;
    let tenant = world.default_tenant();
    tenant.post_empty(&format!("/api/v1/entities/{spv}/archive")).await.expect(200);
    let reader = tenant.role("Reader", &["document:read"], &[]).await;
    tenant.assign("alice", &reader, Some(&spv)).await;
    tenant.assign("alice", &reader, None).await;
    tenant.join("staff", "user:alice").await.expect(201);
    tenant.join("all", "group:staff").await.expect(201);
    tenant.put("/api/v1/principals/user/alice", json!({"properties": {}})).await.expect(201);
    tenant.pages("/api/v1/entities", 1).await;
    tenant.move_under(&spv, None).await.expect(200);
    tenant.move_under(&spv, Some(&acme)).await.expect(200);
    world
}

async fn stored(world: &World, table: &str) -> Vec<Item> {
    let scan = world.system.embedded.client().scan().table_name(table).send().await.unwrap();
    scan.items().to_vec()
}

async fn put(world: &World, table: &str, item: Item) {
    let put = world.system.embedded.client().put_item().table_name(table).set_item(Some(item));
    put.send().await.unwrap();
}

async fn delete(world: &World, table: &str, item: &Item) {
    let key = item.iter().filter(|(name, _)| ["pk", "sk"].contains(&name.as_str()));
    let key = key.map(|(name, value)| (name.clone(), value.clone())).collect();
    let delete = world.system.embedded.client().delete_item().table_name(table);
    delete.set_key(Some(key)).send().await.unwrap();
}

fn named(item: &Item) -> String {
    format!("{} {}", item["pk"].as_s().unwrap(), item["sk"].as_s().unwrap())
}

/// Whether nothing else knows of an item: a receipt, a secret, a graph's version, the
/// epochs that a tenant shares.
fn is_alone(item: &Item) -> bool {
    let name = named(item);
    ["/receipt/", "/secret ", "/graph/", "/epochs "].iter().any(|part| name.contains(part))
}

#[tokio::test]
async fn no_item_can_go_without_being_missed() {
    let world = world().await;
    world.check_consistency().await;
    for table in ["CoreTable", "EventsTable"] {
        for item in stored(&world, table).await {
            delete(&world, table, &item).await;
            let missed = !world.inconsistencies().await.is_empty();
            assert_eq!(missed, !is_alone(&item), "{}", named(&item));
            put(&world, table, item).await;
        }
    }
    world.check_consistency().await;
}

#[tokio::test]
async fn nothing_that_items_share_can_differ_without_being_noticed() {
    let world = world().await;
    let of_core = ["id", "_id", "_pk", "_sk", "name", "type", "holder", "version", "epoch", "held"];
    let of_events = ["event_id", "tenant_id", "correlation_id", "record", "source"];
    for (table, shared) in [("CoreTable", of_core.as_slice()), ("EventsTable", &of_events)] {
        for item in stored(&world, table).await.into_iter().filter(|item| !is_alone(item)) {
            let is_shared = |name: &&String| shared.iter().any(|part| name.ends_with(part));
            let fields = item.keys().filter(is_shared).cloned();
            for field in fields.collect::<Vec<_>>() {
                let mut other = item.clone();
                match &item[&field] {
                    AttributeValue::S(was) => {
                        other.insert(field.clone(), AttributeValue::S(format!("{was}x")));
                    }
                    AttributeValue::N(_) => {
                        other.insert(field.clone(), AttributeValue::N("77".to_owned()));
                    }
                    _ => continue,
                }
                put(&world, table, other).await;
                let found = world.inconsistencies().await;
                assert!(!found.is_empty(), "{}: {field}", named(&item));
                put(&world, table, item.clone()).await;
            }
        }
    }
    world.check_consistency().await;
}

#[tokio::test]
async fn a_cycle_is_seen() {
    let world = World::new();
    let tenant = world.default_tenant();
    let top = tenant.entity("Top", "other", None).await;
    let leaf = tenant.entity("Leaf", "other", Some(&top)).await;
    let items = stored(&world, "CoreTable").await;
    let mut above = items
        .into_iter()
        .find(|item| item.get("id").is_some_and(|id| id.as_s().is_ok_and(|id| *id == top)))
        .unwrap();
    above.insert("parent_id".to_owned(), AttributeValue::S(leaf));
    put(&world, "CoreTable", above).await;
    let found = world.inconsistencies().await.join("\n");
    assert!(found.contains("it stands above itself"), "{found}");
}
