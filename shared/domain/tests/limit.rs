//! Rate limits against an oracle that keeps every request: whatever comes, no window holds too many.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what stands beside the tests fails as tests do"
)]

use domain::limit::lease::{Ask, Condition, LEASE_SECONDS, Lease, block_tokens_max};
use domain::limit::tally::Tally;
use domain::limit::{Limits, Verdict, Window};
use domain::time::Timestamp;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;

/// How much longer than a window is long a request may be counted in it, in seconds.
fn slot_seconds(window: Window) -> i64 {
    [1, 5, 300, 7_200][window as usize]
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microseconds(1_795_404_653_123_456 + micros).unwrap()
}

/// Limits of which at least one is there.
fn some_limits(most: u64) -> impl Strategy<Value = Limits> {
    let limit = || proptest::option::of(1..most);
    (1..most, limit(), limit(), limit()).prop_map(|(burst, minute, hour, day)| Limits {
        burst: Some(burst),
        minute,
        hour,
        day,
    })
}

/// How long after one request the next comes: most of the time at once, sometimes after hours.
fn pauses() -> impl Strategy<Value = Vec<i64>> {
    let pause = prop_oneof![
        6 => 0..2_000_000_i64,
        3 => 0..15 * SECOND,
        2 => 0..90 * SECOND,
        1 => 0..5_000 * SECOND,
        1 => 0..30_000 * SECOND,
    ];
    proptest::collection::vec(pause, 1..250)
}

/// The moments that requests come at.
fn moments(pauses: &[i64]) -> Vec<i64> {
    let mut now = 0;
    let next = |pause: &i64| {
        now += pause;
        now
    };
    pauses.iter().map(next).collect()
}

/// How many of these stand in a time that ends with a moment.
fn within(passed: &[i64], micros: i64, end: i64) -> u64 {
    passed.iter().filter(|at| **at > end - micros && **at <= end).count() as u64
}

fn ask(tally: &mut Tally, limits: &Limits, at: Timestamp) -> Verdict {
    if tally.room(limits, at) == 0 {
        return tally.refuses(limits, at);
    }
    tally.take(1, limits, at);
    tally.passes(limits, at, 0)
}

proptest! {
    /// Exactly: not one more than the limit, wherever the window begins. And nobody is refused unless a window
    /// that is one slot longer holds the limit.
    #[test]
    fn no_window_holds_more_than_its_limit(limits in some_limits(9), pauses in pauses()) {
        let (mut tally, mut passed) = (Tally::default(), Vec::new());
        for now in moments(&pauses) {
            let verdict = ask(&mut tally, &limits, moment(now));
            if verdict.allowed {
                passed.push(now);
                for (window, limit) in limits.each() {
                    let held = within(&passed, window.seconds() * SECOND, now);
                    prop_assert!(held <= limit, "{held} in {window:?} of {limit}");
                }
            } else {
                let window = verdict.limit_type;
                let longer = (window.seconds() + slot_seconds(window)) * SECOND;
                prop_assert!(within(&passed, longer, now) >= verdict.limit, "{verdict:?}");
            }
        }
    }

    /// What is left is what passes.
    #[test]
    fn as_many_pass_at_once_as_were_said_to_be_left(limits in some_limits(9), pauses in pauses()) {
        let (mut tally, mut last) = (Tally::default(), None);
        for now in moments(&pauses) {
            let verdict = ask(&mut tally, &limits, moment(now));
            if verdict.allowed {
                last = Some((verdict, now));
            }
        }
        let (verdict, now) = last.unwrap();
        for _ in 0..verdict.remaining {
            prop_assert!(ask(&mut tally, &limits, moment(now)).allowed);
        }
        prop_assert!(!ask(&mut tally, &limits, moment(now)).allowed);
    }

    /// A refusal says to the second when to come again, and when all is there again.
    #[test]
    fn a_window_is_there_again_when_it_was_said_and_not_before(
        limits in some_limits(9), pauses in pauses(),
    ) {
        let mut tally = Tally::default();
        for now in moments(&pauses) {
            let verdict = ask(&mut tally, &limits, moment(now));
            if verdict.allowed {
                continue;
            }
            let after = |seconds: u64| moment(now + i64::try_from(seconds).unwrap() * SECOND);
            let wait = verdict.retry_after_seconds;
            prop_assert!(!ask(&mut tally.clone(), &limits, after(wait - 1)).allowed);
            prop_assert!(ask(&mut tally.clone(), &limits, after(wait)).allowed);
            let only = |limit| match verdict.limit_type {
                Window::Burst => Limits { burst: limit, ..Limits::default() },
                Window::Minute => Limits { minute: limit, ..Limits::default() },
                Window::Hour => Limits { hour: limit, ..Limits::default() },
                Window::Day => Limits { day: limit, ..Limits::default() },
            };
            let (only, reset) = (only(Some(verdict.limit)), verdict.reset_seconds);
            prop_assert!(wait <= reset);
            prop_assert_eq!(tally.room(&only, after(reset)), verdict.limit);
            prop_assert!(tally.room(&only, after(reset - 1)) < verdict.limit);
        }
    }
}

