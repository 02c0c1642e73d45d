//! The queue of deliveries that were given up: who watches it learns of them, and can redrive them.

use serde_json::{Value, json};
use store::OutboxRow;

use super::{AuditQueue, SendError, in_words};
use crate::app::App;

/// Most bytes of a letter that holds an audit entry, below what a queue takes: a letter that cannot be sent
/// would keep its row pending for ever.
const LETTER_BYTES_MAX: usize = 192 * 1024;

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

    /// Sends a letter that names the row; the row itself stays in the table. An event is replayed by its
    /// id; an audit entry, for which there is no such way, is in the letter itself.
    pub async fn send(&self, row: &OutboxRow, attempts: u32, error: &str) -> Result<(), SendError> {
        let (Some(client), Some(url)) = (&self.client, &self.url) else {
            return Err(SendError::NoAddress);
        };
        let letter = letter(row, attempts, error);
        let sent = client.send_message().queue_url(url).message_body(letter).send();
        sent.await.map(|_| ()).map_err(|error| SendError::Failed(in_words(&error)))
    }
}

fn letter(row: &OutboxRow, attempts: u32, error: &str) -> String {
    let (what, entry) = match row {
        OutboxRow::Event { stored, .. } => (stored.event.event_type.as_str(), None),
        OutboxRow::Audit(row) => (row.action.as_str(), Some(AuditQueue::body(row))),
    };
    let mut letter = json!({
        "record": row.record(),
        "tenant_id": row.tenant_id(),
        "event_id": row.event_id(),
        "event_type": what,
        "created_at": row.created_at(),
        "delivery_attempts": attempts,
        "last_error": error,
    });
    let text = letter.to_string();
    let (Value::Object(members), Some(entry)) = (&mut letter, entry) else { return text };
    members.insert("entry".to_owned(), entry);
    let with_entry = letter.to_string();
    if with_entry.len() <= LETTER_BYTES_MAX { with_entry } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(details: &str) -> OutboxRow {
        let row = json!({
            "record": "audit", "event_id": "6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a",
            "source": "entity_permissions_core", "action": "entity.create", "actor_id": "alice",
            "actor_type": "user", "on_behalf_of": null, "entity_id": "acme", "entity_type": "issuer",
            "correlation_id": "r-1", "details": details, "occurred_at": "2026-11-23T03:30:53.000000Z",
            "tenant_id": "default", "delivery_state": "pending", "delivery_attempts": 5,
            "created_at": "2026-11-23T03:30:53.000000Z", "updated_at": "2026-11-23T03:30:53.000000Z",
        });
        OutboxRow::Audit(serde_json::from_value(row).unwrap())
    }

    #[test]
    fn a_letter_of_an_audit_entry_holds_what_the_audit_queue_was_to_be_sent() {
        let row = entry(r#"{"name": "Acme"}"#);
        let letter: Value = serde_json::from_str(&letter(&row, 5, "no")).unwrap();
        assert_eq!((&letter["record"], &letter["last_error"]), (&json!("audit"), &json!("no")));
        let OutboxRow::Audit(row) = &row else { panic!("{row:?}") };
        assert_eq!(letter["entry"], AuditQueue::body(row));
        assert_eq!(letter["entry"]["details"], json!({"name": "Acme"}));
    }

    #[test]
    fn an_entry_that_would_not_fit_stays_out_of_the_letter() {
        let long = json!({"name": "a".repeat(LETTER_BYTES_MAX)}).to_string();
        let letter: Value = serde_json::from_str(&letter(&entry(&long), 5, "no")).unwrap();
        assert_eq!((letter.get("entry"), &letter["record"]), (None, &json!("audit")));
    }
}
