//! Following a chain: what was appended since the last run, held against what was verified and signed.
//!
//! Three things are read in this order: what the verifier remembers, the latest signed checkpoint, the end
//! of the chain. Each can only be behind the next, whoever appends and publishes meanwhile; so what is
//! missing is missing, and never only not yet there.

use api::App;
use api::ledger::{VERIFIER_INCREMENTAL, publish};
use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::{Commit, Head};
use domain::ledger::fault::{Fault, Kind};
use domain::ledger::verify::Verifier;
use domain::ledger::watch::continues;
use domain::time::Timestamp;
use store::Error;
use store::ledger::VerifierRun;
use tokio::time::Instant;

use crate::walk::Walk;
use crate::{Auditor, Followed, Trouble};

impl Auditor {
    /// Follows a chain to its end, and publishes a checkpoint of that.
    pub(crate) async fn follow(
        &self,
        tenant: &TenantId,
        deadline: Instant,
        lag_seconds: &mut f64,
    ) -> Result<Followed, Error> {
        let store = &self.app.store;
        let before = store.ledger_verified(tenant, VERIFIER_INCREMENTAL).await?;
        let mut state = before.clone().unwrap_or_else(|| VerifierRun::begun(self.app.clock.now()));
        if state.fault.is_some() {
            return Ok(Followed::Faulty);
        }
        let advanced = self.advance(tenant, &mut state, deadline, lag_seconds).await;
        self.settle(tenant, VERIFIER_INCREMENTAL, before, state, advanced).await
    }

    /// Tells of a fault, and remembers how far a run has come.
    pub(crate) async fn settle(
        &self,
        tenant: &TenantId,
        run: &str,
        before: Option<VerifierRun>,
        mut state: VerifierRun,
        advanced: Result<Followed, Trouble>,
    ) -> Result<Followed, Error> {
        let followed = match advanced {
            Ok(followed) => Ok(followed),
            Err(Trouble::Fault(fault)) => {
                // Before it is remembered: a run that ends between the two finds it again.
                self.tell(tenant, run, &fault).await?;
                state.fault = Some(*fault);
                Ok(Followed::Faulty)
            }
            Err(Trouble::Other(reason)) => Err(reason),
        };
        if before.is_none_or(|before| before != state) {
            state.version += 1;
            state.at = self.app.clock.now();
            match self.app.store.ledger_verified_put(tenant, run, &state).await {
                // Another process went on with it, and remembers what it found.
                Err(Error::Conflict(_)) => return Ok(Followed::Behind),
                put => put?,
            }
        }
        followed.or_else(|reason| {
            tracing::error!(tenant_id = %tenant, run, reason, "a chain is not verified or not signed");
            Ok(Followed::Unable)
        })
    }

    async fn advance(
        &self,
        tenant: &TenantId,
        state: &mut VerifierRun,
        deadline: Instant,
        lag_seconds: &mut f64,
    ) -> Result<Followed, Trouble> {
        let store = &self.app.store;
        let signed = self.signed(tenant).await?;
        let end = store.ledger_last(tenant).await?;
        // The chain first: what is gone with all its checkpoints is named by what is gone.
        hold_end(&state.head, end.as_ref())?;
        hold_checkpoint(state.checkpoint.as_ref(), signed.as_ref())?;
        let mut verifier = Verifier::resume(tenant.clone(), state.head.clone());
        // One of before the start is held against the chain by the publisher, whose next one continues it.
        let expected = signed.filter(|signed| signed.size >= state.head.size());
        if let Some(checkpoint) = expected.clone() {
            verifier.expect(checkpoint)?;
        }
        let (head, tiles, since) = (state.head.clone(), None, None);
        let mut walk = Walk { store, tenant, verifier, deadline, tiles, head, since };
        let walked = walk.run(end.as_ref().map_or(0, |end| end.number)).await;
        state.head = walk.head.clone();
        if let Some(since) = walk.since {
            *lag_seconds = lag_seconds.max(seconds_between(&self.app, since));
        }
        let ended = walked?;
        if let Some(checkpoint) = expected.clone().filter(|of| of.size <= state.head.size()) {
            state.checkpoint = Some(checkpoint);
        }
        if !ended {
            return Ok(Followed::Behind);
        }
        walk.verifier.finish()?;
        let signed = expected.map_or(0, |signed| signed.size);
        if state.head.size() > signed {
            self.publish(tenant, state, deadline).await?;
        }
        Ok(Followed::Verified)
    }

