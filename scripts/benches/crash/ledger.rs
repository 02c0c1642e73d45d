//! The audit ledger from outside: its hashes computed by code that is none of the product's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::Api;

type Hash = [u8; 32];

/// The checkpoints of one chain that were ever shown, by size.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// The root and the note of each.
    pub(crate) notes: BTreeMap<u64, (String, String)>,
    /// The key that verifies them.
    pub(crate) key: Option<String>,
}

impl Shown {
    /// Takes down what is shown now: never less than before, and never another root of the same size.
    pub(crate) fn take(&mut self, checkpoint: &Value) -> Result<(), String> {
        let signed = &checkpoint["signed"];
        let text = |name: &str| signed[name].as_str().map(str::to_owned);
        let (Some(size), Some(root), Some(note)) =
            (signed["size"].as_u64(), text("root"), text("note"))
        else {
            return if self.notes.is_empty() {
                Ok(())
            } else {
                Err(format!("a checkpoint was shown, and now none is: {checkpoint}"))
            };
        };
        let key = text("verifier_key");
        if self.key.is_some() && self.key != key {
            return Err(format!("the key was {:?} and is {key:?}", self.key));
        }
        self.key = key;
        let largest = self.notes.last_key_value().map_or(0, |(size, _)| *size);
        if size < largest {
            return Err(format!("a checkpoint of {largest} was shown, and now one of {size}"));
        }
        match self.notes.get(&size) {
            Some((before, _)) if *before != root => {
                Err(format!("of size {size} two roots were shown: {before} and {root}"))
            }
            Some(_) => Ok(()),
            None => {
                self.notes.insert(size, (root, note));
                Ok(())
            }
        }
    }
}

/// A chain as it was exported.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// The action and the correlation id of each record.
    pub(crate) records: Vec<(String, String)>,
    /// The hash of the last entry, and the root of the tree.
    pub(crate) entry: String,
    pub(crate) root: String,
    /// The roots at the sizes that were asked for.
    pub(crate) roots: BTreeMap<u64, String>,
}

/// Exports a chain and computes it anew: sequences without a gap, no event twice, the hashes of every record.
pub(crate) async fn export(
    api: &Api,
    tenant: &str,
    sizes: &BTreeSet<u64>,
) -> Result<Chain, String> {
    let mut chain = Chain::default();
    let (mut tree, mut entry, mut events) = (Tree::default(), [0; 32], BTreeSet::new());
    let mut from = "1".to_owned();
    loop {
        let page = api.get(tenant, &format!("/api/v1/audit/export?from_sequence={from}")).await?;
        for line in page.body.lines() {
            let record: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            let sequence = chain.records.len() as u64 + 1;
            if record["sequence"].as_u64() != Some(sequence) || text("tenant_id") != tenant {
                return Err(format!("{tenant}: not the record {sequence}: {line}"));
            }
            if !events.insert(text("event_id")) {
                return Err(format!("{tenant}: the event of {line} is there twice"));
            }
            chain.records.push((text("action"), text("correlation_id")));
            let leaf = hash(&[&[0], line.as_bytes()]);
            entry = hash(&[&entry, &leaf]);
            tree.push(leaf);
            if sizes.contains(&sequence) {
                chain.roots.insert(sequence, hex(&tree.root()));
            }
        }
        match page.next_sequence {
            Some(next) => from = next,
            None => break,
        }
    }
    chain.entry = hex(&entry);
    chain.root = hex(&tree.root());
    Ok(chain)
}

/// The tree of RFC 6962, as the roots of its full subtrees from left to right, each with its number of leaves.
#[derive(Default)]
struct Tree(Vec<(u64, Hash)>);

impl Tree {
    fn push(&mut self, leaf: Hash) {
        let mut last = (1, leaf);
        while let Some((leaves, left)) = self.0.pop_if(|(leaves, _)| *leaves == last.0) {
            last = (leaves * 2, hash(&[&[1], &left, &last.1]));
        }
        self.0.push(last);
    }

    fn root(&self) -> Hash {
        let mut subtrees = self.0.iter().rev().map(|(_, root)| *root);
        let Some(last) = subtrees.next() else { return hash(&[]) };
        subtrees.fold(last, |right, left| hash(&[&[1], &left, &right]))
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
