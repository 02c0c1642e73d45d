//! The searches: complete, each thing once, in pages whose work is bounded.

use serde_json::{Value, json};
use tests::{Tenant, World};

const READ: &str = "document:read";

fn resources(user: &str, kind: &str) -> Value {
    json!({"user_id": user, "action": READ, "type": kind})
}

fn principals(resource: &str) -> Value {
    json!({"action": READ, "resource_id": resource})
}

async fn reader(tenant: &Tenant) -> String {
    tenant.role("Reader", &[READ], &[]).await
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_tree_is_found_whole_and_once_by_pages_of_any_length() {
    let tenant = World::new().default_tenant();
    let reader = reader(&tenant).await;
    let mut offerings = Vec::new();
    let issuer = tenant.entity("Issuer", "issuer", None).await;
    let mut spvs = Vec::new();
    for spv in 0..4 {
        let spv = tenant.entity(&format!("SPV {spv}"), "spv", Some(&issuer)).await;
        for number in 0..14 {
            offerings.push(tenant.entity(&format!("{spv} {number}"), "offering", Some(&spv)).await);
        }
        spvs.push(spv);
    }
    // An offering below an offering, an archived one, and one that stands elsewhere.
    offerings.push(tenant.entity("Below", "offering", Some(&offerings[3].clone())).await);
    tenant.post_empty(&format!("/api/v1/entities/{}/archive", offerings[5])).await.expect(200);
    let elsewhere = tenant.entity("Elsewhere", "offering", None).await;
    tenant.assign("alice", &reader, Some(&issuer)).await;
    // A second assignment within the first one's tree, and one on a single entity.
    tenant.assign("alice", &reader, Some(&spvs[1])).await;
    tenant.assign("alice", &reader, Some(&elsewhere)).await;
    offerings.push(elsewhere);
    let expected = sorted(offerings);
    for limit in [1, 7, 50, 200] {
        let found = tenant.search("resources", &resources("alice", "offering"), limit).await;
        assert_eq!(found, expected, "by {limit}");
    }
    assert_eq!(tenant.search("resources", &resources("alice", "spv"), 3).await, sorted(spvs));
    assert_eq!(tenant.search("resources", &resources("bob", "spv"), 3).await, [""; 0]);
}

#[tokio::test]
async fn whoever_may_everywhere_finds_every_entity_of_the_type() {
    let tenant = World::new().default_tenant();
    let reader = reader(&tenant).await;
    let mut all = Vec::new();
    for number in 0..73 {
        all.push(tenant.entity(&format!("Agent {number}"), "agent", None).await);
    }
    tenant.post_empty(&format!("/api/v1/entities/{}/archive", all[20])).await.expect(200);
    tenant.entity("Other", "other", None).await;
    tenant.assign("alice", &reader, None).await;
    let expected = sorted(all);
    for limit in [2, 50, 200] {
        let found = tenant.search("resources", &resources("alice", "agent"), limit).await;
        assert_eq!(found, expected, "by {limit}");
    }
}

#[tokio::test]
async fn a_principal_that_holds_in_many_ways_is_found_once() {
    let tenant = World::new().default_tenant();
    let reader = reader(&tenant).await;
    let lister = tenant.role("Lister", &[READ, "document:list"], &[]).await;
    let writer = tenant.role("Writer", &["document:write"], &[]).await;
    let root = tenant.entity("Root", "issuer", None).await;
    let leaf = tenant.entity("Leaf", "spv", Some(&root)).await;
    // A diamond of groups: east and west within all, alice in both and in all.
    for (group, member) in [
        ("all", "group:east"),
        ("all", "group:west"),
        ("east", "user:alice"),
        ("west", "user:alice"),
        ("all", "user:alice"),
        ("west", "user:bob"),
        ("all", "service:robot"),
    ] {
        tenant.join(group, member).await.expect(201);
    }
    tenant.assign_to("group:all", &reader, json!({"entity_id": root})).await.expect(201);
    tenant.assign_to("group:west", &lister, json!({"entity_id": leaf})).await.expect(201);
    tenant.assign("alice", &lister, None).await;
    tenant.assign("alice", &reader, Some(&leaf)).await;
    tenant.assign("carol", &writer, Some(&leaf)).await;
    for limit in [1, 2, 50] {
        let found = tenant.search("principals", &principals(&leaf), limit).await;
        assert_eq!(found, ["alice", "bob"], "by {limit}");
        let mut groups = principals(&leaf);
        groups["principal_type"] = json!("group");
        let found = tenant.search("principals", &groups, limit).await;
        assert_eq!(found, ["all", "east", "west"], "by {limit}");
    }
    assert_eq!(tenant.search("principals", &principals(&root), 50).await, ["alice", "bob"]);
    let actions = json!({"user_id": "bob", "resource_id": leaf});
    assert_eq!(tenant.search("actions", &actions, 1).await, ["document:list", READ]);
}

#[tokio::test]
async fn where_everyone_may_those_are_found_of_whom_something_is_stored() {
    let tenant = World::new().default_tenant();
    let reader = reader(&tenant).await;
    let writer = tenant.role("Writer", &["document:write"], &[]).await;
    let entity = tenant.entity("Entity", "issuer", None).await;
    tenant.assign_to("user:*", &reader, json!({"entity_id": entity})).await.expect(201);
    // One of each way to be known, and one of all of them at once.
    tenant.assign("holder", &writer, None).await;
    tenant.assign("holder", &writer, Some(&entity)).await;
    for group in ["one", "two", "three"] {
        tenant.join(group, "user:member").await.expect(201);
        tenant.join(group, "user:all").await.expect(201);
    }
    tenant.assign("all", &writer, None).await;
    for user in ["described", "all", "member"] {
        let path = format!("/api/v1/principals/user/{user}");
        tenant.put(&path, json!({"properties": {}})).await.expect(201);
    }
    tenant.assign_to("service:robot", &writer, json!({})).await.expect(201);
    for limit in [1, 3, 50] {
        let found = tenant.search("principals", &principals(&entity), limit).await;
        assert_eq!(found, ["all", "described", "holder", "member"], "by {limit}");
    }
    assert!(tenant.may("never-heard-of", READ, &entity).await);
    // Who is forgotten is found no more.
    tenant.delete("/api/v1/principals/user/described").await.expect(200);
    let found = tenant.search("principals", &principals(&entity), 50).await;
    assert_eq!(found, ["all", "holder", "member"]);
}

#[tokio::test]
async fn of_a_built_in_role_those_actions_are_found_that_some_role_names() {
    let tenant = World::new().default_tenant();
    let entity = tenant.entity("Entity", "issuer", None).await;
    tenant.role("Clerk", &[READ, "document:write", "clerk"], &["spv"]).await;
    tenant.role("Other", &["role:read"], &[]).await;
    tenant.assign("root", "system:admin", None).await;
    tenant.assign("auditor", "system:auditor", Some(&entity)).await;
    let asked = |user: &str| json!({"user_id": user, "resource_id": entity});
    let found = tenant.search("actions", &asked("root"), 1).await;
    for named in ["clerk", READ, "document:write", "role:read", "event:create"] {
        assert!(found.iter().any(|one| one == named), "{named}: {found:?}");
    }
    let found = tenant.search("actions", &asked("auditor"), 50).await;
    let changes = |action: &&String| !action.ends_with(":read") && *action != "audit:export";
    assert!(
        found.iter().any(|one| one == READ) && !found.iter().any(|one| changes(&one)),
        "{found:?}"
    );
    assert_eq!(tenant.search("actions", &asked("nobody"), 50).await, [""; 0]);
    // One without a wildcard names all that it grants.
    tenant.assign("reports", "system:service", None).await;
    let named = tenant.search("actions", &asked("reports"), 4).await;
    assert_eq!((named.len(), named[0].as_str()), (6, "decision:evaluate"), "{named:?}");
}

#[tokio::test]
async fn a_page_costs_no_more_than_its_share_and_the_pages_together_are_complete() {
    let tenant = World::new().default_tenant();
    let reader = reader(&tenant).await;
    let root = tenant.entity("Root", "issuer", None).await;
    // Many entities that are to be walked through, newest first, and below the last what is looked for.
    let oldest = tenant.entity("Oldest", "spv", Some(&root)).await;
    let wanted = tenant.entity("Offering", "offering", Some(&oldest)).await;
    for number in 0..450 {
        tenant.entity(&format!("SPV {number}"), "spv", Some(&root)).await;
    }
    tenant.assign("alice", &reader, Some(&root)).await;
    let pages = tenant.search_pages("resources", &resources("alice", "offering"), 200).await;
    assert!(pages.len() > 1, "one page read all of {pages:?}");
    let found: Vec<Value> = pages.concat();
    assert_eq!(found, [json!({"type": "offering", "id": wanted})]);
    let body = resources("alice", "offering");
    let reply = tenant.post("/api/v1/authorize/search/resources", body).await;
    assert_eq!(reply.expect(200)["items"], json!([]));
    assert!(reply.body["next_cursor"].is_string());
    assert!(reply.usage.read_units <= 500.0, "{:?}", reply.usage);
}

#[tokio::test]
async fn a_cursor_is_good_for_the_search_that_it_was_given_for_and_no_other() {
    let world = World::new();
    let tenant = world.default_tenant();
    let reader = reader(&tenant).await;
    for number in 0..3 {
        tenant.entity(&format!("Agent {number}"), "agent", None).await;
        tenant.entity(&format!("SPV {number}"), "spv", None).await;
    }
    tenant.assign("alice", &reader, None).await;
    tenant.assign("bob", &reader, None).await;
    let path = "/api/v1/authorize/search/resources";
    let mut asked = resources("alice", "agent");
    asked["limit"] = json!(1);
    asked["context"] = json!({"a": 1});
    let page = tenant.post(path, asked.clone()).await;
    asked["cursor"] = page.expect(200)["next_cursor"].clone();
    asked["limit"] = json!(2);
    tenant.post(path, asked.clone()).await.expect(200);
    for (name, value) in [
        ("user_id", json!("bob")),
        ("principal_type", json!("service")),
        ("action", json!("document:write")),
        ("type", json!("spv")),
        ("context", json!({"a": 2})),
        ("context", json!(null)),
        ("cursor", json!("AAAA")),
        ("cursor", json!("not a cursor")),
    ] {
        let mut other = asked.clone();
        other[name] = value;
        let refused = tenant.post(path, other).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["/cursor"], "{name}");
    }
    let stranger = world.tenant("stranger").post(path, asked.clone()).await;
    stranger.expect_problem(400, "invalid");
    let elsewhere = tenant.post("/api/v1/authorize/search/actions", asked).await;
    elsewhere.expect_problem(400, "invalid");
}

#[tokio::test]
async fn what_is_no_search_is_refused_with_all_its_faults() {
    let tenant = World::new().default_tenant();
    for (what, body, pointers) in [
        ("resources", json!({}), vec!["/user_id", "/action", "/type"]),
        (
            "resources",
            json!({"user_id": "a", "action": "a", "type": "company", "limit": 0, "context": 1}),
            vec!["/type", "/context", "/limit"],
        ),
        (
            "principals",
            json!({"limit": 201, "cursor": 5}),
            vec!["/action", "/resource_id", "/limit", "/cursor"],
        ),
        (
            "actions",
            json!({"user_id": "a b", "limit": "1"}),
            vec!["/user_id", "/resource_id", "/limit"],
        ),
    ] {
        let refused = tenant.post(&format!("/api/v1/authorize/search/{what}"), body).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), pointers, "{what}");
    }
    for (what, body) in [
        ("principals", principals("nowhere")),
        ("actions", json!({"user_id": "a", "resource_id": "nowhere"})),
    ] {
        let unknown = tenant.post(&format!("/api/v1/authorize/search/{what}"), body).await;
        unknown.expect_problem(404, "unknown_resource");
    }
}
