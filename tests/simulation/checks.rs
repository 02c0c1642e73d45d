//! The invariants: each a checker of its own, by what clients were told and by what is there in the end. None
//! asks the code under test whether it is right.

mod answers;
mod delivered;
mod kept;
mod ledger;

use crate::simulation::facts::Facts;
use crate::simulation::journal::Journal;

/// What a checker looks at.
pub(super) struct Evidence<'a> {
    pub(super) journal: &'a Journal,
    pub(super) facts: &'a Facts,
}

type Check = fn(&Evidence<'_>) -> Vec<String>;

/// Every checker that looks at the end of a run, by the name of its invariant. Others speak up while it goes on:
/// no stale allow, no stale denial, cost within budget, drains in time, listed if and only if allowed, lists hold
/// what is there, the chain can be read, answers when nothing goes wrong.
const CHECKS: [(&str, Check); 14] = [
    ("acknowledged is there once", kept::acknowledged_is_there_once),
    ("refused is not there", kept::refused_is_not_there),
    ("event and audit entry come together", kept::event_and_audit_come_together),
    ("state is what the audit entries made", kept::state_is_what_the_entries_made),
    ("no update is lost", kept::no_update_is_lost),
    ("names are unique", kept::names_are_unique),
    ("same key, same answer", answers::same_key_same_answer),
    ("tenants are apart", answers::tenants_are_apart),
    ("event ids are stable", delivered::event_ids_are_stable),
    ("delivered at least once", delivered::delivered_at_least_once),
    ("each audit entry is in the chain once", ledger::each_entry_once),
    ("the chain is dense and hashes hold", ledger::dense_and_hashed),
    ("one root per size", ledger::one_root_per_size),
    ("the verifier raises no false alarm", ledger::no_false_alarm),
];

/// What is wrong, with the invariant that it breaks.
pub(super) fn wrong(evidence: &Evidence<'_>) -> Vec<(&'static str, String)> {
    let of = |(name, check): (&'static str, Check)| {
        check(evidence).into_iter().map(move |what| (name, what))
    };
    CHECKS.into_iter().flat_map(of).collect()
}
