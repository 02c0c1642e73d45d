//! Idempotency receipts: the answer to a request, kept under its idempotency key for a day.
//!
//! A receipt commits with the change it answers, so there is nothing in between to get stuck in: of two
//! equal requests at once one commits, and the other meets its receipt.

use domain::id::TenantId;
use domain::principal::Principal;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::error::Error;
use crate::item::{Item, from_item, to_item};
use crate::{Store, key};

/// How long a receipt answers for, in seconds.
pub const RECEIPT_SECONDS: i64 = 24 * 60 * 60;

/// Where the receipt of one request is kept, and what the request was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptSlot {
    /// As a caller of which tenant it was sent. What it changes may be another's: the product's own.
    pub tenant_id: TenantId,
    /// Who sent it.
    pub principal: Principal,
    /// Its method.
    pub method: String,
    /// Its route, with parameters by name.
    pub route: String,
    /// The `Idempotency-Key` that came with it.
    pub idempotency_key: String,
    /// A hash of its path and body: another one under the same key is another request.
    pub fingerprint: String,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The hash of the request that was answered.
    pub fingerprint: String,
    /// The answer, as the shell encoded it.
    pub answer: String,
}

#[derive(Serialize, Deserialize)]
struct ReceiptRow {
    fingerprint: String,
    answer: String,
    /// Seconds since 1970: the table's time-to-live attribute.
    ttl: i64,
}

impl Store {
    /// The receipt in a slot, unless it is older than [`RECEIPT_SECONDS`] (the table deletes late).
    ///
    /// 1 strongly consistent read of the receipt's size.
    pub async fn receipt_read(
        &self,
        slot: &ReceiptSlot,
        now: Timestamp,
    ) -> Result<Option<Receipt>, Error> {
        let Some(item) = self.get(key::receipt(slot)).await? else { return Ok(None) };
        let ReceiptRow { fingerprint, answer, ttl } = from_item(item)?;
        Ok((ttl > now.as_seconds()).then_some(Receipt { fingerprint, answer }))
    }

    /// Remembers the answer to a request that changed nothing.
    ///
    /// Writes nothing without an idempotency key, else 2 WCU per KiB of the answer.
    pub async fn receipt_write(&self, intent: &Intent<'_>) -> Result<(), Error> {
        if intent.receipt.is_none() {
            return Ok(());
        }
        self.commit(Unit::of_answer(intent)).await
    }
}

/// The receipt of an intent as an item, with the condition under which it may be written.
pub(crate) fn receipt_item(intent: &Intent<'_>) -> Result<Option<Item>, Error> {
    let Some((slot, answer)) = &intent.receipt else { return Ok(None) };
    let row = ReceiptRow {
        fingerprint: slot.fingerprint.clone(),
        answer: answer.clone(),
        ttl: intent.act.at.as_seconds() + RECEIPT_SECONDS,
    };
    to_item(key::receipt(slot), &row).map(Some)
}
