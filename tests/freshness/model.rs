//! What decides, in a few small sets, and the changes to it; knows nothing of the product's own types.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use http::Method;
use serde_json::{Value, json};

use crate::{Reply, Tenant};

/// Who is asked about.
pub(super) const PRINCIPALS: [&str; 3] = ["user:ada", "user:bob", "group:inner"];
/// Who may hold a role.
const HOLDERS: [&str; 5] = ["user:ada", "user:bob", "user:*", "group:inner", "group:outer"];
/// Who may be in which group.
const MEMBERSHIPS: [(&str, &str); 3] =
    [("user:ada", "inner"), ("user:bob", "outer"), ("group:inner", "outer")];
/// Entities, of which each may stand under one of a lower number.
pub(super) const ENTITIES: usize = 4;
const ROLES: usize = 2;
/// How long an assignment counts that ends.
const WINDOW_MICROSECONDS: i64 = 5_000_000;

/// Holder, role and entity.
type Tuple = (usize, usize, Option<usize>);
/// The id of an assignment, and when it ends.
pub(super) type Held = (String, Option<i64>);

/// What decides.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    entities: Vec<String>,
    roles: Vec<String>,
    parents: [Option<usize>; ENTITIES],
    grants: [bool; ROLES],
    members: BTreeSet<usize>,
    /// By holder, role and entity: the assignment's id, and when it ends.
    held: BTreeMap<Tuple, Held>,
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A role is assigned, for good or for a while.
    Assign {
        holder: usize,
        role: usize,
        on: Option<usize>,
        ends: bool,
    },
    Revoke {
        holder: usize,
        role: usize,
        on: Option<usize>,
    },
    Join(usize),
    Leave(usize),
    Move {
        entity: usize,
        under: Option<usize>,
    },
    /// A role grants the action, or no longer does.
    Grants {
        role: usize,
        is_granted: bool,
    },
    /// Time passes.
    Pass,
}

impl State {
    /// Makes entities and roles; nobody holds anything.
    pub(super) async fn build(tenant: &Tenant) -> Self {
        let mut state = Self::default();
        for entity in 0..ENTITIES {
            let id = tenant.entity(&format!("Entity {entity}"), "other", None).await;
            state.entities.push(id);
        }
        for role in 0..ROLES {
            let id = tenant.role(&format!("Role {role}"), &["doc:read"], &[]).await;
            state.roles.push(id);
        }
        state.grants = [true; ROLES];
        state
    }

    pub(super) fn entity(&self, entity: usize) -> &str {
        &self.entities[entity]
    }

    /// Whether a principal may read an entity.
    pub(super) fn allows(&self, principal: &str, target: usize, now: i64) -> bool {
        let mut holders = BTreeSet::from([principal]);
        if principal.starts_with("user:") {
            holders.insert("user:*");
        }
        let groups = [("inner", "group:inner"), ("outer", "group:outer")];
        for _ in 0..2 {
            for membership in &self.members {
                let (member, group) = MEMBERSHIPS[*membership];
                if holders.contains(member) {
                    holders.extend(groups.iter().find(|(id, _)| *id == group).map(|(_, it)| *it));
                }
            }
        }
        let line: Vec<usize> =
            std::iter::successors(Some(target), |entity| self.parents[*entity]).collect();
        self.held.iter().any(|((holder, role, on), (_, until))| {
            holders.contains(HOLDERS[*holder])
                && self.grants[*role]
                && on.is_none_or(|on| line.contains(&on))
                && until.is_none_or(|until| now < until)
        })
    }

    pub(super) fn after(&self, change: &Change) -> Self {
        let mut after = self.clone();
        match *change {
            // Its id and its end are known when it is made; until then it counts for good.
            Change::Assign { holder, role, on, .. } => {
                after.held.insert((holder, role, on), (String::new(), None));
            }
            Change::Revoke { holder, role, on } => drop(after.held.remove(&(holder, role, on))),
            Change::Join(membership) => drop(after.members.insert(membership)),
            Change::Leave(membership) => drop(after.members.remove(&membership)),
            Change::Move { entity, under } => after.parents[entity] = under,
            Change::Grants { role, is_granted } => after.grants[role] = is_granted,
            Change::Pass => {}
        }
        after
    }

    /// The same state with an assignment as it was made.
    pub(super) fn with(mut self, made: Option<Held>) -> Self {
        if let Some(made) = made {
            let open = self.held.values_mut().find(|(id, _)| id.is_empty());
            open.into_iter().for_each(|held| *held = made.clone());
        }
        self
    }

    /// Which of two states the tables are in.
    pub(super) async fn look(&self, tenant: &Tenant, after: &Self) -> Self {
        let mut seen = self.clone();
        for (entity, id) in self.entities.iter().enumerate() {
            let found = read(tenant, &format!("/api/v1/entities/{id}")).await;
            let parent = found["parent_id"].as_str();
            seen.parents[entity] = self.entities.iter().position(|id| Some(id.as_str()) == parent);
        }
        for (role, id) in self.roles.iter().enumerate() {
            let found = read(tenant, &format!("/api/v1/roles/{id}")).await;
            seen.grants[role] = found["permissions"] == json!(["doc:read"]);
        }
        for (membership, (member, group)) in MEMBERSHIPS.iter().enumerate() {
            if self.members.contains(&membership) != after.members.contains(&membership) {
                let found = read(tenant, &format!("/api/v1/groups/{group}/members")).await;
                let id = member.split_once(':').unwrap().1;
                let items = found["items"].as_array().unwrap();
                seen.members.remove(&membership);
                if items.iter().any(|item| item["principal_id"] == id) {
                    seen.members.insert(membership);
                }
            }
        }
        for key in self.held.keys().chain(after.held.keys()) {
            if self.held.contains_key(key) != after.held.contains_key(key) {
                let found = self.assignment(tenant, *key).await;
                seen.held.remove(key);
                seen.held.extend(found.map(|found| (*key, found)));
            }
        }
        seen
    }

