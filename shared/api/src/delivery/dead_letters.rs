//! The queue of deliveries that were given up: who watches it learns of them, and can redrive them.

use serde_json::json;
use store::OutboxRow;

use super::{SendError, in_words};
use crate::app::App;

/// Sends what was given up to the queue that is configured.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    client: Option<aws_sdk_sqs::Client>,
    url: Option<String>,
}

impl DeadLetters {
    /// The queue of a function.
    pub fn of(app: &App) -> Self {
        Self {
            client: app.messaging.sqs.clone(),
            url: app.config.addresses.dead_letter_queue.clone(),
        }
    }

    /// Sends a letter that names the row; the row itself stays in the table, to be replayed by its id.
    pub async fn send(&self, row: &OutboxRow, attempts: u32, error: &str) -> Result<(), SendError> {
        let (Some(client), Some(url)) = (&self.client, &self.url) else {
            return Err(SendError::NoAddress);
        };
        let what = match row {
            OutboxRow::Event { stored, .. } => stored.event.event_type.as_str(),
            OutboxRow::Audit(row) => &row.action,
        };
        let letter = json!({
            "record": row.record(),
            "tenant_id": row.tenant_id(),
            "event_id": row.event_id(),
            "event_type": what,
            "created_at": row.created_at(),
            "delivery_attempts": attempts,
            "last_error": error,
        });
        let sent = client.send_message().queue_url(url).message_body(letter.to_string()).send();
        sent.await.map(|_| ()).map_err(|error| SendError::Failed(in_words(&error)))
    }
}
