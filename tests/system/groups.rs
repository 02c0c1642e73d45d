//! Groups: members, nesting, and every refusal.

use serde_json::json;
use tests::World;

#[tokio::test]
async fn a_member_is_added_once_and_removed_once() {
    let world = World::new();
    let tenant = world.default_tenant();
    let members = "/api/v1/groups/staff/members";
    let added = tenant.post(members, json!({"principal_id": "alice", "note": "ignored"})).await;
    let member = json!({
        "group_id": "staff",
        "principal_id": "alice",
        "principal_type": "user",
        "tenant_id": "default",
        "created_at": world.now(),
    });
    assert_eq!(added.expect(201), &member);
    let location = format!("{members}/alice?principal_type=user");
    assert_eq!(added.header("location"), Some(location.as_str()));
    world.pass_seconds(5);
    assert_eq!(tenant.join("staff", "user:alice").await.expect(200), &member);
    assert_eq!(tenant.list(members).await, [member]);

    let removed = tenant.delete(&location).await;
    let expected = json!({
        "status": "removed", "group_id": "staff", "principal_id": "alice", "principal_type": "user",
    });
    assert_eq!(removed.expect(200), &expected);
    tenant.delete(&location).await.expect_problem(404, "not_found");
    assert!(tenant.list(members).await.is_empty());
    tenant.join("staff", "user:alice").await.expect(201);
}

#[tokio::test]
async fn members_of_one_id_and_different_types_are_different_members() {
    let tenant = World::new().default_tenant();
    for member in ["user:alice", "service:alice", "group:alice"] {
        tenant.join("staff", member).await.expect(201);
    }
    // The type is `user` where none is named.
    tenant.delete("/api/v1/groups/staff/members/alice").await.expect(200);
    tenant.delete("/api/v1/groups/staff/members/alice").await.expect_problem(404, "not_found");
    let left = tenant.list("/api/v1/groups/staff/members").await;
    let types: Vec<_> = left.iter().map(|member| member["principal_type"].clone()).collect();
    assert_eq!(types, ["group", "service"]);
    tenant.leave("staff", "robot:alice").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn what_is_no_group_or_member_is_refused() {
    let world = World::new();
    let tenant = world.default_tenant();
    let refused = tenant
        .post("/api/v1/groups/staff/members", json!({"principal_id": "*", "principal_type": "a b"}))
        .await;
    refused.expect_problem(400, "invalid");
    assert_eq!(refused.pointers(), ["/principal_id", "/principal_type"]);
    let empty = tenant.post("/api/v1/groups/staff/members", json!({})).await;
    assert_eq!(empty.pointers(), ["/principal_id"]);
    for group in ["a%2Fb", "%2A", "a%20b"] {
        let path = format!("/api/v1/groups/{group}/members");
        tenant.post(&path, json!({"principal_id": "alice"})).await.expect_problem(404, "not_found");
        tenant.get(&path).await.expect_problem(404, "not_found");
        tenant.delete(&format!("{path}/alice")).await.expect_problem(404, "not_found");
    }
    tenant.delete("/api/v1/groups/staff/members/%2A").await.expect_problem(404, "not_found");
    let query = tenant
        .delete("/api/v1/groups/staff/members/alice?principal_type=a%20b&force=true&limit=x")
        .await;
    query.expect_problem(400, "invalid");
    assert_eq!(query.pointers(), ["principal_type", "limit", "force"]);
    let list = tenant.get("/api/v1/groups/staff/members?principal_type=user").await;
    assert_eq!(list.pointers(), ["principal_type"]);
    assert!(world.items("CoreTable").await.is_empty());
}

#[tokio::test]
async fn the_members_of_a_group_are_listed_by_type_and_id_a_page_at_a_time() {
    let tenant = World::new().default_tenant();
    let mut expected = Vec::new();
    for index in 0..30 {
        let member =
            format!("{}:m{:02}", ["group", "service", "user"][index % 3], (index * 7) % 30);
        tenant.join("staff", &member).await.expect(201);
        expected.push(member);
    }
    tenant.join("staffing", "user:other").await.expect(201);
    // Types and ids stand in keys behind their lengths, so shorter ones come first.
    expected.sort_by_key(|member: &String| (member.len(), member.clone()));
    for limit in [1, 7, 30, 31] {
        let found = tenant.pages("/api/v1/groups/staff/members", limit).await.concat();
        let found: Vec<String> = found
            .iter()
            .map(|member| {
                let [kind, id] =
                    ["principal_type", "principal_id"].map(|field| member[field].as_str().unwrap());
                format!("{kind}:{id}")
            })
            .collect();
        assert_eq!(found, expected, "by {limit}");
    }
}

#[tokio::test]
async fn a_group_cannot_become_its_own_member() {
    let world = World::new();
    let tenant = world.default_tenant();
    let direct = tenant.join("a", "group:a").await;
    direct.expect_problem(400, "invalid");
    assert_eq!(direct.pointers(), ["/principal_id"]);
    // d holds c holds b holds a.
    for (group, member) in [("b", "group:a"), ("c", "group:b"), ("d", "group:c")] {
        tenant.join(group, member).await.expect(201);
    }
    for (group, member) in
        [("a", "group:b"), ("a", "group:c"), ("a", "group:d"), ("b", "group:d"), ("d", "group:d")]
    {
        let refused = tenant.join(group, member).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["/principal_id"], "{member} in {group}");
    }
    // A user of the same id is no group, and a second way up is no cycle.
    tenant.join("a", "user:d").await.expect(201);
    tenant.join("d", "group:a").await.expect(201);
    // The cycle is open once one membership on it is gone.
    tenant.leave("d", "group:a").await.expect(200);
    tenant.leave("c", "group:b").await.expect(200);
    tenant.join("a", "group:d").await.expect(201);
    tenant.join("c", "group:b").await.expect_problem(400, "invalid");
    world.check_consistency().await;
}

