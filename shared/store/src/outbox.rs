//! The rows of the events table: what a change tells others, and what others hand in. The table is the
//! ledger of events and the outbox at once; delivering what is in it is the relay's.
//!
//! A row that waits for its delivery also stands in the index `undelivered`, and leaves it with the mark
//! that settles it: so the index costs what is pending, however long the ledger grows.

use domain::change::{Act, AuditDraft, CORE_SOURCE, EventDraft};
use domain::entity_type::TypeName;
use domain::event::{Aggregate, Delivery, DeliveryState, Event, StoredEvent};
use domain::id::{EntityId, EventId, Ids, PrincipalId, TenantId};
use domain::principal::PrincipalType;
use domain::refusal::Refusal;
use domain::text::{
    AggregateId, AggregateType, CorrelationId, EventSource, EventType, SchemaVersion,
};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Store;
use crate::error::Error;
use crate::item::{Item, from_item, index, to_item};
use crate::key::{self, BY_TIME, Key, UNDELIVERED};

/// What a row of the events table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// An event.
    Event,
    /// An audit entry on its way to the ledger.
    Audit,
}

impl Record {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Audit => "audit",
        }
    }
}

/// A row of the events table.
#[derive(Clone, Debug, PartialEq)]
pub enum OutboxRow {
    /// An event, and whether the request that brought it publishes it itself.
    Event {
        /// The event.
        stored: Box<StoredEvent>,
        /// Whether the relay leaves it to that request, and to the sweeper after it.
        inline: bool,
    },
    /// An audit entry.
    Audit(Box<AuditRow>),
}

/// A stored event. `payload` and `context` are JSON texts.
#[derive(Serialize, Deserialize)]
struct EventRow {
    record: Record,
    event_id: EventId,
    event_type: EventType,
    source: EventSource,
    occurred_at: Timestamp,
    tenant_id: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation_id: Option<CorrelationId>,
    schema_version: SchemaVersion,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aggregate_type: Option<AggregateType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aggregate_id: Option<AggregateId>,
    payload: String,
    context: String,
    delivery_state: DeliveryState,
    delivery_attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// The request that handed it in: by this, and the moment, a request whose answer was lost knows its
    /// own row again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    inline: bool,
}

/// A stored audit entry on its way to the ledger: the producers' contract plus its delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// `audit`.
    pub record: Record,
    /// The same over every delivery.
    pub event_id: EventId,
    /// Who says so.
    pub source: String,
    /// What was done.
    pub action: String,
    /// Who was authenticated.
    pub actor_id: PrincipalId,
    /// The type of who was authenticated.
    pub actor_type: PrincipalType,
    /// On whose behalf.
    pub on_behalf_of: Option<PrincipalId>,
    /// The entity it was done to.
    pub entity_id: Option<EntityId>,
    /// Its type.
    pub entity_type: Option<TypeName>,
    /// The request.
    pub correlation_id: String,
    /// Ids and names, as a JSON text.
    pub details: String,
    /// When it was done.
    pub occurred_at: Timestamp,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// How far it has come on its way.
    pub delivery_state: DeliveryState,
    /// How often delivery was tried.
    pub delivery_attempts: u32,
    /// What the last attempt met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its delivery last changed.
    pub updated_at: Timestamp,
    /// Whether it is of a moment to come: the relay leaves it to the sweeper, who finds it when it is due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_timed: bool,
}

impl AuditRow {
    /// An entry about what someone does, not yet on its way.
    pub fn of(event_id: EventId, act: &Act, audit: &AuditDraft) -> Self {
        Self {
            record: Record::Audit,
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
            delivery_state: DeliveryState::Pending,
            delivery_attempts: 0,
            last_error: None,
            created_at: act.at,
            updated_at: act.at,
            is_timed: false,
        }
    }
}

impl OutboxRow {
    /// The row of an item, as the table or its stream gives it.
    pub fn read(item: serde_dynamo::Item) -> Result<Self, Error> {
        Self::of_item(item.into())
    }

