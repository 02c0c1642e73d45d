//! Conditions through the API: with what is stored and what is sent, told in the explanation, and found by
//! searches exactly where a check allows.

use serde_json::{Value, json};
use tests::{Tenant, World};

const OWN: &str = "resource.properties.owner == subject.id";
const OF_DEPARTMENT: &str = "resource.properties.department == subject.properties.department";

/// Two documents, and what everyone may do with them: edit the own, and read those of the own department.
async fn library() -> Tenant {
    let tenant = World::new().default_tenant();
    for (id, owner, department) in [("a", "alice", "legal"), ("b", "bob", "sales")] {
        let attributes = json!({"owner": owner, "department": department});
        let body = json!({"id": id, "name": id, "type": "other", "attributes": attributes});
        tenant.post("/api/v1/entities", body).await.expect(201);
    }
    let on = |action: &str, condition: &str| json!({"action": action, "condition": condition});
    let permissions = json!([on("edit", OWN), on("read", OF_DEPARTMENT), "list"]);
    let role = json!({"id": "reader", "name": "Reader", "permissions": permissions});
    tenant.post("/api/v1/roles", role).await.expect(201);
    tenant.assign_to("user:*", "reader", json!({})).await.expect(201);
    for (user, department) in [("alice", "legal"), ("bob", "legal"), ("carol", "sales")] {
        let body = json!({"properties": {"department": department}});
        tenant.put(&format!("/api/v1/principals/user/{user}"), body).await.expect(201);
    }
    tenant
}

async fn check(tenant: &Tenant, user: &str, action: &str, resource: &str) -> Value {
    tenant.explain(&format!("user:{user}"), action, resource).await
}

#[tokio::test]
async fn a_condition_that_held_or_did_not_is_told() {
    let tenant = library().await;
    let allowed = check(&tenant, "alice", "edit", "a").await;
    assert_eq!(allowed["conditions"], json!([{"condition": OWN, "outcome": "true"}]));
    let denied = check(&tenant, "alice", "edit", "b").await;
    assert_eq!(denied["reason"], "condition_false");
    assert_eq!(denied["conditions"], json!([{"condition": OWN, "outcome": "false"}]));
    let failed = check(&tenant, "nobody", "read", "a").await;
    assert_eq!(failed["reason"], "condition_error");
    assert_eq!(failed["conditions"][0]["outcome"], "error");
    assert!(failed["conditions"][0]["failure"].is_string());
    let unconditional = check(&tenant, "alice", "list", "a").await;
    assert!(unconditional.get("conditions").is_none(), "{unconditional}");
}

#[tokio::test]
async fn a_context_counts_for_its_own_question_only() {
    // OpenFGA CVE-2026-33729 and CVE-2026-34972: equal but for the context is not equal.
    let tenant = library().await;
    let condition = "context.hour >= 9 && context.hour < 17";
    let body = json!({"id": "clerk", "name": "Clerk", "permissions": [{"action": "file", "condition": condition}]});
    tenant.post("/api/v1/roles", body).await.expect(201);
    tenant.assign("alice", "clerk", None).await;
    let ask = |hour: Value| json!({"user_id": "alice", "action": "file", "resource_id": "a", "context": hour});
    let hours = [
        json!({"hour": 8}),
        json!({"hour": 9}),
        json!({"hour": 16}),
        json!({"hour": 17}),
        json!(null),
    ];
    for _ in 0..2 {
        for (hour, expected) in hours.iter().zip([false, true, true, false, false]) {
            let reply = tenant.post("/api/v1/authorize", ask(hour.clone())).await;
            assert_eq!(reply.expect(200)["authorized"], expected, "{hour}");
        }
    }
    let checks: Vec<Value> = hours.into_iter().map(ask).collect();
    let reply = tenant.post("/api/v1/authorize/batch", json!({ "checks": checks })).await;
    let items = reply.expect(200)["items"].as_array().unwrap();
    let answers: Vec<bool> = items.iter().map(|item| item["authorized"] == true).collect();
    assert_eq!(answers, [false, true, true, false, false]);
}

