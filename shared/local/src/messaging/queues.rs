//! What a queue does with its messages, whatever protocol asks for it.
//!
//! **Invariant:** a message is in one queue at a time and leaves it in the transaction that puts it
//! elsewhere, so that no crash loses or doubles one.

use super::attributes::{Attributes, md5_of, md5_of_attributes};
use super::{Messaging, QueueState};
use crate::template::Queue;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// The shortest sleep of a long poll, so that a clock that stands still is not asked all the time.
const SLEEP_MIN: Duration = Duration::from_millis(10);

/// A message on its way into a queue.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) body: String,
    pub(crate) attributes: Attributes,
    /// How long it stays hidden, where not as the queue says.
    pub(crate) delay_seconds: Option<u32>,
    /// The X-Ray header of the sender.
    pub(crate) trace: Option<String>,
}

impl Outgoing {
    pub(crate) fn plain(body: String) -> Self {
        Self { body, attributes: Attributes::new(), delay_seconds: None, trace: None }
    }
}

/// A received message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    number: i64,
    pub(crate) id: String,
    pub(crate) receipt: String,
    pub(crate) body: String,
    pub(crate) attributes: Attributes,
    pub(crate) trace: Option<String>,
    /// The queue that it was in before it became a dead letter.
    pub(crate) source: Option<String>,
    /// How often it was received, this time included.
    pub(crate) received: u32,
    /// In milliseconds of Unix time.
    pub(crate) sent_at: i64,
    /// In milliseconds of Unix time.
    pub(crate) first_received_at: i64,
}

impl Message {
    pub(crate) fn md5_of_body(&self) -> String {
        md5_of(&self.body)
    }

    pub(crate) fn md5_of_attributes(&self) -> Option<String> {
        md5_of_attributes(&self.attributes)
    }
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: i64,
    pub(super) in_flight: i64,
    pub(super) delayed: i64,
}

/// What became of a request to change when a message comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    Done,
    NotInFlight,
    Gone,
}

impl Messaging {
    pub(super) fn queue(&self, id: &str) -> Option<&QueueState> {
        self.0.queues.get(id)
    }

    /// In milliseconds of Unix time.
    pub(super) fn now(&self) -> i64 {
        self.0.clock.now().as_microseconds().div_euclid(1_000)
    }