#[tokio::test]
async fn no_nest_is_too_deep_to_see_the_cycle_that_would_close_it() {
    let world = World::new();
    let tenant = world.default_tenant();
    for level in 0..20 {
        tenant.join(&format!("g{}", level + 1), &format!("group:g{level}")).await.expect(201);
    }
    for top in [15, 16, 17, 18, 20] {
        let closing = tenant.join("g0", &format!("group:g{top}")).await;
        closing.expect_problem(400, "invalid");
    }
    world.check_consistency().await;
}

#[tokio::test]
async fn joining_and_leaving_are_announced_and_audited_once_each() {
    let world = World::new();
    let tenant = world.default_tenant();
    for _ in 0..2 {
        tenant.join("staff", "service:billing").await;
    }
    for _ in 0..2 {
        tenant.leave("staff", "service:billing").await;
    }
    tenant.join("staff", "group:staff").await.expect_problem(400, "invalid");
    let details =
        json!({"group_id": "staff", "principal_id": "billing", "principal_type": "service"});
    let payload = |change: &str| {
        let mut payload = details.clone();
        payload["change"] = json!(change);
        payload
    };
    let payloads = world.payloads("group.membership.changed").await;
    assert_eq!(payloads, [payload("added"), payload("removed")]);
    let created = world.details("group_membership.create").await;
    assert_eq!(created, std::slice::from_ref(&details));
    assert_eq!(world.details("group_membership.delete").await, [details]);
    assert_eq!(
        world.events("group.membership.changed").await[0]["aggregate_id"],
        "service:billing"
    );
    world.check_consistency().await;
}

#[tokio::test]
async fn a_member_holds_what_its_group_holds_until_the_moment_it_leaves() {
    let world = World::new();
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let reader = tenant.role("Reader", &["document:read"], &[]).await;
    tenant.assign_to("group:staff", &reader, json!({})).await.expect(201);
    let may = async || tenant.may("alice", "document:read", &acme).await;
    assert!(!may().await, "no member yet");
    tenant.join("interns", "user:alice").await.expect(201);
    assert!(!may().await, "a member of a group that is in none");
    tenant.join("staff", "group:interns").await.expect(201);
    assert!(may().await, "a member of a member");
    tenant.leave("staff", "group:interns").await.expect(200);
    assert!(!may().await, "its group was taken out");
    tenant.join("staff", "user:alice").await.expect(201);
    assert!(may().await, "a member");
    tenant.leave("staff", "user:alice").await.expect(200);
    assert!(!may().await, "taken out");
    assert!(!tenant.allows("service:interns", "document:read", &acme).await);
    world.check_consistency().await;
}
