//! The oracle: what the system should hold after each operation, and what it should answer.
//!
//! **Invariant:** nothing of the product is used here. Everything is plain numbers and maps; the tree is
//! walked by parent, groups by fixed-point iteration, and every assignment is looked at for every answer.

use std::collections::{BTreeMap, BTreeSet};

pub(super) const KINDS: [&str; 3] = ["issuer", "spv", "offering"];
pub(super) const ACTIONS: [&str; 2] = ["document:read", "document:write"];
/// Who can hold a role: the first [`PRINCIPALS`] are principals that may be asked about.
pub(super) const HOLDERS: [&str; 8] = [
    "user:alice",
    "user:bob",
    "service:alice",
    "group:g0",
    "group:g1",
    "group:g2",
    "user:*",
    "group:*",
];
pub(super) const PRINCIPALS: usize = 6;
/// The place of the first group among the holders.
pub(super) const GROUPS_FROM: usize = 3;

/// An operation. Things are named by number; times are seconds from the present moment.
#[derive(Clone, Debug)]
pub(super) enum Op {
    CreateEntity {
        entity: usize,
        kind: usize,
        parent: Option<usize>,
    },
    Move {
        entity: usize,
        parent: Option<usize>,
    },
    /// Rewrites the entity and nothing that a decision rests on.
    Rename {
        entity: usize,
    },
    Archive {
        entity: usize,
    },
    CreateRole {
        role: usize,
        actions: BTreeSet<usize>,
        kinds: BTreeSet<usize>,
    },
    PatchRole {
        role: usize,
        actions: Option<BTreeSet<usize>>,
        kinds: Option<BTreeSet<usize>>,
    },
    Assign {
        holder: usize,
        role: usize,
        on: Option<usize>,
        from: Option<i64>,
        until: Option<i64>,
        /// On the condition that it is about this entity.
        only: Option<usize>,
    },
    /// See [`Model::to_revoke`].
    Revoke {
        place: usize,
    },
    Join {
        member: usize,
        group: usize,
    },
    /// See [`Model::to_leave`].
    Leave {
        place: usize,
    },
    Pass {
        seconds: i64,
    },
}

/// What an operation should answer: a status, and of a refusal the code and the pointer.
pub(super) type Outcome = (u16, Option<&'static str>, Option<&'static str>);

const OK: Outcome = (200, None, None);
const CREATED: Outcome = (201, None, None);
const NOT_FOUND: Outcome = (404, Some("not_found"), None);

fn invalid(pointer: &'static str) -> Outcome {
    (400, Some("invalid"), Some(pointer))
}

/// A question: principal, action and entity, by number.
pub(super) type Question = (usize, usize, usize);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Any of these assignments may be named as the deciding one.
    Allow(BTreeSet<String>),
    Deny(&'static str),
}

impl Answer {
    pub(super) fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) from: i64,
    pub(super) until: Option<i64>,
    /// The entity that it is about only.
    pub(super) only: Option<usize>,
}

/// A holder, a role, and an entity or everywhere.
pub(super) type Tuple = (usize, usize, Option<usize>);

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    /// Kind and parent.
    pub(super) entities: BTreeMap<usize, (usize, Option<usize>)>,
    /// Actions, and the kinds governed.
    pub(super) roles: BTreeMap<usize, (BTreeSet<usize>, BTreeSet<usize>)>,
    pub(super) assignments: BTreeMap<Tuple, Held>,
    /// Member and group, both as holders.
    pub(super) memberships: BTreeSet<(usize, usize)>,
    /// Ids of all assignments ever made.
    pub(super) made: Vec<String>,
    /// Holders of whom something was stored once.
    known: BTreeSet<usize>,
    pub(super) now: i64,
}

impl Model {
    /// What an operation should answer, changing the model as it should change the system. An
    /// assignment that it makes has the id `next_id`.
    pub(super) fn apply(&mut self, op: &Op, next_id: &str) -> Outcome {
        match op {
            Op::CreateEntity { entity, kind, parent } => {
                if let Some(refused) = self.refuse_parent(*entity, *parent) {
                    return refused;
                }
                if self.entities.contains_key(entity) {
                    return (409, Some("id_taken"), None);
                }
                self.entities.insert(*entity, (*kind, *parent));
                CREATED
            }
            Op::Move { entity, parent } => {
                let Some((kind, was)) = self.entities.get(entity).copied() else {
                    return NOT_FOUND;
                };
                if was == *parent {
                    return OK;
                }
                if let Some(refused) = self.refuse_parent(*entity, *parent) {
                    return refused;
                }
                self.entities.insert(*entity, (kind, *parent));
                OK
            }
            Op::Rename { entity } | Op::Archive { entity } => {
                if self.entities.contains_key(entity) { OK } else { NOT_FOUND }
            }
            Op::CreateRole { role, actions, kinds } => {
                if self.roles.contains_key(role) {
                    return (409, Some("id_taken"), None);
                }
                self.roles.insert(*role, (actions.clone(), kinds.clone()));
                CREATED
            }
            Op::PatchRole { role, actions, kinds } => {
                let Some(found) = self.roles.get_mut(role) else { return NOT_FOUND };
                found.0 = actions.clone().unwrap_or_else(|| found.0.clone());
                found.1 = kinds.clone().unwrap_or_else(|| found.1.clone());
                OK
            }
            Op::Assign { holder, role, on, from, until, only } => {
                let held = Held { id: next_id.to_owned(), from: 0, until: *until, only: *only };
                self.assign((*holder, *role, *on), *from, held)
            }
            Op::Revoke { place } => self.revoke(*place),
            Op::Join { member, group } => self.join(*member, *group),
            Op::Leave { place } => {
                let leaving = self.to_leave(*place);
                if self.memberships.remove(&leaving) { OK } else { NOT_FOUND }
            }
            Op::Pass { seconds } => {
                self.now += seconds;
                OK
            }
        }
    }

