//! The description of each endpoint.

use api::{LINES, OCTETS, Operation, TEXT};
use serde_json::{Value, json};

use crate::wire::{CheckpointBody, ConsistencyBody, InclusionBody, RecordBody};

const ROOT: &str = "03a64d43fdff9ea5a83ec37c21b8baf0b5d8e5b7ba8b40cb1e0a4b79b8a56a45";
const LEAF: &str = "6a1d9a5f3d6b8f6e3cb3f83f2b6f62b1b7f1e2f5f1b0a3a2c4d5e6f708192a3b";
const ENTRY: &str = "c4f7c0e91f2a4b6d8e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f";

const NOTE: &str = "epr.example.com/audit/default\n600\nA6ZNQ/3/nqWoPsN8Ibi68LXY5be6i0DLHgpLebilakU=\n\n\
    \u{2014} epr.example.com/audit/default x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

const RECEIPT: &str = "c2sp.org/tlog-proof@v1\nindex 6\nA6ZNQ/3/nqWoPsN8Ibi68LXY5be6i0DLHgpLebilakU=\n\n\
    epr.example.com/audit/default\n600\nA6ZNQ/3/nqWoPsN8Ibi68LXY5be6i0DLHgpLebilakU=\n\n\
    \u{2014} epr.example.com/audit/default x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

const LINE: &str = r#"{"action":"issuer.created","actor_id":"alice","actor_type":"user","correlation_id":"req-12345","details":null,"entity_id":"acme","entity_type":"issuer","event_id":"6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a","hash_version":2,"occurred_at":"2026-11-23T03:30:53.000000Z","on_behalf_of":null,"recorded_at":"2026-11-23T03:30:54.000000Z","sequence":7,"source":"registry","tenant_id":"default"}"#;

fn record() -> Value {
    json!({
        "event_id": "6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a",
        "source": "registry",
        "action": "issuer.created",
        "actor_id": "alice",
        "actor_type": "user",
        "on_behalf_of": null,
        "entity_id": "acme",
        "entity_type": "issuer",
        "correlation_id": "req-12345",
        "details": null,
        "occurred_at": "2026-11-23T03:30:53.000000Z",
        "tenant_id": "default",
        "recorded_at": "2026-11-23T03:30:54.000000Z",
        "sequence": 7,
        "segment": 1,
        "hash_version": 2,
        "leaf_hash": LEAF,
        "previous_hash": ROOT,
        "entry_hash": ENTRY,
    })
}

fn signed() -> Value {
    json!({
        "origin": "epr.example.com/audit/default",
        "size": 600,
        "root": ROOT,
        "note": NOTE,
        "verifier_key": null,
    })
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": u64::MAX})
}

pub(crate) fn list() -> Operation {
    let text = || json!({"type": "string", "minLength": 1, "maxLength": 255});
    let time = || json!({"type": "string", "format": "date-time"});
    Operation::new("listAuditRecords", "List audit records")
        .describe(
            "Newest first, by their place in the chain. There is no index of what records say: a page looks \
             through 256 segments at most, so that it may hold few records, or none, and still have a next one.",
        )
        .query("from", "Recorded at this moment or later.", time(), false)
        .query("to", "Recorded before this moment.", time(), false)
        .query("from_sequence", "With this sequence or a later one.", count(), false)
        .query("to_sequence", "With this sequence or an earlier one.", count(), false)
        .query("action", "With this action only.", text(), false)
        .query("actor_id", "By this actor only.", text(), false)
        .query("entity_id", "Of this entity only.", text(), false)
        .query("correlation_id", "With this correlation id only.", text(), false)
        .paged()
        .lists::<RecordBody>("A page of records.", &record())
}

pub(crate) fn read() -> Operation {
    Operation::new("getAuditRecord", "Get an audit record")
        .describe("With its place in the chain and its hashes.")
        .gives::<RecordBody>(200, "The record.", &record())
}

