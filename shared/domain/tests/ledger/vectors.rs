//! The committed vectors, which `generate.py` beside them computes from the standards and not from this code.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers beside the tests fail as tests do"
)]

use domain::id::TenantId;
use domain::ledger::checkpoint::{Checkpoint, Origin};
use domain::ledger::frontier::Frontier;
use domain::ledger::hash::Hash;
use domain::ledger::line::examine;
use domain::ledger::message::Message;
use domain::ledger::note::VerifierKey;
use domain::ledger::proof::{Node, Plan, verify_consistency, verify_inclusion};
use domain::ledger::receipt::Receipt;
use domain::ledger::record::Record;
use domain::ledger::tile::{Kind, Tile};
use domain::time::Timestamp;
use serde_json::Value;

macro_rules! vectors {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../vectors/ledger/", $name))).unwrap()
    };
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

fn hash(value: &Value) -> Hash {
    Hash::parse(value.as_str().unwrap()).unwrap()
}

fn hashes(values: &Value) -> Vec<Hash> {
    values.as_array().unwrap().iter().map(hash).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn leaves() -> Vec<Hash> {
    let entries = vectors!("tree.json")["entries"].as_array().unwrap().clone();
    entries.iter().map(|entry| Hash::of_leaf(&bytes(entry.as_str().unwrap()))).collect()
}

fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.append(*leaf));
    frontier.root()
}

fn read(node: Node) -> Result<Hash, ()> {
    let start = usize::try_from(node.index << node.level).unwrap();
    Ok(root(&leaves()[start..start + (1 << node.level)]))
}

#[test]
fn a_message_becomes_the_record_the_leaf_and_the_entry_of_the_vectors() {
    for vector in vectors!("records.json").as_array().unwrap() {
        let message = Message::parse(vector["message"].to_string().as_bytes()).unwrap();
        let tenant = TenantId::parse(text(vector, "tenant_id")).unwrap();
        let at = Timestamp::parse(text(vector, "recorded_at")).unwrap();
        let record = Record::new(message, tenant.clone(), vector["sequence"].as_u64().unwrap(), at);
        let line = record.canonical().unwrap();
        assert_eq!(std::str::from_utf8(&line).unwrap(), text(vector, "canonical"));
        assert_eq!(record.content().unwrap(), hash(&vector["content"]));
        let leaf = Hash::of_leaf(&line);
        assert_eq!(leaf, hash(&vector["leaf"]));
        assert_eq!(Hash::of_entry(&hash(&vector["previous"]), &leaf), hash(&vector["entry"]));
        assert_eq!(examine(&line, &tenant).unwrap().leaf, leaf);
        assert_eq!(Record::parse(&line).unwrap(), record);
    }
}

#[test]
fn the_roots_of_certificate_transparencys_entries_are_known() {
    let leaves = leaves();
    let known = hashes(&vectors!("tree.json")["roots"]);
    assert_eq!(known.len(), leaves.len() + 1);
    for (size, known) in known.iter().enumerate() {
        assert_eq!(root(&leaves[..size]), *known, "of {size}");
    }
}

#[test]
fn proofs_are_those_of_the_vectors() {
    let (leaves, vectors) = (leaves(), vectors!("tree.json"));
    for vector in vectors["inclusion"].as_array().unwrap() {
        let (index, size) = (vector["index"].as_u64().unwrap(), vector["size"].as_u64().unwrap());
        let proof = Plan::inclusion(index, size).unwrap().resolve(read).unwrap();
        assert_eq!(proof, hashes(&vector["proof"]), "{index} of {size}");
        let leaf = &leaves[usize::try_from(index).unwrap()];
        let root = hash(&vectors["roots"][usize::try_from(size).unwrap()]);
        verify_inclusion(leaf, index, size, &root, &proof).unwrap();
    }
    for vector in vectors["consistency"].as_array().unwrap() {
        let (old, new) = (vector["old"].as_u64().unwrap(), vector["new"].as_u64().unwrap());
        let proof = Plan::consistency(old, new).unwrap().resolve(read).unwrap();
        assert_eq!(proof, hashes(&vector["proof"]), "{old} to {new}");
        let root = |size| hash(&vectors["roots"][usize::try_from(size).unwrap()]);
        verify_consistency(old, &root(old), new, &root(new), &proof).unwrap();
    }
}

