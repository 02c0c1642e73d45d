//! Epochs in the memory of the one process that writes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::id::TenantId;
use tokio::time::Instant;

use super::{Epoch, Epochs, Scope};

/// How long nobody trusts the epochs of a change of which nobody knows whether it was done: longer than a
/// transaction can still be on its way.
const SUSPECT_SECONDS: u64 = 30;

/// Scopes whose epochs are kept one by one. Beyond that all are forgotten at once, which costs reads.
const SCOPES_MAX: usize = 1_000_000;

/// The epochs of a process that alone writes. Clones are the same epochs.
#[derive(Clone, Debug, Default)]
pub struct InProcess(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The last value given out: no value is given out twice.
    last: u64,
    /// The epoch of every scope that is not named below.
    floor: u64,
    epochs: HashMap<TenantId, HashMap<Scope, u64>>,
    scopes: usize,
    /// Scopes of changes whose end nobody knows, and until when that matters.
    suspects: Vec<(TenantId, Vec<Scope>, Instant)>,
}

/// A change under way. Dropped without being settled, as when its request is abandoned, it leaves its scopes
/// under suspicion.
pub(crate) struct Announced<'a> {
    state: &'a Mutex<State>,
    tenant: TenantId,
    scopes: &'a [Scope],
    settled: bool,
}

impl InProcess {
    pub(super) fn read(&self, tenant: &TenantId, scopes: &[Scope]) -> Epochs {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.suspects.is_empty() {
            let now = Instant::now();
            state.suspects.retain(|(.., until)| *until > now);
        }
        let suspected = |scope: &Scope| {
            let mut suspects = state.suspects.iter();
            suspects.any(|(of, scopes, _)| of == tenant && scopes.contains(scope))
        };
        let of_tenant = state.epochs.get(tenant);
        let epochs = scopes.iter().filter(|scope| !suspected(scope)).map(|scope| {
            let epoch = of_tenant.and_then(|epochs| epochs.get(scope)).copied();
            (scope.clone(), Epoch(epoch.unwrap_or(state.floor)))
        });
        epochs.collect()
    }

    pub(super) fn announce<'a>(&'a self, tenant: &TenantId, scopes: &'a [Scope]) -> Announced<'a> {
        Announced { state: &self.0, tenant: tenant.clone(), scopes, settled: false }
    }
}

impl State {
    fn move_on(&mut self, tenant: &TenantId, scopes: &[Scope]) {
        if self.scopes > SCOPES_MAX {
            self.epochs.clear();
            self.scopes = 0;
            self.last += 1;
            self.floor = self.last;
        }
        let epochs = self.epochs.entry(tenant.clone()).or_default();
        for scope in scopes {
            self.last += 1;
            if epochs.insert(scope.clone(), self.last).is_none() {
                self.scopes += 1;
            }
        }
    }
}

impl Announced<'_> {
    pub(super) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.move_on(&self.tenant, self.scopes);
        if !self.settled && !self.scopes.is_empty() {
            let until = Instant::now() + Duration::from_secs(SUSPECT_SECONDS);
            state.suspects.push((self.tenant.clone(), self.scopes.to_vec(), until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> TenantId {
        TenantId::parse("t").unwrap()
    }

    #[tokio::test]
    async fn an_epoch_moves_with_its_scope_and_no_other() {
        let epochs = InProcess::default();
        let both = [Scope::Policy, Scope::Hierarchy];
        let before = epochs.read(&tenant(), &both);
        epochs.announce(&tenant(), &[Scope::Policy]).settle();
        let after = epochs.read(&tenant(), &both);
        assert_ne!(before.get(&Scope::Policy), after.get(&Scope::Policy));
        assert_eq!(before.get(&Scope::Hierarchy), after.get(&Scope::Hierarchy));
        let other = TenantId::parse("u").unwrap();
        assert_eq!(epochs.read(&other, &both).get(&Scope::Policy), before.get(&Scope::Policy));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_was_abandoned_is_suspected_until_it_can_no_longer_happen() {
        let epochs = InProcess::default();
        drop(epochs.announce(&tenant(), &[Scope::Policy]));
        assert_eq!(epochs.read(&tenant(), &[Scope::Policy]).get(&Scope::Policy), None);
        tokio::time::advance(Duration::from_secs(SUSPECT_SECONDS)).await;
        assert!(epochs.read(&tenant(), &[Scope::Policy]).get(&Scope::Policy).is_some());
    }

    #[tokio::test]
    async fn epochs_that_are_forgotten_do_not_come_back() {
        let epochs = InProcess::default();
        epochs.announce(&tenant(), &[Scope::Policy]).settle();
        let before = epochs.read(&tenant(), &[Scope::Policy]).get(&Scope::Policy);
        epochs.0.lock().unwrap().scopes = SCOPES_MAX + 1;
        epochs.announce(&tenant(), &[Scope::Hierarchy]).settle();
        assert_ne!(epochs.read(&tenant(), &[Scope::Policy]).get(&Scope::Policy), before);
    }
}
