//! One line of a chain as a verifier reads it: checked, hashed, and forgotten but for what the chain needs.

use sha2::{Digest, Sha256};

use crate::id::TenantId;
use crate::ledger::fault::Kind;
use crate::ledger::hash::Hash;
use crate::ledger::record::{HASH_VERSION, RECORD_BYTES_MAX};
use crate::ledger::scan::Scanner;

/// Which event, in 16 bytes: the start of SHA-256 over its id. Two ids of one key cannot be found.
pub type EventKey = [u8; 16];

/// What is left of a record once it is read. Everything here is the record's alone: lines can be examined
/// in any order and by many threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined<'a> {
    /// Where it says it stands.
    pub sequence: u64,
    /// Its event.
    pub event_id: &'a str,
    /// Its event, for a set.
    pub event: EventKey,
    /// When it says it was taken in: texts of times have one width, and sort as moments do.
    pub recorded_at: &'a str,
    /// The hash of its bytes.
    pub leaf: Hash,
}

/// Reads the canonical bytes of a record.
///
/// Checked: that the bytes are canonical JSON, that they have exactly the members of a record in order,
/// that the tenant and the hash version are the chain's, and that sequence, event and time have their
/// form. Not checked: whether a producer's text is within the limits of a message. That was the writer's
/// to refuse, and the hash holds whatever it let in.
pub fn examine<'a>(line: &'a [u8], tenant_id: &TenantId) -> Result<Examined<'a>, Kind> {
    let not = |reason: &str| Kind::NotCanonical { reason: reason.to_owned() };
    if line.len() > RECORD_BYTES_MAX {
        return Err(not("longer than a record can be"));
    }
    let text = std::str::from_utf8(line).map_err(|_| not("not UTF-8"))?;
    let members =
        Members::scan(text).ok_or_else(|| not("not the members of a record in canonical form"))?;
    if members.tenant_id != tenant_id.as_str() {
        return Err(Kind::ForeignRecord { found: members.tenant_id.to_owned() });
    }
    if members.hash_version.parse() != Ok(HASH_VERSION) {
        return Err(not("another hash version"));
    }
    let sequence = members.sequence.parse().map_err(|_| not("a sequence that is not one"))?;
    if !is_time(members.recorded_at) {
        return Err(not("a time that is not one"));
    }
    let digest: [u8; 32] = Sha256::digest(members.event_id).into();
    let event = digest.first_chunk().copied().unwrap_or_default();
    let Members { event_id, recorded_at, .. } = members;
    Ok(Examined { sequence, event_id, event, recorded_at, leaf: Hash::of_leaf(line) })
}

/// What a verifier reads of a record; the rest is passed over.
struct Members<'a> {
    event_id: &'a str,
    hash_version: &'a str,
    recorded_at: &'a str,
    sequence: &'a str,
    tenant_id: &'a str,
}

impl<'a> Members<'a> {
    /// Goes through all members of a record in their order, which is that of their names.
    fn scan(text: &'a str) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let optional = |scanner: &mut Scanner<'a>, name| {
            scanner.literal(name)?;
            scanner.literal("null").or_else(|| scanner.string().map(|_| ()))
        };
        scanner.literal("{\"action\":")?;
        scanner.string()?;
        optional(&mut scanner, ",\"actor_id\":")?;
        optional(&mut scanner, ",\"actor_type\":")?;
        optional(&mut scanner, ",\"correlation_id\":")?;
        scanner.literal(",\"details\":")?;
        scanner.value(1)?;
        optional(&mut scanner, ",\"entity_id\":")?;
        optional(&mut scanner, ",\"entity_type\":")?;
        scanner.literal(",\"event_id\":")?;
        let event_id = scanner.string()?;
        scanner.literal(",\"hash_version\":")?;
        let hash_version = scanner.number()?;
        scanner.literal(",\"occurred_at\":")?;
        scanner.string()?;
        optional(&mut scanner, ",\"on_behalf_of\":")?;
        scanner.literal(",\"recorded_at\":")?;
        let recorded_at = scanner.string()?;
        scanner.literal(",\"sequence\":")?;
        let sequence = scanner.number()?;
        scanner.literal(",\"source\":")?;
        scanner.string()?;
        scanner.literal(",\"tenant_id\":")?;
        let tenant_id = scanner.string()?;
        scanner.literal("}")?;
        scanner.ended()?;
        Some(Self { event_id, hash_version, recorded_at, sequence, tenant_id })
    }
}

/// Whether a text has the form of a time. Whether there is such a day is not asked: what matters to the
/// chain is the order of the texts.
fn is_time(text: &str) -> bool {
    let form = b"0000-00-00T00:00:00.000000Z";
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    text.len() == form.len() && text.as_bytes().iter().zip(form).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::message::Message;
    use crate::ledger::record::Record;
    use crate::time::Timestamp;

    fn tenant() -> TenantId {
        TenantId::parse("acme").unwrap()
    }

    fn line() -> String {
        let message = r#"{"event_id":"e\"1","source":"s","action":"a","actor_id":"é","details":{"n":[1.5,{}]},
            "occurred_at":"2024-04-14T18:03:11Z"}"#;
        let at = Timestamp::parse("2026-11-23T03:30:53Z").unwrap();
        let record = Record::new(Message::parse(message.as_bytes()).unwrap(), tenant(), 12, at);
        String::from_utf8(record.canonical().unwrap()).unwrap()
    }

    #[test]
    fn a_record_is_examined_as_it_was_written() {
        let line = line();
        let examined = examine(line.as_bytes(), &tenant()).unwrap();
        assert_eq!(examined.sequence, 12);
        assert_eq!(examined.event_id, r#"e\"1"#);
        assert_eq!(examined.recorded_at, "2026-11-23T03:30:53.000000Z");
        assert_eq!(examined.leaf, Hash::of_leaf(line.as_bytes()));
    }

    #[test]
    fn what_the_ledger_would_not_have_written_is_named() {
        let line = line();
        let kind = |from: &str, to: &str| {
            examine(line.replacen(from, to, 1).as_bytes(), &tenant()).unwrap_err()
        };
        for (from, to) in [
            (":12,", ":012,"),
            (":12,", ":-1,"),
            (":12,", ":1.5,"),
            ("1.5", "1.50"),
            ("53.000000Z\",\"seq", "53Z\",\"seq"),
            ("\"source\":\"s\",", ""),
            ("\"action\":\"a\"", "\"action\":null"),
            ("\"hash_version\":2", "\"hash_version\":3"),
            ("}", "} "),
        ] {
            assert!(matches!(kind(from, to), Kind::NotCanonical { .. }), "{from} {to}");
        }
        assert_eq!(kind("acme", "evil"), Kind::ForeignRecord { found: "evil".to_owned() });
    }
}
