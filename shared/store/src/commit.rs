//! The unit of work: one transaction holds a change, its guards, its events, its audit entry and the
//! receipt of its request.
//!
//! **Invariant:** nothing else in this crate changes what a tenant owns. A [`Unit`] is made from a
//! [`Change`], so a change without its event and its audit entry cannot be expressed. What is written
//! elsewhere changes nothing of the kind, and says there why: an event that someone hands in, how far a
//! delivery has come, what a consumer has seen, the secret of cursors.

use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnConsumedCapacity, TransactWriteItem, Update,
};
use domain::change::{Act, Change};
use domain::principal::Principal;

use crate::epochs::{Scope, add_one, weight};
use crate::error::{Error, Guard, is_busy};
use crate::item::Item;
use crate::key::{self, Key};
use crate::meter::Call;
use crate::receipt::{ReceiptSlot, receipt_item};
use crate::{Store, outbox};

/// How often one transaction is sent before the store gives up.
pub const COMMIT_ATTEMPTS_MAX: u32 = 6;

/// How long the store goes on sending one transaction, in milliseconds: less than what a function has.
pub(crate) const COMMIT_MILLISECONDS_MAX: u64 = 6_000;

/// From this the pauses between attempts grow.
const PAUSE_MILLISECONDS_FIRST: u64 = 20;

/// A write that is about to happen: who wants it, and the answer to remember where the request carries
/// an idempotency key.
#[derive(Clone, Debug)]
pub struct Intent<'a> {
    /// Who, when, for which tenant.
    pub act: &'a Act,
    /// The slot of the receipt, and the answer as the shell encodes it.
    pub receipt: Option<(&'a ReceiptSlot, String)>,
}

/// The writes of one transaction, each with the guard that its condition stands for.
pub(crate) struct Unit<'a> {
    intent: &'a Intent<'a>,
    writes: Vec<Result<(TransactWriteItem, Guard), Error>>,
    events_table_writes: Vec<Item>,
    /// What decides and changes with this.
    scopes: Vec<Scope>,
}

impl<'a> Unit<'a> {
    /// The unit of a change: its events and its audit entry are in it from the beginning.
    pub(crate) fn of<T>(
        store: &Store,
        intent: &'a Intent<'a>,
        change: &Change<T>,
    ) -> Result<Self, Error> {
        let events_table_writes =
            outbox::rows(&store.ids, intent.act, &change.events, &change.audit)?;
        Ok(Self { intent, writes: Vec::new(), events_table_writes, scopes: Vec::new() })
    }

    /// The unit of a request that changes nothing: the receipt alone.
    pub(crate) fn of_answer(intent: &'a Intent<'a>) -> Self {
        Self { intent, writes: Vec::new(), events_table_writes: Vec::new(), scopes: Vec::new() }
    }

    /// Puts an item that must not exist yet.
    pub(crate) fn create(mut self, table: &str, item: Item, guard: Guard) -> Self {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        self.writes.push(
            put.build()
                .map(|put| (TransactWriteItem::builder().put(put).build(), guard))
                .map_err(defect),
        );
        self
    }

    /// Replaces an item whose version is still the one that was read.
    pub(crate) fn replace(mut self, table: &str, item: Item, version: u64) -> Self {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(version));
        self.writes.push(
            put.build()
                .map(|put| (TransactWriteItem::builder().put(put).build(), Guard::Version))
                .map_err(defect),
        );
        self
    }

    /// Deletes an item of which an attribute still has a value.
    pub(crate) fn delete(
        mut self,
        table: &str,
        key: Key,
        attribute: &str,
        value: AttributeValue,
    ) -> Self {
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key.into_item()))
            .condition_expression("#attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value);
        self.writes.push(
            delete
                .build()
                .map(|delete| (TransactWriteItem::builder().delete(delete).build(), Guard::Version))
                .map_err(defect),
        );
        self
    }

    /// Puts one row more into the events table.
    pub(crate) fn row(mut self, row: Item) -> Self {
        self.events_table_writes.push(row);
        self
    }

    /// Moves a principal's epoch on: what anyone remembers of its grants ends here. `gone` and `come` are the
    /// items of its partition that go and come, which the sum beside the epoch accounts for.
    pub(crate) fn touch(
        mut self,
        table: &str,
        principal: &Principal,
        gone: Option<&Item>,
        come: Option<&Item>,
    ) -> Self {
        let held = come.map_or(0, weight) - gone.map_or(0, weight);
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key::epoch(&self.intent.act.tenant_id, principal).into_item()))
            .update_expression("ADD #epoch :one, #held :held")
            .expression_attribute_names("#epoch", key::EPOCH)
            .expression_attribute_names("#held", key::HELD)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":held", AttributeValue::N(held.to_string()));
        self.push_update(update, Guard::Version);
        self.moves(Scope::of(principal))
    }

    /// Says that something that decides changes with this.
    pub(crate) fn moves(mut self, scope: Scope) -> Self {
        self.scopes.push(scope);
        self
    }

    /// Moves the version of a graph on from the one that was read, so that of two changes of its shape
    /// at once, each legal alone, only one passes.
    pub(crate) fn reshape(mut self, table: &str, graph: &str, version: u64) -> Self {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key::graph(&self.intent.act.tenant_id, graph).into_item()))
            .update_expression("SET version = :next")
            .expression_attribute_values(":next", number(version + 1));
        // A graph that was never reshaped has no item, and counts as version 0.
        let update = if version == 0 {
            update.condition_expression("attribute_not_exists(pk)")
        } else {
            update
                .condition_expression("version = :version")
                .expression_attribute_values(":version", number(version))
        };
        self.push_update(update, Guard::Graph);
        self
    }

    fn push_update(
        &mut self,
        update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
        guard: Guard,
    ) {
        self.writes.push(
            update
                .build()
                .map(|update| (TransactWriteItem::builder().update(update).build(), guard))
                .map_err(defect),
        );
    }

    /// Everything in the order it is sent: the change, its events and audit entry, the receipt.
    fn into_writes(mut self, store: &Store) -> Result<(Vec<TransactWriteItem>, Vec<Guard>), Error> {
        if let Some(update_expression) = add_one(&self.scopes) {
            let update = Update::builder()
                .table_name(&store.tables.core)
                .set_key(Some(key::epochs(&self.intent.act.tenant_id).into_item()))
                .update_expression(update_expression)
                .expression_attribute_values(":one", number(1));
            self.push_update(update, Guard::Version);
        }
        for item in std::mem::take(&mut self.events_table_writes) {
            self = self.create(&store.tables.events, item, Guard::Event);
        }
        if let Some(item) = receipt_item(self.intent)? {
            let put = Put::builder()
                .table_name(&store.tables.core)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk) OR #ttl <= :now")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(
                    ":now",
                    AttributeValue::N(self.intent.act.at.as_seconds().to_string()),
                );
            let put = put.build().map_err(defect)?;
            self.writes.push(Ok((TransactWriteItem::builder().put(put).build(), Guard::Receipt)));
        }
        let writes = self.writes.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(writes.into_iter().unzip())
    }
}

