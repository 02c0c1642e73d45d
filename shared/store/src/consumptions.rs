//! What a consumer has seen: the marks by which it handles an event once, although deliveries repeat.
//!
//! No change of what a tenant owns, so no unit of work: one conditional write each.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use domain::id::{EventId, TenantId};
use domain::time::Timestamp;

use crate::Store;
use crate::error::Error;
use crate::item::text;
use crate::key;
use crate::meter::Call;

/// How long a consumer may take over one event, in seconds, before another delivery may try it.
pub const LEASE_SECONDS: i64 = 60;

/// How long an event is remembered, in seconds: as long as a queue keeps a message, at most.
pub const CONSUMPTION_SECONDS: i64 = 14 * 24 * 60 * 60;

/// The marks: a delivery is being handled, the event was handled.
const CLAIMED: &str = "claimed";
const HANDLED: &str = "handled";

/// An event as one consumer knows it.
#[derive(Clone, Copy, Debug)]
pub struct Consumption<'a> {
    /// Whose event.
    pub tenant_id: &'a TenantId,
    /// The consumer's name.
    pub consumer: &'a str,
    /// Which event.
    pub event_id: &'a EventId,
}

/// What came of claiming an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is the claimant's, under this token.
    Granted(String),
    /// It was handled before.
    Handled,
    /// Another delivery of it is being handled.
    Leased,
}

impl Store {
    /// Claims an event for [`LEASE_SECONDS`]. 1 WCU.
    pub async fn consumption_claim(
        &self,
        of: Consumption<'_>,
        now: Timestamp,
    ) -> Result<Claim, Error> {
        let token = self.ids.mint::<EventId>().to_string();
        let seconds = now.as_seconds();
        let number = |value: i64| AttributeValue::N(value.to_string());
        let mut item = key::consumption(of.tenant_id, of.consumer, of.event_id).into_item();
        item.extend([
            ("mark".to_owned(), AttributeValue::S(CLAIMED.to_owned())),
            ("token".to_owned(), AttributeValue::S(token.clone())),
            ("lease_until".to_owned(), number(seconds + LEASE_SECONDS)),
            ("ttl".to_owned(), number(seconds + CONSUMPTION_SECONDS)),
        ]);
        let call = Call::begin();
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.core)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(pk) OR #ttl <= :now \
                 OR (mark = :claimed AND lease_until <= :now)",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(seconds))
            .expression_attribute_values(":claimed", AttributeValue::S(CLAIMED.to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let error = match put {
            Ok(output) => {
                call.end_write(output.consumed_capacity());
                return Ok(Claim::Granted(token));
            }
            Err(error) => error,
        };
        call.end_write([]);
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let there = failed.item().and_then(|item| text(item, "mark"));
                Ok(if there == Some(HANDLED) { Claim::Handled } else { Claim::Leased })
            }
            _ => Err(Error::from_sdk("PutItem", &error)),
        }
    }

    /// Remembers that a claimed event was handled. 1 WCU. A claim that has passed to another delivery
    /// meanwhile stays with that.
    pub async fn consumption_finish(&self, of: Consumption<'_>, token: &str) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.core)
            .set_key(Some(key::consumption(of.tenant_id, of.consumer, of.event_id).into_item()))
            .update_expression("SET mark = :handled")
            .condition_expression("#token = :token")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":handled", AttributeValue::S(HANDLED.to_owned()))
            .expression_attribute_values(":token", AttributeValue::S(token.to_owned()));
        match self.update(update).await {
            Ok(_) | Err(Error::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Gives a claim back, so that the next delivery need not wait for its end. 1 WCU.
    pub async fn consumption_release(&self, of: Consumption<'_>, token: &str) -> Result<(), Error> {
        let call = Call::begin();
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.tables.core)
            .set_key(Some(key::consumption(of.tenant_id, of.consumer, of.event_id).into_item()))
            .condition_expression("#token = :token")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":token", AttributeValue::S(token.to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match deleted {
            Ok(output) => {
                call.end_write(output.consumed_capacity());
                Ok(())
            }
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
                call.end_write([]);
                Ok(())
            }
            Err(error) => Err(Error::from_sdk("DeleteItem", &error)),
        }
    }
}
