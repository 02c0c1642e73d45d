//! AuthZEN 1.0: what the certification of a policy decision point asks for, with data of our own.

mod batches;
mod errors;
mod searches;

use http::Method;
use serde_json::{Value, json};
use tests::{PUBLIC_URL, Reply, Tenant, World};

/// Records in a vault, and who may do what with them: alice reads all, bob writes the first, everyone of
/// type `guest` lists.
async fn vault() -> (World, Tenant) {
    let world = World::with_types("record,vault");
    let tenant = world.default_tenant();
    tenant.post("/api/v1/entities", json!({"id": "vault", "name": "Vault", "type": "vault"})).await;
    for number in 1..=3 {
        let (id, name) = (format!("record-{number}"), format!("Record {number}"));
        let body = json!({"id": id, "name": name, "type": "record", "parent_id": "vault"});
        tenant.post("/api/v1/entities", body).await.expect(201);
    }
    for (role, permissions) in
        [("reader", vec!["read"]), ("writer", vec!["read", "write"]), ("lister", vec!["list"])]
    {
        let body = json!({"id": role, "name": role, "permissions": permissions});
        tenant.post("/api/v1/roles", body).await.expect(201);
    }
    tenant.assign("alice", "reader", Some("vault")).await;
    tenant.assign("bob", "writer", Some("record-1")).await;
    tenant.assign_to("guest:*", "lister", json!({})).await.expect(201);
    (world, tenant)
}

fn user(id: &str) -> Value {
    json!({"type": "user", "id": id})
}

fn record(number: u32) -> Value {
    json!({"type": "record", "id": format!("record-{number}")})
}

fn action(name: &str) -> Value {
    json!({ "name": name })
}

fn question(subject: Value, name: &str, resource: Value) -> Value {
    json!({"subject": subject, "action": action(name), "resource": resource})
}

async fn ask(tenant: &Tenant, path: &str, body: &Value) -> Reply {
    tenant.post(&format!("/access/v1/{path}"), body.clone()).await
}

/// The answer to one question, and the code of its reason.
async fn evaluate(tenant: &Tenant, question: &Value) -> (bool, String) {
    let reply = ask(tenant, "evaluation", question).await;
    let body = reply.expect(200);
    let code = body["context"]["reason"]["code"].as_str().unwrap().to_owned();
    (body["decision"].as_bool().unwrap(), code)
}

#[tokio::test]
async fn an_evaluation_is_the_decision_with_its_reason() {
    let (_, tenant) = vault().await;
    for (subject, name, resource, decision, code) in [
        (user("alice"), "read", record(1), true, "allowed"),
        (user("alice"), "write", record(1), false, "action_not_granted"),
        (user("bob"), "write", record(1), true, "allowed"),
        (user("bob"), "write", record(2), false, "outside_hierarchy"),
        (user("nobody"), "read", record(1), false, "unknown_principal"),
        (json!({"type": "guest", "id": "x"}), "list", record(3), true, "allowed"),
    ] {
        let question = question(subject, name, resource);
        let answer = evaluate(&tenant, &question).await;
        assert_eq!(answer, (decision, code.to_owned()), "{question}");
    }
    let reply = ask(&tenant, "evaluation", &question(user("bob"), "write", record(1))).await;
    let reason = &reply.expect(200)["context"]["reason"];
    assert_eq!(
        (reason["permission"].as_str(), reason["role_id"].as_str()),
        (Some("write"), Some("writer"))
    );
    assert!(reason["assignment_id"].is_string());
}

#[tokio::test]
async fn what_is_not_stored_is_decided_from_what_holds_everywhere() {
    let (_, tenant) = vault().await;
    let body = json!({"id": "caller", "name": "Caller", "permissions": ["GET"], "scope_types": ["record"]});
    tenant.post("/api/v1/roles", body).await.expect(201);
    tenant.assign("carol", "reader", None).await;
    tenant.assign("dave", "caller", None).await;
    let route = json!({"type": "route", "id": "/todos/{id} ?&\u{e9}"});
    let unknown = json!({"type": "record", "id": "no such record"});
    for (who, name, resource, decision) in [
        ("carol", "read", &route, true),
        ("carol", "read", &unknown, true),
        ("carol", "write", &route, false),
        // A role that governs records only.
        ("dave", "GET", &route, false),
        ("dave", "GET", &unknown, true),
        // What stands on an entity counts for nothing else.
        ("alice", "read", &route, false),
        ("alice", "read", &unknown, false),
    ] {
        let question = question(user(who), name, resource.clone());
        assert_eq!(evaluate(&tenant, &question).await.0, decision, "{question}");
    }
}

