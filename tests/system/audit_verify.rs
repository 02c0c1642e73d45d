//! The verifier of the audit ledger: a good chain is verified and signed, a run that was cut short is gone
//! on with, and a fault stays until someone has looked. What can be done to a chain is in `audit_attacks.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::HashMap;
use std::time::Duration;

use api::App;
use api::ledger::{Notary, publish};
use audit_verify::{Auditor, Report};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::{Appended, Commit, Head, append};
use domain::ledger::message::Message;
use domain::ledger::note::Note;
use domain::ledger::tile::{Kind, Tile};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tests::World;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// A chain of a tenant, with the function that verifies it and a key that the test has, too.
pub(crate) struct Ledger {
    pub(crate) world: World,
    pub(crate) app: App,
    pub(crate) tenant: TenantId,
    pub(crate) key: SigningKey,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let file = folder.path().join("key");
        let notary = Notary::with_own_key(Some(&file), "epr.example.com/audit").unwrap();
        // PKCS #8 ends in the 32 bytes of the key.
        let pem = std::fs::read_to_string(&file).unwrap();
        let der = base64_of(pem.lines().nth(1).unwrap());
        let key = SigningKey::from_bytes(der[der.len() - 32..].try_into().unwrap());
        let app = world.system.app("audit-verify").unwrap().clone().with_notary(notary);
        Self { world, app, tenant: TenantId::parse("default").unwrap(), key }
    }

    /// A chain of five segments of three records, each verified and signed.
    pub(crate) async fn of_five_segments() -> Self {
        let ledger = Self::new();
        for segment in 0..5 {
            ledger.append(&format!("e{segment}"), 3).await;
            assert_eq!(ledger.run("minutely").await.verified, 1);
        }
        ledger
    }

    pub(crate) async fn append(&self, name: &str, records: usize) {
        let clock = self.world.clock();
        self.app.store.ledger_append(&self.tenant, &messages(name, records), &clock).await.unwrap();
        self.world.pass_seconds(60);
    }

    pub(crate) async fn run(&self, run: &str) -> Report {
        let event = json!({"run": run, "tenant_id": self.tenant});
        audit_verify::handle(&Auditor::of(&self.app), event).await.unwrap()
    }

    /// The latest signed checkpoint, which must open with the key.
    pub(crate) async fn signed(&self) -> Checkpoint {
        let note = self.app.store.ledger_signed(&self.tenant).await.unwrap().unwrap();
        let key = self.app.notary.as_ref().unwrap().key(&self.tenant).await.unwrap();
        Checkpoint::open(&note, &key).unwrap()
    }

    pub(crate) async fn head(&self) -> Head {
        self.app.store.ledger_last(&self.tenant).await.unwrap().unwrap().head()
    }

    pub(crate) async fn commit(&self, number: u64) -> Commit {
        self.app.store.ledger_commit(&self.tenant, number).await.unwrap().unwrap()
    }

    // What an attacker does, with the rights of the database's owner.

    pub(crate) async fn delete(&self, pk: &str, sk: &str) {
        let client = self.world.system.embedded.client();
        let delete = client.delete_item().table_name("AuditTable").set_key(Some(place(pk, sk)));
        delete.send().await.unwrap();
    }

    pub(crate) async fn put(&self, pk: &str, sk: &str, mut item: Item) {
        item.extend(place(pk, sk));
        let client = self.world.system.embedded.client();
        client.put_item().table_name("AuditTable").set_item(Some(item)).send().await.unwrap();
    }

    pub(crate) async fn put_commit(&self, commit: &Commit) {
        let item: Item = serde_dynamo::to_item(commit).unwrap();
        self.put("audit-chain", &commit_place(commit.number), item).await;
    }

    pub(crate) async fn put_body(&self, name: &str, body: Vec<u8>) {
        let bytes = ("bytes".to_owned(), AttributeValue::B(Blob::new(body)));
        self.put(&format!("audit-body/64:{name}"), "body", Item::from([bytes])).await;
    }

    /// Puts segments as a writer would, on whatever is there.
    pub(crate) async fn put_segment(&self, segment: &Appended) {
        self.put_body(&segment.body.hash.to_string(), segment.body.bytes.clone()).await;
        self.put_commit(&segment.commit).await;
    }

    /// Continues the chain after a segment with other records, all hashes computed anew.
    pub(crate) async fn rewrite_from(&self, number: u64) {
        let mut head = Head::genesis();
        if number > 1 {
            head = self.commit(number - 1).await.head();
        }
        for segment in number..=5 {
            let messages = messages(&format!("other{segment}"), 3);
            let at = self.world.clock().now();
            let segment = append(&head, &self.tenant, &messages, at).unwrap();
            self.put_segment(&segment).await;
            head = segment.commit.head();
        }
    }

    /// Puts a checkpoint in the place of the one of its size, as one who has the key.
    pub(crate) async fn sign(&self, checkpoint: &Checkpoint) {
        let key = self.app.notary.as_ref().unwrap().key(&self.tenant).await.unwrap();
        let signature = self.key.sign(checkpoint.text_to_sign().as_bytes()).to_bytes();
        let note: Note = checkpoint.with_signature(&key, &signature).unwrap();
        let note = ("note".to_owned(), AttributeValue::S(note.to_string()));
        let size = format!("signed/{:020}", checkpoint.size);
        self.put("audit-checkpoints", &size, Item::from([note])).await;
    }

    /// The one event that tells of a fault, after a minute and a day of runs: its payload.
    pub(crate) async fn found(&self) -> Value {
        let mut faulty = 0;
        for run in ["minutely", "full", "minutely", "full"] {
            faulty = self.run(run).await.faulty;
        }
        assert_eq!(faulty, 1, "the fault stays");
        let signed = self.notes().await;
        let clock = self.world.clock();
        let _ = self.app.store.ledger_append(&self.tenant, &messages("later", 1), &clock).await;
        let _ = publish(&self.app, &self.tenant).await;
        assert_eq!(self.notes().await, signed, "nothing is signed after a fault");
        let mut events = self.world.events("audit.verification.failed").await;
        assert_eq!(events.len(), 1, "{events:?}");
        let event = events.remove(0);
        assert_eq!(
            (&event["source"], &event["delivery_state"]),
            (&json!("entity_permissions_core"), &json!("pending"))
        );
        serde_json::from_str(event["payload"].as_str().unwrap()).unwrap()
    }

    /// How many signed checkpoints there are.
    pub(crate) async fn notes(&self) -> usize {
        let items = self.world.items("AuditTable").await;
        items.iter().filter(|item| item["note"].is_string()).count()
    }

    /// The fault found must be this, in these records.
    #[track_caller]
    pub(crate) fn check(found: &Value, kind: &str, first: u64, last: u64) {
        let is = (
            found["fault"]["kind"]["kind"].as_str(),
            &found["first_sequence"],
            &found["last_sequence"],
        );
        assert_eq!(is, (Some(kind), &json!(first), &json!(last)), "{found}");
    }
}

