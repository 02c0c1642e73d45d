//! The description of each endpoint.

use api::Operation;
use domain::cloud_event;
use serde_json::{Value, json};

use crate::wire::{CloudEvent, EventBatch, EventBatchResult, EventBody, EventCreate};

/// No control character, and something visible.
const VISIBLE: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$";

const TOO_LARGE: &str = "Payload and context are larger than 200 KiB, or the context than 48 KiB.";

fn submission() -> Value {
    json!({
        "event_type": "document.verified",
        "source": "document_vault",
        "payload": {"document_id": "abc-123"},
        "context": {"actor_id": "user-42"},
        "correlation_id": "doc-abc-123",
    })
}

fn example() -> Value {
    json!({
        "id": "6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a",
        "event_id": "6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a",
        "event_type": "document.verified",
        "source": "document_vault",
        "occurred_at": "2026-11-23T03:30:53.000000Z",
        "tenant_id": "default",
        "correlation_id": "doc-abc-123",
        "schema_version": "v1",
        "aggregate_type": null,
        "aggregate_id": null,
        "payload": {"document_id": "abc-123"},
        "context": {"actor_id": "user-42"},
        "delivery_state": "succeeded",
        "delivery_attempts": 1,
        "last_error": null,
        "created_at": "2026-11-23T03:30:53.000000Z",
        "updated_at": "2026-11-23T03:30:53.020000Z",
    })
}

fn cloud_example() -> Value {
    json!({
        "specversion": "1.0",
        "id": "6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a",
        "type": "document.verified",
        "source": "document_vault",
        "time": "2026-11-23T03:30:53.000000Z",
        "datacontenttype": "application/json",
        "data": {"document_id": "abc-123"},
        "correlationid": "doc-abc-123",
        "schemaversion": "v1",
        "context": "{\"actor_id\":\"user-42\"}",
        "tenantid": "default",
    })
}

pub(crate) fn create() -> Operation {
    Operation::new("createEvent", "Hand in an event")
        .describe(
            "Stores it and publishes it at once, trying twice. Failing that it is stored all the same, and \
             delivered later: `delivery_state` and `last_error` say how it stands. The same `source` and \
             `correlation_id` again return the stored event, whatever else is sent. An event of an aggregate, \
             and one with an `Idempotency-Key`, is published by the relay, moments later. Also takes one \
             CloudEvent 1.0 (`Content-Type: application/cloudevents+json`), and answers with one where `Accept` \
             asks for it.",
        )
        .leaves_what_is_handed_in()
        .takes::<EventCreate>(&submission())
        .gives::<EventBody>(201, "It is stored; `Location` leads to it.", &example())
        .gives::<EventBody>(
            200,
            "It was stored before, and this is how it stands; `Idempotency-Replayed` is `true`.",
            &example(),
        )
        .also_as::<CloudEvent>(cloud_event::MEDIA_TYPE, &cloud_example())
        .refuses(413, "too_large", TOO_LARGE)
}

pub(crate) fn batch() -> Operation {
    let repeated = json!({"status": 200, "event": example()});
    let refused = json!({
        "status": 413,
        "problem": {
            "type": "urn:epr:problem:too_large", "title": "Payload Too Large", "status": 413, "detail": TOO_LARGE,
            "instance": "/api/v1/events/batch", "code": "too_large",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        },
    });
    let stored = json!({"status": 201, "event": example()});
    Operation::new("createEvents", "Hand in many events")
        .describe(
            "Each event is stored or refused for itself, as if it had been sent alone, and answered in its place. \
             Equal events of one batch are stored once.",
        )
        .leaves_what_is_handed_in()
        .takes::<EventBatch>(&json!({"events": [submission()]}))
        .gives::<EventBatchResult>(
            200,
            "What came of each event.",
            &json!({"items": [stored, repeated, refused]}),
        )
}

pub(crate) fn list() -> Operation {
    let text = |min: usize| json!({"type": "string", "minLength": min, "maxLength": 128, "pattern": VISIBLE});
    let time = || json!({"type": "string", "format": "date-time"});
    Operation::new("listEvents", "List events")
        .describe("Newest first by `occurred_at`. A new event shows within moments.")
        .query("event_type", "Of this type only.", text(3), false)
        .query("source", "From this source only.", text(3), false)
        .query("correlation_id", "With this correlation id only.", text(1), false)
        .query(
            "delivery_state",
            "In this state only; `published` is another word for `succeeded`.",
            json!({"type": "string", "enum": ["pending", "succeeded", "published", "failed"]}),
            false,
        )
        .query("from", "Not before this moment.", time(), false)
        .query("to", "Before this moment.", time(), false)
        .paged()
        .lists::<EventBody>("A page of events.", &example())
}

pub(crate) fn read() -> Operation {
    Operation::new("getEvent", "Get an event")
        .describe("As a CloudEvent where `Accept` asks for `application/cloudevents+json`.")
        .gives::<EventBody>(200, "The event, and how its delivery stands.", &example())
        .also_as::<CloudEvent>(cloud_event::MEDIA_TYPE, &cloud_example())
}

pub(crate) fn replay() -> Operation {
    Operation::new("replayEvent", "Publish an event again")
        .describe(
            "Whatever its state: it is published at once, trying twice, under the same `event_id`, and its attempts \
             are counted anew. What then fails is delivered later, as with a new event.",
        )
        .leaves_what_is_handed_in()
        .gives::<EventBody>(200, "The event, and how its delivery stands now.", &example())
        .also_as::<CloudEvent>(cloud_event::MEDIA_TYPE, &cloud_example())
        .refuses(409, "conflict", "Others keep replaying the same event.")
}
