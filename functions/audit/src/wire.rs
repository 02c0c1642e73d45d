//! What is answered.

use api::Problem;
use axum::extract::FromRequestParts;
use domain::document::Document;
use domain::id::TenantId;
use domain::ledger::commit::Commit;
use domain::ledger::hash::Hash;
use domain::time::Timestamp;
use http::header;
use http::request::Parts;
use serde::Serialize;
use store::ledger::StoredRecord;
use utoipa::ToSchema;

use crate::checkpoint::Signed;

/// The form of a proof, as `Accept` asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Our own.
    Json,
    /// As C2SP tlog-proof.
    Receipt,
}

impl<S: Sync> FromRequestParts<S> for Format {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let accepted = parts.headers.get_all(header::ACCEPT).iter();
        let mut types = accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| {
            value.split(',').filter_map(|range| range.split(';').next()).map(str::trim)
        });
        let asks = types.any(|range| range.eq_ignore_ascii_case("text/plain"));
        Ok(if asks { Self::Receipt } else { Self::Json })
    }
}

/// A record with its place in the chain.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditRecord)]
pub struct RecordBody {
    /// The event, named by its producer.
    #[schema(min_length = 1, max_length = 255)]
    pub event_id: String,
    /// Who says so: the producing service.
    pub source: String,
    /// What was done.
    pub action: String,
    /// Who did it.
    pub actor_id: Option<String>,
    /// The kind of who did it.
    pub actor_type: Option<String>,
    /// On whose behalf.
    pub on_behalf_of: Option<String>,
    /// What it was done to.
    pub entity_id: Option<String>,
    /// The kind of what it was done to.
    pub entity_type: Option<String>,
    /// What it belongs to, such as a request.
    pub correlation_id: Option<String>,
    /// Anything more.
    #[schema(value_type = Option<Object>)]
    pub details: Option<Document>,
    /// When it happened, as the producer says.
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
    /// Whose it is: the chain.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// When the ledger took it in.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Timestamp,
    /// Its place in the chain, counted from 1 without a gap.
    #[schema(minimum = 1)]
    pub sequence: u64,
    /// The segment that it is stored in.
    #[schema(minimum = 1)]
    pub segment: u64,
    /// How it is hashed: 2 is RFC 8785 for the text and RFC 6962 for the leaf.
    #[schema(minimum = 1)]
    pub hash_version: u64,
    /// `SHA-256(0x00 || canonical record)`.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub leaf_hash: Hash,
    /// The `entry_hash` of the record before it; 64 zeros for the first.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub previous_hash: Hash,
    /// `SHA-256(previous_hash || leaf_hash)`.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub entry_hash: Hash,
}

impl RecordBody {
    /// The body of a record.
    pub fn of(stored: &StoredRecord) -> Self {
        let record = stored.record.clone();
        let message = record.message;
        Self {
            event_id: message.event_id,
            source: message.source,
            action: message.action,
            actor_id: message.actor_id,
            actor_type: message.actor_type,
            on_behalf_of: message.on_behalf_of,
            entity_id: message.entity_id,
            entity_type: message.entity_type,
            correlation_id: message.correlation_id,
            details: message.details,
            occurred_at: message.occurred_at,
            tenant_id: record.tenant_id,
            recorded_at: record.recorded_at,
            sequence: record.sequence,
            segment: stored.segment,
            hash_version: record.hash_version,
            leaf_hash: stored.leaf,
            previous_hash: stored.previous,
            entry_hash: stored.entry,
        }
    }
}

/// That a record is in the tree that a signed checkpoint promises.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InclusionProof)]
pub struct InclusionBody {
    /// The event.
    pub event_id: String,
    /// Where its record stands in the tree, counted from 0: one less than its sequence.
    pub index: u64,
    /// How many records the tree has.
    #[schema(minimum = 1)]
    pub size: u64,
    /// The root of the tree.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub root: Hash,
    /// The hash of the record.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub leaf_hash: Hash,
    /// The hashes beside the way up, from the leaf's neighbour on (RFC 6962, section 2.1.1).
    #[schema(value_type = Vec<String>)]
    pub hashes: Vec<Hash>,
    /// The canonical record, to the byte: what the leaf is the hash of.
    pub canonical: String,
    /// The signed checkpoint.
    pub checkpoint: SignedCheckpointBody,
}

impl InclusionBody {
    /// The proof of a record.
    pub(crate) fn of(record: &StoredRecord, signed: &Signed, hashes: &[Hash]) -> Self {
        Self {
            event_id: record.record.message.event_id.clone(),
            index: record.record.sequence.saturating_sub(1),
            size: signed.checkpoint.size,
            root: signed.checkpoint.root,
            leaf_hash: record.leaf,
            hashes: hashes.to_vec(),
            // Canonical JSON is UTF-8.
            canonical: String::from_utf8_lossy(&record.line).into_owned(),
            checkpoint: SignedCheckpointBody::of(signed),
        }
    }
}

/// That the chain at one size is the start of the chain at another.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ConsistencyProof)]
pub struct ConsistencyBody {
    /// The smaller size.
    pub from: u64,
    /// The root at that size.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub from_root: Hash,
    /// The larger size.
    pub to: u64,
    /// The root at that size.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub to_root: Hash,
    /// The proof (RFC 6962, section 2.1.2).
    #[schema(value_type = Vec<String>)]
    pub hashes: Vec<Hash>,
}

/// A checkpoint as it was signed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SignedCheckpoint)]
pub struct SignedCheckpointBody {
    /// The chain's name in public.
    pub origin: String,
    /// How many records are promised.
    pub size: u64,
    /// The root of their tree.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub root: Hash,
    /// The signed note (C2SP signed-note).
    pub note: String,
    /// The key that verifies it, as `name+id+base64`, where the deployment knows it.
    pub verifier_key: Option<String>,
}

impl SignedCheckpointBody {
    /// The body of a checkpoint.
    pub(crate) fn of(signed: &Signed) -> Self {
        let checkpoint = signed.checkpoint.clone();
        Self {
            origin: checkpoint.origin,
            size: checkpoint.size,
            root: checkpoint.root,
            note: signed.text.clone(),
            verifier_key: signed.key.as_ref().map(ToString::to_string),
        }
    }
}

/// The end of the chain itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ChainHead)]
pub struct HeadBody {
    /// How many records the chain has: the sequence of the last one.
    pub size: u64,
    /// The root of their tree.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub root: Hash,
    /// The last entry of the chain; 64 zeros while there is none.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub entry_hash: Hash,
    /// How many segments the chain has.
    pub segments: u64,
    /// When the last record was taken in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recorded_at: Option<Timestamp>,
}

impl HeadBody {
    /// The end of a chain, by its last commit.
    pub fn of(last: Option<&Commit>) -> Self {
        Self {
            size: last.map_or(0, Commit::last),
            root: last.map_or_else(Hash::of_nothing, |last| last.root),
            entry_hash: last.map_or(Hash::GENESIS, |last| last.entry),
            segments: last.map_or(0, |last| last.number),
            recorded_at: last.map(|last| last.recorded_at),
        }
    }
}

/// What was promised of the chain, and how far it has come.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Checkpoint)]
pub struct CheckpointBody {
    /// The latest signed checkpoint; null before the first.
    pub signed: Option<SignedCheckpointBody>,
    /// The end of the chain. What it has beyond `signed.size` is not promised yet.
    pub head: HeadBody,
}
