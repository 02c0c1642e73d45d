//! Counts in the core table, and the blocks of them that this process has.
//!
//! An item holds how many tokens were ever taken, and a mark for each slot of each window: what that number was
//! when the slot began. Whoever takes a block adds to the number and, in the same `UpdateItem`, makes the marks
//! that are not there yet; DynamoDB evaluates both against the item as it was. That there is room is a condition
//! on the one number. At most 50 marks are counted, so that an item stays below 1 KiB, for tenants whose name
//! has up to 100 characters. (Above that a block costs 2 WCU.)

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use domain::id::TenantId;
use domain::limit::lease::{Ask, Condition, Lease};
use domain::limit::tally::{Slot, Tally, slots};
use domain::limit::{RouteClass, Verdict};
use domain::time::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use super::{Count, marks};
use crate::error::Error;
use crate::item::Item;
use crate::meter::Call;
use crate::{Store, key};

/// Blocks that are kept at hand; of more tenants those that ask least lose theirs, and take another.
const LEASES_MAX: usize = 30_000;

/// How often a request asks for a block before it is refused because others are as quick.
const ASKS_MAX: u32 = 3;

/// How long a count is kept after it was last added to, in seconds: longer than a day is counted.
const COUNT_SECONDS: i64 = 2 * 24 * 60 * 60;

/// How many tokens were ever taken.
const TAKEN: &str = "taken";

/// The blocks that a process has.
pub(super) struct Leases(Cache<(TenantId, RouteClass), Arc<Mutex<Held>>>);

/// A block, and until when the table is not asked for another.
#[derive(Debug, Default)]
pub(super) struct Held {
    lease: Lease,
    paused_until: Option<Timestamp>,
}

impl Default for Leases {
    fn default() -> Self {
        Self(Cache::new(LEASES_MAX))
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leases")
    }
}

impl Leases {
    pub(super) fn of(&self, tenant: &TenantId, class: RouteClass) -> Arc<Mutex<Held>> {
        let new = || Ok::<_, Infallible>(Arc::default());
        let Ok(held) = self.0.get_or_insert_with(&(tenant.clone(), class), new);
        held
    }
}

impl Held {
    pub(super) fn is_paused(&self, at: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| at < until)
    }

    pub(super) fn pause(&mut self, until: Timestamp) {
        self.paused_until = Some(until);
    }
}

/// What the table said to who asked for tokens.
enum Answer {
    /// They are taken; the count since.
    Granted(Tally),
    /// They are not; the count, if there is one.
    Refused(Option<Tally>),
}

impl Store {
    /// Counts a request by a token at hand, or by one of a block that is taken for it.
    pub(super) async fn by_lease(
        &self,
        held: &mut Held,
        count: Count<'_>,
    ) -> Result<Verdict, Error> {
        let (lease, Count { limits, at, .. }) = (&mut held.lease, count);
        for refusals in 0..ASKS_MAX {
            if let Some(verdict) = lease.answer(limits, at) {
                return Ok(verdict);
            }
            let ask = lease.ask(limits, at, refusals);
            match self.block_take(count, ask, lease.known()).await? {
                Answer::Granted(tally) => lease.granted(ask.tokens, tally, limits, at),
                Answer::Refused(tally) => lease.refused(tally),
            }
        }
        Ok(lease.answer(limits, at).unwrap_or_else(|| lease.outrun(limits, at)))
    }

    /// Takes a block on its condition. 1 WCU.
    async fn block_take(
        &self,
        count: Count<'_>,
        ask: Ask,
        known: Option<&Tally>,
    ) -> Result<Answer, Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.core)
            .set_key(Some(key::count(count.tenant, count.class).into_item()));
        let call = Call::begin();
        let sent = expressed(update, count, ask, known)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let error = match sent {
            Ok(output) => {
                call.end_write(output.consumed_capacity());
                return Ok(Answer::Granted(read(&output.attributes.unwrap_or_default())?));
            }
            Err(error) => error,
        };
        call.end_write([]);
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Answer::Refused(failed.item().map(read).transpose()?))
            }
            _ => Err(Error::from_sdk("UpdateItem", &error)),
        }
    }
}

