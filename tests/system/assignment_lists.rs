//! Lists of assignments: each filter, each combination, and every page of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Tenant, World};

const LIST: &str = "/api/v1/assignments";

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|item| item["id"].as_str()).collect()
}

/// Assigns, under an id of the test's choice.
async fn assign(tenant: &Tenant, id: &str, principal: &str, role: &str, entity: Option<&str>) {
    tenant.assign_to(principal, role, json!({"id": id, "entity_id": entity})).await.expect(201);
}

/// A tenant whose assignments differ in one thing each.
async fn tenant() -> Tenant {
    let tenant = World::new().default_tenant();
    for entity in ["acme", "beta"] {
        let body = json!({"id": entity, "name": entity, "type": "issuer"});
        tenant.post("/api/v1/entities", body).await.expect(201);
    }
    for role in ["reader", "writer"] {
        tenant.post("/api/v1/roles", json!({"id": role, "name": role})).await.expect(201);
    }
    assign(&tenant, "a1", "user:alice", "reader", Some("acme")).await;
    assign(&tenant, "a2", "user:alice", "writer", Some("acme")).await;
    assign(&tenant, "a3", "user:alice", "reader", Some("beta")).await;
    assign(&tenant, "a4", "user:alice", "reader", None).await;
    assign(&tenant, "s1", "service:alice", "reader", Some("acme")).await;
    assign(&tenant, "e1", "user:*", "reader", Some("acme")).await;
    tenant
}

#[tokio::test]
async fn each_filter_narrows_the_list_and_all_of_them_do_together() {
    let tenant = tenant().await;
    for (query, expected) in [
        ("", "a1 a2 a3 a4 e1 s1"),
        ("principal_id=alice", "a1 a2 a3 a4"),
        ("principal_id=alice&principal_type=user", "a1 a2 a3 a4"),
        ("principal_id=alice&principal_type=service", "s1"),
        ("principal_id=alice&principal_type=group", ""),
        ("principal_id=*", "e1"),
        ("principal_id=%2A&principal_type=service", ""),
        ("principal_id=bob", ""),
        ("entity_id=acme", "a1 a2 e1 s1"),
        ("entity_id=beta", "a3"),
        ("entity_id=nowhere", ""),
        ("role_id=reader", "a1 a3 a4 e1 s1"),
        ("role_id=writer", "a2"),
        ("role_id=none", ""),
        ("entity_id=acme&role_id=reader", "a1 e1 s1"),
        ("principal_id=alice&role_id=reader", "a1 a3 a4"),
        ("principal_id=alice&entity_id=acme", "a1 a2"),
        ("principal_id=alice&entity_id=acme&role_id=writer", "a2"),
        ("principal_id=alice&principal_type=service&entity_id=acme&role_id=writer", ""),
    ] {
        for limit in [1, 2, 50] {
            let found = tenant.pages(&format!("{LIST}?{query}"), limit).await.concat();
            let mut found = ids(&found);
            found.sort_unstable();
            assert_eq!(found.join(" "), expected, "{query}, by {limit}");
        }
    }
}

#[tokio::test]
async fn a_list_shows_assignments_as_they_were_made_and_none_that_were_revoked() {
    let tenant = tenant().await;
    let whole = tenant.get("/api/v1/assignments/a1").await;
    tenant.revoke("a2").await;
    for query in ["", "?entity_id=acme", "?principal_id=alice", "?role_id=writer"] {
        let found = tenant.list(&format!("{LIST}{query}")).await;
        assert!(!ids(&found).contains(&"a2"), "{query}");
        assert!(query == "?role_id=writer" || found.contains(whole.expect(200)), "{query}");
    }
}

