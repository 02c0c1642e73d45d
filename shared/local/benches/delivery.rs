//! Ingestion and delivery in one process, with the data in a folder: what `epr local` does.
//!
//! Run with `cargo bench -p local --profile local`. It prints how many events a second are handed in and
//! delivered, how that grows with the backlog, and how long after its commit an event is published.
//! Wall-clock numbers of one machine: compare them within one run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench that cannot be set up ends, and prints what it found"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use local::embedded::Embedded;
use local::messaging::Messaging;
use local::system::{Clients, Surroundings, System};
use local::wire;
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// The smaller backlog; the larger one is ten times this.
const BACKLOG: usize = 2_000;

/// Events of one request to the batch endpoint.
const BATCH: usize = 100;

/// Events a second while latency is measured, and for how many seconds.
const RATE: u32 = 200;
const SECONDS: u32 = 10;

#[tokio::main]
async fn main() {
    println!("| what | result |\n|---|--:|");
    let small = backlog(BACKLOG).await;
    let large = backlog(10 * BACKLOG).await;
    println!("| events handed in one by one, one caller | {:.0} /s |", single().await);
    println!("| events handed in by batches of {BATCH} | {:.0} /s |", large.ingested_per_second);
    for (count, found) in [(BACKLOG, &small), (10 * BACKLOG, &large)] {
        let each = found.relayed.as_secs_f64() * 1_000_000.0 / count as f64;
        println!("| relayed and marked, each of a backlog of {count} | {each:.0} µs |");
    }
    let growth = large.relayed.as_secs_f64() / small.relayed.as_secs_f64() / 10.0;
    println!("| growth per event at ten times the backlog (target ≤ 1.5) | {growth:.2} |");
    let mut latencies = latencies().await;
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    println!(
        "| commit to topic at {RATE} events/s: p50, p99 (target ≤ 100), max | {:.1}, {:.1}, {:.1} ms |",
        at(50),
        at(99),
        at(100),
    );
}

struct Backlog {
    ingested_per_second: f64,
    relayed: Duration,
}

/// Hands in so many events, which nobody delivers meanwhile, and then delivers them.
async fn backlog(count: usize) -> Backlog {
    let folder = tempfile::tempdir().unwrap();
    let system = System::open(folder.path(), Surroundings::default()).unwrap();
    let begun = Instant::now();
    for first in (0..count).step_by(BATCH) {
        let events: Vec<Value> = (first..first + BATCH).map(event).collect();
        post(&system, "/api/v1/events/batch", &json!({"events": events})).await;
    }
    let ingested_per_second = count as f64 / begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let drained = system.pump.drain().await.unwrap();
    let relayed = begun.elapsed();
    assert_eq!(drained.failures, 0);
    Backlog { ingested_per_second, relayed }
}

/// Events a second of one caller who waits for each answer.
async fn single() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let system = System::open(folder.path(), Surroundings::default()).unwrap();
    let begun = Instant::now();
    for number in 0..BACKLOG {
        post(&system, "/api/v1/events", &event(number)).await;
    }
    BACKLOG as f64 / begun.elapsed().as_secs_f64()
}

/// For each event, how long after the answer that told of its commit it reached the topic. An event that
/// was there before its answer counts as zero.
async fn latencies() -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let topic = Topic::default();
    let clients = |embedded: &Embedded, messaging: &Messaging| {
        let topic = topic.clone();
        let watched = wire::past(messaging.http_client(), move |inner, request| {
            topic.note(&request);
            inner.call(request)
        });
        let sns = messaging.sns_config().http_client(watched);
        let mut clients = Clients::of(embedded, messaging);
        clients.messaging.sns = Some(aws_sdk_sns::Client::from_conf(sns.build()));
        clients
    };
    let embedded = Embedded::open(folder.path()).unwrap();
    let system = System::start(embedded, clients, Surroundings::default()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let pump = system.pump.clone();
    let pump = tokio::spawn(async move { pump.run(async { drop(stopped.await) }).await });
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut committed = Vec::new();
    for number in 0..(RATE * SECONDS) as usize {
        ticks.tick().await;
        let system = system.clone();
        committed.push(tokio::spawn(async move {
            post(&system, "/api/v1/events", &event(number)).await;
            (correlation_id(number), Instant::now())
        }));
    }
    let mut latencies = Vec::new();
    for answered in committed {
        let (id, at) = answered.await.unwrap();
        let published = topic.when(&id).await;
        latencies.push(published.saturating_duration_since(at));
    }
    drop(stop);
    pump.await.unwrap();
    latencies
}

fn correlation_id(number: usize) -> String {
    format!("correlation-{number:08}")
}

/// An event of an aggregate of its own, which therefore is the relay's.
fn event(number: usize) -> Value {
    json!({
        "event_type": "document.verified",
        "source": "bench",
        "correlation_id": correlation_id(number),
        "aggregate_type": "document",
        "aggregate_id": format!("d-{number}"),
        "payload": {"text": "x".repeat(400)},
    })
}

async fn post(system: &System, path: &str, body: &Value) {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = system.call(request).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
}

/// When events reached the topic, by correlation id.
#[derive(Clone, Debug, Default)]
struct Topic(Arc<Mutex<HashMap<String, Instant>>>);

impl Topic {
    async fn when(&self, id: &str) -> Instant {
        loop {
            if let Some(at) = self.0.lock().unwrap().get(id) {
                return *at;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn note(&self, request: &HttpRequest) {
        let (now, sent) = (Instant::now(), request.body().bytes().unwrap_or_default());
        let text = String::from_utf8_lossy(sent);
        let ids = text.match_indices("correlation-").filter_map(|(at, _)| text.get(at..at + 20));
        let mut arrived = self.0.lock().unwrap();
        for id in ids {
            arrived.entry(id.to_owned()).or_insert(now);
        }
    }
}
