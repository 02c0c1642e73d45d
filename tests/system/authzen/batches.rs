//! Several evaluations at once: defaults, semantics, and items that fail.

use serde_json::{Value, json};

use super::{action, ask, evaluate, question, record, user, vault};

/// The decisions of an answer, in order.
fn decisions(body: &Value) -> Vec<bool> {
    assert!(body.get("decision").is_none(), "{body}");
    let answers = body["evaluations"].as_array().unwrap();
    answers.iter().map(|answer| answer["decision"].as_bool().unwrap()).collect()
}

#[tokio::test]
async fn each_item_takes_what_it_lacks_from_the_defaults_part_by_part() {
    let (_, tenant) = vault().await;
    let body = json!({
        "subject": user("bob"), "action": action("write"), "resource": record(1),
        "evaluations": [
            {},
            {"resource": record(2)},
            {"subject": user("alice")},
            {"subject": user("alice"), "action": action("read"), "resource": record(3)},
            {"action": action("read")},
            question(user("nobody"), "read", record(1)),
        ],
    });
    let reply = ask(&tenant, "evaluations", &body).await;
    assert_eq!(decisions(reply.expect(200)), [true, false, false, true, true, false]);
    // Without defaults, each item stands alone.
    let alone = json!({"evaluations": [question(user("bob"), "write", record(1))]});
    assert_eq!(decisions(ask(&tenant, "evaluations", &alone).await.expect(200)), [true]);
}

#[tokio::test]
async fn a_part_that_lacks_its_type_or_id_takes_that_from_the_default_and_never_properties() {
    let (_, tenant) = vault().await;
    let body = json!({
        "subject": user("bob"), "action": action("write"), "resource": {"type": "record", "id": "record-2"},
        "evaluations": [{"resource": {"id": "record-1"}}, {"resource": {"type": "vault"}}, {"action": {}}],
    });
    assert_eq!(
        decisions(ask(&tenant, "evaluations", &body).await.expect(200)),
        [true, false, false]
    );
}

#[tokio::test]
async fn without_items_it_is_one_evaluation_and_answered_as_one() {
    let (_, tenant) = vault().await;
    let mut body = question(user("bob"), "write", record(1));
    let alone = ask(&tenant, "evaluation", &body).await.expect(200).clone();
    assert_eq!(*ask(&tenant, "evaluations", &body).await.expect(200), alone);
    for nothing in [json!([]), json!(null)] {
        body["evaluations"] = nothing;
        assert_eq!(*ask(&tenant, "evaluations", &body).await.expect(200), alone);
    }
}

#[tokio::test]
async fn a_semantic_ends_the_answers_at_the_first_that_it_names() {
    let (_, tenant) = vault().await;
    let mut body = json!({
        "subject": user("bob"), "action": action("write"),
        "evaluations": [
            {"resource": record(1)}, {"resource": record(2)}, {"resource": record(1)}, {"resource": record(3)},
        ],
    });
    for (semantic, expected) in [
        (json!(null), vec![true, false, true, false]),
        (json!("execute_all"), vec![true, false, true, false]),
        (json!("deny_on_first_deny"), vec![true, false]),
        (json!("permit_on_first_permit"), vec![true]),
    ] {
        body["options"] = json!({"evaluations_semantic": semantic});
        let reply = ask(&tenant, "evaluations", &body).await;
        assert_eq!(decisions(reply.expect(200)), expected, "{semantic}");
    }
    body["evaluations"].as_array_mut().unwrap().rotate_left(1);
    body["options"]["evaluations_semantic"] = json!("permit_on_first_permit");
    assert_eq!(decisions(ask(&tenant, "evaluations", &body).await.expect(200)), [false, true]);
    body["options"]["evaluations_semantic"] = json!("deny_on_first_deny");
    assert_eq!(decisions(ask(&tenant, "evaluations", &body).await.expect(200)), [false]);
}

#[tokio::test]
async fn an_unknown_semantic_and_a_default_of_the_wrong_type_refuse_the_whole() {
    let (_, tenant) = vault().await;
    let good = json!({"subject": user("bob"), "action": action("write"), "evaluations": [{"resource": record(1)}]});
    for (name, value) in [
        ("options", json!({"evaluations_semantic": "first_come"})),
        ("options", json!({"evaluations_semantic": 5})),
        ("options", json!("execute_all")),
        ("evaluations", json!({})),
        ("evaluations", json!("all")),
        ("evaluations", json!(vec![json!({"resource": record(1)}); 101])),
        ("subject", json!("bob")),
        ("context", json!([])),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let reply = ask(&tenant, "evaluations", &body).await;
        assert_eq!(reply.status, 400, "{name}: {}", reply.text);
        assert!(reply.text.contains(&format!("`/{name}")), "{}", reply.text);
    }
    ask(&tenant, "evaluations", &good).await.expect(200);
}

#[tokio::test]
async fn an_item_that_cannot_be_understood_is_denied_alone_and_says_why() {
    let (_, tenant) = vault().await;
    let mut body = json!({
        "subject": user("bob"), "action": action("write"),
        "evaluations": [
            {"resource": record(1)}, {}, 5, {"resource": {"type": 1, "id": "a"}}, {"resource": record(1), "context": 5},
            {"resource": record(1)},
        ],
    });
    let reply = ask(&tenant, "evaluations", &body).await;
    let answers = reply.expect(200)["evaluations"].clone();
    assert_eq!(decisions(&reply.body), [true, false, false, false, false, true]);
    for (place, words) in [
        (1, "`/resource` is required"),
        (2, "JSON object"),
        (3, "`/resource/type`"),
        (4, "`/context`"),
    ] {
        let error = &answers[place]["context"]["error"];
        assert_eq!(error["status"], 400);
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    // It counts as a denial.
    body["options"] = json!({"evaluations_semantic": "deny_on_first_deny"});
    assert_eq!(decisions(ask(&tenant, "evaluations", &body).await.expect(200)), [true, false]);
}

#[tokio::test]
async fn many_questions_are_answered_as_each_would_be_alone() {
    let (_, tenant) = vault().await;
    let mut questions = Vec::new();
    for subject in [user("alice"), user("bob"), user("nobody"), json!({"type": "guest", "id": "g"})]
    {
        for name in ["read", "write", "list"] {
            for number in 1..=4 {
                questions.push(question(subject.clone(), name, record(number)));
            }
        }
    }
    let reply = ask(&tenant, "evaluations", &json!({ "evaluations": questions })).await;
    let together = decisions(reply.expect(200));
    for (question, decision) in questions.iter().zip(together) {
        assert_eq!(evaluate(&tenant, question).await.0, decision, "{question}");
    }
}
