//! Time and memory of single decisions.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Windows that a measurement is divided into. The quietest counts, for everyone: others may use the machine.
const WINDOWS: u32 = 5;
/// A window with fewer decisions has no 99th percentile worth telling; then all windows are taken as one.
const WINDOW_DECISIONS_MIN: usize = 1_000;

/// How long an engine may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spending {
    /// For the questions that show whether it answers as the judge does.
    pub(crate) agreement: Duration,
    /// For what is timed; `None` for nothing.
    pub(crate) timing: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Figures {
    pub(crate) p50_microseconds: f64,
    pub(crate) p99_microseconds: f64,
    pub(crate) per_second: f64,
    /// Decisions that the percentiles rest on.
    pub(crate) decisions: usize,
}

/// Decides about the questions in turn for so long: half of the time with a clock around each decision, half
/// without.
pub(crate) fn measure(
    budget: Duration,
    questions: usize,
    mut decide: impl FnMut(usize) -> bool,
) -> Figures {
    let half = budget / WINDOWS / 2;
    let mut turn = (0..questions).cycle();
    let mut next = || turn.next().unwrap_or_default();
    let mut windows = Vec::new();
    for _ in 0..WINDOWS {
        let (mut nanoseconds, begun) = (Vec::new(), Instant::now());
        while begun.elapsed() < half {
            let index = next();
            let asked = Instant::now();
            black_box(decide(index));
            nanoseconds.push(asked.elapsed().as_nanos());
        }
        let (mut count, begun) = (0_u32, Instant::now());
        while begun.elapsed() < half {
            // A clock for every few, so that reading it is not what is measured.
            for _ in 0..if nanoseconds.len() > WINDOW_DECISIONS_MIN { 64 } else { 1 } {
                black_box(decide(next()));
                count += 1;
            }
        }
        windows.push((nanoseconds, f64::from(count) / begun.elapsed().as_secs_f64()));
    }
    quietest(windows)
}

fn quietest(windows: Vec<(Vec<u128>, f64)>) -> Figures {
    let per_second = windows.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let mut parts: Vec<Vec<u128>> = windows.into_iter().map(|(part, _)| part).collect();
    if parts.iter().any(|part| part.len() < WINDOW_DECISIONS_MIN) {
        parts = vec![parts.concat()];
    }
    let percentiles = |mut part: Vec<u128>| {
        part.sort_unstable();
        let at = |share: usize| part[(part.len() * share / 100).min(part.len() - 1)] as f64 / 1e3;
        (at(50), at(99), part.len())
    };
    let (p50_microseconds, p99_microseconds, decisions) = parts
        .into_iter()
        .map(percentiles)
        .min_by(|one, other| one.0.total_cmp(&other.0))
        .unwrap_or_default();
    Figures { p50_microseconds, p99_microseconds, per_second, decisions }
}

/// What a process holds in memory, as the system counts it; `self` for this one.
pub(crate) fn resident_bytes(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
