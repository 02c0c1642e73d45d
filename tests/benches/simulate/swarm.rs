//! One seed after the other.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tests::simulation::{Mode, run};

use crate::{swarm_of, tell, threads};

/// How often it is told how far it is.
const TELLS: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Sums {
    seeds: u64,
    calls: u64,
    modes: BTreeMap<Mode, u64>,
    endings: [u64; 3],
    questions: (u64, u64),
    drained: u64,
    processes: u64,
    told: Duration,
}

pub(crate) fn run_all(from: u64, seeds: u64, minutes: Option<u64>) -> bool {
    let began = Instant::now();
    let (next, is_sound) = (AtomicU64::new(from), AtomicBool::new(true));
    let sums = Mutex::new(Sums::default());
    let last = from.saturating_add(seeds);
    let is_over = || {
        let is_late = minutes.is_some_and(|minutes| began.elapsed().as_secs() >= minutes * 60);
        is_late || !is_sound.load(Ordering::Relaxed)
    };
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                while !is_over() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        break;
                    }
                    let one = run(&swarm_of(seed));
                    add(&mut sums.lock().unwrap(), &one, began);
                    if !one.wrong.is_empty() && is_sound.swap(false, Ordering::Relaxed) {
                        tell(&swarm_of(seed), &one);
                    }
                }
            });
        }
    });
    table(&sums.into_inner().unwrap(), from, began);
    is_sound.into_inner()
}

fn add(sums: &mut Sums, one: &tests::simulation::Run, began: Instant) {
    sums.seeds += 1;
    sums.calls += one.trace.len() as u64;
    one.injected.iter().for_each(|(_, mode)| *sums.modes.entry(*mode).or_default() += 1);
    sums.endings.iter_mut().zip(one.endings).for_each(|(sum, count)| *sum += count);
    sums.questions.0 += one.questions.0;
    sums.questions.1 += one.questions.1;
    sums.drained = sums.drained.max(one.drained);
    sums.processes += one.processes;
    if began.elapsed() - sums.told > TELLS {
        sums.told = began.elapsed();
        let faults: u64 = sums.modes.values().sum();
        eprintln!("{} s: {} seeds, {faults} faults", began.elapsed().as_secs(), sums.seeds);
    }
}

fn table(sums: &Sums, from: u64, began: Instant) {
    let [acknowledged, refused, unknown] = sums.endings;
    println!("| seeds, from {from} | {} |", sums.seeds);
    println!("| faults | {} |", sums.modes.values().sum::<u64>());
    for (mode, count) in &sums.modes {
        println!("| … {mode:?} | {count} |");
    }
    println!("| lines of traces | {} |", sums.calls);
    println!("| processes begun | {} |", sums.processes);
    println!("| changes acknowledged, refused, unknown | {acknowledged}, {refused}, {unknown} |");
    let (all, certain) = sums.questions;
    println!("| questions; with one right answer only | {all}; {certain} |");
    println!("| longest until all was delivered | {} s |", sums.drained / 1_000);
    println!("| took | {} s |", began.elapsed().as_secs());
}
