//! A record of the ledger: a producer's message, and where and when the ledger took it in.

use serde::Serialize;
use serde_json::{Value, json};

use crate::id::TenantId;
use crate::ledger::canonical;
use crate::ledger::hash::Hash;
use crate::ledger::message::{FieldRefusal, Message};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// How records are hashed: RFC 8785 for the text, RFC 6962 for the leaf. Version 1 was the chain of the
/// first implementation of EPR, whose text was Python's.
pub const HASH_VERSION: u64 = 2;

/// Longest canonical record, in bytes: what the length of an entry in a bundle of C2SP's tiles can say.
pub const RECORD_BYTES_MAX: usize = 65_535;

/// A record. Its canonical form has all members, always: what is absent is written as null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// What the producer said.
    #[serde(flatten)]
    pub message: Message,
    /// Whose it is: the chain.
    pub tenant_id: TenantId,
    /// Where it stands in its chain, counted from 1 without a gap.
    pub sequence: u64,
    /// When the ledger took it in. It never goes back along a chain.
    pub recorded_at: Timestamp,
    /// [`HASH_VERSION`].
    pub hash_version: u64,
}

impl Record {
    /// A message at its place. The message's own tenant, where it names one, is the caller's to compare.
    pub fn new(
        message: Message,
        tenant_id: TenantId,
        sequence: u64,
        recorded_at: Timestamp,
    ) -> Self {
        let message = Message { tenant_id: None, ..message };
        Self { message, tenant_id, sequence, recorded_at, hash_version: HASH_VERSION }
    }

    /// The canonical bytes; refused beyond [`RECORD_BYTES_MAX`].
    pub fn canonical(&self) -> Result<Vec<u8>, Refusal> {
        let bytes = canonical::to_bytes(self)?;
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(Refusal::new(format!(
                "must be at most {RECORD_BYTES_MAX} bytes as a record, is {}",
                bytes.len()
            )));
        }
        Ok(bytes)
    }

    /// Reads a record back from its bytes. That they are canonical is not checked here.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<FieldRefusal>> {
        let whole = |refusal| vec![FieldRefusal { field: String::new(), refusal }];
        let mut value = canonical::parse(bytes).map_err(whole)?;
        let mut take = |field: &str| {
            let taken = value.as_object_mut().and_then(|members| members.remove(field));
            taken.unwrap_or(Value::Null)
        };
        let own = [take("sequence"), take("recorded_at"), take("hash_version"), take("tenant_id")];
        let refusal =
            |field: &str, refusal| vec![FieldRefusal { field: field.to_owned(), refusal }];
        let [sequence, recorded_at, hash_version, tenant_id] = own;
        let natural = |field, value: &Value| {
            value.as_u64().ok_or_else(|| refusal(field, Refusal::new("must be a natural number")))
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            sequence: natural("sequence", &sequence)?,
            hash_version: natural("hash_version", &hash_version)?,
            recorded_at: Timestamp::parse(&text(&recorded_at))
                .map_err(|error| refusal("recorded_at", error))?,
            tenant_id: TenantId::parse(&text(&tenant_id))
                .map_err(|error| refusal("tenant_id", error))?,
            message: Message::from_value(value)?,
        })
    }

    /// The digest by which a repeat of the `event_id` is the same event or a conflict.
    pub fn content(&self) -> Result<Hash, Refusal> {
        content(&self.message, &self.tenant_id)
    }
}

/// What a producer said, as one hash: SHA-256 of the canonical form of the normalised message and its
/// tenant, without what the ledger adds.
///
/// Two messages that differ only in how they are written (spaces, order, an offset of the time, null for
/// absence) have one digest; a message that says anything else has another.
pub fn content(message: &Message, tenant_id: &TenantId) -> Result<Hash, Refusal> {
    let mut value = json!(message);
    if let Value::Object(members) = &mut value {
        members.insert("tenant_id".to_owned(), json!(tenant_id));
    }
    Ok(Hash::of(&canonical::to_bytes(&value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> Message {
        Message::parse(json.as_bytes()).unwrap()
    }

    fn record(message: Message) -> Record {
        let at = Timestamp::parse("2026-11-23T03:30:53Z").unwrap();
        Record::new(message, TenantId::parse("acme").unwrap(), 7, at)
    }

    const SAMPLE: &str = r#"{"event_id":"e1","source":"s","action":"a","details":{"b":1.0,"a":"é"},
        "occurred_at":"2024-04-14T20:03:11.5+02:00"}"#;

    #[test]
    fn the_canonical_form_has_every_member_in_order() {
        let bytes = record(message(SAMPLE)).canonical().unwrap();
        let written = concat!(
            r#"{"action":"a","actor_id":null,"actor_type":null,"correlation_id":null,"#,
            r#""details":{"a":"é","b":1},"entity_id":null,"entity_type":null,"event_id":"e1","#,
            r#""hash_version":2,"occurred_at":"2024-04-14T18:03:11.500000Z","on_behalf_of":null,"#,
            r#""recorded_at":"2026-11-23T03:30:53.000000Z","sequence":7,"source":"s","tenant_id":"acme"}"#
        );
        assert_eq!(String::from_utf8(bytes).unwrap(), written);
    }

    #[test]
    fn a_record_is_read_back_from_its_bytes() {
        let record = record(message(SAMPLE));
        let read = Record::parse(&record.canonical().unwrap()).unwrap();
        assert_eq!(read.canonical(), record.canonical());
        assert_eq!(read.content(), record.content());
    }

    #[test]
    fn the_digest_ignores_how_a_message_is_written_and_nothing_else() {
        let tenant = TenantId::parse("acme").unwrap();
        let of = |json: &str| content(&message(json), &tenant).unwrap();
        let same = r#"{"occurred_at":"2024-04-14T18:03:11.500Z","action":"a","source":"s","actor_id":null,
            "event_id":"e1","details":{"a":"\u00e9","b":1}}"#;
        assert_eq!(of(SAMPLE), of(same));
        assert_ne!(of(SAMPLE), of(&SAMPLE.replace("1.0", "1.5")));
        assert_ne!(of(SAMPLE), of(&SAMPLE.replace("11.5", "11.6")));
        let elsewhere = TenantId::parse("other").unwrap();
        assert_ne!(of(SAMPLE), content(&message(SAMPLE), &elsewhere).unwrap());
    }

    #[test]
    fn a_record_that_no_bundle_can_hold_is_refused() {
        let of = |filling: usize| {
            let details = format!(r#"{{"a":"{}"}}"#, "x".repeat(filling));
            record(message(&SAMPLE.replace(r#"{"b":1.0,"a":"é"}"#, &details))).canonical()
        };
        let frame = of(0).unwrap().len();
        assert_eq!(of(RECORD_BYTES_MAX - frame).unwrap().len(), RECORD_BYTES_MAX);
        assert!(of(RECORD_BYTES_MAX - frame + 1).is_err());
    }
}
