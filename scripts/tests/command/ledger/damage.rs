//! What somebody with the table in their hands can do to a chain, and what is said of it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ledger::frontier::Frontier;
use domain::ledger::hash::Hash;
use domain::ledger::segment::{Body, Segment};

use super::{Chain, Item, bytes, key_of, text};

pub(super) type Items = BTreeMap<(String, String), Item>;
pub(super) type Change = Box<dyn Fn(&mut Items)>;

/// A damage, the words that verify it, and what is said.
pub(super) struct Damage(
    pub(super) &'static str,
    pub(super) &'static [&'static str],
    pub(super) Change,
    pub(super) &'static str,
);

fn damage(
    name: &'static str,
    words: &'static [&'static str],
    change: impl Fn(&mut Items) + 'static,
    said: &'static str,
) -> Damage {
    Damage(name, words, Box::new(change), said)
}

fn commit(items: &mut Items, number: u64) -> &mut Item {
    let sk = format!("commit/{number:020}");
    items.iter_mut().find(|((_, has), _)| *has == sk).map(|(_, item)| item).unwrap()
}

fn hash_in(item: &Item, field: &str) -> String {
    item[field].as_s().unwrap().clone()
}

/// The item of the body of a segment.
fn body(items: &mut Items, number: u64) -> &mut Item {
    let hash = hash_in(commit(items, number), "body");
    items.iter_mut().find(|((pk, _), _)| pk.ends_with(&hash)).map(|(_, item)| item).unwrap()
}

fn remove(items: &mut Items, is_removed: impl Fn(&str, &str) -> bool) {
    let before = items.len();
    items.retain(|(pk, sk), _| !is_removed(pk, sk));
    assert!(items.len() < before, "nothing is removed");
}

/// The records of a segment, written anew.
fn rewritten(items: &mut Items, number: u64, rewrite: impl Fn(&mut Vec<String>)) -> Body {
    let stored = body(items, number)["bytes"].as_b().unwrap().clone().into_inner();
    let segment = Segment::decode(&stored).unwrap();
    let mut lines: Vec<String> =
        segment.records().iter().map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    let before = lines.clone();
    rewrite(&mut lines);
    assert_ne!(lines, before);
    Body::encode(&lines.into_iter().map(String::into_bytes).collect::<Vec<_>>()).unwrap().0
}

/// Puts other records into a segment's body, under its old name.
fn edit(items: &mut Items, number: u64, rewrite: impl Fn(&mut Vec<String>)) {
    let edited = rewritten(items, number, rewrite);
    body(items, number).insert("bytes".to_owned(), bytes(edited.bytes));
}

/// Puts other records into a segment's body, under its new name.
fn swap_body(items: &mut Items, number: u64, rewrite: impl Fn(&mut Vec<String>)) {
    let edited = rewritten(items, number, rewrite);
    let old = hash_in(commit(items, number), "body");
    let mut item = body(items, number).clone();
    let pk = hash_in(&item, "pk").replace(&old, &edited.hash.to_string());
    item.insert("pk".to_owned(), text(&pk));
    item.insert("bytes".to_owned(), bytes(edited.bytes));
    items.insert((pk, hash_in(&item, "sk")), item);
    commit(items, number).insert("body".to_owned(), text(&edited.hash.to_string()));
}

