//! Reading a chain whole: from its first record to what the incremental run has verified, against the
//! latest checkpoint, the tiles of its leaves and the anchor.
//!
//! It finds what was changed in what was verified before. The index is not asked: it would cost as much as
//! all the rest, and whatever it could show has another root than the one that was signed.

use api::ledger::VERIFIER_INCREMENTAL;
use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::Head;
use domain::ledger::fault::Fault;
use domain::ledger::verify::Verifier;
use domain::time::Timestamp;
use store::Error;
use store::ledger::VerifierRun;
use tokio::time::Instant;

use crate::walk::Walk;
use crate::{Auditor, FULL, FULL_SECONDS_MAX, Followed, Trouble};

impl Auditor {
    /// Goes on with reading a chain whole, or begins where that is asked for or long ago; says
    /// [`Followed::Verified`] when the end was reached now.
    pub(crate) async fn read_whole(
        &self,
        tenant: &TenantId,
        deadline: Instant,
        asked: bool,
    ) -> Result<Followed, Error> {
        let store = &self.app.store;
        let now = self.app.clock.now();
        let Some(followed) = store.ledger_verified(tenant, VERIFIER_INCREMENTAL).await? else {
            return Ok(Followed::Behind);
        };
        let before = store.ledger_verified(tenant, FULL).await?;
        if let Some(fault) = before.as_ref().and_then(|before| before.fault.clone()) {
            return self.stop(tenant, followed, fault).await;
        }
        let is_old = |since: Timestamp| now >= since.plus_seconds(FULL_SECONDS_MAX);
        let begins = match &before {
            None => asked || is_old(followed.begun_at),
            Some(before) => before.done_at.is_some() && (asked || is_old(before.begun_at)),
        };
        let mut state = match &before {
            Some(before) if begins => {
                VerifierRun { version: before.version, ..VerifierRun::begun(now) }
            }
            Some(before) if before.done_at.is_none() => before.clone(),
            None if begins => VerifierRun::begun(now),
            _ => return Ok(Followed::Behind),
        };
        let advanced = self.advance_whole(tenant, &mut state, &followed.head, deadline).await;
        let fault = match &advanced {
            Err(Trouble::Fault(fault)) => Some((**fault).clone()),
            _ => None,
        };
        let settled = self.settle(tenant, FULL, before, state, advanced).await?;
        match fault {
            Some(fault) => self.stop(tenant, followed, fault).await,
            None => Ok(settled),
        }
    }

    /// Makes a fault that was found here that of the chain, which is then followed and signed no more.
    async fn stop(
        &self,
        tenant: &TenantId,
        followed: VerifierRun,
        fault: Fault,
    ) -> Result<Followed, Error> {
        let version = followed.version + 1;
        let state = VerifierRun { fault: Some(fault), version, ..followed };
        match self.app.store.ledger_verified_put(tenant, VERIFIER_INCREMENTAL, &state).await {
            // Another process went on with it: the next run finds the fault here, and stops it then.
            Ok(()) | Err(Error::Conflict(_)) => Ok(Followed::Faulty),
            Err(error) => Err(error),
        }
    }

    async fn advance_whole(
        &self,
        tenant: &TenantId,
        state: &mut VerifierRun,
        followed: &Head,
        deadline: Instant,
    ) -> Result<Followed, Trouble> {
        let store = &self.app.store;
        let signed = self.signed(tenant).await?;
        let mut verifier = Verifier::resume(tenant.clone(), state.head.clone());
        let of_followed =
            self.app.notary.as_ref().map(|notary| notary.origin(tenant)).transpose()?;
        let of_followed = of_followed.map(|origin| Checkpoint::of(&origin, &followed.frontier));
        for expected in signed.iter().chain(&of_followed) {
            if expected.size >= state.head.size() {
                verifier.expect(expected.clone())?;
            }
        }
        let tiles = Some(signed.as_ref().map_or(0, |signed| signed.size));
        let (head, since) = (state.head.clone(), None);
        let mut walk = Walk { store, tenant, verifier, deadline, tiles, head, since };
        let end = store.ledger_last(tenant).await?.map_or(0, |end| end.number);
        let walked = walk.run(end.max(followed.number)).await;
        state.head = walk.head.clone();
        if !walked? {
            return Ok(Followed::Behind);
        }
        walk.verifier.finish()?;
        if let (Some(notary), Some(signed)) = (&self.app.notary, &signed) {
            notary.hold_anchor(signed).await?;
        }
        state.checkpoint = signed;
        state.done_at = Some(self.app.clock.now());
        Ok(Followed::Verified)
    }
}
