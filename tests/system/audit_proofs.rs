//! Proofs of the audit ledger: judged by the domain's verifiers, and by a recomputation of their own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use domain::ledger::hash::Hash;
use domain::ledger::note::VerifierKey;
use domain::ledger::proof::{verify_consistency, verify_inclusion};
use domain::ledger::receipt::Receipt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::checkpoints::happening;
use tests::{Reply, Tenant, World};

/// Records of the chain: two full tiles and a part of a third, in segments that end elsewhere.
const SIZE: usize = 600;

/// A world with a chain of the default tenant.
async fn world() -> World {
    let world = World::new();
    for first in (0..SIZE).step_by(100) {
        world.record("default", (first..first + 100).map(happening)).await;
    }
    world
}

fn proof_of(number: usize) -> String {
    format!("/api/v1/audit/records/event-{number:04}/proof")
}

fn hash(value: &Value) -> Hash {
    Hash::parse(value.as_str().unwrap()).unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

/// The root of a tree by the definition of RFC 6962, section 2.1, and nothing else.
fn root_by_definition(entries: &[&[u8]]) -> [u8; 32] {
    match entries {
        [] => Sha256::digest(b"").into(),
        [entry] => Sha256::new().chain_update([0]).chain_update(entry).finalize().into(),
        _ => {
            let mut split = 1;
            while split * 2 < entries.len() {
                split *= 2;
            }
            let (left, right) = entries.split_at(split);
            Sha256::new()
                .chain_update([1])
                .chain_update(root_by_definition(left))
                .chain_update(root_by_definition(right))
                .finalize()
                .into()
        }
    }
}

/// The lines of the whole chain.
async fn exported(tenant: &Tenant) -> String {
    tenant.get("/api/v1/audit/export").await.text
}

#[tokio::test]
async fn every_record_is_proved_against_the_latest_checkpoint() {
    let world = world().await;
    let tenant = world.default_tenant();
    let key = world.sign("default").await;
    let text = exported(&tenant).await;
    let entries: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    let root = Hash::from_bytes(root_by_definition(&entries));
    for tiles_are_stored in [false, true] {
        for number in [0, 1, 99, 255, 256, 300, 511, 512, 598, 599] {
            let reply = tenant.get(&proof_of(number)).await;
            let proof = reply.expect(200);
            let leaf = Hash::of_leaf(entries[number]);
            assert_eq!((hash(&proof["leaf_hash"]), hash(&proof["root"])), (leaf, root));
            assert_eq!(proof["canonical"].as_str().unwrap().as_bytes(), entries[number]);
            assert_eq!((&proof["index"], &proof["size"]), (&json!(number), &json!(SIZE)));
            let path = hashes(&proof["hashes"]);
            verify_inclusion(&leaf, number as u64, SIZE as u64, &root, &path).unwrap();
            let beside = verify_inclusion(&leaf, number as u64 ^ 1, SIZE as u64, &root, &path);
            assert!(beside.is_err(), "{number}");

            // The same as a file, which needs nothing but the key.
            let asking = tenant.clone().with("accept", "text/plain");
            let file = asking.get(&proof_of(number)).await;
            assert_eq!(file.header("content-type"), Some("text/plain; charset=utf-8"));
            let receipt = Receipt::parse(&file.text).unwrap();
            assert_eq!(receipt.verify(entries[number], &key).unwrap().root, root);
            assert!(receipt.verify(entries[number ^ 1], &key).is_err());
            assert_eq!(receipt.proof, path, "tiles are stored: {tiles_are_stored}");
        }
        world.store_tiles("default", SIZE as u64).await;
    }
}

#[tokio::test]
async fn a_checkpoint_that_covers_the_record_is_published_when_its_proof_is_asked_for() {
    let world = World::new();
    let tenant = world.default_tenant();
    for number in 0..3 {
        world.record("default", [happening(number)]).await;
        let proof = tenant.get(&proof_of(number)).await;
        assert_eq!(proof.expect(200)["size"], number + 1);
        let key = proof.body["checkpoint"]["verifier_key"].as_str().unwrap();
        let key = VerifierKey::parse(key).unwrap();
        let file = tenant.clone().with("accept", "text/plain").get(&proof_of(number)).await;
        let canonical = proof.body["canonical"].as_str().unwrap();
        let receipt = Receipt::parse(&file.text).unwrap();
        assert_eq!(receipt.verify(canonical.as_bytes(), &key).unwrap().size, number as u64 + 1);
    }
}

#[tokio::test]
async fn where_no_checkpoint_can_be_signed_a_record_beyond_the_last_has_no_proof() {
    let world = World::new();
    let tenant = world.default_tenant();
    world.record("default", [happening(0)]).await;
    // By a key that the deployment does not have, so that it goes on with nothing of this chain.
    world.sign("default").await;
    world.record("default", [happening(1)]).await;
    // The only record of a tree is its root, and its proof is empty.
    let only = tenant.get(&proof_of(0)).await;
    assert_eq!(only.expect(200)["hashes"], json!([]));
    assert_eq!(only.body["root"], only.body["leaf_hash"]);
    let early = tenant.clone().with("accept", "text/plain").get(&proof_of(1)).await;
    early.expect_problem(409, "checkpoint_behind");
    world.sign("default").await;
    for number in [0, 1] {
        assert_eq!(tenant.get(&proof_of(number)).await.expect(200)["size"], 2);
    }
}

#[tokio::test]
async fn what_does_not_lead_to_the_promised_root_is_not_handed_out_as_a_proof() {
    let world = World::new();
    let tenant = world.default_tenant();
    world.record("default", (0..3).map(happening)).await;
    world.sign_as("default", 3, Hash::of(b"another chain")).await;
    tenant.get(&proof_of(1)).await.expect_problem(500, "defect");
    // A promise of more than there is.
    world.sign_as("default", 5, Hash::of(b"a longer chain")).await;
    tenant.get(&proof_of(1)).await.expect_problem(500, "defect");
}

#[tokio::test]
async fn the_chain_is_proved_to_have_only_grown() {
    let world = world().await;
    let tenant = world.default_tenant();
    let text = exported(&tenant).await;
    let entries: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    let sizes = [0, 1, 2, 3, 255, 256, 257, 400, 512, 513, 599, 600];
    for (place, from) in sizes.into_iter().enumerate() {
        for to in &sizes[place..] {
            let path = format!("/api/v1/audit/consistency?from={from}&to={to}");
            let reply = tenant.get(&path).await;
            let proof = reply.expect(200);
            let (old, new) = (hash(&proof["from_root"]), hash(&proof["to_root"]));
            assert_eq!(*old.as_bytes(), root_by_definition(&entries[..from]), "{path}");
            assert_eq!(*new.as_bytes(), root_by_definition(&entries[..*to]), "{path}");
            let hashes = hashes(&proof["hashes"]);
            verify_consistency(from as u64, &old, *to as u64, &new, &hashes).unwrap();
        }
    }
}

#[tokio::test]
async fn a_consistency_that_cannot_be_asked_for_is_refused() {
    let world = World::new();
    let tenant = world.default_tenant();
    world.record("default", (0..3).map(happening)).await;
    let ask = async |query: &str| -> Reply {
        tenant.get(&format!("/api/v1/audit/consistency{query}")).await
    };
    for (query, faults) in [
        ("", vec!["from", "to"]),
        ("?from=1", vec!["to"]),
        ("?from=a&to=-2", vec!["from", "to"]),
        ("?from=3&to=2", vec!["from"]),
        ("?from=1&to=4", vec!["to"]),
        ("?from=1&to=2&limit=1", vec!["limit"]),
        ("?from=18446744073709551616&to=2", vec!["from"]),
    ] {
        let refused = ask(query).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), faults, "{query}");
    }
    ask("?from=0&to=3").await.expect(200);
    // A chain that has not begun is the start of itself.
    let other = world.tenant("other").get("/api/v1/audit/consistency?from=0&to=0").await;
    assert_eq!(other.expect(200)["from_root"], other.body["to_root"]);
}
