//! The event source mapping of a table's stream.
//!
//! **Invariant:** records reach the function in the order of the stream, and the position passes a
//! record only once the function has had it or its failure was told to the destination.

use super::batch::{Outcome, lets_through, outcome};
use super::handler::Handler;
use super::{PumpError, Step};
use crate::embedded::{Embedded, HORIZON, Stream};
use crate::messaging::{Messaging, Outgoing};
use crate::moment::{with_milliseconds, with_seconds};
use crate::names;
use crate::template::{Function, StreamTrigger};
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use uuid::Uuid;

/// How long a mapping rests when it is told of no write.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// The wait before a failed batch is repeated: this, doubled each time up to the second.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct StreamMapping {
    function: String,
    function_arn: String,
    trigger: StreamTrigger,
    handler: Handler,
    stream: Stream,
    /// What the position is remembered by. A table made anew has another stream, read from its
    /// beginning.
    key: String,
    embedded: Embedded,
    messaging: Messaging,
    /// What was read and not yet handled, in order.
    work: Mutex<VecDeque<Batch>>,
}

#[derive(Debug)]
struct Batch {
    /// Those that the filter let through.
    records: Vec<Value>,
    /// The sequence number of the last one, also of those that the filter did not let through.
    through: String,
    failures: u32,
}

impl StreamMapping {
    pub(super) fn new(
        function: &Function,
        trigger: &StreamTrigger,
        handler: Handler,
        embedded: &Embedded,
        messaging: &Messaging,
    ) -> Result<Self, PumpError> {
        let stream = embedded.stream(&trigger.table)?.ok_or_else(|| PumpError::NoStream {
            function: function.id.clone(),
            table: trigger.table.clone(),
        })?;
        let key = format!("{} {}", function.id, stream.arn);
        if messaging.position(&key)?.is_none() {
            let start = if trigger.from_start { HORIZON } else { &stream.newest };
            messaging.set_position(&key, start)?;
        }
        Ok(Self {
            function: function.folder.clone(),
            function_arn: names::function_arn(&function.id),
            trigger: trigger.clone(),
            handler,
            stream,
            key,
            embedded: embedded.clone(),
            messaging: messaging.clone(),
            work: Mutex::default(),
        })
    }

    pub(super) fn reads(&self, table: &str) -> bool {
        self.trigger.table == table
    }

    pub(super) fn name(&self) -> String {
        format!("{} from {}", self.function, self.trigger.table)
    }

    pub(super) fn wakes(&self) -> watch::Receiver<()> {
        self.embedded.writes()
    }

    /// The sequence number of the last record that is done with.
    pub(super) fn position(&self) -> Result<String, PumpError> {
        Ok(self.messaging.position(&self.key)?.unwrap_or_else(|| HORIZON.to_owned()))
    }

    /// Hands one batch to the function.
    pub(super) async fn step(&self, with_window: bool) -> Result<Step, PumpError> {
        let mut known = self.work.lock().await;
        // Put back only at the end: after an error, or when the caller goes away, reading begins
        // again at the position, so that nothing is skipped.
        let mut work = mem::take(&mut *known);
        if work.is_empty() {
            work.extend(self.read(with_window).await?);
        }
        let Some(batch) = work.pop_front() else { return Ok(Step::Idle) };
        let step = self.handle(batch, &mut work).await?;
        *known = work;
        Ok(step)
    }

    async fn handle(
        &self,
        mut batch: Batch,
        work: &mut VecDeque<Batch>,
    ) -> Result<Step, PumpError> {
        let Some(failed_from) = self.invoke(&batch.records).await else {
            self.messaging.set_position(&self.key, &batch.through)?;
            return Ok(Step::Done);
        };
        if let Some(last) = failed_from.checked_sub(1).and_then(|last| batch.records.get(last)) {
            self.messaging.set_position(&self.key, sequence_number(last))?;
            batch.records.drain(..failed_from);
            batch.failures = 0;
        }
        if self.trigger.bisect && failed_from == 0 && batch.records.len() > 1 {
            // Halving is not repeating: each half may still be repeated as often.
            let second = batch.records.split_off(batch.records.len() / 2);
            let middle = batch.records.last().map(sequence_number).unwrap_or_default().to_owned();
            let failures = batch.failures;
            work.push_front(Batch { records: second, through: batch.through, failures });
            work.push_front(Batch { records: batch.records, through: middle, failures });
            return Ok(Step::Failed { progress: true, pause: Duration::ZERO });
        }
        batch.failures += 1;
        if let Some(condition) = self.exhausted(&batch) {
            self.give_up(&batch, condition)?;
            return Ok(Step::Failed { progress: true, pause: Duration::ZERO });
        }
        let pause = BACKOFF.saturating_mul(1 << batch.failures.min(10)).min(BACKOFF_MAX);
        let progress = failed_from > 0 || self.trigger.retries_max.is_some();
        work.push_front(batch);
        Ok(Step::Failed { progress, pause })
    }

