//! Events: the envelope in which everything that happened is stored and published, and how far its
//! delivery has come.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::change::CORE_SOURCE;
use crate::document::{DOCUMENT_DEPTH_MAX, depth};
use crate::id::{EventId, TenantId};
use crate::refusal::Refusal;
use crate::text::{
    AggregateId, AggregateType, CorrelationId, EventSource, EventType, SchemaVersion,
};
use crate::time::Timestamp;

/// Most bytes of payload and context together, each as compact JSON.
pub const EVENT_BYTES_MAX: usize = 200 * 1024;

/// Most bytes of the context alone. It is published twice, as `context` and as `metadata`, and the whole
/// message must fit into the 256 KiB of a topic: 200 + 48 leaves 8 KiB for the rest of the envelope.
pub const CONTEXT_BYTES_MAX: usize = 48 * 1024;

/// The version of the envelope and of the payloads of the core.
pub const SCHEMA_VERSION: &str = "v1";

/// How often delivery of an event is tried before it is given up.
pub const DELIVERY_ATTEMPTS_MAX: u32 = 5;

/// How long to wait after each failed attempt before the next, in milliseconds. One shorter than
/// [`DELIVERY_ATTEMPTS_MAX`]: after the last there is no next.
pub const DELIVERY_PAUSES_MILLISECONDS: [u64; 4] = [200, 800, 3_200, 12_800];

/// Longest `last_error`, in characters.
pub const LAST_ERROR_CHARACTERS_MAX: usize = 1024;

/// A JSON object of an event, of any size; nests no deeper than [`DOCUMENT_DEPTH_MAX`].
pub type Content = Map<String, Value>;

/// Takes a JSON object that nests no deeper than [`DOCUMENT_DEPTH_MAX`].
pub fn content(value: &Value) -> Result<Content, Refusal> {
    let Value::Object(object) = value else {
        return Err(Refusal::new("must be a JSON object"));
    };
    if depth(value) > DOCUMENT_DEPTH_MAX {
        return Err(Refusal::new(format!("must nest at most {DOCUMENT_DEPTH_MAX} deep")));
    }
    Ok(object.clone())
}

/// The thing that an event happened to: events of one thing keep their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Aggregate {
    /// Its kind.
    pub kind: AggregateType,
    /// Which one.
    pub id: AggregateId,
}

/// Something that happened. It never changes; only its [`Delivery`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same over every delivery.
    pub event_id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// Who says so.
    pub source: EventSource,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What it belongs to: for events of the core, the request.
    pub correlation_id: Option<CorrelationId>,
    /// The version of the payload.
    pub schema_version: SchemaVersion,
    /// The thing it happened to.
    pub aggregate: Option<Aggregate>,
    /// What there is to say about it.
    pub payload: Content,
    /// Who did it, in which request.
    pub context: Content,
}

/// How far an event has come on its way to those who subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Not yet with the topic; tried, or to be tried.
    Pending,
    /// The topic has it.
    Succeeded,
    /// Given up, until someone replays it.
    Failed,
}

impl DeliveryState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Reads a name; `published` is another word for `succeeded`.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "pending" => Ok(Self::Pending),
            "succeeded" | "published" => Ok(Self::Succeeded),
            "failed" => Ok(Self::Failed),
            _ => Err(Refusal::new("must be `pending`, `succeeded` or `failed`")),
        }
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The delivery of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How far it has come.
    pub state: DeliveryState,
    /// How often it was tried, since it was stored or last replayed.
    pub attempts: u32,
    /// What the last attempt met, at most [`LAST_ERROR_CHARACTERS_MAX`] characters.
    pub last_error: Option<String>,
    /// When the event was stored.
    pub created_at: Timestamp,
    /// When its delivery last changed.
    pub updated_at: Timestamp,
}

impl Delivery {
    /// The delivery of an event that is stored at a moment.
    pub fn pending(at: Timestamp) -> Self {
        Self {
            state: DeliveryState::Pending,
            attempts: 0,
            last_error: None,
            created_at: at,
            updated_at: at,
        }
    }
}

/// An event with its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// What happened.
    pub event: Event,
    /// How far it has come.
    pub delivery: Delivery,
}

/// An event as someone hands it in: not yet with an id and a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// What happened.
    pub event_type: EventType,
    /// Who says so.
    pub source: EventSource,
    /// When it happened; when it was handed in, if that is not said.
    pub occurred_at: Option<Timestamp>,
    /// By what it is recognised when it is handed in again.
    pub correlation_id: Option<CorrelationId>,
    /// The version of the payload.
    pub schema_version: Option<SchemaVersion>,
    /// The thing it happened to.
    pub aggregate: Option<Aggregate>,
    /// What there is to say about it.
    pub payload: Content,
    /// Who did it, in which request.
    pub context: Content,
}

/// Why an event is too large: which part, and by how much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} must be at most {bytes_max} bytes as JSON, is {bytes}")]
pub struct TooLarge {
    /// The part.
    pub part: &'static str,
    /// Its size.
    pub bytes: usize,
    /// Its limit.
    pub bytes_max: usize,
}

