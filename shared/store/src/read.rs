//! The reads that every access pattern is made of: one item, many items, a partition, a merged listing.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use futures::future::try_join_all;

use crate::Store;
use crate::error::Error;
use crate::item::{Item, text};
use crate::key::Key;
use crate::meter::Call;

/// Most keys that DynamoDB takes in one `BatchGetItem`.
const BATCH_KEYS_MAX: usize = 100;

/// How often what a batch left unread is asked for again.
const BATCH_ROUNDS_MAX: u32 = 8;

/// How many times a listing reads on to fill a page of which the filter left little.
const LISTING_ROUNDS_MAX: u32 = 10;

/// Text in the items of one page, past which it ends, in bytes. Lambda answers at most 6 MB, in which
/// a body is quoted, so that each quotation mark in it counts twice and more; and one item may be 80 KB.
const LISTING_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The things.
    pub items: Vec<T>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page of what the items stand for.
    pub(crate) fn try_map<U>(
        self,
        read: impl FnMut(T) -> Result<U, Error>,
    ) -> Result<Page<U>, Error> {
        Ok(Page {
            items: self.items.into_iter().map(read).collect::<Result<_, _>>()?,
            next: self.next,
        })
    }
}

impl Store {
    /// One item of the core table, strongly consistent.
    pub(crate) async fn get(&self, key: Key) -> Result<Option<Item>, Error> {
        self.get_from(&self.tables.core, key).await
    }

