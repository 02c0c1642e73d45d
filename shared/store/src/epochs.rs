//! Epochs: by which a process knows that what it remembers is still so.
//!
//! Everything that decides is covered by an epoch, an opaque value that changes with it. What was read is
//! remembered under the epochs that were read **before** it, and used again only while they are the same.
//! An epoch that cannot be told stands for "read again", never for "still so".
//!
//! | scope | changes with |
//! |---|---|
//! | a principal, a group | its own assignments, memberships and properties |
//! | wildcard | the assignments of every principal of some type |
//! | policy | the roles of the tenant |
//! | hierarchy | which entity stands under which |
//!
//! Where the epochs live is a matter of where the functions run: in the process that alone writes
//! ([`EpochSource::in_process`]), in a cache (`valkey.rs`), or in the core table. In the table a principal's
//! epoch moves within the transaction of the change, wherever else epochs live; the three shared ones do, too,
//! and where they live there once more after it, before the change is acknowledged. The first survives a crash
//! between the two. The second is for readers that come while the transaction is being applied: DynamoDB
//! applies it item by item, so they may see the new epoch before the new role. (What remains: where the second
//! fails *and* a reader came in just those milliseconds, it may remember the old role until the epoch moves
//! again, 10 minutes at most. The change is not acknowledged then; a repeat of the request is, from its
//! receipt.)
//! For a principal's own items no second write is needed, because its epoch says which items it
//! counts ([`weight`]), and what does not add up is not remembered.

mod access;
mod defect;
mod in_process;
mod table;
#[cfg(feature = "valkey")]
mod valkey;

use std::collections::HashMap;

use domain::id::TenantId;
use domain::principal::Principal;

use crate::Store;
use crate::error::Error;
pub use access::{CacheAccess, CacheDoor};
pub use defect::Defect;
use in_process::Announced;
pub use in_process::InProcess;
pub(crate) use table::{add_one, epoch_within, weight};
#[cfg(feature = "valkey")]
pub use valkey::{Limits, Valkey};

/// What an epoch covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// What is stored of one principal.
    Principal(Principal),
    /// What every principal of some type holds.
    Wildcard,
    /// The roles.
    Policy,
    /// Which entity stands under which.
    Hierarchy,
}

impl Scope {
    /// What a change to what a principal holds moves.
    pub(crate) fn of(principal: &Principal) -> Self {
        if principal.id.is_every() { Self::Wildcard } else { Self::Principal(principal.clone()) }
    }

    /// The attribute of a shared epoch in the tenant's item.
    fn shared(&self) -> Option<&'static str> {
        match self {
            Self::Principal(_) => None,
            Self::Wildcard => Some("wildcard"),
            Self::Policy => Some("policy"),
            Self::Hierarchy => Some("hierarchy"),
        }
    }
}

/// The value of an epoch. Says nothing but whether it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

/// Epochs as they were read: what is not in it cannot be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs {
    read: HashMap<Scope, Epoch>,
    /// Whether what cannot be told is trusted: a [`Defect`].
    trusts_silence: bool,
}

impl Epochs {
    /// The epoch of a scope.
    pub(crate) fn get(&self, scope: &Scope) -> Option<Epoch> {
        self.read.get(scope).copied()
    }

