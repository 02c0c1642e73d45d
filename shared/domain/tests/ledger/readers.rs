//! What comes from outside is read back as it was written, and never makes a reader fail in another way.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers beside the tests fail as tests do"
)]

use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::frontier::Frontier;
use domain::ledger::hash::Hash;
use domain::ledger::line::examine;
use domain::ledger::message::Message;
use domain::ledger::note::{Note, VerifierKey};
use domain::ledger::receipt::Receipt;
use domain::ledger::record::{Record, content};
use domain::ledger::scan::is_canonical;
use domain::ledger::tile::{Tile, unbundle};
use domain::ledger::verify::Verifier;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::chain::{at, tenant};

const CHECKPOINT: &str = include_str!("../vectors/ledger/checkpoint.json");

/// Any message that a producer may send.
fn messages() -> impl Strategy<Value = Message> {
    let optional = || prop::option::of("[ -~é€😀]{1,40}");
    let number =
        prop_oneof![any::<i32>().prop_map(Value::from), (-1e9..1e9_f64).prop_map(Value::from)];
    let details = prop::option::of(prop::collection::btree_map("\\PC{0,6}", number, 0..6));
    let texts = (optional(), optional(), optional(), optional(), optional());
    (
        "[!-~]{1,255}",
        "\\PC{1,60}",
        texts,
        details,
        -62_135_596_800_000_000..253_402_300_800_000_000_i64,
    )
        .prop_map(|(event_id, action, texts, details, time)| {
            let message = json!({
                "event_id": event_id, "source": "s", "action": action, "actor_id": texts.0,
                "actor_type": texts.1, "on_behalf_of": texts.2, "entity_id": texts.3,
                "correlation_id": texts.4, "details": details,
                "occurred_at": domain::time::Timestamp::from_microseconds(time),
            });
            Message::from_value(message).unwrap()
        })
}

/// One of the texts that are published, with something else somewhere in it.
fn spoiled() -> impl Strategy<Value = String> {
    let vectors: Value = serde_json::from_str(CHECKPOINT).unwrap();
    let texts = ["note", "receipt", "text", "verifier_key"];
    let texts: Vec<String> = texts.map(|name| vectors[name].as_str().unwrap().to_owned()).into();
    let other = prop_oneof![
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("— ".to_owned()),
        "\\PC{0,4}"
    ];
    let place = any::<(prop::sample::Index, prop::sample::Index)>();
    (prop::sample::select(texts), place, other).prop_map(|(text, (from, to), other)| {
        let chars: Vec<char> = text.chars().collect();
        let (from, to) = (from.index(chars.len()), to.index(chars.len()));
        let (from, to) = (from.min(to), from.max(to));
        chars
            .iter()
            .take(from)
            .chain(&other.chars().collect::<Vec<_>>())
            .chain(chars.iter().skip(to))
            .collect()
    })
}

proptest! {
    #[test]
    fn a_record_is_canonical_examined_and_read_back(message in messages(), sequence in 1_u64..1 << 53) {
        let record = Record::new(message.clone(), tenant(), sequence, at(1));
        let line = record.canonical().unwrap();
        prop_assert!(is_canonical(&line));
        let examined = examine(&line, &tenant()).unwrap();
        prop_assert_eq!((examined.sequence, examined.leaf), (sequence, Hash::of_leaf(&line)));
        prop_assert_eq!(Record::parse(&line).unwrap(), record.clone());
        // A producer that sends it again, however it writes it, sends the same.
        let again = serde_json::to_string_pretty(&message).unwrap();
        let again = Message::parse(again.as_bytes()).unwrap();
        prop_assert_eq!(content(&again, &tenant()).unwrap(), record.content().unwrap());
    }

    #[test]
    fn what_a_reader_accepts_it_writes_back_to_the_byte(text in spoiled()) {
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(note.to_string(), text.as_str());
        }
        if let Ok(receipt) = Receipt::parse(&text) {
            prop_assert_eq!(receipt.to_string(), text.as_str());
        }
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.text_to_sign(), text.as_str());
        }
        if let Ok(key) = VerifierKey::parse(&text) {
            prop_assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_fail_but_by_refusing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = (Message::parse(&bytes), Record::parse(&bytes), examine(&bytes, &tenant()));
        let _ = (Note::parse(&text), Receipt::parse(&text), Checkpoint::parse(&text), VerifierKey::parse(&text));
        let _ = (Tile::parse(&text), Tile::parse(&format!("tile/{text}")), unbundle(&bytes), Frontier::from_bytes(&bytes));
        let _ = Verifier::new(tenant()).export(&bytes, 2);
    }
}