#[tokio::test]
async fn the_id_of_an_entity_under_another_type_is_another_thing() {
    let (_, tenant) = vault().await;
    let other = json!({"type": "route", "id": "record-1"});
    assert!(evaluate(&tenant, &question(user("bob"), "write", record(1))).await.0);
    assert!(!evaluate(&tenant, &question(user("bob"), "write", other.clone())).await.0);
    let several = json!({"subject": user("bob"), "action": action("write"), "evaluations": [
        {"resource": other}, {"resource": record(1)},
    ]});
    let answers = ask(&tenant, "evaluations", &several).await.expect(200)["evaluations"].clone();
    assert_eq!((&answers[0]["decision"], &answers[1]["decision"]), (&json!(false), &json!(true)));
    for (what, body) in [
        (
            "subject",
            json!({"subject": {"type": "user"}, "action": action("write"), "resource": other}),
        ),
        ("action", json!({"subject": user("bob"), "resource": other})),
    ] {
        let found = ask(&tenant, &format!("search/{what}"), &body).await;
        assert_eq!(found.expect(200)["results"], json!([]), "{what}");
    }
}

#[tokio::test]
async fn names_that_nothing_here_can_have_are_denied_and_not_refused() {
    let (_, tenant) = vault().await;
    for (subject, name, resource) in [
        (json!({"type": "user", "id": "a b/c\u{e9}"}), "read", record(1)),
        (json!({"type": "a type", "id": "alice"}), "read", record(1)),
        (user("alice"), "an action", record(1)),
        (user("alice"), "*", record(1)),
        (user("*"), "read", record(1)),
        (user(""), "", json!({"type": "", "id": ""})),
    ] {
        let question = question(subject, name, resource);
        assert!(!evaluate(&tenant, &question).await.0, "{question}");
    }
    // But everyone of a type is everyone, whatever the id looks like.
    let guest = json!({"type": "guest", "id": "Dr. No <no@example.com>"});
    assert!(evaluate(&tenant, &question(guest, "list", record(1))).await.0);
}

#[tokio::test]
async fn the_metadata_is_made_from_the_configured_address_and_not_from_the_host() {
    let (_, tenant) = vault().await;
    let path = "/.well-known/authzen-configuration";
    let tenant =
        tenant.with("host", "evil.example.com").with("x-forwarded-host", "evil.example.com");
    for (path, base) in [
        (path.to_owned(), PUBLIC_URL.to_owned()),
        (format!("{path}/default"), format!("{PUBLIC_URL}/default")),
        // The same for a tenant that does not exist: nothing is said about who does.
        (format!("{path}/nobody"), format!("{PUBLIC_URL}/nobody")),
    ] {
        let reply = tenant.get(&path).await;
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let expected = json!({
            "policy_decision_point": base,
            "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
            "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
            "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
            "search_resource_endpoint": format!("{base}/access/v1/search/resource"),
            "search_action_endpoint": format!("{base}/access/v1/search/action"),
        });
        assert_eq!(*reply.expect(200), expected);
    }
    assert_eq!(tenant.get(&format!("{path}/a%20b")).await.status, 404);
}

#[tokio::test]
async fn a_tenants_base_is_its_own_and_under_any_other_there_is_nothing() {
    let (world, owner) = vault().await;
    let stranger = world.tenant("stranger");
    let body = question(user("alice"), "read", record(1));
    for path in ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"]
    {
        let under = |tenant: &str| format!("/{tenant}/access/v1/{path}");
        let own = owner.post(&under("default"), body.clone()).await;
        let bare = ask(&owner, path, &body).await;
        assert_eq!(own.expect(200), bare.expect(200), "{path}");
        let [other, nobody] = ["default", "nobody"].map(under);
        let (other, nobody) =
            (stranger.post(&other, body.clone()).await, stranger.post(&nobody, body.clone()).await);
        other.expect(404);
        assert_eq!((other.status, &other.text), (nobody.status, &nobody.text), "{path}");
    }
    // The same question of another tenant is about another tenant's data.
    assert!(evaluate(&owner, &body).await.0);
    assert_eq!(evaluate(&stranger, &body).await, (false, "unknown_principal".to_owned()));
}

#[tokio::test]
async fn a_request_id_is_given_back_to_the_letter_also_with_a_refusal() {
    let (_, tenant) = vault().await;
    let body = question(user("alice"), "read", record(1)).to_string();
    for id in ["bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "two words; and, more", &"x".repeat(300)] {
        let tenant = tenant.clone().with("x-request-id", id);
        for (body, status) in [(body.clone(), 200), ("{}".to_owned(), 400)] {
            let reply = tenant.send(Method::POST, "/access/v1/evaluation", Some(body)).await;
            assert_eq!((reply.status, reply.header("x-request-id")), (status, Some(id)));
        }
    }
    let without = tenant.send(Method::POST, "/access/v1/evaluation", Some(body)).await;
    without.expect(200);
}
