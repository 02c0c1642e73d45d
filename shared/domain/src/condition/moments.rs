//! Times and durations, as CEL reads, writes and takes them apart.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::syntax::Part;
use crate::time::Timestamp;

const MICROSECONDS: i64 = 1_000_000;

/// The units of a duration, in microseconds, longer names before those they begin with.
const UNITS: [(&str, i64); 5] = [
    ("ms", 1_000),
    ("us", 1),
    ("h", 3_600 * MICROSECONDS),
    ("m", 60 * MICROSECONDS),
    ("s", MICROSECONDS),
];

/// Reads a duration such as `1h30m`, `1.5s` or `-90s`: microseconds, what is finer is cut.
pub(super) fn span(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(length)?;
        let (unit, microseconds) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        rest = after.strip_prefix(unit)?;
        sum = sum.checked_add(times(number, *microseconds)?)?;
    }
    Some(sign * sum)
}

/// A decimal number times a unit.
fn times(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Twelve places are more than any unit shows in microseconds.
    let places: String = fraction.chars().chain(std::iter::repeat('0')).take(12).collect();
    let fraction = if fraction.contains('.') { None } else { places.parse::<i128>().ok() }?;
    let fraction = fraction * i128::from(unit) / 1_000_000_000_000;
    whole.checked_mul(unit)?.checked_add(i64::try_from(fraction).ok()?)
}

/// Writes a duration in seconds, such as `90s` or `1.5s`.
pub(super) fn written(span: i64) -> String {
    let (sign, span) = (if span < 0 { "-" } else { "" }, span.unsigned_abs());
    let (seconds, rest) = (span / 1_000_000, span % 1_000_000);
    let fraction = format!("{rest:06}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{seconds}{point}{fraction}s")
}

/// A part of a moment, in UTC or at an offset such as `+02:00`; `None` for another zone.
pub(super) fn part_of_moment(part: Part, moment: Timestamp, zone: Option<&str>) -> Option<i64> {
    let zone = TimeZone::fixed(zone.map_or(Some(Offset::UTC), offset)?);
    let moment = jiff::Timestamp::from_microsecond(moment.as_microseconds()).ok()?;
    Some(part_of(part, zone.to_datetime(moment)))
}

fn part_of(part: Part, at: DateTime) -> i64 {
    match part {
        Part::FullYear => at.year().into(),
        Part::Month => i64::from(at.month()) - 1,
        Part::Date => at.day().into(),
        Part::DayOfMonth => i64::from(at.day()) - 1,
        Part::DayOfWeek => at.weekday().to_sunday_zero_offset().into(),
        Part::DayOfYear => i64::from(at.day_of_year()) - 1,
        Part::Hours => at.hour().into(),
        Part::Minutes => at.minute().into(),
        Part::Seconds => at.second().into(),
        Part::Milliseconds => at.millisecond().into(),
    }
}

/// Whole hours, minutes or seconds of a duration, or the milliseconds beside them.
pub(super) fn part_of_span(part: Part, span: i64) -> Option<i64> {
    match part {
        Part::Hours => Some(span / (3_600 * MICROSECONDS)),
        Part::Minutes => Some(span / (60 * MICROSECONDS)),
        Part::Seconds => Some(span / MICROSECONDS),
        Part::Milliseconds => Some(span % MICROSECONDS / 1_000),
        _ => None,
    }
}

fn offset(zone: &str) -> Option<Offset> {
    if zone == "UTC" {
        return Some(Offset::UTC);
    }
    let (sign, digits) = match zone.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let two = |text: &str| {
        let legal = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if legal { text.parse::<i32>().ok() } else { None }
    };
    let (hours, minutes) = (two(hours)?, two(minutes).filter(|minutes| *minutes < 60)?);
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, microseconds, again) in [
            ("90s", 90 * MICROSECONDS, "90s"),
            ("1h30m", 5_400 * MICROSECONDS, "5400s"),
            ("-1.5s", -1_500_000, "-1.5s"),
            ("250ms", 250_000, "0.25s"),
            ("10us", 10, "0.00001s"),
            ("0", 0, "0s"),
            (".5h", 1_800 * MICROSECONDS, "1800s"),
        ] {
            assert_eq!(span(text), Some(microseconds), "{text}");
            assert_eq!(written(microseconds), again, "{text}");
        }
        for bad in ["", "-", "s", "1", "1d", "1..5s", ".s", "1h 2m", "9223372036854775807h"] {
            assert_eq!(span(bad), None, "{bad}");
        }
        assert_eq!(written(i64::MIN), "-9223372036854.775808s");
    }

    #[test]
    fn the_parts_of_a_moment_are_cels() {
        // A Sunday, the last day of a leap year's February.
        let moment = Timestamp::parse("2032-02-29T23:30:15.250Z").unwrap();
        for (part, value) in [
            (Part::FullYear, 2032),
            (Part::Month, 1),
            (Part::Date, 29),
            (Part::DayOfMonth, 28),
            (Part::DayOfWeek, 0),
            (Part::DayOfYear, 59),
            (Part::Hours, 23),
            (Part::Minutes, 30),
            (Part::Seconds, 15),
            (Part::Milliseconds, 250),
        ] {
            assert_eq!(part_of_moment(part, moment, None), Some(value), "{part:?}");
        }
        assert_eq!(part_of_moment(Part::Date, moment, Some("+02:00")), Some(1));
        assert_eq!(part_of_moment(Part::Hours, moment, Some("-03:30")), Some(20));
        for zone in ["Europe/Zurich", "+2:00", "+02:60", "", "+0a:00"] {
            assert_eq!(part_of_moment(Part::Date, moment, Some(zone)), None, "{zone}");
        }
    }
}