    /// A full batch, or what there was when the window was over. Records that the filter does not
    /// let through are passed without the function.
    async fn read(&self, with_window: bool) -> Result<Option<Batch>, PumpError> {
        let max = usize::try_from(self.trigger.batch_records_max).unwrap_or(usize::MAX);
        let window = if with_window { u64::from(self.trigger.window_seconds) } else { 0 };
        let deadline = Instant::now() + Duration::from_secs(window);
        let mut writes = self.wakes();
        loop {
            writes.mark_unchanged();
            let position = self.position()?;
            let records = self.embedded.stream_records(&self.stream, &position, max)?;
            let Some(through) = records.last().map(sequence_number).map(str::to_owned) else {
                return Ok(None);
            };
            let full = records.len() >= max;
            let filters = &self.trigger.filters;
            let records: Vec<_> =
                records.into_iter().filter(|record| lets_through(filters, record)).collect();
            if records.is_empty() {
                self.messaging.set_position(&self.key, &through)?;
            } else if full || Instant::now() >= deadline {
                return Ok(Some(Batch { records, through, failures: 0 }));
            } else {
                tokio::select! {
                    _ = writes.changed() => {}
                    () = tokio::time::sleep_until(deadline) => {}
                }
            }
        }
    }

    /// The place of the first record that failed, if one did.
    async fn invoke(&self, records: &[Value]) -> Option<usize> {
        let (function, table) = (&self.function, &self.trigger.table);
        let sequence_numbers: BTreeSet<_> = records.iter().map(sequence_number).collect();
        let outcome = match self.handler.invoke(json!({"Records": records})).await {
            Ok(answer) if self.trigger.partial_failures => outcome(&answer, &sequence_numbers),
            Ok(_) => Outcome::Done,
            Err(error) => {
                tracing::warn!(function, table, %error, "function_failed");
                Outcome::All
            }
        };
        tracing::debug!(function, table, records = records.len(), ?outcome, "records_handled");
        match outcome {
            Outcome::Done => None,
            Outcome::Some(failed) => {
                records.iter().position(|record| failed.contains(sequence_number(record)))
            }
            Outcome::All => Some(0),
        }
    }

    /// Why a failed batch is not to be repeated, if it is not.
    fn exhausted(&self, batch: &Batch) -> Option<&'static str> {
        let now = self.messaging.clock().now().as_seconds();
        let age = batch.records.first().map_or(0, |record| now - created_at(record));
        if self.trigger.retries_max.is_some_and(|max| batch.failures > max) {
            Some("RetryAttemptsExhausted")
        } else if self.trigger.record_age_seconds_max.is_some_and(|max| age > i64::from(max)) {
            Some("RecordAgeExceeded")
        } else {
            None
        }
    }

    /// Tells the destination, if there is one, and goes on after the batch.
    fn give_up(&self, batch: &Batch, condition: &str) -> Result<(), PumpError> {
        let (function, table) = (&self.function, &self.trigger.table);
        let records = batch.records.len();
        tracing::error!(function, table, records, condition, "records_given_up");
        if let Some(queue) = &self.trigger.on_failure {
            let message = Outgoing::plain(self.failure(batch, condition).to_string());
            self.messaging.send(&[(queue.as_str(), message)])?;
        }
        Ok(self.messaging.set_position(&self.key, &batch.through)?)
    }

    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
    fn failure(&self, batch: &Batch, condition: &str) -> Value {
        let (first, last) = (batch.records.first(), batch.records.last());
        let number = |record: Option<&Value>| record.map(|one| sequence_number(one).to_owned());
        let arrival = |record: Option<&Value>| {
            let seconds = record.map_or(0, created_at);
            Timestamp::from_microseconds(seconds.saturating_mul(1_000_000)).map(with_seconds)
        };
        json!({
            "requestContext": {
                "requestId": Uuid::new_v4().to_string(),
                "functionArn": self.function_arn,
                "condition": condition,
                "approximateInvokeCount": batch.failures,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": with_milliseconds(self.messaging.clock().now()),
            "DDBStreamBatchInfo": {
                "shardId": self.stream.shard,
                "startSequenceNumber": number(first),
                "endSequenceNumber": number(last),
                "approximateArrivalOfFirstRecord": arrival(first),
                "approximateArrivalOfLastRecord": arrival(last),
                "batchSize": batch.records.len(),
                "streamArn": self.stream.arn,
            },
        })
    }
}

fn sequence_number(record: &Value) -> &str {
    record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default()
}

/// In seconds of Unix time.
fn created_at(record: &Value) -> i64 {
    let seconds = record.pointer("/dynamodb/ApproximateCreationDateTime").and_then(Value::as_i64);
    seconds.unwrap_or_default()
}
