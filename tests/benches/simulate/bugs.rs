//! Every planted bug, and how many seeds it takes to find it.

use std::time::Instant;

use tests::simulation::{Bug, Setup, run as simulate};

use crate::{side_by_side, swarm_of};

pub(crate) fn run(seeds: u64) -> bool {
    let all = Bug::ALL.into_iter().enumerate().collect();
    let mut found = side_by_side(all, |(place, bug)| {
        let began = Instant::now();
        let wrong = (1..=seeds).find_map(|seed| {
            let one = simulate(&Setup { bug: Some(bug), ..swarm_of(seed) });
            one.wrong.into_iter().next().map(|(invariant, _)| (seed, invariant))
        });
        eprintln!("{bug:?}: {wrong:?}, {} s", began.elapsed().as_secs());
        (place, bug, wrong)
    });
    found.sort_unstable_by_key(|(place, ..)| *place);
    println!("| bug | found at seed | by |\n|---|---:|---|");
    for (_, bug, wrong) in &found {
        let (seed, invariant) = wrong.map_or_else(
            || ("not found".to_owned(), ""),
            |(seed, invariant)| (seed.to_string(), invariant),
        );
        println!("| {bug:?} | {seed} | {invariant} |");
    }
    found.iter().all(|(_, _, wrong)| wrong.is_some())
}
