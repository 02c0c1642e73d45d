//! Clients: they ask under an idempotency key and a request id, wait only so long, and ask again what they do not
//! know, as real ones do.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

use crate::simulation::fault::{Mode, roll};
use crate::simulation::here::Here;
use crate::simulation::journal::{Answer, Ending};
use crate::simulation::rig::Rig;

/// How often something is tried.
const ATTEMPTS_MAX: u64 = 5;
/// How long a function that answers requests runs, as in the template, in milliseconds.
pub(super) const FUNCTION_MILLISECONDS_MAX: u64 = 10_000;

/// A request, before it is one.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Its name in the run.
    pub(super) name: String,
    /// What is asked for, in words that do not depend on the run.
    pub(super) what: &'static str,
    pub(super) tenant: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Value,
    /// Whether it has an idempotency key.
    pub(super) has_key: bool,
    /// Whether it may be tried again when nobody knows what came of it.
    pub(super) may_repeat: bool,
    /// The version that it is about.
    pub(super) version: Option<u64>,
}

impl Wanted {
    fn request(&self) -> Request<Body> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header("x-tenant-id", &self.tenant)
            .header("x-request-id", &self.name);
        if self.has_key {
            request = request.header("idempotency-key", &self.name);
        }
        if let Some(version) = self.version {
            request = request.header("if-match", format!("\"{version}\""));
        }
        if self.body.is_null() {
            return request.body(Body::empty()).unwrap();
        }
        let request = request.header("content-type", "application/json");
        request.body(Body::from(self.body.to_string())).unwrap()
    }
}

impl Rig {
    /// Asks until it is known what came of it, or patience ends; also when the last attempt was begun.
    pub(super) async fn ask(self: &Arc<Self>, wanted: &Wanted) -> (Ending, u64) {
        let attempts = if wanted.may_repeat { ATTEMPTS_MAX } else { 1 };
        let mut is_doubtful = false;
        let mut last = self.network.now();
        for attempt in 0..attempts {
            if attempt > 0 {
                let pause = self.roll(&format!("{} rests {attempt}", wanted.name)) % 1_500;
                self.pass(pause << attempt.min(3)).await;
            }
            last = self.network.now();
            match self.attempt(wanted, attempt).await {
                Some(answer) if answer.is_success() => return (Ending::Acknowledged(answer), last),
                Some(answer) if answer.is_refusal() && !is_doubtful => {
                    return (Ending::Refused(answer), last);
                }
                // What was tried before may have been done, or be done yet.
                Some(answer) if answer.is_refusal() => return (Ending::Unknown, last),
                _ => is_doubtful = true,
            }
        }
        (Ending::Unknown, last)
    }

    /// One attempt; nothing where no answer came.
    async fn attempt(self: &Arc<Self>, wanted: &Wanted, attempt: u64) -> Option<Answer> {
        let name = format!("{} {attempt}", wanted.name);
        let mut modes = vec![Mode::NotApplied, Mode::AnswerLost];
        if wanted.may_repeat {
            modes.extend([Mode::Again, Mode::AtOnce]);
        }
        let kind = format!("gateway | {}", wanted.what);
        let mode = self.network.decide(&format!("{name} request"), kind, &modes);
        if mode == Some(Mode::NotApplied) {
            self.network.note(&format!("{name} never arrives"));
            return None;
        }
        let number = self.roll(&format!("{name} where"));
        let patience = 2_000 + self.roll(&format!("{name} patience")) % 9_000;
        let patience = Duration::from_millis(patience);
        let first = self.invoke(wanted, &name, number);
        if mode == Some(Mode::AtOnce) {
            let second = self.invoke(wanted, &format!("{name} twin"), number + 1);
            let both = timeout(patience, async { (first.await, second.await) }).await;
            let (one, other) = both.ok()?;
            let (one, other) = (one.ok().flatten()?, other.ok().flatten()?);
            // Of two refusals neither did anything; of one and something else nobody knows.
            return match (one.is_success(), other.is_success()) {
                (true, _) => Some(one),
                (_, true) => Some(other),
                _ => Some(one).filter(|one| one.is_refusal() && other.is_refusal()),
            };
        }
        let answer = timeout(patience, first).await.ok()?.ok().flatten();
        match mode {
            Some(Mode::AnswerLost) => None,
            Some(Mode::Again) => {
                let again = self.invoke(wanted, &format!("{name} again"), number + 1);
                drop(timeout(patience, again).await);
                answer
            }
            _ => answer,
        }
    }

    /// Has a function answer a request, in a process of its own choosing; it goes on when nobody waits for it.
    fn invoke(
        self: &Arc<Self>,
        wanted: &Wanted,
        name: &str,
        number: u64,
    ) -> JoinHandle<Option<Answer>> {
        let (rig, wanted, name) = (self.clone(), wanted.clone(), name.to_owned());
        let process = rig.process(number, &name);
        let here = Here::new(name.clone(), wanted.what, &process);
        tokio::spawn(async move {
            let work = async {
                let limit = Duration::from_millis(FUNCTION_MILLISECONDS_MAX);
                timeout(limit, answered(&process.system, wanted.request())).await.ok()
            };
            let answer = here.run(work).await.flatten();
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            rig.network.note(&format!("{name} answered {status}"));
            let answer = answer?;
            if wanted.has_key && answer.is_success() {
                let told = (answer.status, answer.bytes.clone());
                let mut journal = rig.journal.lock().unwrap();
                journal.answers.entry(wanted.name.clone()).or_default().push(told);
            }
            Some(answer)
        })
    }

    /// Lets simulated time pass.
    pub(super) async fn pass(&self, milliseconds: u64) {
        sleep_until(tokio::time::Instant::now() + Duration::from_millis(milliseconds)).await;
    }

    /// A number of the seed's.
    pub(super) fn roll(&self, what: &str) -> u64 {
        roll(self.seed, what)
    }
}

async fn answered(system: &local::system::System, request: Request<Body>) -> Answer {
    let response = system.call(request).await;
    let (parts, body) = response.into_parts();
    let usage = parts.extensions.get::<api::UsageOf>().map(|usage| usage.0).unwrap_or_default();
    let bytes = body.collect().await.unwrap().to_bytes().to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status: parts.status.as_u16(), bytes, body, usage }
}
