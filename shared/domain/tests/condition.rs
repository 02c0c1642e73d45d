//! The language of conditions by example: what it reads, refuses, and comes to.
#![expect(clippy::unwrap_used, reason = "helpers beside the tests fail as tests do")]

use domain::condition::{
    Budget, CONDITION_BYTES_MAX, CONDITION_DEPTH_MAX, CONDITION_STEPS_MAX, Condition,
    DECISION_STEPS_MAX, Facts, Failure, Input,
};
use domain::decision::{Question, Subject, Target};
use domain::document::Document;
use domain::permission::Action;
use domain::time::Timestamp;
use serde_json::{Value, json};

/// What a condition comes to on a fixed question.
fn comes_to(source: &str) -> Result<bool, Failure> {
    let document = |value: Value| Document::from_value(&value).unwrap();
    let of_subject = document(json!({"level": 3, "department": "risk", "clearance": null}));
    let of_resource = document(json!({
        "owner": "alice",
        "tags": ["draft", "internal"],
        "amounts": [1, 2.5, 40],
        "many": (0..300).collect::<Vec<_>>(),
        "large": 18_446_744_073_709_551_615_u64,
        "due": "2030-01-31T12:00:00Z",
        "nested": {"a": {"b": true}},
        "empty": "",
        "é": "ü",
    }));
    let (sent_of_subject, sent_of_resource, action_properties, context) = (
        json!({"level": 9, "mfa": true}),
        json!({"owner": "mallory", "region": "eu"}),
        json!({"soft": true}),
        json!({"ip": "10.0.0.7", "hours": 5}),
    );
    let question = Question {
        subject: Subject { kind: "user", id: "alice", sent: sent_of_subject.as_object() },
        action: &Action::parse("doc:edit").unwrap(),
        action_properties: action_properties.as_object(),
        target: Target {
            kind: "offering",
            id: "o-1",
            ancestors: &[],
            stored: Some(&of_resource),
            sent: sent_of_resource.as_object(),
        },
        context: context.as_object(),
        now: Timestamp::parse("2029-06-15T08:30:00Z").unwrap(),
    };
    let facts = Facts { question: &question, stored: Some(&of_subject) };
    Condition::parse(source).unwrap().holds(&facts, &Budget::default())
}

/// A question with nothing beside it.
fn bare(action: &Action) -> Question<'_> {
    Question {
        subject: Subject { kind: "user", id: "alice", sent: None },
        action,
        action_properties: None,
        target: Target { kind: "spv", id: "s-1", ancestors: &[], stored: None, sent: None },
        context: None,
        now: Timestamp::from_microseconds(0).unwrap(),
    }
}

#[track_caller]
fn all_come_to(truth: bool, sources: &[&str]) {
    for source in sources {
        assert_eq!(comes_to(source), Ok(truth), "{source}");
    }
}

#[track_caller]
fn refused(source: &str) -> String {
    Condition::parse(source).unwrap_err().reason().to_owned()
}

#[test]
fn a_condition_looks_at_who_asks_for_what_on_what_with_what_and_when() {
    all_come_to(
        true,
        &[
            "resource.properties.owner == subject.id",
            "subject.type == 'user' && resource.type == 'offering' && resource.id == 'o-1'",
            "action.name == 'doc:edit' && action.properties.soft",
            "context.ip.startsWith('10.') && context[\"hours\"] < 8",
            "now < timestamp(resource.properties.due)",
            "now - timestamp('2029-06-15T00:00:00Z') == duration('8h30m')",
            "now.getHours() == 8 && now.getHours('+02:00') == 10 && now.getDayOfWeek() == 5",
            "(now + duration('1h')).getMinutes() == 30",
            "resource.properties['é'].size() == 1 && size(resource.properties.tags) == 2",
        ],
    );
}

