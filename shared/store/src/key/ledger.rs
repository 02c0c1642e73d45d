//! The keys of the audit ledger.

use domain::id::TenantId;
use domain::ledger::hash::Hash;

use super::{Key, key, measured, partition};

/// The index of all chains: the first commit of each stands in it.
pub(crate) const CHAINS: &str = "chains";

/// What the sort keys of commits begin with.
pub(crate) const COMMIT_PREFIX: &str = "commit/";
/// What the sort keys of the marks of indexed segments begin with.
pub(crate) const INDEXED_PREFIX: &str = "indexed/";
/// What the sort keys of promises begin with.
pub(crate) const PROMISE_PREFIX: &str = "promise/";
/// What the sort keys of signed checkpoints begin with.
pub(crate) const SIGNED_PREFIX: &str = "signed/";

/// The partition of a chain's commits.
pub(crate) fn audit_chain(tenant: &TenantId) -> String {
    partition(tenant, "audit-chain", &[])
}

/// The place of a number among others, which sort as texts as they do as numbers.
pub(crate) fn numbered(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:020}")
}

pub(crate) fn audit_commit(tenant: &TenantId, number: u64) -> Key {
    Key { pk: audit_chain(tenant), sk: numbered(COMMIT_PREFIX, number) }
}

pub(crate) fn audit_indexed(tenant: &TenantId, number: u64) -> Key {
    Key { pk: audit_chain(tenant), sk: numbered(INDEXED_PREFIX, number) }
}

pub(crate) fn audit_body(tenant: &TenantId, body: &Hash) -> Key {
    key(tenant, "audit-body", &[&body.to_string()], "body")
}

pub(crate) fn audit_event(tenant: &TenantId, event_id: &str) -> Key {
    key(tenant, "audit-event", &[event_id], "record")
}

/// The partition of all widths of one tile.
pub(crate) fn audit_tile(tenant: &TenantId, level: u8, index: u64) -> String {
    partition(tenant, "audit-tile", &[&level.to_string(), &index.to_string()])
}

/// The place of a width among those of its tile.
pub(crate) fn audit_tile_width(width: u16) -> String {
    format!("tile/{width:03}")
}

pub(crate) fn audit_tile_key(tenant: &TenantId, level: u8, index: u64, width: u16) -> Key {
    Key { pk: audit_tile(tenant, level, index), sk: audit_tile_width(width) }
}

/// The partition of a chain's checkpoints.
pub(crate) fn audit_checkpoints(tenant: &TenantId) -> String {
    partition(tenant, "audit-checkpoints", &[])
}

/// What was promised after a size: whoever puts it there is the only one who follows.
pub(crate) fn audit_promise(tenant: &TenantId, after: u64) -> Key {
    Key { pk: audit_checkpoints(tenant), sk: numbered(PROMISE_PREFIX, after) }
}

pub(crate) fn audit_signed(tenant: &TenantId, size: u64) -> Key {
    Key { pk: audit_checkpoints(tenant), sk: numbered(SIGNED_PREFIX, size) }
}

/// How far a run of the verifier has come.
pub(crate) fn audit_verified(tenant: &TenantId, run: &str) -> Key {
    key(tenant, "audit-verified", &[run], "state")
}

/// The partition of all chains that were ever seen, whatever becomes of their own table.
pub(crate) fn audit_roster() -> String {
    format!("{}/audit-roster", measured("system:audit"))
}

/// What the sort keys of the roster begin with.
pub(crate) const ROSTER_PREFIX: &str = "chain/";

/// The place of a chain in the roster.
pub(crate) fn audit_roster_chain(tenant: &TenantId) -> Key {
    Key { pk: audit_roster(), sk: format!("{ROSTER_PREFIX}{tenant}") }
}
