//! Messages of a dead-letter queue: taken, put back, sent on, deleted.

use std::collections::HashSet;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName,
};

use super::letter::{self, Letter, Said};
use super::queues::{Queues, in_words};

/// Most messages of one call.
const BATCH_MESSAGES_MAX: usize = 10;

/// How long a receive waits on AWS, in seconds: so long that every server of SQS is asked.
const WAIT_SECONDS: i32 = 1;

/// The attribute by which a consumer says why it put a message aside.
const REASON: &str = "reason";

/// The attributes by which EventBridge Scheduler says what it could not do, and why.
const SCHEDULE: &str = "SCHEDULE_ARN";
const SCHEDULE_ERROR: &str = "ERROR_MESSAGE";

/// A message that was received.
pub(super) struct Held {
    message: Message,
    pub(super) letter: Letter,
    pub(super) said: Said,
}

impl Held {
    fn of(message: Message) -> Self {
        let attribute = |name| message.attributes().and_then(|attributes| attributes.get(&name));
        let source = attribute(MessageSystemAttributeName::DeadLetterQueueSourceArn);
        let told = |name| {
            let attributes = message.message_attributes()?;
            attributes.get(name)?.string_value()
        };
        let (letter, said) = match told(SCHEDULE) {
            Some(schedule) => letter::run(schedule, told(SCHEDULE_ERROR)),
            None => {
                let body = message.body().unwrap_or_default();
                letter::read(body, source.map(String::as_str), told(REASON))
            }
        };
        Self { message, letter, said }
    }

    pub(super) fn id(&self) -> &str {
        self.message.message_id().unwrap_or_default()
    }

    pub(super) fn body(&self) -> &str {
        self.message.body().unwrap_or_default()
    }

    /// When it was sent, in seconds of Unix time.
    pub(super) fn sent_at(&self) -> Option<i64> {
        Some(self.number(MessageSystemAttributeName::SentTimestamp)? / 1_000)
    }

    /// How often it was received, this time included.
    pub(super) fn received(&self) -> i64 {
        self.number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or_default()
    }

    fn number(&self, name: MessageSystemAttributeName) -> Option<i64> {
        self.message.attributes()?.get(&name)?.parse().ok()
    }

    fn receipt(&self) -> &str {
        self.message.receipt_handle().unwrap_or_default()
    }
}

impl Queues {
    /// Takes up to `max` messages, hidden from everyone else for so many seconds; none, when there are
    /// none.
    pub(super) async fn take(
        &self,
        url: &str,
        max: usize,
        hidden_seconds: i32,
    ) -> Result<Vec<Held>, String> {
        let max = i32::try_from(max.clamp(1, BATCH_MESSAGES_MAX)).unwrap_or(1);
        let asked = self.client.receive_message().queue_url(url).max_number_of_messages(max);
        let answer = asked
            .visibility_timeout(hidden_seconds)
            .wait_time_seconds(if self.is_local { 0 } else { WAIT_SECONDS })
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| in_words("ReceiveMessage", &error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(Held::of).collect())
    }

    /// Looks at up to `max` messages, and puts them back.
    pub(super) async fn peek(
        &self,
        url: &str,
        max: usize,
        hidden_seconds: i32,
    ) -> Result<Vec<Held>, String> {
        let (mut seen, mut held) = (HashSet::new(), Vec::new());
        while held.len() < max {
            let mut taken = self.take(url, max - held.len(), hidden_seconds).await?;
            taken.retain(|one| seen.insert(one.id().to_owned()));
            // Nothing more, or what came before is visible again.
            if taken.is_empty() {
                break;
            }
            held.extend(taken);
        }
        self.release(url, &held).await?;
        Ok(held)
    }

    /// Puts messages back, to be received by the next who asks.
    pub(super) async fn release(&self, url: &str, held: &[Held]) -> Result<(), String> {
        for batch in held.chunks(BATCH_MESSAGES_MAX) {
            let entries = batch.iter().enumerate().map(|(place, one)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(place.to_string())
                    .receipt_handle(one.receipt())
                    .visibility_timeout(0)
                    .build()
            });
            let entries =
                entries.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
            let asked = self.client.change_message_visibility_batch().queue_url(url);
            // One that cannot be put back comes back by itself, when its time is over.
            asked
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| in_words("ChangeMessageVisibilityBatch", &error))?;
        }
        Ok(())
    }

    /// Sends a text to a queue.
    pub(super) async fn send(&self, url: &str, body: &str) -> Result<(), String> {
        let asked = self.client.send_message().queue_url(url).message_body(body);
        asked.send().await.map(drop).map_err(|error| in_words("SendMessage", &error))
    }

    /// Sends what a message is, with its attributes, to a queue.
    pub(super) async fn send_on(&self, url: &str, held: &Held) -> Result<(), String> {
        let asked = self.client.send_message().queue_url(url).message_body(held.body());
        let asked = asked.set_message_attributes(held.message.message_attributes().cloned());
        asked.send().await.map(drop).map_err(|error| in_words("SendMessage", &error))
    }

    /// Deletes a message.
    pub(super) async fn delete(&self, url: &str, held: &Held) -> Result<(), String> {
        let asked = self.client.delete_message().queue_url(url).receipt_handle(held.receipt());
        asked.send().await.map(drop).map_err(|error| in_words("DeleteMessage", &error))
    }
}
