//! Every route needs a permission: it is asked for, it is named where it is missing, and what the route then leaves
//! behind is what it says.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::{BTreeMap, BTreeSet};

use domain::capability::{ADMIN_ACCESS, API, Capability, canonical};
use serde_json::{Value, json};
use tests::faults::Call;

use crate::authentication::{bearer, guarded, is_open, send};
use crate::isolation::attempts::{Attempt, Things, attempts};
use crate::tables::{assert_same, tables};
use crate::tour::{Operation, operations, tour};

/// The operation that an attempt is of. Where several paths fit, the one with fewer parameters is meant.
pub(crate) fn operation_of<'a>(
    operations: &'a [Operation],
    (method, path, _): &Attempt,
) -> &'a Operation {
    let fitting = operations.iter().filter(|one| one.is(method, path));
    fitting.min_by_key(|one| one.path.matches('{').count()).unwrap()
}

/// The scopes of a token: every permission but one.
fn all_but(one: Capability) -> String {
    let others = API.iter().filter(|other| **other != one);
    others.map(|other| other.action).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_token_for_everything_but_what_a_route_needs_is_refused_with_its_name_and_nothing_is_done()
 {
    let world = guarded().await;
    let operations = operations();
    let before = tables(&world).await;
    let mut asked = BTreeSet::new();
    for attempt in attempts(&Things::of_owner()) {
        let path = attempt.1.as_str();
        let operation = operation_of(&operations, &attempt);
        let Some(needs) = operation.needs else {
            assert!(is_open(path), "{path} needs nothing");
            continue;
        };
        for scopes in [all_but(needs), String::new(), "openid profile *".to_owned()] {
            let token = bearer(&json!({ "scope": scopes }));
            let headers = [("authorization", token.as_str()), ("idempotency-key", "one")];
            let reply = send(&world, &attempt, &headers).await;
            assert_eq!(reply.status, 403, "{path}: {}", reply.text);
            assert!(reply.text.contains(needs.action), "{path}: {}", reply.text);
            let how = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", needs.action);
            assert_eq!(reply.header("www-authenticate"), Some(how.as_str()), "{path}");
            if !path.contains("/access/v1/") {
                let problem = reply.expect_problem(403, "insufficient_scope");
                assert_eq!(problem["permission"], needs.action, "{path}");
            }
        }
        asked.insert(operation.id);
    }
    assert_same(&before, &tables(&world).await, "what is stored");
    let guarded = operations.iter().filter(|one| one.needs.is_some()).map(|one| one.id);
    assert_eq!(
        asked,
        guarded.collect(),
        "operations that were tried, operations that need something"
    );
}

#[tokio::test]
async fn a_token_for_what_a_route_needs_is_enough_whichever_way_it_is_spelled() {
    let world = guarded().await;
    let operations = operations();
    for (number, attempt) in attempts(&Things::of_owner()).iter().enumerate() {
        let Some(needs) = operation_of(&operations, attempt).needs else { continue };
        let (resource, action) = needs.action.split_once(':').unwrap();
        let mut spellings = vec![needs.action.to_owned(), needs.action.replace(':', ".")];
        let capitals = needs.action.replace(':', "_").to_uppercase();
        if canonical(&capitals) == needs.action {
            spellings.push(capitals);
        }
        if ["create", "delete", "read", "update"].contains(&action) {
            spellings.push(format!("{action}:{resource}"));
        }
        let spelled = &spellings[number % spellings.len()];
        let token = bearer(&json!({ "scope": format!("openid {spelled}") }));
        let reply = send(&world, attempt, &[("authorization", &token)]).await;
        if needs == ADMIN_ACCESS {
            // A scope is a ceiling: who has a tenant of their own is no operator by it.
            reply.expect_problem(403, "forbidden");
        } else {
            assert!(
                ![401, 403].contains(&reply.status),
                "{spelled}: {}: {}",
                attempt.1,
                reply.text
            );
        }
    }
}

#[test]
fn every_route_needs_a_registered_permission_but_those_that_are_open_by_name() {
    for operation in operations() {
        match operation.needs {
            Some(needs) => assert_eq!(Capability::named(needs.action), Some(&needs)),
            None => assert!(is_open(operation.path) && !operation.mutates, "{}", operation.path),
        }
    }
}

/// The other way round a permission would be granted and counted for nothing.
#[test]
fn every_permission_of_the_api_is_needed_by_some_route() {
    let needed: BTreeSet<&str> =
        operations().iter().filter_map(|one| one.needs).map(|needs| needs.action).collect();
    let registered: BTreeSet<&str> = API.iter().map(|one| one.action).collect();
    assert_eq!(registered, needed);
}

/// What an operation put into the outbox: types of events, actions of audit entries.
type Left = (BTreeSet<String>, BTreeSet<String>);

#[tokio::test(start_paused = true)]
async fn what_a_mutation_says_that_it_leaves_behind_is_what_it_writes() {
    let mut left: BTreeMap<&str, Left> = BTreeMap::new();
    for step in tour().await {
        let (events, audits) = left.entry(step.operation).or_default();
        for row in step.calls.iter().flat_map(rows) {
            let text = |name: &str| row[name]["S"].as_str().unwrap_or_default().to_owned();
            match text("record").as_str() {
                "event" => events.insert(text("event_type")),
                // Of a moment to come, which may yet be taken back.
                "audit" if row["is_timed"]["BOOL"] == true => false,
                "audit" => audits.insert(text("action")),
                _ => panic!("{row}"),
            };
        }
    }
    for operation in operations() {
        let (events, audits) = left.remove(operation.id).unwrap_or_default();
        if !operation.mutates {
            assert!(audits.is_empty() && events.is_empty(), "{} leaves something", operation.id);
            assert_eq!(operation.trail, None, "{}", operation.id);
            continue;
        }
        let trail = operation.trail.unwrap_or_else(|| panic!("{} says nothing", operation.id));
        let said = |of: &[&str]| of.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(said(trail.audit.as_slice()), audits, "{}", operation.id);
        // The first is emitted with every change, the others in some cases.
        if let Some(first) = trail.events.first() {
            let all = said(trail.events);
            assert!(
                events.contains(*first) && events.is_subset(&all),
                "{}: {events:?}",
                operation.id
            );
        }
    }
}

/// The rows of the events table that a call puts.
fn rows(call: &Call) -> Vec<Value> {
    let items = call.body["TransactItems"].as_array().into_iter().flatten();
    let puts = items.map(|item| &item["Put"]).filter(|put| put["TableName"] == "EventsTable");
    puts.map(|put| put["Item"].clone()).collect()
}
