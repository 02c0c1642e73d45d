//! What the simulator promises of itself, and a few of its seeds: `cargo simulate` runs as many as are asked for.

use tests::simulation::{Bug, Plan, Setup, Size, run};

/// A run that is short, and in which much goes wrong.
fn short(seed: u64) -> Setup {
    let size = Size { tenants: 2, clients: 1, changes: 8, in_turn: false, lingers: 0 };
    Setup { seed, plan: Plan::Swarm, size, bug: None }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let (first, again, other) = (run(&short(8)), run(&short(8)), run(&short(1)));
    assert_eq!(first.trace, again.trace);
    assert_eq!((&first.hash, first.injected.len()), (&again.hash, again.injected.len()));
    assert_ne!(first.hash, other.hash);
    assert!(first.injected.len() > 10, "only {} faults", first.injected.len());
}

#[test]
fn the_faults_of_a_run_alone_give_the_same_run() {
    let swarm = run(&short(8));
    let plan = Plan::Only(swarm.injected.iter().cloned().collect());
    let only = run(&Setup { plan, ..short(8) });
    assert_eq!(swarm.trace, only.trace);
}

#[test]
fn every_invariant_holds_whatever_goes_wrong() {
    for seed in 1..=4 {
        let one = run(&short(seed));
        assert!(one.wrong.is_empty(), "cargo simulate --replay {seed}: {:?}", one.wrong);
    }
}

#[test]
fn a_planted_bug_is_found() {
    let found = |bug| {
        let of = |seed| run(&Setup { bug: Some(bug), ..short(seed) });
        (1..=5).find(|seed| !of(*seed).wrong.is_empty())
    };
    for bug in [Bug::MarkedBeforePublished, Bug::NoReceipt] {
        assert!(found(bug).is_some(), "{bug:?} was not found in 5 seeds");
    }
}
