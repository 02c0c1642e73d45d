//! What a writer asks for, and what must be there once it was acknowledged: known from the requests alone.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Answer;
use crate::chance::Chance;

/// A request that changes something.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Its idempotency key, its id as a request, and so what its event and its audit record are known by.
    pub(crate) key: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// The type and the correlation id of each event that it leaves.
    pub(crate) events: Vec<(&'static str, String)>,
    /// What it is audited as.
    pub(crate) audit: Option<&'static str>,
    effect: Effect,
}

#[derive(Clone, Debug)]
enum Effect {
    Entity(String, Entity),
    Role(String),
    Assigned(String, Assignment),
    Revoked(String),
    Event,
}

/// An entity as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    pub(crate) version: u64,
    pub(crate) status: &'static str,
    /// The one attribute that it has.
    pub(crate) count: u64,
}

/// Who may do what on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) role: String,
    pub(crate) entity: String,
}

/// All that a writer alone has made. Nobody else touches it, so it is known to the last detail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) entities: BTreeMap<String, Entity>,
    pub(crate) roles: Vec<String>,
    pub(crate) assignments: BTreeMap<String, Assignment>,
    pub(crate) revoked: Vec<Assignment>,
    /// What was acknowledged, each with the answer.
    pub(crate) done: Vec<(Operation, Answer)>,
    made: u64,
}

/// The one action of a role.
pub(crate) fn action_of(role: &str) -> String {
    format!("{role}:do")
}

impl Model {
    /// The next request of a writer, by chance.
    pub(crate) fn next(&mut self, writer: usize, chance: &mut Chance) -> Operation {
        self.made += 1;
        let key = format!("w{writer}-{}", self.made);
        if self.entities.is_empty() {
            return self.create(key);
        }
        let names: Vec<&String> = self.entities.keys().collect();
        let entity =
            names.get(chance.place(names.len())).map_or_else(String::new, |id| (*id).clone());
        match chance.below(100) {
            0..25 => self.create(key),
            25..45 => self.count_up(key, &entity),
            45..58 => self.turn(key, &entity),
            58..63 => role(key),
            63..75 => match self.roles.get(chance.place(self.roles.len())).cloned() {
                Some(role) => assign(key, writer, role, entity),
                None => role(key),
            },
            75..82 => match self.assignments.keys().next().cloned() {
                Some(assignment) => revoke(key, assignment),
                None => self.create(key),
            },
            82..94 => event(key),
            _ => events(key),
        }
    }

    fn create(&self, key: String) -> Operation {
        let id = format!("e-{key}");
        let entity = Entity { version: 1, status: "active", count: self.made };
        let body = json!({
            "id": id, "name": format!("Entity {key}"), "type": "other", "attributes": {"count": self.made},
        });
        operation(key, Method::POST, "/api/v1/entities", Effect::Entity(id, entity))
            .with(body)
            .leaves("entity.created", "entity.create")
    }

    fn count_up(&self, key: String, id: &str) -> Operation {
        let mut entity = self.entity(id);
        entity.count = self.made;
        entity.version += 1;
        let path = format!("/api/v1/entities/{id}");
        operation(key, Method::PATCH, &path, Effect::Entity(id.to_owned(), entity))
            .with(json!({"attributes": {"count": self.made}}))
            .leaves("entity.updated", "entity.update")
    }

    /// Archives what is active, and restores what is archived.
    fn turn(&self, key: String, id: &str) -> Operation {
        let mut entity = self.entity(id);
        entity.version += 1;
        let (verb, status, event, audit) = if entity.status == "active" {
            ("archive", "archived", "entity.archived", "entity.archive")
        } else {
            ("restore", "active", "entity.restored", "entity.restore")
        };
        entity.status = status;
        let path = format!("/api/v1/entities/{id}/{verb}");
        operation(key, Method::POST, &path, Effect::Entity(id.to_owned(), entity))
            .leaves(event, audit)
    }

    fn entity(&self, id: &str) -> Entity {
        let missing = Entity { version: 0, status: "missing", count: 0 };
        self.entities.get(id).cloned().unwrap_or(missing)
    }

    /// Takes down that a request was acknowledged.
    pub(crate) fn acknowledge(&mut self, operation: Operation, answer: Answer) {
        match operation.effect.clone() {
            Effect::Entity(id, entity) => drop(self.entities.insert(id, entity)),
            Effect::Role(id) => self.roles.push(id),
            Effect::Assigned(id, assignment) => drop(self.assignments.insert(id, assignment)),
            Effect::Revoked(id) => self.revoked.extend(self.assignments.remove(&id)),
            Effect::Event => {}
        }
        self.done.push((operation, answer));
    }
}

/// Of a writer's assignments, each is to a principal of its own, so that no two are the same.
pub(crate) fn principal_of(assignment: &str) -> String {
    format!("p-{assignment}")
}

fn operation(key: String, method: Method, path: &str, effect: Effect) -> Operation {
    Operation {
        key,
        method,
        path: path.to_owned(),
        body: None,
        events: vec![],
        audit: None,
        effect,
    }
}

impl Operation {
    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn leaves(mut self, event: &'static str, audit: &'static str) -> Self {
        self.events.push((event, self.key.clone()));
        self.audit = Some(audit);
        self
    }
}

fn role(key: String) -> Operation {
    let id = format!("r-{key}");
    let body = json!({"id": id, "name": format!("Role {key}"), "permissions": [action_of(&id)]});
    operation(key, Method::POST, "/api/v1/roles", Effect::Role(id))
        .with(body)
        .leaves("role.created", "role.create")
}

fn assign(key: String, writer: usize, role: String, entity: String) -> Operation {
    let id = format!("a{writer}-{key}");
    let body = json!({
        "id": id, "principal_id": principal_of(&id), "role_id": role, "entity_id": entity,
    });
    let effect = Effect::Assigned(id, Assignment { role, entity });
    operation(key, Method::POST, "/api/v1/assignments", effect)
        .with(body)
        .leaves("role.assignment.changed", "role_assignment.create")
}

fn revoke(key: String, id: String) -> Operation {
    let path = format!("/api/v1/assignments/{id}");
    operation(key, Method::DELETE, &path, Effect::Revoked(id))
        .leaves("role.assignment.changed", "role_assignment.delete")
}

/// An event of someone else: its own record, and so not audited.
fn said(correlation_id: &str) -> Value {
    json!({
        "event_type": "crash.told", "source": "crash", "correlation_id": correlation_id,
        "payload": {"told": correlation_id},
    })
}

fn event(key: String) -> Operation {
    let body = said(&key);
    let mut operation = operation(key, Method::POST, "/api/v1/events", Effect::Event).with(body);
    operation.events.push(("crash.told", operation.key.clone()));
    operation
}

fn events(key: String) -> Operation {
    let names: Vec<String> = (0..3).map(|place| format!("{key}.{place}")).collect();
    let body = json!({"events": names.iter().map(|name| said(name)).collect::<Vec<_>>()});
    let mut operation =
        operation(key, Method::POST, "/api/v1/events/batch", Effect::Event).with(body);
    operation.events = names.into_iter().map(|name| ("crash.told", name)).collect();
    operation
}
