//! CloudEvents 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>), structured
//! mode in JSON: how an event of ours is written as one, and one of others read as ours.
//!
//! | CloudEvent | ours | written | read |
//! |---|---|---|---|
//! | `specversion` | | `1.0` | must be `1.0` |
//! | `id` | `event_id` | always | the correlation id, where there is no `correlationid` |
//! | `type` | `event_type` | always | required, 3 to 128 characters |
//! | `source` | `source` | always, as it is | required, 3 to 128 characters |
//! | `time` | `occurred_at` | always | the present, where it is absent |
//! | `datacontenttype` | | `application/json` | JSON, where it is there |
//! | `data` | `payload` | always | an object; `{}` where it is absent; never `data_base64` |
//! | `correlationid` | `correlation_id` | where there is one | 1 to 128 characters |
//! | `schemaversion` | `schema_version` | always | `v1` where it is absent |
//! | `context` | `context` | where it is not empty | an object, as a JSON text |
//! | `aggregatetype`, `aggregateid` | the aggregate | where there is one | both or neither |
//! | `tenantid` | `tenant_id` | always | a text, ignored: an event belongs to who hands it in |
//!
//! The last six are extension attributes. Their names are lower-case letters, and their values texts,
//! because nothing else may be an extension attribute: hence the context as a JSON text. Other
//! extensions, `subject` and `dataschema` are ignored on the way in.
//!
//! An event without a correlation id comes back with its own id as one, so handing it in twice stores it
//! once. All else survives the way out and in unchanged.

use serde_json::{Map, Value, json};

use crate::event::{Aggregate, Content, Event, Submission, content, others_source};
use crate::refusal::Refusal;
use crate::text::{AggregateId, AggregateType, CorrelationId, EventType, SchemaVersion};
use crate::time::Timestamp;

/// The media type of one event in JSON.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// What is wrong with a CloudEvent, by attribute.
pub type Faults = Vec<(&'static str, Refusal)>;

/// An event as a CloudEvent.
pub fn write(event: &Event) -> Value {
    let mut written = json!({
        "specversion": "1.0",
        "id": event.event_id,
        "type": event.event_type,
        "source": event.source,
        "time": event.occurred_at,
        "datacontenttype": "application/json",
        "data": event.payload,
        "schemaversion": event.schema_version,
        "tenantid": event.tenant_id,
    });
    let Value::Object(members) = &mut written else { return written };
    if let Some(correlation_id) = &event.correlation_id {
        members.insert("correlationid".to_owned(), json!(correlation_id));
    }
    if !event.context.is_empty() {
        let context = Value::Object(event.context.clone()).to_string();
        members.insert("context".to_owned(), json!(context));
    }
    if let Some(Aggregate { kind, id }) = &event.aggregate {
        members.insert("aggregatetype".to_owned(), json!(kind));
        members.insert("aggregateid".to_owned(), json!(id));
    }
    written
}

/// Reads a CloudEvent. All that is wrong is told at once.
pub fn read(attributes: &Map<String, Value>) -> Result<Submission, Faults> {
    let mut reading = Reading { attributes, faults: Vec::new() };
    reading.required("specversion", |text| {
        if text == "1.0" { Ok(()) } else { Err(Refusal::new("must be `1.0`")) }
    });
    let event_type = reading.required("type", EventType::parse);
    let source = reading.required("source", others_source);
    let occurred_at = reading.optional("time", Timestamp::parse);
    let schema_version = reading.optional("schemaversion", SchemaVersion::parse);
    reading.optional("datacontenttype", json_only);
    let correlation_id = if reading.is_there("correlationid") {
        reading.required("id", any_id);
        reading.optional("correlationid", CorrelationId::parse)
    } else {
        reading.required("id", CorrelationId::parse)
    };
    let context = reading.optional("context", |text| {
        let value = serde_json::from_str(text)
            .map_err(|_| Refusal::new("must be a JSON object, written as a text"))?;
        content(&value)
    });
    reading.optional("tenantid", |_| Ok(()));
    let payload = reading.data();
    let aggregate = reading.aggregate();
    match (reading.faults, event_type, source) {
        (faults, Some(event_type), Some(source)) if faults.is_empty() => Ok(Submission {
            event_type,
            source,
            occurred_at,
            correlation_id,
            schema_version,
            aggregate,
            payload,
            context: context.unwrap_or_default(),
        }),
        (faults, ..) => Err(faults),
    }
}

struct Reading<'a> {
    attributes: &'a Map<String, Value>,
    faults: Faults,
}

