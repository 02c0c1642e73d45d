//! How several processes share one count without asking it for each request: each takes a block of tokens, and
//! gives them to requests until they are used up or [`LEASE_SECONDS`] old.
//!
//! Tokens are counted when their block is taken. So no window ever counts more than its limit; but a token may
//! be used after the moment it is counted for. **In any window there pass at most the limit and what was at
//! hand when the window began**: for each process one token less than a block, which is at most a twentieth of
//! the least limit, and for all together what was taken within [`LEASE_SECONDS`], which is at most the limit of a
//! burst. Where a block is one token, which is below a limit of 40, nothing is ever at hand, and the limit is
//! exact.
//!
//! On the other side, a process may be refused while another has tokens at hand. A block is one token at first,
//! and twice the one before only when that was used up before it was old; so a process leaves less than twice as
//! many tokens unused as it has used, and less than a block.

use super::tally::Tally;
use super::{Limits, Verdict};
use crate::time::Timestamp;

/// How long a block may be used, in seconds: as long as a burst is counted.
pub const LEASE_SECONDS: i64 = 10;

/// Of how many blocks the least of the limits is made, where it has as many tokens.
const BLOCKS_PER_LIMIT: u64 = 20;

/// The most tokens that a process takes at once.
pub fn block_tokens_max(limits: &Limits) -> u64 {
    let least = limits.each().map(|(_, limit)| limit).min();
    least.map_or(1, |least| (least / BLOCKS_PER_LIMIT).max(1))
}

/// What a process asks the count for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How many tokens.
    pub tokens: u64,
    /// On which condition; otherwise none are taken.
    pub condition: Condition,
}

/// On which condition tokens are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no count yet.
    Absent,
    /// There is one, whatever it says: this process does not know it. It takes one token and then knows.
    Present,
    /// There is one, and at most so many tokens were taken before.
    AtMost(u64),
}

/// What a process knows of the count.
#[derive(Clone, Debug, Default)]
enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// That there is none.
    Absent,
    /// What it said when it was last asked. By now it may count more, and never less.
    Count(Tally),
}

/// What a process has at hand of one count.
#[derive(Clone, Debug, Default)]
pub struct Lease {
    known: Known,
    /// The tokens of the last block, and those of them that are left.
    block: u64,
    left: u64,
    /// When the last block is old.
    ends: Option<Timestamp>,
}

impl Lease {
    /// What can be said of a request without asking: that it passes with a token at hand, or that there is no
    /// room, which others can only have made less. `None` where the count must be asked.
    pub fn answer(&mut self, limits: &Limits, at: Timestamp) -> Option<Verdict> {
        let Known::Count(tally) = &self.known else { return None };
        if self.left > 0 && self.is_young(at) {
            self.left -= 1;
            return Some(tally.passes(limits, at, self.left));
        }
        (tally.room(limits, at) == 0).then(|| tally.refuses(limits, at))
    }

    fn is_young(&self, at: Timestamp) -> bool {
        self.ends.is_some_and(|ends| at < ends)
    }

    /// What to ask the count for, after so many refusals: others may be as quick, and then it is half as much
    /// after each.
    pub fn ask(&self, limits: &Limits, at: Timestamp, refusals: u32) -> Ask {
        let Known::Count(tally) = &self.known else {
            let is_absent = matches!(self.known, Known::Absent);
            let condition = if is_absent { Condition::Absent } else { Condition::Present };
            return Ask { tokens: 1, condition };
        };
        let wanted = if self.is_young(at) {
            self.block.saturating_mul(2)
        } else {
            self.block.saturating_sub(self.left)
        };
        let wanted = wanted.min(block_tokens_max(limits)).min(tally.room(limits, at));
        let tokens = wanted.checked_shr(refusals).unwrap_or_default().max(1);
        let most = tally.most(limits, at).saturating_sub(tokens);
        Ask { tokens, condition: Condition::AtMost(most) }
    }