    /// One item, strongly consistent.
    pub(crate) async fn get_from(&self, table: &str, key: Key) -> Result<Option<Item>, Error> {
        let call = Call::begin();
        let output = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key.into_item()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("GetItem", &error))?;
        call.end_read(output.consumed_capacity());
        Ok(output.item)
    }

    /// Many items of the core table, strongly consistent, in no order; what does not exist is left out.
    pub(crate) async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Item>, Error> {
        self.batch_get_from(&self.tables.core, keys).await
    }

    /// Many items, strongly consistent, in no order; what does not exist is left out.
    pub(crate) async fn batch_get_from(
        &self,
        table: &str,
        keys: &[Key],
    ) -> Result<Vec<Item>, Error> {
        let batches = keys.chunks(BATCH_KEYS_MAX).map(|keys| self.batch_get_once(table, keys));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    async fn batch_get_once(&self, table: &str, keys: &[Key]) -> Result<Vec<Item>, Error> {
        let wanted = KeysAndAttributes::builder()
            .consistent_read(true)
            .set_keys(Some(keys.iter().cloned().map(Key::into_item).collect()))
            .build()
            .map_err(|error| Error::Defect(error.to_string()))?;
        let mut unread = HashMap::from([(table.to_owned(), wanted)]);
        let mut items = Vec::with_capacity(keys.len());
        for round in 0..BATCH_ROUNDS_MAX {
            if round > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10 << round)).await;
            }
            let call = Call::begin();
            let output = self
                .client
                .batch_get_item()
                .set_request_items(Some(unread))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| Error::from_sdk("BatchGetItem", &error))?;
            call.end_read(output.consumed_capacity());
            items.extend(output.responses.unwrap_or_default().into_values().flatten());
            unread = output.unprocessed_keys.unwrap_or_default();
            if unread.is_empty() {
                return Ok(items);
            }
        }
        Err(Error::Busy("BatchGetItem left keys unread".to_owned()))
    }

    /// Everything in a partition of the core table whose sort key begins so, strongly consistent.
    pub(crate) async fn partition(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, Error> {
        let query = self.query_from(pk).consistent_read(true);
        let query = if prefix.is_empty() {
            query.key_condition_expression("pk = :pk")
        } else {
            query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
        };
        send_all(query).await
    }

    /// A page of a partition of the core table in the order of its sort keys, strongly consistent.
    pub(crate) async fn partition_page(
        &self,
        pk: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Item>, Error> {
        // `after` is a sort key of this partition, so it keeps to the prefix at the lower end; the upper
        // end is the first text past all that begin with the prefix.
        let first = after.map_or_else(|| prefix.to_owned(), |after| format!("{after}\u{1}"));
        let query = self
            .query_from(pk)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":first", AttributeValue::S(first))
            .expression_attribute_values(":last", AttributeValue::S(format!("{prefix}\u{10ffff}")))
            .consistent_read(true)
            // One more than asked for tells whether there is a next page.
            .limit(as_limit(limit + 1));
        let (mut items, last) = send(query).await?;
        let more = items.len() > limit || last.is_some();
        items.truncate(limit);
        let next =
            items.last().filter(|_| more).and_then(|item| text(item, "sk")).map(str::to_owned);
        Ok(Page { items, next })
    }

    fn query_from(&self, pk: &str) -> QueryFluentBuilder {
        self.query_table(&self.tables.core, pk)
    }

    pub(crate) fn query_table(&self, table: &str, pk: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(table)
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// A page of a listing by time of the core table that is spread over partitions of an index, newest
    /// first.
    ///
    /// `after` is the sort key at which the page before ended. A page may hold fewer items than the
    /// limit, even none, and still have a next one: the filter left little of what was read, or the items
    /// are large ([`LISTING_BYTES_MAX`]).
    pub(crate) async fn listing_page(
        &self,
        index: &str,
        partitions: &[String],
        after: Option<String>,
        limit: usize,
        keep: impl Fn(&Item) -> bool,
    ) -> Result<Page<Item>, Error> {
        let span = Span { table: &self.tables.core, index, partitions, first: None };
        self.span_page(span, after, limit, keep).await
    }

    /// A page of a part of a listing, as [`Store::listing_page`] gives it.
    pub(crate) async fn span_page(
        &self,
        span: Span<'_>,
        after: Option<String>,
        limit: usize,
        keep: impl Fn(&Item) -> bool,
    ) -> Result<Page<Item>, Error> {
        let sort_key = format!("{}_sk", span.stem());
        let share = share(limit, span.partitions.len());
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = 0;
        let mut position = after;
        for _ in 0..LISTING_ROUNDS_MAX {
            let reads = span
                .partitions
                .iter()
                .map(|pk| self.listing_read(span, pk, position.as_deref(), share));
            let (found, more) = merge(try_join_all(reads).await?, &sort_key);
            for item in found {
                if items.len() == limit || bytes >= LISTING_BYTES_MAX {
                    return Ok(Page { items, next: position });
                }
                position = text(&item, &sort_key).map(str::to_owned);
                if keep(&item) {
                    bytes += text_bytes(&item);
                    items.push(item);
                }
            }
            if !more {
                return Ok(Page { items, next: None });
            }
        }
        Ok(Page { items, next: position })
    }

    async fn listing_read(
        &self,
        span: Span<'_>,
        pk: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Item>, bool), Error> {
        let stem = span.stem();
        let mut query = self
            .query_table(span.table, pk)
            .index_name(span.index)
            .expression_attribute_names("#pk", format!("{stem}_pk"))
            .scan_index_forward(false)
            // One more, because a range with both ends includes the later one.
            .limit(as_limit(limit));
        let end = |text: &str| AttributeValue::S(text.to_owned());
        query = match (span.first, before) {
            (None, None) => query.key_condition_expression("#pk = :pk"),
            (None, Some(before)) => query
                .key_condition_expression("#pk = :pk AND #sk < :before")
                .expression_attribute_values(":before", end(before)),
            (Some(first), None) => query
                .key_condition_expression("#pk = :pk AND #sk >= :first")
                .expression_attribute_values(":first", end(first)),
            // DynamoDB refuses a range that ends before it begins.
            (Some(first), Some(before)) if before <= first => return Ok((Vec::new(), false)),
            // Both ends of a range are in it; the later one was on the page before, and is left out below.
            (Some(first), Some(before)) => query
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :before")
                .expression_attribute_values(":first", end(first))
                .expression_attribute_values(":before", end(before)),
        };
        let sort_key = format!("{stem}_sk");
        if span.first.is_some() || before.is_some() {
            query = query.expression_attribute_names("#sk", &sort_key);
        }
        let (mut items, last) = send(query).await?;
        items.retain(|item| before.is_none_or(|before| text(item, &sort_key) != Some(before)));
        Ok((items, last.is_some()))
    }
}

/// What to list: partitions of an index, from a sort key on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    pub(crate) table: &'a str,
    pub(crate) index: &'a str,
    pub(crate) partitions: &'a [String],
    pub(crate) first: Option<&'a str>,
}

