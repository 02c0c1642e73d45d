//! A count over sliding windows, in a form that can be kept in one small item.
//!
//! It is one number that only grows, how many tokens were ever taken, and for each window the marks of its
//! slots: what that number was when the slot began. What was taken since a slot began is the difference. A
//! slot in which nothing was taken needs no mark: the next one that there is says the same.
//!
//! A window of `n` slots counts the slot that is under way and the `n` before it, whole. So whatever was taken
//! within the length of the window is counted, and **no more than the limit is ever taken within it**, wherever
//! it begins. What that costs is at the other end: what was taken counts for up to one slot longer than the
//! window is, a tenth of a burst and a twelfth of the others. Who keeps asking at the limit gets 10 of 11, or
//! 12 of 13, of it in the long run. (Two adjoining windows, the older one weighted, would need fewer numbers
//! and, at worst, let twice the limit pass: all of it at the end of one, all of it again over the next.)

use std::collections::BTreeMap;

use super::{Limits, Verdict, Window};
use crate::time::Timestamp;

const MICROSECONDS: i64 = 1_000_000;

/// The slot of a window: which one, counted from 1970.
pub type Slot = (Window, i64);

/// How many tokens were taken, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    taken: u64,
    /// What `taken` was when these slots began.
    marks: BTreeMap<Slot, u64>,
}

/// The slot of a window that is under way at a moment.
fn slot(window: Window, at: Timestamp) -> i64 {
    at.as_microseconds().div_euclid(window.slot_seconds() * MICROSECONDS)
}

/// The first slot that a window counts at a moment.
pub fn first_slot(window: Window, at: Timestamp) -> i64 {
    slot(window, at) - window.slots()
}

/// The slots under way of all windows that have a limit: those that whoever takes tokens marks.
pub fn slots(limits: &Limits, at: Timestamp) -> impl Iterator<Item = Slot> {
    limits.each().map(move |(window, _)| (window, slot(window, at)))
}

impl Tally {
    /// A count as it was kept.
    pub fn new(taken: u64, marks: impl IntoIterator<Item = (Slot, u64)>) -> Self {
        Self { taken, marks: marks.into_iter().collect() }
    }

    /// How many tokens were ever taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes tokens, whether there is room or not, and forgets what no window counts any more.
    pub fn take(&mut self, tokens: u64, limits: &Limits, at: Timestamp) {
        for slot in slots(limits, at) {
            self.marks.entry(slot).or_insert(self.taken);
        }
        self.taken = self.taken.saturating_add(tokens);
        self.marks.retain(|(window, slot), _| *slot >= first_slot(*window, at));
    }

    /// The marks that no window counts any more.
    pub fn stale(&self, at: Timestamp) -> impl Iterator<Item = Slot> {
        let stale = move |(window, slot): &Slot| *slot < first_slot(*window, at);
        self.marks.keys().copied().filter(stale)
    }

    /// How many tokens were ever taken when a slot began. Where clocks differ a mark may have been made late,
    /// and says too much: the least that any says from there on is right.
    fn before(&self, (window, slot): Slot) -> u64 {
        let since = self.marks.range((window, slot)..=(window, i64::MAX));
        since.map(|(_, taken)| *taken).min().unwrap_or(self.taken)
    }

    /// How many were taken that a window counts.
    fn used(&self, window: Window, at: Timestamp) -> u64 {
        self.taken.saturating_sub(self.before((window, first_slot(window, at))))
    }

    /// Up to which number tokens may be taken now; where nothing is limited, any.
    pub fn most(&self, limits: &Limits, at: Timestamp) -> u64 {
        let of_window = |(window, limit): (Window, u64)| {
            self.before((window, first_slot(window, at))).saturating_add(limit)
        };
        limits.each().map(of_window).min().unwrap_or(u64::MAX)
    }

    /// How many tokens may be taken now.
    pub fn room(&self, limits: &Limits, at: Timestamp) -> u64 {
        self.most(limits, at).saturating_sub(self.taken)
    }

    /// That a request passes whose token was taken, with so many at hand that were taken for others to come.
    pub fn passes(&self, limits: &Limits, at: Timestamp, at_hand: u64) -> Verdict {
        let standing = |(window, limit): (Window, u64)| Verdict {
            allowed: true,
            limit_type: window,
            limit,
            remaining: limit.saturating_sub(self.used(window, at)).saturating_add(at_hand),
            reset_seconds: self.reset_seconds(window, at),
            retry_after_seconds: 0,
        };
        let standings = limits.each().map(standing);
        standings.min_by_key(|verdict| verdict.remaining).unwrap_or(UNLIMITED)
    }

    /// That a request does not pass. Where there is room all the same, because others are as quick, it may try
    /// again at once, which is in a second.
    pub fn refuses(&self, limits: &Limits, at: Timestamp) -> Verdict {
        let standing = |(window, limit): (Window, u64)| Verdict {
            allowed: false,
            limit_type: window,
            limit,
            remaining: 0,
            reset_seconds: self.reset_seconds(window, at),
            retry_after_seconds: self.wait_seconds(window, limit, at),
        };
        let standings = limits.each().map(standing);
        let longest = standings.max_by_key(|verdict| verdict.retry_after_seconds);
        let longest = longest.unwrap_or(UNLIMITED);
        Verdict { retry_after_seconds: longest.retry_after_seconds.max(1), ..longest }
    }

