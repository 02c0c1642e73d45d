//! The audit ledger, recomputed here from the bytes of its records.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Evidence;
use crate::simulation::workload::TENANTS;

/// Every audit entry of the outbox stands in its tenant's chain once, as it was said, and nothing else does.
pub(super) fn each_entry_once(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for tenant in TENANTS {
        let mut rows: BTreeMap<&str, &Value> = BTreeMap::new();
        let of_tenant = evidence.facts.audits.iter().filter(|row| row["tenant_id"] == tenant);
        rows.extend(of_tenant.map(|row| (row["event_id"].as_str().unwrap_or_default(), row)));
        let mut seen = BTreeSet::new();
        for entry in &evidence.facts.chains[tenant] {
            let id = entry.said["event_id"].as_str().unwrap_or_default();
            if !seen.insert(id) {
                wrong.push(format!("{id} is twice in the chain of {tenant}"));
            }
            let Some(row) = rows.get(id) else {
                wrong.push(format!("{id} is in the chain of {tenant} and was never said"));
                continue;
            };
            for field in ["action", "actor_id", "correlation_id", "entity_id", "occurred_at"] {
                if row[field] != entry.said[field] {
                    wrong.push(format!("{id} says {} as its {field}", entry.said[field]));
                }
            }
        }
        for id in rows.keys().filter(|id| !seen.contains(*id)) {
            wrong.push(format!(
                "{id} is not in the chain of {tenant}: {}",
                rows[id]["delivery_state"]
            ));
        }
    }
    wrong
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().to_vec()
}

pub(super) fn dense_and_hashed(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (tenant, entries) in &evidence.facts.chains {
        let mut previous = vec![0; 32];
        for (place, entry) in (1..).zip(entries) {
            let leaf = sha256(&[&[0], &entry.line]);
            let chained = sha256(&[&previous, &leaf]);
            let is_right = entry.sequence == place
                && entry.said["sequence"] == place
                && entry.leaf == leaf
                && entry.previous == previous
                && entry.entry == chained;
            if !is_right {
                wrong.push(format!("record {place} of {tenant} is {}", entry.said));
            }
            previous = chained;
        }
    }
    wrong
}

/// The root of the tree of the first leaves (RFC 6962).
fn root(leaves: &[Vec<u8>]) -> Vec<u8> {
    match leaves {
        [] => sha256(&[]),
        [only] => only.clone(),
        several => {
            let mut left = 1;
            while left * 2 < several.len() {
                left *= 2;
            }
            let (left, right) = several.split_at(left);
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

/// Whatever was promised of a chain, to whomever, is a root of what the chain is now.
pub(super) fn one_root_per_size(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let told = evidence.journal.checkpoints.iter().map(|(tenant, size, root)| {
        ("a checkpoint".to_owned(), tenant.clone(), Some(*size), root.clone())
    });
    for (what, tenant, size, told) in told.chain(evidence.facts.ledger.iter().filter_map(promised))
    {
        let leaves = evidence.facts.chains[&tenant].iter();
        let leaves: Vec<Vec<u8>> = leaves.map(|entry| sha256(&[&[0], &entry.line])).collect();
        let leaves = size.and_then(|size| leaves.get(..usize::try_from(size).unwrap()));
        let root: Option<String> =
            leaves.map(|leaves| root(leaves).iter().map(|byte| format!("{byte:02x}")).collect());
        if root.as_deref() != Some(&told) {
            wrong.push(format!("{what} of {tenant} tells {told} of {size:?}, which is {root:?}"));
        }
    }
    wrong
}

/// What an item of the audit table tells: its place, whose it is, and a size with its root.
fn promised(item: &Value) -> Option<(String, String, Option<u64>, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (pk, sk) = (text(&item["pk"]), text(&item["sk"]));
    let (tenant, _) = pk.split_once(':')?.1.split_once('/')?;
    let (size, root) = if sk.starts_with("promise/") {
        (item["checkpoint"]["size"].as_u64(), &item["checkpoint"]["root"])
    } else if sk.starts_with("commit/") {
        // The frontier begins with the size.
        let frontier = BASE64.decode(text(&item["frontier"])).unwrap_or_default();
        (frontier.first_chunk().map(|size| u64::from_be_bytes(*size)), &item["root"])
    } else {
        return None;
    };
    Some((sk, tenant.to_owned(), size, text(root)))
}

pub(super) fn no_false_alarm(evidence: &Evidence<'_>) -> Vec<String> {
    let alarms = evidence.facts.events.iter();
    let alarms = alarms.filter(|row| row["event_type"] == "audit.verification.failed");
    alarms.map(|row| row["payload"].to_string()).collect()
}
