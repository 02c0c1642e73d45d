//! Many events in one request: each is stored or refused for itself, and answered in its place.

use std::collections::HashSet;

use api::delivery::{Publisher, inline};
use api::{Answer, App, Fields, Mutation, Problem, RequestIds};
use axum::Extension;
use axum::extract::State;
use domain::event::StoredEvent;
use domain::refusal::Refusal;
use futures::future::join_all;
use serde_json::{Value, json};
use store::{Ingested, event_id_in};

use crate::ingest::{one_of_several, publishes, stored};
use crate::reading;
use crate::wire::EventBody;

/// Most events of one request.
pub(crate) const BATCH_EVENTS_MAX: usize = 100;

/// An event of the batch, with what came of it.
enum Item {
    /// It was not stored.
    Refused(Problem),
    /// It is yet to be stored.
    Waiting(Box<StoredEvent>),
    /// It is stored now.
    First(Box<StoredEvent>),
    /// It was there before.
    Repeat(Box<StoredEvent>),
}

pub(crate) async fn create(
    State(app): State<App>,
    mutation: Mutation,
    Extension(ids): Extension<RequestIds>,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let events = fields.required("events", list);
    fields.finish()?;
    // The events do not commit with the receipt, so the receipt is looked for first.
    mutation.check_unanswered(&app.store).await?;
    let events = events?.into_iter().enumerate();
    let mut items: Vec<Item> =
        events.map(|(place, event)| read(&app, &mutation, place, event)).collect();
    // Of equal events the first goes first; the others then find it, as if they had been sent later.
    let mut seen = HashSet::new();
    let is_first: Vec<bool> = items
        .iter()
        .map(|item| match item {
            Item::Waiting(stored) => seen.insert(stored.event.event_id.clone()),
            _ => false,
        })
        .collect();
    let firsts = items.iter_mut().enumerate().zip(is_first).filter(|(_, is_first)| *is_first);
    join_all(firsts.map(|((place, item), _)| store_one(&app, &mutation, place, item))).await;
    publish(&app, &mut items).await;
    for (place, item) in items.iter_mut().enumerate() {
        store_one(&app, &mutation, place, item).await;
    }
    publish(&app, &mut items).await;
    let items: Vec<Value> = items.iter().map(|item| show(item, &ids)).collect();
    mutation.unchanged(&app.store, Answer::ok(&json!({"items": items}))).await
}

fn list(value: &Value) -> Result<Vec<Value>, Refusal> {
    match value {
        Value::Array(events) if (1..=BATCH_EVENTS_MAX).contains(&events.len()) => {
            Ok(events.clone())
        }
        Value::Array(events) => Err(Refusal::new(format!(
            "must hold 1 to {BATCH_EVENTS_MAX} events, has {}",
            events.len()
        ))),
        _ => Err(Refusal::new("must be a list")),
    }
}

fn read(app: &App, mutation: &Mutation, place: usize, event: Value) -> Item {
    let Value::Object(object) = event else {
        return Item::Refused(Problem::malformed("an event must be a JSON object"));
    };
    match reading::own(Fields::of(object)) {
        Ok(submission) => {
            let tenant = &mutation.act().tenant_id;
            // Sent again under the same key, an event without correlation id is the same one.
            let id = || match mutation.slot() {
                Some(slot) => event_id_in(tenant, slot, place),
                None => app.ids.mint(),
            };
            Item::Waiting(Box::new(stored(mutation, submission, id)))
        }
        Err(problem) => Item::Refused(problem),
    }
}

/// Stores an event that is yet to be stored.
async fn store_one(app: &App, mutation: &Mutation, place: usize, item: &mut Item) {
    let Item::Waiting(stored) = item else { return };
    *item = match one_of_several(app, mutation, place, stored).await {
        Ok(Ingested::First) => Item::First(stored.clone()),
        Ok(Ingested::Repeat(there)) => Item::Repeat(there),
        Err(problem) => {
            tracing::error!(cause = problem.cause.as_deref(), "an event of a batch was not stored");
            Item::Refused(problem)
        }
    };
}

/// Publishes what is stored and was not tried yet.
async fn publish(app: &App, items: &mut [Item]) {
    let mut events: Vec<&mut StoredEvent> = items
        .iter_mut()
        .filter_map(|item| match item {
            Item::First(stored) if publishes(stored) && is_untried(stored) => Some(&mut **stored),
            _ => None,
        })
        .collect();
    inline(app, &Publisher::of(app), &mut events).await;
}

fn is_untried(stored: &StoredEvent) -> bool {
    stored.delivery.attempts == 0 && stored.delivery.last_error.is_none()
}

fn show(item: &Item, ids: &RequestIds) -> Value {
    match item {
        Item::First(stored) => json!({"status": 201, "event": EventBody::of(stored)}),
        Item::Repeat(stored) => json!({"status": 200, "event": EventBody::of(stored)}),
        Item::Refused(problem) => json!({
            "status": problem.status.as_u16(),
            "problem": problem.body("/api/v1/events/batch", &ids.trace_id),
        }),
        // Every event that waits was stored or refused above.
        Item::Waiting(_) => json!({"status": 500}),
    }
}