    /// Whether all these are still the same.
    pub(crate) fn confirm(&self, stamps: &[Stamp]) -> bool {
        stamps.iter().all(|(scope, epoch)| match self.get(scope) {
            Some(now) => now == *epoch,
            None => self.trusts_silence,
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Scope, &Epoch)> {
        self.read.iter()
    }
}

impl FromIterator<Stamp> for Epochs {
    fn from_iter<I: IntoIterator<Item = Stamp>>(stamps: I) -> Self {
        Self { read: stamps.into_iter().collect(), trusts_silence: false }
    }
}

/// Under which epoch something is remembered.
pub(crate) type Stamp = (Scope, Epoch);

/// Where the epochs live.
#[derive(Clone, Debug, Default)]
pub struct EpochSource {
    place: Place,
    #[cfg(feature = "defects")]
    defect: Option<Defect>,
}

#[derive(Clone, Debug, Default)]
enum Place {
    #[default]
    Table,
    InProcess(InProcess),
    #[cfg(feature = "valkey")]
    Valkey(Valkey),
}

/// Scopes that are about to move. To be settled when the change is known to be done; otherwise nobody
/// trusts their epochs for a while.
pub(crate) enum Moving<'a> {
    Table(&'a [Scope]),
    InProcess(Announced<'a>),
    #[cfg(feature = "valkey")]
    Valkey(&'a Valkey, valkey::Marked),
}

impl EpochSource {
    /// In the core table: for any number of processes, at 1 RCU for each principal and group and 1 for the
    /// rest.
    pub fn table() -> Self {
        Self::default()
    }

    /// In this process, which alone writes.
    pub fn in_process(epochs: InProcess) -> Self {
        Self::at(Place::InProcess(epochs))
    }

    /// In a cache: for any number of processes, at no capacity units. While it cannot be reached, nothing
    /// that is remembered is used, and nothing that decides can be changed.
    #[cfg(feature = "valkey")]
    pub fn valkey(epochs: Valkey) -> Self {
        Self::at(Place::Valkey(epochs))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            #[cfg(feature = "defects")]
            defect: None,
        }
    }

    /// The same epochs with something wrong about them.
    #[cfg(feature = "defects")]
    #[must_use]
    pub fn with_defect(self, defect: Defect) -> Self {
        Self { defect: Some(defect), ..self }
    }

    /// Whether this is wrong about them: never, but in a build made for it.
    #[cfg(feature = "defects")]
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Whether this is wrong about them: never, but in a build made for it.
    #[cfg(not(feature = "defects"))]
    pub(crate) const fn has(&self, _: Defect) -> bool {
        false
    }

    /// Whether epochs are read without a round trip.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self.place, Place::InProcess(_))
    }

    /// Whether a partition that is read brings its own epoch along.
    pub(crate) fn is_within(&self) -> bool {
        matches!(self.place, Place::Table)
    }
}

impl Store {
    /// The epochs of these scopes. From the table: one round trip, 1 RCU for each item.
    pub(crate) async fn epochs_read(
        &self,
        tenant: &TenantId,
        scopes: &[Scope],
    ) -> Result<Epochs, Error> {
        let mut epochs = match &self.epochs.place {
            Place::Table => return self.table_epochs(tenant, scopes).await,
            Place::InProcess(epochs) => epochs.read(tenant, scopes),
            #[cfg(feature = "valkey")]
            Place::Valkey(epochs) => epochs.read(tenant, scopes).await,
        };
        epochs.trusts_silence = self.epochs.has(Defect::TrustsSilence);
        Ok(epochs)
    }

    /// The epochs of partitions that are about to be read, unless these bring them along.
    pub(crate) async fn epochs_ahead(
        &self,
        tenant: &TenantId,
        scopes: &[Scope],
    ) -> Result<Epochs, Error> {
        if self.epochs.is_within() {
            Ok(Epochs::default())
        } else {
            self.epochs_read(tenant, scopes).await
        }
    }

    /// Says that scopes are about to move. Where that cannot be said, they must not.
    pub(crate) async fn announce<'a>(
        &'a self,
        tenant: &TenantId,
        scopes: &'a [Scope],
    ) -> Result<Moving<'a>, Error> {
        let scopes = if self.epochs.has(Defect::ForgetsRoles) && scopes == [Scope::Policy] {
            &[]
        } else {
            scopes
        };
        let moving = self.announced(tenant, scopes).await?;
        if self.epochs.has(Defect::MovesTooEarly) && !matches!(moving, Moving::Table(_)) {
            self.settle(tenant, moving).await?;
            return self.announced(tenant, &[]).await;
        }
        Ok(moving)
    }

    async fn announced<'a>(
        &'a self,
        tenant: &TenantId,
        scopes: &'a [Scope],
    ) -> Result<Moving<'a>, Error> {
        Ok(match &self.epochs.place {
            Place::Table => Moving::Table(scopes),
            Place::InProcess(epochs) => Moving::InProcess(epochs.announce(tenant, scopes)),
            #[cfg(feature = "valkey")]
            Place::Valkey(epochs) => Moving::Valkey(epochs, epochs.announce(tenant, scopes).await?),
        })
    }

    /// Moves the epochs of what has changed. Until that is done, the change must not be acknowledged.
    pub(crate) async fn settle(&self, tenant: &TenantId, moving: Moving<'_>) -> Result<(), Error> {
        match moving {
            Moving::Table(scopes) => match add_one(scopes) {
                Some(update_expression) => self.shared_epochs_move(tenant, update_expression).await,
                None => Ok(()),
            },
            Moving::InProcess(announced) => {
                announced.settle();
                Ok(())
            }
            #[cfg(all(feature = "valkey", feature = "defects"))]
            Moving::Valkey(epochs, marked) if self.epochs.has(Defect::SettlesOwnMarkOnly) => {
                epochs.settle_own(marked).await
            }
            #[cfg(feature = "valkey")]
            Moving::Valkey(epochs, marked) => epochs.settle(marked).await,
        }
    }
}

impl Moving<'_> {
    /// Says that nothing has changed.
    pub(crate) async fn cancel(self) {
        match self {
            Self::Table(_) => {}
            Self::InProcess(announced) => announced.settle(),
            #[cfg(feature = "valkey")]
            Self::Valkey(epochs, marked) => epochs.cancel(marked).await,
        }
    }
}