#[test]
fn a_checkpoint_and_a_receipt_are_those_of_the_vectors_to_the_byte() {
    let vectors = vectors!("checkpoint.json");
    let tenant = TenantId::parse(text(&vectors, "tenant_id")).unwrap();
    let origin = Origin::new(text(&vectors, "deployment"), &tenant).unwrap();
    let key = VerifierKey::parse(text(&vectors, "verifier_key")).unwrap();
    assert_eq!(key.to_string(), text(&vectors, "verifier_key"));
    let mut frontier = Frontier::new();
    leaves().into_iter().for_each(|leaf| frontier.append(leaf));
    let checkpoint = Checkpoint::of(&origin, &frontier);
    assert_eq!(checkpoint.text_to_sign(), text(&vectors, "text"));
    let note = checkpoint.with_signature(&key, &bytes(text(&vectors, "signature"))).unwrap();
    assert_eq!(note.to_string(), text(&vectors, "note"));
    assert_eq!(Checkpoint::open(text(&vectors, "note"), &key).unwrap(), checkpoint);
    let proof = Plan::inclusion(5, 10).unwrap().resolve(read).unwrap();
    let receipt = Receipt { extra: None, index: 5, proof, checkpoint: note };
    assert_eq!(receipt.to_string(), text(&vectors, "receipt"));
    let entry = bytes(text(&vectors, "receipt_entry"));
    assert_eq!(receipt.verify(&entry, &key).unwrap(), checkpoint);
    assert!(receipt.verify(b"another", &key).is_err());
}

#[test]
fn receipts_have_one_text() {
    let vectors = vectors!("checkpoint.json");
    let file = text(&vectors, "receipt");
    let receipt = Receipt::parse(file).unwrap();
    assert_eq!(receipt.to_string(), file);
    let with_extra = Receipt { extra: Some(b"context".to_vec()), ..receipt };
    assert_eq!(Receipt::parse(&with_extra.to_string()).unwrap(), with_extra);
    for (from, to) in
        [("@v1", "@v2"), ("index 5", "index 05"), ("index 5\n", ""), ("\n\n", "\n"), ("=\n", "\n")]
    {
        assert!(Receipt::parse(&file.replacen(from, to, 1)).is_err(), "{from:?}");
    }
}

#[test]
fn the_paths_of_tiles_are_those_of_the_vectors_and_no_others() {
    for vector in vectors!("tiles.json").as_array().unwrap() {
        let tile = Tile::parse(text(vector, "path")).unwrap();
        assert_eq!(tile.to_string(), text(vector, "path"));
        assert_eq!(Some(tile.index()), vector["index"].as_u64());
        assert_eq!(Some(u64::from(tile.width())), vector["width"].as_u64());
        let level =
            if let Kind::Hashes { level } = tile.kind() { Some(u64::from(level)) } else { None };
        assert_eq!(level, vector["level"].as_u64());
    }
    for bad in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/1",
        "tile/0/01",
        "tile/0/0001",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/x000/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001/",
        "tile/data/001",
        "/tile/0/001",
        "tile/0/x001/x002",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/entries/0a1",
        "tile/+1/001",
    ] {
        assert!(Tile::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_tree_of_seventy_thousand_has_the_tiles_that_the_standard_counts() {
    // C2SP tlog-tiles, "Partial Tiles".
    let tiles: Vec<Tile> = Tile::grown(0, 70_000).collect();
    let of = |level| tiles.iter().filter(|tile| tile.kind() == Kind::Hashes { level }).count();
    assert_eq!([of(0), of(1), of(2), of(3)], [274, 2, 1, 0]);
    for path in [
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        "tile/entries/273.p/112",
    ] {
        assert!(tiles.contains(&Tile::parse(path).unwrap()), "{path}");
    }
    let more: Vec<String> = Tile::grown(70_000, 70_001).map(|tile| tile.to_string()).collect();
    assert_eq!(more, ["tile/0/273.p/113", "tile/entries/273.p/113"]);
}