impl Reading<'_> {
    /// An attribute that is `null` is not there (JSON format, section 2.2).
    fn is_there(&self, name: &str) -> bool {
        self.attributes.get(name).is_some_and(|value| !value.is_null())
    }

    fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        if !self.is_there(name) {
            self.faults.push((name, Refusal::new("is required")));
        }
        self.optional(name, read)
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        let value = self.attributes.get(name).filter(|value| !value.is_null())?;
        let value = match value {
            Value::String(text) => read(text),
            _ => Err(Refusal::new("must be a text")),
        };
        value.map_err(|refusal| self.faults.push((name, refusal))).ok()
    }

    fn data(&mut self) -> Content {
        if self.is_there("data_base64") {
            self.faults.push(("data_base64", Refusal::new("is not taken: send JSON in `data`")));
        }
        if !self.is_there("data") {
            return Content::new();
        }
        let data = self.attributes.get("data").map(content);
        match data {
            Some(Ok(payload)) => payload,
            Some(Err(refusal)) => {
                self.faults.push(("data", refusal));
                Content::new()
            }
            None => Content::new(),
        }
    }

    fn aggregate(&mut self) -> Option<Aggregate> {
        let one_alone = || Refusal::new("is required beside the other half of the aggregate");
        match (self.is_there("aggregatetype"), self.is_there("aggregateid")) {
            (true, false) => self.faults.push(("aggregateid", one_alone())),
            (false, true) => self.faults.push(("aggregatetype", one_alone())),
            _ => {}
        }
        let kind = self.optional("aggregatetype", AggregateType::parse);
        let id = self.optional("aggregateid", AggregateId::parse);
        Some(Aggregate { kind: kind?, id: id? })
    }
}

/// An id that no more is made of. No attribute holds control characters (section 3, "Type System").
fn any_id(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("must not be empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::new("must not hold control characters"));
    }
    Ok(())
}

fn json_only(media_type: &str) -> Result<(), Refusal> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        Ok(())
    } else {
        Err(Refusal::new("must be `application/json`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(value: &Value) -> Result<Submission, Vec<&'static str>> {
        read(value.as_object().unwrap())
            .map_err(|faults| faults.into_iter().map(|(name, _)| name).collect())
    }

    fn least() -> Value {
        json!({"specversion": "1.0", "id": "1", "type": "a.b", "source": "/vault"})
    }

    #[test]
    fn the_id_of_an_event_without_correlation_id_becomes_one() {
        let read = read_of(&least()).unwrap();
        assert_eq!(read.correlation_id, Some(CorrelationId::parse("1").unwrap()));
        assert_eq!((read.payload, read.context), (Content::new(), Content::new()));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let faulty = json!({
            "specversion": "0.3", "type": "a", "source": 1, "time": "noon", "data": [],
            "datacontenttype": "text/xml", "context": "{", "aggregateid": "x",
        });
        assert_eq!(
            read_of(&faulty).unwrap_err(),
            [
                "specversion",
                "type",
                "source",
                "time",
                "datacontenttype",
                "id",
                "context",
                "data",
                "aggregatetype",
            ]
        );
    }

    #[test]
    fn what_is_not_used_must_be_legal_all_the_same() {
        for (name, value) in [("tenantid", json!({})), ("id", json!("a\nb")), ("id", json!(""))] {
            let mut event = least();
            event["correlationid"] = json!("order-1");
            event[name] = value;
            assert_eq!(read_of(&event).unwrap_err(), [name]);
        }
    }

    #[test]
    fn attributes_that_are_null_are_absent_and_unknown_ones_ignored() {
        let mut event = least();
        event["time"] = Value::Null;
        event["traceparent"] = json!("00-…");
        assert!(read_of(&event).unwrap().occurred_at.is_none());
    }

    #[test]
    fn the_names_of_all_attributes_are_legal() {
        let full = crate::event::Event {
            event_id: crate::id::EventId::parse("e").unwrap(),
            event_type: EventType::parse("a.b").unwrap(),
            source: crate::text::EventSource::parse("vault").unwrap(),
            occurred_at: Timestamp::from_microseconds(0).unwrap(),
            tenant_id: crate::id::TenantId::parse("t").unwrap(),
            correlation_id: Some(CorrelationId::parse("c").unwrap()),
            schema_version: SchemaVersion::current(),
            aggregate: Some(Aggregate {
                kind: AggregateType::parse("entity").unwrap(),
                id: AggregateId::parse("acme").unwrap(),
            }),
            payload: Content::new(),
            context: content(&json!({"actor_id": "a"})).unwrap(),
        };
        let written = write(&full);
        for (name, value) in written.as_object().unwrap() {
            assert!(
                name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase()),
                "{name}"
            );
            assert!(name == "data" || value.is_string(), "{name}");
        }
    }
}
