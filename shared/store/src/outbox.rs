//! What a change tells others, as rows of the events table: the outbox. Delivering them is the relay's.

use domain::change::{Act, AuditDraft, CORE_SOURCE, EventDraft};
use domain::entity_type::TypeName;
use domain::id::{EntityId, EventId, Ids, PrincipalId, TenantId};
use domain::principal::PrincipalType;
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::item::{Item, to_item};
use crate::key;

/// The version of the envelope.
const SCHEMA_VERSION: &str = "v1";

/// A stored event. `payload` and `context` are JSON texts.
#[derive(Serialize)]
struct EventRow {
    /// `event`, where an audit entry has `audit`.
    record: String,
    /// The same over every delivery.
    event_id: EventId,
    /// What happened.
    event_type: String,
    /// Who says so.
    source: String,
    /// When it happened.
    occurred_at: Timestamp,
    /// Whose it is.
    tenant_id: TenantId,
    /// What it belongs to: the request, for events of the core.
    correlation_id: Option<String>,
    /// The version of the envelope.
    schema_version: String,
    /// The kind of thing it happened to.
    aggregate_type: String,
    /// The thing it happened to.
    aggregate_id: String,
    /// What changed.
    payload: String,
    /// Who did it, on whose behalf, in which request.
    context: String,
    /// `pending`, `succeeded` or `failed`.
    delivery_state: String,
    /// How often delivery was tried.
    delivery_attempts: u32,
    /// When it was stored.
    created_at: Timestamp,
    /// When its delivery last changed.
    updated_at: Timestamp,
}

/// A stored audit entry on its way to the ledger: the producers' contract plus its delivery.
#[derive(Serialize)]
struct AuditRow {
    /// `audit`.
    record: String,
    /// The same over every delivery.
    event_id: EventId,
    /// Who says so.
    source: String,
    /// What was done.
    action: String,
    /// Who was authenticated.
    actor_id: PrincipalId,
    /// The type of who was authenticated.
    actor_type: PrincipalType,
    /// On whose behalf.
    on_behalf_of: Option<PrincipalId>,
    /// The entity it was done to.
    entity_id: Option<EntityId>,
    /// Its type.
    entity_type: Option<TypeName>,
    /// The request.
    correlation_id: String,
    /// Ids and names, as a JSON text.
    details: String,
    /// When it was done.
    occurred_at: Timestamp,
    /// Whose it is.
    tenant_id: TenantId,
    /// `pending`, `succeeded` or `failed`.
    delivery_state: String,
    /// How often delivery was tried.
    delivery_attempts: u32,
}

/// The rows of a change: one for each event, and one for the audit entry.
pub(crate) fn rows(
    ids: &Ids,
    act: &Act,
    events: &[EventDraft],
    audit: &AuditDraft,
) -> Result<Vec<Item>, Error> {
    let mut rows = Vec::with_capacity(events.len() + 1);
    let mut context = json!({
        "actor_id": act.actor.id,
        "actor_type": act.actor.kind,
        "request_id": act.request_id,
    });
    if let (Value::Object(members), Some(behalf)) = (&mut context, &act.on_behalf_of) {
        members.insert("on_behalf_of".to_owned(), json!(behalf));
    }
    for event in events {
        let row = event_row(ids.mint(), act, event, &context);
        rows.push(to_item(key::event(&act.tenant_id, &row.event_id), &row)?);
    }
    let row = audit_row(ids.mint(), act, audit);
    rows.push(to_item(key::audit_outbox(&act.tenant_id, &row.event_id), &row)?);
    Ok(rows)
}

fn event_row(event_id: EventId, act: &Act, event: &EventDraft, context: &Value) -> EventRow {
    EventRow {
        record: "event".to_owned(),
        event_id,
        event_type: event.event_type.to_owned(),
        source: CORE_SOURCE.to_owned(),
        occurred_at: act.at,
        tenant_id: act.tenant_id.clone(),
        correlation_id: Some(act.request_id.clone()),
        schema_version: SCHEMA_VERSION.to_owned(),
        aggregate_type: event.aggregate_type.to_owned(),
        aggregate_id: event.aggregate_id.clone(),
        payload: event.payload.to_string(),
        context: context.to_string(),
        delivery_state: "pending".to_owned(),
        delivery_attempts: 0,
        created_at: act.at,
        updated_at: act.at,
    }
}

fn audit_row(event_id: EventId, act: &Act, audit: &AuditDraft) -> AuditRow {
    AuditRow {
        record: "audit".to_owned(),
        event_id,
        source: CORE_SOURCE.to_owned(),
        action: audit.action.to_owned(),
        actor_id: act.actor.id.clone(),
        actor_type: act.actor.kind.clone(),
        on_behalf_of: act.on_behalf_of.clone(),
        entity_id: audit.entity.as_ref().map(|(id, _)| id.clone()),
        entity_type: audit.entity.as_ref().and_then(|(_, kind)| kind.clone()),
        correlation_id: act.request_id.clone(),
        details: audit.details.to_string(),
        occurred_at: act.at,
        tenant_id: act.tenant_id.clone(),
        delivery_state: "pending".to_owned(),
        delivery_attempts: 0,
    }
}
