//! Epochs in the core table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::id::TenantId;
use sha2::{Digest, Sha256};

use super::{Epoch, Epochs, Scope};
use crate::Store;
use crate::error::Error;
use crate::item::{Item, text};
use crate::key;
use crate::meter::Call;

impl Store {
    pub(super) async fn table_epochs(
        &self,
        tenant: &TenantId,
        scopes: &[Scope],
    ) -> Result<Epochs, Error> {
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

    pub(super) async fn shared_epochs_move(
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
