//! What invokes functions besides clients: the stream in two shards, the audit queue with two workers, and the
//! schedules. Each of them brings what it brings at least once, and here now and then more often.

use std::sync::Arc;
use std::time::Duration;

use local::embedded::HORIZON;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::simulation::bug::Bug;
use crate::simulation::fault::{Mode, roll};
use crate::simulation::here::Here;
use crate::simulation::rig::Rig;

/// Shards of the stream: of one item the order is kept, across items it is not.
pub(super) const SHARDS: u64 = 2;
/// Batches of the audit queue that are worked on at a time.
pub(super) const WORKERS: u64 = 2;
/// As in the template.
const WORKER_SECONDS_MAX: u64 = 60;
const STREAM_RECORDS_MAX: u64 = 100;
const STREAM_RETRIES_MAX: u64 = 20;
const VISIBILITY_MILLISECONDS: u64 = 360_000;
/// More often than in the template, so that more crosses.
const SCHEDULE_MILLISECONDS: u64 = 20_000;
/// How long a message is hidden whose time is over while someone works on it.
const EXPIRED_MILLISECONDS: u64 = 30;
/// Most messages of a batch; less than the template's, so that there are several.
const QUEUE_MESSAGES_MAX: u64 = 40;

impl Rig {
    /// Has a function work on something, in a process of its own choosing; nothing where that ended.
    pub(super) async fn work(
        self: &Arc<Self>,
        folder: &'static str,
        name: String,
        event: Value,
    ) -> Option<Value> {
        let process = self.process(self.roll(&name), &name);
        let (handler, here) = (process.worker(folder), Here::new(name.clone(), folder, &process));
        let work = async {
            let limit = Duration::from_secs(WORKER_SECONDS_MAX);
            timeout(limit, handler.invoke(event)).await.ok()?.ok()
        };
        let answer = here.run(work).await.flatten();
        self.network.note(&format!("{name} {}", if answer.is_some() { "done" } else { "ended" }));
        answer
    }

    /// The same, or twice at once.
    async fn work_perhaps_twice(
        self: &Arc<Self>,
        folder: &'static str,
        name: &str,
        event: Value,
        mode: Option<Mode>,
    ) -> Option<Value> {
        let first = self.work(folder, name.to_owned(), event.clone());
        if mode == Some(Mode::AtOnce) {
            let second = self.work(folder, format!("{name} twin"), event);
            return futures::future::join(first, second).await.0;
        }
        first.await
    }

    /// Brings one shard of the stream of events to the relay.
    pub(super) async fn bring_stream(self: Arc<Self>, shard: u64) {
        let tables = self.network.tables();
        let stream = tables.stream("EventsTable").unwrap().unwrap();
        let mut position = HORIZON.to_owned();
        let (mut number, mut failures) = (0, 0);
        while !self.is_over() {
            let name = format!("relay {shard} {number}");
            number += 1;
            let size = 1 + self.roll(&format!("{name} size")) % STREAM_RECORDS_MAX;
            let records = tables.stream_records(&stream, &position, 1_000).unwrap();
            let mine = records.into_iter().filter(|record| shard_of(record) == shard);
            let batch: Vec<Value> = mine.take(usize::try_from(size).unwrap()).collect();
            let Some(last) = batch.last().map(sequence) else {
                self.pass(100 + self.roll(&name) % 400).await;
                continue;
            };
            let modes = [Mode::Again, Mode::AtOnce, Mode::Trimmed];
            let mode = self.network.decide(&name, "stream | relay".to_owned(), &modes);
            if mode == Some(Mode::Trimmed) {
                self.network.note(&format!("{name} trimmed"));
                position = last;
                continue;
            }
            let event = json!({"Records": batch});
            let answer = self.work_perhaps_twice("outbox-relay", &name, event, mode).await;
            let failed = answer.map(|answer| failed_of(&answer));
            let failed =
                failed.map(|failed| if self.ignores_failures() { Vec::new() } else { failed });
            match failed {
                Some(failed) if failed.is_empty() => {
                    failures = 0;
                    if mode != Some(Mode::Again) {
                        position = last;
                    }
                }
                failed => {
                    failures += 1;
                    let first = failed.and_then(|failed| failed.into_iter().min());
                    let before = batch.iter().map(sequence);
                    let mut before =
                        before.filter(|one| first.as_ref().is_some_and(|first| one < first));
                    position = before.next_back().unwrap_or(position);
                    if failures == STREAM_RETRIES_MAX {
                        (failures, position) = (0, last);
                    }
                    self.pass(100 << failures.min(6)).await;
                }
            }
        }
    }

