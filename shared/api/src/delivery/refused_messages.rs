//! Messages that a consumer cannot take, put aside as they came, with the reason.

use aws_sdk_sqs::types::MessageAttributeValue;

use super::{SendError, in_words};
use crate::app::App;

/// Longest reason, in characters.
const REASON_CHARACTERS_MAX: usize = 1_024;

/// Puts messages into the dead-letter queue of the audit queue.
#[derive(Clone, Debug)]
pub struct RefusedMessages {
    client: Option<aws_sdk_sqs::Client>,
    url: Option<String>,
}

impl RefusedMessages {
    /// The queue of a function.
    pub fn of(app: &App) -> Self {
        Self {
            client: app.messaging.sqs.clone(),
            url: app.config.addresses.audit_dead_letter_queue.clone(),
        }
    }

    /// Sends a message to the byte as it was, so that it can be sent back, with `reason` beside it.
    pub async fn send(&self, body: &str, reason: &str) -> Result<(), SendError> {
        let (Some(client), Some(url)) = (&self.client, &self.url) else {
            return Err(SendError::NoAddress);
        };
        // SQS takes no control characters but three, and no empty text.
        let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let reason: String = reason.chars().take(REASON_CHARACTERS_MAX).map(shown).collect();
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(reason);
        let attribute = attribute.build().map_err(|error| SendError::Failed(error.to_string()))?;
        let body = if body.is_empty() { " " } else { body };
        let sent = client
            .send_message()
            .queue_url(url)
            .message_body(body)
            .message_attributes("reason", attribute)
            .send();
        sent.await.map(|_| ()).map_err(|error| SendError::Failed(in_words(&error)))
    }
}
