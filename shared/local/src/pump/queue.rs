//! The event source mapping of a queue.

use super::batch::{Outcome, lets_through, outcome};
use super::handler::Handler;
use super::{PAUSE, PumpError, Step};
use crate::messaging::{Attribute, Message, Messaging};
use crate::names;
use crate::template::{Function, QueueTrigger};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// As many batches at once as Lambda begins with.
const WORKERS_MAX: u32 = 5;
/// How long a worker rests when nothing is hidden and nothing arrives.
const POLL: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct QueueMapping {
    function: String,
    trigger: QueueTrigger,
    handler: Handler,
    messaging: Messaging,
}

impl QueueMapping {
    pub(super) fn new(
        function: &Function,
        trigger: &QueueTrigger,
        handler: Handler,
        messaging: &Messaging,
    ) -> Self {
        Self {
            function: function.folder.clone(),
            trigger: trigger.clone(),
            handler,
            messaging: messaging.clone(),
        }
    }

    pub(super) fn workers(&self) -> usize {
        let workers = self.trigger.concurrency_max.unwrap_or(WORKERS_MAX).min(WORKERS_MAX);
        usize::try_from(workers).unwrap_or(1)
    }

    pub(super) fn name(&self) -> String {
        format!("{} from {}", self.function, self.trigger.queue)
    }

    pub(super) fn wakes(&self) -> Option<watch::Receiver<()>> {
        self.messaging.arrivals(&self.trigger.queue)
    }

    pub(super) fn rest(&self) -> Result<Duration, PumpError> {
        let next = self.messaging.next_visible_in(&self.trigger.queue)?;
        Ok(next.map_or(POLL, |next| next.min(POLL)))
    }

    /// Hands one batch to the function. What succeeded is deleted; what failed comes back when its
    /// visibility ends.
    pub(super) async fn step(&self, with_window: bool) -> Result<Step, PumpError> {
        let QueueTrigger { queue, filters, .. } = &self.trigger;
        let messages = loop {
            let received = self.receive(with_window).await?;
            if received.is_empty() {
                return Ok(Step::Idle);
            }
            let (messages, filtered): (Vec<_>, Vec<_>) = received
                .into_iter()
                .partition(|one| lets_through(filters, &filterable(one, queue)));
            self.delete(&filtered)?;
            if !messages.is_empty() {
                break messages;
            }
        };
        let records: Vec<_> = messages.iter().map(|message| record(message, queue)).collect();
        let failed = self.invoke(json!({"Records": records}), &messages).await;
        let (failed, done): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| failed.contains(&message.id));
        self.delete(&done)?;
        if failed.is_empty() {
            return Ok(Step::Done);
        }
        // Hidden, unless the queue hides nothing: then they would fail again at once, for ever.
        let hidden = self.messaging.hides(queue);
        let pause = if hidden { Duration::ZERO } else { PAUSE };
        Ok(Step::Failed { progress: hidden || !done.is_empty(), pause })
    }

    /// A full batch, or what came until the window was over.
    async fn receive(&self, with_window: bool) -> Result<Vec<Message>, PumpError> {
        let QueueTrigger { queue, batch_messages_max, window_seconds, .. } = &self.trigger;
        let max = usize::try_from(*batch_messages_max).unwrap_or(usize::MAX);
        let window = Duration::from_secs(if with_window { u64::from(*window_seconds) } else { 0 });
        let deadline = Instant::now() + window;
        let mut arrivals = self.wakes();
        let mut batch = Vec::new();
        loop {
            if let Some(arrivals) = &mut arrivals {
                arrivals.mark_unchanged();
            }
            batch.extend(self.messaging.receive(queue, max - batch.len(), None)?);
            if batch.is_empty() || batch.len() >= max || Instant::now() >= deadline {
                return Ok(batch);
            }
            let arrived = async {
                match &mut arrivals {
                    Some(arrivals) => drop(arrivals.changed().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// The ids of the messages that failed.
    async fn invoke(&self, event: Value, messages: &[Message]) -> BTreeSet<String> {
        let ids: BTreeSet<&str> = messages.iter().map(|message| message.id.as_str()).collect();
        let (function, queue) = (&self.function, &self.trigger.queue);
        let outcome = match self.handler.invoke(event).await {
            Ok(answer) if self.trigger.partial_failures => outcome(&answer, &ids),
            Ok(_) => Outcome::Done,
            Err(error) => {
                tracing::warn!(function, queue, %error, "function_failed");
                Outcome::All
            }
        };
        let failed = match outcome {
            Outcome::Done => BTreeSet::new(),
            Outcome::Some(failed) => failed,
            Outcome::All => ids.into_iter().map(str::to_owned).collect(),
        };
        let (messages, failures) = (messages.len(), failed.len());
        tracing::debug!(function, queue, messages, failures, "messages_handled");
        failed
    }

    fn delete(&self, messages: &[Message]) -> Result<(), PumpError> {
        if messages.is_empty() {
            return Ok(());
        }
        let receipts: Vec<_> = messages.iter().map(|message| message.receipt.as_str()).collect();
        Ok(self.messaging.delete(&self.trigger.queue, &receipts)?)
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
fn record(message: &Message, queue: &str) -> Value {
    let attributes: Map<_, _> = message
        .attributes
        .iter()
        .map(|(name, attribute)| (name.clone(), attribute_in_event(attribute)))
        .collect();
    let mut record = json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": message.system_attributes(),
        "messageAttributes": attributes,
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": names::queue_arn(queue),
        "awsRegion": names::REGION,
    });
    if let (Some(md5), Some(fields)) = (message.md5_of_attributes(), record.as_object_mut()) {
        fields.insert("md5OfMessageAttributes".to_owned(), md5.into());
    }
    record
}

fn attribute_in_event(attribute: &Attribute) -> Value {
    let (name, value) = match &attribute.string_value {
        Some(text) => ("stringValue", text.as_str()),
        None => ("binaryValue", attribute.binary_value.as_deref().unwrap_or_default()),
    };
    json!({
        name: value,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute.data_type,
    })
}

/// The record as filter criteria see it: a body of JSON is looked into.
fn filterable(message: &Message, queue: &str) -> Value {
    let mut record = record(message, queue);
    if let Some(body) = record.get_mut("body")
        && let Ok(parsed @ Value::Object(_)) = serde_json::from_str(&message.body)
    {
        *body = parsed;
    }
    record
}
