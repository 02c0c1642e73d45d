//! The verifier of the audit ledger: on a schedule, reads what was appended to every chain, holds it
//! against what was verified and signed before, and publishes a checkpoint of it.
//!
//! Every minute each chain is followed from where it was left ([`chain`]); once a day it is read from its
//! beginning ([`full`]), in as many runs as that takes. A run ends when its time is over and the next goes
//! on, beginning with another chain, so that none is left out for long.
//!
//! A fault stays: the chain is verified and signed no more, each run counts it for the alarm, and one event
//! `audit.verification.failed` tells of it ([`alarm`]). When someone has looked and decided, the event
//! `{"run": "reset", "tenant_id": "acme"}` makes both runs of that chain begin anew, from its first record.

mod alarm;
mod chain;
mod full;
mod walk;

use std::collections::BTreeSet;
use std::time::Duration;

use api::App;
use api::ledger::{AuditTally, PublishError, VERIFIER_INCREMENTAL};
use domain::id::TenantId;
use domain::ledger::fault::Fault;
use serde::Serialize;
use serde_json::Value;
use store::ledger::VerifierRun;
use tokio::time::Instant;

const FUNCTION: &str = "audit-verify";

/// The run over the whole chain.
const FULL: &str = "full";

/// How long one run goes on, in seconds.
pub const RUN_SECONDS_MAX: u64 = 40;

/// How old the last run over a whole chain may be before one begins unasked, in seconds: the daily
/// schedule asks, but may not reach every chain.
pub const FULL_SECONDS_MAX: i64 = 25 * 60 * 60;

/// What the function works with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Auditor {
    app: App,
    time: Duration,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Chains that were verified to their end, and signed.
    pub verified: u64,
    /// Chains with a fault, found now or before.
    pub faulty: u64,
    /// Chains that could not be read or signed, or that the time did not reach or reach the end of.
    pub unverified: u64,
    /// Chains whose run from the beginning came to its end.
    pub whole: u64,
    /// How long the oldest record had waited to be verified, in seconds.
    pub lag_seconds: f64,
}

/// Why a chain was not verified.
enum Trouble {
    /// Because of what it is.
    Fault(Box<Fault>),
    /// It could not be read, or not be signed.
    Other(String),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<PublishError> for Trouble {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Fault(fault) => Self::Fault(fault),
            other => Self::Other(other.to_string()),
        }
    }
}

/// How far a chain was followed.
enum Followed {
    /// To its end, and there is a checkpoint of it.
    Verified,
    /// Not to its end: the time was over, or another process went on.
    Behind,
    /// Not to its end: something could not be read, signed or anchored.
    Unable,
    /// It has a fault.
    Faulty,
}

impl Auditor {
    /// The auditor of a function.
    pub fn of(app: &App) -> Self {
        Self { app: app.clone(), time: Duration::from_secs(RUN_SECONDS_MAX) }
    }

    /// The auditor with another limit on the time of a run.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Every chain there is, or was: those of the index are entered in the roster.
    async fn chains(&self) -> Result<Vec<TenantId>, store::Error> {
        let store = &self.app.store;
        let mut known: BTreeSet<TenantId> = store.ledger_roster().await?.into_iter().collect();
        let mut position = None;
        loop {
            let page = store.ledger_chains(position).await?;
            for tenant in page.tenants {
                if !known.contains(&tenant) {
                    store.ledger_roster_put(&tenant).await?;
                    known.insert(tenant);
                }
            }
            position = page.next;
            if position.is_none() {
                break;
            }
        }
        let mut chains: Vec<TenantId> = known.into_iter().collect();
        let first = self.first_of(chains.len());
        chains.rotate_left(first);
        Ok(chains)
    }

    /// Which chain a run begins with: another one each minute. The multiples of the golden ratio spread
    /// evenly, so that runs that reach only some chains soon have reached all.
    fn first_of(&self, chains: usize) -> usize {
        const GOLDEN: u128 = 0x9e37_79b9_7f4a_7c15;
        let minute = self.app.clock.now().as_seconds().unsigned_abs() / 60;
        let part = u128::from(minute) * GOLDEN % (1 << 64);
        usize::try_from((part * chains as u128) >> 64).unwrap_or_default()
    }

    /// Makes the verification of a chain begin anew.
    async fn reset(&self, tenant: &TenantId) -> Result<(), store::Error> {
        for run in [VERIFIER_INCREMENTAL, FULL] {
            if let Some(state) = self.app.store.ledger_verified(tenant, run).await? {
                let version = state.version + 1;
                let anew = VerifierRun { version, ..VerifierRun::begun(self.app.clock.now()) };
                self.app.store.ledger_verified_put(tenant, run, &anew).await?;
            }
        }
        tracing::warn!(tenant_id = %tenant, "audit_verification_reset");
        Ok(())
    }
}

/// One run: by the minute, `{"run": "full"}` by the day, or `{"run": "reset", "tenant_id": …}`.
pub async fn handle(auditor: &Auditor, event: Value) -> Result<Report, store::Error> {
    let asked = |name| event.get(name).and_then(Value::as_str);
    let mut report = Report::default();
    if asked("run") == Some("reset") {
        let tenant = asked("tenant_id").and_then(|tenant| TenantId::parse(tenant).ok());
        let none = || store::Error::Defect("a reset names no tenant".to_owned());
        auditor.reset(&tenant.ok_or_else(none)?).await?;
        return Ok(report);
    }
    let deadline = Instant::now() + auditor.time;
    let mut sound = Vec::new();
    for tenant in auditor.chains().await? {
        let followed = if Instant::now() < deadline {
            auditor.follow(&tenant, deadline, &mut report.lag_seconds).await
        } else {
            Ok(Followed::Behind)
        };
        match followed {
            Ok(Followed::Verified) => {
                report.verified += 1;
                sound.push(tenant);
            }
            Ok(Followed::Behind | Followed::Unable) => report.unverified += 1,
            Ok(Followed::Faulty) => report.faulty += 1,
            Err(error) => {
                tracing::error!(tenant_id = %tenant, %error, "a chain cannot be verified");
                report.unverified += 1;
            }
        }
    }
    for tenant in sound {
        if Instant::now() >= deadline {
            break;
        }
        let is_asked = asked("run") == Some(FULL);
        match auditor.read_whole(&tenant, deadline, is_asked).await {
            Ok(Followed::Verified) => report.whole += 1,
            Ok(Followed::Behind) => {}
            Ok(Followed::Faulty) => {
                report.faulty += 1;
                report.verified -= 1;
            }
            Ok(Followed::Unable) => {
                report.unverified += 1;
                report.verified -= 1;
            }
            Err(error) => {
                tracing::error!(tenant_id = %tenant, %error, "a chain cannot be read whole");
                report.unverified += 1;
                report.verified -= 1;
            }
        }
    }
    let Report { verified, faulty: faults, unverified, lag_seconds, .. } = report;
    AuditTally { verified, faults, unverified, lag_seconds }.report(&auditor.app, FUNCTION);
    Ok(report)
}
