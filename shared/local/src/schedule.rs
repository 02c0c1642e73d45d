//! When a schedule fires: `rate(...)` and `cron(...)` as EventBridge writes them, in UTC.

use domain::time::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use std::str::FromStr;

/// Far enough for the 29th of February of the next leap year.
const SEARCH_DAYS_MAX: i32 = 366 * 8;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// When something happens again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rate {
    /// So many seconds after the last time.
    Every(i64),
    /// At the minutes that a cron expression names.
    Cron(Cron),
}

/// The minutes of `cron(minutes hours day-of-month month day-of-week year)`.
///
/// Numbers, `*`, `?`, lists, ranges, steps and names of months and days are read. `L`, `W`, `#` and
/// any year but `*` are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
}

/// Why a schedule expression is not understood.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Neither of the two forms.
    #[error("the schedule `{0}` is neither `rate(<number> minutes|hours|days)` nor `cron(...)`")]
    Form(String),
    /// A part of a cron expression that is wrong, or right but not supported.
    #[error(
        "`{value}` for the {field} of a cron expression is not run here: use numbers, names, `*`, \
         `?`, lists, ranges and steps (`L`, `W`, `#` and years are not supported)"
    )]
    Field {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// Six fields, of which one of the two for days is `?`.
    #[error("the schedule `cron({0})` must have six fields and `?` for one kind of day")]
    Fields(String),
}

/// Numbers below 64, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set(u64);

impl Set {
    fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.0 >> number & 1 == 1)
    }
}

impl Rate {
    /// The first time after `moment`; `None` for a day that never comes.
    pub fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(seconds) => Some(moment.plus_seconds(*seconds)),
            Self::Cron(cron) => cron.next_after(moment),
        }
    }
}

impl FromStr for Rate {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let inside = |name| text.trim().strip_prefix(name)?.strip_suffix(')');
        if let Some(fields) = inside("cron(") {
            return Cron::read(fields).map(Self::Cron);
        }
        let seconds = inside("rate(").and_then(|rate| {
            let (number, unit) = rate.trim().split_once(' ')?;
            let number: i64 =
                number.parse().ok().filter(|number| (1..=100_000).contains(number))?;
            let seconds = match unit.trim() {
                "minute" | "minutes" => 60,
                "hour" | "hours" => 3_600,
                "day" | "days" => 86_400,
                _ => return None,
            };
            Some(number * seconds)
        });
        seconds.map(Self::Every).ok_or_else(|| ScheduleError::Form(text.to_owned()))
    }
}

impl Cron {
    fn read(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let &[minutes, hours, days, months, weekdays, year] = fields.as_slice() else {
            return Err(ScheduleError::Fields(text.to_owned()));
        };
        if (days == "?") == (weekdays == "?") {
            return Err(ScheduleError::Fields(text.to_owned()));
        }
        if year != "*" {
            return Err(ScheduleError::Field { field: "year", value: year.to_owned() });
        }
        Ok(Self {
            minutes: set("minutes", minutes, 0, 59, &[])?,
            hours: set("hours", hours, 0, 23, &[])?,
            days: set("day of the month", days, 1, 31, &[])?,
            months: set("month", months, 1, 12, &MONTHS)?,
            weekdays: set("day of the week", weekdays, 1, 7, &WEEKDAYS)?,
        })
    }

    fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        let next_minute = (moment.as_seconds().div_euclid(60) + 1) * 60;
        let start = jiff::Timestamp::from_second(next_minute).ok()?.to_zoned(TimeZone::UTC);
        let (mut date, mut from) = (start.date(), (start.hour(), start.minute()));
        for _ in 0..SEARCH_DAYS_MAX {
            if let Some((hour, minute)) = self.on(date).then(|| self.time_from(from)).flatten() {
                let at = date.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok()?.timestamp();
                return Timestamp::from_microseconds(at.as_microsecond());
            }
            (date, from) = (date.tomorrow().ok()?, (0, 0));
        }
        None
    }

    fn on(&self, date: Date) -> bool {
        self.months.has(date.month())
            && self.days.has(date.day())
            && self.weekdays.has(number_of(date.weekday()))
    }

    fn time_from(&self, (hour, minute): (i8, i8)) -> Option<(i8, i8)> {
        (hour..24).find_map(|at| {
            let first = if at == hour { minute } else { 0 };
            let minute = (first..60).find(|minute| self.minutes.has(*minute))?;
            self.hours.has(at).then_some((at, minute))
        })
    }
}