    /// Seconds until a window counts so little that one more may be taken.
    fn wait_seconds(&self, window: Window, limit: u64, at: Timestamp) -> u64 {
        let used_up = |taken: u64| self.taken.saturating_sub(taken) >= limit;
        self.seconds_until_beyond(window, at, used_up)
    }

    /// Seconds until a window counts nothing.
    fn reset_seconds(&self, window: Window, at: Timestamp) -> u64 {
        self.seconds_until_beyond(window, at, |_| true)
    }

    /// Seconds until a window no longer counts the last slot whose mark is one of these; 0 where none is.
    fn seconds_until_beyond(
        &self,
        window: Window,
        at: Timestamp,
        is_one: impl Fn(u64) -> bool,
    ) -> u64 {
        let counted = self.marks.range((window, first_slot(window, at))..=(window, i64::MAX));
        let last = counted.filter(|(_, taken)| is_one(**taken)).map(|((_, slot), _)| *slot).last();
        let Some(last) = last else { return 0 };
        let until = (last + 1 + window.slots()) * window.slot_seconds() * MICROSECONDS;
        let left = until.saturating_sub(at.as_microseconds()).max(0);
        u64::try_from(left).unwrap_or_default().div_ceil(MICROSECONDS.unsigned_abs())
    }
}

/// What is said of a request that no limit is for.
const UNLIMITED: Verdict = Verdict {
    allowed: true,
    limit_type: Window::Day,
    limit: u64::MAX,
    remaining: u64::MAX,
    reset_seconds: 0,
    retry_after_seconds: 0,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Tier;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_microseconds(1_795_404_600_000_000 + seconds * MICROSECONDS).unwrap()
    }

    /// Takes a token if there is room.
    fn ask(tally: &mut Tally, limits: &Limits, at: Timestamp) -> Verdict {
        if tally.room(limits, at) == 0 {
            return tally.refuses(limits, at);
        }
        tally.take(1, limits, at);
        tally.passes(limits, at, 0)
    }

    #[test]
    fn the_limit_passes_and_the_next_is_told_when_to_come_again() {
        let (mut tally, limits) = (Tally::default(), Tier::Free.limits());
        let remaining: Vec<u64> =
            (0..3).map(|_| ask(&mut tally, &limits, at(0)).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = ask(&mut tally, &limits, at(0));
        assert_eq!(
            refused,
            Verdict {
                allowed: false,
                limit_type: Window::Burst,
                limit: 3,
                remaining: 0,
                reset_seconds: 11,
                retry_after_seconds: 11,
            }
        );
        assert!(!ask(&mut tally, &limits, at(10)).allowed);
        assert!(ask(&mut tally, &limits, at(11)).allowed);
    }

    #[test]
    fn the_window_that_is_nearest_to_its_end_is_the_one_that_is_told_of() {
        let (mut tally, limits) = (Tally::default(), Tier::Free.limits());
        for second in [0, 11, 22] {
            for _ in 0..3 {
                assert!(ask(&mut tally, &limits, at(second)).allowed);
            }
        }
        let last = ask(&mut tally, &limits, at(40));
        assert_eq!((last.limit_type, last.limit, last.remaining), (Window::Minute, 10, 0));
        let refused = ask(&mut tally, &limits, at(41));
        assert_eq!((refused.allowed, refused.limit_type), (false, Window::Minute));
        // The first three are counted until their slot of five seconds is a minute old.
        assert_eq!(refused.retry_after_seconds, 65 - 41);
    }

    #[test]
    fn a_window_in_which_nothing_is_asked_has_all_of_its_limit_again() {
        let (mut tally, limits) = (Tally::default(), Tier::Free.limits());
        let taken = ask(&mut tally, &limits, at(3));
        assert_eq!((taken.limit_type, taken.reset_seconds), (Window::Burst, 11));
        let reset = at(3).plus_seconds(11);
        assert_eq!(tally.used(Window::Burst, reset), 0);
        assert_eq!(tally.used(Window::Burst, reset.plus_seconds(-1)), 1);
    }

    #[test]
    fn marks_are_few_and_forgotten_when_they_are_old() {
        let (mut tally, limits) = (Tally::default(), Tier::Enterprise.limits());
        for second in 0..100_002 {
            tally.take(1, &limits, at(second));
        }
        assert_eq!(tally.marks.len(), 11 + 13 + 13 + 13);
        assert_eq!(tally.stale(at(100_002)).count(), 1);
        assert_eq!(tally.stale(at(300_000)).count(), tally.marks.len());
    }

    #[test]
    fn a_mark_that_was_made_late_does_not_hide_what_was_taken() {
        let limits = Limits { burst: Some(10), ..Limits::default() };
        let mut tally = Tally::default();
        tally.take(2, &limits, at(1));
        tally.take(5, &limits, at(3));
        // By a clock that is a second slow.
        tally.take(1, &limits, at(2));
        assert_eq!(tally.before((Window::Burst, slot(Window::Burst, at(2)))), 2);
        assert_eq!(tally.used(Window::Burst, at(12)), 6);
    }
}
