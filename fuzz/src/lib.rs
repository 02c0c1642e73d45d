//! Targets for a fuzzer: every reader of what comes from outside, and what must hold of what it reads.
//!
//! A target takes any bytes and panics where a promise is broken: never by itself, but also not where what was read
//! cannot be written and read again, or where two readers of one format disagree. `scripts/fuzz.sh` runs them under
//! libFuzzer (`fuzz/driver`); `cargo test` runs them on the samples in `fuzz/corpus`.
//!
//! **Invariant:** a target keeps nothing on disk and asks nothing of a network.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target ends where a promise is broken, with the place where it was"
)]

mod conditions;
mod configuration;
mod events;
mod ledger;
mod names;
#[cfg(feature = "system")]
mod requests;
#[cfg(feature = "system")]
mod system;
#[cfg(feature = "system")]
mod tokens;

#[path = "../../scripts/src/assertions/file.rs"]
#[expect(dead_code, reason = "what a file says beside its assertions is for those who try them")]
mod file;
#[path = "../../scripts/src/ask/principal.rs"]
mod principal;

/// What a file of assertions calls a principal, where it looks for it.
mod ask {
    pub(crate) use crate::principal::Principal;
}

/// A target: its name, which is also that of its folder of samples, and what takes the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// The targets that need nothing but what things mean.
const PURE: &[Target] = &[
    ("assertions", configuration::assertions),
    ("canonical", ledger::canonical),
    ("cloud_event", events::cloud_event),
    ("condition", conditions::condition),
    ("forgery", ledger::forgery),
    ("limits", configuration::limits),
    ("message", events::message),
    ("name", names::name),
    ("note", ledger::note),
    ("proof", ledger::proof),
    ("receipt", ledger::receipt),
    ("record", ledger::record),
    ("segment", ledger::segment),
    ("tile", ledger::tile),
];

/// Those that need the deployment, its functions, or the way into it.
#[cfg(feature = "system")]
const SYSTEM: &[Target] = &[
    ("consistency", requests::consistency),
    ("credential", tokens::credential),
    ("cursor", requests::cursor),
    ("envelope", requests::envelope),
    ("issuers", configuration::issuers),
    ("key_set", tokens::key_set),
    ("messaging", requests::messaging),
    ("request", requests::request),
    ("template", configuration::template),
    ("token", tokens::token),
];

#[cfg(not(feature = "system"))]
const SYSTEM: &[Target] = &[];

/// Every target.
pub fn targets() -> impl Iterator<Item = &'static Target> {
    PURE.iter().chain(SYSTEM)
}

/// The target of a name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    targets().find(|(target, _)| *target == name).map(|(_, run)| *run)
}

/// The bytes as text; what is none is no input.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