#[test]
fn what_is_sent_fills_in_what_is_not_stored_and_overrides_nothing() {
    all_come_to(
        true,
        &[
            "resource.properties.owner == 'alice'",
            "resource.properties.region == 'eu'",
            "subject.properties.level == 3",
            "subject.properties.mfa",
            "subject.properties.clearance == null && has(subject.properties.clearance)",
            "'region' in resource.properties && !('other' in resource.properties)",
            "subject.properties.size() == 4",
            "subject.properties.filter(key, key == 'level').size() == 1",
        ],
    );
}

#[test]
fn operators_are_cels() {
    all_come_to(
        true,
        &[
            "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 % 3 == -1",
            "7.0 / 2.0 == 3.5 && 1 == 1.0 && 2 < 2.5 && 9007199254740993 > 9007199254740992.0",
            "'a' + 'b' == 'ab' && [1] + [2] == [1, 2] && 'a' < 'b'",
            "false || true ? 'yes' == 'yes' : false",
            "1 in [1, 2] && 'k' in {'k': 1} && {'k': {'l': 2}}.k.l == 2 && {1: 'a'}[1] == 'a'",
            "!false && !!true && - -1 == 1 && -9223372036854775808 < 0",
            "resource.properties.large > 9223372036854775807",
            "resource.properties.large != 18446744073709551615.0",
            "[1, 'a', null] != [1, 'a', true] && {'a': 1, 'b': [2]} == {'b': [2.0], 'a': 1.0}",
            "'5' != 5 && null != false && dyn(1) == 1",
            "'Alice' != subject.id && 'ALICE' != subject.id",
            "int('42') == 42 && int(2.9) == 2 && string(1) == '1' && double('1.5') == 1.5",
            "string(duration('90s')) == '90s' && bool('true') && int(timestamp(5)) == 5",
            "'a.b'.matches('^a[.]b$') && matches('xay', 'a') && !'b'.matches('a')",
            "'abc'.contains('b') && 'abc'.endsWith('bc') && r'\\d' == '\\\\d'",
            "has(resource.properties.nested.a) && !has(resource.properties.nested.b)",
            "has(subject.id) && resource.properties.nested.a.b",
            "true // and no more",
        ],
    );
}

#[test]
fn macros_go_through_lists_and_the_keys_of_maps() {
    all_come_to(
        true,
        &[
            "resource.properties.tags.exists(tag, tag == 'draft')",
            "resource.properties.amounts.all(amount, amount > 0)",
            "resource.properties.amounts.exists_one(amount, amount > 2 && amount < 3)",
            "resource.properties.amounts.map(a, a > 1, a > 30) == [false, true]",
            "[1, 2, 3].filter(n, n != 2).map(n, n * 10) == [10, 30]",
            "[1, 2].all(a, [3, 4].exists(b, b - a == 2))",
            "resource.properties.nested.all(key, key == 'a')",
            "[].all(x, false) && ![].exists(x, true)",
        ],
    );
}

#[test]
fn what_decides_a_row_of_and_or_or_is_not_undone_by_a_failure() {
    all_come_to(true, &["1 / 0 == 1 || true", "[0, 1].exists(n, 1 / n == 1)"]);
    all_come_to(false, &["context.none == 1 && false", "[0, 2].all(n, 1 / n == 1)"]);
    for source in ["1 / 0 == 1 || false", "context.none == 1 && true", "[0].exists(n, 1 / n == 1)"]
    {
        assert!(comes_to(source).is_err(), "{source}");
    }
}

