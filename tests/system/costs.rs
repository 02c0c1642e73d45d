//! What each operation costs, as a table that is committed and compared with what is measured.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;
use tests::faults::Call;

use crate::deliveries::deliveries;
use crate::tour::{Step, operations, tour};

/// Set to write the table instead of comparing it.
const REGENERATE: &str = "EPR_REGENERATE_DOCS";

#[tokio::test(start_paused = true)]
async fn the_table_of_costs_is_what_is_measured() {
    let steps = tour().await;
    for operation in operations() {
        let measured = steps.iter().any(|step| step.operation == operation.id);
        assert!(measured, "the tour leaves out `{}`: add a case", operation.id);
    }
    let measured = document(steps, deliveries().await);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/costs.md");
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, not of the product")]
    let regenerate = std::env::var(REGENERATE).is_ok();
    if regenerate {
        std::fs::create_dir_all(path.with_file_name("")).unwrap();
        std::fs::write(&path, &measured).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = measured.lines().zip(committed.lines()).find(|(is, was)| is != was);
    assert!(
        committed == measured,
        "docs/costs.md is not what is measured; if the change is meant, run \
         `{REGENERATE}=1 cargo test -p tests costs` and commit the file; first difference: {differing:?}"
    );
}

#[tokio::test]
async fn a_root_is_created_in_one_round_trip() {
    let steps = tour().await;
    assert_eq!(find(steps, "createEntity", "a root").usage.round_trips, 1);
    assert_eq!(find(steps, "createEntity", "a root, with an idempotency key").usage.round_trips, 1);
}

#[tokio::test]
async fn every_read_of_a_decision_is_strongly_consistent() {
    let steps = tour().await;
    let mut reads = 0;
    for step in steps.iter().filter(|step| step.operation == "authorize") {
        // What is said of it to the audit queue reads nothing.
        let calls = step.calls.iter().filter(|call| call.operation != "SendMessageBatch");
        for call in calls {
            assert!(is_strong(call), "{}: {call:?}", step.case);
            reads += 1;
        }
    }
    assert!(reads > 20, "only {reads} reads were seen");
}

fn is_strong(call: &Call) -> bool {
    match call.operation.as_str() {
        "GetItem" | "Query" => call.body["ConsistentRead"] == true,
        "BatchGetItem" => {
            let tables = call.body["RequestItems"].as_object().unwrap();
            tables.values().all(|table| table["ConsistentRead"] == json!(true))
        }
        other => panic!("a decision called {other}"),
    }
}

fn find<'a>(steps: &'a [Step], operation: &str, case: &str) -> &'a Step {
    steps.iter().find(|step| step.operation == operation && step.case == case).unwrap()
}

fn document(steps: &[Step], deliveries: &[Step]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut row = |what: &str, step: &Step| {
        let usage = step.usage;
        writeln!(
            text,
            "| `{what}` | {} | {} | {} | {} | {} |",
            if step.case.is_empty() { "any" } else { step.case },
            usage.read_units,
            usage.write_units,
            usage.calls,
            usage.round_trips,
        )
        .unwrap();
    };
    for operation in operations() {
        for step in steps.iter().filter(|step| step.operation == operation.id) {
            row(&format!("{} {}", operation.method, operation.path), step);
        }
    }
    for step in deliveries {
        row(step.function, step);
    }
    text
}

#[tokio::test]
async fn an_event_of_a_kibibyte_is_handed_in_and_delivered_for_at_most_six_write_units() {
    let steps = tour().await;
    let published = find(steps, "createEvent", "published by the request");
    assert!(published.usage.write_units <= 6.0, "{published:?}");
}

const INTRODUCTION: &str = "\
# What each operation costs

Made by a test from what DynamoDB's `ReturnConsumedCapacity` says while the test walks through every
operation (`tests/system/tour.rs`); it fails when this file says otherwise. To make the file anew:
`EPR_REGENERATE_DOCS=1 cargo test -p tests costs`.

**RCU** and **WCU** are read and write units of the whole request, indexes included; on demand, DynamoDB
bills exactly these, as read and write request units:

    price of n requests = n x (RCU x price of a read unit + WCU x price of a write unit)

with the prices of the table's region. **Calls** are requests to DynamoDB, **round trips** the longest chain
of them in which each had to wait for the one before: what latency is made of.

- Nothing is in memory but the secret that seals cursors: each request reads all it needs.
- Callers are let in without a grant, as by IAM. What a token's principal is granted costs 2 RCU and a round trip more
  where it is remembered, 3 to 5 where not; a request of an operator 4 WCU besides ([SECURITY.md](SECURITY.md)).
- Every item here is at most 1 KiB, but for the audit ledger's: a full tile has 8 KiB, and a segment of 100
  records here less than 4. A transactional write costs 2 WCU for each KiB of an item, begun or
  full; a read costs 1 RCU for each 4 KiB, or half of that through an index, and a query at least that much
  even when it finds nothing.
- An index adds 1 WCU for each KiB when an entry is made, changed or removed, and 2 when it moves to another
  place. Entities have an entry in `by_kind`, and in `by_relation` those with a parent; assignments have one
  in each. Events have one in `by_time`; and events and audit entries, until they are delivered, one in
  `undelivered`. Nothing else is indexed.
- An idempotency key adds 2 WCU for each KiB of the answer, and no read unless the key was used before.
- A transaction whose conditions fail (a name that is taken, a key that was used, a role that is held
  already) consumes write units as well, but DynamoDB does not say how many, so the table has none. Reckon
  with as many as the same request needs when it is new.
- An event that is handed in costs 5 WCU for each KiB, delivery included: the row, its entries in `by_time`
  and `undelivered`, the mark of its delivery, and the end of its entry in `undelivered`. An event of the
  core and an audit entry are rows of their change's transaction; the relay's mark costs 2 WCU each.
- The rows of the functions without routes are for one invocation. Calls to SNS and SQS are not counted.
- The units are counted by the embedded engine, which follows DynamoDB's rules. Not in the table are
  storage, the stream's readers, backups, API Gateway and Lambda.

| operation | case | RCU | WCU | calls | round trips |
|---|---|--:|--:|--:|--:|
";
