//! The outbox sweeper: on a schedule, delivers what has waited for longer than a minute.
//!
//! The stream keeps what it brings for a day, and a request may end before it has published; the index of
//! what is undelivered keeps it until it is delivered. A run ends when there is nothing more, when it has
//! delivered enough, or when its time is over; the next begins anew, and finds what is left.

use std::time::Duration;

use api::delivery::{Courier, Settled, Tally};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

const FUNCTION: &str = "outbox-sweeper";

/// How long a row is left to the relay, in seconds.
pub const PENDING_SECONDS_MIN: i64 = 60;

/// Most rows that one run delivers.
pub const RUN_ROWS_MAX: u32 = 1_000;

/// How long one run goes on, in seconds.
pub const RUN_SECONDS_MAX: u64 = 20;

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Swept {
    /// Rows that arrived.
    pub published: u32,
    /// Rows that were given up.
    pub failed: u32,
    /// Rows that wait still, of those that were looked at.
    pub left: u32,
    /// Rows that cannot be read.
    pub unreadable: u32,
    /// Whether everything was looked at.
    pub complete: bool,
    /// How long the oldest row had waited, in seconds.
    pub oldest_seconds: f64,
}

/// One run. What the schedule says is of no interest.
pub async fn handle(courier: &Courier, _schedule: Value) -> Result<Swept, store::Error> {
    let mut swept = Swept::default();
    if !courier.is_configured() {
        tracing::info!("events_engine_publish_skipped");
        return Ok(swept);
    }
    let now = courier.clock.now();
    let before = now.plus_seconds(-PENDING_SECONDS_MIN);
    let deadline = Instant::now() + Duration::from_secs(RUN_SECONDS_MAX);
    let mut all = Tally::default();
    let mut position = None;
    loop {
        let page = courier.store.undelivered_read(before, position).await?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            match row {
                Ok(row) => rows.push(row),
                Err(error) => {
                    tracing::error!(%error, "a row cannot be read");
                    swept.unreadable += 1;
                }
            }
        }
        let oldest = rows.iter().map(store::OutboxRow::created_at).min().unwrap_or(now);
        let age = now.as_microseconds().saturating_sub(oldest.as_microseconds());
        #[expect(clippy::cast_precision_loss, reason = "a duration, for a metric")]
        let age_seconds = age as f64 / 1_000_000.0;
        swept.oldest_seconds = swept.oldest_seconds.max(age_seconds);
        let time = deadline.saturating_duration_since(Instant::now());
        let (settled, tally) = courier.clone().within(time).deliver(&rows).await;
        let left = settled.iter().filter(|settled| **settled == Settled::No).count();
        swept.left += u32::try_from(left).unwrap_or(u32::MAX) + tally.skipped;
        all.add(tally);
        position = page.next;
        let is_over = all.published + all.failed >= RUN_ROWS_MAX || Instant::now() >= deadline;
        if position.is_none() || is_over {
            break;
        }
    }
    swept.complete = position.is_none();
    (swept.published, swept.failed) = (all.published, all.failed);
    courier.report(FUNCTION, &all, Some(swept.oldest_seconds));
    Ok(swept)
}