/// The count that several processes share, as the table has it.
#[derive(Default)]
struct Shared {
    count: Option<Tally>,
    asked: u64,
}

impl Shared {
    /// Answers a request of a process, which asks this count where it must.
    fn answer(&mut self, process: &mut Lease, limits: &Limits, at: Timestamp) -> Verdict {
        for refusals in 0..3 {
            if let Some(verdict) = process.answer(limits, at) {
                return verdict;
            }
            let Ask { tokens, condition } = process.ask(limits, at, refusals);
            self.asked += 1;
            let holds = match (condition, &self.count) {
                (Condition::Absent, count) => count.is_none(),
                (Condition::Present, count) => count.is_some(),
                (Condition::AtMost(most), count) => {
                    count.as_ref().is_some_and(|count| count.taken() <= most)
                }
            };
            if holds {
                let count = self.count.get_or_insert_default();
                count.take(tokens, limits, at);
                process.granted(tokens, count.clone(), limits, at);
            } else {
                process.refused(self.count.clone());
            }
        }
        process.answer(limits, at).unwrap_or_else(|| process.outrun(limits, at))
    }
}

proptest! {
    /// What is promised of blocks: no window holds more than the limit and what was at hand when it began.
    #[test]
    fn processes_that_share_a_count_let_no_more_pass_than_the_limit_and_what_they_have_at_hand(
        limits in some_limits(200),
        requests in proptest::collection::vec((0..4_usize, 0..1_200_i64), 1..800),
        processes in 1..5_usize,
    ) {
        let mut shared = Shared::default();
        let mut of_processes = vec![Lease::default(); processes];
        let (mut passed, mut now) = (Vec::new(), 0);
        let at_hand = processes as u64 * (block_tokens_max(&limits) - 1);
        let over = at_hand.min(limits.burst.unwrap());
        for (process, pause) in requests {
            // Most at once, some after a while.
            now += if pause > 1_150 { pause * 20_000 } else { pause * 100 };
            let process = &mut of_processes[process % processes];
            if shared.answer(process, &limits, moment(now)).allowed {
                passed.push(now);
                for (window, limit) in limits.each() {
                    let held = within(&passed, window.seconds() * SECOND, now);
                    prop_assert!(held <= limit + over, "{held} in {window:?} of {limit}, {over} over");
                }
            }
        }
    }

    /// Nobody is refused before a third of what the longer window holds was used.
    #[test]
    fn a_process_leaves_less_than_twice_as_many_tokens_unused_as_it_used(
        limit in 40..400_u64,
        requests in proptest::collection::vec((0..6_usize, 0..40_000_i64), 1..2_000),
    ) {
        let limits = Limits { burst: Some(limit), ..Limits::default() };
        let (mut shared, mut of_processes) = (Shared::default(), vec![Lease::default(); 6]);
        let (mut passed, mut now) = (Vec::new(), 0);
        for (process, pause) in requests {
            now += pause;
            if shared.answer(&mut of_processes[process], &limits, moment(now)).allowed {
                passed.push(now);
            } else {
                // Leases that were begun before the window are older than it by as long as one lasts.
                let counted = (Window::Burst.seconds() + 1 + LEASE_SECONDS) * SECOND;
                prop_assert!(within(&passed, counted, now) * 3 + 6 >= limit);
            }
        }
    }
}

/// One process at load asks once for each block, once it knows that it is at load.
#[test]
fn at_load_a_token_costs_a_twentieth_of_a_write_or_less_from_a_limit_of_400_on() {
    for burst in [400, 500, 1_000] {
        let limits = Limits { burst: Some(burst), ..Limits::default() };
        let (mut shared, mut process) = (Shared::default(), Lease::default());
        let (mut passed, mut asked_before) = (0, 0);
        // A minute at nine tenths of the limit, of which the first ten seconds are for finding out.
        let requests = i64::try_from(burst).unwrap() * 6 * 9 / 10;
        for request in 0..requests {
            let now = request * 60 * SECOND / requests;
            assert!(shared.answer(&mut process, &limits, moment(now)).allowed);
            if now < 10 * SECOND {
                asked_before = shared.asked;
            } else {
                passed += 1;
            }
        }
        // The first block may have been begun before.
        let asked = shared.asked - asked_before - 1;
        assert!(asked * 20 <= passed, "{asked} writes for {passed} requests of a limit of {burst}");
    }
}