/// As EventBridge numbers them, Sunday being 1.
fn number_of(weekday: Weekday) -> i8 {
    weekday.to_sunday_one_offset()
}

fn set(
    field: &'static str,
    text: &str,
    min: u8,
    max: u8,
    names: &[&str],
) -> Result<Set, ScheduleError> {
    let refused = || ScheduleError::Field { field, value: text.to_owned() };
    let number = |text: &str| {
        let named = names.iter().zip(1_u8..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        let number = named.map(|(_, number)| number).or_else(|| text.parse().ok());
        number.filter(|number| (min..=max).contains(number)).ok_or_else(refused)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(a, b)| (a, Some(b)));
        let (first, last) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (min, max),
            Some((first, last)) => (number(first)?, number(last)?),
            None => {
                let first = number(range)?;
                (first, if step.is_some() { max } else { first })
            }
        };
        let step: usize = step.map_or(Ok(1), str::parse).map_err(|_| refused())?;
        if step == 0 || first > last {
            return Err(refused());
        }
        bits = (first..=last).step_by(step).fold(bits, |bits, number| bits | 1 << number);
    }
    Ok(Set(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, after: &str) -> String {
        let rate: Rate = expression.parse().unwrap();
        rate.next_after(Timestamp::parse(after).unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_rate_comes_again_after_its_interval() {
        for (expression, expected) in [
            ("rate(1 minute)", "2026-11-23T03:31:53.000000Z"),
            ("rate(5 minutes)", "2026-11-23T03:35:53.000000Z"),
            ("rate(2 hours)", "2026-11-23T05:30:53.000000Z"),
            ("rate(1 day)", "2026-11-24T03:30:53.000000Z"),
        ] {
            assert_eq!(next(expression, "2026-11-23T03:30:53Z"), expected, "{expression}");
        }
    }

    #[test]
    fn a_cron_expression_comes_again_at_the_next_minute_it_names() {
        for (expression, expected) in [
            ("cron(* * * * ? *)", "2026-11-23T03:31:00.000000Z"),
            ("cron(0/15 * * * ? *)", "2026-11-23T03:45:00.000000Z"),
            ("cron(15,30 2-4 * * ? *)", "2026-11-23T04:15:00.000000Z"),
            ("cron(0 3 * * ? *)", "2026-11-24T03:00:00.000000Z"),
            ("cron(0 12 ? * MON-FRI *)", "2026-11-23T12:00:00.000000Z"),
            ("cron(0 12 ? * SUN *)", "2026-11-29T12:00:00.000000Z"),
            ("cron(0 0 29 FEB ? *)", "2028-02-29T00:00:00.000000Z"),
        ] {
            assert_eq!(next(expression, "2026-11-23T03:30:53Z"), expected, "{expression}");
        }
    }

    #[test]
    fn a_day_that_never_comes_is_not_waited_for() {
        let rate: Rate = "cron(0 0 30 2 ? *)".parse().unwrap();
        assert_eq!(rate.next_after(Timestamp::parse("2026-11-23T03:30:53Z").unwrap()), None);
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let refusal = |text: &str| text.parse::<Rate>().unwrap_err().to_string();
        assert!(refusal("at(2026-11-23T00:00:00)").contains("neither `rate("));
        assert!(refusal("rate(0 minutes)").contains("neither `rate("));
        assert!(refusal("rate(5 weeks)").contains("neither `rate("));
        assert!(refusal("cron(0 0 * * *)").contains("six fields"));
        assert!(refusal("cron(0 0 * * * *)").contains("`?` for one kind of day"));
        assert!(refusal("cron(0 0 L * ? *)").contains("`L` for the day of the month"));
        assert!(refusal("cron(0 0 ? * 2#1 *)").contains("`2#1` for the day of the week"));
        assert!(refusal("cron(0 0 ? * MON 2027)").contains("`2027` for the year"));
        assert!(refusal("cron(60 0 ? * MON *)").contains("`60` for the minutes"));
    }
}
