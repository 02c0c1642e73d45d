//! How far a long reading has come, on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often it is told where a terminal shows it, and where lines are kept.
const PAUSE_TERMINAL: Duration = Duration::from_millis(100);
const PAUSE_LINES: Duration = Duration::from_secs(5);

/// How wide the bar is.
const BAR_CHARACTERS: u128 = 24;

/// Progress of something that is told in passing. A terminal has one line that changes.
#[derive(Debug)]
pub(crate) struct Progress {
    done: &'static str,
    is_terminal: bool,
    is_told: bool,
    begun: Instant,
    told: Instant,
    is_shown: bool,
}

impl Progress {
    /// Of something that is `done`, such as `verified`. Where no terminal shows it, it is told only when
    /// much is to be told.
    pub(crate) fn new(done: &'static str, is_verbose: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let now = Instant::now();
        let is_told = is_terminal || is_verbose;
        Self { done, is_terminal, is_told, begun: now, told: now, is_shown: false }
    }

    /// So many records are done, and of what there is to do this part: of how many.
    pub(crate) fn at(&mut self, records: u64, part: Option<(u64, u64)>) {
        let pause = if self.is_terminal { PAUSE_TERMINAL } else { PAUSE_LINES };
        if !self.is_told || self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        let line = line(self.done, records, part, self.begun.elapsed());
        if self.is_terminal {
            eprint!("\r{line}\x1b[K");
            self.is_shown = true;
        } else {
            eprintln!("{line}");
        }
    }

    /// Makes room for other lines.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            eprint!("\r\x1b[K");
        }
    }

    /// How long it has taken.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// Records in each second.
pub(crate) fn rate(records: u64, elapsed: Duration) -> u128 {
    u128::from(records) * 1_000_000 / elapsed.as_micros().max(1)
}

fn line(done: &str, records: u64, part: Option<(u64, u64)>, elapsed: Duration) -> String {
    let rate = rate(records, elapsed);
    let Some((part, all)) = part.filter(|(part, _)| *part > 0) else {
        return format!("{done} {records} records, {rate}/s");
    };
    let (part, all) = (u128::from(part), u128::from(all.max(part)));
    let marks = BAR_CHARACTERS * part / all;
    let bar: String = (0..BAR_CHARACTERS).map(|at| if at < marks { '#' } else { '.' }).collect();
    let left = (elapsed.as_millis() * (all - part) / part).div_ceil(1000);
    format!("{done} [{bar}] {}%  {records} records, {rate}/s, {left} s left", 100 * part / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_much_is_done_how_fast_and_how_long_it_takes_still() {
        let elapsed = Duration::from_secs(3);
        assert_eq!(line("verified", 600, None, elapsed), "verified 600 records, 200/s");
        assert_eq!(
            line("verified", 600, Some((1, 4)), elapsed),
            "verified [######..................] 25%  600 records, 200/s, 9 s left"
        );
        assert_eq!(
            line("verified", 600, Some((5, 4)), elapsed),
            "verified [########################] 100%  600 records, 200/s, 0 s left"
        );
        assert_eq!(line("verified", 0, Some((0, 0)), Duration::ZERO), "verified 0 records, 0/s");
    }
}
