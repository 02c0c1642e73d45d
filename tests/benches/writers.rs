//! The campaign against exactly-once: eight writers of one chain, ten thousand events each, a fifth of them
//! everyone's, killed at any moment.
//!
//! Run with `cargo bench -p tests --profile dev --bench writers [EVENTS]`, which has everything that `cargo
//! test` has built. It ends with an error where an event is missing, is there twice, or does not verify.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a campaign that cannot go on ends, and tells how far it is"
)]

use std::time::{Duration, Instant};

use tests::World;
use tests::writers::{WRITERS, campaign};

/// Threads, as there are on the machine that `docs/ledger.md` was measured on.
const THREADS: usize = 2;

fn main() {
    let asked: Option<usize> = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let events = asked.unwrap_or(10_000);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(THREADS).enable_all().build().unwrap();
    let begun = Instant::now();
    let all = WRITERS * events;
    let done = runtime.block_on(campaign(&World::new(), events, move |done| {
        // A line for each hundredth: whatever passes one is near enough.
        if done.acknowledged * 100 / all != done.acknowledged.saturating_sub(60) * 100 / all {
            let took = begun.elapsed().as_secs();
            eprintln!("{took} s: {} of {all}, {} killed", done.acknowledged, done.kills);
        }
    }));
    let took = Duration::from_secs(begun.elapsed().as_secs());
    println!("| {all} messages by {WRITERS} writers | {} records, each once |", done.records);
    println!("| killed | {} times |", done.kills);
    println!("| took, all of it verified | {took:?} |");
}
