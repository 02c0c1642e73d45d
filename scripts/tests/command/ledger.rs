//! A data folder with a chain in it, its checkpoints, and what can be done to it behind the ledger's back.

mod damage;
mod deployment;
mod export;
mod proof;
mod verify;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::{Ids, TenantId};
use domain::ledger::checkpoint::{Checkpoint, Origin};
use domain::ledger::commit::Commit;
use domain::ledger::message::Message;
use domain::ledger::note::VerifierKey;
use domain::time::Clock;
use ed25519_dalek::{Signer, SigningKey};
use local::embedded::{Embedded, EmbeddedError};
use local::system::{Surroundings, System};
use serde_json::json;
use store::{Store, Tables};
use tempfile::TempDir;

use crate::run;

type Item = HashMap<String, AttributeValue>;

/// Records of a segment.
const SEGMENT: u64 = 4;

/// How long a folder may be held that nobody has.
const PATIENCE: Duration = Duration::from_secs(10);

/// A data folder with the chain of `acme`: three segments of four records.
struct Chain {
    folder: TempDir,
    store: Store,
}

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

/// Messages of events `event-<from>` up to `event-<to>`.
fn messages(from: u64, to: u64, note: &str) -> Vec<Message> {
    let message = |number: u64| {
        Message::from_value(json!({
            "event_id": format!("event-{number}"),
            "source": "issuer-service",
            "action": "issuer.created",
            "actor_id": "alice",
            "details": {"note": note, "number": number},
            "occurred_at": "2024-04-14T18:03:11Z",
        }))
    };
    (from..=to).map(|number| message(number).unwrap()).collect()
}

/// The tables of a folder that no server has. A process that another test has just begun may hold its lock
/// for a moment more: it has it from this one, until it is the command.
fn open(folder: &Path) -> Embedded {
    let begun = Instant::now();
    loop {
        match Embedded::open(folder) {
            Err(EmbeddedError::InUse { .. }) if begun.elapsed() < PATIENCE => thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// The store of such a folder.
fn store(folder: &Path) -> Store {
    let name = |name: &str| name.to_owned();
    let tables =
        Tables { core: name("CoreTable"), events: name("EventsTable"), audit: name("AuditTable") };
    Store::new(open(folder).client(), tables, Ids::by_time())
}

impl Chain {
    /// A folder with the tables of the product and nothing in them.
    fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        drop(System::open(folder.path(), Surroundings::default()).unwrap());
        let store = store(folder.path());
        Self { folder, store }
    }

    /// Twelve records, whose details have a note.
    async fn with_note(note: &str) -> Self {
        let chain = Self::empty();
        for segment in 0..3 {
            chain.append(segment * SEGMENT + 1, (segment + 1) * SEGMENT, note).await;
        }
        chain
    }

    async fn new() -> Self {
        Self::with_note("as it was").await
    }

    /// One segment more.
    async fn append(&self, from: u64, to: u64, note: &str) {
        let messages = messages(from, to, note);
        self.store.ledger_append(&tenant(), &messages, &Clock::system()).await.unwrap();
    }

    async fn last(&self) -> Commit {
        self.store.ledger_last(&tenant()).await.unwrap().unwrap()
    }

    /// The signed checkpoint of the chain as it is now.
    async fn checkpoint(&self) -> String {
        checkpoint(&self.last().await, 7)
    }

    /// Publishes that.
    async fn publish(&self) {
        let (size, note) = (self.last().await.last(), self.checkpoint().await);
        self.store.ledger_signed_put(&tenant(), size, &note).await.unwrap();
    }

    /// Lets go of the folder.
    fn close(self) -> Folder {
        Folder(self.folder)
    }
}

fn origin() -> Origin {
    Origin::new("epr.example.com/audit", &tenant()).unwrap()
}

/// A key by the byte that it is made of.
fn key_of(seed: u8) -> VerifierKey {
    let public = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    VerifierKey::new(origin().as_str(), public.as_bytes()).unwrap()
}

/// The checkpoint of a chain that ends so, signed by a key.
fn checkpoint(last: &Commit, seed: u8) -> String {
    let checkpoint = Checkpoint::of(&origin(), &last.frontier);
    let signature = SigningKey::from_bytes(&[seed; 32]).sign(checkpoint.text_to_sign().as_bytes());
    checkpoint.with_signature(&key_of(seed), &signature.to_bytes()).unwrap().to_string()
}

/// A data folder that nobody has open.
struct Folder(TempDir);

impl Folder {
    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file in it that is none of the database's.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let file = self.path().join(name);
        fs::write(&file, text).unwrap();
        file
    }

    /// The same once more.
    fn copy(&self) -> Self {
        let copy = TempDir::new().unwrap();
        for file in fs::read_dir(self.path()).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        Self(copy)
    }

    /// Runs a command on it, of tenant `acme`: its exit code, what it said, and what it said of errors.
    fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let folder = self.path().to_str().unwrap();
        run(&[words, &["--tenant", "acme", "--data", folder]].concat())
    }

    /// Verifies it: the exit code, and what was said.
    fn verify(&self, words: &[&str]) -> (Option<i32>, String) {
        let (code, said, errors) = self.run(&[&["verify-audit-chain"], words].concat());
        (code, said + &errors)
    }

    /// Changes the items of the audit table, by their keys.
    async fn change(&self, change: impl Fn(&mut BTreeMap<(String, String), Item>)) {
        let client = open(self.path()).client();
        let key = |item: &Item, name: &str| item[name].as_s().unwrap().clone();
        let mut items = BTreeMap::new();
        let mut scan = client.scan().table_name("AuditTable").into_paginator().items().send();
        while let Some(item) = scan.next().await {
            let item = item.unwrap();
            items.insert((key(&item, "pk"), key(&item, "sk")), item);
        }
        let before = items.clone();
        change(&mut items);
        for (pk, sk) in before.keys().filter(|key| !items.contains_key(key)) {
            let delete = client.delete_item().table_name("AuditTable");
            let delete = delete.key("pk", text(pk)).key("sk", text(sk));
            delete.send().await.unwrap();
        }
        for (key, item) in items.into_iter().filter(|(key, item)| before.get(key) != Some(item)) {
            assert_eq!((&text(&key.0), &text(&key.1)), (&item["pk"], &item["sk"]));
            client.put_item().table_name("AuditTable").set_item(Some(item)).send().await.unwrap();
        }
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn bytes(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}
