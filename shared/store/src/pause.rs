//! Chance, and how long to wait before trying again what others were in the way of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where chance comes from: the operating system in the product, a seed in an exact test.
///
/// For what should not happen to all at once, never for secrets.
#[derive(Clone)]
pub struct Chance(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Chance {
    /// The chance of the operating system. Where it has none, always the same.
    pub fn system() -> Self {
        Self(Arc::new(|| getrandom::u64().unwrap_or(u64::MAX)))
    }

    /// Chance from anywhere else.
    pub fn from_fn(next: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    /// Any number.
    pub(crate) fn number(&self) -> u64 {
        (self.0)()
    }

    /// A random pause: the longest is twice the first before the second attempt, and doubles with each
    /// further one. Random, so that those who met once do not meet again.
    pub fn pause(&self, first_milliseconds: u64, attempt: u32) -> Duration {
        let longest = first_milliseconds << attempt.min(10);
        Duration::from_millis(self.number() % (longest + 1))
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_doubles_with_each_attempt() {
        let longest = |attempt| (0..500).map(|_| Chance::system().pause(20, attempt)).max();
        for (attempt, most) in [(1, 40), (2, 80), (5, 640)] {
            let most = Duration::from_millis(most);
            let longest = longest(attempt).unwrap();
            assert!(longest <= most && longest > most / 2, "{attempt}: {longest:?}");
        }
    }

    #[test]
    fn a_pause_is_what_a_given_chance_makes_it() {
        let chance = Chance::from_fn(|| 100);
        assert_eq!(chance.pause(20, 1), Duration::from_millis(100 % 41));
    }
}
