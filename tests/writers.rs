//! Many writers of one chain, which are killed at any moment.
//!
//! What each of them was given is given again until it is acknowledged, as the queue does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use audit_append::Appender;
use domain::id::TenantId;
use futures::future::join_all;

use crate::World;
use crate::ledger::{message, queued};
use crate::numbers::Numbers;

/// Writers of a campaign.
pub const WRITERS: usize = 8;

/// Times that a batch is brought before the queue would give it up.
const DELIVERIES_MAX: usize = 200;

/// What the writers have done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Messages that were acknowledged; an event that several were given counts for each.
    pub acknowledged: usize,
    /// Deliveries that were killed.
    pub kills: usize,
    /// Records of the chain, at the end.
    pub records: usize,
}

#[derive(Debug, Default)]
struct Counts {
    acknowledged: AtomicUsize,
    kills: AtomicUsize,
}

impl Counts {
    fn read(&self) -> Done {
        let Self { acknowledged, kills } = self;
        let (acknowledged, kills) =
            (acknowledged.load(Ordering::Relaxed), kills.load(Ordering::Relaxed));
        Done { acknowledged, kills, records: 0 }
    }
}

/// What of a batch was not acknowledged.
pub async fn deliver(appender: &Appender, ids: &[String]) -> Vec<String> {
    let event = serde_json::from_value(queued(ids.iter().map(|id| message(id)))).unwrap();
    let response = audit_append::handle(appender, event).await.unwrap();
    let failed = response.batch_item_failures.into_iter();
    failed.map(|failure| ids[failure.item_identifier.parse::<usize>().unwrap()].clone()).collect()
}

/// Lets eight writers append so many events each, and kills them now and then.
///
/// Every fifth event is given to all of them. In the end each is in the chain once, there is no gap, and
/// everything verifies. Tells how far it is after each batch.
pub async fn campaign(
    world: &World,
    events: usize,
    progress: impl Fn(Done) + Clone + Send + 'static,
) -> Done {
    let counts = Arc::<Counts>::default();
    let writer = |writer| {
        let (world, counts, progress) = (world.clone(), Arc::clone(&counts), progress.clone());
        tokio::spawn(async move { write(&world, writer, events, &counts, progress).await })
    };
    join_all((0..WRITERS).map(writer)).await.into_iter().for_each(Result::unwrap);
    let tenant = TenantId::parse("default").unwrap();
    let records = world.records(&tenant).await;
    let ids: BTreeSet<_> =
        records.iter().map(|record| record.record.message.event_id.clone()).collect();
    let shared = events.div_ceil(5);
    let distinct = shared + WRITERS * (events - shared);
    assert_eq!((records.len(), ids.len()), (distinct, distinct));
    let sequences = records.iter().map(|record| record.record.sequence);
    assert!(sequences.eq(1..=distinct as u64), "the sequence has a gap");
    let verified = world.verify(&tenant).await.unwrap();
    assert_eq!(verified.head.size(), distinct as u64);
    Done { records: distinct, ..counts.read() }
}

/// One writer.
async fn write(
    world: &World,
    writer: usize,
    events: usize,
    counts: &Counts,
    progress: impl Fn(Done),
) {
    let app = world.system.app("audit-append").unwrap();
    let numbers = Numbers::of(writer as u64 + 1);
    let ids: Vec<String> = (0..events)
        .map(|number| {
            let owner = if number % 5 == 0 { 0 } else { writer + 1 };
            format!("event-{owner}-{number}")
        })
        .collect();
    let mut rest = ids.as_slice();
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
                        counts.kills.fetch_add(1, Ordering::Relaxed);
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
        counts.acknowledged.fetch_add(size, Ordering::Relaxed);
        progress(counts.read());
        rest = later;
    }
}
