//! The world that every peer is told, and the questions that every peer is asked.
//!
//! Lines of entities ten deep, a hundred roles, and principals that each hold every role once, somewhere: most of
//! them on the principal's own line. All of it is worked out from indexes, so it takes no memory of its own beside
//! a peer's. [`allowed`] is the judge: the rule, written down once more and as plainly as can be, so that our own
//! engine is judged by it as the others are.

use std::iter::{repeat_with, successors};
use std::ops::Range;

pub(crate) const LINES: usize = 20;
pub(crate) const DEPTH: usize = 10;
pub(crate) const ENTITIES: usize = LINES * DEPTH;
pub(crate) const ROLES: usize = 100;
/// Roles that share an action beside the one that is each role's own.
const GROUP: usize = 10;
pub(crate) const KINDS: [&str; 3] = ["issuer", "spv", "offering"];

/// Of ten assignments, those that stand on the principal's own line.
const OWN_LINE_TENTHS: u64 = 8;

/// A tenant with so many assignments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) assignments: usize,
    /// Principals that the questions are about. The others are there all the same.
    pub(crate) asked_about: usize,
}

/// A principal holds a role on an entity and all below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) principal: usize,
    pub(crate) role: usize,
    pub(crate) entity: usize,
}

/// What may be done: the action that one role grants, or that of a group of roles.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Own(usize),
    Shared(usize),
}

/// May this principal do this to that? With the judge's answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// `None`: one of whom nothing is stored.
    principal: Option<usize>,
    pub(crate) action: Action,
    pub(crate) entity: usize,
    pub(crate) allowed: bool,
}

impl World {
    /// One whose questions are about all of its principals.
    pub(crate) fn of(assignments: usize) -> Self {
        Self { assignments, asked_about: assignments / ROLES }
    }

    pub(crate) fn principals(self) -> Range<usize> {
        0..self.assignments / ROLES
    }

    pub(crate) fn held_by(principal: usize) -> impl Iterator<Item = Held> {
        (0..ROLES).map(move |role| Held { principal, role, entity: stands_on(principal, role) })
    }

    pub(crate) fn held(self) -> impl Iterator<Item = Held> {
        self.principals().flat_map(Self::held_by)
    }

    /// Questions about many principals and entities, half of them to be allowed.
    pub(crate) fn questions(self, count: usize) -> Vec<Question> {
        let mut numbers = Numbers(self.assignments as u64);
        let mut questions = Vec::with_capacity(count);
        let mut lacking = [count - count / 2, count / 2];
        while questions.len() < count {
            let question = self.question(&mut numbers);
            let lacking = &mut lacking[usize::from(question.allowed)];
            if *lacking > 0 {
                *lacking -= 1;
                questions.push(question);
            }
        }
        questions
    }

    fn question(self, numbers: &mut Numbers) -> Question {
        let principal = numbers.below(self.asked_about);
        let is_stranger = numbers.below(20) == 0;
        let line = if numbers.below(10) < 7 { principal % LINES } else { numbers.below(LINES) };
        // Half of the questions are about the deepest entity, where the line is longest.
        let level = if numbers.below(2) == 0 { DEPTH - 1 } else { numbers.below(DEPTH) };
        let role = numbers.below(ROLES);
        let is_own = numbers.below(10) < 9;
        let action = if is_own { Action::Own(role) } else { Action::Shared(role / GROUP) };
        let principal = (!is_stranger).then_some(principal);
        let entity = line * DEPTH + level;
        Question { principal, action, entity, allowed: allowed(principal, action, entity) }
    }
}

/// The rule: a role held on the entity or above it grants the action and governs the entity's type.
fn allowed(principal: Option<usize>, action: Action, entity: usize) -> bool {
    principal.is_some_and(|principal| {
        action.roles().any(|role| {
            let on = stands_on(principal, role);
            line(entity).any(|above| above == on) && governs(role, kind(entity))
        })
    })
}

fn stands_on(principal: usize, role: usize) -> usize {
    let mut numbers = Numbers((principal * ROLES + role) as u64);
    let is_own = numbers.next() % 10 < OWN_LINE_TENTHS;
    let line = if is_own { principal % LINES } else { numbers.below(LINES) };
    let any = || line * DEPTH + numbers.below(DEPTH);
    // A role is held on an entity of a type that it governs; ours refuses anything else.
    repeat_with(any).find(|entity| governs(role, kind(*entity))).unwrap_or_default()
}

impl Question {
    pub(crate) fn principal(&self) -> String {
        self.principal.map_or_else(|| "stranger".to_owned(), principal)
    }

    /// What the principal holds.
    pub(crate) fn held(&self) -> impl Iterator<Item = Held> {
        self.principal.into_iter().flat_map(World::held_by)
    }
}

impl Action {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..ROLES).map(Self::Own).chain((0..ROLES / GROUP).map(Self::Shared))
    }

    /// The two that a role grants.
    pub(crate) fn of(role: usize) -> [Self; 2] {
        [Self::Own(role), Self::Shared(role / GROUP)]
    }

    /// The roles that grant it.
    pub(crate) fn roles(self) -> Range<usize> {
        match self {
            Self::Own(role) => role..role + 1,
            Self::Shared(group) => group * GROUP..(group + 1) * GROUP,
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Own(role) => format!("doc:act-{role:03}"),
            Self::Shared(group) => format!("doc:shared-{group:03}"),
        }
    }
}

pub(crate) fn principal(index: usize) -> String {
    format!("user-{index:05}")
}

pub(crate) fn role(index: usize) -> String {
    format!("role-{index:03}")
}

/// The types of entity that a role governs; none for all.
pub(crate) fn scope(role: usize) -> &'static [&'static str] {
    match role % 4 {
        0 => &[],
        1 => &["offering", "spv"],
        2 => &["offering"],
        _ => &["issuer", "spv"],
    }
}

/// Whether a role governs a type.
pub(crate) fn governs(role: usize, kind: &str) -> bool {
    scope(role).is_empty() || scope(role).contains(&kind)
}

pub(crate) fn entity(index: usize) -> String {
    format!("line-{:02}-level-{}", index / DEPTH, index % DEPTH)
}

pub(crate) fn kind(entity: usize) -> &'static str {
    match entity % DEPTH {
        0 => "issuer",
        level if level < DEPTH - 1 => "spv",
        _ => "offering",
    }
}

pub(crate) fn parent(entity: usize) -> Option<usize> {
    (!entity.is_multiple_of(DEPTH)).then(|| entity - 1)
}

/// An entity and those above it, nearest first.
pub(crate) fn line(entity: usize) -> impl Iterator<Item = usize> {
    successors(Some(entity), |below| parent(*below))
}

/// Numbers that look random, and are the same every time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}