#[tokio::test]
async fn a_list_over_all_or_of_an_entity_is_newest_first() {
    let world = World::new();
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let reader = tenant.role("Reader", &[], &[]).await;
    let mut made = Vec::new();
    for user in 0..12 {
        made.push(tenant.assign(&format!("u{user}"), &reader, Some(&acme)).await);
        world.pass_seconds(1);
    }
    made.reverse();
    for query in [String::new(), format!("?entity_id={acme}"), format!("?role_id={reader}")] {
        for limit in [1, 5, 12, 13] {
            let found = tenant.pages(&format!("{LIST}{query}"), limit).await.concat();
            assert_eq!(ids(&found), made, "{query}, by {limit}");
        }
    }
}

#[tokio::test]
async fn a_list_longer_than_any_page_has_each_assignment_exactly_once() {
    let world = World::new();
    let tenant = world.default_tenant();
    let (mut entities, mut roles) = (Vec::new(), Vec::new());
    for index in 0..15 {
        entities.push(tenant.entity(&format!("E{index}"), "other", None).await);
        roles.push(tenant.role(&format!("Role {index}"), &[], &[]).await);
    }
    let mut made = BTreeSet::new();
    for (index, entity) in entities.iter().enumerate() {
        for role in &roles {
            made.insert(tenant.assign("alice", role, Some(entity)).await);
        }
        // Assignments of one moment share the first part of their place; those of others do not.
        world.pass_seconds(i64::from(index % 3 == 0));
    }
    assert!(made.len() > 200);
    for (query, expected) in [
        ("".to_owned(), 225),
        ("?principal_id=alice".to_owned(), 225),
        (format!("?entity_id={}", entities[3]), 15),
        (format!("?role_id={}", roles[4]), 15),
        (format!("?principal_id=alice&role_id={}", roles[4]), 15),
    ] {
        for limit in [7, 50, 200] {
            let pages = tenant.pages(&format!("{LIST}{query}"), limit).await;
            let found = pages.concat();
            let found = ids(&found);
            let once: BTreeSet<String> = found.iter().map(|id| (*id).to_owned()).collect();
            assert_eq!((found.len(), once.len()), (expected, expected), "{query}, by {limit}");
            assert!(once.is_subset(&made), "{query}, by {limit}");
        }
    }
    let pages = tenant.pages(LIST, 200).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [200, 25]);
}

#[tokio::test]
async fn every_fault_of_a_query_is_told_at_once() {
    let tenant = World::new().default_tenant();
    let alone = tenant.get(&format!("{LIST}?principal_type=user")).await;
    alone.expect_problem(400, "invalid");
    assert_eq!(alone.pointers(), ["principal_id"]);

    let refused = tenant
        .get(&format!(
            "{LIST}?principal_id=a%2Fb&principal_type=&entity_id=*&role_id=x&role_id=y&limit=201&user=alice"
        ))
        .await;
    refused.expect_problem(400, "invalid");
    assert_eq!(
        refused.pointers(),
        ["principal_id", "principal_type", "entity_id", "role_id", "limit", "user"]
    );
    for limit in ["0", "-1", "1.5", "", "many"] {
        let refused = tenant.get(&format!("{LIST}?limit={limit}")).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["limit"], "{limit}");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_the_list_it_came_from_and_no_other() {
    let tenant = tenant().await;
    let page = tenant.get(&format!("{LIST}?principal_id=alice&limit=1")).await;
    let cursor = page.expect(200)["next_cursor"].as_str().unwrap();
    let next = format!("{LIST}?limit=2&cursor={cursor}&principal_id=alice");
    assert_eq!(tenant.get(&next).await.expect(200)["items"].as_array().unwrap().len(), 2);
    for other in [
        format!("{LIST}?cursor={cursor}"),
        format!("{LIST}?principal_id=alice&principal_type=user&cursor={cursor}"),
        format!("{LIST}?principal_id=bob&cursor={cursor}"),
        format!("/api/v1/groups/staff/members?cursor={cursor}"),
        format!("{LIST}?principal_id=alice&cursor={cursor}x"),
        format!("{LIST}?principal_id=alice&cursor="),
    ] {
        let refused = tenant.get(&other).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["cursor"], "{other}");
    }
}
