//! Time as the product writes it: UTC, RFC 3339, always six digits of a second.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// A moment, exact to the microsecond.
///
/// Its text has one fixed width (`2026-11-23T03:30:53.123456Z`), so that texts sort as moments do: the
/// indexes by time rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// Reads RFC 3339 with any offset; digits past the microsecond are cut.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::new("must be a time in RFC 3339, such as `2026-11-23T03:30:53Z`");
        let moment: jiff::Timestamp = text.parse().map_err(|_| refused())?;
        // Years before 0 and after 9999 have no fixed-width text.
        if !(-62_135_596_800..253_402_300_800).contains(&moment.as_second()) {
            return Err(refused());
        }
        Self::from_microseconds(moment.as_microsecond()).ok_or_else(refused)
    }

    /// The moment so many microseconds after 1970 began; `None` outside the years 1 to 9999.
    pub fn from_microseconds(microseconds: i64) -> Option<Self> {
        jiff::Timestamp::from_microsecond(microseconds).ok().map(Self)
    }

    /// Microseconds since 1970 began.
    pub fn as_microseconds(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Whole seconds since 1970 began, rounded down.
    pub fn as_seconds(self) -> i64 {
        self.0.as_microsecond().div_euclid(1_000_000)
    }

    /// This moment and so many seconds more.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        self.0.checked_add(jiff::SignedDuration::from_secs(seconds)).map_or(self, Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the present moment comes from: the system's clock in the product, a set one in a test.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The clock of this machine.
    #[expect(clippy::disallowed_methods, reason = "this is the clock the rule points to")]
    pub fn system() -> Self {
        Self(Arc::new(|| {
            let now = jiff::Timestamp::now();
            Timestamp::from_microseconds(now.as_microsecond()).unwrap_or(Timestamp(now))
        }))
    }

    /// Any other clock.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_six_digits_whatever_was_read() {
        for (read, written) in [
            ("2026-11-23T03:30:53Z", "2026-11-23T03:30:53.000000Z"),
            ("2024-04-14T18:03:11.221208Z", "2024-04-14T18:03:11.221208Z"),
            ("2024-04-14T20:03:11.2+02:00", "2024-04-14T18:03:11.200000Z"),
            ("2024-04-14T18:03:11.123456789Z", "2024-04-14T18:03:11.123456Z"),
        ] {
            assert_eq!(Timestamp::parse(read).unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["", "yesterday", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T03:30:53"] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_sort_as_moments_do() {
        let moments: Vec<_> =
            [-62_135_596_800_000_000, -1, 0, 1, 999_999, 1_000_000, 1_763_868_653_123_456]
                .into_iter()
                .map(|micros| Timestamp::from_microseconds(micros).unwrap())
                .collect();
        assert!(moments.iter().map(ToString::to_string).collect::<Vec<_>>().is_sorted());
    }
}