#[test]
fn what_cannot_be_worked_out_fails_and_is_never_true() {
    for (source, failure) in [
        ("resource.properties.none == 1", Failure::NoSuchKey),
        ("context['none'] == 1", Failure::NoSuchKey),
        ("subject.id.none == 1", Failure::Types),
        ("1 + 1.0 == 2.0", Failure::Types),
        ("'a' < 1", Failure::Types),
        ("!subject.properties.level", Failure::NotBoolean),
        ("resource.properties.owner", Failure::NotBoolean),
        ("9223372036854775807 + 1 > 0", Failure::OutOfRange),
        ("-(-9223372036854775807 - 1) > 0", Failure::OutOfRange),
        ("9223372036854775807 * 9223372036854775807 > 0", Failure::OutOfRange),
        ("[1][1] == 1", Failure::OutOfRange),
        ("[1][-1] == 1", Failure::OutOfRange),
        ("int(1e300) > 0", Failure::OutOfRange),
        ("now + duration('999999999s') * 1 > now", Failure::Types),
        ("timestamp(9223372036854775807) > now", Failure::OutOfRange),
        ("1 / 0 == 1", Failure::DivisionByZero),
        ("1 % 0 == 1", Failure::DivisionByZero),
        ("int(subject.id) == 1", Failure::Unreadable),
        ("timestamp(subject.id) < now", Failure::Unreadable),
        ("now.getHours('Europe/Zurich') == 1", Failure::Unreadable),
        ("{'a': 1, 'a': 2}.a == 1", Failure::Types),
    ] {
        assert_eq!(comes_to(source), Err(failure), "{source}");
    }
}

#[test]
fn a_refusal_says_where_and_what() {
    for (source, place, what) in [
        ("reource.id == 'a'", "line 1, column 1", "there is no variable `reource`"),
        ("subject.department == 'a'", "line 1, column 9", "`subject.properties`"),
        ("subject == resource", "line 1, column 1", "`subject.id`"),
        ("true &&\n  lower(subject.id)", "line 2, column 3", "there is no function `lower`"),
        ("subject.id.lower()", "line 1, column 12", "there is no method `lower`"),
        ("'é' == subject.id &&", "line 1, column 21", "expected a value, found the end"),
        ("subject.id = 'a'", "line 1, column 12", "`=` has no meaning here"),
        ("(true", "line 1, column 6", "expected `)`"),
        ("true true", "line 1, column 6", "expected an operator, found `true`"),
        ("size(subject.id, 1) == 1", "line 1, column 1", "`size` takes one argument"),
        ("has(subject)", "line 1, column 5", "is read by its fields"),
        ("has(context)", "line 1, column 1", "`has` takes a field"),
        ("[1].all(now, true)", "line 1, column 9", "`now` is taken"),
        ("[1].all(x)", "line 1, column 10", "expected `,`"),
        ("x.exists(x, x)", "line 1, column 1", "there is no variable `x`"),
        ("subject.id.matches(resource.id)", "line 1, column 20", "in quotes"),
        ("subject.id.matches('(')", "line 1, column 20", "not accepted"),
        ("subject.id.matches('.{1000}{1000}')", "line 1, column 20", "not accepted"),
        ("now < timestamp('tomorrow')", "line 1, column 7", "RFC 3339"),
        ("duration('1d') > duration('1h')", "line 1, column 1", "must be a duration"),
        ("1u == 1", "line 1, column 1", "unsigned"),
        ("b'a' == b'a'", "line 1, column 1", "bytes"),
        ("subject.id", "line 1, column 1", "neither true nor false"),
        ("1 + 1", "line 1, column 1", "neither true nor false"),
        ("9223372036854775808 > 0", "line 1, column 1", "out of range"),
        ("if == 1", "line 1, column 1", "reserved"),
    ] {
        let reason = refused(source);
        assert!(reason.contains(&format!("at {place}: ")), "{source}: {reason}");
        assert!(reason.contains(what), "{source}: {reason}");
    }
}

