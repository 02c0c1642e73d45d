//! Conditions through the API: written, read back, told, refused, and decided on what is stored.

use serde_json::{Value, json};
use tests::{Tenant, World};

const OWN: &str = "resource.properties.owner == subject.id";
const ROLES: &str = "/api/v1/roles";

/// What a role grants on a condition.
fn on(action: &str, condition: &str) -> Value {
    json!({"action": action, "condition": condition})
}

/// A role with such permissions.
async fn role(tenant: &Tenant, permissions: Value) -> String {
    let body = json!({"name": "Editor", "permissions": permissions});
    tenant.post(ROLES, body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// An entity with attributes.
async fn entity(tenant: &Tenant, name: &str, parent: Option<&str>, attributes: Value) -> String {
    let body =
        json!({"name": name, "type": "other", "parent_id": parent, "attributes": attributes});
    let created = tenant.post("/api/v1/entities", body).await;
    created.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn properties(tenant: &Tenant, id: &str, properties: Value) {
    let path = format!("/api/v1/principals/user/{id}");
    let reply = tenant.put(&path, json!({"properties": properties})).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
}

#[tokio::test]
async fn a_permission_on_a_condition_is_read_back_patched_and_told_as_it_was_written() {
    let world = World::new();
    let tenant = world.default_tenant();
    let permissions = json!([on("doc:edit", OWN), "doc:read", on("doc:edit", OWN)]);
    let in_order = json!([on("doc:edit", OWN), "doc:read"]);
    let id = role(&tenant, permissions).await;
    let path = format!("{ROLES}/{id}");
    assert_eq!(tenant.get(&path).await.expect(200)["permissions"], in_order);
    assert_eq!(world.details("role.create").await[0]["permissions"], in_order);
    assert_eq!(world.payloads("role.created").await[0]["after"]["permissions"], in_order);

    let again = tenant.patch(&path, json!({"permissions": in_order})).await;
    assert_eq!((&again.expect(200)["version"], again.header("etag")), (&json!(1), Some("\"1\"")));
    let other = json!([on("doc:edit", "subject.id == 'alice'"), "doc:read"]);
    let patched = tenant.patch(&path, json!({"permissions": other})).await;
    assert_eq!(
        (&patched.expect(200)["permissions"], &patched.body["version"]),
        (&other, &json!(2))
    );
    let told = world.payloads("role.updated").await;
    let (before, after) = (&told[0]["before"], &told[0]["after"]);
    assert_eq!((&before["permissions"], &after["permissions"]), (&in_order, &other));
    let listed = tenant.list(ROLES).await;
    let found = listed.iter().find(|role| role["id"] == id).unwrap();
    assert_eq!(found["permissions"], other);
    world.check_consistency().await;
}

#[tokio::test]
async fn every_fault_of_a_permission_has_its_place_and_that_of_a_condition_its_column() {
    let tenant = World::new().default_tenant();
    let permissions = json!([
        "doc:read",
        on("doc:edit", "reource.properties.owner == subject.id"),
        {"action": "doc:*", "condition": "subject.id ="},
        {"condition": "true"},
        {"action": "doc:sign", "condition": 7},
        {"action": "doc:sign", "if": "true"},
        7,
        {"action": "doc:list", "condition": null},
    ]);
    let body = json!({"name": "Editor", "permissions": permissions});
    let refused = tenant.post(ROLES, body).await;
    refused.expect_problem(400, "invalid");
    assert_eq!(
        refused.pointers(),
        [
            "/permissions/1/condition",
            "/permissions/2/action",
            "/permissions/2/condition",
            "/permissions/3/action",
            "/permissions/4/condition",
            "/permissions/5",
            "/permissions/6",
        ]
    );
    for told in ["at line 1, column 1: there is no variable `reource`", "at line 1, column 12: "] {
        assert!(refused.text.contains(told), "{}", refused.text);
    }
}

#[tokio::test]
async fn an_action_on_two_conditions_is_refused_and_says_how_to_join_them() {
    let tenant = World::new().default_tenant();
    for second in [json!("doc:edit"), on("doc:edit", "true")] {
        let body = json!({"name": "Editor", "permissions": [on("doc:edit", OWN), "a", second]});
        let refused = tenant.post(ROLES, body).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["/permissions/2"]);
        assert!(refused.text.contains("join the conditions with `||`"), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_role_may_hold_as_many_conditions_as_fit_and_no_more() {
    let tenant = World::new().default_tenant();
    let longest = format!("'{}' != subject.id", "x".repeat(2_048 - "'' != subject.id".len()));
    let of = |count: usize| {
        let all: Vec<Value> = (0..count).map(|n| on(&format!("doc:act-{n}"), &longest)).collect();
        json!({"name": format!("Role of {count}"), "permissions": all})
    };
    let created = tenant.post(ROLES, of(23)).await;
    let path = format!("{ROLES}/{}", created.expect(201)["id"].as_str().unwrap());
    assert_eq!(tenant.get(&path).await.expect(200)["permissions"].as_array().unwrap().len(), 23);
    let refused = tenant.post(ROLES, of(24)).await;
    refused.expect_problem(400, "invalid");
    assert_eq!(refused.pointers(), ["/permissions"]);
    let too_long = json!({"name": "abc", "permissions": [on("a", &format!("{longest} "))]});
    let refused = tenant.post(ROLES, too_long).await;
    refused.expect_problem(400, "invalid");
    assert_eq!(refused.pointers(), ["/permissions/0/condition"]);
}

#[tokio::test]
async fn a_condition_decides_on_what_is_stored_of_resource_and_principal() {
    let tenant = World::new().default_tenant();
    let editor = role(
        &tenant,
        json!(["doc:read", on("doc:edit", OWN), on("doc:sign", "subject.properties.level >= 3")]),
    )
    .await;
    let acme = entity(&tenant, "Acme", None, json!({})).await;
    let mine = entity(&tenant, "Mine", Some(&acme), json!({"owner": "alice"})).await;
    let theirs = entity(&tenant, "Theirs", Some(&acme), json!({"owner": "bob"})).await;
    tenant.assign("alice", &editor, Some(&acme)).await;
    assert!(tenant.allows("user:alice", "doc:edit", &mine).await);
    assert_eq!(tenant.denial("user:alice", "doc:edit", &theirs).await, "condition_false");
    assert_eq!(tenant.denial("user:alice", "doc:edit", &acme).await, "condition_error");
    assert!(tenant.allows("user:alice", "doc:read", &theirs).await);

    assert_eq!(tenant.denial("user:alice", "doc:sign", &mine).await, "condition_error");
    for (level, allowed) in [(2, false), (3, true), (1, false)] {
        properties(&tenant, "alice", json!({"level": level})).await;
        assert_eq!(tenant.allows("user:alice", "doc:sign", &mine).await, allowed, "{level}");
    }
    // A change of the attributes counts at once, as a change of the role does.
    let path = format!("/api/v1/entities/{theirs}");
    tenant.patch(&path, json!({"attributes": {"owner": "alice"}})).await.expect(200);
    assert!(tenant.allows("user:alice", "doc:edit", &theirs).await);
    let none = json!({"permissions": [on("doc:edit", "false")]});
    tenant.patch(&format!("{ROLES}/{editor}"), none).await.expect(200);
    assert_eq!(tenant.denial("user:alice", "doc:edit", &theirs).await, "condition_false");
}

#[tokio::test]
async fn an_assignment_on_a_condition_is_read_back_told_and_counts_while_it_is_true() {
    let world = World::new();
    let tenant = world.default_tenant();
    let reader = role(&tenant, json!(["doc:read"])).await;
    let acme = entity(&tenant, "Acme", None, json!({"owner": "alice"})).await;
    let soon = format!("now < timestamp('{}') && {OWN}", world.in_seconds(60));
    let more = json!({"entity_id": acme, "condition": soon});
    let assigned = tenant.assign_to("user:alice", &reader, more.clone()).await;
    assert_eq!(assigned.expect(201)["condition"], soon);
    let path = assigned.header("location").unwrap().to_owned();
    assert_eq!(tenant.get(&path).await.expect(200), &assigned.body);
    let listed = tenant.list("/api/v1/assignments?principal_id=alice").await;
    assert_eq!(listed, std::slice::from_ref(&assigned.body));
    assert_eq!(world.payloads("role.assignment.changed").await[0]["condition"], soon);
    assert_eq!(world.details("role_assignment.create").await[0]["condition"], soon);

    tenant.assign_to("user:bob", &reader, more.clone()).await.expect(201);
    assert!(tenant.allows("user:alice", "doc:read", &acme).await);
    assert_eq!(tenant.denial("user:bob", "doc:read", &acme).await, "condition_false");
    world.pass_seconds(60);
    assert_eq!(tenant.denial("user:alice", "doc:read", &acme).await, "condition_false");

    tenant.assign_to("user:alice", &reader, more).await.expect(200);
    for other in [json!({"entity_id": acme}), json!({"entity_id": acme, "condition": "true"})] {
        let refused = tenant.assign_to("user:alice", &reader, other).await;
        refused.expect_problem(409, "assigned_otherwise");
        assert!(refused.text.contains("on a condition; revoke it first"), "{}", refused.text);
    }
    let wrong = json!({"condition": "subject.department == 'legal'"});
    let refused = tenant.assign_to("user:carol", &reader, wrong).await;
    refused.expect_problem(400, "invalid");
    assert_eq!(refused.pointers(), ["/condition"]);
    assert!(refused.text.contains("at line 1, column 9: "), "{}", refused.text);
    world.check_consistency().await;
}

/// CVE-2025-64751: what everyone holds on a condition.
#[tokio::test]
async fn what_every_user_holds_on_a_condition_each_holds_on_that_condition() {
    let tenant = World::new().default_tenant();
    let reader = role(&tenant, json!(["doc:read"])).await;
    let acme = entity(&tenant, "Acme", None, json!({"owner": "alice"})).await;
    tenant.assign_to("user:*", &reader, json!({"condition": OWN})).await.expect(201);
    assert!(tenant.allows("user:alice", "doc:read", &acme).await);
    for other in ["user:bob", "user:Alice", "service:alice"] {
        assert!(!tenant.allows(other, "doc:read", &acme).await, "{other}");
    }
}
