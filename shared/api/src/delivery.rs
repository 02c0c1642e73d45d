//! Delivery: from rows of the events table to topics and queues.
//!
//! Publish first, mark then. A crash between the two publishes again, with the same `event_id`; nothing is
//! lost. [`Publisher`] and [`AuditQueue`] send, [`Courier`] decides what is sent when, [`inline()`] is the
//! short way of a request that has just stored an event.
//!
//! Without a topic nothing is published, and nothing is lost: the log says `events_engine_publish_skipped`,
//! the row stays `pending` with [`NO_TOPIC`] as its last error and no attempt counted, and is delivered
//! once there is a topic.

mod audit_queue;
mod courier;
mod dead_letters;
mod inline;
mod publisher;
mod refused_messages;

use aws_config::SdkConfig;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};

pub use audit_queue::AuditQueue;
pub use courier::{Courier, Settled, Tally};
pub use dead_letters::DeadLetters;
pub use inline::inline;
pub use publisher::Publisher;
pub use refused_messages::RefusedMessages;

/// What is said of a row that could be delivered if there were a topic.
pub const NO_TOPIC: &str = "no topic is configured";

/// What is said of an audit entry that could be delivered if there were a queue.
pub const NO_QUEUE: &str = "no audit queue is configured";

/// Most entries of one call to SNS or SQS.
const BATCH_ENTRIES_MAX: usize = 10;

/// Most bytes of one call, below the 256 KiB that a topic takes unless it is configured for more: what is
/// left is for the attributes.
const BATCH_BYTES_MAX: usize = 256 * 1024 - 8 * 1024;

/// The clients that a function sends messages with. A function constructs only those it uses: each costs
/// memory and start time.
#[derive(Clone, Debug, Default)]
pub struct Messaging {
    /// For topics.
    pub sns: Option<aws_sdk_sns::Client>,
    /// For queues.
    pub sqs: Option<aws_sdk_sqs::Client>,
}

impl Messaging {
    /// To topics only.
    pub fn topics(aws: &SdkConfig) -> Self {
        Self { sns: Some(aws_sdk_sns::Client::new(aws)), sqs: None }
    }

    /// To queues only.
    pub fn queues(aws: &SdkConfig) -> Self {
        Self { sns: None, sqs: Some(aws_sdk_sqs::Client::new(aws)) }
    }

    /// To topics and queues.
    pub fn topics_and_queues(aws: &SdkConfig) -> Self {
        Self { sqs: Some(aws_sdk_sqs::Client::new(aws)), ..Self::topics(aws) }
    }
}

/// Where messages go. Without an address nothing is sent there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// `EPR_EVENTS_TOPIC_ARN`: the topic of all events.
    pub events_topic: Option<String>,
    /// `EPR_DOCUMENT_VAULT_TOPIC_ARN`: the topic of the document vault, which hears of archived entities.
    /// Where it is the only topic it takes all events, as in the original service.
    pub document_topic: Option<String>,
    /// `EPR_AUDIT_SQS_URL`: the queue before the audit ledger.
    pub audit_queue: Option<String>,
    /// `EPR_OUTBOX_DLQ_URL`: the queue of deliveries that were given up.
    pub dead_letter_queue: Option<String>,
    /// `EPR_AUDIT_DLQ_URL`: the queue of messages that the audit ledger cannot take.
    pub audit_dead_letter_queue: Option<String>,
}

/// Why something was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is nowhere to send it.
    #[error("there is nowhere to send it")]
    NoAddress,
    /// It was refused, or nobody knows: send it again.
    #[error("{0}")]
    Failed(String),
}

/// Splits entries by their size in bytes into calls within [`BATCH_ENTRIES_MAX`] and [`BATCH_BYTES_MAX`],
/// as ranges. An entry that is too large goes alone, for the service to refuse.
fn batches(sizes: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0_usize);
    for (place, size) in sizes.iter().enumerate() {
        let is_full = place - start == BATCH_ENTRIES_MAX || bytes + size > BATCH_BYTES_MAX;
        if is_full && place > start {
            batches.push(start..place);
            (start, bytes) = (place, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        batches.push(start..sizes.len());
    }
    batches
}

/// An error of the SDK in words for `last_error` and the log: the service's code and message, else what
/// kind of failure it was.
fn in_words<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match (error.code(), error.message(), error) {
        (Some(code), Some(message), _) => format!("{code}: {message}"),
        (Some(code), None, _) => code.to_owned(),
        (None, _, SdkError::TimeoutError(_)) => "the call took too long".to_owned(),
        (None, _, SdkError::DispatchFailure(_)) => "the service could not be reached".to_owned(),
        (None, ..) => "the call failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_ten_entries_or_as_many_bytes_as_fit() {
        assert!(batches(&[]).is_empty());
        assert_eq!(batches(&[1; 21]), [0..10, 10..20, 20..21]);
        let half = BATCH_BYTES_MAX / 2;
        assert_eq!(batches(&[half, half, 1, half]), [0..2, 2..4]);
        assert_eq!(batches(&[BATCH_BYTES_MAX + 1, 1]), [0..1, 1..2]);
    }
}