#[test]
fn size_and_depth_end_at_the_limit_and_no_depth_exhausts_the_stack() {
    let of_bytes = |bytes: usize| format!("'{}' != ''", "x".repeat(bytes - "'' != ''".len()));
    assert!(Condition::parse(&of_bytes(CONDITION_BYTES_MAX)).is_ok());
    assert!(refused(&of_bytes(CONDITION_BYTES_MAX + 1)).contains("2048 bytes"));
    assert!(refused(" ").contains("2048 bytes"));
    let around = |(open, close): (&str, &str), depth: usize| {
        format!("{}true{}", open.repeat(depth), close.repeat(depth))
    };
    assert!(Condition::parse(&around(("(", ")"), CONDITION_DEPTH_MAX - 1)).is_ok());
    for brackets in [("(", ")"), ("!", ""), ("[", "]"), ("{'':", "}")] {
        assert!(refused(&around(brackets, 150)).contains("deeper than"), "{brackets:?}");
    }
    assert!(refused(&format!("{}1 > 0", "-".repeat(1_000))).contains("deeper than"));
    assert!(refused(&format!("context{} == 1", ".a".repeat(1_000))).contains("deeper than"));
    assert!(refused(&format!("1{} > 0", "+1".repeat(500))).contains("deeper than"));
    assert!(refused(&format!("{}true", "true?true:".repeat(200))).contains("deeper than"));
    // A row is flat; the number of parts ends it.
    assert!(Condition::parse(&vec!["true"; 250].join("||")).is_ok());
    assert!(refused(&vec!["1<2"; 400].join("||")).contains("more than 500 parts"));
}

#[test]
fn what_would_take_too_long_is_cut_off_and_its_failure_is_not_overridden() {
    let many = "resource.properties.many";
    for source in [
        format!("{many}.all(a, {many}.all(b, true))"),
        format!("{many}.map(a, {many}.map(b, {many})) == [] || true"),
        format!("{many}.filter(a, a + 1000 in {many}).exists(b, b < 0) || true"),
        format!("['{}']{} == []", "x".repeat(100), ".map(a, a + a)".repeat(20)),
        format!("[{many}]{} == []", ".map(a, a + a)".repeat(20)),
        format!("['{}'].all(a, a.matches('(a|b|x){{50}}y'))", "x".repeat(1_900)),
    ] {
        assert_eq!(comes_to(&source), Err(Failure::TooCostly), "{source}");
    }
}

#[test]
fn the_conditions_of_a_decision_share_a_budget() {
    let many = "context.many";
    let costly = Condition::parse(&format!("{many}.all(a, {many}.all(b, true))")).unwrap();
    let cheap = Condition::parse("true").unwrap();
    let (action, context) =
        (Action::parse("a").unwrap(), json!({"many": (0..300).collect::<Vec<_>>()}));
    let question = Question { context: context.as_object(), ..bare(&action) };
    let facts = Facts { question: &question, stored: None };
    let budget = Budget::default();
    for _ in 0..DECISION_STEPS_MAX / CONDITION_STEPS_MAX {
        assert_eq!(cheap.holds(&facts, &budget), Ok(true));
        assert_eq!(costly.holds(&facts, &budget), Err(Failure::TooCostly));
    }
    assert_eq!(cheap.holds(&facts, &budget), Err(Failure::TooCostly));
}

#[test]
fn a_condition_tells_what_it_looks_at() {
    let inputs = Condition::parse("resource.properties.a == subject.id && has(context.b)").unwrap();
    let inputs = inputs.inputs();
    for (input, looks) in [
        (Input::ResourceProperties, true),
        (Input::SubjectId, true),
        (Input::Context, true),
        (Input::ResourceId, false),
        (Input::SubjectProperties, false),
        (Input::Now, false),
    ] {
        assert_eq!(inputs.contains(input), looks, "{input:?}");
    }
    assert!(Condition::parse("true").unwrap().inputs().is_empty());
}

#[test]
fn a_stored_condition_that_can_no_longer_be_read_fails() {
    let condition: Condition = serde_json::from_value(json!("future(subject.id)")).unwrap();
    assert_eq!(condition.as_str(), "future(subject.id)");
    assert_eq!(serde_json::to_value(&condition).unwrap(), json!("future(subject.id)"));
    let action = Action::parse("a").unwrap();
    let facts = Facts { question: &bare(&action), stored: None };
    assert_eq!(condition.holds(&facts, &Budget::default()), Err(Failure::Unreadable));
}
