//! What is handed in: our own form, or a CloudEvent.

use api::{Content, Fault, Faulty, Fields, Problem, text};
use domain::cloud_event;
use domain::event::{Aggregate, Submission, content, others_source};
use domain::refusal::Refusal;
use domain::text::{AggregateId, AggregateType, CorrelationId, EventType, SchemaVersion};
use domain::time::Timestamp;
use serde_json::{Map, Value};

/// The event of a body, whichever form its `Content-Type` says it has.
pub(crate) fn submission(body: &Content) -> Result<Submission, Problem> {
    match body.media_type.as_str() {
        "application/json" => own(Fields::parse(&body.bytes)?),
        cloud_event::MEDIA_TYPE => cloud(&body.bytes),
        _ => Err(Problem::malformed(format!(
            "the `Content-Type` must be `application/json` or `{}`",
            cloud_event::MEDIA_TYPE
        ))),
    }
}

/// An event in our own form.
pub(crate) fn own(mut fields: Fields) -> Result<Submission, Problem> {
    let event_type = fields.required("event_type", text(EventType::parse));
    let source = fields.required("source", text(others_source));
    let occurred_at = fields.optional("occurred_at", text(Timestamp::parse));
    let correlation_id = fields.optional("correlation_id", text(CorrelationId::parse));
    let schema_version = fields.optional("schema_version", text(SchemaVersion::parse));
    let aggregate = aggregate(&mut fields);
    let payload = fields.optional("payload", content);
    let context = fields.optional("context", content);
    fields.finish()?;
    within_limits(Submission {
        event_type: event_type?,
        source: source?,
        occurred_at: occurred_at?,
        correlation_id: correlation_id?,
        schema_version: schema_version?,
        aggregate: aggregate?,
        payload: payload?.unwrap_or_default(),
        context: context?.unwrap_or_default(),
    })
}

fn aggregate(fields: &mut Fields) -> Result<Option<Aggregate>, Faulty> {
    let kind = fields.optional("aggregate_type", text(AggregateType::parse));
    let id = fields.optional("aggregate_id", text(AggregateId::parse));
    let alone = Refusal::new("is required beside the other half of the aggregate");
    match (kind?, id?) {
        (Some(kind), Some(id)) => Ok(Some(Aggregate { kind, id })),
        (None, None) => Ok(None),
        (Some(_), None) => fields.refuse("/aggregate_id".to_owned(), &alone),
        (None, Some(_)) => fields.refuse("/aggregate_type".to_owned(), &alone),
    }
}

fn cloud(bytes: &[u8]) -> Result<Submission, Problem> {
    let attributes: Map<String, Value> = match serde_json::from_slice(bytes) {
        Ok(Value::Object(attributes)) => attributes,
        Ok(_) => return Err(Problem::malformed("the body must be a JSON object")),
        Err(error) => {
            return Err(Problem::malformed(format!("the body is not JSON: {error}")));
        }
    };
    let read = cloud_event::read(&attributes).map_err(|faults| {
        let fault = |(name, refusal): (&str, Refusal)| Fault {
            pointer: format!("/{name}"),
            detail: refusal.reason().to_owned(),
        };
        Problem::invalid(faults.into_iter().map(fault).collect())
    });
    within_limits(read?)
}

fn within_limits(submission: Submission) -> Result<Submission, Problem> {
    match submission.check_size() {
        Ok(()) => Ok(submission),
        Err(too_large) => Err(Problem::part_too_large(too_large.to_string())),
    }
}
