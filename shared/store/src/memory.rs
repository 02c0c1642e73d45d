//! What a process remembers of the inputs of decisions, each under the epochs it was read under.
//!
//! Bounded in size: what was not used for longest goes first. Bounded in time as well, although epochs
//! alone decide what still holds: a defect in them would end with the entry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::grants::Grants;
use domain::id::{EntityId, RoleId, TenantId};
use domain::principal::Principal;
use domain::role::Role;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::authorization::Located;
use crate::epochs::{Epoch, Epochs, Scope, Stamp};
use crate::grants::Part;
use crate::pause::Chance;

/// Assignments of all remembered principals together; one takes about half a kilobyte.
const GRANTS_MAX: u64 = 100_000;
/// Assignments and memberships of all remembered groups together.
const PARTS_MAX: u64 = 50_000;
/// Remembered roles and resources.
const ROLES_MAX: usize = 10_000;
const RESOURCES_MAX: usize = 50_000;
/// Remembered epochs, for those who do not ask for the last ones.
const EPOCHS_MAX: usize = 50_000;

/// How long anything is remembered, in seconds. A part of it is random, so that what was read together
/// does not have to be read again together.
const REMEMBERED_SECONDS_MAX: u64 = 600;

/// How old an epoch may be that [`Consistency::MinimizeLatency`](crate::Consistency) goes by.
pub(crate) const MINIMIZED_SECONDS: u64 = 1;

/// Inputs of decisions, as they were read.
pub(crate) struct Memory {
    grants: Cache<(TenantId, Principal), Known<Grants>, Lengths>,
    parts: Cache<(TenantId, Principal), Known<Part>, Lengths>,
    roles: Cache<(TenantId, RoleId), Known<Role>>,
    located: Cache<(TenantId, EntityId), Known<Located>>,
    epochs: Cache<(TenantId, Scope), (Epoch, Instant)>,
    chance: Chance,
}

/// Something remembered, with what must still be so for it to hold.
#[derive(Debug)]
pub(crate) struct Known<T> {
    pub(crate) value: Arc<T>,
    pub(crate) stamps: Arc<[Stamp]>,
    until: Instant,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), stamps: self.stamps.clone(), until: self.until }
    }
}

impl<T> Known<T> {
    fn new(value: Arc<T>, stamps: Vec<Stamp>, chance: &Chance) -> Self {
        let jitter = chance.number() % (REMEMBERED_SECONDS_MAX / 3);
        let until = Instant::now() + Duration::from_secs(REMEMBERED_SECONDS_MAX - jitter);
        Self { value, stamps: stamps.into(), until }
    }

    /// The value, if it still holds.
    pub(crate) fn confirmed(self, epochs: &Epochs) -> Option<Arc<T>> {
        (epochs.confirm(&self.stamps) && Instant::now() < self.until).then_some(self.value)
    }
}

/// Weighs what is remembered by how much it holds.
#[derive(Clone)]
struct Lengths;

impl Weighter<(TenantId, Principal), Known<Grants>> for Lengths {
    fn weight(&self, _: &(TenantId, Principal), known: &Known<Grants>) -> u64 {
        1 + known.value.iter().count() as u64
    }
}

impl Weighter<(TenantId, Principal), Known<Part>> for Lengths {
    fn weight(&self, _: &(TenantId, Principal), known: &Known<Part>) -> u64 {
        1 + (known.value.assignments.len() + known.value.groups.len()) as u64
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(Chance::default())
    }
}

impl Memory {
    /// A memory of nothing yet.
    pub(crate) fn of(chance: Chance) -> Self {
        Self {
            grants: Cache::with_weighter(1_000, GRANTS_MAX, Lengths),
            parts: Cache::with_weighter(100, PARTS_MAX, Lengths),
            roles: Cache::new(ROLES_MAX),
            located: Cache::new(RESOURCES_MAX),
            epochs: Cache::new(EPOCHS_MAX),
            chance,
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("grants", &self.grants.len())
            .field("located", &self.located.len())
            .finish_non_exhaustive()
    }
}

impl Memory {
    /// What speaks for a principal.
    pub(crate) fn grants(&self, tenant: &TenantId, principal: &Principal) -> Option<Known<Grants>> {
        self.grants.get(&(tenant.clone(), principal.clone()))
    }

