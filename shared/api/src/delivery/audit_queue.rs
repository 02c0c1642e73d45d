//! Audit entries to the queue before the ledger, by `SendMessageBatch`, in the form that every producer
//! of audit entries keeps to, with the tenant added.

use std::collections::HashMap;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::future::join_all;
use serde_json::{Value, json};
use store::AuditRow;

use super::{SendError, batches, in_words};
use crate::app::App;

/// Sends audit entries to the queue that is configured.
#[derive(Clone, Debug)]
pub struct AuditQueue {
    client: Option<aws_sdk_sqs::Client>,
    url: Option<String>,
}

impl AuditQueue {
    /// The queue of a function.
    pub fn of(app: &App) -> Self {
        Self { client: app.messaging.sqs.clone(), url: app.config.addresses.audit_queue.clone() }
    }

    /// Whether there is a queue.
    pub fn is_configured(&self) -> bool {
        self.client.is_some() && self.url.is_some()
    }

    /// Sends entries, in calls of at most ten side by side; for each, in their order, what came of it.
    pub async fn send(&self, rows: &[&AuditRow]) -> Vec<Result<(), SendError>> {
        let (Some(client), Some(url)) = (&self.client, &self.url) else {
            return vec![Err(SendError::NoAddress); rows.len()];
        };
        let bodies: Vec<String> = rows.iter().map(|row| Self::body(row).to_string()).collect();
        let sizes: Vec<usize> = bodies.iter().map(String::len).collect();
        let calls = batches(&sizes).into_iter().map(|range| {
            let first = range.start;
            send_batch(client, url, first, bodies.get(range).unwrap_or_default())
        });
        let mut results = vec![Ok(()); rows.len()];
        for (place, error) in join_all(calls).await.into_iter().flatten() {
            if let Some(result) = results.get_mut(place) {
                *result = Err(SendError::Failed(error));
            }
        }
        results
    }

    /// An entry by the producers' contract.
    pub(crate) fn body(row: &AuditRow) -> Value {
        let details: Value = serde_json::from_str(&row.details).unwrap_or_default();
        let mut body = json!({
            "event_id": row.event_id,
            "source": row.source,
            "action": row.action,
            "actor_id": row.actor_id,
            "actor_type": row.actor_type,
            "entity_id": row.entity_id,
            "entity_type": row.entity_type,
            "correlation_id": row.correlation_id,
            "details": details,
            "occurred_at": row.occurred_at,
            "tenant_id": row.tenant_id,
        });
        if let (Value::Object(members), Some(behalf)) = (&mut body, &row.on_behalf_of) {
            members.insert("on_behalf_of".to_owned(), json!(behalf));
        }
        body
    }
}

/// One call; the places of what did not arrive, with the reasons.
async fn send_batch(
    client: &aws_sdk_sqs::Client,
    url: &str,
    first: usize,
    bodies: &[String],
) -> Vec<(usize, String)> {
    let places = first..first + bodies.len();
    let all = |reason: String| places.clone().map(|place| (place, reason.clone())).collect();
    let mut call = client.send_message_batch().queue_url(url);
    for (place, body) in places.clone().zip(bodies) {
        let entry = SendMessageBatchRequestEntry::builder().id(place.to_string());
        match entry.message_body(body).build() {
            Ok(entry) => call = call.entries(entry),
            Err(error) => return all(error.to_string()),
        }
    }
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) => return all(in_words(&error)),
    };
    let arrived: Vec<&str> = answer.successful.iter().map(|entry| entry.id.as_str()).collect();
    let refused: HashMap<&str, &str> =
        answer.failed().iter().map(|entry| (entry.id(), entry.code())).collect();
    let missing = places.filter(|place| !arrived.contains(&place.to_string().as_str()));
    missing
        .map(|place| {
            let reason = refused.get(place.to_string().as_str()).copied();
            (place, reason.unwrap_or("the queue did not confirm it").to_owned())
        })
        .collect()
}
