//! The audit ledger for its readers: records, proofs, checkpoints, tiles, export.
//!
//! **Invariant:** nothing here adds to a chain, and nothing of one is shown but to its own tenant. The only
//! things written are checkpoints, with their tiles, where a chain has grown since the last one.

mod checkpoint;
mod docs;
mod export;
mod proof;
mod tiles;
mod wire;

use api::{Answer, App, Caller, Listing, PathParameters, Problem, Routes, get};
use axum::extract::State;
use domain::capability::{AUDIT_EXPORT, AUDIT_READ};
use domain::id::TenantId;
use domain::ledger::message::{EVENT_ID_CHARACTERS_MAX, TEXT_CHARACTERS_MAX};
use domain::refusal::Refusal;
use domain::time::Timestamp;
use store::ledger::{LedgerFilter, StoredRecord};

pub use wire::{
    CheckpointBody, ConsistencyBody, HeadBody, InclusionBody, RecordBody, SignedCheckpointBody,
};

/// The endpoints.
pub fn routes() -> Routes {
    Routes {
        function: "audit",
        endpoints: vec![
            get("/api/v1/audit/records", AUDIT_READ, list, docs::list),
            get("/api/v1/audit/records/{event_id}", AUDIT_READ, read, docs::read),
            get(
                "/api/v1/audit/records/{event_id}/proof",
                AUDIT_READ,
                proof::inclusion,
                docs::inclusion,
            ),
            get("/api/v1/audit/consistency", AUDIT_READ, proof::consistency, docs::consistency),
            get("/api/v1/audit/checkpoint", AUDIT_READ, checkpoint::read, docs::checkpoint),
            get("/api/v1/audit/export", AUDIT_EXPORT, export::read, docs::export),
            get(
                "/audit/{chain}/checkpoint",
                AUDIT_READ,
                tiles::checkpoint,
                docs::signed_checkpoint,
            ),
            get("/audit/{chain}/tile/{path+}", AUDIT_READ, tiles::read, docs::tile),
        ],
    }
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let from = listing.one("from", Timestamp::parse);
    let to = listing.one("to", Timestamp::parse);
    let first = listing.one("from_sequence", number);
    let last = listing.one("to_sequence", number);
    let action = listing.one("action", text);
    let actor_id = listing.one("actor_id", text);
    let entity_id = listing.one("entity_id", text);
    let correlation_id = listing.one("correlation_id", text);
    listing.finish()?;
    let filter = LedgerFilter {
        from: from?,
        to: to?,
        action: action?,
        actor_id: actor_id?,
        entity_id: entity_id?,
        correlation_id: correlation_id?,
    };
    let (first, last) = (first?.unwrap_or(1), last?);
    let before = match listing.after(&app.store, &caller).await? {
        Some(position) => Some(position.parse().map_err(|_| store::Error::Cursor)?),
        None => last.map(|last| last.saturating_add(1)),
    };
    let tenant = &caller.tenant_id;
    let mut page = app.store.ledger_list(tenant, &filter, before, listing.limit()).await?;
    page.items.retain(|record| record.record.sequence >= first);
    // The position is the sequence before which the next page begins.
    page.next = page.next.filter(|next| next.parse().is_ok_and(|next: u64| next > first));
    listing.answer(&app.store, &caller, page, RecordBody::of).await
}

async fn read(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let record = find(&app, &caller.tenant_id, &path).await?;
    Ok(Answer::ok(&RecordBody::of(&record)))
}

/// The record of the event that a path names.
async fn find(
    app: &App,
    tenant: &TenantId,
    path: &PathParameters,
) -> Result<StoredRecord, Problem> {
    let event_id = path.read("event_id", "record of the event", event_id)?;
    let found = app.store.ledger_find(tenant, &event_id).await?;
    found.ok_or_else(|| Problem::not_found("record of the event", &event_id))
}

/// The id of an event. What is none names nothing, and is not looked for.
fn event_id(text: &str) -> Result<String, Refusal> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > EVENT_ID_CHARACTERS_MAX || !visible {
        return Err(Refusal::new("is not the id of an event"));
    }
    Ok(text.to_owned())
}

/// A text that a record may hold.
fn text(text: &str) -> Result<String, Refusal> {
    if (1..=TEXT_CHARACTERS_MAX).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(format!("must have 1 to {TEXT_CHARACTERS_MAX} characters")))
}

/// A sequence or a size.
fn number(text: &str) -> Result<u64, Refusal> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| Refusal::new("must be a natural number"))
}
