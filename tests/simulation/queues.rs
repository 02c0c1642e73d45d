//! Topics and queues with all that they may do: refuse parts of a batch, bring what they have in any order, more
//! than once, and to two at the same time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::messaging::{Message, queue_answer, queue_entries, topic_answer, topic_entries};

/// Where audit entries wait for the ledger.
pub(super) const AUDIT: &str = "AuditQueue";
/// Where lies what the ledger was not given.
pub(super) const AUDIT_DEAD: &str = "AuditDeadLetterQueue";
/// Where lies what was not delivered.
pub(super) const OUTBOX_DEAD: &str = "OutboxDeadLetterQueue";
/// How often a message is brought before it is a dead letter.
const RECEIVES_MAX: u32 = 5;

/// A message in a queue.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) body: Value,
    visible_at: u64,
    received: u32,
}

#[derive(Default)]
struct State {
    sent: u64,
    queues: BTreeMap<String, Vec<Waiting>>,
    published: Vec<Message>,
}

/// The topics and queues of a run.
#[derive(Clone, Default)]
pub(super) struct Queues(Arc<Mutex<State>>);

impl Queues {
    /// Answers a call, refusing the entries that `refuses` says by their place.
    pub(super) fn answer(
        &self,
        request: &HttpRequest,
        refuses: impl Fn(usize) -> bool,
    ) -> HttpResponse {
        let body = request.body().bytes().unwrap_or_default();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let entries =
            if target.is_empty() { topic_entries(body) } else { queue_entries(target, body) };
        let mut answers = Vec::new();
        for (place, (id, message)) in entries.into_iter().enumerate() {
            let takes = !refuses(place);
            answers.push((id, takes));
            match takes {
                false => {}
                true if target.is_empty() => self.0.lock().unwrap().published.push(message),
                true => self.send(&message.to, message.body),
            }
        }
        let answer = match target {
            "" => topic_answer(&answers),
            "AmazonSQS.SendMessage" => {
                json!({"MessageId": "m", "MD5OfMessageBody": ""}).to_string()
            }
            _ => queue_answer(&answers),
        };
        HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(answer))
    }

    /// Puts a message into the queue whose name an address ends in.
    pub(super) fn send(&self, address: &str, body: Value) {
        let name = address.rsplit('/').next().unwrap_or_default().to_owned();
        let mut state = self.0.lock().unwrap();
        state.sent += 1;
        let number = state.sent;
        let waiting = Waiting { number, body, visible_at: 0, received: 0 };
        state.queues.entry(name).or_default().push(waiting);
    }

    /// Takes messages that are visible now and hides them for so many milliseconds. What was taken too often
    /// becomes a dead letter.
    pub(super) fn receive(
        &self,
        max: usize,
        now: u64,
        hide: u64,
        rank: impl Fn(u64) -> u64,
    ) -> Vec<Waiting> {
        let mut state = self.0.lock().unwrap();
        let queue = state.queues.entry(AUDIT.to_owned()).or_default();
        let is_dead = |one: &Waiting| one.visible_at <= now && one.received >= RECEIVES_MAX;
        let dead: Vec<Waiting> = queue.extract_if(.., |one| is_dead(one)).collect();
        queue.sort_by_key(|one| rank(one.number));
        let mut taken = Vec::new();
        for one in queue.iter_mut().filter(|one| one.visible_at <= now).take(max) {
            one.received += 1;
            one.visible_at = now + hide;
            taken.push(one.clone());
        }
        state.queues.entry(AUDIT_DEAD.to_owned()).or_default().extend(dead);
        taken
    }

    /// Whether anything of the audit queue can be taken now.
    pub(super) fn has_visible(&self, now: u64) -> bool {
        let state = self.0.lock().unwrap();
        state.queues.get(AUDIT).is_some_and(|queue| queue.iter().any(|one| one.visible_at <= now))
    }

    /// Shows messages again that are hidden.
    pub(super) fn show(&self, taken: &[Waiting], now: u64) {
        let mut state = self.0.lock().unwrap();
        let queue = state.queues.entry(AUDIT.to_owned()).or_default();
        let is_taken = |one: &&mut Waiting| taken.iter().any(|other| other.number == one.number);
        queue.iter_mut().filter(is_taken).for_each(|one| one.visible_at = now);
    }

    /// Deletes messages of the audit queue.
    pub(super) fn delete(&self, numbers: &[u64]) {
        let mut state = self.0.lock().unwrap();
        if let Some(queue) = state.queues.get_mut(AUDIT) {
            queue.retain(|one| !numbers.contains(&one.number));
        }
    }

    /// Brings dead letters of the audit queue back, as an operator does, and gives those of the outbox.
    pub(super) fn redrive(&self) -> Vec<Value> {
        let mut state = self.0.lock().unwrap();
        let dead = state.queues.remove(AUDIT_DEAD).unwrap_or_default();
        let back = dead.into_iter().map(|one| Waiting { visible_at: 0, received: 0, ..one });
        state.queues.entry(AUDIT.to_owned()).or_default().extend(back);
        let letters = state.queues.remove(OUTBOX_DEAD).unwrap_or_default();
        letters.into_iter().map(|one| one.body).collect()
    }

    /// What lies in a queue, visible or not.
    pub(super) fn in_queue(&self, name: &str) -> Vec<Value> {
        let state = self.0.lock().unwrap();
        let queue = state.queues.get(name).map(Vec::as_slice).unwrap_or_default();
        queue.iter().map(|one| one.body.clone()).collect()
    }

    /// All that was ever published.
    pub(super) fn published(&self) -> Vec<Message> {
        self.0.lock().unwrap().published.clone()
    }
}