#[tokio::test]
async fn searches_find_what_conditions_allow_and_nothing_else() {
    let tenant = library().await;
    // One who is a member and nothing more, so that no property is known.
    tenant.join("staff", "user:dave").await.expect(201);
    for (action, on_a, on_b) in [
        ("edit", vec!["alice"], vec!["bob"]),
        ("read", vec!["alice", "bob"], vec!["carol"]),
        ("list", vec!["alice", "bob", "carol", "dave"], vec!["alice", "bob", "carol", "dave"]),
    ] {
        for (resource, expected) in [("a", &on_a), ("b", &on_b)] {
            let asked = json!({"action": action, "resource_id": resource});
            let found = tenant.search("principals", &asked, 1).await;
            assert_eq!(found, *expected, "{action} {resource}");
        }
        for user in ["alice", "bob", "carol", "dave"] {
            let asked = json!({"user_id": user, "action": action, "type": "other"});
            let mut expected = Vec::new();
            for (resource, who) in [("a", &on_a), ("b", &on_b)] {
                if who.contains(&user) {
                    expected.push(resource);
                }
            }
            assert_eq!(tenant.search("resources", &asked, 1).await, expected, "{user} {action}");
        }
    }
    let asked = json!({"user_id": "alice", "resource_id": "a"});
    assert_eq!(tenant.search("actions", &asked, 1).await, ["edit", "list", "read"]);
}

#[tokio::test]
async fn properties_that_are_sent_fill_in_what_is_not_stored_and_override_nothing() {
    let tenant = library().await;
    let evaluate = async |subject: Value, resource: Value| {
        let body = json!({"subject": subject, "action": {"name": "read"}, "resource": resource});
        let reply = tenant.post("/access/v1/evaluation", body).await;
        let body = reply.expect(200).clone();
        (body["decision"] == true, body["context"]["reason"].clone())
    };
    let user = |id: &str, department: &str| json!({"type": "user", "id": id, "properties": {"department": department}});
    let document = |id: &str, department: &str| json!({"type": "other", "id": id, "properties": {"department": department}});
    // Of dave and of the memo nothing is stored.
    assert!(evaluate(user("dave", "legal"), document("a", "legal")).await.0);
    assert!(evaluate(user("dave", "x"), document("memo", "x")).await.0);
    assert!(!evaluate(user("dave", "x"), document("memo", "y")).await.0);
    // What is stored cannot be talked away.
    assert!(!evaluate(user("alice", "sales"), document("b", "sales")).await.0);
    let (decision, reason) = evaluate(user("carol", "legal"), document("a", "sales")).await;
    assert!(!decision);
    assert_eq!(reason["code"], "condition_false");
    assert_eq!(reason["condition"], json!({"condition": OF_DEPARTMENT, "outcome": "false"}));
    // A search of subjects takes the properties that are sent for each of whom none are stored.
    tenant.join("staff", "user:dave").await.expect(201);
    let body = json!({
        "subject": {"type": "user", "properties": {"department": "legal"}},
        "action": {"name": "read"}, "resource": {"type": "other", "id": "a"},
    });
    let reply = tenant.post("/access/v1/search/subject", body).await;
    let mut found: Vec<&str> = reply.expect(200)["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["id"].as_str().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["alice", "bob", "dave"]);
}

#[tokio::test]
async fn everyone_may_only_on_the_condition_of_the_assignment() {
    // OpenFGA CVE-2025-64751: a wildcard with a condition is not a wildcard without one.
    let tenant = library().await;
    let body = json!({"id": "lister", "name": "Lister", "permissions": ["open"]});
    tenant.post("/api/v1/roles", body).await.expect(201);
    let more = json!({"entity_id": "a", "condition": "subject.properties.department == 'legal'"});
    tenant.assign_to("user:*", "lister", more).await.expect(201);
    for (user, expected) in [("alice", true), ("bob", true), ("carol", false), ("nobody", false)] {
        assert_eq!(tenant.may(user, "open", "a").await, expected, "{user}");
    }
    let asked = json!({"action": "open", "resource_id": "a"});
    assert_eq!(tenant.search("principals", &asked, 1).await, ["alice", "bob"]);
}
