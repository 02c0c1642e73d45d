//! Moments as an operator types them.

use std::str::FromStr;

use domain::time::Timestamp;

/// Seconds of each unit.
const UNITS: [(char, i64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];

/// A moment, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// This one.
    At(Timestamp),
    /// So many seconds before now.
    Ago(i64),
}

impl Moment {
    /// The moment, when it is `now`.
    pub(crate) fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(seconds) => now.plus_seconds(-seconds),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(seconds) = seconds(text) {
            return Ok(Self::Ago(seconds));
        }
        Timestamp::parse(text).map(Self::At).map_err(|_| {
            "must be a time such as `2026-11-23T03:30:53Z`, or how long ago, such as `90s`, `5m`, `2h` or `7d`"
        })
    }
}

/// A time of so many units, in seconds.
pub(crate) fn seconds(text: &str) -> Result<i64, &'static str> {
    let read = || {
        let unit = text.chars().last()?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        i64::from(number).checked_mul(*seconds)
    };
    read().ok_or("must be a number and a unit, such as `90s`, `5m`, `2h` or `7d`")
}

/// How long ago a moment was, in its largest whole unit.
pub(crate) fn age(seconds: i64) -> String {
    let unit = UNITS.iter().rev().find(|(_, length)| seconds >= *length && *length < 604_800);
    let (name, length) = unit.unwrap_or(&('s', 1));
    format!("{}{name}", seconds.max(0) / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago_it_was() {
        let now = Timestamp::parse("2026-11-23T03:30:53Z").unwrap();
        for (text, moment) in [
            ("2026-11-22T00:00:00+01:00", "2026-11-21T23:00:00Z"),
            ("0s", "2026-11-23T03:30:53Z"),
            ("90s", "2026-11-23T03:29:23Z"),
            ("5m", "2026-11-23T03:25:53Z"),
            ("2h", "2026-11-23T01:30:53Z"),
            ("7d", "2026-11-16T03:30:53Z"),
            ("1w", "2026-11-16T03:30:53Z"),
        ] {
            let read: Moment = text.parse().unwrap();
            assert_eq!(read.seen_from(now), Timestamp::parse(moment).unwrap(), "{text}");
        }
        for bad in ["", "m", "5", "-5m", "5.5m", "5y", "yesterday", "2026-11-23", "99999999999d"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_age_is_told_in_its_largest_whole_unit() {
        let ages = [-1, 0, 59, 60, 3_599, 7_200, 86_400, 1_209_600].map(age);
        assert_eq!(ages, ["0s", "0s", "59s", "1m", "59m", "2h", "1d", "14d"]);
    }
}