    fn refuse_parent(&self, entity: usize, parent: Option<usize>) -> Option<Outcome> {
        let parent = parent?;
        let fits = self.entities.contains_key(&parent) && !self.line(parent).contains(&entity);
        (!fits).then(|| invalid("/parent_id"))
    }

    /// Assigns what is asked for; its times are yet to be counted from now.
    fn assign(&mut self, tuple: Tuple, from: Option<i64>, asked: Held) -> Outcome {
        let (holder, role, on) = tuple;
        let Some((_, kinds)) = self.roles.get(&role) else { return NOT_FOUND };
        if let Some(on) = on {
            let Some((kind, _)) = self.entities.get(&on) else { return invalid("/entity_id") };
            if !kinds.is_empty() && !kinds.contains(kind) {
                return invalid("/role_id");
            }
        }
        let begins = self.now + from.unwrap_or(0);
        let until = asked.until.map(|until| self.now + until);
        if until.is_some_and(|until| until <= begins) {
            return invalid("/expires_at");
        }
        if let Some(held) = self.assignments.get(&tuple) {
            let same_beginning =
                if from.is_some() { held.from == begins } else { held.from <= self.now };
            let over = held.until.is_some_and(|until| until <= self.now);
            let same = same_beginning && held.until == until && held.only == asked.only && !over;
            return if same { OK } else { (409, Some("assigned_otherwise"), None) };
        }
        self.known.insert(holder);
        self.made.push(asked.id.clone());
        self.assignments.insert(tuple, Held { from: begins, until, ..asked });
        CREATED
    }

    fn revoke(&mut self, place: usize) -> Outcome {
        let Some(id) = self.to_revoke(place) else { return NOT_FOUND };
        let before = self.assignments.len();
        self.assignments.retain(|_, held| held.id != id);
        if self.assignments.len() < before { OK } else { NOT_FOUND }
    }

    fn join(&mut self, member: usize, group: usize) -> Outcome {
        if member >= GROUPS_FROM && self.speaks_for(group).contains(&member) {
            return invalid("/principal_id");
        }
        self.known.insert(member);
        if self.memberships.insert((member, group)) { CREATED } else { OK }
    }

    /// The id of one of the assignments there are, by its place, wrapped round; or, at the place past
    /// the last, of the first that was ever made.
    pub(super) fn to_revoke(&self, place: usize) -> Option<String> {
        let place = place % (self.assignments.len() + 1);
        let held = self.assignments.values().nth(place).map(|held| &held.id);
        held.or(self.made.first()).cloned()
    }

    /// One of the memberships there are, by its place, wrapped round; or, at the place past the last,
    /// one that may have ended.
    pub(super) fn to_leave(&self, place: usize) -> (usize, usize) {
        let place = place % (self.memberships.len() + 1);
        self.memberships.iter().nth(place).copied().unwrap_or((0, GROUPS_FROM))
    }

    /// An entity and all above it, nearest first.
    pub(super) fn line(&self, entity: usize) -> Vec<usize> {
        let mut line = vec![entity];
        while let Some((_, Some(parent))) = line.last().and_then(|last| self.entities.get(last)) {
            line.push(*parent);
        }
        line
    }

    /// A principal and every group above it.
    fn speaks_for(&self, principal: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([principal]);
        loop {
            let above: Vec<usize> = self
                .memberships
                .iter()
                .filter(|(member, group)| found.contains(member) && !found.contains(group))
                .map(|(_, group)| *group)
                .collect();
            if above.is_empty() {
                return found;
            }
            found.extend(above);
        }
    }

    /// What the system should answer.
    pub(super) fn answer(&self, (principal, action, entity): Question) -> Answer {
        let mut holders = self.speaks_for(principal);
        let (own_type, _) = HOLDERS[principal].split_once(':').unwrap();
        holders.extend((0..HOLDERS.len()).filter(|h| HOLDERS[*h] == format!("{own_type}:*")));
        let (line, kind) = (self.line(entity), self.entities[&entity].0);
        let mut allowing = BTreeSet::new();
        let mut furthest = (
            0,
            if self.known.contains(&principal) { "no_assignment" } else { "unknown_principal" },
        );
        for ((holder, role, on), held) in &self.assignments {
            if !holders.contains(holder) {
                continue;
            }
            let (actions, kinds) = &self.roles[role];
            let lack = if !actions.contains(&action) {
                (1, "action_not_granted")
            } else if on.is_some_and(|on| !line.contains(&on)) {
                (2, "outside_hierarchy")
            } else if !kinds.is_empty() && !kinds.contains(&kind) {
                (3, "out_of_scope_type")
            } else if self.now < held.from {
                (4, "not_yet_effective")
            } else if held.until.is_some_and(|until| until <= self.now) {
                (5, "expired")
            } else if held.only.is_some_and(|only| only != entity) {
                (6, "condition_false")
            } else {
                allowing.insert(held.id.clone());
                continue;
            };
            furthest = furthest.max(lack);
        }
        if allowing.is_empty() { Answer::Deny(furthest.1) } else { Answer::Allow(allowing) }
    }

    /// Every question that can be asked, with what should be answered.
    pub(super) fn answers(&self) -> BTreeMap<Question, Answer> {
        let questions = self.entities.keys().flat_map(|entity| {
            (0..PRINCIPALS).flat_map(move |principal| {
                (0..ACTIONS.len()).map(move |action| (principal, action, *entity))
            })
        });
        questions.map(|question| (question, self.answer(question))).collect()
    }
}
