//! Storing what is handed in, once.
//!
//! A request publishes what it stores itself, so that its answer says whether that worked, with two
//! exceptions, which are the relay's: an event of an aggregate, because only the stream keeps the order of
//! one aggregate's events; and a single event with an idempotency key, because its answer commits with it
//! and is the same for ever, and so is given before it is published.

use api::delivery::{Publisher, inline};
use api::{Answer, App, Mutation, Problem};
use domain::change::Act;
use domain::event::{Delivery, StoredEvent, Submission};
use domain::id::EventId;
use store::{Ingested, Intent, event_id_of};

use crate::wire::Format;

/// Stores one event and answers.
pub(crate) async fn one(
    app: &App,
    mutation: &Mutation,
    submission: Submission,
    format: Format,
) -> Result<Answer, Problem> {
    let mut stored = stored(mutation, submission, || app.ids.mint());
    let publishes = mutation.slot().is_none() && publishes(&stored);
    let answer = created(&stored, format);
    match app.store.event_ingest(&mutation.intent(&answer), &stored, publishes).await? {
        Ingested::First if publishes => {
            inline(app, &Publisher::of(app), &mut [&mut stored]).await;
            Ok(created(&stored, format))
        }
        Ingested::First => Ok(answer),
        Ingested::Repeat(there) => {
            mutation.unchanged(&app.store, format.ok(&there).replayed()).await
        }
    }
}

/// Stores one of several events, without a receipt. Those that are stored now and that the request
/// publishes are the caller's to publish, all at once. `place` tells the event from its equals in the same
/// request, so that none of them takes another's row for its own.
pub(crate) async fn one_of_several(
    app: &App,
    mutation: &Mutation,
    place: usize,
    stored: &StoredEvent,
) -> Result<Ingested, Problem> {
    let act = mutation.act().clone();
    let act = Act { request_id: format!("{}/{place}", act.request_id), ..act };
    let intent = Intent { act: &act, receipt: None };
    Ok(app.store.event_ingest(&intent, stored, publishes(stored)).await?)
}

/// A submission as it would be stored.
pub(crate) fn stored(
    mutation: &Mutation,
    submission: Submission,
    id: impl FnOnce() -> EventId,
) -> StoredEvent {
    let act = mutation.act();
    let event_id = match &submission.correlation_id {
        Some(correlation_id) => event_id_of(&act.tenant_id, &submission.source, correlation_id),
        None => id(),
    };
    let event = submission.into_event(event_id, act.tenant_id.clone(), act.at);
    StoredEvent { event, delivery: Delivery::pending(act.at) }
}

/// Whether the request publishes the event itself.
pub(crate) fn publishes(stored: &StoredEvent) -> bool {
    stored.event.aggregate.is_none()
}

fn created(stored: &StoredEvent, format: Format) -> Answer {
    format.created(format!("/api/v1/events/{}", stored.event.event_id), stored)
}
