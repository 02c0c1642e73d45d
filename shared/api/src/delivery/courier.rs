//! What is sent when: rows in their order, each until it has arrived or is given up.
//!
//! **Invariant:** of one aggregate at most one event is under way, and a later one goes only when the one
//! before has arrived, or was given up. Events of different aggregates do not wait for one another.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use domain::event::{DELIVERY_ATTEMPTS_MAX, Event, pause_after};
use domain::id::EventId;
use domain::time::{Clock, Timestamp};
use futures::future::join_all;
use store::{AuditRow, Mark, OutboxRow, Store};
use tokio::time::Instant;

use super::{AuditQueue, DeadLetters, NO_QUEUE, NO_TOPIC, Publisher, SendError};
use crate::app::App;
use crate::metrics;

/// How long one call of [`Courier::deliver`] goes on beginning attempts, in seconds: so much less than the
/// minute that the functions have, that the last attempt still ends.
const DELIVER_SECONDS_MAX: u64 = 40;

/// Delivers rows of the events table.
#[derive(Clone, Debug)]
pub struct Courier {
    /// The table of the rows.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    publisher: Publisher,
    audit_queue: AuditQueue,
    dead_letters: DeadLetters,
    metrics_namespace: Option<String>,
    time: Duration,
}

/// Whether a row needs no more care of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It arrived, was given up, or is the sweeper's.
    Yes,
    /// It is as pending as it was: bring it again, and what follows it.
    No,
}

/// What a courier did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Rows that arrived.
    pub published: u32,
    /// Rows that were given up.
    pub failed: u32,
    /// Attempts that failed and were not the last.
    pub retried: u32,
    /// Rows for which there is no topic or queue.
    pub skipped: u32,
    /// For each row that arrived, how long after it was stored, in milliseconds.
    pub lags: Vec<f64>,
}

/// What is to be done about a row after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing.
    Done,
    /// Another attempt, after so many in all.
    Again(u32),
    /// Nothing now: the table cannot be reached.
    Leave,
}

/// Rows that go one after the other.
struct Line {
    places: VecDeque<usize>,
    not_before: Instant,
}

impl Courier {
    /// The courier of a function.
    pub fn of(app: &App) -> Self {
        Self {
            store: app.store.clone(),
            clock: app.clock.clone(),
            publisher: Publisher::of(app),
            audit_queue: AuditQueue::of(app),
            dead_letters: DeadLetters::of(app),
            metrics_namespace: app.config.metrics_namespace.clone(),
            time: Duration::from_secs(DELIVER_SECONDS_MAX),
        }
    }

    /// The courier with another limit on the time that one delivery goes on.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Whether there is anywhere to deliver to.
    pub fn is_configured(&self) -> bool {
        self.publisher.is_configured() || self.audit_queue.is_configured()
    }

    /// Delivers rows; says for each, in their order, whether it is settled.
    pub async fn deliver(&self, rows: &[OutboxRow]) -> (Vec<Settled>, Tally) {
        let deadline = Instant::now() + self.time;
        let mut settled = vec![Settled::No; rows.len()];
        let mut tally = Tally::default();
        let mut lines = lines(rows);
        loop {
            lines.retain(|line| !line.places.is_empty());
            let Some(first) = lines.iter().map(|line| line.not_before).min() else { break };
            if first.max(Instant::now()) > deadline {
                break;
            }
            tokio::time::sleep_until(first).await;
            let now = Instant::now();
            let due: Vec<(&mut Line, usize)> = lines
                .iter_mut()
                .filter(|line| line.not_before <= now)
                .filter_map(|line| line.places.front().copied().map(|place| (line, place)))
                .collect();
            let batch: Vec<&OutboxRow> =
                due.iter().filter_map(|(_, place)| rows.get(*place)).collect();
            let results = self.send(&batch).await;
            let marks = batch.iter().zip(results).map(|(row, result)| self.settle(row, result));
            for ((line, place), (next, change)) in due.into_iter().zip(join_all(marks).await) {
                tally.add(change);
                match next {
                    Next::Done => {
                        line.places.pop_front();
                        if let Some(settled) = settled.get_mut(place) {
                            *settled = Settled::Yes;
                        }
                    }
                    Next::Again(attempts) => {
                        let pause = pause_after(attempts).unwrap_or_default();
                        line.not_before = Instant::now() + Duration::from_millis(pause);
                    }
                    Next::Leave => line.places.clear(),
                }
            }
        }
        (settled, tally)
    }

    /// Writes the metrics of a delivery; with the age of the oldest row that waits, in seconds, where the
    /// caller knows it.
    pub fn report(&self, function: &'static str, tally: &Tally, oldest_seconds: Option<f64>) {
        if let Some(namespace) = &self.metrics_namespace {
            metrics::emit_delivery(namespace, function, tally, oldest_seconds, self.clock.now());
        }
    }

    /// Sends rows, events and audit entries side by side.
    async fn send(&self, rows: &[&OutboxRow]) -> Vec<Result<(), SendError>> {
        let events: Vec<&Event> = rows
            .iter()
            .filter_map(|row| match row {
                OutboxRow::Event { stored, .. } => Some(&stored.event),
                OutboxRow::Audit(_) => None,
            })
            .collect();
        let audits: Vec<&AuditRow> = rows
            .iter()
            .filter_map(|row| match row {
                OutboxRow::Audit(row) => Some(&**row),
                OutboxRow::Event { .. } => None,
            })
            .collect();
        let (events, audits) =
            tokio::join!(self.publisher.publish(&events), self.audit_queue.send(&audits));
        let (mut events, mut audits) = (events.into_iter(), audits.into_iter());
        rows.iter()
            .map(|row| {
                let result = match row {
                    OutboxRow::Event { .. } => events.next(),
                    OutboxRow::Audit(_) => audits.next(),
                };
                result.unwrap_or_else(|| Err(SendError::Failed("it was not sent".to_owned())))
            })
            .collect()
    }

