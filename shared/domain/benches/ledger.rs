//! The ledger's work without its store: hashing, verifying, packing and proving.
//!
//! Run with `cargo bench -p domain --bench ledger`. Records are some 640 bytes of JSON, as the core writes
//! them; `export of a million` is the time that reading a file of them takes once it is in memory.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up ends; its entry point is a macro's"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain::id::TenantId;
use domain::ledger::commit::{Head, append};
use domain::ledger::frontier::Frontier;
use domain::ledger::hash::Hash;
use domain::ledger::inspect::Evidence;
use domain::ledger::line::examine;
use domain::ledger::message::Message;
use domain::ledger::proof::{Plan, verify_consistency, verify_inclusion};
use domain::ledger::record::Record;
use domain::ledger::segment::{Body, Segment};
use domain::ledger::tile::{Tile, Tiles, root, to_bytes};
use domain::ledger::verify::Verifier;
use domain::time::Timestamp;
use serde_json::json;
use uuid::Uuid;

const SEGMENT: u64 = 256;
const MILLION: u64 = 1_000_000;

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

/// An id that does not compress, as random ones do not.
fn id(seed: u64) -> String {
    let hash = Hash::of(&seed.to_be_bytes());
    Uuid::from_bytes(hash.as_bytes()[..16].try_into().unwrap()).to_string()
}

fn message(sequence: u64) -> Message {
    let actions = ["entity.create", "entity.update", "role_assignment.create", "issuer.created"];
    let index = usize::try_from(sequence % 4).unwrap();
    let message = json!({
        "event_id": id(sequence * 4),
        "source": "entity_permissions_core",
        "action": actions[index],
        "actor_id": id(sequence % 50),
        "actor_type": "user",
        "entity_id": id(sequence * 4 + 1),
        "entity_type": "issuer",
        "correlation_id": id(sequence * 4 + 2),
        "details": {"name": format!("Entity {sequence}"), "changes": {
            "attributes": {"jurisdiction": "LU", "note": format!("asked for by {sequence}")},
            "status": "active"}, "permissions": ["document:read", "document:write"]},
        "occurred_at": Timestamp::from_microseconds(1_763_868_653_123_456 + i64::try_from(sequence * 3917).unwrap()),
    });
    Message::from_value(message).unwrap()
}

fn line(sequence: u64) -> Vec<u8> {
    let at = Timestamp::from_microseconds(1_763_868_654_000_000).unwrap();
    Record::new(message(sequence), tenant(), sequence, at).canonical().unwrap()
}

fn records(c: &mut Criterion) {
    let json = serde_json::to_vec(&message(1)).unwrap();
    let line = line(1);
    let mut group = c.benchmark_group("one record");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse a message", |b| b.iter(|| Message::parse(black_box(&json))));
    group.bench_function("read back a record", |b| b.iter(|| Record::parse(black_box(&line))));
    let record = Record::parse(&line).unwrap();
    group.bench_function("write it canonically", |b| b.iter(|| black_box(&record).canonical()));
    group.bench_function("hash leaf and entry", |b| {
        b.iter(|| Hash::of_entry(&Hash::GENESIS, &Hash::of_leaf(black_box(&line))));
    });
    let tenant = tenant();
    group.bench_function("examine", |b| b.iter(|| examine(black_box(&line), &tenant)));
    let mut frontier = Frontier::new();
    let leaf = Hash::of_leaf(&line);
    group.bench_function("add to the tree", |b| b.iter(|| frontier.append(black_box(leaf))));
}

