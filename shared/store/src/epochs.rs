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
//! ([`EpochSource::in_process`]), or in the core table. There a principal's epoch moves within the transaction
//! of the change; the three shared ones do, too, and once more after it, before the change is acknowledged.
//! The first survives a crash between the two. The second is for readers that come while the transaction is
//! being applied: DynamoDB applies it item by item, so they may see the new epoch before the new role.
//! (What remains: where the second fails *and* a reader came in just those milliseconds, it may remember the
//! old role until the epoch moves again, 10 minutes at most. The change is not acknowledged then; a repeat of
//! the request is, from its receipt.)
//! For a principal's own items no second write is needed, because its epoch says which items it
//! counts ([`weight`]), and what does not add up is not remembered.

mod in_process;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::id::TenantId;
use domain::principal::Principal;
use sha2::{Digest, Sha256};

use crate::Store;
use crate::error::Error;
use crate::item::{Item, text};
use crate::key;
use crate::meter::Call;
use in_process::Announced;
pub use in_process::InProcess;

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
}

/// What can be made wrong on purpose, for a test to show that it would be found. Only a build with the
/// feature `defects` can hold one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// An epoch moves before the change is committed, not after it.
    MovesTooEarly,
    /// What was read is remembered under the epochs as they were afterwards.
    StampsTooLate,
    /// An epoch that cannot be told stands for "still so".
    TrustsSilence,
    /// What was reached through groups is validated by the principal's own epoch alone.
    ForgetsGroups,
    /// What every principal of a type holds is not validated.
    ForgetsWildcards,
    /// A changed role moves no epoch.
    ForgetsRoles,
}

/// Scopes that are about to move. To be settled when the change is known to be done; otherwise nobody
/// trusts their epochs for a while.
pub(crate) enum Moving<'a> {
    Table(&'a [Scope]),
    InProcess(Announced<'a>),
}

impl Moving<'_> {
    /// Says that nothing has changed.
    pub(crate) fn cancel(self) {
        if let Self::InProcess(announced) = self {
            announced.settle();
        }
    }
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
        match &self.epochs.place {
            Place::Table => self.table_epochs(tenant, scopes).await,
            Place::InProcess(epochs) => {
                let mut epochs = epochs.read(tenant, scopes);
                epochs.trusts_silence = self.epochs.has(Defect::TrustsSilence);
                Ok(epochs)
            }
        }
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

    async fn table_epochs(&self, tenant: &TenantId, scopes: &[Scope]) -> Result<Epochs, Error> {
        let mut keys = Vec::with_capacity(scopes.len());
        let mut principals = HashMap::new();
        for scope in scopes {
            if let Scope::Principal(principal) = scope {
                let key = key::epoch(tenant, principal);
                principals.insert(key.clone(), scope);
                keys.push(key);
            }
        }
        let shared = key::epochs(tenant);
        if scopes.iter().any(|scope| scope.shared().is_some()) {
            keys.push(shared.clone());
        }
        let items = self.batch_get(&keys).await?;
        let by_key: HashMap<_, _> =
            items.iter().filter_map(|item| Some((key::Key::of_item(item)?, item))).collect();
        let mut epochs = Epochs::default();
        for scope in scopes {
            let (item, attribute) = match scope {
                Scope::Principal(principal) => {
                    (by_key.get(&key::epoch(tenant, principal)), key::EPOCH)
                }
                _ => (by_key.get(&shared), scope.shared().unwrap_or_default()),
            };
            // What never changed has no item, and counts as 0.
            let epoch = item.map_or(Some(0), |item| counter(item, attribute));
            epochs.read.extend(epoch.map(|epoch| (scope.clone(), Epoch(epoch))));
        }
        Ok(epochs)
    }

    /// Says that scopes are about to move.
    pub(crate) fn announce<'a>(&'a self, tenant: &TenantId, scopes: &'a [Scope]) -> Moving<'a> {
        let scopes = if self.epochs.has(Defect::ForgetsRoles) && scopes == [Scope::Policy] {
            &[]
        } else {
            scopes
        };
        match &self.epochs.place {
            Place::Table => Moving::Table(scopes),
            Place::InProcess(epochs) if self.epochs.has(Defect::MovesTooEarly) => {
                epochs.announce(tenant, scopes).settle();
                Moving::InProcess(epochs.announce(tenant, &[]))
            }
            Place::InProcess(epochs) => Moving::InProcess(epochs.announce(tenant, scopes)),
        }
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
        }
    }

    async fn shared_epochs_move(
        &self,
        tenant: &TenantId,
        update_expression: String,
    ) -> Result<(), Error> {
        let call = Call::begin();
        let output = self
            .client
            .update_item()
            .table_name(&self.tables.core)
            .set_key(Some(key::epochs(tenant).into_item()))
            .update_expression(update_expression)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("UpdateItem", &error))?;
        call.end_write(output.consumed_capacity());
        Ok(())
    }
}

/// The update expression that moves shared epochs, `:one` being 1; `None` where none of them is shared.
pub(crate) fn add_one<'a>(scopes: impl IntoIterator<Item = &'a Scope>) -> Option<String> {
    let shared = scopes.into_iter().filter_map(Scope::shared);
    let counters: Vec<String> = shared.map(|name| format!("{name} :one")).collect();
    (!counters.is_empty()).then(|| format!("ADD {}", counters.join(", ")))
}

/// What an item of a principal's partition adds to the sum beside its epoch: the same for the same item
/// only. A sum of such weights says which items it was made of, so that an epoch and items that
/// were read beside it, but not at one moment, show that they do not belong together. 48 bits of a hash, so
/// that the sum of ten thousands is exact wherever it is read.
pub(crate) fn weight(item: &Item) -> i64 {
    let mut hash = Sha256::new();
    for part in [text(item, "sk"), text(item, "id"), text(item, "created_at")] {
        let part = part.unwrap_or_default();
        hash.update([part.len().to_le_bytes().as_slice(), part.as_bytes()].concat());
    }
    hash.update(counter(item, "version").unwrap_or_default().to_le_bytes());
    let [a, b, c, d, e, f, ..]: [u8; 32] = hash.finalize().into();
    i64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

/// The epoch that a whole partition of a principal was read under; `None` where epoch and items do not
/// add up, because a change was being applied while they were read.
pub(crate) fn epoch_within(partition: &[Item]) -> Option<Epoch> {
    let (mut epoch, mut held, mut sum) = (0, 0, 0);
    for item in partition {
        if text(item, "sk") == Some(key::EPOCH) {
            epoch = counter(item, key::EPOCH)?;
            held = number(item, key::HELD)?;
        } else {
            sum += weight(item);
        }
    }
    (held == sum).then_some(Epoch(epoch))
}

fn counter(item: &Item, name: &str) -> Option<u64> {
    match item.get(name) {
        None => Some(0),
        Some(value) => value.as_n().ok()?.parse().ok(),
    }
}

fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name).map_or(Some(0), |value| value.as_n().ok()?.parse().ok())
}
