//! What is no request: 400 and a line of text, never a decision.

use http::Method;
use serde_json::{Value, json};
use tests::{Reply, World};

use super::{action, ask, evaluate, question, record, user, vault};

const PATHS: [&str; 5] =
    ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"];

#[track_caller]
fn assert_refused(reply: &Reply, words: &str) {
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(reply.text.contains(words), "`{}` does not say `{words}`", reply.text);
}

#[tokio::test]
async fn what_is_missing_or_of_another_type_is_named() {
    let (_, tenant) = vault().await;
    let good = question(user("alice"), "read", record(1));
    for (part, value, words) in [
        ("subject", Value::Null, "`/subject` is required"),
        ("subject", json!("alice"), "`/subject` must be a JSON object"),
        ("subject", json!([]), "`/subject` must be a JSON object"),
        ("subject", json!({"id": "alice"}), "`/subject/type` is required"),
        ("subject", json!({"type": "user"}), "`/subject/id` is required"),
        ("subject", json!({"type": 1, "id": "alice"}), "`/subject/type` must be a text"),
        ("subject", json!({"type": "user", "id": {}}), "`/subject/id` must be a text"),
        ("subject", json!({"type": "user", "id": "a", "properties": 1}), "`/subject/properties`"),
        ("action", Value::Null, "`/action` is required"),
        ("action", json!("read"), "`/action` must be a JSON object"),
        ("action", json!({}), "`/action/name` is required"),
        ("action", json!({"name": true}), "`/action/name` must be a text"),
        ("resource", Value::Null, "`/resource` is required"),
        ("resource", json!(5), "`/resource` must be a JSON object"),
        ("resource", json!({"type": "record"}), "`/resource/id` is required"),
        ("resource", json!({"id": "record-1"}), "`/resource/type` is required"),
        ("context", json!("now"), "`/context` must be a JSON object"),
    ] {
        let mut body = good.clone();
        body[part] = value;
        assert_refused(&ask(&tenant, "evaluation", &body).await, words);
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        assert_refused(&ask(&tenant, "evaluation", &body).await, words);
        // Without items, several evaluations are one.
        assert_refused(&ask(&tenant, "evaluations", &body).await, words);
    }
    let none = ask(&tenant, "evaluation", &json!({})).await;
    assert_refused(&none, "`/subject` is required; `/action` is required; `/resource` is required");
}

#[tokio::test]
async fn each_search_needs_its_own_parts() {
    let (_, tenant) = vault().await;
    for (what, body, words) in [
        ("subject", json!({"action": action("read"), "resource": record(1)}), "`/subject`"),
        (
            "subject",
            json!({"subject": {}, "action": action("read"), "resource": record(1)}),
            "`/subject/type`",
        ),
        ("subject", json!({"subject": {"type": "user"}, "resource": record(1)}), "`/action`"),
        ("subject", json!({"subject": {"type": "user"}, "action": action("read")}), "`/resource`"),
        (
            "subject",
            json!({"subject": {"type": "user"}, "action": action("read"), "resource": {"type": "record"}}),
            "`/resource/id`",
        ),
        ("resource", json!({"subject": user("a"), "action": action("read")}), "`/resource`"),
        ("resource", json!({"subject": user("a"), "resource": {"type": "record"}}), "`/action`"),
        (
            "resource",
            json!({"action": action("read"), "resource": {"type": "record"}}),
            "`/subject`",
        ),
        (
            "resource",
            json!({"subject": {"type": "user"}, "action": action("read"), "resource": {"type": "record"}}),
            "`/subject/id`",
        ),
        ("action", json!({"subject": user("a")}), "`/resource`"),
        ("action", json!({"resource": record(1)}), "`/subject`"),
    ] {
        assert_refused(&ask(&tenant, &format!("search/{what}"), &body).await, words);
    }
    let mut body = question(user("alice"), "read", record(1));
    for (page, words) in [
        (json!([]), "`/page` must be a JSON object"),
        (json!({"limit": "5"}), "`/page/limit`"),
        (json!({"limit": 0}), "`/page/limit`"),
        (json!({"limit": -1}), "`/page/limit`"),
        (json!({"token": 5}), "`/page/token`"),
        (json!({"token": "made up"}), "`/page/token`"),
    ] {
        body["page"] = page;
        for what in ["subject", "resource", "action"] {
            assert_refused(&ask(&tenant, &format!("search/{what}"), &body).await, words);
        }
    }
}

#[tokio::test]
async fn a_body_must_be_a_json_object_and_sent_as_one() {
    let (_, tenant) = vault().await;
    let good = question(user("alice"), "read", record(1)).to_string();
    for path in PATHS.map(|path| format!("/access/v1/{path}")) {
        for body in
            ["", "{", "null", "[]", "\"text\"", "5", &format!("[{good}]"), &format!("{good}x")]
        {
            let reply = tenant.send(Method::POST, &path, Some(body.to_owned())).await;
            assert_refused(&reply, "the body");
        }
        for kind in [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "application/jsonp",
        ] {
            let tenant = tenant.clone().with("content-type", kind);
            let reply = tenant.send(Method::POST, &path, Some(good.clone())).await;
            assert_refused(&reply, "`Content-Type`");
        }
        for kind in [
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/json ;charset=UTF-8",
        ] {
            let tenant = tenant.clone().with("content-type", kind);
            tenant.send(Method::POST, &path, Some(good.clone())).await.expect(200);
        }
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_eq!(tenant.send(method, &path, None).await.status, 405, "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_unknown_is_ignored_wherever_it_stands() {
    let (_, tenant) = vault().await;
    let body = json!({
        "subject": {"type": "user", "id": "alice", "colour": "green", "properties": {"a": [1]}},
        "action": {"name": "read", "method": "GET", "properties": {}},
        "resource": {"type": "record", "id": "record-1", "version": 3},
        "context": {"time": "2026-11-23T03:30:53Z"},
        "options": {"another": true},
        "future": {"is": "here"},
    });
    assert!(evaluate(&tenant, &body).await.0);
    for path in PATHS {
        ask(&tenant, path, &body).await.expect(200);
    }
}

#[tokio::test]
async fn the_tenant_header_counts_and_a_malformed_one_is_refused() {
    let (world, _) = vault().await;
    let body = question(user("alice"), "read", record(1));
    let stranger = ask(&world.tenant("stranger"), "evaluation", &body).await;
    assert_eq!(stranger.expect(200)["decision"], false);
    let malformed = ask(&World::new().tenant("a/b"), "evaluation", &body).await;
    malformed.expect(400);
}