fn segments(c: &mut Criterion) {
    let messages: Vec<Message> = (1..=SEGMENT).map(message).collect();
    let lines: Vec<Vec<u8>> = (1..=SEGMENT).map(line).collect();
    let now = Timestamp::from_microseconds(1_763_868_654_000_000).unwrap();
    let head = Head::genesis();
    let appended = append(&head, &tenant(), &messages, now).unwrap();
    let (body, _) = Body::encode(&lines).unwrap();
    let bytes: usize = lines.iter().map(Vec::len).sum();
    let mut group = c.benchmark_group(format!(
        "a segment of 256 records, {bytes} bytes packed to {}",
        body.bytes.len()
    ));
    group.throughput(Throughput::Elements(SEGMENT));
    group.bench_function("append", |b| {
        b.iter(|| append(&head, &tenant(), black_box(&messages), now));
    });
    group.bench_function("pack", |b| b.iter(|| Body::encode(black_box(&lines))));
    group.bench_function("unpack", |b| b.iter(|| Segment::decode(black_box(&body.bytes))));
    let evidence =
        [Evidence { commit: &appended.commit, body: Some(&appended.body.bytes), index: &[] }];
    let fresh = || Verifier::new(tenant());
    group.bench_function("verify", |b| {
        b.iter_batched(
            fresh,
            |mut verifier| verifier.segments(&evidence, 1),
            BatchSize::SmallInput,
        );
    });
}

fn exports(c: &mut Criterion) {
    let mut text = Vec::new();
    for sequence in 1..=MILLION {
        text.extend_from_slice(&line(sequence));
        text.push(b'\n');
    }
    let mut group = c.benchmark_group("export of a million");
    group.sample_size(10).measurement_time(Duration::from_secs(15));
    group.throughput(Throughput::Elements(MILLION));
    for threads in [1, 2] {
        group.bench_function(format!("verify on {threads}"), |b| {
            b.iter(|| {
                let mut verifier = Verifier::new(tenant());
                assert_eq!(verifier.export(black_box(&text), threads), Ok(text.len()));
                verifier.finish()
            });
        });
    }
}

fn proofs(c: &mut Criterion) {
    let leaves: Vec<Hash> = (0..MILLION).map(|index| Hash::of_leaf(&index.to_be_bytes())).collect();
    let of = |size: u64| {
        let mut frontier = Frontier::new();
        leaves.iter().take(usize::try_from(size).unwrap()).for_each(|leaf| frontier.append(*leaf));
        frontier.root()
    };
    let (old, index) = (765_432, 345_678);
    let (old_root, new_root) = (of(old), of(MILLION));
    let fetched = |plan: &Plan| -> Vec<(Tile, Vec<u8>)> {
        let contents = |tile: &Tile| {
            let (start, end) = tile.leaves();
            let below = &leaves[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
            let hashes = below.chunks(below.len() / usize::from(tile.width())).map(root);
            to_bytes(&hashes.collect::<Vec<_>>())
        };
        plan.tiles(MILLION).into_iter().map(|tile| (tile, contents(&tile))).collect()
    };
    let prove = |plan: &Plan, fetched: &[(Tile, Vec<u8>)]| {
        let mut tiles = Tiles::new(MILLION);
        for (tile, bytes) in fetched {
            tiles.add(*tile, bytes).unwrap();
        }
        plan.resolve(|node| tiles.node(node)).unwrap()
    };
    let inclusion = Plan::inclusion(index, MILLION).unwrap();
    let consistency = Plan::consistency(old, MILLION).unwrap();
    let (of_inclusion, of_consistency) = (fetched(&inclusion), fetched(&consistency));
    let leaf = leaves[usize::try_from(index).unwrap()];
    let (path, step) = (prove(&inclusion, &of_inclusion), prove(&consistency, &of_consistency));
    let mut group = c.benchmark_group("proofs in a tree of a million");
    group.bench_function("inclusion from tiles", |b| b.iter(|| prove(&inclusion, &of_inclusion)));
    group.bench_function("verify inclusion", |b| {
        b.iter(|| verify_inclusion(&leaf, index, MILLION, &new_root, black_box(&path)).unwrap());
    });
    group.bench_function("consistency from tiles", |b| {
        b.iter(|| prove(&consistency, &of_consistency));
    });
    group.bench_function("verify consistency", |b| {
        b.iter(|| {
            verify_consistency(old, &old_root, MILLION, &new_root, black_box(&step)).unwrap();
        });
    });
}

criterion_group!(benches, records, segments, exports, proofs);
criterion_main!(benches);