    pub(crate) fn of_item(item: Item) -> Result<Self, Error> {
        match crate::item::text(&item, "record") {
            Some("event") => {
                let row: EventRow = from_item(item)?;
                let inline = row.inline;
                Ok(Self::Event { stored: Box::new(row.into_stored()?), inline })
            }
            Some("audit") => from_item(item).map(|row| Self::Audit(Box::new(row))),
            other => Err(Error::Defect(format!("a row of the events table is a `{other:?}`"))),
        }
    }

    /// Whose it is.
    pub fn tenant_id(&self) -> &TenantId {
        match self {
            Self::Event { stored, .. } => &stored.event.tenant_id,
            Self::Audit(row) => &row.tenant_id,
        }
    }

    /// Its id.
    pub fn event_id(&self) -> &EventId {
        match self {
            Self::Event { stored, .. } => &stored.event.event_id,
            Self::Audit(row) => &row.event_id,
        }
    }

    /// What it holds.
    pub fn record(&self) -> Record {
        match self {
            Self::Event { .. } => Record::Event,
            Self::Audit(_) => Record::Audit,
        }
    }

    /// How far its delivery has come.
    pub fn state(&self) -> DeliveryState {
        match self {
            Self::Event { stored, .. } => stored.delivery.state,
            Self::Audit(row) => row.delivery_state,
        }
    }

    /// When it was stored.
    pub fn created_at(&self) -> Timestamp {
        match self {
            Self::Event { stored, .. } => stored.delivery.created_at,
            Self::Audit(row) => row.created_at,
        }
    }

    /// What the last attempt to deliver it met.
    pub fn last_error(&self) -> Option<&str> {
        match self {
            Self::Event { stored, .. } => stored.delivery.last_error.as_deref(),
            Self::Audit(row) => row.last_error.as_deref(),
        }
    }
}

impl EventRow {
    fn into_stored(self) -> Result<StoredEvent, Error> {
        let aggregate = match (self.aggregate_type, self.aggregate_id) {
            (Some(kind), Some(id)) => Some(Aggregate { kind, id }),
            _ => None,
        };
        Ok(StoredEvent {
            event: Event {
                event_id: self.event_id,
                event_type: self.event_type,
                source: self.source,
                occurred_at: self.occurred_at,
                tenant_id: self.tenant_id,
                correlation_id: self.correlation_id,
                schema_version: self.schema_version,
                aggregate,
                payload: object(&self.payload)?,
                context: object(&self.context)?,
            },
            delivery: Delivery {
                state: self.delivery_state,
                attempts: self.delivery_attempts,
                last_error: self.last_error,
                created_at: self.created_at,
                updated_at: self.updated_at,
            },
        })
    }
}

/// The item of an event that is to be delivered. `request_id` is of who hands it in.
pub(crate) fn event_item(
    stored: &StoredEvent,
    request_id: Option<&str>,
    inline: bool,
) -> Result<Item, Error> {
    let StoredEvent { event, delivery } = stored;
    let aggregate = event.aggregate.as_ref();
    let row = EventRow {
        record: Record::Event,
        event_id: event.event_id.clone(),
        event_type: event.event_type.clone(),
        source: event.source.clone(),
        occurred_at: event.occurred_at,
        tenant_id: event.tenant_id.clone(),
        correlation_id: event.correlation_id.clone(),
        schema_version: event.schema_version.clone(),
        aggregate_type: aggregate.map(|aggregate| aggregate.kind.clone()),
        aggregate_id: aggregate.map(|aggregate| aggregate.id.clone()),
        payload: text_of(&event.payload)?,
        context: text_of(&event.context)?,
        delivery_state: delivery.state,
        delivery_attempts: delivery.attempts,
        last_error: delivery.last_error.clone(),
        created_at: delivery.created_at,
        updated_at: delivery.updated_at,
        request_id: request_id.map(str::to_owned),
        inline,
    };
    let (tenant, id) = (&event.tenant_id, &event.event_id);
    let mut item = to_item(key::event(tenant, id), &row)?;
    let listed = key::by_time(event.occurred_at, id.as_str());
    index(&mut item, BY_TIME, key::event_listing(tenant, id), listed);
    let (pk, sk) = waiting_line(event, delivery.created_at);
    index(&mut item, UNDELIVERED, pk, sk);
    Ok(item)
}