    /// The latest signed checkpoint; `None` without one, and in a deployment that signs none.
    pub(crate) async fn signed(&self, tenant: &TenantId) -> Result<Option<Checkpoint>, Trouble> {
        let Some(notary) = &self.app.notary else { return Ok(None) };
        let Some(note) = self.app.store.ledger_signed(tenant).await? else { return Ok(None) };
        let forged = |reason| Fault::of_range(1, 1, Kind::CheckpointForged { reason });
        let opened = Checkpoint::open(&note, &notary.key(tenant).await?);
        Ok(Some(opened.map_err(|error| forged(error.to_string()))?))
    }

    /// Publishes what was verified, in as many statements as that takes.
    async fn publish(
        &self,
        tenant: &TenantId,
        state: &mut VerifierRun,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        if self.app.notary.is_none() {
            return Ok(());
        }
        while let Some(published) = publish(&self.app, tenant).await? {
            let size = state.head.size();
            let (checkpoint, found) = (published.checkpoint, state.head.frontier.root());
            if checkpoint.size == size && checkpoint.root != found {
                return Err(Fault::of_range(1, size, Kind::Rewritten { size, found }).into());
            }
            let reached = checkpoint.size >= size;
            if checkpoint.size == size {
                state.checkpoint = Some(checkpoint);
            }
            // What others appended meanwhile is the next run's to look at.
            if reached || published.is_current || Instant::now() >= deadline {
                break;
            }
        }
        Ok(())
    }
}

/// Holds the latest signed checkpoint against the latest one that was seen. That a larger one continues it
/// shows in the chain, which had the smaller one's root.
fn hold_checkpoint(seen: Option<&Checkpoint>, signed: Option<&Checkpoint>) -> Result<(), Fault> {
    match (seen, signed) {
        (Some(seen), Some(signed)) if signed.size <= seen.size => continues(seen, signed, &[]),
        (Some(seen), None) => {
            let kind = Kind::Rollback { size: seen.size, found: 0 };
            Err(Fault::of_range(1, seen.size, kind))
        }
        _ => Ok(()),
    }
}

/// Holds the end of a chain against the end of what was verified of it: nothing may be gone, and the last
/// segment must be the one that was read.
fn hold_end(verified: &Head, end: Option<&Commit>) -> Result<(), Fault> {
    let size = verified.size();
    let Some(end) = end else {
        let gone = || Fault::of_range(1, size, Kind::ChainMissing { size });
        return if size == 0 { Ok(()) } else { Err(gone()) };
    };
    let found = end.last();
    if found < size {
        return Err(Fault::of_range(found + 1, size, Kind::TailMissing { size, found }));
    }
    if end.number < verified.number {
        let kind = Kind::Segment { expected: verified.number, found: end.number };
        return Err(Fault::of_range(1, found, kind).in_segment(verified.number));
    }
    if end.number == verified.number && end.head() != *verified {
        let kind = Kind::Rewritten { size: found, found: end.frontier.root() };
        return Err(Fault::of_range(end.first(), found, kind).in_segment(end.number));
    }
    Ok(())
}

fn seconds_between(app: &App, since: Timestamp) -> f64 {
    let age = app.clock.now().as_microseconds().saturating_sub(since.as_microseconds());
    #[expect(clippy::cast_precision_loss, reason = "a duration, for a metric")]
    let seconds = age as f64 / 1_000_000.0;
    seconds.max(0.0)
}
