//! A client that writes: one request at a time, repeated under the same key until it is answered.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::api::{Answer, Api};
use crate::chance::Chance;
use crate::model::{Model, Operation, action_of, principal_of};

/// How long it waits where the server says that it cannot now.
const PAUSE: Duration = Duration::from_millis(50);

/// How often it asks again for what the server says it cannot now.
const REFUSALS_MAX: usize = 1_200;

/// A writer, with what it knows.
#[derive(Debug)]
pub(crate) struct Writer {
    number: usize,
    pub(crate) tenant: String,
    chance: Chance,
    pub(crate) model: Model,
    /// What was sent and not answered.
    unanswered: Option<Operation>,
    /// What it met.
    pub(crate) met: Met,
}

/// How often what happened to a writer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Met {
    /// Requests without an answer.
    pub(crate) unanswered: usize,
    /// Of these, how many had been done.
    pub(crate) had_been_done: usize,
    /// Answers 503.
    pub(crate) refused: usize,
    /// Earlier requests that were sent once more.
    pub(crate) replayed: usize,
    /// Decisions that were asked for.
    pub(crate) decisions: usize,
}

impl Writer {
    pub(crate) fn new(number: usize, tenant: String, seed: u64) -> Self {
        let chance = Chance::of(seed ^ (number as u64).wrapping_mul(0xd134_2543_de82_ef95));
        let (model, met) = (Model::default(), Met::default());
        Self { number, tenant, chance, model, unanswered: None, met }
    }

    /// Writes until a request is not answered. An error is a breach of what is promised.
    pub(crate) async fn write(&mut self, api: &Api) -> Result<(), String> {
        loop {
            let next = self.model.next(self.number, &mut self.chance);
            if !self.finish(api, next).await? || !self.decides(api).await? {
                return Ok(());
            }
        }
    }

    /// Sends once more what was not answered, and one of what was, which must be answered as before.
    pub(crate) async fn settle(&mut self, api: &Api) -> Result<(), String> {
        if let Some(operation) = self.unanswered.take() {
            let key = operation.key.clone();
            if !self.finish(api, operation).await? {
                return Err(format!("{key}: not answered by a server that runs"));
            }
            let is_replay = self.model.done.last().is_some_and(|(_, answer)| answer.is_replay);
            self.met.had_been_done += usize::from(is_replay);
        }
        let place = self.chance.place(self.model.done.len());
        let Some((operation, answer)) = self.model.done.get(place) else { return Ok(()) };
        let again = self.send(api, operation).await;
        let again = again.ok_or_else(|| format!("{}: not answered again", operation.key))?;
        self.met.replayed += 1;
        if (again.status, &again.body) == (answer.status, &answer.body) && again.is_replay {
            return Ok(());
        }
        Err(format!("{}: answered {answer:?}, and later {again:?}", operation.key))
    }

    /// Brings a request to its end; false where the server went away meanwhile.
    async fn finish(&mut self, api: &Api, operation: Operation) -> Result<bool, String> {
        for _ in 0..REFUSALS_MAX {
            let Some(answer) = self.send(api, &operation).await else {
                self.met.unanswered += 1;
                self.unanswered = Some(operation);
                return Ok(false);
            };
            match answer.status {
                StatusCode::OK | StatusCode::CREATED => {
                    self.model.acknowledge(operation, answer);
                    return Ok(true);
                }
                StatusCode::SERVICE_UNAVAILABLE => {
                    self.met.refused += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                _ => {
                    return Err(format!(
                        "{} {} {}: {} {}",
                        operation.key, operation.method, operation.path, answer.status, answer.body
                    ));
                }
            }
        }
        Err(format!("{}: refused again and again", operation.key))
    }

    async fn send(&self, api: &Api, operation: &Operation) -> Option<Answer> {
        let Operation { key, method, path, body, .. } = operation;
        api.send(&self.tenant, method, path, Some(key), body.as_ref()).await
    }

    /// Now and then asks for a decision that follows from what was acknowledged last.
    async fn decides(&mut self, api: &Api) -> Result<bool, String> {
        let last = self.model.done.last().map(|(operation, _)| operation.path.clone());
        if !last.is_some_and(|path| path.starts_with("/api/v1/assignments")) {
            return Ok(true);
        }
        let held = self.model.assignments.iter().next_back();
        if let Some((id, assignment)) = held
            && !decision(api, &self.tenant, id, &assignment.role, &assignment.entity, true).await?
        {
            return Ok(false);
        }
        self.met.decisions += usize::from(held.is_some());
        Ok(true)
    }
}

/// Whether a decision is what it must be; false where there was no answer.
pub(crate) async fn decision(
    api: &Api,
    tenant: &str,
    assignment: &str,
    role: &str,
    entity: &str,
    wanted: bool,
) -> Result<bool, String> {
    let question = json!({
        "user_id": principal_of(assignment), "action": action_of(role), "resource_id": entity,
    });
    let path = "/api/v1/authorize";
    let Some(answer) = api.send(tenant, &Method::POST, path, None, Some(&question)).await else {
        return Ok(false);
    };
    if answer.status == StatusCode::OK && answer.json()? == json!({"authorized": wanted}) {
        return Ok(true);
    }
    Err(format!("{question} must be {wanted}: {} {}", answer.status, answer.body))
}
