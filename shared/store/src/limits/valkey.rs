//! Counts in Valkey or Redis: a token for each request, by a script that is done at once and alone.
//!
//! A count that is evicted or flushed begins anew.

use domain::limit::Verdict;
use domain::limit::tally::{Tally, first_slot, slots};
use redis::Value;

use super::{Count, marks};
use crate::epochs::Valkey;
use crate::error::Error;
use crate::key;

/// Takes a token where there is room.
const TOKEN: &str = include_str!("valkey/token.lua");

/// How long a count is kept beyond the longest of its windows, in seconds: longer than any slot.
const KEPT_SECONDS: i64 = 7_200;

/// Counts a request, unless it is above its limits.
pub(super) async fn take(cache: &Valkey, count: Count<'_>) -> Result<Verdict, Error> {
    let Count { tenant, class, limits, at } = count;
    let longest = limits.each().map(|(window, _)| window.seconds()).max().unwrap_or_default();
    let mut arguments = vec![((longest + KEPT_SECONDS) * 1_000).to_string()];
    for ((window, limit), slot) in limits.each().zip(slots(limits, at)) {
        let first = marks::name((window, first_slot(window, at)));
        arguments.extend([marks::name(slot), first, limit.to_string()]);
    }
    let key = key::cached_count(cache.prefix(), tenant, class);
    let answer = cache.script(TOKEN, &key, &arguments).await?;
    let (allowed, tally) = read(&answer)
        .ok_or_else(|| Error::Unavailable("the cache answers with no count".to_owned()))?;
    Ok(if allowed { tally.passes(limits, at, 0) } else { tally.refuses(limits, at) })
}

/// Whether a token was taken, and the count since, as the script writes it: `c<taken>`, then ` <mark>=<taken>` for
/// each mark.
fn read(answer: &Value) -> Option<(bool, Tally)> {
    let Value::Array(answer) = answer else { return None };
    let [Value::Int(allowed), Value::BulkString(count)] = answer.as_slice() else { return None };
    let mut words = std::str::from_utf8(count).ok()?.split(' ');
    let taken = words.next()?.strip_prefix('c')?.parse().ok()?;
    let mark = |word: &str| {
        let (name, taken) = word.split_once('=')?;
        Some((marks::read(name)?, taken.parse().ok()?))
    };
    let marks: Option<Vec<_>> = words.map(mark).collect();
    Some((*allowed == 1, Tally::new(taken, marks?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::limit::Window;

    #[test]
    fn only_a_count_is_read_as_one() {
        let answer = |count: &str| {
            let count = Value::BulkString(count.as_bytes().to_vec());
            read(&Value::Array(vec![Value::Int(1), count]))
        };
        let tally = Tally::new(12, [((Window::Burst, 255), 3), ((Window::Day, 16), 0)]);
        assert_eq!(answer("c12 bff=3 d10=0"), Some((true, tally)));
        assert_eq!(answer("c0"), Some((true, Tally::default())));
        for other in ["", "12", "c", "c1 ", "c1 x1=1", "c1 bff", "c1 bff=", "e0000000000000001"] {
            assert_eq!(answer(other), None, "{other}");
        }
        assert_eq!(read(&Value::Okay), None);
    }
}
