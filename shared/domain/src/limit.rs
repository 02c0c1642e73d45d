//! Rate limits: how many requests of a tenant pass, by its tier, by what they ask for, and in which time.
//!
//! A limit counts the requests of one tenant and one class. Up to four windows hold at once, and a request
//! passes where each of them has room. [`tally`] counts, [`lease`] is how several processes share one count
//! without asking it for each request, and [`plan`] is whom which limits are for.

pub mod lease;
pub mod plan;
pub mod tally;

use crate::tenant::Tier;

/// Largest limit that may be configured, in requests of a window.
pub const LIMIT_REQUESTS_MAX: u64 = 1_000_000_000;

/// How many requests of class [`RouteClass::Read`] pass for each of class [`RouteClass::Write`].
///
/// A change costs 10 to 14 write units, which is what 50 to 70 reads of an item cost: ten times as many reads
/// are still the smaller part of what a tenant may cost.
pub const READS_PER_WRITE: u64 = 10;

/// How many requests of class [`RouteClass::Decide`] pass for each of class [`RouteClass::Write`].
///
/// Whoever reads or writes in an application is decided about first: so it must be more than the eleven of both
/// together, or the limit on decisions would be the limit on everything. A remembered decision costs at most
/// two read units.
pub const DECISIONS_PER_WRITE: u64 = 20;

impl Tier {
    /// What it allows, of class [`RouteClass::Write`].
    pub fn limits(self) -> Limits {
        match self {
            Self::Free => Limits::of([3, 10, 100, 500]),
            Self::Basic => Limits::of([5, 30, 500, 5_000]),
            Self::Premium => Limits::of([20, 100, 2_000, 20_000]),
            Self::Enterprise => Limits::of([50, 500, 10_000, 100_000]),
            Self::Internal => Limits::default(),
        }
    }
}

/// What a request asks for. Each class has a count of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteClass {
    /// To be shown what is stored.
    Read,
    /// To change something.
    Write,
    /// A decision, or a search by decisions.
    Decide,
}

impl RouteClass {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Decide => "decide",
        }
    }

    /// How many of its requests pass for each that changes something.
    fn per_write(self) -> u64 {
        match self {
            Self::Write => 1,
            Self::Read => READS_PER_WRITE,
            Self::Decide => DECISIONS_PER_WRITE,
        }
    }
}

/// The time in which a limit counts. It slides: it ends now, whenever that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// 10 seconds.
    Burst,
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// 86,400 seconds.
    Day,
}

impl Window {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Burst, Self::Minute, Self::Hour, Self::Day];

    /// Its name, as refusals say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// How long it is, in seconds.
    pub fn seconds(self) -> i64 {
        self.slots() * self.slot_seconds()
    }

    /// How many slots it has.
    pub(crate) fn slots(self) -> i64 {
        if self == Self::Burst { 10 } else { 12 }
    }

    /// How long a slot is, in seconds: what is counted is known to the slot.
    pub(crate) fn slot_seconds(self) -> i64 {
        match self {
            Self::Burst => 1,
            Self::Minute => 5,
            Self::Hour => 300,
            Self::Day => 7_200,
        }
    }
}

/// How many requests may pass in each window; where there is no number, any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// In 10 seconds.
    pub burst: Option<u64>,
    /// In a minute.
    pub minute: Option<u64>,
    /// In an hour.
    pub hour: Option<u64>,
    /// In a day.
    pub day: Option<u64>,
}

impl Limits {
    fn of([burst, minute, hour, day]: [u64; 4]) -> Self {
        Self { burst: Some(burst), minute: Some(minute), hour: Some(hour), day: Some(day) }
    }

    /// The limit of a window.
    pub fn get(&self, window: Window) -> Option<u64> {
        match window {
            Window::Burst => self.burst,
            Window::Minute => self.minute,
            Window::Hour => self.hour,
            Window::Day => self.day,
        }
    }

    /// The windows with a limit, the shortest first.
    pub fn each(&self) -> impl Iterator<Item = (Window, u64)> {
        let limits = *self;
        Window::ALL.into_iter().filter_map(move |window| Some((window, limits.get(window)?)))
    }

    /// Whether any number passes.
    pub fn is_unlimited(&self) -> bool {
        self.each().next().is_none()
    }

    /// The same for requests of a class, where these are for changes.
    #[must_use]
    pub fn of_class(&self, class: RouteClass) -> Self {
        let times = |limit: Option<u64>| limit.map(|limit| limit.saturating_mul(class.per_write()));
        Self {
            burst: times(self.burst),
            minute: times(self.minute),
            hour: times(self.hour),
            day: times(self.day),
        }
    }
}

/// Whether a request passes, and how the window stands that is nearest to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it passes.
    pub allowed: bool,
    /// Which window this is about: of a refusal the one that takes longest to have room again, otherwise the one
    /// with the least left.
    pub limit_type: Window,
    /// How many requests may pass in that window.
    pub limit: u64,
    /// How many of them are left.
    pub remaining: u64,
    /// Seconds after which, without another request, all of them are there again.
    pub reset_seconds: u64,
    /// Of a refusal, seconds after which a request passes, unless others come before it; otherwise 0.
    pub retry_after_seconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_grows_with_the_tier_and_with_the_window() {
        let of = |tier: Tier| tier.limits().each().map(|(_, limit)| limit).collect::<Vec<_>>();
        assert_eq!(of(Tier::Free), [3, 10, 100, 500]);
        assert_eq!(of(Tier::Enterprise), [50, 500, 10_000, 100_000]);
        for pair in [Tier::Free, Tier::Basic, Tier::Premium, Tier::Enterprise].windows(2) {
            assert!(of(pair[0]).iter().zip(of(pair[1])).all(|(less, more)| *less < more));
            assert!(of(pair[1]).is_sorted());
        }
        assert!(Tier::Internal.limits().is_unlimited());
    }

    #[test]
    fn reads_and_decisions_are_multiples_of_writes() {
        let limits = Tier::Premium.limits();
        assert_eq!(limits.of_class(RouteClass::Write), limits);
        assert_eq!(limits.of_class(RouteClass::Read).minute, Some(1_000));
        assert_eq!(limits.of_class(RouteClass::Decide).burst, Some(400));
        assert!(Limits::default().of_class(RouteClass::Decide).is_unlimited());
    }

    #[test]
    fn windows_are_as_long_as_they_say() {
        let seconds = Window::ALL.map(Window::seconds);
        assert_eq!(seconds, [10, 60, 3_600, 86_400]);
    }
}
