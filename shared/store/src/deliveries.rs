//! How far deliveries have come: the marks on rows of the events table, and what is yet to be delivered.
//!
//! **Invariant:** a mark writes delivery fields only (the deployed role can write no others), and only on
//! a row that is still pending: what is settled stays settled, whoever comes late.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};
use domain::event::{DeliveryState, last_error};
use domain::time::Timestamp;

use crate::Store;
use crate::error::{Error, Guard};
use crate::events::state;
use crate::item::{Item, text};
use crate::key::{Key, UNDELIVERED};
use crate::meter::Call;
use crate::outbox::{OutboxRow, Record, row_key};

/// How long an audit entry stays in the outbox once the ledger's queue has it, in seconds: long enough to
/// compare the two. Events stay for ever.
const AUDIT_KEPT_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Entries of the index that one call reads.
const UNDELIVERED_PAGE_MAX: i32 = 100;

/// What a delivery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark<'a> {
    /// It arrived, at the last of so many further attempts.
    Succeeded {
        /// How many.
        attempts: u32,
    },
    /// So many further attempts failed.
    Tried {
        /// How many.
        attempts: u32,
        /// What the last one met.
        error: &'a str,
    },
    /// It is given up.
    Failed,
    /// It cannot be tried, for this reason; no attempt is counted.
    Noted(&'a str),
}

/// Where a reading of the index goes on.
#[derive(Clone, Debug)]
pub struct UndeliveredPosition(Item);

/// What is yet to be delivered, a page of it.
#[derive(Debug, Default)]
pub struct Undelivered {
    /// The rows, in the order they were stored wherever that matters; a row that cannot be read stands
    /// as the reason.
    pub rows: Vec<Result<OutboxRow, Error>>,
    /// Entries that were too young to be given.
    pub young: usize,
    /// Where to go on.
    pub next: Option<UndeliveredPosition>,
}

impl Store {
    /// Marks what a delivery came to; gives how often it was tried in all. Conflict: [`Guard::Version`],
    /// when the row is settled already.
    ///
    /// 1 WCU per KiB of the row, and 1 more for a mark that settles it.
    pub async fn outbox_mark(
        &self,
        row: &OutboxRow,
        mark: Mark<'_>,
        now: Timestamp,
    ) -> Result<u32, Error> {
        let key = row_key(row.tenant_id(), row.record(), row.event_id());
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.events)
            .set_key(Some(key.into_item()))
            .condition_expression("delivery_state = :pending")
            .expression_attribute_values(":pending", state(DeliveryState::Pending))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()));
        let number = |value: u32| AttributeValue::N(value.to_string());
        let shortened = |error: &str| AttributeValue::S(last_error(error));
        let update = match mark {
            Mark::Succeeded { attempts } => {
                let update = update
                    .expression_attribute_values(":state", state(DeliveryState::Succeeded))
                    .expression_attribute_values(":attempts", number(attempts));
                let settled = "ADD delivery_attempts :attempts \
                     REMOVE last_error, undelivered_pk, undelivered_sk";
                if row.record() == Record::Audit {
                    let ttl = now.as_seconds() + AUDIT_KEPT_SECONDS;
                    update
                        .update_expression(format!(
                            "SET delivery_state = :state, updated_at = :now, #ttl = :ttl {settled}"
                        ))
                        .expression_attribute_names("#ttl", "ttl")
                        .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string()))
                } else {
                    update.update_expression(format!(
                        "SET delivery_state = :state, updated_at = :now {settled}"
                    ))
                }
            }
            Mark::Tried { attempts, error } => update
                .update_expression(
                    "SET last_error = :error, updated_at = :now ADD delivery_attempts :attempts",
                )
                .expression_attribute_values(":error", shortened(error))
                .expression_attribute_values(":attempts", number(attempts)),
            Mark::Failed => update
                .update_expression(
                    "SET delivery_state = :state, updated_at = :now \
                     REMOVE undelivered_pk, undelivered_sk",
                )
                .expression_attribute_values(":state", state(DeliveryState::Failed)),
            Mark::Noted(reason) => update
                .update_expression("SET last_error = :error, updated_at = :now")
                .expression_attribute_values(":error", shortened(reason)),
        };
        let updated = self.update(update).await?;
        let attempts = updated.get("delivery_attempts").and_then(|value| value.as_n().ok());
        Ok(attempts.and_then(|attempts| attempts.parse().ok()).unwrap_or_default())
    }

    /// Whether rows are pending still, in their order. 1 RCU for each, up to 4 KiB.
    pub async fn outbox_are_pending(&self, rows: &[OutboxRow]) -> Result<Vec<bool>, Error> {
        let key_of = |row: &OutboxRow| row_key(row.tenant_id(), row.record(), row.event_id());
        let keys: Vec<Key> = rows.iter().map(key_of).collect();
        let found = self.batch_get_from(&self.tables.events, &keys).await?;
        let pending = DeliveryState::Pending.as_str();
        let found: HashSet<Key> = found
            .iter()
            .filter(|item| text(item, "delivery_state") == Some(pending))
            .filter_map(Key::of_item)
            .collect();
        Ok(keys.iter().map(|key| found.contains(key)).collect())
    }

    /// Sends an update; gives the attributes it changed. Conflict: [`Guard::Version`].
    pub(crate) async fn update(&self, update: UpdateItemFluentBuilder) -> Result<Item, Error> {
        let call = Call::begin();
        let sent = update
            .return_values(ReturnValue::UpdatedNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(output) => {
                call.end_write(output.consumed_capacity());
                Ok(output.attributes.unwrap_or_default())
            }
            Err(error) => {
                call.end_write([]);
                if error.code() == Some("ConditionalCheckFailedException") {
                    return Err(Error::Conflict(Guard::Version));
                }
                Err(Error::from_sdk("UpdateItem", &error))
            }
        }
    }

    /// A page of what was stored before a moment, in all tenants, and is yet to be delivered.
    ///
    /// It is read by `Scan` of a sparse index: 0.5 RCU for every 8 KiB of what is pending, and 1 RCU for
    /// each row of up to 4 KiB that is given.
    pub async fn undelivered_read(
        &self,
        before: Timestamp,
        from: Option<UndeliveredPosition>,
    ) -> Result<Undelivered, Error> {
        let call = Call::begin();
        let output = self
            .client
            .scan()
            .table_name(&self.tables.events)
            .index_name(UNDELIVERED)
            .limit(UNDELIVERED_PAGE_MAX)
            .set_exclusive_start_key(from.map(|UndeliveredPosition(key)| key))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("Scan", &error))?;
        call.end_read(output.consumed_capacity());
        let next = output.last_evaluated_key.filter(|key| !key.is_empty()).map(UndeliveredPosition);
        let entries = output.items.unwrap_or_default();
        let bound = before.to_string();
        let is_old = |entry: &&Item| {
            text(entry, "undelivered_sk").is_some_and(|place| place < bound.as_str())
        };
        let keys: Vec<Key> = entries.iter().filter(is_old).filter_map(Key::of_item).collect();
        let rows = self.batch_get_from(&self.tables.events, &keys).await?;
        let mut rows: HashMap<Key, Item> =
            rows.into_iter().filter_map(|row| Some((Key::of_item(&row)?, row))).collect();
        let young = entries.len() - keys.len();
        let rows = keys.iter().filter_map(|key| rows.remove(key)).map(OutboxRow::of_item);
        // The index lags behind: what it still names may be settled by now.
        let rows = rows
            .filter(|row| row.as_ref().map_or(true, |row| row.state() == DeliveryState::Pending))
            .collect();
        Ok(Undelivered { rows, young, next })
    }
}
