//! Decisions on conditions: what a condition does to a grant, and the bugs that others had with it.
#![expect(clippy::unwrap_used, reason = "helpers beside the tests fail as tests do")]

use std::sync::Arc;

use domain::assignment::{Assigned, Assignment};
use domain::condition::{Condition, Failure, Input};
use domain::decision::{Decision, Denial, Question, Subject, Target, decide};
use domain::document::Document;
use domain::grants::{Gives, Grant, Grants};
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::permission::{Action, Entry, Permissions};
use domain::principal::{Principal, PrincipalType};
use domain::role::{Role, RoleDraft};
use domain::text::RoleName;
use domain::time::Timestamp;
use serde_json::{Value, json};

const READ: &str = "doc:read";

fn action(text: &str) -> Action {
    Action::parse(text).unwrap()
}

fn condition(text: &str) -> Option<Condition> {
    (!text.is_empty()).then(|| Condition::parse(text).unwrap())
}

/// An assignment of its own role, which grants reading; each on a condition, or with `""` on none.
fn grant(
    number: usize,
    holder: &str,
    on: Option<&str>,
    of_role: &str,
    of_assignment: &str,
) -> Grant {
    let (tenant, at) = (TenantId::parse("t").unwrap(), Timestamp::from_microseconds(0).unwrap());
    let draft = RoleDraft {
        id: RoleId::parse(&format!("r{number}")).unwrap(),
        name: RoleName::parse(&format!("Role {number}")).unwrap(),
        description: None,
        permissions: Permissions::of(vec![
            Entry { action: action(READ), condition: condition(of_role) },
            Entry::from(action("doc:list")),
        ])
        .unwrap(),
        scope_types: vec![],
    };
    let role = Role::create(tenant.clone(), draft, at).after;
    let assignment = Assignment {
        id: AssignmentId::parse(&format!("a{number}")).unwrap(),
        tenant_id: tenant,
        principal: Principal {
            kind: PrincipalType::user(),
            id: PrincipalId::parse_or_every(holder).unwrap(),
        },
        what: Assigned::Role(role.id.clone()),
        entity_id: on.map(|on| EntityId::parse(on).unwrap()),
        effective_at: at,
        expires_at: None,
        condition: condition(of_assignment),
        reason: None,
        created_at: at,
        updated_at: at,
    };
    Grant { assignment, gives: Gives::Role(Arc::new(role)), groups: Arc::from([]) }
}

/// One global grant.
fn one(of_role: &str, of_assignment: &str) -> Grants {
    Grants::new(vec![grant(0, "alice", None, of_role, of_assignment)], true, None)
}

/// The same held directly: the permission by itself, on the condition of the assignment.
fn directly(of_assignment: &str) -> Grants {
    let gives = Gives::Permission(action(READ));
    let held = grant(0, "alice", None, "", of_assignment);
    let assignment = Assignment { what: gives.named(), ..held.assignment };
    Grants::new(vec![Grant { assignment, gives, ..held }], true, None)
}

#[test]
fn a_direct_grant_hangs_on_the_condition_of_its_assignment_like_a_role() {
    let asked = asked(json!({"owner": "alice"}));
    for (on, expected) in [
        ("", Ok("a0".to_owned())),
        ("resource.properties.owner == subject.id", Ok("a0".to_owned())),
        ("resource.properties.owner == 'bob'", Err((Denial::ConditionFalse, None))),
    ] {
        let grants = directly(on);
        assert_eq!(asked.of(&grants), expected, "{on}");
        let looks = grants.inputs(&action(READ));
        assert_eq!(looks.contains(Input::ResourceProperties), !on.is_empty(), "{on}");
        assert!(grants.inputs(&action("doc:list")).is_empty(), "{on}");
    }
}

/// What comes with a question.
#[derive(Default)]
struct Asked {
    stored: Option<Value>,
    sent: Value,
    context: Value,
}

