//! Events: hand in, list, get, replay.

mod batch;
mod docs;
mod ingest;
mod reading;
mod wire;

use api::delivery::{Publisher, inline};
use api::{
    Answer, App, Caller, Content, Listing, Mutation, PathParameters, Problem, Routes, get, post,
};
use axum::extract::State;
use domain::capability::{EVENT_CREATE, EVENT_READ, EVENT_REPLAY};
use domain::event::{DeliveryState, StoredEvent};
use domain::id::{EventId, TenantId};
use domain::text::{CorrelationId, EventSource, EventType};
use domain::time::Timestamp;
use futures::FutureExt;
use store::EventFilter;

use wire::Format;
pub use wire::{CloudEvent, EventBatch, EventBatchItem, EventBatchResult, EventBody, EventCreate};

/// The endpoints.
pub fn routes() -> Routes {
    Routes {
        function: "events",
        endpoints: vec![
            post("/api/v1/events", EVENT_CREATE, create, docs::create),
            get("/api/v1/events", EVENT_READ, list, docs::list),
            post("/api/v1/events/batch", EVENT_CREATE, batch::create, docs::batch),
            get("/api/v1/events/{event_id}", EVENT_READ, read, docs::read),
            post("/api/v1/events/{event_id}/replay", EVENT_REPLAY, replay, docs::replay),
        ],
    }
}

async fn create(
    State(app): State<App>,
    mutation: Mutation,
    format: Format,
    content: Content,
) -> Result<Answer, Problem> {
    let submission = reading::submission(&content)?;
    ingest::one(&app, &mutation, submission, format).await
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let event_type = listing.one("event_type", EventType::parse);
    let source = listing.one("source", EventSource::parse);
    let correlation_id = listing.one("correlation_id", CorrelationId::parse);
    let state = listing.one("delivery_state", DeliveryState::parse);
    let from = listing.one("from", Timestamp::parse);
    let to = listing.one("to", Timestamp::parse);
    listing.finish()?;
    let filter = EventFilter {
        event_type: event_type?,
        source: source?,
        correlation_id: correlation_id?,
        state: state?,
        from: from?,
        to: to?,
    };
    let after = listing.after(&app.store, &caller).await?;
    let page = app.store.event_list(&caller.tenant_id, &filter, after, listing.limit()).await?;
    listing.answer(&app.store, &caller, page, EventBody::of).await
}

async fn read(
    State(app): State<App>,
    caller: Caller,
    format: Format,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let stored = find(&app, &caller.tenant_id, &id(&path)?).await?;
    Ok(format.ok(&stored))
}

async fn replay(
    State(app): State<App>,
    mutation: Mutation,
    format: Format,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    // Publishing does not commit with the receipt, so the receipt is looked for first.
    mutation.check_unanswered(&app.store).await?;
    mutation.settle(|| replay_once(&app, &mutation, &id, format).boxed()).await
}

async fn replay_once(
    app: &App,
    mutation: &Mutation,
    id: &EventId,
    format: Format,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let mut stored = find(app, &act.tenant_id, id).await?;
    if stored.delivery.state != DeliveryState::Pending {
        app.store.event_rearm(&stored, act.at).await?;
        stored.delivery.state = DeliveryState::Pending;
        stored.delivery.attempts = 0;
        stored.delivery.last_error = None;
        stored.delivery.updated_at = act.at;
    }
    inline(app, &Publisher::of(app), &mut [&mut stored]).await;
    mutation.unchanged(&app.store, format.ok(&stored)).await
}

fn id(path: &PathParameters) -> Result<EventId, Problem> {
    path.read("event_id", "event", EventId::parse)
}

async fn find(app: &App, tenant: &TenantId, id: &EventId) -> Result<StoredEvent, Problem> {
    app.store.event_read(tenant, id).await?.ok_or_else(|| Problem::not_found("event", id.as_str()))
}
