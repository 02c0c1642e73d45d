//! Entities: who may stand under whom, and how deep.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use domain::lineage::LINEAGE_DEPTH_MAX;
use serde_json::json;
use tests::{Reply, Tenant, World};

use crate::outbox::{self, before_and_after};

const ENTITIES: &str = "/api/v1/entities";

/// A line of new entities, each under the one before; the first under `parent`.
async fn line(tenant: &Tenant, name: &str, parent: Option<&str>, length: usize) -> Vec<String> {
    let mut line: Vec<String> = Vec::new();
    for level in 0..length {
        let above = line.last().map(String::as_str).or(parent);
        line.push(tenant.entity(&format!("{name} {level}"), "other", above).await);
    }
    line
}

async fn put_under(tenant: &Tenant, id: &str, parent: Option<&str>) -> Reply {
    tenant.patch(&format!("{ENTITIES}/{id}"), json!({ "parent_id": parent })).await
}

#[track_caller]
fn refused_for_its_parent(reply: &Reply, reason: &str) {
    reply.expect_problem(400, "invalid");
    assert_eq!(reply.pointers(), ["/parent_id"]);
    let detail = reply.body["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains(reason), "{detail}");
}

#[tokio::test]
async fn an_entity_moves_under_another_and_away_again() {
    let world = World::new();
    let tenant = world.default_tenant();
    let (one, other) =
        (tenant.entity("One", "issuer", None).await, tenant.entity("Other", "issuer", None).await);
    let spv = tenant.entity("SPV", "spv", Some(&one)).await;

    let moved = put_under(&tenant, &spv, Some(&other)).await;
    assert_eq!(
        (&moved.expect(200)["parent_id"], &moved.body["version"]),
        (&json!(other), &json!(2))
    );
    let event = outbox::only(world.events("entity.updated").await);
    assert_eq!(before_and_after(&event), (json!({"parent_id": one}), json!({"parent_id": other})));
    let audit = outbox::only(world.audits("entity.update").await);
    assert_eq!(outbox::read(&audit, "details"), json!({"changes": ["parent_id"]}));
    for (parent, children) in [(&one, vec![]), (&other, vec![spv.as_str()])] {
        let listed = tenant.get(&format!("{ENTITIES}?parent_id={parent}")).await;
        assert_eq!(listed.ids(), children);
    }

    let detached = put_under(&tenant, &spv, None).await;
    assert_eq!(detached.expect(200)["parent_id"], json!(null));
    assert!(tenant.get(&format!("{ENTITIES}?parent_id={other}")).await.ids().is_empty());
    let rows = outbox::rows(&world).await;
    assert_eq!(put_under(&tenant, &spv, None).await.expect(200)["version"], 3);
    assert_eq!(outbox::rows(&world).await, rows);
}

#[tokio::test]
async fn no_entity_stands_under_itself_or_under_what_is_below_it() {
    let world = World::new();
    let tenant = world.default_tenant();
    let line = line(&tenant, "level", None, 4).await;
    let rows = outbox::rows(&world).await;
    for below in &line {
        let reply = put_under(&tenant, &line[0], Some(below)).await;
        refused_for_its_parent(&reply, "itself or stands below it");
    }
    assert_eq!(outbox::rows(&world).await, rows);
    assert_eq!(tenant.get(&format!("{ENTITIES}/{}", line[0])).await.body["version"], 1);
}

#[tokio::test]
async fn a_cycle_is_seen_also_after_the_tree_changed_above() {
    let tenant = World::new().default_tenant();
    let (upper, lower) =
        (line(&tenant, "upper", None, 3).await, line(&tenant, "lower", None, 3).await);
    // What stands below `lower` was written before `lower` came under `upper`.
    put_under(&tenant, &lower[0], Some(&upper[2])).await.expect(200);
    refused_for_its_parent(
        &put_under(&tenant, &upper[0], Some(&lower[2])).await,
        "itself or stands below it",
    );
    put_under(&tenant, &lower[0], None).await.expect(200);
    put_under(&tenant, &upper[0], Some(&lower[2])).await.expect(200);
}

#[tokio::test]
async fn an_unknown_parent_is_refused_and_so_is_another_tenants() {
    let world = World::new();
    let (tenant, stranger) = (world.default_tenant(), world.tenant("stranger"));
    let id = tenant.entity("Acme", "issuer", None).await;
    let theirs = stranger.entity("Theirs", "issuer", None).await;
    for parent in ["nobody", &theirs] {
        let reason = format!("names no entity: there is no `{parent}`");
        refused_for_its_parent(&put_under(&tenant, &id, Some(parent)).await, &reason);
        let body = json!({"name": "SPV", "type": "spv", "parent_id": parent});
        refused_for_its_parent(&tenant.post(ENTITIES, body).await, &reason);
    }
    // A new entity is not there yet to stand under itself.
    let body = json!({"id": "spv", "name": "SPV", "type": "spv", "parent_id": "spv"});
    refused_for_its_parent(&tenant.post(ENTITIES, body).await, "names no entity");
}

#[tokio::test]
async fn a_line_of_sixteen_levels_is_the_deepest() {
    let tenant = World::new().default_tenant();
    let line = line(&tenant, "level", None, LINEAGE_DEPTH_MAX).await;
    assert_eq!(line.len(), 16);
    let too_deep = "the hierarchy would be 17 deep, at most 16 are allowed";
    let body = json!({"name": "SPV", "type": "spv", "parent_id": line[15]});
    refused_for_its_parent(&tenant.post(ENTITIES, body).await, too_deep);
    let alone = tenant.entity("alone", "other", None).await;
    refused_for_its_parent(&put_under(&tenant, &alone, Some(&line[15])).await, too_deep);
    put_under(&tenant, &alone, Some(&line[14])).await.expect(200);
}

#[tokio::test]
async fn a_subtree_moves_down_only_as_far_as_its_deepest_leaf_allows() {
    let world = World::new();
    let tenant = world.default_tenant();
    let line_of_14 = line(&tenant, "long", None, 14).await;
    let subtree = line(&tenant, "short", None, 3).await;
    let rows = outbox::rows(&world).await;
    let reply = put_under(&tenant, &subtree[0], Some(&line_of_14[13])).await;
    refused_for_its_parent(&reply, "deeper than 16 levels");
    assert_eq!(outbox::rows(&world).await, rows);
    put_under(&tenant, &subtree[0], Some(&line_of_14[12])).await.expect(200);
    let body = json!({"name": "Leaf", "type": "other", "parent_id": subtree[2]});
    refused_for_its_parent(&tenant.post(ENTITIES, body).await, "17 deep");
}

#[tokio::test]
async fn what_is_archived_below_counts_as_deep_as_what_is_not() {
    let tenant = World::new().default_tenant();
    let line_of_15 = line(&tenant, "long", None, 15).await;
    let subtree = line(&tenant, "short", None, 2).await;
    tenant.post_empty(&format!("{ENTITIES}/{}/archive", subtree[1])).await.expect(200);
    let reply = put_under(&tenant, &subtree[0], Some(&line_of_15[14])).await;
    refused_for_its_parent(&reply, "deeper than 16 levels");
}

#[tokio::test]
async fn a_subtree_moves_up_and_sideways_however_high_it_is() {
    let tenant = World::new().default_tenant();
    let line = line(&tenant, "level", None, LINEAGE_DEPTH_MAX).await;
    let sibling = tenant.entity("sibling", "other", Some(&line[3])).await;
    put_under(&tenant, &line[5], Some(&sibling)).await.expect(200);
    put_under(&tenant, &line[5], Some(&line[0])).await.expect(200);
    put_under(&tenant, &line[5], None).await.expect(200);
    // Eleven levels hang below; there is room for five above.
    put_under(&tenant, &line[5], Some(&line[4])).await.expect(200);
    let reply = put_under(&tenant, &line[5], Some(&sibling)).await;
    reply.expect(200);
}

#[tokio::test]
async fn a_permission_follows_the_tree_as_it_is_now() {
    let world = World::new();
    let tenant = world.default_tenant();
    let line = line(&tenant, "level", None, 4).await;
    let (here, there) =
        (tenant.entity("here", "other", None).await, tenant.entity("there", "other", None).await);
    let role = tenant.role("reader", &["document:read"], &[]).await;
    tenant.assign("alice", &role, Some(&here)).await;
    let leaf = line[3].as_str();
    assert!(!tenant.may("alice", "document:read", leaf).await);
    // Only the top of the line is written; what is below it reads its new ancestors all the same.
    put_under(&tenant, &line[0], Some(&here)).await.expect(200);
    assert!(tenant.may("alice", "document:read", leaf).await);
    put_under(&tenant, &line[0], Some(&there)).await.expect(200);
    assert!(!tenant.may("alice", "document:read", leaf).await);
    world.check_consistency().await;
}
