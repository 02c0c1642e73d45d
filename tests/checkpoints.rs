//! Chains for tests: records appended as the ledger's writer appends them, checkpoints signed with a key of
//! the tests' own.

use domain::id::TenantId;
use domain::ledger::checkpoint::{Checkpoint, Origin};
use domain::ledger::commit::Head;
use domain::ledger::hash::Hash;
use domain::ledger::message::Message;
use domain::ledger::note::VerifierKey;
use domain::ledger::tile::{Kind, TILE_HASHES_MAX, Tile};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use store::Store;
use store::ledger::Promise;

use crate::World;

/// What a producer says of the event of a number.
pub fn happening(number: usize) -> Value {
    json!({
        "event_id": format!("event-{number:04}"),
        "source": "registry",
        "action": if number.is_multiple_of(2) { "issuer.created" } else { "document.read" },
        "actor_id": format!("actor-{}", number % 5),
        "entity_id": format!("entity-{}", number % 7),
        "correlation_id": format!("request-{}", number / 3),
        "details": {"number": number, "é": "ü"},
        "occurred_at": "2026-11-23T03:30:53Z",
    })
}

/// The key that signs a tenant's checkpoints, and its public half.
fn keys(tenant: &TenantId) -> (SigningKey, Origin, VerifierKey) {
    let origin = Origin::new("epr.example.com/audit", tenant).unwrap();
    let secret = SigningKey::from_bytes(&[9; 32]);
    let key = VerifierKey::new(origin.as_str(), secret.verifying_key().as_bytes()).unwrap();
    (secret, origin, key)
}

impl World {
    /// The ledger as its readers reach it.
    pub fn ledger(&self) -> &Store {
        &self.system.app("audit").unwrap().store
    }

    /// Appends what producers say to a tenant's chain.
    pub async fn record(&self, tenant: &str, messages: impl IntoIterator<Item = Value>) {
        let tenant = TenantId::parse(tenant).unwrap();
        let messages: Vec<Message> =
            messages.into_iter().map(|message| Message::from_value(message).unwrap()).collect();
        self.ledger().ledger_append(&tenant, &messages, &self.clock()).await.unwrap();
    }

    /// Promises a tenant's chain as it is; the key that verifies it.
    pub async fn sign(&self, tenant: &str) -> VerifierKey {
        let id = TenantId::parse(tenant).unwrap();
        let last = self.ledger().ledger_last(&id).await.unwrap().unwrap();
        self.sign_as(tenant, last.last(), last.root).await
    }

    /// Promises anything of a tenant's chain.
    pub async fn sign_as(&self, tenant: &str, size: u64, root: Hash) -> VerifierKey {
        let tenant = TenantId::parse(tenant).unwrap();
        let (secret, origin, key) = keys(&tenant);
        let checkpoint = Checkpoint { origin: origin.to_string(), size, root };
        let signature = secret.sign(checkpoint.text_to_sign().as_bytes()).to_bytes();
        let note = checkpoint.with_signature(&key, &signature).unwrap();
        let last = self.ledger().ledger_last(&tenant).await.unwrap();
        let head = last.map_or_else(Head::genesis, |commit| commit.head());
        let after = self.ledger().ledger_promises(&tenant).await.unwrap();
        let after = after.first().map_or(0, |promise| promise.checkpoint.size);
        let promise = Promise { checkpoint, head, after, promised_at: self.clock().now() };
        self.ledger().ledger_promise_put(&tenant, &promise).await.unwrap();
        self.ledger().ledger_signed_put(&tenant, size, &note.to_string()).await.unwrap();
        key
    }

    /// Stores the tiles of hashes that a publisher would have stored by this size.
    pub async fn store_tiles(&self, tenant: &str, size: u64) {
        let tenant = TenantId::parse(tenant).unwrap();
        for tile in Tile::grown(0, size) {
            let is_stored = match tile.kind() {
                Kind::Hashes { level } => level > 0 || tile.width() == TILE_HASHES_MAX,
                Kind::Entries => false,
            };
            if is_stored {
                let bytes = self.ledger().ledger_hash_tile(&tenant, &tile).await.unwrap().unwrap();
                self.ledger().ledger_tile_put(&tenant, &tile, bytes).await.unwrap();
            }
        }
    }
}
