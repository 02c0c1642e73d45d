//! Conditions: read within their limits, evaluated within theirs, and to the same each time.

use domain::condition::{
    Budget, CONDITION_BYTES_MAX, CONDITION_STEPS_MAX, Condition, DECISION_STEPS_MAX, Facts,
};
use domain::decision::{Question, Subject, Target};
use domain::document::Document;
use domain::permission::Action;
use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::text;

/// A condition that alone uses this much of what a decision has uses what it may.
const CONDITIONS_OF_A_DECISION: usize = DECISION_STEPS_MAX / CONDITION_STEPS_MAX;

pub(crate) fn condition(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(condition) = Condition::parse(text) else { return };
    assert!(text.len() <= CONDITION_BYTES_MAX);
    assert_eq!(condition.as_str(), text);
    assert_eq!(Condition::stored(text).inputs(), condition.inputs());

    let stored = |value: Value| Document::from_value(&value).unwrap();
    let of_subject =
        stored(json!({"owner": "alice", "level": 3, "teams": ["a", "b"], "mfa": true}));
    let of_resource = stored(json!({
        "owner": "alice", "region": "US", "amount": 12.5, "tags": ["x", "y", "z"], "deep": {"n": [1, 2, {"k": null}]},
    }));
    let context =
        json!({"ip": "10.0.0.7", "hours": 5, "at": "2029-06-15T08:30:00Z", "list": [1, "a", []]});
    let action = Action::parse("doc:edit").unwrap();
    let question = Question {
        subject: Subject { kind: "user", id: "alice", sent: None },
        action: &action,
        action_properties: None,
        target: Target {
            kind: "offering",
            id: "o-1",
            ancestors: &[],
            stored: Some(&of_resource),
            sent: None,
        },
        context: context.as_object(),
        now: Timestamp::parse("2029-06-15T08:30:00Z").unwrap(),
    };
    let facts = Facts { question: &question, stored: Some(&of_subject) };
    let budget = Budget::default();
    let first = condition.holds(&facts, &budget);
    // However costly it is, as many as the budget is made for get to their end: the last as the first.
    for _ in 1..CONDITIONS_OF_A_DECISION.min(3) {
        assert_eq!(condition.holds(&facts, &budget), first);
    }
    // Nothing in a question without anything makes it panic either.
    let nothing = Question {
        subject: Subject { kind: "", id: "", sent: None },
        target: Target { kind: "", id: "", ancestors: &[], stored: None, sent: None },
        context: None,
        ..question
    };
    let _any = condition.holds(&Facts { question: &nothing, stored: None }, &Budget::default());
}