    /// Marks what an attempt came to, and says what is next.
    async fn settle(&self, row: &OutboxRow, result: Result<(), SendError>) -> (Next, Tally) {
        let (event_id, event_type) = (row.event_id(), name_of(row));
        match result {
            Ok(()) => {
                let now = self.clock.now();
                tracing::info!(%event_id, event_type, "events_engine_published");
                self.mark(row, Mark::Succeeded { attempts: 1 }, now).await;
                let lag = now.as_microseconds().saturating_sub(row.created_at().as_microseconds());
                #[expect(clippy::cast_precision_loss, reason = "a duration, for a metric")]
                let lags = vec![lag as f64 / 1_000.0];
                (Next::Done, Tally { published: 1, lags, ..Tally::default() })
            }
            Err(SendError::NoAddress) => {
                tracing::info!(%event_id, event_type, "events_engine_publish_skipped");
                let reason = match row {
                    OutboxRow::Event { .. } => NO_TOPIC,
                    OutboxRow::Audit(_) => NO_QUEUE,
                };
                if row.last_error() != Some(reason) {
                    self.mark(row, Mark::Noted(reason), self.clock.now()).await;
                }
                (Next::Done, Tally { skipped: 1, ..Tally::default() })
            }
            Err(SendError::Failed(error)) => self.count(row, &error).await,
        }
    }

    /// Counts a failed attempt on the row, so that however often the process ends and whoever goes on,
    /// the attempts are as many as allowed.
    async fn count(&self, row: &OutboxRow, error: &str) -> (Next, Tally) {
        let event_id = row.event_id();
        let mark = Mark::Tried { attempts: 1, error };
        let attempts = match self.store.outbox_mark(row, mark, self.clock.now()).await {
            Ok(attempts) => attempts,
            // Someone else has settled it.
            Err(store::Error::Conflict(_)) => return (Next::Done, Tally::default()),
            Err(unmarked) => {
                tracing::warn!(%event_id, error, %unmarked, "an attempt was not counted");
                return (Next::Leave, Tally::default());
            }
        };
        tracing::warn!(%event_id, event_type = name_of(row), attempts, error, "events_engine_publish_failed");
        if attempts < DELIVERY_ATTEMPTS_MAX {
            return (Next::Again(attempts), Tally { retried: 1, ..Tally::default() });
        }
        self.give_up(row, attempts, error).await;
        (Next::Done, Tally { failed: 1, ..Tally::default() })
    }

    /// The letter goes before the mark: a crash in between sends two letters, not none.
    async fn give_up(&self, row: &OutboxRow, attempts: u32, error: &str) {
        let event_id = row.event_id();
        match self.dead_letters.send(row, attempts, error).await {
            Ok(()) => {}
            Err(SendError::NoAddress) => {
                tracing::warn!(%event_id, "given up, and no queue is configured for what is");
            }
            Err(SendError::Failed(unsent)) => {
                // It stays pending: the sweeper tries once more, and to send the letter, too.
                tracing::error!(%event_id, unsent, "a delivery cannot be given up");
                return;
            }
        }
        tracing::error!(%event_id, event_type = name_of(row), attempts, error, "events_engine_given_up");
        self.mark(row, Mark::Failed, self.clock.now()).await;
    }

    /// A mark that cannot be written leaves the row to the sweeper.
    async fn mark(&self, row: &OutboxRow, mark: Mark<'_>, now: Timestamp) {
        match self.store.outbox_mark(row, mark, now).await {
            Ok(_) | Err(store::Error::Conflict(_)) => {}
            Err(error) => {
                let event_id: &EventId = row.event_id();
                tracing::warn!(%event_id, %error, "a delivery was not marked");
            }
        }
    }
}

impl Tally {
    /// Adds what someone else did, or the same one at another time.
    pub fn add(&mut self, other: Self) {
        self.published += other.published;
        self.failed += other.failed;
        self.retried += other.retried;
        self.skipped += other.skipped;
        self.lags.extend(other.lags);
    }
}

/// The rows of each aggregate in one line; every other row in a line of its own.
fn lines(rows: &[OutboxRow]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut of_aggregate = HashMap::new();
    let now = Instant::now();
    for (place, row) in rows.iter().enumerate() {
        let aggregate = match row {
            OutboxRow::Event { stored, .. } => stored.event.aggregate.as_ref(),
            OutboxRow::Audit(_) => None,
        };
        let known = aggregate.and_then(|aggregate| {
            let next = lines.len();
            let line = *of_aggregate.entry((row.tenant_id(), aggregate)).or_insert(next);
            lines.get_mut(line)
        });
        match known {
            Some(line) => line.places.push_back(place),
            None => lines.push(Line { places: VecDeque::from([place]), not_before: now }),
        }
    }
    lines
}

fn name_of(row: &OutboxRow) -> &str {
    match row {
        OutboxRow::Event { stored, .. } => stored.event.event_type.as_str(),
        OutboxRow::Audit(row) => &row.action,
    }
}