impl Asked {
    fn of(&self, grants: &Grants) -> Result<String, (Denial, Option<Failure>)> {
        let read = action(READ);
        let stored = self.stored.as_ref().map(|stored| Document::from_value(stored).unwrap());
        let question = Question {
            subject: Subject { kind: "user", id: "alice", sent: None },
            action: &read,
            action_properties: None,
            target: Target {
                kind: "spv",
                id: "e1",
                ancestors: &[EntityId::parse("e0").unwrap()],
                stored: stored.as_ref(),
                sent: self.sent.as_object(),
            },
            context: self.context.as_object(),
            now: Timestamp::from_microseconds(1).unwrap(),
        };
        match decide(grants, &question) {
            Decision::Allow { by, .. } => Ok(by.assignment.id.to_string()),
            Decision::Deny { reason, condition, .. } => {
                Err((reason, condition.and_then(|unmet| unmet.failure)))
            }
        }
    }
}

fn asked(stored: Value) -> Asked {
    Asked { stored: Some(stored), ..Asked::default() }
}

#[test]
fn both_the_permissions_and_the_assignments_condition_must_be_true() {
    let (yes, no) = ("resource.id == 'e1'", "resource.id == 'e2'");
    for (of_role, of_assignment, allowed) in [
        ("", "", true),
        (yes, "", true),
        ("", yes, true),
        (yes, yes, true),
        (yes, no, false),
        (no, yes, false),
        (no, "", false),
    ] {
        let answer = asked(json!({})).of(&one(of_role, of_assignment));
        assert_eq!(answer.is_ok(), allowed, "{of_role} {of_assignment}");
    }
}

#[test]
fn an_answer_names_the_conditions_that_held_or_the_one_that_did_not() {
    let grants = one("resource.id == 'e1'", "context.none == 1");
    let read = action(READ);
    let question = Question {
        subject: Subject { kind: "user", id: "alice", sent: None },
        action: &read,
        action_properties: None,
        target: Target { kind: "spv", id: "e1", ancestors: &[], stored: None, sent: None },
        context: None,
        now: Timestamp::from_microseconds(1).unwrap(),
    };
    let Decision::Deny { condition: Some(unmet), .. } = decide(&grants, &question) else {
        panic!("must name the condition")
    };
    assert_eq!(unmet.condition.as_str(), "context.none == 1");
    assert_eq!(unmet.failure, Some(Failure::NoSuchKey));
    let context = json!({"none": 1});
    let question = Question { context: context.as_object(), ..question };
    let Decision::Allow { conditions, .. } = decide(&grants, &question) else {
        panic!("must allow")
    };
    assert_eq!(conditions.permission.unwrap().as_str(), "resource.id == 'e1'");
    assert_eq!(conditions.assignment.unwrap().as_str(), "context.none == 1");
}

#[test]
fn a_condition_of_one_grant_is_none_of_another() {
    let (no, fails) = ("false", "1 / 0 == 1");
    let grants = vec![
        grant(0, "alice", Some("e1"), no, ""),
        grant(1, "alice", Some("e1"), fails, ""),
        grant(2, "alice", Some("e0"), "", ""),
    ];
    let grants = Grants::new(grants, true, None);
    assert_eq!(asked(json!({})).of(&grants), Ok("a2".to_owned()));
}

#[test]
fn of_several_reasons_the_one_that_came_furthest_is_told() {
    let of = |conditions: &[&str]| {
        let grants = conditions.iter().enumerate();
        let grants = grants.map(|(number, it)| grant(number, "alice", Some("e0"), it, ""));
        asked(json!({})).of(&Grants::new(grants.collect(), true, None)).unwrap_err()
    };
    assert_eq!(of(&["false"]), (Denial::ConditionFalse, None));
    let failed = (Denial::ConditionError, Some(Failure::NoSuchKey));
    assert_eq!(of(&["false", "context.a == 1"]), failed);
    assert_eq!(of(&["context.a == 1", "false"]), failed);
    let neither = (Denial::ConditionError, Some(Failure::Types));
    assert_eq!(of(&["subject.id.a == 1", "false"]), neither);
}

#[test]
fn a_resource_that_is_not_stored_is_the_reason_only_where_a_role_grants_the_action_elsewhere() {
    let unknown = Asked::default();
    let elsewhere = Grants::new(vec![grant(0, "alice", Some("e9"), "", "")], true, None);
    assert_eq!(unknown.of(&elsewhere), Err((Denial::UnknownResource, None)));
    assert_eq!(asked(json!({})).of(&elsewhere), Err((Denial::OutsideHierarchy, None)));
    assert_eq!(unknown.of(&one("false", "")), Err((Denial::ConditionFalse, None)));
    assert_eq!(unknown.of(&Grants::new(vec![], true, None)), Err((Denial::NoAssignment, None)));
    assert_eq!(unknown.of(&one("", "")), Ok("a0".to_owned()));
}