fn base64_of(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

pub(crate) fn messages(name: &str, records: usize) -> Vec<Message> {
    (0..records)
        .map(|number| {
            let message = json!({
                "event_id": format!("{name}-{number}"), "source": "test", "action": "thing.done",
                "occurred_at": "2026-11-23T00:00:00Z", "details": {"number": number},
            });
            Message::from_value(message).unwrap()
        })
        .collect()
}

fn place(pk: &str, sk: &str) -> Item {
    let text = |text: String| AttributeValue::S(text);
    [("pk".to_owned(), text(format!("7:default/{pk}"))), ("sk".to_owned(), text(sk.to_owned()))]
        .into()
}

pub(crate) fn commit_place(number: u64) -> String {
    format!("commit/{number:020}")
}

#[tokio::test(start_paused = true)]
async fn a_good_chain_is_verified_and_signed_and_costs_little_when_nothing_is_new() {
    let ledger = Ledger::of_five_segments().await;
    let head = ledger.head().await;
    assert_eq!(ledger.signed().await.root, head.frontier.root());
    let report = ledger.run("full").await;
    assert_eq!((report.verified, report.whole, report.faulty, report.unverified), (1, 1, 0, 0));
    let (_, usage) = store::meter::measured(ledger.run("minutely")).await;
    assert!(usage.read_units <= 7.0 && usage.write_units.abs() < f64::EPSILON, "{usage:?}");
    let (published, usage) = store::meter::measured(publish(&ledger.app, &ledger.tenant)).await;
    assert!(published.unwrap().unwrap().is_current);
    assert_eq!((usage.calls, usage.round_trips), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_was_never_signed_is_signed_in_steps_with_all_its_tiles() {
    let ledger = Ledger::new();
    for segment in 0..257 {
        ledger.append(&format!("s{segment}"), 1).await;
    }
    let first = publish(&ledger.app, &ledger.tenant).await.unwrap().unwrap();
    assert_eq!((first.checkpoint.size, first.is_current), (256, false));
    let second = publish(&ledger.app, &ledger.tenant).await.unwrap().unwrap();
    assert_eq!((second.checkpoint.size, second.is_current), (257, true));
    for part in 0..3 {
        ledger.append(&format!("p{part}"), 300).await;
        assert!(publish(&ledger.app, &ledger.tenant).await.unwrap().unwrap().is_current);
    }
    let report = ledger.run("full").await;
    assert_eq!((report.verified, report.whole, report.faulty), (1, 1, 0));
    let size = ledger.signed().await.size;
    assert_eq!(size, ledger.head().await.size());
    let mut roots = Vec::new();
    for index in 0..size / 256 {
        let tile = Tile::of(Kind::Hashes { level: 0 }, index, size).unwrap();
        let bytes = ledger.app.store.ledger_tile(&ledger.tenant, &tile).await.unwrap().unwrap();
        let hashes = domain::ledger::tile::from_bytes(&tile, &bytes).unwrap();
        roots.push(domain::ledger::tile::root(&hashes));
    }
    for tile in Tile::grown(0, size).filter(|tile| tile.kind() == Kind::Hashes { level: 1 }) {
        let bytes = ledger.app.store.ledger_tile(&ledger.tenant, &tile).await.unwrap().unwrap();
        let hashes = domain::ledger::tile::from_bytes(&tile, &bytes).unwrap();
        let first = usize::try_from(tile.index()).unwrap() * 256;
        assert_eq!(hashes, roots[first..first + usize::from(tile.width())]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_time_is_over_is_gone_on_with_by_the_next() {
    let ledger = Ledger::new();
    for segment in 0..200 {
        ledger.append(&format!("s{segment}"), 1).await;
    }
    let auditor = Auditor::of(&ledger.app);
    // Time stands still here, so the walk is cut by a limit that is over when it begins.
    let none =
        audit_verify::handle(&auditor.clone().within(Duration::ZERO), json!({})).await.unwrap();
    assert_eq!((none.verified, none.unverified), (0, 1));
    let all = audit_verify::handle(&auditor, json!({})).await.unwrap();
    assert_eq!((all.verified, all.unverified), (1, 0));
    assert!(all.lag_seconds > 60.0);
}

#[tokio::test(start_paused = true)]
async fn after_a_reset_a_mended_chain_is_verified_from_its_beginning_and_goes_on() {
    let ledger = Ledger::of_five_segments().await;
    let five = ledger.commit(5).await;
    ledger.delete("audit-chain", &commit_place(5)).await;
    ledger.found().await;
    ledger.put_commit(&five).await;
    assert_eq!(ledger.run("minutely").await.faulty, 1, "until someone says so");
    ledger.run("reset").await;
    ledger.append("next", 2).await;
    let report = ledger.run("full").await;
    assert_eq!((report.verified, report.whole, report.faulty), (1, 1, 0));
    assert_eq!(ledger.signed().await.size, 17);
}