/// What the update does: adds the tokens, makes the marks of the slots under way, removes those that are known
/// to be stale, and keeps the count.
fn expressed(
    update: UpdateItemFluentBuilder,
    Count { limits, at, .. }: Count<'_>,
    Ask { tokens, condition }: Ask,
    known: Option<&Tally>,
) -> UpdateItemFluentBuilder {
    let number = |value: u64| AttributeValue::N(value.to_string());
    let ttl = AttributeValue::N(at.plus_seconds(COUNT_SECONDS).as_seconds().to_string());
    let is_new = condition == Condition::Absent;
    let mut names = HashMap::from([
        ("#taken".to_owned(), TAKEN.to_owned()),
        ("#ttl".to_owned(), "ttl".to_owned()),
    ]);
    let mut named = |slot: Slot| {
        let placeholder = format!("#m{}", names.len());
        names.insert(placeholder.clone(), marks::name(slot));
        placeholder
    };
    let marking = slots(limits, at).map(&mut named);
    let marking: String = marking
        .map(|mark| match is_new {
            true => format!(", {mark} = :none"),
            false => format!(", {mark} = if_not_exists({mark}, #taken)"),
        })
        .collect();
    let stale: Vec<String> =
        known.into_iter().flat_map(|tally| tally.stale(at)).map(named).collect();
    let removing = match stale.as_slice() {
        [] => String::new(),
        stale => format!(" REMOVE {}", stale.join(", ")),
    };
    let adding = if is_new { ":tokens" } else { "#taken + :tokens" };
    let mut update = update
        .update_expression(format!("SET #taken = {adding}, #ttl = :ttl{marking}{removing}"))
        .condition_expression(match condition {
            Condition::Absent => "attribute_not_exists(#taken)",
            Condition::Present => "attribute_exists(#taken)",
            Condition::AtMost(_) => "#taken <= :most",
        })
        .set_expression_attribute_names(Some(names))
        .expression_attribute_values(":tokens", number(tokens))
        .expression_attribute_values(":ttl", ttl);
    if let Condition::AtMost(most) = condition {
        update = update.expression_attribute_values(":most", number(most));
    }
    if is_new { update.expression_attribute_values(":none", number(0)) } else { update }
}

/// The count of an item.
fn read(item: &Item) -> Result<Tally, Error> {
    let number = |value: &AttributeValue| value.as_n().ok()?.parse::<u64>().ok();
    let taken = item.get(TAKEN).and_then(number);
    let taken = taken.ok_or_else(|| Error::Defect("a count has no number".to_owned()))?;
    let marks = item.iter().filter_map(|(name, value)| Some((marks::read(name)?, number(value)?)));
    Ok(Tally::new(taken, marks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Config};
    use domain::limit::{Limits, Window};

    fn of(condition: Condition, known: Option<&Tally>) -> UpdateItemFluentBuilder {
        let config = Config::builder().behavior_version(BehaviorVersion::latest()).build();
        let limits = Limits { burst: Some(100), day: Some(1_000), ..Limits::default() };
        let tenant = TenantId::parse("acme").unwrap();
        let at = Timestamp::from_microseconds(1_795_404_653_000_000).unwrap();
        let count = Count { tenant: &tenant, class: RouteClass::Read, limits: &limits, at };
        let update = Client::from_conf(config).update_item();
        expressed(update, count, Ask { tokens: 5, condition }, known)
    }

    #[test]
    fn a_block_is_one_update_that_marks_what_is_not_marked_yet() {
        let new = of(Condition::Absent, None);
        let expression = new.get_update_expression().as_deref().unwrap();
        assert_eq!(expression, "SET #taken = :tokens, #ttl = :ttl, #m2 = :none, #m3 = :none");
        assert_eq!(new.get_condition_expression().as_deref(), Some("attribute_not_exists(#taken)"));
        let known = Tally::new(90, [((Window::Burst, 255), 3), ((Window::Day, 249_361), 0)]);
        let more = of(Condition::AtMost(95), Some(&known));
        let expression = more.get_update_expression().as_deref().unwrap();
        let marks = "#m2 = if_not_exists(#m2, #taken), #m3 = if_not_exists(#m3, #taken)";
        let whole = format!("SET #taken = #taken + :tokens, #ttl = :ttl, {marks} REMOVE #m4");
        assert_eq!(expression, whole);
        assert_eq!(more.get_condition_expression().as_deref(), Some("#taken <= :most"));
        let names = more.get_expression_attribute_names().as_ref().unwrap();
        let named = ["#m2", "#m3", "#m4"].map(|name| names[name].as_str());
        assert_eq!(named, ["b6b03b36d", "d3ce11", "bff"]);
        let values = more.get_expression_attribute_values().as_ref().unwrap();
        let mut values: Vec<&str> = values.keys().map(String::as_str).collect();
        values.sort_unstable();
        assert_eq!(values, [":most", ":tokens", ":ttl"]);
    }

    #[test]
    fn an_item_is_the_count_that_was_stored() {
        let number = |value: &str| AttributeValue::N(value.to_owned());
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let item: Item = [
            (TAKEN, number("12")),
            ("ttl", number("1795577453")),
            ("bff", number("3")),
            ("d10", number("0")),
            ("note", text("b1")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let tally = Tally::new(12, [((Window::Burst, 255), 3), ((Window::Day, 16), 0)]);
        assert_eq!(read(&item).unwrap(), tally);
        assert!(matches!(read(&Item::new()), Err(Error::Defect(_))));
    }
}
