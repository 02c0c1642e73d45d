//! The notary of a deployment on AWS: checkpoints signed by the key service and anchored in a bucket, over the
//! real clients of both, and what happens when one of them does not do what it should.

use api::App;
use api::ledger::{PublishError, Published, publish};
use audit_verify::{Auditor, Report};
use domain::id::TenantId;
use domain::ledger::checkpoint::{Checkpoint, Origin};
use domain::ledger::fault::Kind;
use domain::ledger::note::VerifierKey;
use serde_json::json;
use tests::World;
use tests::checkpoints::happening;
use tests::cloud::{Cloud, Trouble};

const DEPLOYMENT: &str = "epr.example.com/audit";

/// Where the anchor of a size is.
const ANCHORS: &str = "epr.example.com/audit/default";

struct Deployment {
    world: World,
    cloud: Cloud,
    app: App,
}

fn default() -> TenantId {
    TenantId::parse("default").unwrap()
}

impl Deployment {
    /// A deployment with a chain of three records.
    async fn new(cloud: &Cloud) -> Self {
        let world = World::new();
        world.record("default", (0..3).map(happening)).await;
        let app = world.system.app("audit-verify").unwrap().clone();
        let app = app.with_notary(cloud.notary(DEPLOYMENT));
        Self { world, cloud: cloud.clone(), app }
    }

    async fn publish(&self) -> Result<Published, PublishError> {
        publish(&self.app, &default()).await.map(Option::unwrap)
    }

    async fn run(&self, run: &str) -> Report {
        let event = json!({"run": run, "tenant_id": "default"});
        audit_verify::handle(&Auditor::of(&self.app), event).await.unwrap()
    }

    /// The latest note.
    async fn signed(&self) -> Option<String> {
        self.app.store.ledger_signed(&default()).await.unwrap()
    }

    /// The key by which strangers verify, made from the public key that the service shows.
    fn key(&self) -> VerifierKey {
        let origin = Origin::new(DEPLOYMENT, &default()).unwrap();
        VerifierKey::new(origin.as_str(), &self.cloud.public_key()).unwrap()
    }

    /// Nothing was signed, the verifier says so, and once the trouble is over it goes on.
    async fn recovers(&self, error: &str, what: &str) {
        let said = self.publish().await.unwrap_err();
        assert!(said.to_string().contains(error), "{what}: {said}");
        assert!(!matches!(said, PublishError::Fault(_)), "{what}: {said:?}");
        assert_eq!(self.signed().await, None, "{what}");
        let report = self.run("minutely").await;
        assert_eq!((report.verified, report.unverified, report.faulty), (0, 1, 0), "{what}");
        self.cloud.trouble(None);
        let published = self.publish().await.unwrap();
        assert_eq!(Checkpoint::open(&published.note, &self.key()).unwrap().size, 3, "{what}");
        assert_eq!(self.cloud.objects().into_values().collect::<Vec<_>>(), [published.note]);
        assert_eq!(self.run("minutely").await.verified, 1, "{what}");
    }
}

/// The fault because of which nothing was signed.
fn fault(error: PublishError) -> Option<Kind> {
    match error {
        PublishError::Fault(fault) => Some(fault.kind),
        _ => None,
    }
}

#[tokio::test]
async fn the_key_service_signs_a_note_that_verifies_and_it_is_anchored() {
    let deployment = Deployment::new(&Cloud::default()).await;
    let published = deployment.publish().await.unwrap();
    let checkpoint = Checkpoint::open(&published.note, &deployment.key()).unwrap();
    assert_eq!((checkpoint.size, published.is_current), (3, true));
    let asked = deployment.cloud.asked();
    let operations: Vec<&str> = asked.iter().map(|(operation, _)| operation.as_str()).collect();
    assert_eq!(operations, ["GetPublicKey", "Sign", "PUT"]);
    let told = |place: usize, name: &str| asked[place].1[name].clone();
    assert_eq!([told(0, "KeyId"), told(1, "KeyId")], ["alias/audit", "alias/audit"]);
    assert_eq!(told(1, "MessageType"), "RAW");
    assert_eq!(told(1, "SigningAlgorithm"), "ED25519_SHA_512");
    assert_eq!(told(2, "if_none_match"), "*");
    let anchored = deployment.cloud.objects();
    assert_eq!(anchored, [(format!("{ANCHORS}/3"), published.note)].into());

    // What is signed is neither signed nor put again, and the key is asked for once.
    deployment.publish().await.unwrap();
    assert_eq!(deployment.cloud.asked(), []);
    deployment.world.record("default", (3..5).map(happening)).await;
    let published = deployment.publish().await.unwrap();
    assert_eq!(deployment.cloud.asked().len(), 2);
    assert_eq!(deployment.cloud.objects().get(&format!("{ANCHORS}/5")), Some(&published.note));
}

