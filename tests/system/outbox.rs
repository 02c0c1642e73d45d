//! What changes leave in the outbox, opened up for a test to compare.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use serde_json::{Value, json};
use tests::World;

/// How many rows there are: a request that changes nothing adds none.
pub(crate) async fn rows(world: &World) -> usize {
    world.items("EventsTable").await.len()
}

/// The only event of a type.
#[track_caller]
pub(crate) fn only(mut rows: Vec<Value>) -> Value {
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

/// A field of a row that holds a JSON text, read. What is not there is null.
pub(crate) fn read(row: &Value, field: &str) -> Value {
    row[field].as_str().map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|error| json!(error.to_string()))
    })
}

/// The `before` and the `after` of an event.
pub(crate) fn before_and_after(event: &Value) -> (Value, Value) {
    let mut payload = read(event, "payload");
    (payload["before"].take(), payload["after"].take())
}
