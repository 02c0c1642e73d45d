//! What is sent and received.

use api::{Answer, Problem};
use axum::extract::FromRequestParts;
use domain::cloud_event;
use domain::event::{Content, DeliveryState, StoredEvent};
use domain::id::{EventId, TenantId};
use domain::text::{
    AggregateId, AggregateType, CorrelationId, EventSource, EventType, SchemaVersion,
};
use domain::time::Timestamp;
use http::header;
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

/// The form of an event in an answer, as `Accept` asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Our own, with the delivery.
    Own,
    /// As a CloudEvent.
    Cloud,
}

impl Format {
    /// 200 with an event.
    pub(crate) fn ok(self, stored: &StoredEvent) -> Answer {
        match self {
            Self::Own => Answer::ok(&EventBody::of(stored)),
            Self::Cloud => {
                Answer::ok(&cloud_event::write(&stored.event)).media_type(cloud_event::MEDIA_TYPE)
            }
        }
    }

    /// 201 with an event.
    pub(crate) fn created(self, location: String, stored: &StoredEvent) -> Answer {
        match self {
            Self::Own => Answer::created(location, &EventBody::of(stored)),
            Self::Cloud => Answer::created(location, &cloud_event::write(&stored.event))
                .media_type(cloud_event::MEDIA_TYPE),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Format {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let accepted = parts.headers.get_all(header::ACCEPT).iter();
        let mut types = accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| {
            value.split(',').filter_map(|range| range.split(';').next()).map(str::trim)
        });
        let asks = types.any(|range| range.eq_ignore_ascii_case(cloud_event::MEDIA_TYPE));
        Ok(if asks { Self::Cloud } else { Self::Own })
    }
}

/// An event with its delivery.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// The same as `event_id`.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Its id, the same over every delivery: what a subscriber recognises a repeated delivery by.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// What happened.
    #[schema(value_type = String, min_length = 3, max_length = 128)]
    pub event_type: EventType,
    /// Who says so.
    #[schema(value_type = String, min_length = 3, max_length = 128)]
    pub source: EventSource,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// With `source`, what it is recognised by when it is handed in again.
    #[schema(value_type = Option<String>)]
    pub correlation_id: Option<CorrelationId>,
    /// The version of the payload.
    #[schema(value_type = String)]
    pub schema_version: SchemaVersion,
    /// The kind of thing it happened to.
    #[schema(value_type = Option<String>)]
    pub aggregate_type: Option<AggregateType>,
    /// The thing it happened to.
    #[schema(value_type = Option<String>)]
    pub aggregate_id: Option<AggregateId>,
    /// What there is to say about it.
    #[schema(value_type = Object)]
    pub payload: Content,
    /// Who did it, in which request.
    #[schema(value_type = Object)]
    pub context: Content,
    /// `pending`, `succeeded` or `failed`.
    #[schema(value_type = String)]
    pub delivery_state: DeliveryState,
    /// How often delivery was tried.
    pub delivery_attempts: u32,
    /// What the last attempt met.
    pub last_error: Option<String>,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its delivery last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl EventBody {
    /// The body of an event.
    pub fn of(stored: &StoredEvent) -> Self {
        let StoredEvent { event, delivery } = stored.clone();
        let (aggregate_type, aggregate_id) =
            event.aggregate.map(|aggregate| (aggregate.kind, aggregate.id)).unzip();
        Self {
            id: event.event_id.clone(),
            event_id: event.event_id,
            event_type: event.event_type,
            source: event.source,
            occurred_at: event.occurred_at,
            tenant_id: event.tenant_id,
            correlation_id: event.correlation_id,
            schema_version: event.schema_version,
            aggregate_type,
            aggregate_id,
            payload: event.payload,
            context: event.context,
            delivery_state: delivery.state,
            delivery_attempts: delivery.attempts,
            last_error: delivery.last_error,
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}

/// An event to hand in. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `reading` reads; serde would stop at the first fault")]
pub struct EventCreate {
    /// What happened.
    #[schema(
        min_length = 3,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    event_type: String,
    /// Who says so; not `entity_permissions_core`, which is the core itself.
    #[schema(
        min_length = 3,
        max_length = 128,
        pattern = r"^(?!entity_permissions_core$)[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    source: String,
    /// When it happened; now, when absent.
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
    /// What it is recognised by, with `source`: the same again returns the stored event.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    correlation_id: Option<String>,
    /// The version of the payload; `v1` when absent.
    #[schema(
        min_length = 1,
        max_length = 16,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    schema_version: Option<String>,
    /// The kind of thing it happened to; with `aggregate_id` or not at all.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    aggregate_type: Option<String>,
    /// The thing it happened to: the events of one thing are delivered in their order.
    #[schema(
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    aggregate_id: Option<String>,
    /// What there is to say about it; with `context` at most 200 KiB as JSON.
    #[schema(value_type = Option<Object>)]
    payload: Option<Content>,
    /// Who did it, in which request; at most 48 KiB as JSON.
    #[schema(value_type = Option<Object>)]
    context: Option<Content>,
}

/// An event as a CloudEvent 1.0 in JSON. Other attributes are ignored on the way in.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `domain::cloud_event` reads and writes")]
pub struct CloudEvent {
    /// The version of the specification: `1.0`.
    #[schema(pattern = r"^1\.0$")]
    specversion: String,
    /// Its id; on the way in the correlation id, where there is no `correlationid`.
    #[schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    id: String,
    /// What happened.
    #[schema(
        min_length = 3,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    r#type: String,
    /// Who says so.
    #[schema(
        min_length = 3,
        max_length = 128,
        pattern = r"^(?!entity_permissions_core$)[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    source: String,
    /// When it happened; now, when absent.
    #[schema(format = DateTime)]
    time: Option<String>,
    /// `application/json`.
    datacontenttype: Option<String>,
    /// What there is to say about it.
    #[schema(value_type = Option<Object>)]
    data: Option<Content>,
    /// With `source`, what it is recognised by when it is handed in again.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    correlationid: Option<String>,
    /// The version of `data`.
    #[schema(
        min_length = 1,
        max_length = 16,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    schemaversion: Option<String>,
    /// Who did it, in which request: an object, as a JSON text.
    context: Option<String>,
    /// The kind of thing it happened to.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    aggregatetype: Option<String>,
    /// The thing it happened to.
    #[schema(
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    aggregateid: Option<String>,
    /// Whose it is; ignored on the way in.
    tenantid: Option<String>,
}

/// Events to hand in.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `batch` reads; serde would stop at the first fault")]
pub struct EventBatch {
    /// 1 to 100 events.
    #[schema(min_items = 1, max_items = 100)]
    events: Vec<EventCreate>,
}

/// What came of each event, in their order.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `batch` answers")]
pub struct EventBatchResult {
    /// One for each event that was sent.
    items: Vec<EventBatchItem>,
}

/// What came of one event.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `batch` answers")]
pub struct EventBatchItem {
    /// 201 for a new event, 200 for a repeated one, else that of the problem.
    status: u16,
    /// The event, where it is stored.
    event: Option<EventBody>,
    /// Why it is not.
    #[schema(value_type = Option<Object>)]
    problem: Option<Content>,
}
