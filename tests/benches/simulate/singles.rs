//! Every single fault, and the table of what came of each.

use std::collections::{BTreeMap, BTreeSet};

use tests::simulation::single::{Base, Outcome};

use crate::side_by_side;

pub(crate) fn run() -> bool {
    let base = Base::make();
    let singles = base.singles();
    let count = singles.len();
    let done = side_by_side(singles, |single| {
        let with = base.with(&single);
        let outcome = base.outcome(&single, &with);
        if outcome == Outcome::Wrong {
            println!("{:?} at {} ({}): {:?}", single.mode, single.place, single.kind, with.wrong);
        }
        (single, outcome)
    });
    let modes: BTreeSet<_> = done.iter().map(|(single, _)| single.mode).collect();
    let mut rows: BTreeMap<&str, BTreeMap<_, Outcome>> = BTreeMap::new();
    for (single, outcome) in &done {
        rows.entry(&single.kind).or_default().insert(single.mode, *outcome);
    }
    let names: Vec<String> = modes.iter().map(|mode| format!("{mode:?}")).collect();
    println!("| place | {} |", names.join(" | "));
    println!("|---{}|", "|---".repeat(modes.len()));
    for (kind, outcomes) in &rows {
        let cell = |mode| match outcomes.get(mode) {
            None => "",
            Some(Outcome::Unnoticed) => "·",
            Some(outcome) => outcome.as_str(),
        };
        let cells: Vec<&str> = modes.iter().map(cell).collect();
        println!("| {} | {} |", kind.replace(" | ", ": "), cells.join(" | "));
    }
    let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
    done.iter().for_each(|(_, outcome)| *sums.entry(outcome.as_str()).or_default() += 1);
    println!("{count} faults at {} kinds of places: {sums:?}", rows.len());
    done.iter().all(|(_, outcome)| *outcome != Outcome::Wrong)
}