pub(crate) fn inclusion() -> Operation {
    let example = json!({
        "event_id": "6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a",
        "index": 6,
        "size": 600,
        "root": ROOT,
        "leaf_hash": LEAF,
        "hashes": [ROOT],
        "canonical": LINE,
        "checkpoint": signed(),
    });
    Operation::new("proveAuditRecord", "Prove that a record is in the ledger")
        .describe(
            "In the tree of the latest signed checkpoint. As one file that proves it to anyone, with no one to \
             ask (C2SP tlog-proof), where `Accept` asks for `text/plain`.",
        )
        .gives::<InclusionBody>(200, "The proof.", &example)
        .also_as_file(TEXT, RECEIPT)
        .refuses(
            409,
            "checkpoint_behind",
            "No signed checkpoint covers the record yet; one is published moments after it was recorded.",
        )
}

pub(crate) fn consistency() -> Operation {
    let example = json!({
        "from": 512, "from_root": LEAF, "to": 600, "to_root": ROOT, "hashes": [ENTRY, LEAF],
    });
    Operation::new("proveAuditConsistency", "Prove that the ledger only grew")
        .describe("That the chain at one size is the start of the chain at another, neither beyond its end.")
        .required_query("from", "The smaller size.", count())
        .required_query("to", "The larger size.", count())
        .gives::<ConsistencyBody>(200, "The proof, and the roots at both sizes.", &example)
}

pub(crate) fn checkpoint() -> Operation {
    let head = json!({
        "size": 612, "root": LEAF, "entry_hash": ENTRY, "segments": 9,
        "recorded_at": "2026-11-23T03:30:54.000000Z",
    });
    Operation::new("getAuditCheckpoint", "Get the latest checkpoint")
        .describe("What was promised of the ledger, and how far it has come since.")
        .gives::<CheckpointBody>(
            200,
            "The latest signed checkpoint, and the end of the chain.",
            &json!({"signed": signed(), "head": head}),
        )
}

pub(crate) fn export() -> Operation {
    Operation::new("exportAuditRecords", "Export audit records")
        .describe(
            "The canonical bytes of a range of records, one on each line, in order: what their leaves are the \
             hashes of. An answer ends at 2 MiB; `X-Next-Sequence` says where the next one begins.",
        )
        .query("from_sequence", "From this sequence on; 1 when absent.", count(), false)
        .query("to_sequence", "Through this sequence; to the end when absent.", count(), false)
        .gives_file(LINES, "The records.", &format!("{LINE}\n"))
        .header(
            "X-Next-Sequence",
            "The `from_sequence` of the next answer; absent where the range ends with this one.",
            &json!({"type": "integer", "minimum": 2}),
        )
}

pub(crate) fn signed_checkpoint() -> Operation {
    Operation::new("getSignedCheckpoint", "Get the latest checkpoint as a signed note")
        .describe("As C2SP tlog-tiles has it. The chain is the caller's tenant; no other exists.")
        .gives_file(TEXT, "The note.", NOTE)
        .refuses(404, "not_found", "Nothing was promised yet, or the chain is another tenant's.")
}

pub(crate) fn tile() -> Operation {
    Operation::new("getTile", "Get a tile of hashes or a bundle of entries")
        .describe(
            "As C2SP tlog-tiles has it: `{level}/{N}[.p/{W}]` or `entries/{N}[.p/{W}]`. Only what the latest \
             signed checkpoint promises; that never changes and may be kept.",
        )
        .gives_file(OCTETS, "The hashes, 32 bytes each, or the entries.", "(bytes)")
        .header(
            "Cache-Control",
            "`private`, because not everyone may ask, and `immutable`.",
            &json!({"type": "string"}),
        )
        .refuses(404, "not_found", "It is not promised yet, or the chain is another tenant's.")
        .refuses(413, "too_large", "A bundle is larger than 4 MiB; the export has its records.")
}
