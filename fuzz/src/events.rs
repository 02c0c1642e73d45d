//! Events that others hand in: CloudEvents, and messages for the audit ledger.

use domain::cloud_event;
use domain::id::{EventId, TenantId};
use domain::ledger::line::examine;
use domain::ledger::message::Message;
use domain::ledger::record::{RECORD_BYTES_MAX, Record, content};
use domain::ledger::scan::is_canonical;
use domain::time::Timestamp;
use serde_json::Value;

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn moment() -> Timestamp {
    Timestamp::parse("2026-11-23T03:30:53Z").unwrap()
}

/// What was read is written, and read again, unchanged.
pub(crate) fn cloud_event(data: &[u8]) {
    let Ok(Value::Object(attributes)) = serde_json::from_slice(data) else { return };
    let Ok(submission) = cloud_event::read(&attributes) else { return };
    let id = EventId::parse("0190b0c5-7e4c-7000-8000-000000000001").unwrap();
    let event = submission.into_event(id, tenant(), moment());
    let Value::Object(written) = cloud_event::write(&event) else { panic!("no object") };
    let again =
        cloud_event::read(&written).unwrap_or_else(|faults| panic!("{faults:?}: {written:?}"));
    let mut again = again.into_event(event.event_id.clone(), tenant(), moment());
    // An event without a correlation id comes back with its own id as one.
    if event.correlation_id.is_none() {
        again.correlation_id = None;
    }
    assert_eq!(again, event);
}

/// A record of any message that is taken is canonical, reads back, and convinces the verifier's own reader.
pub(crate) fn message(data: &[u8]) {
    let Ok(message) = Message::parse(data) else { return };
    let said = content(&message, &tenant()).unwrap();
    let record = Record::new(message.clone(), tenant(), 7, moment());
    let Ok(line) = record.canonical() else { return };
    assert!(is_canonical(&line), "{}", String::from_utf8_lossy(&line));
    let read = Record::parse(&line).unwrap();
    assert_eq!(read.message.event_id, message.event_id);
    assert_eq!((read.sequence, read.content().unwrap()), (7, said));
    assert_eq!(read.canonical().unwrap(), line);
    if line.len() <= RECORD_BYTES_MAX {
        let examined = examine(&line, &tenant()).unwrap();
        assert_eq!(examined.sequence, 7);
    }
}