impl Submission {
    /// Checks [`EVENT_BYTES_MAX`] and [`CONTEXT_BYTES_MAX`].
    pub fn check_size(&self) -> Result<(), TooLarge> {
        let size =
            |object: &Content| serde_json::to_vec(object).map_or(usize::MAX, |json| json.len());
        let (payload, context) = (size(&self.payload), size(&self.context));
        let both = payload.saturating_add(context);
        if both > EVENT_BYTES_MAX {
            return Err(TooLarge {
                part: "`payload` and `context` together",
                bytes: both,
                bytes_max: EVENT_BYTES_MAX,
            });
        }
        if context > CONTEXT_BYTES_MAX {
            return Err(TooLarge {
                part: "`context`",
                bytes: context,
                bytes_max: CONTEXT_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// The event of a submission.
    pub fn into_event(self, event_id: EventId, tenant_id: TenantId, at: Timestamp) -> Event {
        Event {
            event_id,
            event_type: self.event_type,
            source: self.source,
            occurred_at: self.occurred_at.unwrap_or(at),
            tenant_id,
            correlation_id: self.correlation_id,
            schema_version: self.schema_version.unwrap_or_else(SchemaVersion::current),
            aggregate: self.aggregate,
            payload: self.payload,
            context: self.context,
        }
    }
}

/// A source that others may name: not the core's own, whose word subscribers act on.
pub fn others_source(text: &str) -> Result<EventSource, Refusal> {
    if text == CORE_SOURCE {
        return Err(Refusal::new(format!(
            "must not be `{CORE_SOURCE}`: so the core signs its own"
        )));
    }
    EventSource::parse(text)
}

impl Event {
    /// The event as it is published. `metadata` is `context` under the name that the original service
    /// sent it by.
    pub fn published(&self) -> Value {
        let mut message = json!({
            "event_id": self.event_id,
            "event_type": self.event_type,
            "source": self.source,
            "occurred_at": self.occurred_at,
            "tenant_id": self.tenant_id,
            "correlation_id": self.correlation_id,
            "schema_version": self.schema_version,
            "payload": self.payload,
            "context": self.context,
            "metadata": self.context,
        });
        if let (Value::Object(members), Some(aggregate)) = (&mut message, &self.aggregate) {
            members.insert("aggregate_type".to_owned(), json!(aggregate.kind));
            members.insert("aggregate_id".to_owned(), json!(aggregate.id));
        }
        message
    }
}

/// The first [`LAST_ERROR_CHARACTERS_MAX`] characters of what went wrong.
pub fn last_error(text: &str) -> String {
    text.chars().take(LAST_ERROR_CHARACTERS_MAX).collect()
}

/// How long to wait after so many failed attempts, in milliseconds; `None` when it was the last.
pub fn pause_after(attempts: u32) -> Option<u64> {
    let place = usize::try_from(attempts.max(1) - 1).unwrap_or(usize::MAX);
    DELIVERY_PAUSES_MILLISECONDS.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(payload: usize, context: usize) -> Submission {
        let of =
            |bytes: usize| content(&json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())})).unwrap();
        Submission {
            event_type: EventType::parse("document.verified").unwrap(),
            source: EventSource::parse("document_vault").unwrap(),
            occurred_at: None,
            correlation_id: None,
            schema_version: None,
            aggregate: None,
            payload: of(payload),
            context: of(context),
        }
    }

    fn largest() -> Event {
        let id = EventId::parse(&"i".repeat(128)).unwrap();
        let tenant = TenantId::parse(&"t".repeat(128)).unwrap();
        let wide = |count: usize| "\u{1f980}".repeat(count);
        let mut largest = submission(EVENT_BYTES_MAX - CONTEXT_BYTES_MAX, CONTEXT_BYTES_MAX);
        largest.event_type = EventType::parse(&wide(128)).unwrap();
        largest.source = EventSource::parse(&wide(128)).unwrap();
        largest.correlation_id = Some(CorrelationId::parse(&wide(128)).unwrap());
        largest.schema_version = Some(SchemaVersion::parse(&wide(16)).unwrap());
        largest.aggregate = Some(Aggregate {
            kind: AggregateType::parse(&wide(64)).unwrap(),
            id: AggregateId::parse(&wide(256)).unwrap(),
        });
        largest.into_event(id, tenant, Timestamp::from_microseconds(0).unwrap())
    }

    #[test]
    fn the_limit_is_the_last_size_that_passes() {
        assert!(submission(EVENT_BYTES_MAX - 100, 100).check_size().is_ok());
        assert!(submission(EVENT_BYTES_MAX - 100, 101).check_size().is_err());
        assert!(submission(100, CONTEXT_BYTES_MAX).check_size().is_ok());
        assert!(submission(100, CONTEXT_BYTES_MAX + 1).check_size().is_err());
    }

    #[test]
    fn the_largest_event_fits_into_a_message() {
        assert!(largest().published().to_string().len() + 2_048 <= 256 * 1024);
    }

    #[test]
    fn a_message_has_the_envelope_of_the_original_service_and_ours() {
        let message = largest().published();
        for name in [
            "event_id",
            "event_type",
            "source",
            "occurred_at",
            "tenant_id",
            "correlation_id",
            "schema_version",
            "aggregate_type",
            "aggregate_id",
            "payload",
            "context",
            "metadata",
        ] {
            assert!(!message[name].is_null(), "{name}");
        }
        assert_eq!(message["context"], message["metadata"]);
    }

    #[test]
    fn there_is_a_pause_after_every_attempt_but_the_last() {
        let pauses: Vec<_> = (1..=DELIVERY_ATTEMPTS_MAX).map(pause_after).collect();
        assert!(pauses.is_sorted_by_key(|pause| pause.unwrap_or(u64::MAX)), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&None));
        assert!(pauses[..pauses.len() - 1].iter().all(Option::is_some));
    }

    #[test]
    fn published_is_another_word_for_succeeded() {
        assert_eq!(DeliveryState::parse("published").unwrap(), DeliveryState::Succeeded);
        assert!(DeliveryState::parse("lost").is_err());
    }

    #[test]
    fn nobody_speaks_for_the_core() {
        assert!(others_source(CORE_SOURCE).is_err());
        assert!(others_source("document_vault").is_ok());
    }
}
