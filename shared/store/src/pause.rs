//! How long to wait before trying again what others were in the way of.

use std::time::Duration;

/// A random pause: the longest is twice the first before the second attempt, and doubles with each further
/// one. Random, so that those who met once do not meet again.
pub fn random_pause(first_milliseconds: u64, attempt: u32) -> Duration {
    let longest = first_milliseconds << attempt.min(10);
    Duration::from_millis(getrandom::u64().unwrap_or(longest) % (longest + 1))
}