    /// Brings what waits in the audit queue to the ledger's writer.
    pub(super) async fn bring_queue(self: Arc<Self>, worker: u64) {
        let mut number = 0;
        while !self.is_over() {
            let name = format!("append {worker} {number}");
            number += 1;
            let modes = [Mode::Again, Mode::AtOnce, Mode::Reordered, Mode::Expired];
            let (now, seed) = (self.network.now(), self.seed);
            if !self.network.queues().has_visible(now) {
                self.pass(200 + self.roll(&name) % 800).await;
                continue;
            }
            let mode = self.network.decide(&name, "queue | append".to_owned(), &modes);
            let size = 1 + self.roll(&format!("{name} size")) % QUEUE_MESSAGES_MAX;
            let hide = match mode {
                Some(Mode::Expired) => EXPIRED_MILLISECONDS,
                _ => VISIBILITY_MILLISECONDS,
            };
            let rank = |number: u64| match mode {
                Some(Mode::Reordered) => roll(seed, &format!("{name} {number}")),
                _ => number,
            };
            let size = usize::try_from(size).unwrap();
            let batch = self.network.queues().receive(size, now, hide, rank);
            let record = |one: &crate::simulation::queues::Waiting| json!({"messageId": one.number.to_string(), "body": one.body.to_string()});
            let event = json!({"Records": batch.iter().map(record).collect::<Vec<_>>()});
            if self.network.bug() == Some(Bug::AcknowledgedBeforeTheWork) {
                let all: Vec<u64> = batch.iter().map(|one| one.number).collect();
                self.network.queues().delete(&all);
            }
            let answer = self.work_perhaps_twice("audit-append", &name, event, mode).await;
            let Some(answer) = answer else { continue };
            if mode == Some(Mode::Again) {
                // That it is done does not reach the queue.
                self.network.queues().show(&batch, self.network.now());
                continue;
            }
            let failed = if self.ignores_failures() { Vec::new() } else { failed_of(&answer) };
            let done = batch.iter().map(|one| one.number);
            let done: Vec<u64> = done.filter(|one| !failed.contains(&one.to_string())).collect();
            self.network.queues().delete(&done);
        }
    }

    /// Invokes a function by the minute.
    pub(super) async fn keep_schedule(self: Arc<Self>, folder: &'static str) {
        let mut number = 0;
        while !self.is_over() {
            let name = format!("{folder} {number}");
            self.pass(SCHEDULE_MILLISECONDS / 2 + self.roll(&name) % SCHEDULE_MILLISECONDS).await;
            number += 1;
            if self.is_over() {
                return;
            }
            let kind = format!("schedule | {folder}");
            let mode = self.network.decide(&name, kind, &[Mode::AtOnce]);
            if self.network.bug() == Some(Bug::NobodySweeps) && folder == "outbox-sweeper" {
                continue;
            }
            self.work_perhaps_twice(folder, &name, json!({}), mode).await;
        }
    }

    fn ignores_failures(&self) -> bool {
        self.network.bug() == Some(Bug::FailuresAreAcknowledged)
    }
}

/// A text that sorts as the number does: they are of one length.
fn sequence(record: &Value) -> String {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned()
}

fn shard_of(record: &Value) -> u64 {
    roll(0, record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap_or_default()) % SHARDS
}

/// What of a batch was not done.
fn failed_of(answer: &Value) -> Vec<String> {
    let failures = answer["batchItemFailures"].as_array().map(Vec::as_slice).unwrap_or_default();
    let id = |failure: &Value| failure["itemIdentifier"].as_str().unwrap_or_default().to_owned();
    failures.iter().map(id).collect()
}
