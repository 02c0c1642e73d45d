//! What goes out as a CloudEvent and comes in again is the same event.
#![expect(clippy::unwrap_used, reason = "a strategy that makes no legal word fails the test")]

use domain::cloud_event;
use domain::event::{Aggregate, Content, Event};
use domain::id::{EventId, TenantId};
use domain::text::{
    AggregateId, AggregateType, CorrelationId, EventSource, EventType, SchemaVersion,
};
use domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn content() -> impl Strategy<Value = Content> {
    prop::collection::btree_map(any::<String>(), json(), 0..4)
        .prop_map(|members| members.into_iter().collect())
}

fn aggregate() -> impl Strategy<Value = Option<Aggregate>> {
    prop::option::of(("[a-z]{1,64}", "[!-~]{1,256}").prop_map(|(kind, id)| Aggregate {
        kind: AggregateType::parse(&kind).unwrap(),
        id: AggregateId::parse(&id).unwrap(),
    }))
}

fn event() -> impl Strategy<Value = Event> {
    let words = ("[a-z.]{3,128}", "[a-zA-Z0-9:/_ .é-]{0,125}xyz", "v[0-9]{1,15}");
    let correlation = prop::option::of("[!-~]{1,128}");
    let moment = -60_000_000_000_000_000_i64..250_000_000_000_000_000;
    (words, correlation, moment, aggregate(), content(), content()).prop_map(
        |((event_type, source, version), correlation, moment, aggregate, payload, context)| Event {
            event_id: EventId::parse("0190b0c5-7e4c-7000-8000-000000000001").unwrap(),
            event_type: EventType::parse(&event_type).unwrap(),
            source: EventSource::parse(&source).unwrap(),
            occurred_at: Timestamp::from_microseconds(moment).unwrap(),
            tenant_id: TenantId::parse("t").unwrap(),
            correlation_id: correlation.map(|text| CorrelationId::parse(&text).unwrap()),
            schema_version: SchemaVersion::parse(&version).unwrap(),
            aggregate,
            payload,
            context,
        },
    )
}

proptest! {
    #[test]
    fn an_event_survives_the_way_out_and_in(event in event()) {
        // Through text, as it travels.
        let written = cloud_event::write(&event).to_string();
        let written: Value = serde_json::from_str(&written).unwrap();
        let read = cloud_event::read(written.as_object().unwrap()).unwrap();
        let again = read.into_event(
            event.event_id.clone(),
            event.tenant_id.clone(),
            Timestamp::from_microseconds(1).unwrap(),
        );
        let own_id = CorrelationId::parse(event.event_id.as_str()).unwrap();
        let expected = Event { correlation_id: event.correlation_id.clone().or(Some(own_id)), ..event };
        prop_assert_eq!(again, expected);
    }
}
