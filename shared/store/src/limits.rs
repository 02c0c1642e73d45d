//! Where requests are counted, for the limits of their tenants.
//!
//! | place | for | a request costs | lets pass above the limit |
//! |---|---|---|---|
//! | this process | who alone serves | nothing | nothing |
//! | the core table | any number of processes | 1 WCU for a block of them | what other processes have at hand |
//! | Valkey | the same, for decisions | one command | nothing |
//!
//! In the table a process takes blocks of tokens ([`domain::limit::lease`]): 1 WCU each, also for one that is
//! refused, and one more where a process learns from a refusal how the count stands. At load, when a block is
//! used up before it is ten seconds old, a request costs 1 WCU divided by a twentieth of the least limit:
//! **0.05 WCU or less from a limit of 400 in ten seconds on**. Below that a block has less than 20 tokens, and
//! one below 40 a single one: a request costs up to 1 WCU, and a tenant at its limit at most about 20 WCU in the
//! time that the least limit is for. Whoever asks less often than once in ten seconds pays 1 or 2 WCU each time.
//!
//! A class is counted in one place, or it would have a limit in each. Decisions are asked for in one function
//! only, and that is told of the cache where there is one; changes and reads are also served by functions that
//! are not (`events`, `api-keys`, `audit`), and so are always counted in the table.
//!
//! **Who cannot be counted passes.** A count that fails, or takes too long, is an error of
//! [`Store::token_take`] and noted in [`Usage`](crate::meter::Usage). Too long is [`LIMITER_MILLISECONDS_MAX`]
//! for the table, which is then not asked again about this tenant and class for [`LIMITER_PAUSE_SECONDS`]; and
//! for the cache what its connection bounds: 100 ms, of the first request in a process 350.

mod in_process;
mod marks;
mod table;
#[cfg(feature = "valkey")]
mod valkey;

use std::sync::Arc;
use std::time::Duration;

use domain::id::TenantId;
use domain::limit::{Limits, RouteClass, Verdict};
use domain::time::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::Store;
#[cfg(feature = "valkey")]
use crate::epochs::Valkey;
use crate::error::Error;
use crate::meter;
use in_process::Counts;
use table::Leases;

/// How long a request waits for the table to count it, in milliseconds, before it passes.
pub const LIMITER_MILLISECONDS_MAX: u64 = 250;

/// How long the table is not asked again where it did not answer, in seconds.
pub const LIMITER_PAUSE_SECONDS: i64 = 1;

/// Where requests are counted. Clones count together.
#[derive(Clone, Debug)]
pub struct Limiter(Place);

#[derive(Clone, Debug)]
enum Place {
    Table(Arc<Leases>),
    InProcess(Arc<Counts>),
    #[cfg(feature = "valkey")]
    Valkey(Valkey, Arc<Leases>),
}

impl Default for Limiter {
    fn default() -> Self {
        Self::table()
    }
}

impl Limiter {
    /// In the core table, of which this process has blocks.
    pub fn table() -> Self {
        Self(Place::Table(Arc::default()))
    }

    /// In this process, which alone serves.
    pub fn in_process() -> Self {
        Self(Place::InProcess(Arc::default()))
    }

    /// Decisions in a cache, by the connection that epochs are read by; the others in the core table.
    #[cfg(feature = "valkey")]
    pub fn valkey(cache: Valkey) -> Self {
        Self(Place::Valkey(cache, Arc::default()))
    }
}

/// A count: whose requests, of which class, against which limits, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count<'a> {
    tenant: &'a TenantId,
    class: RouteClass,
    limits: &'a Limits,
    at: Timestamp,
}

impl Store {
    /// Counts a request of a tenant against the limits of its class, unless it is above them. Costs are in
    /// `limits.rs`; an error means that it could not be counted, and should pass.
    pub async fn token_take(
        &self,
        tenant: &TenantId,
        class: RouteClass,
        limits: &Limits,
        at: Timestamp,
    ) -> Result<Verdict, Error> {
        let count = Count { tenant, class, limits, at };
        let until = Instant::now() + Duration::from_millis(LIMITER_MILLISECONDS_MAX);
        let counted = match &self.limiter.0 {
            Place::InProcess(counts) => Ok(counts.take(count)),
            Place::Table(leases) => self.leased(leases, count, until).await,
            #[cfg(feature = "valkey")]
            Place::Valkey(cache, _) if class == RouteClass::Decide => {
                valkey::take(cache, count).await
            }
            #[cfg(feature = "valkey")]
            Place::Valkey(_, leases) => self.leased(leases, count, until).await,
        };
        counted.inspect_err(|error| {
            meter::limit_unknown();
            tracing::debug!(%error, class = class.name(), "a request was not counted");
        })
    }

    /// Counts by a block of this process, or takes another one.
    async fn leased(
        &self,
        leases: &Leases,
        count: Count<'_>,
        until: Instant,
    ) -> Result<Verdict, Error> {
        let lease = leases.of(count.tenant, count.class);
        // Requests of one process wait for the block that the first of them takes.
        let mut lease = timeout_at(until, lease.lock()).await.map_err(|_| late())?;
        if lease.is_paused(count.at) {
            return Err(Error::Unavailable("the count did not answer a moment ago".to_owned()));
        }
        let counted = timeout_at(until, self.by_lease(&mut lease, count)).await;
        let counted = counted.unwrap_or_else(|_| Err(late()));
        counted.inspect_err(|error| {
            tracing::warn!(%error, "a limiter did not answer: requests pass uncounted");
            lease.pause(count.at.plus_seconds(LIMITER_PAUSE_SECONDS));
        })
    }
}

fn late() -> Error {
    Error::Unavailable("counting takes too long".to_owned())
}
