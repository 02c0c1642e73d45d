//! Keys spelled a second time: from the table of `shared/store/src/key.rs`, not by its code, so that the
//! two must agree.

use serde_json::Value;
use sha2::{Digest, Sha256};

const SHARDS: u64 = 4;

pub(super) type Key = (String, String);

/// A partition key, taken apart.
pub(super) struct Partition {
    pub(super) tenant: String,
    pub(super) literal: String,
    pub(super) parts: Vec<String>,
}

impl Partition {
    pub(super) fn parse(key: &str) -> Option<Self> {
        let (tenant, rest) = take_measured(key)?;
        let rest = rest.strip_prefix('/')?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (literal, mut rest) = rest.split_at_checked(end)?;
        let mut parts = Vec::new();
        while let Some(measured) = rest.strip_prefix('/') {
            let (part, after) = take_measured(measured)?;
            parts.push(part.to_owned());
            rest = after;
        }
        rest.is_empty().then(|| Self {
            tenant: tenant.to_owned(),
            literal: literal.to_owned(),
            parts,
        })
    }
}

/// A text after its length, and what follows it.
fn take_measured(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once(':')?;
    rest.split_at_checked(length.parse().ok()?)
}

pub(super) fn key_of(item: &Value) -> Key {
    (text(item, "pk").to_owned(), text(item, "sk").to_owned())
}

pub(super) fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

pub(super) fn part(partition: &Partition, index: usize) -> &str {
    partition.parts.get(index).map_or("", String::as_str)
}

pub(super) fn measured(text: &str) -> String {
    format!("{}:{text}", text.len())
}

pub(super) fn pk(tenant: &str, literal: &str, parts: &[&str]) -> String {
    let measured: String = parts.iter().map(|part| format!("/{}", measured(part))).collect();
    format!("{}:{tenant}/{literal}{measured}", tenant.len())
}

pub(super) fn entity_key(tenant: &str, id: &str) -> Key {
    (pk(tenant, "entity", &[id]), "entity".to_owned())
}

pub(super) fn role_key(tenant: &str, id: &str) -> Key {
    (pk(tenant, "roles", &[]), format!("role/{id}"))
}

pub(super) fn principal_pk(tenant: &str, item: &Value) -> String {
    pk(tenant, "principal", &[text(item, "principal_type"), text(item, "principal_id")])
}

pub(super) fn assignment_key(tenant: &str, item: &Value) -> Key {
    let what = match item["permission"].as_str() {
        Some(permission) => format!("permission/{}", measured(permission)),
        None => measured(text(item, "role_id")),
    };
    let entity = measured(text(item, "entity_id"));
    (principal_pk(tenant, item), format!("assignment/{what}/{entity}"))
}

/// The part of a listing that an id belongs to: FNV-1a, modulo the number of parts.
pub(super) fn shard(id: &str) -> String {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash % SHARDS).to_string()
}

/// What an item counts for in the sum beside its principal's epoch.
pub(super) fn weight(item: &Value) -> i64 {
    let mut bytes = Vec::new();
    for name in ["sk", "id", "created_at"] {
        bytes.extend((text(item, name).len() as u64).to_le_bytes());
        bytes.extend(text(item, name).bytes());
    }
    bytes.extend(item["version"].as_u64().unwrap_or_default().to_le_bytes());
    let hash = Sha256::digest(&bytes);
    hash.iter().take(6).rev().fold(0, |sum, byte| sum << 8 | i64::from(*byte))
}

/// What a row of the outbox counts for: an entity's, a role's and a tenant's changes by their audit entries, since
/// one change may have two events; a principal's by its events.
pub(super) fn announces(item: &Value) -> Option<String> {
    let details: Value = serde_json::from_str(text(item, "details")).unwrap_or_default();
    match (item["record"].as_str()?, item["action"].as_str(), item["aggregate_type"].as_str()) {
        ("audit", Some(action), _) if action.starts_with("entity.") => {
            Some(format!("entity:{}", text(item, "entity_id")))
        }
        ("audit", Some(action), _) if action.starts_with("role.") => {
            Some(format!("role:{}", text(&details, "role_id")))
        }
        ("audit", Some(action), _) if action.starts_with("tenant.") => {
            Some(format!("tenant:{}", text(&details, "registered_tenant_id")))
        }
        ("audit", Some("impersonation.start" | "impersonation.stop"), _) => {
            Some(format!("impersonation:{}", text(&details, "impersonation_id")))
        }
        ("event", _, Some("principal")) => {
            Some(format!("principal:{}", text(item, "aggregate_id")))
        }
        _ => None,
    }
}
