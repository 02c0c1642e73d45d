//! Everything that is stored, to be compared before and after.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tests::World;

/// The tables of the template.
const TABLES: [&str; 2] = ["CoreTable", "EventsTable"];

/// An item, its attributes by name.
pub(crate) type Item = BTreeMap<String, AttributeValue>;

/// Every item of every table, by table, partition key and sort key.
pub(crate) type Tables = BTreeMap<(&'static str, String, String), Item>;

/// Reads everything.
pub(crate) async fn tables(world: &World) -> Tables {
    let mut tables = Tables::new();
    for table in TABLES {
        let scan = world.system.embedded.client().scan().table_name(table).into_paginator();
        let mut items = scan.items().send();
        while let Some(item) = items.next().await {
            let item: Item = item.unwrap().into_iter().collect();
            let key = |name: &str| text(&item, name).unwrap().to_owned();
            tables.insert((table, key("pk"), key("sk")), item);
        }
    }
    tables
}

/// A text attribute.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// How many items a table holds whose attribute has this value.
pub(crate) fn count(tables: &Tables, name: &str, value: &str) -> usize {
    tables.values().filter(|item| text(item, name) == Some(value)).count()
}

/// How many items have a partition key of this kind, such as `receipt`.
pub(crate) fn count_of_kind(tables: &Tables, kind: &str) -> usize {
    let of_kind = |pk: &str| pk.split('/').nth(1) == Some(kind);
    tables.keys().filter(|(_, pk, _)| of_kind(pk)).count()
}

/// Checks that two readings are the same, and says which items differ where they are not.
#[track_caller]
pub(crate) fn assert_same(before: &Tables, after: &Tables, when: &str) {
    let differing: Vec<_> = before
        .keys()
        .chain(after.keys())
        .filter(|key| before.get(*key) != after.get(*key))
        .collect();
    assert!(differing.is_empty(), "{when}: {differing:?}");
}
