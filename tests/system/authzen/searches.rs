//! The three searches: everything that an evaluation allows, by pages, and nothing twice.

use serde_json::{Value, json};
use tests::Tenant;

use super::{action, ask, evaluate, question, record, user, vault};

/// Everything that a search finds, by pages of a length.
async fn find(tenant: &Tenant, what: &str, body: &Value, limit: usize) -> Vec<Value> {
    let (mut found, mut body) = (Vec::new(), body.clone());
    body["page"] = json!({ "limit": limit });
    loop {
        let reply = ask(tenant, &format!("search/{what}"), &body).await;
        let answer = reply.expect(200);
        let results = answer["results"].as_array().unwrap();
        assert!(results.len() <= limit);
        assert_eq!(answer["page"]["count"], results.len());
        found.extend(results.iter().cloned());
        match answer["page"]["next_token"].as_str().unwrap() {
            "" => break,
            token => body["page"]["token"] = json!(token),
        }
    }
    found.sort_by_key(Value::to_string);
    found
}

#[tokio::test]
async fn each_search_finds_what_an_evaluation_allows_by_pages_of_any_length() {
    let (_, tenant) = vault().await;
    let people = ["alice", "bob", "nobody"].map(user);
    let records = [record(1), record(2), record(3)];
    for limit in [1, 2, 50, 10_000] {
        for name in ["read", "write", "list"] {
            for subject in &people {
                let body = json!({"subject": subject, "action": action(name), "resource": {"type": "record", "id": "any"}});
                let found = find(&tenant, "resource", &body, limit).await;
                let mut expected = Vec::new();
                for record in &records {
                    if evaluate(&tenant, &question(subject.clone(), name, record.clone())).await.0 {
                        expected.push(record.clone());
                    }
                }
                assert_eq!(found, expected, "{body}");
            }
            let body = json!({"subject": {"type": "user", "id": "any"}, "action": action(name), "resource": record(1)});
            let found = find(&tenant, "subject", &body, limit).await;
            let mut expected = Vec::new();
            for subject in &people {
                if evaluate(&tenant, &question(subject.clone(), name, record(1))).await.0 {
                    expected.push(subject.clone());
                }
            }
            assert_eq!(found, expected, "{body}");
        }
        let body =
            json!({"subject": user("bob"), "action": action("ignored"), "resource": record(1)});
        assert_eq!(find(&tenant, "action", &body, limit).await, [action("read"), action("write")]);
    }
}

#[tokio::test]
async fn of_what_is_unknown_nothing_is_found_and_that_is_an_answer() {
    let (_, tenant) = vault().await;
    let kinds = |kind: &str| json!({"type": kind, "id": "x"});
    for (what, body) in [
        (
            "resource",
            json!({"subject": user("alice"), "action": action("read"), "resource": kinds("route")}),
        ),
        (
            "resource",
            json!({"subject": user("alice"), "action": action("read"), "resource": kinds("A type!")}),
        ),
        (
            "resource",
            json!({"subject": kinds("A type!"), "action": action("read"), "resource": kinds("record")}),
        ),
        (
            "resource",
            json!({"subject": user("alice"), "action": action("an action"), "resource": kinds("record")}),
        ),
        (
            "subject",
            json!({"subject": kinds("A type!"), "action": action("read"), "resource": record(1)}),
        ),
        (
            "subject",
            json!({"subject": kinds("robot"), "action": action("read"), "resource": record(1)}),
        ),
        (
            "subject",
            json!({"subject": kinds("user"), "action": action("read"), "resource": kinds("route")}),
        ),
        ("action", json!({"subject": user("nobody"), "resource": record(1)})),
        ("action", json!({"subject": user("alice"), "resource": kinds("route")})),
        ("action", json!({"subject": kinds("A type!"), "resource": record(1)})),
    ] {
        let reply = ask(&tenant, &format!("search/{what}"), &body).await;
        assert_eq!(reply.expect(200)["results"], json!([]), "{what} {body}");
        assert_eq!(reply.body["page"], json!({"next_token": "", "count": 0}));
    }
}

#[tokio::test]
async fn a_token_with_other_parameters_is_refused_and_with_another_limit_goes_on() {
    let (_, tenant) = vault().await;
    let mut body = json!({
        "subject": user("alice"), "action": action("read"), "resource": {"type": "record"}, "page": {"limit": 1},
    });
    let first = ask(&tenant, "search/resource", &body).await;
    let first = first.expect(200);
    body["page"] = json!({"limit": 50, "token": first["page"]["next_token"]});
    let rest = ask(&tenant, "search/resource", &body).await;
    assert_eq!(rest.expect(200)["results"].as_array().unwrap().len(), 2);
    assert!(!rest.body["results"].as_array().unwrap().contains(&first["results"][0]));
    for (part, value) in [
        ("subject", user("bob")),
        ("subject", json!({"type": "user", "id": "alice", "properties": {"a": 1}})),
        ("action", action("write")),
        ("resource", json!({"type": "vault"})),
        ("context", json!({"a": 1})),
    ] {
        let mut other = body.clone();
        other[part] = value;
        let refused = ask(&tenant, "search/resource", &other).await;
        assert_eq!(refused.status, 400, "{part}: {}", refused.text);
        assert!(refused.text.contains("`/page/token`"), "{}", refused.text);
    }
    let elsewhere = ask(&tenant, "search/action", &body).await;
    assert_eq!(elsewhere.status, 400);
}

#[tokio::test]
async fn who_may_what_is_not_stored_is_found_from_what_holds_everywhere() {
    let (_, tenant) = vault().await;
    tenant.assign("carol", "reader", None).await;
    tenant.join("staff", "user:dave").await.expect(201);
    tenant.assign_to("group:staff", "writer", json!({})).await.expect(201);
    let route = json!({"type": "route", "id": "/todos"});
    let body = json!({"subject": {"type": "user"}, "action": action("read"), "resource": route});
    assert_eq!(find(&tenant, "subject", &body, 1).await, [user("carol"), user("dave")]);
    let body = json!({"subject": user("dave"), "resource": route});
    assert_eq!(find(&tenant, "action", &body, 1).await, [action("read"), action("write")]);
}
