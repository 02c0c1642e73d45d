//! The audit ledger in one process: appending through the real handler, beside a writer that commits each
//! record in a transaction of its own; and verifying what is there.
//!
//! Run with `cargo bench -p local --profile local --bench ledger [RECORDS]` (1,000,000 unless named). It
//! prints a table, draws `docs/ledger.svg`, and checks the whole chain at the end. Wall-clock numbers of
//! one machine: compare them within one run. The naive writer exists here only.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench that cannot be set up ends, and prints what it found"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use audit_append::Appender;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, Put, ReturnConsumedCapacity, TransactWriteItem,
};
use domain::id::TenantId;
use domain::ledger::inspect::Evidence;
use domain::ledger::verify::Verifier;
use local::system::{Surroundings, System};
use serde_json::{Value, json};
use store::meter::measured;

/// Messages of one invocation, as the template has it.
const BATCH: usize = 1_000;

/// Records of the naive writer.
const NAIVE: usize = 2_000;

/// Records between two points of the plot.
const POINT: usize = 10_000;

#[tokio::main]
async fn main() {
    let asked: Option<usize> = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let records = asked.unwrap_or(1_000_000).next_multiple_of(POINT);
    let folder = tempfile::tempdir().unwrap();
    let system = System::open(folder.path(), Surroundings::default()).unwrap();
    let tenant = TenantId::parse("default").unwrap();

    let (naive, naive_units) = naive(&system).await;
    let (points, units) = append(&system, records).await;
    let rate = |count: usize, took: Duration| count as f64 / took.as_secs_f64();
    let whole: Duration = points.iter().sum();
    println!("| what | result |\n|---|--:|");
    println!("| one record, one transaction | {:.0} records/s |", rate(NAIVE, naive));
    println!(
        "| the real handler, {records} records (target ≥ 5,000) | {:.0} records/s |",
        rate(records, whole)
    );
    println!("| write units per record, naive | {:.2} |", naive_units / NAIVE as f64);
    println!("| write units per record (target ≤ 1.2) | {:.2} |", units / records as f64);
    let at = |count: usize| points[count / POINT - 1].as_secs_f64() * 1e6 / POINT as f64;
    for count in [10_000, 100_000, 1_000_000].into_iter().filter(|count| *count <= records) {
        println!("| append, each of the {POINT} before {count} | {:.0} µs |", at(count));
    }
    // A point is the work of a second or two, and anything else that the machine does shows in it.
    let tenth = points.len().div_ceil(10);
    let mean = |part: &[Duration]| part.iter().sum::<Duration>().as_secs_f64() / part.len() as f64;
    println!(
        "| growth from the first tenth to the last (target ≤ 1.5) | {:.2} |",
        mean(&points[points.len() - tenth..]) / mean(&points[..tenth])
    );

    let begun = Instant::now();
    let (export, verified) = verify_stored(&system, &tenant).await;
    println!(
        "| verified from the table, reading included | {:.0} records/s |",
        rate(records, begun.elapsed())
    );
    println!("| verified once read, 2 threads | {:.0} records/s |", rate(records, verified));
    for threads in [1, 2] {
        let begun = Instant::now();
        let mut verifier = Verifier::new(tenant.clone());
        assert_eq!(verifier.export(&export, threads).unwrap(), export.len());
        assert_eq!(verifier.finish().unwrap().head.size(), records as u64);
        let took = begun.elapsed();
        println!(
            "| verified from an export, {threads} threads (target: 500,000 a core; 1 M in 3 s) | {:.0} records/s, {:.2} s |",
            rate(records, took),
            took.as_secs_f64()
        );
    }
    draw(&points);
}

/// An event of a usual size: some 640 bytes as a record.
fn event(number: usize) -> Value {
    json!({
        "event_id": format!("0190b0c5-7e4c-7000-8000-{number:012}"),
        "source": "issuer-service",
        "action": "issuer.created",
        "actor_id": "b5db2c29-6f2d-4dc6-9b6b-7827806bd0be",
        "actor_type": "user",
        "entity_id": format!("0f0f7e13-7cb5-449b-9349-{:012x}", number * 7_919),
        "entity_type": "issuer",
        "correlation_id": format!("req-{number}"),
        "details": {"issuer_code": format!("ACME-{number}"), "note": "x".repeat(120)},
        "occurred_at": "2024-04-14T18:03:11.221208Z",
    })
}