    async fn assignment(&self, tenant: &Tenant, (holder, role, on): Tuple) -> Option<Held> {
        let (kind, id) = HOLDERS[holder].split_once(':').unwrap();
        let id = if id == "*" { "%2A" } else { id };
        let path = format!("/api/v1/assignments?principal_type={kind}&principal_id={id}&limit=200");
        let found = read(tenant, &path).await;
        let on = on.map(|on| self.entities[on].as_str());
        let items = found["items"].as_array().unwrap();
        let item = items.iter().find(|item| {
            item["role_id"] == self.roles[role].as_str() && item["entity_id"].as_str() == on
        })?;
        Some(held_as(item))
    }
}

impl Change {
    /// A change that is possible.
    pub(super) fn draw(state: &State, mut below: impl FnMut(usize) -> usize) -> Self {
        loop {
            let change = match below(12) {
                0..=3 => {
                    let on = Some(below(ENTITIES + 1)).filter(|on| *on < ENTITIES);
                    let (holder, role, ends) = (below(HOLDERS.len()), below(ROLES), below(4) == 0);
                    Self::Assign { holder, role, on, ends }
                }
                4..=6 if !state.held.is_empty() => {
                    let place = below(state.held.len());
                    let (holder, role, on) = *state.held.keys().nth(place).unwrap();
                    Self::Revoke { holder, role, on }
                }
                7 => Self::Join(below(MEMBERSHIPS.len())),
                8 => Self::Leave(below(MEMBERSHIPS.len())),
                9 => {
                    let entity = below(ENTITIES);
                    Self::Move { entity, under: Some(below(entity + 1)).filter(|on| *on < entity) }
                }
                10 => Self::Grants { role: below(ROLES), is_granted: below(2) == 0 },
                _ => Self::Pass,
            };
            let is_new = match change {
                Self::Assign { holder, role, on, .. } => {
                    !state.held.contains_key(&(holder, role, on))
                }
                Self::Join(membership) => !state.members.contains(&membership),
                Self::Leave(membership) => state.members.contains(&membership),
                Self::Move { entity, under } => state.parents[entity] != under,
                Self::Grants { role, is_granted } => state.grants[role] != is_granted,
                Self::Revoke { .. } | Self::Pass => true,
            };
            if is_new {
                return change;
            }
        }
    }

    pub(super) fn is_time(self) -> bool {
        self == Self::Pass
    }

    /// Makes the change; what it says of an assignment, where it made one.
    pub(super) async fn make(
        self,
        tenant: &Tenant,
        state: &State,
        now: &AtomicI64,
    ) -> Option<Held> {
        match self {
            Self::Assign { holder, role, on, ends } => {
                let (kind, id) = HOLDERS[holder].split_once(':').unwrap();
                let until = now.load(Ordering::SeqCst) + WINDOW_MICROSECONDS;
                let until = domain::time::Timestamp::from_microseconds(until).unwrap();
                let body = json!({
                    "principal_type": kind, "principal_id": id, "role_id": state.roles[role],
                    "entity_id": on.map(|on| &state.entities[on]),
                    "expires_at": ends.then_some(until),
                });
                let reply = tenant.post("/api/v1/assignments", body).await;
                return Some(held_as(reply.expect(201)));
            }
            Self::Revoke { holder, role, on } => {
                let (id, _) = &state.held[&(holder, role, on)];
                tenant.revoke(id).await;
            }
            Self::Join(membership) => {
                let (member, group) = MEMBERSHIPS[membership];
                tenant.join(group, member).await.expect(201);
            }
            Self::Leave(membership) => {
                let (member, group) = MEMBERSHIPS[membership];
                tenant.leave(group, member).await.expect(200);
            }
            Self::Move { entity, under } => {
                let under = under.map(|under| state.entities[under].as_str());
                tenant.move_under(&state.entities[entity], under).await.expect(200);
            }
            Self::Grants { role, is_granted } => {
                let permissions = if is_granted { json!(["doc:read"]) } else { json!([]) };
                let path = format!("/api/v1/roles/{}", state.roles[role]);
                tenant.patch(&path, json!({"permissions": permissions})).await.expect(200);
            }
            Self::Pass => drop(now.fetch_add(WINDOW_MICROSECONDS / 2, Ordering::SeqCst)),
        }
        None
    }
}

/// The id of an assignment, and when it ends.
fn held_as(assignment: &Value) -> Held {
    let until = assignment["expires_at"].as_str();
    let until = until.map(|until| domain::time::Timestamp::parse(until).unwrap().as_microseconds());
    (assignment["id"].as_str().unwrap().to_owned(), until)
}

async fn read(tenant: &Tenant, path: &str) -> Value {
    let reply: Reply = tenant.send(Method::GET, path, None).await;
    reply.expect(200).clone()
}