#[test]
fn what_is_not_stored_is_decided_on_what_is_sent_and_what_is_stored_is_not_overridden() {
    let grants = one("resource.properties.owner == subject.id", "");
    let sent = |owner: &str| json!({"owner": owner});
    let unstored = Asked { sent: sent("alice"), ..Asked::default() };
    assert!(unstored.of(&grants).is_ok());
    let stored = Asked { stored: Some(sent("bob")), sent: sent("alice"), ..Asked::default() };
    assert_eq!(stored.of(&grants), Err((Denial::ConditionFalse, None)));
    // A stored null is a stored fact.
    let cleared =
        Asked { stored: Some(json!({"owner": null})), sent: sent("alice"), ..Asked::default() };
    assert_eq!(cleared.of(&grants), Err((Denial::ConditionFalse, None)));
}

/// CVE-2025-64751: a wildcard lost its condition beside another grant.
#[test]
fn what_everyone_holds_on_a_condition_everyone_holds_on_that_condition() {
    let grants = |conditions: [&str; 2]| {
        let grants = vec![
            grant(0, "*", None, "", conditions[0]),
            grant(1, "alice", Some("e1"), conditions[1], ""),
        ];
        Grants::new(grants, true, None)
    };
    assert!(asked(json!({})).of(&grants(["false", "false"])).is_err());
    assert_eq!(asked(json!({})).of(&grants(["true", "false"])), Ok("a0".to_owned()));
    assert_eq!(asked(json!({})).of(&grants(["false", "true"])), Ok("a1".to_owned()));
}

/// CVE-2026-33729 and CVE-2026-34972: the same grant asked twice, with another context, gave the first
/// answer.
#[test]
fn another_context_gets_another_answer_and_a_cache_can_know_it() {
    let grants = one("context.ip == '10.0.0.1'", "");
    for (ip, allowed) in [("10.0.0.1", true), ("10.0.0.2", false), ("10.0.0.1", true)] {
        let answer = Asked { context: json!({"ip": ip}), ..asked(json!({})) }.of(&grants);
        assert_eq!(answer.is_ok(), allowed, "{ip}");
    }
    assert!(grants.inputs(&action(READ)).contains(Input::Context));
    assert!(grants.inputs(&action("doc:list")).is_empty());
}

/// Spicedb 1.52: nested lists of a context were told apart by nothing.
#[test]
fn lists_within_lists_and_texts_that_look_like_numbers_are_told_apart() {
    let grants = one("context.a == [[1], [2, '3']]", "");
    for (context, allowed) in [
        (json!([[1], [2, "3"]]), true),
        (json!([[1, 2], ["3"]]), false),
        (json!([[1], [2, 3]]), false),
        (json!([["1"], [2, "3"]]), false),
        (json!([1, 2, "3"]), false),
        (json!([[1.0], [2, "3"]]), true),
    ] {
        let answer = Asked { context: json!({"a": context}), ..asked(json!({})) }.of(&grants);
        assert_eq!(answer.is_ok(), allowed, "{context}");
    }
}

/// CVE-2026-55170: ids that differ in case only were taken for one.
#[test]
fn texts_are_compared_to_the_letter() {
    let grants = one("resource.properties.owner == subject.id", "");
    for (owner, allowed) in [("alice", true), ("Alice", false), ("alice ", false), ("alicé", false)]
    {
        assert_eq!(asked(json!({"owner": owner})).of(&grants).is_ok(), allowed, "{owner}");
    }
}

#[test]
fn a_cache_can_ask_what_a_decision_may_look_at_before_it_is_made() {
    let of_resource = "resource.properties.owner == 'a'";
    for (of_role, of_assignment, read, list) in [
        ("", "", false, false),
        // The resource's id never changes.
        ("resource.id == 'e1' && subject.id == 'alice'", "", false, false),
        (of_resource, "", true, false),
        ("", of_resource, true, true),
    ] {
        let grants = one(of_role, of_assignment);
        assert_eq!(grants.reads_resource(&action(READ)), read, "{of_role} {of_assignment}");
        assert_eq!(grants.reads_resource(&action("doc:list")), list, "{of_role} {of_assignment}");
        assert!(!grants.reads_resource(&action("doc:none")));
    }
}
