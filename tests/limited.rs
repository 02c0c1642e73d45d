//! Worlds in which a tenant may not ask as often as it likes.

use domain::limit::plan::Plan;
use local::embedded::Embedded;
use local::system::{Surroundings, System};
use store::{EpochSource, Limiter};

use crate::faults::Faults;
use crate::{PUBLIC_URL, World};

impl World {
    /// A new deployment with limits, by a way to the database that can fail.
    pub fn limited(limits: &str, limiter: Limiter, faults: &Faults) -> Self {
        let surroundings = Surroundings {
            rate_limits: Plan::parse(limits).unwrap(),
            limiter: Some(limiter),
            ..Surroundings::default()
        };
        Self::start(faults, surroundings, Some(EpochSource::table()), None)
    }

    /// Another instance of this deployment, with the same clock and the same tables: what it has at hand is its
    /// own.
    #[must_use]
    pub fn beside(&self, limits: &str, limiter: Limiter) -> Self {
        let surroundings = Surroundings {
            clock: self.clock(),
            epochs: Some(EpochSource::table()),
            public_url: Some(PUBLIC_URL.to_owned()),
            rate_limits: Plan::parse(limits).unwrap(),
            limiter: Some(limiter),
            ..Surroundings::default()
        };
        let faults = Faults::none();
        let clients = |embedded: &Embedded, messaging: &_| faults.clients(embedded, messaging);
        let system = System::start(self.system.embedded.clone(), clients, surroundings).unwrap();
        Self { system, now: self.now.clone() }
    }
}
