//! Events: handed in once, read by id, listed by time, replayed.
//!
//! # Why handing in is a unit of work of one item
//!
//! The id of an event with a correlation id is made of tenant, source and correlation id, so the key of
//! the row is itself the guard of its uniqueness: one conditional `PutItem` either stores the event or
//! finds the one that is there, and there is no second item that could be missing. It has no audit entry,
//! because it changes nothing of what the tenant owns or permits: the event is itself the record of what
//! happened, elsewhere. Only where the request carries an idempotency key the receipt joins it, in one
//! transaction as everywhere.
//!
//! # What an event of at most 1 KiB costs
//!
//! | write | WCU |
//! |---|---|
//! | the row: one conditional `PutItem` | 1 |
//! | its entry in `by_time` | 1 |
//! | its entry in `undelivered` | 1 |
//! | the mark of its delivery: one `UpdateItem` | 1 |
//! | the entry in `undelivered`, removed by the mark | 1 |
//! | **handed in and delivered at the first attempt** | **5** |
//! | each failed attempt that is recorded | 1 |
//! | with an idempotency key: the row in a transaction, and the receipt | 1 + 2 |
//!
//! `by_time` holds the keys and what is filtered by but never changes (type, source, correlation id); the
//! delivery state stays out of it, because every mark would then cost another unit, on every event, for a
//! filter that operators use now and then. A page of `n` events therefore costs 0.5 RCU for every 8 KiB of
//! the index that is read, some 30 entries, and 1 RCU for each event of up to 4 KiB that is given; a
//! filter by state reads the rows that it drops, too.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::change::CORE_SOURCE;
use domain::event::{DeliveryState, StoredEvent};
use domain::id::{EventId, TenantId};
use domain::text::{CorrelationId, EventSource, EventType};
use domain::time::Timestamp;

use crate::Store;
use crate::commit::{Intent, Unit};
use crate::error::{Error, Guard};
use crate::item::{Item, text};
use crate::key::{self, BY_TIME, Key};
use crate::meter::Call;
use crate::outbox::{OutboxRow, event_item, waiting_line};
use crate::read::{Page, Span};
use crate::receipt::ReceiptSlot;

/// How often a page is read on to fill it, when the filter by state left little.
const PAGE_ROUNDS_MAX: u32 = 10;

/// What came of handing in an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Ingested {
    /// It is stored.
    First,
    /// It was before: this is how it stands.
    Repeat(Box<StoredEvent>),
}

/// Which events to list.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this type.
    pub event_type: Option<EventType>,
    /// From this source.
    pub source: Option<EventSource>,
    /// With this correlation id.
    pub correlation_id: Option<CorrelationId>,
    /// So far delivered.
    pub state: Option<DeliveryState>,
    /// Not before this moment.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// The id of the event that a source hands in under a correlation id.
pub fn event_id_of(tenant: &TenantId, source: &EventSource, id: &CorrelationId) -> EventId {
    key::event_id(tenant, &["correlation", source.as_str(), id.as_str()])
}

/// The id of an event without correlation id that a request with an idempotency key hands in, at a place
/// among several: the same when the request is sent again.
pub fn event_id_in(tenant: &TenantId, slot: &ReceiptSlot, place: usize) -> EventId {
    let ReceiptSlot { principal, method, route, idempotency_key, fingerprint, .. } = slot;
    let place = place.to_string();
    let parts = [
        "request",
        principal.kind.as_str(),
        principal.id.as_str(),
        method,
        route,
        idempotency_key,
        fingerprint,
        &place,
    ];
    key::event_id(tenant, &parts)
}

impl Store {
    /// Stores an event that someone hands in, unless it is there already. `inline` keeps the relay from
    /// publishing what the request publishes itself.
    ///
    /// 3 WCU per KiB, or for a repeat 1 per KiB of what is there; with a receipt 6, or 5 for a repeat.
    pub async fn event_ingest(
        &self,
        intent: &Intent<'_>,
        stored: &StoredEvent,
        inline: bool,
    ) -> Result<Ingested, Error> {
        let act = intent.act;
        let item = event_item(stored, Some(&act.request_id), inline)?;
        let there = if intent.receipt.is_some() {
            let unit = Unit::of_answer(intent).create(&self.tables.events, item, Guard::Event);
            match self.commit(unit).await {
                Ok(()) => return Ok(Ingested::First),
                Err(Error::Conflict(Guard::Event)) => None,
                Err(error) => return Err(error),
            }
        } else {
            match self.event_put(item).await? {
                Put::Done => return Ok(Ingested::First),
                Put::There(item) => item,
            }
        };
        let event = &stored.event;
        let there = match there {
            Some(item) => Some(item),
            None => {
                let key = key::event(&event.tenant_id, &event.event_id);
                self.get_from(&self.tables.events, key).await?
            }
        };
        let there = there.ok_or_else(|| Error::Unavailable("an event vanished".to_owned()))?;
        // The SDK sends a call again whose answer was lost, and then meets its own row.
        let is_own = text(&there, "request_id") == Some(&act.request_id)
            && text(&there, "created_at") == Some(&act.at.to_string());
        if is_own { Ok(Ingested::First) } else { Ok(Ingested::Repeat(event_of(there)?)) }
    }