/// How long each ten thousand took, and the write units of all.
async fn append(system: &System, records: usize) -> (Vec<Duration>, f64) {
    let appender = Appender::of(system.app("audit-append").unwrap());
    let (mut points, mut units) = (Vec::new(), 0.0);
    for first in (0..records).step_by(POINT) {
        let batches: Vec<_> = (first..first + POINT)
            .step_by(BATCH)
            .map(|first| {
                let message = |number| json!({"messageId": "m", "body": event(number).to_string()});
                let all: Vec<Value> = (first..first + BATCH).map(message).collect();
                serde_json::from_value(json!({"Records": all})).unwrap()
            })
            .collect();
        let begun = Instant::now();
        for batch in batches {
            let (answer, usage) = measured(audit_append::handle(&appender, batch)).await;
            assert!(answer.unwrap().batch_item_failures.is_empty());
            units += usage.write_units;
        }
        points.push(begun.elapsed());
        if points.len().is_multiple_of(10) {
            eprintln!("{} records", first + POINT);
        }
    }
    (points, units)
}

/// The design that this one is measured against: for each record a transaction with the record, the entry
/// that makes its event unique, and the place in the chain.
async fn naive(system: &System) -> (Duration, f64) {
    let client = system.embedded.client();
    let text = |value: String| AttributeValue::S(value);
    let mut units = 0.0;
    let begun = Instant::now();
    for number in 0..NAIVE {
        let event = event(number);
        let put = |pk: &str, sk: String, body: Option<&Value>| {
            let mut put = Put::builder()
                .table_name("AuditTable")
                .item("pk", text(format!("naive/{pk}")))
                .item("sk", text(sk))
                .condition_expression("attribute_not_exists(pk)");
            if let Some(body) = body {
                put = put.item("body", text(body.to_string()));
            }
            TransactWriteItem::builder().put(put.build().unwrap()).build()
        };
        let id = event["event_id"].as_str().unwrap().to_owned();
        let done = client
            .transact_write_items()
            .transact_items(put("record", format!("{number:012}"), Some(&event)))
            .transact_items(put("event", id, None))
            .transact_items(put("head", format!("{number:012}"), None))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .unwrap();
        let consumed = done.consumed_capacity().iter();
        units += consumed.filter_map(ConsumedCapacity::capacity_units).sum::<f64>();
    }
    (begun.elapsed(), units)
}

/// Verifies the chain from the table; an export of it, and how long verifying alone took.
async fn verify_stored(system: &System, tenant: &TenantId) -> (Vec<u8>, Duration) {
    let store = &system.app("audit-append").unwrap().store;
    let mut verifier = Verifier::new(tenant.clone());
    let (mut export, mut verifying, mut next) = (Vec::new(), Duration::ZERO, 1);
    loop {
        let segments = store.ledger_segments(tenant, next).await.unwrap();
        let Some(last) = segments.last() else { break };
        next = last.commit.number + 1;
        let evidence: Vec<Evidence<'_>> = segments
            .iter()
            .map(|segment| Evidence {
                commit: &segment.commit,
                body: segment.body.as_deref(),
                index: &[],
            })
            .collect();
        let begun = Instant::now();
        verifier.segments(&evidence, 2).unwrap();
        verifying += begun.elapsed();
        for segment in &segments {
            let body = domain::ledger::segment::Segment::decode(segment.body.as_ref().unwrap());
            for line in body.unwrap().records() {
                export.extend_from_slice(line);
                export.push(b'\n');
            }
        }
    }
    verifier.finish().unwrap();
    (export, verifying)
}

/// Draws how long a record took as the chain grew.
fn draw(points: &[Duration]) {
    let each: Vec<f64> =
        points.iter().map(|took| took.as_secs_f64() * 1e6 / POINT as f64).collect();
    let top = each.iter().copied().fold(0.0, f64::max) * 1.1;
    let (width, height) = (640.0, 240.0);
    let x = |place: usize| 50.0 + width * (place as f64 + 1.0) / each.len() as f64;
    let y = |value: f64| 20.0 + height * (1.0 - value / top);
    let line: Vec<String> = each
        .iter()
        .enumerate()
        .map(|(place, value)| format!("{:.1},{:.1}", x(place), y(*value)))
        .collect();
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 310" font-family="sans-serif" font-size="12">
<title>Time to append a record, as the chain grows</title>
<rect width="720" height="310" fill="white"/>
<path d="M50 20V260H690" fill="none" stroke="black"/>
<polyline points="{}" fill="none" stroke="steelblue" stroke-width="1.5"/>
<text x="50" y="14">µs per record, in batches of {BATCH} through the handler</text>
<text x="46" y="24" text-anchor="end">{top:.0}</text>
<text x="46" y="264" text-anchor="end">0</text>
<text x="690" y="278" text-anchor="end">{} records</text>
</svg>"#,
        line.join(" "),
        each.len() * POINT,
    )
    .unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ledger.svg");
    std::fs::write(path, svg).unwrap();
}
