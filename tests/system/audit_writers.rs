//! Many writers of one chain, killed at any moment; and one, failed at every call in every way.
//!
//! What each of them was given is given again until it is acknowledged, as the queue does. Then every event
//! is in the chain exactly once, without a gap, and everything verifies.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::BTreeSet;

use audit_append::Appender;
use domain::id::TenantId;
use tests::World;
use tests::faults::{Fault, Faults};
use tests::writers::{campaign, deliver};

/// Events that each writer is given. The campaign with forty times as many is `tests/benches/writers.rs`.
const EVENTS: usize = 250;

fn default() -> TenantId {
    TenantId::parse("default").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_that_are_killed_record_each_event_exactly_once() {
    let done = campaign(&World::new(), EVENTS, |_| {}).await;
    assert!(done.kills > 10, "only {done:?}");
}

/// The same three batches, one of which repeats what another has, with one call broken.
async fn run(fault: Option<(usize, Fault)>) -> (World, Faults) {
    let faults = Faults::none_but_watched();
    let world = World::with_faults(&faults);
    let ids = |numbers: std::ops::Range<u32>| -> Vec<String> {
        numbers.map(|number| format!("event-{number}")).collect()
    };
    let (place, fault) = fault.unwrap_or((usize::MAX, Fault::None));
    faults.plan_nth(place, fault);
    for batch in [ids(0..3), ids(2..5), ids(4..6)] {
        let mut waiting = batch.clone();
        for _ in 0..5 {
            let appender = Appender::of(world.system.app("audit-append").unwrap());
            if let Some(failed) = faults.unless_it_ends(deliver(&appender, &waiting)).await {
                waiting = failed;
            }
            if waiting.is_empty() {
                break;
            }
        }
        assert!(waiting.is_empty(), "{fault:?} at call {place}: never acknowledged");
    }
    (world, faults)
}

async fn check(world: &World, what: &str) {
    let records = world.records(&default()).await;
    let ids: BTreeSet<_> =
        records.iter().map(|record| record.record.message.event_id.clone()).collect();
    assert_eq!((records.len(), ids.len()), (6, 6), "{what}: {ids:?}");
    let verified = world.verify(&default()).await;
    assert!(verified.is_ok(), "{what}: {verified:?}");
}

/// Breaks each call of the writer in turn.
async fn walk(fault: Fault) {
    let (world, faults) = run(None).await;
    let calls = faults.calls();
    check(&world, "undisturbed").await;
    let steps: BTreeSet<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
    let writer = ["BatchExecuteStatement", "BatchGetItem", "ExecuteStatement", "Query"];
    assert!(writer.iter().all(|step| steps.contains(step)), "{steps:?}");
    for place in 0..calls.len() {
        let (world, faults) = run(Some((place, fault))).await;
        assert!(faults.count() > place, "call {place} was not made");
        check(&world, &format!("{fault:?} at call {place}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_done_costs_no_event() {
    walk(Fault::NotSent).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_done_although_its_answer_is_lost_records_nothing_twice() {
    walk(Fault::AnswerLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_of_unknown_outcome_records_nothing_twice() {
    walk(Fault::Broken(503)).await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_costs_no_event() {
    walk(Fault::Refused("ProvisionedThroughputExceededException", None)).await;
}

#[tokio::test(start_paused = true)]
async fn statements_of_a_batch_that_are_not_done_are_sent_again() {
    let throttled = Fault::NoneDone("ThrottlingError");
    let (world, faults) = run(None).await;
    faults.calls();
    faults.plan("BatchExecuteStatement", [throttled, throttled]);
    let appender = Appender::of(world.system.app("audit-append").unwrap());
    let ids: Vec<String> = (6..40).map(|number| format!("event-{number}")).collect();
    assert_eq!(deliver(&appender, &ids).await, [] as [String; 0]);
    let calls = faults.calls();
    let batches = calls.iter().filter(|call| call.operation == "BatchExecuteStatement").count();
    // Thirty-four items are two batches, each of which was throttled once.
    assert_eq!((batches, faults.left()), (4, 0));
    assert_eq!(world.verify(&default()).await.unwrap().head.size(), 40);

    // What will not pass is told, and the next writer makes the index whole.
    faults.plan("BatchExecuteStatement", [Fault::NoneDone("AccessDenied")]);
    let more = ["event-40".to_owned()];
    assert_eq!(deliver(&appender, &more).await, more);
    assert_eq!(deliver(&appender, &more).await, [] as [String; 0]);
    assert_eq!(world.verify(&default()).await.unwrap().head.size(), 41);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_ends_before_a_call_costs_no_event() {
    walk(Fault::EndsBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_ends_after_a_call_records_nothing_twice() {
    walk(Fault::EndsAfter).await;
}