    pub(crate) fn keep_grants(
        &self,
        tenant: &TenantId,
        of: &Principal,
        grants: Arc<Grants>,
        stamps: Vec<Stamp>,
    ) {
        let known = Known::new(grants, stamps, &self.chance);
        self.grants.insert((tenant.clone(), of.clone()), known);
    }

    /// What is stored of a group, or of every principal of a type.
    pub(crate) fn part(
        &self,
        tenant: &TenantId,
        of: &Principal,
        epochs: &Epochs,
    ) -> Option<Arc<Part>> {
        self.parts.get(&(tenant.clone(), of.clone()))?.confirmed(epochs)
    }

    pub(crate) fn keep_part(
        &self,
        tenant: &TenantId,
        of: &Principal,
        part: Arc<Part>,
        stamp: Stamp,
    ) {
        let known = Known::new(part, vec![stamp], &self.chance);
        self.parts.insert((tenant.clone(), of.clone()), known);
    }

    /// A role.
    pub(crate) fn role(
        &self,
        tenant: &TenantId,
        id: &RoleId,
        epochs: &Epochs,
    ) -> Option<Arc<Role>> {
        self.roles.get(&(tenant.clone(), id.clone()))?.confirmed(epochs)
    }

    pub(crate) fn keep_role(&self, role: &Arc<Role>, policy: Epoch) {
        let known = Known::new(role.clone(), vec![(Scope::Policy, policy)], &self.chance);
        self.roles.insert((role.tenant_id.clone(), role.id.clone()), known);
    }

    /// A resource with its line.
    pub(crate) fn located(
        &self,
        tenant: &TenantId,
        id: &EntityId,
        epochs: &Epochs,
    ) -> Option<Arc<Located>> {
        self.located.get(&(tenant.clone(), id.clone()))?.confirmed(epochs)
    }

    pub(crate) fn keep_located(&self, tenant: &TenantId, located: Located, hierarchy: Epoch) {
        let id = located.id.clone();
        let stamps = vec![(Scope::Hierarchy, hierarchy)];
        let known = Known::new(Arc::new(located), stamps, &self.chance);
        self.located.insert((tenant.clone(), id), known);
    }

    /// The epochs of these scopes, if all were read a moment ago.
    pub(crate) fn recent_epochs(&self, tenant: &TenantId, scopes: &[Scope]) -> Option<Epochs> {
        let oldest = Instant::now().checked_sub(Duration::from_secs(MINIMIZED_SECONDS))?;
        let recent = scopes.iter().map(|scope| {
            let (epoch, at) = self.epochs.get(&(tenant.clone(), scope.clone()))?;
            (at >= oldest).then(|| (scope.clone(), epoch))
        });
        recent.collect()
    }

    /// Remembers epochs that were asked for at a moment.
    pub(crate) fn keep_epochs(&self, tenant: &TenantId, epochs: &Epochs, asked_at: Instant) {
        for (scope, epoch) in epochs.iter() {
            self.epochs.insert((tenant.clone(), scope.clone()), (*epoch, asked_at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenFGA #3033: what was remembered together ended together, and was read again by all at once.
    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_together_does_not_end_together() {
        let now = Instant::now();
        let ends: Vec<u64> = (0..100)
            .map(|_| {
                (Known::new(Arc::new(()), Vec::new(), &Chance::system()).until - now).as_secs()
            })
            .collect();
        let (first, last) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
        assert!(*last <= REMEMBERED_SECONDS_MAX && *first > REMEMBERED_SECONDS_MAX / 2);
        assert!(last - first > REMEMBERED_SECONDS_MAX / 6, "from {first} to {last} s");
    }
}
