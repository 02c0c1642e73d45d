//! What clients do: all kinds of changes to a few things that they share, and questions in between.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::simulation::client::Wanted;
use crate::simulation::fault::one_of;
use crate::simulation::journal::{Asked, Ending, Kind};
use crate::simulation::oracle::{
    ACTIONS, ENTITIES, GROUPS, ROLES, USERS, held, member, parent, permissions,
};
use crate::simulation::rig::Rig;

/// Every tenant has things of the same names.
pub(super) const TENANTS: [&str; 3] = ["north", "south", "east"];
/// Before any clock of a run, so that grants count whatever clock is asked.
const LONG_AGO: &str = "2026-01-01T00:00:00Z";
/// Names that entities are made with: fewer than entities, so that some are taken.
const NAMES: u64 = 5;

/// The kinds of changes, as often as they are made.
const KINDS: [Kind; 22] = [
    Kind::CreateEntity,
    Kind::PatchEntity,
    Kind::Assign,
    Kind::PatchRole,
    Kind::PostEvent,
    Kind::Revoke,
    Kind::MoveEntity,
    Kind::AddMember,
    Kind::PostLine,
    Kind::Archive,
    Kind::RemoveMember,
    Kind::Restore,
    Kind::PutPrincipal,
    Kind::PostBatch,
    Kind::CreateRole,
    Kind::Replay,
    Kind::PatchEntity,
    Kind::Assign,
    Kind::Revoke,
    Kind::PatchRole,
    Kind::AddMember,
    Kind::RemoveMember,
];

/// A client of a tenant.
pub(super) struct Client {
    pub(super) rig: Arc<Rig>,
    pub(super) tenant: &'static str,
    pub(super) number: u64,
    /// Whether it does one of each kind in turn, or what the seed says.
    pub(super) in_turn: bool,
}

/// A change before it is asked for.
struct Change {
    kind: Kind,
    what: &'static str,
    object: String,
    facts: Vec<(String, String)>,
    method: Method,
    path: String,
    body: Value,
    version: Option<u64>,
}

impl Client {
    /// Makes so many changes, and asks a question after each.
    pub(super) async fn run(self, changes: u64) {
        for number in 0..changes {
            let name = format!("{}.{}.{number}", self.tenant, self.number);
            let draw = self.rig.roll(&format!("{name} kind"));
            let kind = one_of(&KINDS, if self.in_turn { number } else { draw }).unwrap();
            if let Some(change) = self.change(kind, &name) {
                self.make(change, name.clone()).await;
            }
            self.question(&name).await;
            self.rig.pass(self.rig.roll(&format!("{name} rests")) % 400).await;
        }
    }

