//! Moving dead letters back: `StartMessageMoveTask` and `ListMessageMoveTasks`.
//!
//! A task is done before its start is answered, so there is nothing to cancel.

use super::super::Messaging;
use super::super::fault::Fault;
use crate::names;
use rusqlite::{Transaction, params};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use uuid::Uuid;

/// As many tasks as SQS lists, and as are remembered here for each queue.
const LISTED_MAX: usize = 10;

/// A move that was done.
#[derive(Debug)]
pub(in super::super) struct Move {
    source: String,
    destination: Option<String>,
    started_at: i64,
    moved: usize,
    left: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartMove {
    source_arn: String,
    destination_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMoves {
    source_arn: String,
    max_results: Option<usize>,
}

impl Messaging {
    pub(super) fn start_move(&self, request: StartMove) -> Result<Value, Fault> {
        let source = self.dead_letter_queue(&request.source_arn)?;
        let destination =
            request.destination_arn.as_deref().map(|arn| self.move_end(arn)).transpose()?;
        let now = self.now();
        let (reached, moved, left) =
            self.transaction(|store| moved(store, source, destination, now))?;
        reached.iter().for_each(|queue| self.arrived(queue));
        tracing::info!(queue = source, moved, left, "dead_letters_moved");
        let done = Move {
            source: source.to_owned(),
            destination: destination.map(str::to_owned),
            started_at: now,
            moved,
            left,
        };
        self.0.moves.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        Ok(json!({"TaskHandle": Uuid::new_v4().to_string()}))
    }

    pub(super) fn list_moves(&self, request: ListMoves) -> Result<Value, Fault> {
        let source = self.dead_letter_queue(&request.source_arn)?;
        let max = request.max_results.unwrap_or(1).clamp(1, LISTED_MAX);
        let moves = self.0.moves.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = moves.iter().rev().filter(|done| done.source == source).take(max);
        Ok(json!({"Results": newest.map(Move::answer).collect::<Vec<_>>()}))
    }

    fn move_end(&self, arn: &str) -> Result<&str, Fault> {
        let missing = |_| Fault {
            status: 404,
            ..Fault::new(
                "ResourceNotFoundException",
                "The resource that you specified for the SourceArn or DestinationArn parameter doesn't exist.",
            )
        };
        self.queue_at(arn).map(|(id, _)| id).map_err(missing)
    }

    /// The queue with this ARN, which another queue must name as its dead-letter queue.
    fn dead_letter_queue(&self, arn: &str) -> Result<&str, Fault> {
        let id = self.move_end(arn)?;
        let names_it = |queue: &super::QueueState| {
            queue.declared.redrive.as_ref().is_some_and(|redrive| redrive.queue == id)
        };
        if self.0.queues.values().any(names_it) {
            return Ok(id);
        }
        let message = "Source queue must be configured as a Dead Letter Queue.";
        Err(Fault::new("InvalidParameterValue", message))
    }
}

impl Move {
    fn answer(&self) -> Value {
        let mut answer = json!({
            "Status": if self.left == 0 { "COMPLETED" } else { "FAILED" },
            "SourceArn": names::queue_arn(&self.source),
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.moved + self.left,
            "StartedTimestamp": self.started_at,
        });
        if let Some(fields) = answer.as_object_mut() {
            if let Some(queue) = &self.destination {
                fields.insert("DestinationArn".to_owned(), names::queue_arn(queue).into());
            }
            if self.left > 0 {
                let reason = "CouldNotDetermineMessageSource";
                fields.insert("FailureReason".to_owned(), Value::from(reason));
            }
        }
        answer
    }
}

/// Moves the visible messages of `source` to `destination` or to where each came from, as new
/// messages. What came from nowhere stays. Returns the queues reached, and how many messages were
/// moved and how many stayed.
fn moved(
    store: &Transaction<'_>,
    source: &str,
    destination: Option<&str>,
    now: i64,
) -> rusqlite::Result<(BTreeSet<String>, usize, usize)> {
    let origins: Vec<(i64, Option<String>)> = store
        .prepare_cached(
            "SELECT number, source FROM messages WHERE queue = ?1 AND visible_at <= ?2",
        )?
        .query_map(params![source, now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut update = store.prepare_cached(
        "UPDATE messages SET queue = ?2, id = ?3, source = NULL, sent_at = ?4, visible_at = ?4,
                             received = 0, first_received_at = NULL, receipt = NULL
         WHERE number = ?1",
    )?;
    let (mut reached, mut moved, mut left) = (BTreeSet::new(), 0, 0);
    for (number, origin) in origins {
        match destination.map(str::to_owned).or(origin) {
            Some(queue) => {
                update.execute(params![number, queue, Uuid::new_v4().to_string(), now])?;
                moved += 1;
                reached.insert(queue);
            }
            None => left += 1,
        }
    }
    Ok((reached, moved, left))
}
