//! Judges from elsewhere: Cloudflare's `tlog_tiles` and `signed_note` read what we publish, by the same formats.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers beside the tests fail as tests do"
)]

use std::collections::BTreeMap;

use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::frontier::Frontier;
use domain::ledger::hash::Hash;
use domain::ledger::note::{Note, VerifierKey};
use domain::ledger::proof::{Plan, verify_consistency, verify_inclusion};
use domain::ledger::tile::{Kind, Tile, Tiles, bundle, root, to_bytes, unbundle};
use proptest::prelude::*;
use signed_note::{StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::tlog;

use crate::chain::{origin, tenant};

/// A log as files by their paths, and its leaves.
#[derive(Clone, Debug)]
struct Log {
    entries: Vec<Vec<u8>>,
    leaves: Vec<Hash>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Log {
    /// Writes every tile of a tree of so many entries, and no other.
    fn write(size: u64) -> Self {
        let entries: Vec<Vec<u8>> =
            (0..size).map(|index| format!("entry {index}").into_bytes()).collect();
        let leaves: Vec<Hash> = entries.iter().map(|entry| Hash::of_leaf(entry)).collect();
        let mut files = BTreeMap::new();
        for tile in Tile::grown(0, size) {
            let (start, end) = tile.leaves();
            let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
            let contents = match tile.kind() {
                Kind::Entries => bundle(entries[start..end].iter().map(Vec::as_slice)).unwrap(),
                Kind::Hashes { level } => {
                    let hashes = leaves[start..end].chunks(1 << (8 * level)).map(root);
                    to_bytes(&hashes.collect::<Vec<_>>())
                }
            };
            files.insert(tile.to_string(), contents);
        }
        Self { entries, leaves, files }
    }

    fn root(&self, size: u64) -> Hash {
        let mut frontier = Frontier::new();
        self.leaves
            .iter()
            .take(usize::try_from(size).unwrap())
            .for_each(|leaf| frontier.append(*leaf));
        frontier.root()
    }

    fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// A proof from nothing but the files that its plan asks for.
    fn prove(&self, plan: &Plan, size: u64) -> Vec<Hash> {
        let mut tiles = Tiles::new(size);
        for tile in plan.tiles(size) {
            // A tree's own partial tiles are gone once they are full, as a log may do.
            let full = Tile::of(tile.kind(), tile.index(), self.size()).unwrap();
            let contents = &self.files[&full.to_string()];
            tiles.add(tile, &contents[..usize::from(tile.width()) * 32]).unwrap();
        }
        plan.resolve(|node| tiles.node(node)).unwrap()
    }

    /// Whether their checker, given our files, finds every entry under the root.
    fn is_accepted(&self, size: u64, root: Hash) -> bool {
        let reader = tlog::HashReader::read_hashes;
        let tiles = tlog_tiles::TileHashReader::new(size, theirs(root), self);
        (0..size).all(|index| {
            let leaf = reader(&tiles, &[tlog::stored_hash_index(0, index)]);
            let tile = Tile::of(Kind::Entries, index / 256, size).unwrap();
            let entries = self.files.get(&tile.to_string()).and_then(|bytes| unbundle(bytes).ok());
            let entry = entries
                .and_then(|entries| entries.get(usize::try_from(index % 256).unwrap()).copied());
            let hashes = leaf.ok().zip(entry);
            hashes.is_some_and(|(leaf, entry)| leaf == vec![tlog::record_hash(entry)])
        })
    }
}

fn theirs(hash: Hash) -> tlog::Hash {
    tlog::Hash(*hash.as_bytes())
}

fn all_theirs(hashes: &[Hash]) -> Vec<tlog::Hash> {
    hashes.iter().copied().map(theirs).collect()
}

/// Their name of a tile, which has the height in it, as ours, which C2SP fixed at 8.
fn our_path(tile: &tlog_tiles::Tile) -> String {
    tile.path().replacen("tile/8/data/", "tile/entries/", 1).replacen("tile/8/", "tile/", 1)
}

impl tlog_tiles::TileReader for Log {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let missing = |path: String| tlog::Error::InvalidInput(path);
        let read = |tile| {
            let path = our_path(tile);
            self.files.get(&path).cloned().ok_or_else(|| missing(path))
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _tiles: &[tlog_tiles::Tile], _data: &[Vec<u8>]) {}
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn they_accept_our_tiles_and_refuse_them_once_any_byte_is_another(
        size in prop_oneof![1_u64..40, 250_u64..262, 500_u64..800], file: prop::sample::Index, at: prop::sample::Index, bit in 0_u8..8,
    ) {
        let log = Log::write(size);
        let root = log.root(size);
        prop_assert!(log.is_accepted(size, root));
        let mut bad = log.clone();
        let path = file.get(&log.files.keys().cloned().collect::<Vec<_>>()).clone();
        let contents = bad.files.get_mut(&path).unwrap();
        let at = at.index(contents.len());
        contents[at] ^= 1 << bit;
        prop_assert!(!bad.is_accepted(size, root), "{path} at {at}");
        bad.files.remove(&path);
        prop_assert!(!bad.is_accepted(size, root), "{path} removed");
    }

    #[test]
    fn each_accepts_the_others_proofs(size in 1_u64..1000, at: prop::sample::Index, of: prop::sample::Index) {
        let log = Log::write(size);
        let old = of.index(log.entries.len()) as u64 + 1;
        let index = at.index(usize::try_from(old).unwrap());
        let (leaf, index) = (log.leaves[index], index as u64);
        let (old_root, new_root) = (log.root(old), log.root(size));
        let inclusion = log.prove(&Plan::inclusion(index, old).unwrap(), old);
        let consistency = log.prove(&Plan::consistency(old, size).unwrap(), size);

        tlog::check_record(&all_theirs(&inclusion), old, theirs(old_root), index, theirs(leaf)).unwrap();
        tlog::check_tree(&all_theirs(&consistency), size, theirs(new_root), old, theirs(old_root)).unwrap();
        let other = theirs(Hash::GENESIS);
        prop_assert!(tlog::check_record(&all_theirs(&inclusion), old, other, index, theirs(leaf)).is_err());

        let tiles = tlog_tiles::TileHashReader::new(size, theirs(new_root), &log);
        let ours = |proof: Vec<tlog::Hash>| proof.into_iter().map(|hash| Hash::from_bytes(hash.0)).collect::<Vec<_>>();
        let proof = ours(tlog::prove_record(size, index, &tiles).unwrap());
        verify_inclusion(&leaf, index, size, &new_root, &proof).unwrap();
        let proof = ours(tlog::prove_tree(size, old, &tiles).unwrap());
        prop_assert_eq!(&proof, &consistency);
        verify_consistency(old, &old_root, size, &new_root, &proof).unwrap();
    }

    #[test]
    fn they_write_and_read_the_same_paths(level in 0_u8..64, index in prop_oneof![0_u64..2000, any::<u64>()], width in 1_u16..=256) {
        let theirs = tlog_tiles::Tile::new(8, level, index, width.into(), false);
        let ours = Tile::parse(&our_path(&theirs)).unwrap();
        prop_assert_eq!((ours.kind(), ours.index(), ours.width()), (Kind::Hashes { level }, index, width));
        prop_assert_eq!(ours.to_string(), our_path(&theirs));
    }
}

/// A key of theirs for our chain, from a fixed secret.
fn keys() -> (StandardSigner, StandardVerifier, VerifierKey) {
    let name = origin().to_string();
    let secret = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let public = VerifierKey::new(&name, secret.verifying_key().as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&public.to_string()).unwrap();
    let encoded = Hash::from_bytes(secret.to_bytes());
    let key = base64_of(&[&[1], encoded.as_bytes().as_slice()].concat());
    let signer =
        StandardSigner::new(&format!("PRIVATE+KEY+{name}+{:08x}+{key}", public.id())).unwrap();
    (signer, verifier, public)
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn they_accept_our_checkpoint_and_we_accept_theirs() {
    use ed25519_dalek::Signer;
    let (signer, verifier, public) = keys();
    let log = Log::write(300);
    let ours = Checkpoint { origin: origin().to_string(), size: 300, root: log.root(300) };
    let secret = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let signature = secret.sign(ours.text_to_sign().as_bytes()).to_bytes();
    let note = ours.with_signature(&public, &signature).unwrap().to_string();

    let known = VerifierList::new(vec![Box::new(verifier)]);
    let read = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    assert_eq!(read.verify(&known).unwrap().0.len(), 1);
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(read.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), (ours.origin.as_str(), 300));
    assert_eq!(checkpoint.hash(), &theirs(ours.root));
    let forged = note.replace("\n300\n", "\n301\n");
    assert!(signed_note::Note::from_bytes(forged.as_bytes()).unwrap().verify(&known).is_err());

    let hash = theirs(log.root(300));
    let text = tlog_tiles::Checkpoint::new(origin().as_str(), 300, hash, "").unwrap().to_bytes();
    let mut signed = signed_note::Note::new(&text, &[]).unwrap();
    signed.add_sigs(&[&signer]).unwrap();
    let file = String::from_utf8(signed.to_bytes()).unwrap();
    assert_eq!(file, note, "one key, one text: one signature of Ed25519");
    assert_eq!(Checkpoint::verified(&Note::parse(&file).unwrap(), &public).unwrap(), ours);
    assert!(origin().as_str().ends_with(tenant().as_str()));
}
