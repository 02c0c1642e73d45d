//! Entities: their lists, with every filter, in order, page by page, each exactly once.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::HashSet;

use serde_json::{Value, json};
use tests::{Reply, Tenant, World};

const ENTITIES: &str = "/api/v1/entities";

/// Every page of a list.
async fn pages(tenant: &Tenant, query: &str) -> Vec<Reply> {
    let mut pages = vec![tenant.get(&format!("{ENTITIES}?{query}")).await];
    while let Some(cursor) = pages.last().and_then(cursor) {
        pages.push(tenant.get(&format!("{ENTITIES}?{query}&cursor={cursor}")).await);
        assert!(pages.len() < 1_000, "the list does not end");
    }
    pages
}

fn cursor(page: &Reply) -> Option<String> {
    page.expect(200)["next_cursor"].as_str().map(str::to_owned)
}

/// The names of all entities of a list, in its order.
async fn names(tenant: &Tenant, query: &str) -> Vec<String> {
    let pages = pages(tenant, query).await;
    let items = pages.iter().flat_map(|page| page.body["items"].as_array().unwrap());
    items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// A small tenant: two issuers, the first with an SPV and an archived agent, the second inactive.
async fn small(world: &World) -> (Tenant, String) {
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    world.pass_seconds(1);
    tenant.entity("Acme SPV", "spv", Some(&acme)).await;
    world.pass_seconds(1);
    let agent = tenant.entity("Acme agent", "agent", Some(&acme)).await;
    tenant.post_empty(&format!("{ENTITIES}/{agent}/archive")).await.expect(200);
    world.pass_seconds(1);
    let beta = tenant.entity("Beta", "issuer", None).await;
    tenant.patch(&format!("{ENTITIES}/{beta}"), json!({"status": "inactive"})).await.expect(200);
    (tenant, acme)
}

#[tokio::test]
async fn a_list_holds_what_its_filters_say_newest_first() {
    let world = World::new();
    let (tenant, acme) = small(&world).await;
    for (query, expected) in [
        (String::new(), vec!["Beta", "Acme SPV", "Acme"]),
        ("type=issuer".to_owned(), vec!["Beta", "Acme"]),
        ("type=issuer&type=spv".to_owned(), vec!["Beta", "Acme SPV", "Acme"]),
        ("type=spv&type=spv".to_owned(), vec!["Acme SPV"]),
        ("type=investor".to_owned(), vec![]),
        (format!("parent_id={acme}"), vec!["Acme SPV"]),
        (format!("parent_id={acme}&type=agent"), vec![]),
        (format!("parent_id={acme}&type=agent&status=archived"), vec!["Acme agent"]),
        ("parent_id=nobody".to_owned(), vec![]),
        ("status=archived".to_owned(), vec!["Acme agent"]),
        ("status=inactive".to_owned(), vec!["Beta"]),
        ("status=active&type=issuer".to_owned(), vec!["Acme"]),
    ] {
        assert_eq!(names(&tenant, &query).await, expected, "{query}");
        // However small the pages are.
        assert_eq!(names(&tenant, &format!("{query}&limit=1")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn an_item_of_a_list_is_the_entity_as_it_is_read() {
    let world = World::new();
    let (tenant, acme) = small(&world).await;
    let listed = tenant.get(&format!("{ENTITIES}?type=issuer&status=active")).await;
    let read = tenant.get(&format!("{ENTITIES}/{acme}")).await;
    assert_eq!(*listed.expect(200), json!({"items": [read.body], "next_cursor": null}));
}

#[tokio::test]
async fn a_list_follows_a_restoring_and_a_renaming() {
    let world = World::new();
    let (tenant, acme) = small(&world).await;
    let path = format!("{ENTITIES}/{acme}");
    tenant.post_empty(&format!("{path}/archive")).await.expect(200);
    assert_eq!(names(&tenant, "type=issuer").await, ["Beta"]);
    tenant.post_empty(&format!("{path}/restore")).await.expect(200);
    tenant.patch(&path, json!({"name": "Acme 2"})).await.expect(200);
    // In its old place: a list is in order of creation.
    assert_eq!(names(&tenant, "type=issuer").await, ["Beta", "Acme 2"]);
}

#[tokio::test]
async fn pages_hold_each_of_two_hundred_entities_once_and_in_order() {
    let world = World::new();
    let tenant = world.default_tenant();
    let parent = tenant.entity("parent", "issuer", None).await;
    let kinds = ["spv", "offering", "investor", "agent"];
    let mut ids = Vec::new();
    for number in 0..200 {
        // Runs of equal times, so that the order within one moment is put to the test too.
        world.pass_seconds(i64::from(number % 3 == 0));
        let above = (number % 2 == 0).then_some(parent.as_str());
        ids.push(tenant.entity(&format!("n{number}"), kinds[number % 4], above).await);
    }
    ids.reverse();
    let of_kinds = |wanted: &[usize]| -> Vec<&str> {
        let numbered = ids.iter().zip((0..200).rev());
        numbered.filter(|(_, n)| wanted.contains(&(n % 4))).map(|(id, _)| id.as_str()).collect()
    };
    let types = "type=spv&type=offering&type=investor&type=agent";
    for (query, expected) in [
        (format!("{types}&limit=7"), of_kinds(&[0, 1, 2, 3])),
        (format!("{types}&limit=200"), of_kinds(&[0, 1, 2, 3])),
        ("type=spv&type=agent&limit=21".to_owned(), of_kinds(&[0, 3])),
        ("type=offering&limit=21".to_owned(), of_kinds(&[1])),
        (format!("parent_id={parent}&limit=21"), of_kinds(&[0, 2])),
        (format!("parent_id={parent}&type=investor&limit=21"), of_kinds(&[2])),
    ] {
        let pages = pages(&tenant, &query).await;
        let listed: Vec<&str> = pages.iter().flat_map(Reply::ids).collect();
        assert_eq!(listed, expected, "{query}");
        let limit: usize = query.rsplit('=').next().unwrap().parse().unwrap();
        let (last, full) = pages.split_last().unwrap();
        assert!(full.iter().all(|page| page.ids().len() == limit), "{query}");
        assert!(!last.ids().is_empty(), "{query}: no page is there for nothing");
    }
}

#[tokio::test]
async fn what_is_created_between_two_pages_does_not_move_the_rest() {
    let world = World::new();
    let tenant = world.default_tenant();
    for number in 0..5 {
        world.pass_seconds(1);
        tenant.entity(&format!("old {number}"), "spv", None).await;
    }
    let first = tenant.get(&format!("{ENTITIES}?type=spv&limit=2")).await;
    world.pass_seconds(1);
    tenant.entity("new", "spv", None).await;
    let next = format!("{ENTITIES}?type=spv&limit=3&cursor={}", cursor(&first).unwrap());
    let second = tenant.get(&next).await;
    let ids: HashSet<&str> = first.ids().into_iter().chain(second.ids()).collect();
    assert_eq!((first.ids().len(), second.ids().len(), ids.len()), (2, 3, 5));
    assert_eq!(second.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_page_holds_fifty_items_unless_asked_and_never_more_than_two_hundred() {
    let tenant = World::new().default_tenant();
    for number in 0..51 {
        tenant.entity(&format!("n{number}"), "spv", None).await;
    }
    assert_eq!(tenant.get(ENTITIES).await.ids().len(), 50);
    assert_eq!(tenant.get(&format!("{ENTITIES}?limit=1")).await.ids().len(), 1);
    assert_eq!(tenant.get(&format!("{ENTITIES}?limit=200")).await.ids().len(), 51);
    for limit in ["0", "201", "-1", "1.5", "ten", "", "99999999999999999999"] {
        let reply = tenant.get(&format!("{ENTITIES}?limit={limit}")).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), ["limit"], "{limit}");
    }
}

#[tokio::test]
async fn a_page_of_large_entities_ends_before_lambda_would_cut_it_off() {
    let tenant = World::new().default_tenant();
    let count = 36;
    for number in 0..count {
        let attributes = json!({"a": "\"".repeat(32_000)});
        let body = json!({"name": format!("n{number}"), "type": "spv", "attributes": attributes});
        tenant.post(ENTITIES, body).await.expect(201);
    }
    let pages = pages(&tenant, "type=spv&limit=200").await;
    let ids: HashSet<&str> = pages.iter().flat_map(Reply::ids).collect();
    assert_eq!((ids.len(), pages.iter().map(|page| page.ids().len()).sum()), (count, count));
    for page in &pages {
        // As Lambda sends it: a text within JSON.
        let sent = json!({"statusCode": 200, "body": page.text}).to_string();
        assert!(sent.len() < 6_000_000, "{} bytes", sent.len());
    }
    assert!(pages.len() > 1);
}

#[tokio::test]
async fn every_fault_of_a_list_is_told_at_once() {
    let tenant = World::new().default_tenant();
    let query = "type=company&parent_id=a%20b&status=gone&limit=0&colour=green&name=Acme";
    let reply = tenant.get(&format!("{ENTITIES}?{query}")).await;
    reply.expect_problem(400, "invalid");
    assert_eq!(reply.pointers(), ["type", "parent_id", "status", "limit", "colour", "name"]);
    for name in ["parent_id", "status", "limit", "cursor"] {
        let value = if name == "limit" { "1" } else { "active" };
        let reply = tenant.get(&format!("{ENTITIES}?{name}={value}&{name}={value}")).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), [name]);
    }
}

#[tokio::test]
async fn a_cursor_serves_only_the_list_that_it_was_given_for() {
    let world = World::new();
    let (tenant, acme) = small(&world).await;
    let first = tenant.get(&format!("{ENTITIES}?type=issuer&type=spv&limit=1")).await;
    let cursor = cursor(&first).unwrap();
    // The order of the filters and the limit are no part of what a list is.
    let same = format!("{ENTITIES}?cursor={cursor}&type=spv&limit=200&type=issuer");
    assert_eq!(tenant.get(&same).await.ids().len(), 2);
    for path in [
        format!("{ENTITIES}?cursor={cursor}"),
        format!("{ENTITIES}?type=issuer&cursor={cursor}"),
        format!("{ENTITIES}?type=issuer&type=spv&status=active&cursor={cursor}"),
        format!("{ENTITIES}?type=issuer&type=spv&parent_id={acme}&cursor={cursor}"),
        format!("/api/v1/roles?cursor={cursor}"),
        format!("/api/v1/assignments?cursor={cursor}"),
    ] {
        let reply = tenant.get(&path).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), ["cursor"], "{path}");
    }
    let elsewhere = world.tenant("stranger").get(&same).await;
    elsewhere.expect_problem(400, "invalid");
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_is_refused() {
    let world = World::new();
    let (tenant, _) = small(&world).await;
    let cursor = cursor(&tenant.get(&format!("{ENTITIES}?limit=1")).await).unwrap();
    let with_another_letter = |place: usize| -> String {
        let other = |letter| if letter == 'A' { 'B' } else { 'A' };
        let letters = cursor.chars().enumerate();
        letters.map(|(at, letter)| if at == place { other(letter) } else { letter }).collect()
    };
    let mut tampered: Vec<String> = (0..cursor.len()).map(with_another_letter).collect();
    tampered.extend(["", "A", "!", "null", "%00"].map(str::to_owned));
    let seal_alone = cursor.chars().take(22).collect();
    tampered.extend([format!("{cursor}A"), format!("{cursor}="), seal_alone]);
    for cursor in tampered {
        let reply = tenant.get(&format!("{ENTITIES}?limit=1&cursor={cursor}")).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), ["cursor"], "{cursor}");
    }
}
