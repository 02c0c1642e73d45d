//! The system in memory that a file's assertions are about, filled through its own API.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use api::AuditDecisions;
use axum::body::{Body, to_bytes};
use domain::entity_type::Registry;
use domain::time::{Clock, Timestamp};
use http::Request;
use local::system::{Surroundings, System};
use serde_json::{Map, Value, json};

use crate::ask::Principal;
use crate::assertions::Fault;
use crate::assertions::file::{File, Test};

/// Largest answer that is read; none comes near.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A filled system, with a clock that each assertion may set.
pub(super) struct World {
    system: System,
    now: Arc<AtomicI64>,
    begins: Timestamp,
}

impl World {
    pub(super) async fn of(file: &File) -> Result<Self, String> {
        let begins = match &file.now {
            Some(now) => moment(now)?,
            None => Clock::system().now(),
        };
        let now = Arc::new(AtomicI64::new(begins.as_microseconds()));
        let reading = now.clone();
        let entity_types = Registry::parse_names(&file.entity_types.join(","));
        let surroundings = Surroundings {
            clock: Clock::from_fn(move || {
                Timestamp::from_microseconds(reading.load(Ordering::Relaxed)).unwrap_or(begins)
            }),
            entity_types: entity_types.map_err(|refusal| format!("entity_types: {refusal}"))?,
            // What is only tried is nothing that happened.
            audit_decisions: AuditDecisions::None,
            ..Surroundings::default()
        };
        let system = System::memory(surroundings).map_err(|error| error.to_string())?;
        let world = Self { system, now, begins };
        world.fill(file).await?;
        Ok(world)
    }

    async fn fill(&self, file: &File) -> Result<(), String> {
        for role in &file.roles {
            self.post("/api/v1/roles", named(role)).await?;
        }
        for entity in &file.entities {
            let entity = renamed(named(entity), "parent", "parent_id");
            self.post("/api/v1/entities", entity).await?;
        }
        for (group, members) in &file.groups {
            for member in members {
                let body = with_principal(Map::new(), member)?;
                self.post(&format!("/api/v1/groups/{group}/members"), body).await?;
            }
        }
        for (principal, properties) in &file.principals {
            let Principal { kind, id } = principal.parse()?;
            let path = format!("/api/v1/principals/{kind}/{id}");
            self.send("PUT", &path, &json!({ "properties": properties })).await?;
        }
        for assignment in &file.assignments {
            let mut body = renamed(assignment.clone(), "role", "role_id");
            body = renamed(body, "on", "entity_id");
            let principal = body.remove("principal");
            let principal = principal.as_ref().and_then(Value::as_str).unwrap_or_default();
            self.post("/api/v1/assignments", with_principal(body, principal)?).await?;
        }
        Ok(())
    }

    /// What is wrong with an assertion, if anything is.
    pub(super) async fn try_one(&self, test: &Test) -> Result<Option<Fault>, String> {
        let question = test.question()?;
        let at = test.at.as_deref().map_or(Ok(self.begins), moment)?;
        self.now.store(at.as_microseconds(), Ordering::Relaxed);
        let body = json!({
            "user_id": question.principal.id,
            "principal_type": question.principal.kind,
            "action": question.action,
            "resource_id": question.resource,
            "context": test.context,
            "explain": true,
        });
        let answer = self.send("POST", "/api/v1/authorize", &body).await?;
        let is_allowed = answer.get("authorized") == Some(&Value::Bool(true));
        let of_decision = |name: &str| answer.get("decision")?.get(name)?.as_str();
        let (reason, detail) = (of_decision("reason"), of_decision("detail").unwrap_or_default());
        let as_expected = is_allowed == question.is_allowed
            && test.reason.as_deref().is_none_or(|expected| reason == Some(expected));
        if as_expected {
            return Ok(None);
        }
        let expected = match (question.is_allowed, &test.reason) {
            (true, _) => "allow".to_owned(),
            (false, None) => "deny".to_owned(),
            (false, Some(reason)) => format!("deny: {reason}"),
        };
        let answered = match reason {
            Some(reason) => format!("deny: {reason} ({detail})"),
            None => format!("allow: {}", allowing(&answer)),
        };
        Ok(Some(Fault { expected, answered }))
    }

    async fn post(&self, path: &str, body: Map<String, Value>) -> Result<(), String> {
        self.send("POST", path, &Value::Object(body)).await.map(|_| ())
    }

    /// The answer to a request; the reason, where it was refused.
    async fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .map_err(|error| format!("{path}: {error}"))?;
        let response = self.system.call(request).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
        let bytes = bytes.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let detail = answer.get("detail").and_then(Value::as_str).unwrap_or("no reason");
        Err(format!("{path} refused {body}: {detail}"))
    }
}

/// What allows, in a few words.
fn allowing(answer: &Value) -> String {
    let of = |name: &str| {
        let value = answer.get("decision")?.get("assignment")?.get(name)?;
        value.as_str().map(str::to_owned)
    };
    let holder = match (of("principal_type"), of("principal_id")) {
        (Some(kind), Some(id)) => format!("{kind}:{id}"),
        _ => "someone".to_owned(),
    };
    let place = of("entity_id").map_or("everywhere".to_owned(), |entity| format!("on {entity}"));
    format!(
        "{holder} holds `{}` {place}",
        of("role_id").or_else(|| of("permission")).unwrap_or_default()
    )
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|refusal| format!("`{text}` {refusal}"))
}

/// A thing that is named as its id is, where it has no other name.
fn named(thing: &Map<String, Value>) -> Map<String, Value> {
    let mut thing = thing.clone();
    if let (Some(id), false) = (thing.get("id").cloned(), thing.contains_key("name")) {
        thing.insert("name".to_owned(), id);
    }
    thing
}

fn renamed(mut thing: Map<String, Value>, from: &str, to: &str) -> Map<String, Value> {
    if let Some(value) = thing.remove(from) {
        thing.insert(to.to_owned(), value);
    }
    thing
}

fn with_principal(
    mut body: Map<String, Value>,
    principal: &str,
) -> Result<Map<String, Value>, String> {
    let Principal { kind, id } =
        principal.parse().map_err(|reason| format!("principal `{principal}` {reason}"))?;
    body.insert("principal_type".to_owned(), kind.into());
    body.insert("principal_id".to_owned(), id.into());
    Ok(body)
}