    async fn event_put(&self, item: Item) -> Result<Put, Error> {
        let call = Call::begin();
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.events)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(
                aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
            )
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match put {
            Ok(output) => {
                call.end_write(output.consumed_capacity());
                Ok(Put::Done)
            }
            Err(error) => {
                call.end_write([]);
                match error.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                        Ok(Put::There(failed.item.clone()))
                    }
                    _ => Err(Error::from_sdk("PutItem", &error)),
                }
            }
        }
    }

    /// One event. 1 strongly consistent read of its size.
    pub async fn event_read(
        &self,
        tenant: &TenantId,
        id: &EventId,
    ) -> Result<Option<StoredEvent>, Error> {
        let item = self.get_from(&self.tables.events, key::event(tenant, id)).await?;
        Ok(item.map(event_of).transpose()?.map(|stored| *stored))
    }

    /// A page of events, newest first. With a source and a correlation id, which name one event, 1 RCU;
    /// else as the module says. An event shows here shortly after it was stored.
    pub async fn event_list(
        &self,
        tenant: &TenantId,
        filter: &EventFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<StoredEvent>, Error> {
        if let (Some(source), Some(id)) = (&filter.source, &filter.correlation_id) {
            // The events of the core share the id of their request.
            if source.as_str() != CORE_SOURCE {
                let found = self.event_read(tenant, &event_id_of(tenant, source, id)).await?;
                let items = found.into_iter().filter(|found| filter.passes(found)).collect();
                return Ok(Page { items, next: None });
            }
        }
        let partitions = key::event_listings(tenant);
        let first = filter.from.map(|from| from.to_string());
        let span = Span {
            table: &self.tables.events,
            index: BY_TIME,
            partitions: &partitions,
            first: first.as_deref(),
        };
        let mut position = after.or_else(|| filter.to.map(|to| to.to_string()));
        let mut items = Vec::new();
        for _ in 0..PAGE_ROUNDS_MAX {
            let wanted = limit - items.len();
            let page =
                self.span_page(span, position, wanted, |item| filter.passes_index(item)).await?;
            let rows = self.events_of(&page.items).await?;
            items.extend(rows.into_iter().filter(|stored| filter.passes(stored)));
            position = page.next;
            if position.is_none() || items.len() == limit {
                break;
            }
        }
        Ok(Page { items, next: position })
    }

    /// The events of entries of an index, in their order.
    async fn events_of(&self, entries: &[Item]) -> Result<Vec<StoredEvent>, Error> {
        let keys: Vec<Key> = entries.iter().filter_map(Key::of_item).collect();
        let rows = self.batch_get_from(&self.tables.events, &keys).await?;
        let mut rows: HashMap<Key, Item> =
            rows.into_iter().filter_map(|row| Some((Key::of_item(&row)?, row))).collect();
        keys.iter()
            .filter_map(|key| rows.remove(key))
            .map(|row| event_of(row).map(|stored| *stored))
            .collect()
    }

    /// Makes an event pending again, as if it had just been stored. Conflict: [`Guard::Version`], when
    /// its delivery changed since it was read. 2 WCU.
    pub async fn event_rearm(&self, stored: &StoredEvent, now: Timestamp) -> Result<(), Error> {
        let StoredEvent { event, delivery } = stored;
        let (pk, sk) = waiting_line(event, delivery.created_at);
        let key = key::event(&event.tenant_id, &event.event_id);
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.events)
            .set_key(Some(key.into_item()))
            .update_expression(
                "SET delivery_state = :pending, delivery_attempts = :none, updated_at = :now, \
                 undelivered_pk = :pk, undelivered_sk = :sk REMOVE last_error",
            )
            .condition_expression("delivery_state = :before")
            .expression_attribute_values(":pending", state(DeliveryState::Pending))
            .expression_attribute_values(":before", state(delivery.state))
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":sk", AttributeValue::S(sk));
        self.update(update).await.map(|_| ())
    }
}

/// What became of a conditional put.
enum Put {
    Done,
    /// Something has the key; what, where the table says it.
    There(Option<Item>),
}

impl EventFilter {
    /// Whether an entry of the index may be of an event that passes.
    fn passes_index(&self, entry: &Item) -> bool {
        let is = |name: &str, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| text(entry, name) == Some(wanted))
        };
        is("event_type", self.event_type.as_ref().map(EventType::as_str))
            && is("source", self.source.as_ref().map(EventSource::as_str))
            && is("correlation_id", self.correlation_id.as_ref().map(CorrelationId::as_str))
    }

    fn passes(&self, stored: &StoredEvent) -> bool {
        let event = &stored.event;
        self.event_type.as_ref().is_none_or(|wanted| event.event_type == *wanted)
            && self.state.is_none_or(|wanted| stored.delivery.state == wanted)
            && self.from.is_none_or(|from| from <= event.occurred_at)
            && self.to.is_none_or(|to| event.occurred_at < to)
    }
}

fn event_of(item: Item) -> Result<Box<StoredEvent>, Error> {
    match OutboxRow::of_item(item)? {
        OutboxRow::Event { stored, .. } => Ok(stored),
        OutboxRow::Audit(_) => Err(Error::Defect("an event's row holds an audit entry".to_owned())),
    }
}

pub(crate) fn state(state: DeliveryState) -> AttributeValue {
    AttributeValue::S(state.as_str().to_owned())
}