/// Where an event stands in the index of what is yet to be delivered.
pub(crate) fn waiting_line(event: &Event, created_at: Timestamp) -> (String, String) {
    let id = event.event_id.as_str();
    let lane = event.aggregate.as_ref().map_or(id, |aggregate| aggregate.id.as_str());
    (key::undelivered(&event.tenant_id, lane), key::by_time(created_at, id))
}

/// The rows of a change: one for each event, and one for the audit entry.
pub(crate) fn rows(
    ids: &Ids,
    act: &Act,
    events: &[EventDraft],
    audit: &AuditDraft,
) -> Result<Vec<Item>, Error> {
    let mut rows = Vec::with_capacity(events.len() + 1);
    for draft in events {
        let event = event_of(ids.mint(), act, draft)?;
        let stored = StoredEvent { event, delivery: Delivery::pending(act.at) };
        rows.push(event_item(&stored, None, false)?);
    }
    rows.push(audit_item(ids, act, audit)?);
    Ok(rows)
}

fn audit_item(ids: &Ids, act: &Act, audit: &AuditDraft) -> Result<Item, Error> {
    row_item(act, &AuditRow::of(ids.mint(), act, audit))
}

/// An audit entry as it is stored.
pub(crate) fn row_item(act: &Act, row: &AuditRow) -> Result<Item, Error> {
    let id = row.event_id.as_str();
    let mut item = to_item(key::audit_outbox(&act.tenant_id, &row.event_id), row)?;
    let line = key::undelivered(&act.tenant_id, id);
    index(&mut item, UNDELIVERED, line, key::by_time(act.at, id));
    Ok(item)
}

impl Store {
    /// Puts an audit entry of its own on its way to the ledger: of what was done without a change of anything. 4 WCU.
    pub async fn audit_append(&self, act: &Act, audit: &AuditDraft) -> Result<(), Error> {
        let item = audit_item(&self.ids, act, audit)?;
        if self.put_new(&self.tables.events, item).await? {
            Ok(())
        } else {
            Err(Error::Defect("an audit entry of its own met another of its id".to_owned()))
        }
    }
}

fn event_of(event_id: EventId, act: &Act, draft: &EventDraft) -> Result<Event, Error> {
    let mut context = Map::from_iter([
        ("actor_id".to_owned(), json!(act.actor.id)),
        ("actor_type".to_owned(), json!(act.actor.kind)),
        ("request_id".to_owned(), json!(act.request_id)),
    ]);
    if let Some(behalf) = &act.on_behalf_of {
        context.insert("on_behalf_of".to_owned(), json!(behalf));
    }
    let Value::Object(payload) = draft.payload.clone() else {
        return Err(Error::Defect(format!("the payload of `{}` is no object", draft.event_type)));
    };
    Ok(Event {
        event_id,
        event_type: EventType::parse(draft.event_type).map_err(|refusal| defect(&refusal))?,
        source: EventSource::parse(CORE_SOURCE).map_err(|refusal| defect(&refusal))?,
        occurred_at: act.at,
        tenant_id: act.tenant_id.clone(),
        correlation_id: CorrelationId::parse(&act.request_id).ok(),
        schema_version: SchemaVersion::current(),
        aggregate: Some(Aggregate {
            kind: AggregateType::parse(draft.aggregate_type).map_err(|refusal| defect(&refusal))?,
            id: AggregateId::parse(&draft.aggregate_id).map_err(|refusal| defect(&refusal))?,
        }),
        payload,
        context,
    })
}

/// The key of a row.
pub(crate) fn row_key(tenant: &TenantId, record: Record, id: &EventId) -> Key {
    match record {
        Record::Event => key::event(tenant, id),
        Record::Audit => key::audit_outbox(tenant, id),
    }
}

fn text_of(object: &Map<String, Value>) -> Result<String, Error> {
    serde_json::to_string(object)
        .map_err(|error| Error::Defect(format!("an event cannot be stored: {error}")))
}

fn object(text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Defect(format!("a stored event cannot be read: {error}")))
}

fn defect(refusal: &Refusal) -> Error {
    Error::Defect(format!("an event of the core {refusal}"))
}
