//! Who may do what, as far as it can be known from outside: yes, no, or either. Written from what the README says
//! of a decision, and sharing no code with what decides.

use crate::simulation::journal::Journal;

/// Entities of a tenant that are asked about.
pub(super) const ENTITIES: [&str; 6] = ["e0", "e1", "e2", "e3", "e4", "e5"];
/// Users, groups and roles of a tenant.
pub(super) const USERS: [&str; 4] = ["u0", "u1", "u2", "u3"];
pub(super) const GROUPS: [&str; 2] = ["g0", "g1"];
pub(super) const ROLES: [&str; 3] = ["r0", "r1", "r2"];
/// What roles may permit.
pub(super) const ACTIONS: [&str; 3] = ["doc:read", "doc:edit", "doc:sign"];

/// What is known of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    No,
    Either,
    Yes,
}

impl Known {
    fn of(values: &[&str], is: impl Fn(&str) -> bool) -> Self {
        match values.iter().filter(|value| is(value)).count() {
            0 => Self::No,
            count if count == values.len() => Self::Yes,
            _ => Self::Either,
        }
    }
}

/// Facts by their names.
pub(super) fn held(principal: &str, role: &str, entity: &str) -> String {
    format!("{principal} holds {role} on {entity}")
}

pub(super) fn member(group: &str, user: &str) -> String {
    format!("{user} is in {group}")
}

pub(super) fn parent(entity: &str) -> String {
    format!("parent of {entity}")
}

pub(super) fn permissions(role: &str) -> String {
    format!("permissions of {role}")
}

/// The time in which a question was asked and answered, by one tenant.
pub(super) struct Asking<'a> {
    pub(super) journal: &'a Journal,
    pub(super) tenant: &'a str,
    pub(super) from: u64,
    pub(super) until: u64,
}

impl Asking<'_> {
    fn values(&self, fact: &str) -> Vec<&str> {
        self.journal.possible(self.tenant, fact, self.from, self.until)
    }

    fn is(&self, fact: &str) -> Known {
        Known::of(&self.values(fact), |value| value == "yes")
    }

    /// Whether a user may do something.
    pub(super) fn may(&self, user: &str, action: &str, entity: &str) -> Known {
        let own = self.principal_may(&format!("user {user}"), action, entity);
        let every = self.principal_may("user *", action, entity);
        let through = GROUPS.iter().map(|group| {
            let is_member = self.is(&member(group, user));
            is_member.min(self.principal_may(&format!("group {group}"), action, entity))
        });
        through.chain([own, every]).max().unwrap()
    }

    fn principal_may(&self, principal: &str, action: &str, entity: &str) -> Known {
        let places = ENTITIES.iter().chain([&"everywhere"]);
        let grants = places.flat_map(|place| ROLES.iter().map(move |role| (role, place)));
        let grants = grants.map(|(role, place)| {
            let has = self.is(&held(principal, role, place));
            if has == Known::No {
                return Known::No;
            }
            let permits = Known::of(&self.values(&permissions(role)), |list| {
                list.split(',').any(|one| one == action)
            });
            has.min(permits).min(self.reaches(place, entity, ENTITIES.len()))
        });
        grants.max().unwrap()
    }

    /// Whether what is held on a place holds on an entity.
    fn reaches(&self, place: &str, entity: &str, levels: usize) -> Known {
        if place == "everywhere" || place == entity {
            return Known::Yes;
        }
        if levels == 0 {
            return Known::Either;
        }
        let parents = self.values(&parent(entity));
        let ways: Vec<Known> = parents
            .iter()
            .map(|parent| match *parent {
                "" => Known::No,
                parent => self.reaches(place, parent, levels - 1),
            })
            .collect();
        match (ways.iter().min(), ways.iter().max()) {
            (Some(least), Some(most)) if least == most => *least,
            _ => Known::Either,
        }
    }
}
