//! The audit ledger's records: lists, one record, checkpoints, export; and what is refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::checkpoints::happening;
use tests::{Reply, World};

const RECORDS: &str = "/api/v1/audit/records";
const EXPORT: &str = "/api/v1/audit/export";

/// A world with 60 records of the default tenant, ten each second, in six segments.
async fn world() -> World {
    let world = World::new();
    for first in (0..60).step_by(10) {
        world.record("default", (first..first + 10).map(happening)).await;
        world.pass_seconds(1);
    }
    world
}

/// The sequences of a list's items, or of an export's lines.
fn sequences<'a>(items: impl IntoIterator<Item = &'a Value>) -> Vec<u64> {
    items.into_iter().map(|item| item["sequence"].as_u64().unwrap()).collect()
}

fn lines(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    assert!(reply.text.is_empty() || reply.text.ends_with('\n'), "{}", reply.text);
    reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// SHA-256 of some texts and hashes in hexadecimal digits, one after the other.
fn sha256(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(byte).collect()
}

#[tokio::test]
async fn records_are_listed_newest_first_page_by_page_and_each_once() {
    let world = world().await;
    let tenant = world.default_tenant();
    for limit in [7, 50, 200] {
        let listed = tenant.pages(RECORDS, limit).await.concat();
        assert_eq!(sequences(&listed), (1..=60).rev().collect::<Vec<_>>(), "{limit}");
    }
    // A record that comes in between is not on any later page, and shifts none.
    let first = tenant.get(&format!("{RECORDS}?limit=40")).await;
    let cursor = first.expect(200)["next_cursor"].as_str().unwrap().to_owned();
    world.record("default", [happening(60)]).await;
    let second = tenant.get(&format!("{RECORDS}?limit=40&cursor={cursor}")).await;
    let expected: Vec<u64> = (1..=20).rev().collect();
    assert_eq!(sequences(second.expect(200)["items"].as_array().unwrap()), expected);
    assert_eq!(second.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn records_are_found_by_what_they_say_and_by_where_they_stand() {
    let world = world().await;
    let tenant = world.default_tenant();
    // The second segment and the third were recorded in the second second and the third.
    let second = |seconds: i64| world.in_seconds(seconds - 6);
    for (query, expected) in [
        ("action=issuer.created&limit=200".to_owned(), (0..30).rev().map(|n| 2 * n + 1).collect()),
        ("actor_id=actor-3".to_owned(), (0..12).rev().map(|n| 5 * n + 4).collect::<Vec<u64>>()),
        ("entity_id=entity-0&actor_id=actor-0".to_owned(), vec![36, 1]),
        ("correlation_id=request-7".to_owned(), vec![24, 23, 22]),
        ("action=nothing".to_owned(), Vec::new()),
        (format!("from={}&to={}", second(1), second(3)), (11..=30).rev().collect()),
        (format!("from={}", second(5)), (51..=60).rev().collect()),
        (format!("from={}", second(7)), Vec::new()),
        ("from_sequence=58".to_owned(), vec![60, 59, 58]),
        ("to_sequence=2".to_owned(), vec![2, 1]),
        ("from_sequence=9&to_sequence=12&action=issuer.created".to_owned(), vec![11, 9]),
        ("from_sequence=61".to_owned(), Vec::new()),
        ("to_sequence=0".to_owned(), Vec::new()),
        (format!("to_sequence={}&limit=2&from_sequence=3", u64::MAX), vec![60, 59]),
    ] {
        let listed = tenant.get(&format!("{RECORDS}?{query}")).await;
        let items = listed.expect(200)["items"].as_array().unwrap();
        assert_eq!(sequences(items), expected, "{query}");
    }
    let bounded = tenant.pages(&format!("{RECORDS}?from_sequence=21&to_sequence=40"), 7).await;
    assert_eq!(bounded.len(), 3);
    assert_eq!(sequences(&bounded.concat()), (21..=40).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_query_that_means_nothing_is_refused_with_all_its_faults() {
    let world = world().await;
    let tenant = world.default_tenant();
    let long = "x".repeat(256);
    for (path, faults) in [
        (format!("{RECORDS}?from=yesterday&to=&limit=0"), vec!["from", "to", "limit"]),
        (
            format!("{RECORDS}?from_sequence=-1&to_sequence=%2B1"),
            vec!["from_sequence", "to_sequence"],
        ),
        (format!("{RECORDS}?action=&actor_id={long}"), vec!["action", "actor_id"]),
        (format!("{RECORDS}?action=a&action=b&colour=red"), vec!["action", "colour"]),
        (format!("{RECORDS}?cursor=forged"), vec!["cursor"]),
        (format!("{EXPORT}?from_sequence=one&limit=1"), vec!["from_sequence", "limit"]),
    ] {
        let refused = tenant.get(&path).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), faults, "{path}");
    }
    // A cursor is for the list that it was issued for.
    let page = tenant.get(&format!("{RECORDS}?limit=1")).await;
    let cursor = page.expect(200)["next_cursor"].as_str().unwrap();
    let other = format!("{RECORDS}?limit=1&action=document.read&cursor={cursor}");
    tenant.get(&other).await.expect_problem(400, "invalid");
}

#[tokio::test]
async fn a_record_is_shown_with_its_place_and_with_hashes_that_anyone_can_recompute() {
    let world = world().await;
    let tenant = world.default_tenant();
    let exported = tenant.get(EXPORT).await;
    let mut previous = "0".repeat(64);
    for (place, line) in exported.text.lines().enumerate() {
        let shown = tenant.get(&format!("{RECORDS}/event-{place:04}")).await;
        let shown = shown.expect(200);
        assert_eq!(
            (&shown["sequence"], &shown["segment"]),
            (&json!(place + 1), &json!(place / 10 + 1))
        );
        assert_eq!(shown["previous_hash"], previous);
        let leaf = sha256(&[&[0], line.as_bytes()]);
        assert_eq!(shown["leaf_hash"], leaf);
        previous = sha256(&[&bytes_of(&previous), &bytes_of(&leaf)]);
        assert_eq!(shown["entry_hash"], previous);
        // What is hashed is what is shown.
        let said: Value = serde_json::from_str(line).unwrap();
        for (name, value) in said.as_object().unwrap() {
            assert_eq!(&shown[name], value, "{name}");
        }
        assert_eq!((&said["hash_version"], &said["tenant_id"]), (&json!(2), &json!("default")));
    }
    let head = &tenant.get("/api/v1/audit/checkpoint").await.body["head"];
    assert_eq!((&head["entry_hash"], &head["size"]), (&json!(previous), &json!(60)));
}

#[tokio::test]
async fn a_record_is_found_by_any_id_that_a_producer_may_give() {
    let world = World::new();
    let tenant = world.default_tenant();
    let long = "x".repeat(255);
    let ids = ["a/b?c#d", "100%", "~!$&'()*+,;=:@", "%2F", "..", long.as_str()];
    let named = ids.map(|id| {
        let mut message = happening(0);
        message["event_id"] = id.into();
        message
    });
    world.record("default", named).await;
    world.sign("default").await;
    for id in ids {
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let shown = tenant.get(&format!("{RECORDS}/{encoded}")).await;
        assert_eq!(shown.expect(200)["event_id"], id);
        tenant.get(&format!("{RECORDS}/{encoded}/proof")).await.expect(200);
    }
    for id in ["none", "%20", "a%00", "%C3%A9", &"x".repeat(256)] {
        for rest in ["", "/proof"] {
            let missed = tenant.get(&format!("{RECORDS}/{id}{rest}")).await;
            missed.expect_problem(404, "not_found");
        }
    }
    tenant.get(&format!("{RECORDS}/%FF")).await.expect_problem(400, "malformed");
}

#[tokio::test]
async fn a_range_is_exported_to_the_byte_and_in_order() {
    let world = world().await;
    let tenant = world.default_tenant();
    for (query, expected) in [
        ("", 1..61),
        ("?from_sequence=55", 55..61),
        ("?to_sequence=3", 1..4),
        ("?from_sequence=9&to_sequence=31", 9..32),
        ("?from_sequence=0&to_sequence=1", 1..2),
        ("?from_sequence=61", 0..0),
        ("?from_sequence=9&to_sequence=8", 0..0),
    ] {
        let exported = tenant.get(&format!("{EXPORT}{query}")).await;
        assert_eq!(exported.status, 200);
        assert_eq!(sequences(&lines(&exported)), expected.collect::<Vec<_>>(), "{query}");
        assert_eq!(exported.header("x-next-sequence"), None, "{query}");
        assert_eq!(exported.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn an_export_that_is_too_large_for_one_answer_says_where_it_goes_on() {
    let world = World::new();
    let tenant = world.default_tenant();
    for first in (0..80).step_by(20) {
        let large = (first..first + 20).map(|number| {
            let mut message = happening(number);
            message["details"] = json!({"text": "x".repeat(60_000)});
            message
        });
        world.record("default", large).await;
    }
    let (mut found, mut next, mut answers) = (Vec::new(), Some("1".to_owned()), 0);
    while let Some(from) = next {
        let path = format!("{EXPORT}?from_sequence={from}&to_sequence=70");
        let exported = tenant.get(&path).await;
        assert!(exported.bytes.len() <= 2 * 1024 * 1024 + 80, "{}", exported.bytes.len());
        found.extend(sequences(&lines(&exported)));
        next = exported.header("x-next-sequence").map(str::to_owned);
        answers += 1;
    }
    assert_eq!(found, (1..=70).collect::<Vec<_>>());
    assert_eq!(answers, 3);
}

#[tokio::test]
async fn the_checkpoint_says_what_was_promised_and_how_far_the_chain_has_come() {
    let world = World::new();
    let tenant = world.default_tenant();
    let path = "/api/v1/audit/checkpoint";
    let nothing = tenant.get(path).await;
    assert_eq!(nothing.expect(200)["signed"], Value::Null);
    assert_eq!(
        nothing.body["head"],
        json!({
            "size": 0, "root": sha256(&[]), "entry_hash": "0".repeat(64), "segments": 0, "recorded_at": null,
        })
    );
    world.record("default", (0..3).map(happening)).await;
    let key = world.sign("default").await;
    world.pass_seconds(1);
    world.record("default", (3..5).map(happening)).await;
    let behind = tenant.get(path).await;
    let (signed, head) = (&behind.expect(200)["signed"], &behind.body["head"]);
    assert_eq!((&signed["size"], &signed["origin"]), (&json!(3), &json!(key.name())));
    let told = [&head["size"], &head["segments"], &head["recorded_at"]];
    assert_eq!(told, [&json!(5), &json!(2), &json!(world.now())]);
    let note = signed["note"].as_str().unwrap();
    let opened = domain::ledger::checkpoint::Checkpoint::open(note, &key).unwrap();
    assert_eq!(signed["root"], opened.root.to_string());
    world.sign("default").await;
    let after = tenant.get(path).await;
    assert_eq!(after.expect(200)["signed"]["root"], after.body["head"]["root"]);
}

#[tokio::test]
async fn nothing_of_the_ledger_can_be_changed_by_a_request() {
    let world = world().await;
    let tenant = world.default_tenant();
    for path in [RECORDS.to_owned(), format!("{RECORDS}/event-0001"), EXPORT.to_owned()] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let refused = tenant.send(method, &path, Some("{}".to_owned())).await;
            refused.expect_problem(405, "method_not_allowed");
        }
    }
}