    pub(super) fn pick(&self, name: &str, what: &str, of: &[&'static str]) -> &'static str {
        one_of(of, self.rig.roll(&format!("{name} {what}"))).unwrap()
    }

    /// Asks for a change, and writes down what came of it.
    async fn make(&self, change: Change, name: String) -> Ending {
        let Change { kind, what, object, facts, method, path, body, version } = change;
        // An event is known again by its correlation id.
        let is_event = matches!(kind, Kind::PostEvent | Kind::PostLine);
        let has_key = !self.rig.roll(&format!("{name} key")).is_multiple_of(4);
        let (tenant, may_repeat) = (self.tenant.to_owned(), has_key || is_event);
        let wanted =
            Wanted { name, what, tenant, method, path, body, has_key, may_repeat, version };
        let asked = Asked {
            name: wanted.name.clone(),
            tenant: wanted.tenant.clone(),
            kind,
            object,
            facts,
            begun: self.rig.network.now(),
            over: u64::MAX,
            ending: Ending::Pending,
        };
        let place = self.rig.journal.lock().unwrap().begin(asked);
        let (ending, last) = self.rig.ask(&wanted).await;
        let now = self.rig.network.now();
        self.rig.journal.lock().unwrap().end(place, ending.clone(), last, now);
        ending
    }

    /// What a client would change now, if there is anything of the kind.
    fn change(&self, kind: Kind, name: &str) -> Option<Change> {
        let entity = self.pick(name, "entity", &ENTITIES);
        let role = self.pick(name, "role", &ROLES);
        let of = |what, method, path: &str, body| Change {
            kind,
            what,
            object: name.to_owned(),
            facts: Vec::new(),
            method,
            path: format!("/api/v1/{path}"),
            body,
            version: None,
        };
        Some(match kind {
            Kind::CreateRole => {
                let body = json!({"id": name, "name": name, "permissions": ["doc:read"]});
                of("create role", Method::POST, "roles", body)
            }
            Kind::PatchRole => {
                let permits = ACTIONS
                    .iter()
                    .filter(|action| self.rig.roll(&format!("{name} {action}")).is_multiple_of(2));
                let permits: Vec<&str> = permits.copied().collect();
                let facts = vec![(permissions(role), permits.join(","))];
                let body = json!({"permissions": permits, "description": name});
                let change = of("patch role", Method::PATCH, &format!("roles/{role}"), body);
                Change { facts, object: role.to_owned(), ..change }
            }
            Kind::Assign => self.assign(name, entity, role),
            Kind::Revoke => self.revoke(name)?,
            Kind::AddMember | Kind::RemoveMember => self.member(kind, name),
            Kind::PutPrincipal => {
                let user = self.pick(name, "user", &USERS);
                let (path, body) =
                    (format!("principals/user/{user}"), json!({"properties": {"op": name}}));
                Change { object: user.to_owned(), ..of("put principal", Method::PUT, &path, body) }
            }
            Kind::PostEvent => of("post event", Method::POST, "events", event(name)),
            Kind::PostLine => {
                let mut body = event(name);
                body["aggregate_type"] = json!("document");
                body["aggregate_id"] = json!(entity);
                of("post event", Method::POST, "events", body)
            }
            Kind::PostBatch => {
                let events = (0..3).map(|place| event(&format!("{name}.{place}")));
                let body = json!({"events": events.collect::<Vec<_>>()});
                of("post events", Method::POST, "events/batch", body)
            }
            Kind::Replay => {
                let id = self.posted(name)?;
                let path = format!("events/{id}/replay");
                Change { object: id, ..of("replay event", Method::POST, &path, Value::Null) }
            }
            of_entity => self.entity(of_entity, name, entity),
        })
    }

    /// A change of an entity.
    fn entity(&self, kind: Kind, name: &str, entity: &str) -> Change {
        let mark = json!({"op": name});
        let of = |what, method, path: &str, body| Change {
            kind,
            what,
            object: entity.to_owned(),
            facts: Vec::new(),
            method,
            path: format!("/api/v1/entities{path}"),
            body,
            version: None,
        };
        let path = format!("/{entity}");
        match kind {
            Kind::CreateEntity => {
                let text = format!("name {}", self.rig.roll(&format!("{name} name")) % NAMES);
                let body = json!({"id": name, "name": text, "type": "offering", "parent_id": entity, "attributes": mark});
                Change { object: name.to_owned(), ..of("create entity", Method::POST, "", body) }
            }
            Kind::MoveEntity => {
                let to = self.pick(name, "parent", &ENTITIES);
                let body = json!({"parent_id": to, "attributes": mark});
                let facts = vec![(parent(entity), to.to_owned())];
                Change { facts, ..of("move entity", Method::PATCH, &path, body) }
            }
            Kind::Archive => of("archive", Method::POST, &(path + "/archive"), Value::Null),
            Kind::Restore => of("restore", Method::POST, &(path + "/restore"), Value::Null),
            _ => {
                let version = self
                    .last_version(entity)
                    .filter(|_| self.rig.roll(&format!("{name} if match")).is_multiple_of(3));
                let body = json!({"attributes": mark});
                Change { version, ..of("patch entity", Method::PATCH, &path, body) }
            }
        }
    }

    fn assign(&self, name: &str, entity: &str, role: &str) -> Change {
        let user = self.pick(name, "user", &USERS);
        let group = self.pick(name, "group", &GROUPS);
        let (kind, id) = match self.rig.roll(&format!("{name} principal")) % 6 {
            0 | 1 => ("group", group),
            2 => ("user", "*"),
            _ => ("user", user),
        };
        let is_global = self.rig.roll(&format!("{name} where")).is_multiple_of(8);
        let place = (!is_global).then_some(entity);
        let tuple = held(&format!("{kind} {id}"), role, place.unwrap_or("everywhere"));
        Change {
            kind: Kind::Assign,
            what: "assign",
            object: tuple.clone(),
            facts: vec![(tuple, "yes".to_owned())],
            method: Method::POST,
            path: "/api/v1/assignments".into(),
            body: json!({
                "id": name, "principal_id": id, "principal_type": kind, "role_id": role,
                "entity_id": place, "effective_at": LONG_AGO,
            }),
            version: None,
        }
    }

    /// Revokes an assignment that some client was told of.
    fn revoke(&self, name: &str) -> Option<Change> {
        let journal = self.rig.journal.lock().unwrap();
        let told: Vec<(&str, &str)> = journal
            .asked
            .iter()
            .filter(|asked| asked.tenant == self.tenant && asked.kind == Kind::Assign)
            .filter_map(|asked| match &asked.ending {
                Ending::Acknowledged(answer) => {
                    Some((asked.object.as_str(), answer.body["id"].as_str()?))
                }
                _ => None,
            })
            .collect();
        let (tuple, id) = one_of(&told, self.rig.roll(&format!("{name} assignment")))?;
        Some(Change {
            kind: Kind::Revoke,
            what: "revoke",
            object: id.to_owned(),
            facts: vec![(tuple.to_owned(), "no".to_owned())],
            method: Method::DELETE,
            path: format!("/api/v1/assignments/{id}"),
            body: Value::Null,
            version: None,
        })
    }

    fn member(&self, kind: Kind, name: &str) -> Change {
        let (user, group) = (self.pick(name, "user", &USERS), self.pick(name, "group", &GROUPS));
        let is_added = kind == Kind::AddMember;
        let path = format!("/api/v1/groups/{group}/members");
        let value = if is_added { "yes" } else { "no" };
        Change {
            kind,
            what: if is_added { "add member" } else { "remove member" },
            object: format!("{group}/{user}"),
            facts: vec![(member(group, user), value.to_owned())],
            method: if is_added { Method::POST } else { Method::DELETE },
            path: if is_added { path } else { format!("{path}/{user}") },
            body: if is_added { json!({"principal_id": user}) } else { Value::Null },
            version: None,
        }
    }

    fn last_version(&self, entity: &str) -> Option<u64> {
        let journal = self.rig.journal.lock().unwrap();
        let mine = journal.asked.iter().rev().filter(|one| one.tenant == self.tenant);
        mine.filter(|asked| asked.object == entity).find_map(|asked| match &asked.ending {
            Ending::Acknowledged(answer) => answer.body["version"].as_u64(),
            _ => None,
        })
    }

    /// The id of an event that some client was told of.
    fn posted(&self, name: &str) -> Option<String> {
        let journal = self.rig.journal.lock().unwrap();
        let told = journal.asked.iter().filter(|one| one.tenant == self.tenant);
        let told: Vec<&str> = told
            .filter_map(|asked| match (&asked.ending, asked.kind) {
                (Ending::Acknowledged(answer), Kind::PostEvent) => answer.body["event_id"].as_str(),
                _ => None,
            })
            .collect();
        one_of(&told, self.rig.roll(&format!("{name} event"))).map(str::to_owned)
    }

    /// Makes what everything else is about, before anything goes wrong.
    pub(super) async fn set_up(&self) {
        for (place, entity) in ENTITIES.into_iter().enumerate() {
            let name = format!("{}.set.{entity}", self.tenant);
            let above = place.checked_sub(1).map(|place| ENTITIES[place / 2]);
            let body = json!({"id": entity, "name": entity, "type": "issuer", "parent_id": above, "attributes": {"op": name}});
            let facts = vec![(parent(entity), above.unwrap_or_default().to_owned())];
            self.set(Kind::CreateEntity, entity, "/api/v1/entities", body, facts, name).await;
        }
        for (place, role) in ROLES.into_iter().enumerate() {
            let name = format!("{}.set.{role}", self.tenant);
            let permits = &ACTIONS[..=place];
            let body = json!({"id": role, "name": format!("role {role}"), "permissions": permits, "description": name});
            let facts = vec![(permissions(role), permits.join(","))];
            self.set(Kind::CreateRole, role, "/api/v1/roles", body, facts, name).await;
        }
    }

    async fn set(
        &self,
        kind: Kind,
        object: &str,
        path: &str,
        body: Value,
        facts: Vec<(String, String)>,
        name: String,
    ) {
        let (object, path) = (object.to_owned(), path.to_owned());
        let (what, method, version) = ("set up", Method::POST, None);
        let change = Change { kind, what, object, facts, method, path, body, version };
        let ending = self.make(change, name.clone()).await;
        if !matches!(ending, Ending::Acknowledged(_)) {
            let told = format!("{name} ended as {ending:?}");
            self.rig.journal.lock().unwrap().wrong("answers when nothing goes wrong", told);
        }
    }
}

/// An event of another service.
fn event(name: &str) -> Value {
    json!({
        "event_type": "document.signed", "source": "vault", "correlation_id": name,
        "payload": {"op": name},
    })
}
