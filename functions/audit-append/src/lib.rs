//! The audit ledger's writer: appends what its queue brings, each event once, to the chain of its tenant.
//!
//! **Invariant:** a message leaves the queue only when its event is in a chain, or when it lies in the
//! dead-letter queue together with the reason why no chain can have it.
//!
//! A message that no chain can have, because it cannot be read or because its `event_id` stands for another
//! event, would be refused as often as it is brought. So it goes to the dead-letter queue at once, with the
//! reason as an attribute, and not after five rounds without one. What fails because the table does is
//! reported to Lambda, which brings it again.

mod message;

use std::collections::BTreeMap;
use std::convert::Infallible;

use api::delivery::RefusedMessages;
use api::{App, BatchResponse};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::id::TenantId;
use domain::ledger::message::Message;
use domain::time::Clock;
use futures::future::join_all;
use store::Store;
use store::ledger::Appended;

const FUNCTION: &str = "audit-append";

/// What appends to the ledger.
#[derive(Clone, Debug)]
pub struct Appender {
    store: Store,
    clock: Clock,
    refused: RefusedMessages,
    metrics_namespace: Option<String>,
}

impl Appender {
    /// The one of a function.
    pub fn of(app: &App) -> Self {
        Self {
            store: app.store.clone(),
            clock: app.clock.clone(),
            refused: RefusedMessages::of(app),
            metrics_namespace: app.config.metrics_namespace.clone(),
        }
    }
}

/// The messages of one tenant, each with its place in the batch.
type Group = (Vec<usize>, Vec<Message>);

/// What became of the messages of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    appended: usize,
    repeated: usize,
    refused: usize,
    failed: usize,
}

/// Appends a batch. Tenants do not wait for one another, nor does one's failure concern the others.
pub async fn handle(appender: &Appender, event: SqsEvent) -> Result<BatchResponse, Infallible> {
    let messages = event.records;
    let mut groups: BTreeMap<TenantId, Group> = BTreeMap::new();
    let mut refused: Vec<(usize, String)> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        match message::read(message.body.as_deref().unwrap_or_default()) {
            Ok((tenant, message)) => {
                let (places, messages) = groups.entry(tenant).or_default();
                places.push(place);
                messages.push(message);
            }
            Err(reason) => refused.push((place, reason)),
        }
    }
    let mut tally = Tally::default();
    let mut failed: Vec<usize> = Vec::new();
    let appends = groups.iter().map(|(tenant, (_, messages))| {
        appender.store.ledger_append(tenant, messages, &appender.clock)
    });
    let results = join_all(appends).await;
    for ((tenant, (places, messages)), result) in groups.iter().zip(results) {
        let outcomes = match result {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::error!(tenant_id = %tenant, %error, "audit_append_failed");
                failed.extend(places);
                continue;
            }
        };
        for ((place, message), outcome) in places.iter().zip(messages).zip(outcomes) {
            match outcome {
                Appended::Now(_) => tally.appended += 1,
                Appended::Before(_) => tally.repeated += 1,
                Appended::Conflict(sequence) => {
                    let event_id = &message.event_id;
                    tracing::error!(tenant_id = %tenant, event_id, sequence, "audit_event_conflict");
                    let reason =
                        format!("another event stands as `{event_id}` at sequence {sequence}");
                    refused.push((*place, reason));
                }
                Appended::Refused(refusal) => refused.push((*place, refusal.to_string())),
            }
        }
    }
    tally.refused = refused.len();
    failed.extend(put_aside(appender, &messages, refused).await);
    tally.failed = failed.len();
    report(appender, tally);
    let mut response = BatchResponse::default();
    for message in failed.into_iter().filter_map(|place| messages.get(place)) {
        response.report(message.message_id.clone());
    }
    Ok(response)
}

/// Sends what was refused to the dead-letter queue; the places of what did not arrive there.
async fn put_aside(
    appender: &Appender,
    messages: &[SqsMessage],
    refused: Vec<(usize, String)>,
) -> Vec<usize> {
    let sends = refused.iter().map(async |(place, reason)| {
        let message = messages.get(*place)?;
        let message_id = message.message_id.as_deref().unwrap_or_default();
        tracing::error!(message_id, reason, "audit_message_refused");
        let body = message.body.as_deref().unwrap_or_default();
        match appender.refused.send(body, reason).await {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(message_id, ?error, "a refused message was not put aside");
                Some(*place)
            }
        }
    });
    join_all(sends).await.into_iter().flatten().collect()
}

fn report(appender: &Appender, tally: Tally) {
    let Tally { appended, repeated, refused, failed } = tally;
    tracing::info!(appended, repeated, refused, failed, "audit_batch_appended");
    if let Some(namespace) = &appender.metrics_namespace {
        let counts = [
            ("AuditAppended", appended),
            ("AuditRepeated", repeated),
            ("AuditRefused", refused),
            ("AuditFailed", failed),
        ];
        api::count(namespace, FUNCTION, &counts, appender.clock.now());
    }
}
