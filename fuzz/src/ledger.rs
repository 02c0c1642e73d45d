//! What the audit ledger publishes, and what is brought to it to be verified.

use std::sync::OnceLock;

use domain::id::TenantId;
use domain::ledger::canonical as json;
use domain::ledger::checkpoint::{Checkpoint, Origin};
use domain::ledger::frontier::Frontier;
use domain::ledger::hash::Hash;
use domain::ledger::line::examine;
use domain::ledger::note::{Note, VerifierKey};
use domain::ledger::proof::{Node, Plan, verify_consistency, verify_inclusion};
use domain::ledger::receipt::Receipt;
use domain::ledger::record::Record;
use domain::ledger::scan::is_canonical;
use domain::ledger::segment::{Body, SEGMENT_BYTES_MAX, Segment};
use domain::ledger::tile::{Tile, bundle, root, unbundle};
use ed25519_dalek::{Signer, SigningKey};

use crate::text;

/// The key that signed what is in the samples.
fn key() -> &'static VerifierKey {
    static KEY: OnceLock<VerifierKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let public = SigningKey::from_bytes(&[9; 32]).verifying_key();
        VerifierKey::new("epr.example.com/audit/acme", public.as_bytes()).unwrap()
    })
}

/// A checkpoint that this key signed, of a tree of some leaves.
pub(crate) fn signed_note(leaves: &[Hash]) -> String {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.append(*leaf));
    let origin = Origin::new("epr.example.com/audit", &TenantId::parse("acme").unwrap()).unwrap();
    let checkpoint = Checkpoint::of(&origin, &frontier);
    let signature = SigningKey::from_bytes(&[9; 32]).sign(checkpoint.text_to_sign().as_bytes());
    checkpoint.with_signature(key(), &signature.to_bytes()).unwrap().to_string()
}

/// Notes, checkpoints and keys: each has one text, and what was not signed is not believed.
pub(crate) fn note(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(VerifierKey::parse(&key.to_string()).unwrap(), key);
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.text_to_sign(), text, "a checkpoint has one text");
    }
    let Ok(note) = Note::parse(text) else { return };
    assert_eq!(Note::parse(&note.to_string()).unwrap(), note);
    if let Ok(checkpoint) = Checkpoint::verified(&note, key()) {
        assert_eq!(checkpoint.text_to_sign(), note.unverified_text());
        assert_eq!(checkpoint.origin, key().name());
    }
}

/// A signed checkpoint in which anything is changed, at any places, is not believed.
pub(crate) fn forgery(data: &[u8]) {
    let [leaves, changes @ ..] = data else { return };
    let leaves: Vec<Hash> = (0..leaves % 32).map(|leaf| Hash::of_leaf(&[leaf])).collect();
    let signed = signed_note(&leaves);
    let mut forged = signed.clone().into_bytes();
    for change in changes.chunks_exact(2) {
        let place = usize::from(change[0]) % forged.len();
        forged[place] ^= change[1];
    }
    let believed = String::from_utf8(forged.clone());
    let believed = believed.is_ok_and(|text| Checkpoint::open(&text, key()).is_ok());
    assert_eq!(believed, forged == signed.as_bytes());
}

/// `.tlog-proof` files. The first line of the input is the record that it may be of.
pub(crate) fn receipt(data: &[u8]) {
    let Some((record, file)) = text(data).and_then(|text| text.split_once('\n')) else { return };
    let Ok(receipt) = Receipt::parse(file) else { return };
    assert_eq!(Receipt::parse(&receipt.to_string()).unwrap(), receipt);
    if receipt.verify(record.as_bytes(), key()).is_ok() {
        // Then it is of nothing else.
        let other = [record.as_bytes(), b"!"].concat();
        assert!(receipt.verify(&other, key()).is_err());
    }
}