#[tokio::test]
async fn without_the_key_service_nothing_is_signed_until_it_is_back() {
    for operation in ["GetPublicKey", "Sign"] {
        for (trouble, error) in [
            (Trouble::Refuses(400, "AccessDeniedException"), "AccessDenied"),
            (Trouble::Refuses(400, "DisabledException"), "Disabled"),
            (Trouble::Refuses(500, "KMSInternalException"), "Internal"),
            (Trouble::Unreachable, "no route to it"),
            (Trouble::Silent, "nothing came back"),
        ] {
            let deployment = Deployment::new(&Cloud::default()).await;
            deployment.cloud.trouble((operation, trouble));
            deployment.recovers(error, &format!("{operation}: {trouble:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_signature_by_another_key_is_not_published() {
    let deployment = Deployment::new(&Cloud::default()).await;
    deployment.cloud.sign_with_another_key();
    let said = deployment.publish().await.unwrap_err();
    assert!(matches!(said, PublishError::Sign(_)), "{said:?}");
    assert_eq!((deployment.signed().await, deployment.cloud.objects().len()), (None, 0));
    assert_eq!(deployment.run("minutely").await.unverified, 1);
}

#[tokio::test]
async fn a_key_of_another_kind_is_refused() {
    let deployment = Deployment::new(&Cloud::default()).await;
    deployment.cloud.change_kind();
    let said = deployment.publish().await.unwrap_err();
    assert!(said.to_string().contains("the key is not one of Ed25519"), "{said}");
    assert_eq!(deployment.signed().await, None);
}

#[tokio::test]
async fn a_note_that_the_key_did_not_sign_is_a_fault() {
    let deployment = Deployment::new(&Cloud::default()).await;
    let note = deployment.publish().await.unwrap().note;
    deployment.cloud.replace_key();
    // A process that begins now asks for the key anew.
    let app = deployment.app.clone().with_notary(deployment.cloud.notary(DEPLOYMENT));
    let said = publish(&app, &default()).await.unwrap_err();
    assert!(matches!(fault(said), Some(Kind::CheckpointForged { .. })));
    assert_eq!(deployment.signed().await, Some(note));
}

#[tokio::test]
async fn an_anchor_that_says_the_same_is_as_good_as_ones_own() {
    let cloud = Cloud::default();
    let first = Deployment::new(&cloud).await.publish().await.unwrap();
    cloud.asked();
    // As far as the bucket can tell: a publisher that ended after it had anchored, and before it stored.
    let again = Deployment::new(&cloud).await;
    assert_eq!(again.publish().await.unwrap(), first);
    let asked: Vec<String> = cloud.asked().into_iter().map(|(operation, _)| operation).collect();
    assert_eq!(asked, ["GetPublicKey", "Sign", "PUT", "GET"]);
    assert_eq!(cloud.objects().len(), 1);
    assert_eq!(again.run("full").await.verified, 1);
}

#[tokio::test]
async fn an_anchor_that_says_otherwise_stops_the_chain_and_is_left_as_it_is() {
    let cloud = Cloud::default();
    let first = Deployment::new(&cloud).await.publish().await.unwrap();
    let other = Deployment::new(&cloud).await;
    other.world.record("default", [happening(9)]).await;
    cloud.change(|objects| {
        objects.insert(format!("{ANCHORS}/4"), first.note.clone());
    });
    let said = other.publish().await.unwrap_err();
    assert_eq!(fault(said), Some(Kind::SplitView { size: 4 }));
    assert_eq!(
        (other.signed().await, &cloud.objects()[&format!("{ANCHORS}/4")]),
        (None, &first.note)
    );
    assert_eq!(other.run("minutely").await.faulty, 1);
    assert_eq!(other.world.events("audit.verification.failed").await.len(), 1);
}

#[tokio::test]
async fn without_the_bucket_nothing_is_stored_as_signed_until_it_is_back() {
    for (trouble, error) in [
        (Trouble::Refuses(403, "AccessDenied"), "AccessDenied"),
        (Trouble::Refuses(404, "NoSuchBucket"), "NoSuchBucket"),
        (Trouble::Refuses(409, "ConditionalRequestConflict"), "another is anchoring it"),
        (Trouble::Refuses(503, "SlowDown"), "SlowDown"),
        (Trouble::Unreachable, "no route to it"),
        // It is put all the same, and found there the next time.
        (Trouble::Silent, "nothing came back"),
    ] {
        let deployment = Deployment::new(&Cloud::default()).await;
        deployment.cloud.trouble(("PUT", trouble));
        deployment.recovers(error, &format!("{trouble:?}")).await;
    }
}

#[tokio::test]
async fn a_run_over_the_whole_chain_finds_an_anchor_that_is_gone_or_was_replaced() {
    for (change, found) in [
        (None, Kind::CheckpointForged { reason: "it is not anchored".to_owned() }),
        (Some("anything"), Kind::SplitView { size: 3 }),
    ] {
        let deployment = Deployment::new(&Cloud::default()).await;
        assert_eq!(deployment.run("minutely").await.verified, 1);
        assert_eq!(deployment.run("full").await.whole, 1);
        deployment.cloud.change(|objects| match change {
            None => objects.clear(),
            Some(text) => objects.values_mut().for_each(|note| text.clone_into(note)),
        });
        let report = deployment.run("full").await;
        assert_eq!((report.faulty, report.whole), (1, 0), "{change:?}");
        let events = deployment.world.events("audit.verification.failed").await;
        assert!(events[0].to_string().contains(&found.to_string()), "{events:?}");
    }
}

#[tokio::test]
async fn a_bucket_that_cannot_be_read_is_no_fault_of_the_chain() {
    let deployment = Deployment::new(&Cloud::default()).await;
    assert_eq!(deployment.run("minutely").await.verified, 1);
    deployment.cloud.trouble(("GET", Trouble::Unreachable));
    let report = deployment.run("full").await;
    assert_eq!((report.faulty, report.unverified), (0, 1));
    deployment.cloud.trouble(None);
    assert_eq!(deployment.run("full").await.whole, 1);
}