impl Store {
    /// Commits a unit: all of it or none of it.
    ///
    /// Conflicts and throttling are tried again after a random pause, at most [`COMMIT_ATTEMPTS_MAX`]
    /// times in all and for no longer than [`COMMIT_MILLISECONDS_MAX`]. So is an unknown outcome: every attempt carries the same token, under which
    /// DynamoDB applies a transaction once (for 10 minutes), so sending it again settles what happened.
    pub(crate) async fn commit(&self, unit: Unit<'_>) -> Result<(), Error> {
        let tenant = &unit.intent.act.tenant_id;
        let scopes = unit.scopes.clone();
        let (writes, guards) = unit.into_writes(self)?;
        let moving = self.announce(tenant, &scopes).await?;
        let token = self.ids.mint::<domain::id::EventId>().to_string();
        let began = tokio::time::Instant::now();
        let mut attempt = 1;
        loop {
            let call = Call::begin();
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .client_request_token(&token)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let error = match sent {
                Ok(output) => {
                    call.end_write(output.consumed_capacity());
                    return self.settle(tenant, moving).await;
                }
                Err(error) => error,
            };
            call.end_write([]);
            let error = read_failure(&error, &guards);
            let settled = !matches!(error, Error::Busy(_) | Error::Unavailable(_));
            let is_over = began.elapsed() > Duration::from_millis(COMMIT_MILLISECONDS_MAX);
            if settled || is_over || attempt == COMMIT_ATTEMPTS_MAX {
                if !matches!(error, Error::Unavailable(_)) {
                    moving.cancel().await;
                }
                return Err(error);
            }
            tracing::debug!(attempt, %error, "transaction sent again");
            tokio::time::sleep(self.chance.pause(PAUSE_MILLISECONDS_FIRST, attempt)).await;
            attempt += 1;
        }
    }
}

/// What a failed transaction means. A receipt that is there already outranks all else: the request was
/// answered, and whatever else it met may be its own effect.
fn read_failure(
    error: &SdkError<TransactWriteItemsError, HttpResponse>,
    guards: &[Guard],
) -> Error {
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
        error.as_service_error()
    else {
        return Error::from_sdk("TransactWriteItems", error);
    };
    let reasons = canceled.cancellation_reasons();
    let failed = || {
        let with_guard = reasons.iter().zip(guards);
        with_guard
            .filter(|(reason, _)| reason.code() == Some("ConditionalCheckFailed"))
            .map(|(_, guard)| *guard)
    };
    if let Some(guard) = failed().find(|guard| *guard == Guard::Receipt).or_else(|| failed().next())
    {
        return Error::Conflict(guard);
    }
    let codes: Vec<&str> =
        reasons.iter().filter_map(|reason| reason.code()).filter(|code| *code != "None").collect();
    if codes.iter().any(|code| is_busy(code)) {
        return Error::Busy(format!("TransactWriteItems: {}", codes.join(", ")));
    }
    Error::Defect(format!(
        "TransactWriteItems: {} {}",
        codes.join(", "),
        canceled.message().unwrap_or_default()
    ))
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn defect(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Defect(error.to_string())
}