    /// What was known of the count, of which the stale marks can be taken away.
    pub fn known(&self) -> Option<&Tally> {
        match &self.known {
            Known::Count(tally) => Some(tally),
            Known::Nothing | Known::Absent => None,
        }
    }

    /// Takes over a block that was granted, and what the count says since. What it says above the limit, because
    /// the condition did not know better, is not used.
    pub fn granted(&mut self, tokens: u64, count: Tally, limits: &Limits, at: Timestamp) {
        let over = count.taken().saturating_sub(count.most(limits, at));
        self.left = tokens.saturating_sub(over);
        self.block = self.left;
        self.ends = Some(at.plus_seconds(LEASE_SECONDS));
        self.known = Known::Count(count);
    }

    /// Learns what the count says, or that there is none, from a refusal.
    pub fn refused(&mut self, count: Option<Tally>) {
        self.known = count.map_or(Known::Absent, Known::Count);
    }

    /// That a request does not pass because others took what there was while it asked.
    pub fn outrun(&self, limits: &Limits, at: Timestamp) -> Verdict {
        self.known().unwrap_or(&Tally::default()).refuses(limits, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::RouteClass;
    use crate::tenant::Tier;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_microseconds(1_795_404_600_000_000 + seconds * 1_000_000).unwrap()
    }

    /// What the count does when it is asked.
    fn grant(lease: &mut Lease, count: &mut Tally, limits: &Limits, at: Timestamp) -> Ask {
        let ask = lease.ask(limits, at, 0);
        count.take(ask.tokens, limits, at);
        lease.granted(ask.tokens, count.clone(), limits, at);
        ask
    }

    #[test]
    fn a_block_is_a_twentieth_of_the_least_limit_and_never_nothing() {
        let of = |tier: Tier, class| block_tokens_max(&tier.limits().of_class(class));
        assert_eq!(of(Tier::Free, RouteClass::Write), 1);
        assert_eq!(of(Tier::Enterprise, RouteClass::Write), 2);
        assert_eq!(of(Tier::Enterprise, RouteClass::Read), 25);
        assert_eq!(of(Tier::Premium, RouteClass::Decide), 20);
        assert_eq!(of(Tier::Enterprise, RouteClass::Decide), 50);
    }

    #[test]
    fn blocks_grow_while_they_are_used_up_and_shrink_to_what_was_used() {
        let limits = Tier::Enterprise.limits().of_class(RouteClass::Decide);
        let (mut lease, mut count) = (Lease::default(), Tally::default());
        let mut blocks = Vec::new();
        for _ in 0..200 {
            if lease.answer(&limits, at(0)).is_none() {
                blocks.push(grant(&mut lease, &mut count, &limits, at(0)).tokens);
                assert!(lease.answer(&limits, at(0)).unwrap().allowed);
            }
        }
        assert_eq!(blocks, [1, 2, 4, 8, 16, 32, 50, 50, 50]);
        // Of the last block 37 were used, and the rest is old now.
        assert_eq!(lease.ask(&limits, at(10), 0).tokens, 37);
    }

    #[test]
    fn a_process_that_knows_of_no_room_does_not_ask() {
        let limits = Tier::Free.limits();
        let (mut lease, mut count) = (Lease::default(), Tally::default());
        for _ in 0..3 {
            grant(&mut lease, &mut count, &limits, at(0));
            assert!(lease.answer(&limits, at(0)).unwrap().allowed);
        }
        for second in 0..11 {
            assert!(!lease.answer(&limits, at(second)).unwrap().allowed);
        }
        assert_eq!(lease.answer(&limits, at(11)), None);
    }

    #[test]
    fn what_was_taken_above_the_limit_is_not_used() {
        let limits = Tier::Free.limits();
        let mut count = Tally::default();
        count.take(3, &limits, at(0));
        let mut lease = Lease::default();
        assert_eq!(grant(&mut lease, &mut count, &limits, at(0)).condition, Condition::Present);
        assert!(!lease.answer(&limits, at(0)).unwrap().allowed);
    }
}