impl<'a> Span<'a> {
    /// What the names of the index's attributes begin with.
    fn stem(self) -> &'a str {
        self.index.strip_prefix("by_").unwrap_or(self.index)
    }
}

/// Everything that a query finds, by as many calls as it takes.
pub(crate) async fn send_all(query: QueryFluentBuilder) -> Result<Vec<Item>, Error> {
    let (mut items, mut from) = send(query.clone()).await?;
    while from.is_some() {
        let (more, last) = send(query.clone().set_exclusive_start_key(from)).await?;
        items.extend(more);
        from = last;
    }
    Ok(items)
}

/// What one call of a query finds, and where it goes on.
pub(crate) async fn send(query: QueryFluentBuilder) -> Result<(Vec<Item>, Option<Item>), Error> {
    let call = Call::begin();
    let output = query.send().await.map_err(|error| Error::from_sdk("Query", &error))?;
    call.end_read(output.consumed_capacity());
    Ok((output.items.unwrap_or_default(), output.last_evaluated_key.filter(|key| !key.is_empty())))
}

/// Merges what several partitions gave, newest first, as far as it is complete: where a partition has
/// more, nothing older than the last item it gave. Also says whether there is more.
fn merge(reads: Vec<(Vec<Item>, bool)>, sort_key: &str) -> (Vec<Item>, bool) {
    let of = |item: &Item| text(item, sort_key).unwrap_or_default().to_owned();
    let more = reads.iter().any(|(_, more)| *more);
    let horizon =
        reads.iter().filter(|(_, more)| *more).filter_map(|(items, _)| items.last().map(of)).max();
    let mut items: Vec<(String, Item)> =
        reads.into_iter().flat_map(|(items, _)| items).map(|item| (of(&item), item)).collect();
    if let Some(horizon) = horizon {
        items.retain(|(key, _)| *key >= horizon);
    }
    items.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    (items.into_iter().map(|(_, item)| item).collect(), more)
}

/// How many items to read from each of several partitions for a page: enough for an even spread and some
/// unevenness, or one partition's whole page and the item that tells of the next.
fn share(limit: usize, partitions: usize) -> usize {
    if partitions <= 1 { limit + 1 } else { (limit + 1).div_ceil(partitions) * 2 + 4 }
}

/// How much text an item holds.
fn text_bytes(item: &Item) -> usize {
    item.values().filter_map(|value| value.as_s().ok()).map(String::len).sum()
}

fn as_limit(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(keys: &[&str]) -> Vec<Item> {
        keys.iter()
            .map(|key| {
                HashMap::from([("kind_sk".to_owned(), AttributeValue::S((*key).to_owned()))])
            })
            .collect()
    }

    fn keys(items: &[Item]) -> Vec<&str> {
        items.iter().filter_map(|item| text(item, "kind_sk")).collect()
    }

    #[test]
    fn a_merge_stops_where_one_partition_has_more_to_say() {
        let (merged, more) =
            merge(vec![(items(&["9", "7"]), true), (items(&["8", "3", "1"]), false)], "kind_sk");
        assert_eq!((keys(&merged), more), (vec!["9", "8", "7"], true));
    }

    #[test]
    fn a_merge_of_all_there_is_is_all_there_is() {
        let (merged, more) = merge(
            vec![(items(&["2"]), false), (items(&[]), false), (items(&["3", "1"]), false)],
            "kind_sk",
        );
        assert_eq!((keys(&merged), more), (vec!["3", "2", "1"], false));
    }
}