fn set(items: &mut Items, number: u64, field: &str, value: AttributeValue) {
    let before = commit(items, number).insert(field.to_owned(), value.clone());
    assert!(before.is_some_and(|before| before != value), "{field}");
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn of_bodies() -> Vec<Damage> {
    let forged = |lines: &mut Vec<String>| lines[1] = lines[1].replace("alice", "mallo");
    vec![
        damage(
            "an edited record",
            &[],
            move |items| edit(items, 2, forged),
            "record 6 (segment 2), event `event-6`: the record's hash is not the one in the index",
        ),
        damage(
            "an edited record in a body of its own",
            &[],
            move |items| swap_body(items, 2, forged),
            "record 6 (segment 2), event `event-6`: the record's hash is not the one in the index",
        ),
        damage(
            "a record left out",
            &[],
            |items| edit(items, 2, |lines| drop(lines.remove(1))),
            "record 6 (segment 2), event `event-7`: sequence 7 stands where 6 belongs",
        ),
        damage(
            "two records swapped",
            &["--verbose"],
            |items| edit(items, 2, |lines| lines.swap(2, 3)),
            "record 7 (segment 2), event `event-8`: sequence 8 stands where 7 belongs",
        ),
        damage(
            "a record put in twice",
            &[],
            |items| edit(items, 2, |lines| lines[3] = lines[0].clone()),
            "record 8 (segment 2), event `event-5`: sequence 5 stands where 8 belongs",
        ),
        damage(
            "a record written otherwise",
            &[],
            |items| edit(items, 3, |lines| lines[0] = lines[0].replace("\":", "\" :")),
            "record 9 (segment 3): not a canonical record",
        ),
        damage(
            "a body that is gone",
            &[],
            |items| {
                let hash = hash_in(commit(items, 2), "body");
                remove(items, |pk, _| pk.ends_with(&hash));
            },
            "records 5 to 8 (segment 2): the body is missing",
        ),
        damage(
            "a body that is none",
            &[],
            |items| drop(body(items, 2).insert("bytes".to_owned(), bytes("nothing"))),
            "records 5 to 8 (segment 2): the body's hash is ",
        ),
        damage(
            "a body that is no bytes",
            &[],
            |items| drop(body(items, 2).insert("bytes".to_owned(), text("nothing"))),
            "records 5 to 8 (segment 2): the body is missing",
        ),
    ]
}

pub(super) fn of_commits() -> Vec<Damage> {
    vec![
        damage(
            "a segment gone from the middle",
            &[],
            |items| remove(items, |_, sk| sk.ends_with("commit/00000000000000000002")),
            "records 5 to 8 (segment 2): segment 3 stands where 2 belongs",
        ),
        damage(
            "the end gone",
            &[],
            |items| remove(items, |_, sk| sk.ends_with("commit/00000000000000000003")),
            "records 9 to 12: ends at 8, where a checkpoint has 12 records",
        ),
        damage(
            "the chain gone",
            &[],
            |items| remove(items, |_, sk| sk.starts_with("commit/")),
            "records 1 to 12: the chain is gone, of which a checkpoint has 12 records",
        ),
        damage(
            "segments swapped",
            &[],
            |items| {
                let (second, third) = (commit(items, 2).clone(), commit(items, 3).clone());
                for (place, mut other) in [(2, third), (3, second)] {
                    other.insert("sk".to_owned(), commit(items, place)["sk"].clone());
                    *commit(items, place) = other;
                }
            },
            "records 5 to 8 (segment 2): segment 3 stands where 2 belongs",
        ),
        damage(
            "a commit that is none",
            &[],
            |items| set(items, 2, "root", text("none")),
            "records from 5 on (segment 2): the commit cannot be read",
        ),
        damage(
            "a last commit that is none",
            &[],
            |items| drop(commit(items, 3).remove("count")),
            "records from 9 on (segment 3): the commit cannot be read",
        ),
        damage(
            "something after the end",
            &[],
            |items| {
                let mut planted = commit(items, 3).clone();
                let (pk, sk) = (hash_in(&planted, "pk"), "commit/z".to_owned());
                planted.insert("sk".to_owned(), text(&sk));
                planted.remove("root");
                items.insert((pk, sk), planted);
            },
            "after record 12: what stands at the end of the chain cannot be read",
        ),
    ]
}

/// What a commit says, said otherwise.
fn of_fields() -> Vec<Damage> {
    let zeros = || text(&Hash::GENESIS.to_string());
    vec![
        damage(
            "another predecessor",
            &[],
            move |items| set(items, 2, "previous", zeros()),
            "records 5 to 8 (segment 2): the commit follows another entry than the last one",
        ),
        damage(
            "another entry",
            &[],
            move |items| set(items, 3, "entry", zeros()),
            "records 9 to 12 (segment 3): the commit's `entry` is not that of its records",
        ),
        damage(
            "another root",
            &[],
            move |items| set(items, 1, "root", zeros()),
            "records 1 to 4 (segment 1): the commit's `root` is not that of its records",
        ),
        damage(
            "another tree",
            &[],
            |items| {
                let other = serde_json::to_value(Frontier::new()).unwrap();
                set(items, 3, "frontier", text(other.as_str().unwrap()));
            },
            "(segment 3): the commit's `frontier` is not that of its records",
        ),
        damage(
            "another count",
            &["--verbose"],
            |items| set(items, 2, "count", number(3)),
            "(segment 2): the commit's `count` is not that of its records",
        ),
        damage(
            "another time",
            &[],
            |items| set(items, 3, "recorded_at", text("2999-01-01T00:00:00.000000Z")),
            "records 9 to 12 (segment 3): the commit's `recorded_at` is not that of its records",
        ),
        damage(
            "another version",
            &[],
            |items| set(items, 2, "hash_version", number(1)),
            "records 5 to 8 (segment 2): the commit's `hash_version` is not that of its records",
        ),
        damage(
            "another tenant",
            &[],
            |items| set(items, 2, "tenant_id", text("other")),
            "records 5 to 8 (segment 2): the commit's `tenant_id` is not that of its records",
        ),
    ]
}

pub(super) fn of_what_stands_beside() -> Vec<Damage> {
    let is_event = |pk: &str, event: &str| pk.contains("audit-event") && pk.ends_with(event);
    vec![
        damage(
            "a record that the index lost",
            &["--index"],
            move |items| remove(items, |pk, _| is_event(pk, "event-7")),
            "record 7 (segment 2), event `event-7`: the index does not have it",
        ),
        damage(
            "a record that the index has elsewhere",
            &["--index"],
            move |items| {
                let entry = items.iter_mut().find(|((pk, _), _)| is_event(pk, "event-7"));
                entry.unwrap().1.insert("sequence".to_owned(), number(9));
            },
            "record 7 (segment 2), event `event-7`: the index has the event at sequence 9",
        ),
        damage(
            "a published checkpoint of another size",
            &[],
            |items| {
                let signed = items.iter_mut().find(|((_, sk), _)| sk.starts_with("signed/"));
                let item = signed.unwrap().1;
                let note = hash_in(item, "note").replacen("\n12\n", "\n11\n", 1);
                item.insert("note".to_owned(), text(&note));
            },
            "the checkpoint that was published last: the signature of \
             `epr.example.com/audit/acme` does not verify",
        ),
        damage(
            "a published checkpoint that is none",
            &[],
            |items| {
                let signed = items.iter_mut().find(|((_, sk), _)| sk.starts_with("signed/"));
                signed.unwrap().1.insert("note".to_owned(), text("none"));
            },
            "the checkpoint that was published last: not a signed note",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_damage_to_what_is_stored_is_found_and_its_place_told() {
    let chain = Chain::new().await;
    chain.publish().await;
    let whole = chain.close();
    let key = key_of(7).to_string();
    assert_eq!(whole.verify(&["--key", &key, "--index"]).0, Some(0));
    for Damage(name, words, change, said) in
        [of_bodies(), of_commits(), of_fields(), of_what_stands_beside()].into_iter().flatten()
    {
        let folder = whole.copy();
        folder.change(change).await;
        let (code, found) = folder.verify(&[words, &["--key", &key]].concat());
        assert_eq!(code, Some(1), "{name}: {found}");
        let fault = found.lines().find(|line| line.starts_with("FAILED: ")).unwrap();
        assert!(fault.contains(said), "{name}: {fault}");
        assert!(found.ends_with("epr: the verification failed\n"), "{name}: {found}");
    }
}
