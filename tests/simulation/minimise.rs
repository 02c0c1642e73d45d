//! A run that went wrong, with as few faults as still make it go wrong.

use std::collections::BTreeMap;

use crate::simulation::{Mode, Plan, Run, Setup, run};

/// Runs that are tried, at most.
const RUNS_MAX: usize = 80;

/// Lines of a story, at most.
const LINES_MAX: usize = 80;

/// The faults that are left, and the run that they make.
#[derive(Clone, Debug)]
pub struct Minimised {
    /// What goes wrong, and where.
    pub faults: BTreeMap<String, Mode>,
    /// The run with just that.
    pub run: Run,
}

/// Leaves out faults, first many at once and then one by one, as long as the same invariant does not hold.
pub fn minimise(setup: &Setup, wrong: &Run) -> Minimised {
    let Some((invariant, _)) = wrong.wrong.first() else {
        return Minimised { faults: BTreeMap::new(), run: wrong.clone() };
    };
    let breaks = |faults: &[(String, Mode)]| {
        let plan = Plan::Only(faults.iter().cloned().collect());
        let one = run(&Setup { plan, ..setup.clone() });
        one.wrong.iter().any(|(name, _)| name == invariant).then_some(one)
    };
    let (mut faults, mut best) = (wrong.injected.clone(), wrong.clone());
    let (mut runs, mut parts) = (0, 2);
    while !faults.is_empty() && runs < RUNS_MAX {
        let size = faults.len().div_ceil(parts);
        let mut is_smaller = false;
        for part in 0..faults.len().div_ceil(size) {
            let left = part * size..((part + 1) * size).min(faults.len());
            let rest: Vec<_> = [&faults[..left.start], &faults[left.end..]].concat();
            runs += 1;
            if let Some(one) = breaks(&rest) {
                (faults, best, is_smaller) = (rest, one, true);
                break;
            }
            if runs >= RUNS_MAX {
                break;
            }
        }
        if is_smaller {
            parts = parts.saturating_sub(1).max(2);
        } else if size == 1 {
            break;
        } else {
            parts = (parts * 2).min(faults.len());
        }
    }
    Minimised { faults: faults.into_iter().collect(), run: best }
}

impl Minimised {
    /// The story in lines: what goes wrong, what happened to those it happened to, and what did not hold.
    pub fn told(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.faults.iter().map(|(place, mode)| format!("fault {mode:?} at {place}")).collect();
        let wrong = self.run.wrong.iter().map(|(name, what)| format!("{name}: {what}"));
        let wrong: Vec<String> = wrong.collect();
        let is_about = |line: &&String| {
            let of = invocation(line.trim_start().split_once(' ').map_or("", |(_, rest)| rest));
            self.faults.keys().any(|place| invocation(place) == of)
                || (of.contains('.') && wrong.iter().any(|what| what.contains(&of)))
        };
        lines.extend(self.run.trace.iter().filter(is_about).take(LINES_MAX).cloned());
        lines.extend(wrong);
        lines
    }
}

/// What a place or a line is about: the request with all its attempts, or one invocation of a source.
fn invocation(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let is_request = words.first().is_some_and(|word| word.contains('.'));
    words.iter().take(if is_request { 1 } else { 3 }).copied().collect::<Vec<_>>().join(" ")
}