/// Proofs: the right one is accepted, and what differs from it in anything is not.
///
/// The input says how large the trees are, which leaf is meant, and what is done to the proof.
pub(crate) fn proof(data: &[u8]) {
    let [old, new, index, place, with @ ..] = data else { return };
    let new = u64::from(*new) + 1;
    let (old, index) = (u64::from(*old) % new + 1, u64::from(*index) % new);
    let leaves: Vec<Hash> = (0..new).map(|leaf| Hash::of_leaf(&leaf.to_be_bytes())).collect();
    let node = |node: Node| -> Result<Hash, std::convert::Infallible> {
        let begin = usize::try_from(node.index << node.level).unwrap();
        let end = usize::try_from((node.index + 1) << node.level).unwrap();
        Ok(root(&leaves[begin..end]))
    };
    let roots = (root(&leaves[..usize::try_from(old).unwrap()]), root(&leaves));
    let leaf = leaves[usize::try_from(index).unwrap()];
    let included = Plan::inclusion(index, new).unwrap().resolve(node).unwrap();
    verify_inclusion(&leaf, index, new, &roots.1, &included).unwrap();
    let consistent = Plan::consistency(old, new).unwrap().resolve(node).unwrap();
    verify_consistency(old, &roots.0, new, &roots.1, &consistent).unwrap();

    let changed = tampered(&included, *place, with);
    let accepted = verify_inclusion(&leaf, index, new, &roots.1, &changed).is_ok();
    assert_eq!(accepted, changed == included);
    let changed = tampered(&consistent, *place, with);
    let accepted = verify_consistency(old, &roots.0, new, &roots.1, &changed).is_ok();
    assert_eq!(accepted, changed == consistent, "{old} {new}");
}

/// A proof with a hash put in, taken out or replaced.
fn tampered(proof: &[Hash], place: u8, with: &[u8]) -> Vec<Hash> {
    let mut changed = proof.to_vec();
    let at = usize::from(place >> 2) % (proof.len() + 1);
    match (place & 3, with.first_chunk::<32>().and_then(|hash| Hash::from_slice(hash))) {
        (0, Some(hash)) => changed.insert(at, hash),
        (1, _) if at < changed.len() => drop(changed.remove(at)),
        (2, Some(hash)) if at < changed.len() => changed[at] = hash,
        (3, _) => changed.truncate(at),
        _ => {}
    }
    changed
}

/// Canonical JSON: what is canonical is what writes as it reads, by the fast reader as by the slow one.
pub(crate) fn canonical(data: &[u8]) {
    let Ok(value) = json::parse(data) else {
        return assert!(!is_canonical(data), "canonical, and no JSON");
    };
    let Ok(written) = json::to_bytes(&value) else { return };
    assert!(is_canonical(&written), "{}", String::from_utf8_lossy(&written));
    assert_eq!(json::to_bytes(&json::parse(&written).unwrap()).unwrap(), written);
    assert_eq!(is_canonical(data), written == data, "{}", String::from_utf8_lossy(&written));
}

/// A record as a verifier reads it, which is also a record as it was written.
pub(crate) fn record(data: &[u8]) {
    let tenant = TenantId::parse("acme").unwrap();
    if let Ok(examined) = examine(data, &tenant) {
        assert!(is_canonical(data));
        assert_eq!(examined.leaf, Hash::of_leaf(data));
        if let Ok(record) = Record::parse(data) {
            assert_eq!((record.sequence, record.tenant_id), (examined.sequence, tenant));
        }
    }
    if let Ok(record) = Record::parse(data)
        && let Ok(line) = record.canonical()
    {
        // Not the records: `1.0` and `1` are one number, and have one canonical form.
        assert_eq!(Record::parse(&line).unwrap().canonical().unwrap(), line);
    }
}

/// Segments: no more memory than they may take, and what was read packs and unpacks again.
pub(crate) fn segment(data: &[u8]) {
    let Ok(segment) = Segment::decode(data) else { return };
    let records: Vec<Vec<u8>> = segment.records().into_iter().map(<[u8]>::to_vec).collect();
    assert!(records.iter().map(Vec::len).sum::<usize>() <= SEGMENT_BYTES_MAX);
    let (body, taken) = Body::encode(&records).unwrap();
    assert_eq!(Segment::decode(&body.bytes).unwrap().records(), &records[..taken]);
}

/// Tiles, bundles of entries, and the edges of trees.
pub(crate) fn tile(data: &[u8]) {
    if let Some(tile) = text(data).and_then(|path| Tile::parse(path).ok()) {
        assert_eq!(text(data), Some(tile.to_string().as_str()), "a tile has one path");
        let (first, last) = tile.leaves();
        assert!(first <= last);
    }
    if let Ok(entries) = unbundle(data) {
        assert_eq!(bundle(entries).unwrap(), data);
    }
    if let Ok(frontier) = Frontier::from_bytes(data) {
        assert_eq!(frontier.to_bytes(), data);
        let _any = frontier.root();
    }
}
