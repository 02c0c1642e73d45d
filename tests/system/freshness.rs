//! No stale answer after an acknowledged change, whatever crosses what; and a test that would see one.
//!
//! A short run of what `cargo bench -p tests --bench freshness` does a million times.

use store::Defect;
use tests::freshness::{Found, Source, run};
use tests::valkey;

/// Worlds, each with its own seed, of one source; in the last some changes are abandoned.
const WORLDS: u64 = 4;
/// Changes to each.
const CHANGES: usize = 40;
/// Worlds in which a defect must have shown itself.
const WORLDS_TO_FIND_IN: u64 = 60;

fn sound(source: Source) {
    let mut crossed = 0;
    for seed in 1..=WORLDS {
        let found = run(seed, CHANGES, source, None);
        assert!(found.wrong.is_empty(), "{}", found.wrong.join("\n"));
        crossed += found.crossed;
    }
    assert!(crossed > 100, "only {crossed} questions crossed a change");
}

#[test]
fn instances_that_share_a_table_never_answer_by_what_an_acknowledged_change_ended() {
    sound(Source::Table);
}

#[test]
fn instances_of_one_process_never_answer_by_what_an_acknowledged_change_ended() {
    sound(Source::InProcess);
}

#[test]
fn instances_that_share_a_cache_which_forgets_never_answer_by_what_an_acknowledged_change_ended() {
    if valkey::is_installed() {
        sound(Source::Valkey);
    }
}

#[track_caller]
fn caught(source: Source, defect: Defect) {
    if source == Source::Valkey && !valkey::is_installed() {
        return;
    }
    let mut worlds = 1..=WORLDS_TO_FIND_IN;
    let found = worlds.find(|seed| !run(*seed, CHANGES, source, Some(defect)).wrong.is_empty());
    assert!(found.is_some(), "{defect:?} was not seen in {WORLDS_TO_FIND_IN} worlds");
}

#[test]
fn an_epoch_that_moves_before_the_commit_is_caught() {
    caught(Source::InProcess, Defect::MovesTooEarly);
    caught(Source::Valkey, Defect::MovesTooEarly);
}

#[test]
fn a_fill_that_is_stored_under_later_epochs_is_caught() {
    caught(Source::Table, Defect::StampsTooLate);
    caught(Source::InProcess, Defect::StampsTooLate);
    caught(Source::Valkey, Defect::StampsTooLate);
}

#[test]
fn silence_that_is_taken_for_consent_is_caught() {
    caught(Source::InProcess, Defect::TrustsSilence);
    caught(Source::Valkey, Defect::TrustsSilence);
}

#[test]
fn groups_that_nobody_validates_are_caught() {
    caught(Source::Table, Defect::ForgetsGroups);
    caught(Source::InProcess, Defect::ForgetsGroups);
}

#[test]
fn wildcards_that_nobody_validates_are_caught() {
    caught(Source::Table, Defect::ForgetsWildcards);
}

#[test]
fn a_changed_role_that_moves_no_epoch_is_caught() {
    caught(Source::InProcess, Defect::ForgetsRoles);
    caught(Source::Valkey, Defect::ForgetsRoles);
}

#[test]
fn a_mark_that_was_lost_and_an_epoch_that_then_stays_are_caught() {
    caught(Source::Valkey, Defect::SettlesOwnMarkOnly);
}

#[test]
fn a_seed_makes_the_same_changes_again() {
    let count = |found: Found| (found.changes, found.abandoned);
    assert_eq!(
        count(run(7, CHANGES, Source::Table, None)),
        count(run(7, CHANGES, Source::Table, None))
    );
}
