//! Many writers of one chain, killed at any moment; and one, failed at every call in every way.
//!
//! What each of them was given is given again until it is acknowledged, as the queue does. Then every event
//! is in the chain exactly once, without a gap, and everything verifies.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use audit_append::Appender;
use domain::id::TenantId;
use futures::future::join_all;
use tests::World;
use tests::faults::{Fault, Faults};
use tests::ledger::{message, queued};

const WRITERS: usize = 8;

/// Events that each writer is given, of which every fifth is another writer's, too.
const EVENTS: usize = 250;

/// Times that a batch is brought before the queue would give it up.
const DELIVERIES_MAX: usize = 200;

fn default() -> TenantId {
    TenantId::parse("default").unwrap()
}

/// Numbers that look random and are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What of a batch was not acknowledged.
async fn deliver(appender: &Appender, ids: &[String]) -> Vec<String> {
    let event = serde_json::from_value(queued(ids.iter().map(|id| message(id)))).unwrap();
    let response = audit_append::handle(appender, event).await.unwrap();
    let failed = response.batch_item_failures.into_iter();
    failed.map(|failure| ids[failure.item_identifier.parse::<usize>().unwrap()].clone()).collect()
}

/// One writer, which is killed now and then.
async fn write(world: World, writer: usize) -> usize {
    let app = world.system.app("audit-append").unwrap();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ (writer as u64 + 1));
    let ids: Vec<String> = (0..EVENTS)
        .map(|number| {
            let owner = if number % 5 == 0 { 0 } else { writer + 1 };
            format!("event-{owner}-{number}")
        })
        .collect();
    let (mut rest, mut kills) = (ids.as_slice(), 0);
    while !rest.is_empty() {
        let size = usize::try_from(numbers.below(60) + 1).unwrap().min(rest.len());
        let (now, later) = rest.split_at(size);
        let mut waiting = now.to_vec();
        for _ in 0..DELIVERIES_MAX {
            // Each delivery is another process: nothing is remembered from the one before.
            let appender = Appender::of(app);
            let work = deliver(&appender, &waiting);
            waiting = if numbers.below(3) == 0 {
                let killed = Duration::from_micros(numbers.below(8_000));
                match tokio::time::timeout(killed, work).await {
                    Ok(failed) => failed,
                    Err(_) => {
                        kills += 1;
                        continue;
                    }
                }
            } else {
                work.await
            };
            if waiting.is_empty() {
                break;
            }
        }
        assert!(waiting.is_empty(), "writer {writer} never got through");
        rest = later;
    }
    kills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_that_are_killed_record_each_event_exactly_once() {
    let world = World::new();
    let writers = (0..WRITERS).map(|writer| tokio::spawn(write(world.clone(), writer)));
    let kills: usize = join_all(writers).await.into_iter().map(Result::unwrap).sum();
    assert!(kills > 10, "only {kills} were killed");
    let records = world.records(&default()).await;
    let ids: BTreeSet<_> =
        records.iter().map(|record| record.record.message.event_id.clone()).collect();
    let shared = EVENTS.div_ceil(5);
    let distinct = shared + WRITERS * (EVENTS - shared);
    assert_eq!((records.len(), ids.len()), (distinct, distinct));
    let sequences: Vec<u64> = records.iter().map(|record| record.record.sequence).collect();
    assert_eq!(sequences, (1..=distinct as u64).collect::<Vec<_>>());
    let verified = world.verify(&default()).await.unwrap();
    assert_eq!(verified.head.size(), distinct as u64);
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
async fn a_writer_that_ends_before_a_call_costs_no_event() {
    walk(Fault::EndsBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_ends_after_a_call_records_nothing_twice() {
    walk(Fault::EndsAfter).await;
}
