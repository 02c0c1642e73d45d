//! What clients asked for and what they were told: all that a judge from outside can know. Each thing that was
//! asked for is acknowledged, refused, or unknown; the tables are not looked at.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use store::meter::Usage;

/// How long after its last attempt was begun a request may still take effect, in milliseconds: as long as its
/// function runs, and the latest call of that.
pub(super) const SETTLED_MILLISECONDS: u64 = 16_000;

/// An answer to a client.
#[derive(Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) bytes: Vec<u8>,
    pub(super) body: Value,
    pub(super) usage: Usage,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether nothing was done and it would be no use to try again.
    pub(super) fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status) && self.status != 429
    }
}

/// How something that was asked for ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// It has not.
    Pending,
    /// It is done, and must be there.
    Acknowledged(Answer),
    /// It is not done, and must never be there.
    Refused(Answer),
    /// Nobody knows.
    Unknown,
}

/// One thing that was asked for, however often it was tried.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Its name: the id of its request, its idempotency key, and what it writes somewhere into its object.
    pub(super) name: String,
    pub(super) tenant: String,
    /// What kind of thing.
    pub(super) kind: Kind,
    /// What it concerns.
    pub(super) object: String,
    /// The facts that it makes so, by name.
    pub(super) facts: Vec<(String, String)>,
    pub(super) begun: u64,
    /// When it can have no effect any more.
    pub(super) over: u64,
    pub(super) ending: Ending,
}

/// The kinds of things that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    CreateEntity,
    PatchEntity,
    MoveEntity,
    Archive,
    Restore,
    CreateRole,
    PatchRole,
    Assign,
    Revoke,
    AddMember,
    RemoveMember,
    PutPrincipal,
    PostEvent,
    PostLine,
    PostBatch,
    Replay,
}

impl Kind {
    /// What a change of the kind leaves in the outbox: the action of its audit entry and the type of its event.
    /// Others leave no audit entry.
    pub(super) fn leaves(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::CreateEntity => ("entity.create", "entity.created"),
            Self::PatchEntity | Self::MoveEntity => ("entity.update", "entity.updated"),
            Self::Archive => ("entity.archive", "entity.archived"),
            Self::Restore => ("entity.restore", "entity.restored"),
            Self::CreateRole => ("role.create", "role.created"),
            Self::PatchRole => ("role.update", "role.updated"),
            Self::Assign => ("role_assignment.create", "role.assignment.changed"),
            Self::Revoke => ("role_assignment.delete", "role.assignment.changed"),
            Self::AddMember => ("group_membership.create", "group.membership.changed"),
            Self::RemoveMember => ("group_membership.delete", "group.membership.changed"),
            Self::PutPrincipal => ("principal.update", "principal.updated"),
            Self::PostEvent | Self::PostLine | Self::PostBatch | Self::Replay => return None,
        })
    }

    /// Whether to do it where it is done already is acknowledged and changes nothing.
    pub(super) fn may_change_nothing(self) -> bool {
        matches!(self, Self::Archive | Self::Restore | Self::Assign | Self::AddMember)
    }
}

/// All that was asked for and answered in a run.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) asked: Vec<Asked>,
    /// Every success that was answered under an idempotency key, heard or not.
    pub(super) answers: BTreeMap<String, Vec<(u16, Vec<u8>)>>,
    /// What was found wrong while it happened, with the invariant that it breaks.
    pub(super) wrong: Vec<(&'static str, String)>,
    /// Questions that were answered, and how many of them had only one right answer.
    pub(super) questions: (u64, u64),
    /// Checkpoints that clients were given: whose, their sizes and roots.
    pub(super) checkpoints: Vec<(String, u64, String)>,
    of_fact: BTreeMap<(String, String), Vec<usize>>,
}

impl Journal {
    /// Writes down that something is asked for; its place.
    pub(super) fn begin(&mut self, asked: Asked) -> usize {
        let place = self.asked.len();
        for (fact, _) in &asked.facts {
            let name = (asked.tenant.clone(), fact.clone());
            self.of_fact.entry(name).or_default().push(place);
        }
        self.asked.push(asked);
        place
    }

    /// Writes down how it ended; `last` is when its last attempt was begun.
    pub(super) fn end(&mut self, place: usize, ending: Ending, last: u64, now: u64) {
        let asked = &mut self.asked[place];
        asked.over = match ending {
            Ending::Unknown => last + SETTLED_MILLISECONDS,
            _ => now,
        };
        asked.ending = ending;
    }

    /// What a fact may be at any moment between two: by what was acknowledged before, and by all else that was
    /// begun and not refused. Nothing, where nobody ever made it anything.
    pub(super) fn possible(&self, tenant: &str, fact: &str, from: u64, until: u64) -> Vec<&str> {
        let name = (tenant.to_owned(), fact.to_owned());
        let writes: Vec<(&Asked, &str)> = self
            .of_fact
            .get(&name)
            .into_iter()
            .flatten()
            .map(|place| &self.asked[*place])
            .filter(|asked| asked.begun <= until && !matches!(asked.ending, Ending::Refused(_)))
            .filter_map(|asked| {
                let (_, value) = asked.facts.iter().find(|(name, _)| name == fact)?;
                Some((asked, value.as_str()))
            })
            .collect();
        let is_replaced = |over: u64| {
            writes.iter().any(|(later, _)| {
                let is_known = matches!(later.ending, Ending::Acknowledged(_));
                is_known && later.over <= from && over < later.begun
            })
        };
        let first = (!is_replaced(0)).then_some("");
        let others = writes.iter().filter(|(asked, _)| !is_replaced(asked.over));
        let mut values: Vec<&str> =
            first.into_iter().chain(others.map(|(_, value)| *value)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// That an invariant does not hold.
    pub(super) fn wrong(&mut self, invariant: &'static str, what: String) {
        self.wrong.push((invariant, what));
    }
}
