//! Counts in the memory of the one process that serves.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::TenantId;
use domain::limit::tally::Tally;
use domain::limit::{RouteClass, Verdict};
use quick_cache::sync::Cache;

use super::Count;

/// Counts that are kept; of more tenants those that ask least begin anew. One takes about two kilobytes.
const COUNTS_MAX: usize = 30_000;

/// The counts of a process.
pub(super) struct Counts(Cache<(TenantId, RouteClass), Arc<Mutex<Tally>>>);

impl Default for Counts {
    fn default() -> Self {
        Self(Cache::new(COUNTS_MAX))
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counts")
    }
}

impl Counts {
    /// Counts a request, unless it is above its limits.
    pub(super) fn take(&self, Count { tenant, class, limits, at }: Count<'_>) -> Verdict {
        let new = || Ok::<_, Infallible>(Arc::default());
        let Ok(tally) = self.0.get_or_insert_with(&(tenant.clone(), class), new);
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        if tally.room(limits, at) == 0 {
            return tally.refuses(limits, at);
        }
        tally.take(1, limits, at);
        tally.passes(limits, at, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::limit::{Limits, Window};
    use domain::time::Timestamp;

    #[test]
    fn tenants_and_classes_are_counted_apart() {
        let counts = Counts::default();
        let limits = Limits { minute: Some(2), ..Limits::default() };
        let at = Timestamp::from_microseconds(1_795_404_653_000_000).unwrap();
        let take = |tenant: &str, class| {
            let tenant = TenantId::parse(tenant).unwrap();
            counts.take(Count { tenant: &tenant, class, limits: &limits, at })
        };
        assert!(take("a", RouteClass::Read).allowed && take("a", RouteClass::Read).allowed);
        let refused = take("a", RouteClass::Read);
        assert_eq!((refused.allowed, refused.limit_type), (false, Window::Minute));
        assert!(take("a", RouteClass::Write).allowed && take("b", RouteClass::Read).allowed);
    }
}