    /// Puts each message into its queue, all or none, and returns their ids.
    pub(crate) fn send(&self, messages: &[(&str, Outgoing)]) -> rusqlite::Result<Vec<String>> {
        let now = self.now();
        let ids = self.transaction(|store| {
            let mut insert = store.prepare_cached(
                "INSERT INTO messages (queue, id, body, attributes, trace, sent_at, visible_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            let mut ids = Vec::new();
            for (queue, message) in messages {
                let id = Uuid::new_v4().to_string();
                let delay = message.delay_seconds.unwrap_or_else(|| {
                    self.queue(queue).map_or(0, |queue| queue.declared.delay_seconds)
                });
                let attributes = serde_json::to_string(&message.attributes)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let visible_at = now + 1_000 * i64::from(delay);
                let Outgoing { body, trace, .. } = message;
                insert.execute(params![queue, id, body, attributes, trace, now, visible_at])?;
                ids.push(id);
            }
            Ok(ids)
        })?;
        let queues: BTreeSet<_> = messages.iter().map(|(queue, _)| *queue).collect();
        queues.into_iter().for_each(|queue| self.arrived(queue));
        Ok(ids)
    }

    /// Takes up to `max` visible messages and hides them, moving to the dead-letter queue those
    /// that were received as often as they may be.
    pub(crate) fn receive(
        &self,
        queue: &str,
        max: usize,
        visibility_seconds: Option<u32>,
    ) -> rusqlite::Result<Vec<Message>> {
        let Some(QueueState { declared, .. }) = self.queue(queue) else { return Ok(Vec::new()) };
        let now = self.now();
        let seconds = visibility_seconds.unwrap_or(declared.visibility_seconds);
        let hidden_until = now + 1_000 * i64::from(seconds);
        let (received, moved) = self.transaction(|store| {
            expire(store, declared, now)?;
            let moved = redrive(store, declared, now)?;
            let mut messages = visible(store, queue, now, max)?;
            for message in &mut messages {
                take(store, message, now, hidden_until)?;
            }
            Ok((messages, moved))
        })?;
        if let Some(redrive) = declared.redrive.as_ref().filter(|_| moved > 0) {
            tracing::warn!(queue, dead_letter_queue = redrive.queue, moved, "messages_given_up");
            self.arrived(&redrive.queue);
        }
        Ok(received)
    }

    /// As [`Self::receive`], but waits up to `wait` for the first message.
    pub(super) async fn receive_within(
        &self,
        queue: &str,
        max: usize,
        visibility_seconds: Option<u32>,
        wait: Duration,
    ) -> rusqlite::Result<Vec<Message>> {
        let deadline = Instant::now() + wait;
        let Some(state) = self.queue(queue) else { return Ok(Vec::new()) };
        let mut arrivals = state.arrivals.subscribe();
        loop {
            arrivals.mark_unchanged();
            let received = self.receive(queue, max, visibility_seconds)?;
            if !received.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let wake = self.next_visible_in(queue)?.map(|sleep| Instant::now() + sleep);
            tokio::select! {
                _ = arrivals.changed() => {}
                () = tokio::time::sleep_until(wake.map_or(deadline, |wake| wake.min(deadline))) => {}
            }
        }
    }

    /// How long until a hidden message becomes visible, if one is hidden.
    pub(crate) fn next_visible_in(&self, queue: &str) -> rusqlite::Result<Option<Duration>> {
        let now = self.now();
        let next: Option<i64> = self.transaction(|store| {
            store
                .prepare_cached(
                    "SELECT MIN(visible_at) FROM messages WHERE queue = ?1 AND visible_at > ?2",
                )?
                .query_row(params![queue, now], |row| row.get(0))
        })?;
        let sleep = next.map(|next| u64::try_from(next - now).unwrap_or_default());
        Ok(sleep.map(|sleep| Duration::from_millis(sleep).max(SLEEP_MIN)))
    }

    /// Deletes the message of each receipt that is still the newest of its message.
    pub(crate) fn delete(&self, queue: &str, receipts: &[&str]) -> rusqlite::Result<()> {
        self.transaction(|store| {
            let mut delete = store.prepare_cached(
                "DELETE FROM messages WHERE number = ?1 AND queue = ?2 AND receipt = ?3",
            )?;
            for receipt in receipts {
                delete.execute(params![number_in(receipt), queue, receipt])?;
            }
            Ok(())
        })
    }

    /// Hides a message in flight for so many seconds from now.
    pub(super) fn hide(
        &self,
        queue: &str,
        receipt: &str,
        seconds: u32,
    ) -> rusqlite::Result<Hidden> {
        let now = self.now();
        let number = number_in(receipt);
        let hidden = self.transaction(|store| {
            let visible_at: Option<i64> = store
                .prepare_cached(
                    "SELECT visible_at FROM messages
                     WHERE number = ?1 AND queue = ?2 AND receipt = ?3",
                )?
                .query_row(params![number, queue, receipt], |row| row.get(0))
                .optional()?;
            match visible_at {
                None => Ok(Hidden::Gone),
                Some(visible_at) if visible_at <= now => Ok(Hidden::NotInFlight),
                Some(_) => {
                    store
                        .prepare_cached("UPDATE messages SET visible_at = ?2 WHERE number = ?1")?
                        .execute(params![number, now + 1_000 * i64::from(seconds)])?;
                    Ok(Hidden::Done)
                }
            }
        })?;
        self.arrived(queue);
        Ok(hidden)
    }

    /// Makes visible what is in flight, as if it had not been received, and returns how many messages that were.
    pub(super) fn release(&self) -> rusqlite::Result<usize> {
        let now = self.now();
        self.transaction(|store| {
            let shown = "UPDATE messages SET visible_at = ?1, received = MAX(received - 1, 0)
                         WHERE visible_at > ?1 AND receipt IS NOT NULL";
            store.execute(shown, [now])
        })
    }

    pub(super) fn purge(&self, queue: &str) -> rusqlite::Result<usize> {
        self.transaction(|store| store.execute("DELETE FROM messages WHERE queue = ?1", [queue]))
    }

    pub(super) fn counts(&self, queue: &Queue) -> rusqlite::Result<Counts> {
        let now = self.now();
        self.transaction(|store| {
            expire(store, queue, now)?;
            store
                .prepare_cached(
                    "SELECT COUNT(*) FILTER (WHERE visible_at <= ?2),
                            COUNT(*) FILTER (WHERE visible_at > ?2 AND receipt IS NOT NULL),
                            COUNT(*) FILTER (WHERE visible_at > ?2 AND receipt IS NULL)
                     FROM messages WHERE queue = ?1",
                )?
                .query_row(params![queue.id, now], |row| {
                    let (visible, in_flight, delayed) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    Ok(Counts { visible, in_flight, delayed })
                })
        })
    }

    /// Wakes whoever waits for messages of `queue`.
    pub(super) fn arrived(&self, queue: &str) {
        if let Some(state) = self.queue(queue) {
            state.arrivals.send_replace(());
        }
    }

    /// Whether a received message is hidden at all.
    pub(crate) fn hides(&self, queue: &str) -> bool {
        self.queue(queue).is_some_and(|queue| queue.declared.visibility_seconds > 0)
    }

    /// Changes when a message of `queue` may have become visible.
    pub(crate) fn arrivals(&self, queue: &str) -> Option<tokio::sync::watch::Receiver<()>> {
        self.queue(queue).map(|state| state.arrivals.subscribe())
    }
}

/// The number of the message that a receipt is for; none has number 0.
pub(super) fn number_in(receipt: &str) -> i64 {
    receipt.split_once('-').and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

fn expire(store: &Transaction<'_>, queue: &Queue, now: i64) -> rusqlite::Result<()> {
    store
        .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND sent_at < ?2")?
        .execute(params![queue.id, now - 1_000 * i64::from(queue.retention_seconds)])
        .map(drop)
}

/// Moves what was received too often, which begins a new count in the dead-letter queue but keeps
/// the id and the age.
fn redrive(store: &Transaction<'_>, queue: &Queue, now: i64) -> rusqlite::Result<usize> {
    let Some(redrive) = &queue.redrive else { return Ok(0) };
    store
        .prepare_cached(
            "UPDATE messages SET queue = ?4, source = ?1, visible_at = ?2, received = 0,
                                 first_received_at = NULL, receipt = NULL
             WHERE queue = ?1 AND visible_at <= ?2 AND received >= ?3 AND received > 0",
        )?
        .execute(params![queue.id, now, redrive.receives_max, redrive.queue])
}

fn visible(
    store: &Transaction<'_>,
    queue: &str,
    now: i64,
    max: usize,
) -> rusqlite::Result<Vec<Message>> {
    store
        .prepare_cached(
            "SELECT number, id, body, attributes, trace, source, received, sent_at,
                    first_received_at
             FROM messages WHERE queue = ?1 AND visible_at <= ?2
             ORDER BY visible_at, number LIMIT ?3",
        )?
        .query_map(params![queue, now, i64::try_from(max).unwrap_or(i64::MAX)], |row| {
            message(row, now)
        })?
        .collect()
}

fn message(row: &Row<'_>, now: i64) -> rusqlite::Result<Message> {
    let number: i64 = row.get(0)?;
    let attributes: String = row.get(3)?;
    let received: u32 = row.get(6)?;
    let first_received_at: Option<i64> = row.get(8)?;
    Ok(Message {
        number,
        id: row.get(1)?,
        receipt: format!("{number}-{}", Uuid::new_v4().simple()),
        body: row.get(2)?,
        // Written by `send` above, so it can be read.
        attributes: serde_json::from_str(&attributes).unwrap_or_default(),
        trace: row.get(4)?,
        source: row.get(5)?,
        received: received.saturating_add(1),
        sent_at: row.get(7)?,
        first_received_at: first_received_at.unwrap_or(now),
    })
}

fn take(
    store: &Transaction<'_>,
    message: &Message,
    now: i64,
    hidden_until: i64,
) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE messages SET visible_at = ?2, received = received + 1, receipt = ?3,
                                 first_received_at = COALESCE(first_received_at, ?4)
             WHERE number = ?1",
        )?
        .execute(params![message.number, hidden_until, message.receipt, now])
        .map(drop)
}
