//! The campaign against stale answers: a million questions, crossed with changes in every way.
//!
//! Run with `cargo bench -p tests --profile local --bench freshness [QUESTIONS] [table|process|cache]`: of all
//! three sources of epochs in turn, or of one. It ends with an error at the first answer that no state in between
//! gives, and names the seed that gives it again.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a campaign tells how far it is, and what it found"
)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tests::freshness::{Source, run};

/// Threads, each with worlds of its own.
const THREADS: u64 = 2;
/// Changes to one world; then a new one begins, because the database slows with its size.
const CHANGES: usize = 150;
/// A line for each so many questions says how far it is.
const TELLS: u64 = 50_000;

fn main() -> ExitCode {
    let asked: Option<u64> = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let asked = asked.unwrap_or(1_000_000);
    let sources = sources();
    let [checks, crossed, changes, losses] = [const { AtomicU64::new(0) }; 4];
    let (seeds, failed) = (AtomicU64::new(1), AtomicBool::new(false));
    let begun = Instant::now();
    let is_over = || checks.load(Ordering::Relaxed) >= asked || failed.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !is_over() {
                    let seed = seeds.fetch_add(1, Ordering::Relaxed);
                    let turn = usize::try_from(seed).unwrap_or_default() % sources.len();
                    let Some(source) = sources.get(turn).copied() else { return };
                    let found = run(seed, CHANGES, source, None);
                    let before = checks.fetch_add(found.checks, Ordering::Relaxed);
                    let done = before + found.checks;
                    if before / TELLS != done / TELLS {
                        eprintln!("{} s: {done} of {asked}", begun.elapsed().as_secs());
                    }
                    crossed.fetch_add(found.crossed, Ordering::Relaxed);
                    changes.fetch_add(found.changes, Ordering::Relaxed);
                    losses.fetch_add(found.losses, Ordering::Relaxed);
                    for wrong in &found.wrong {
                        failed.store(true, Ordering::Relaxed);
                        eprintln!("{wrong}");
                    }
                }
            });
        }
    });
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!("| questions, by epochs of {sources:?} | {} |", read(&checks));
    println!("| of them crossed by a change | {} |", read(&crossed));
    println!("| changes | {} |", read(&changes));
    println!("| times that the cache lost something | {} |", read(&losses));
    println!("| took | {} s |", begun.elapsed().as_secs());
    println!("| wrong answers | {} |", if read_failed(&failed) { "see above" } else { "0" });
    if read_failed(&failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The sources that are asked for and can be had.
fn sources() -> Vec<Source> {
    let named = |name: &str| std::env::args().any(|argument| argument == name);
    let all = [("table", Source::Table), ("process", Source::InProcess), ("cache", Source::Valkey)];
    let is_any_named = all.iter().any(|(name, _)| named(name));
    let asked = all.into_iter().filter(|(name, _)| named(name) || !is_any_named);
    let asked = asked.map(|(_, source)| source);
    asked.filter(|source| *source != Source::Valkey || tests::valkey::is_installed()).collect()
}

fn read_failed(failed: &AtomicBool) -> bool {
    failed.load(Ordering::Relaxed)
}
