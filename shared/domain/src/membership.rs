//! Groups: principals with members, which may be groups again.

use std::collections::HashSet;

use serde_json::json;

use crate::change::{AuditDraft, Change, EventDraft};
use crate::id::{PrincipalId, TenantId};
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Most levels of groups above a principal that count.
pub const GROUP_DEPTH_MAX: usize = 16;

/// Most levels of groups above a group that another group may join: all are read to see that no cycle
/// closes, also those past [`GROUP_DEPTH_MAX`].
pub const GROUP_NEST_MAX: usize = 100;

/// That a principal is a member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The group.
    pub group_id: PrincipalId,
    /// The member.
    pub member: Principal,
    /// Since when.
    pub created_at: Timestamp,
}

impl Membership {
    /// Adds a member to a group.
    pub fn create(
        tenant_id: TenantId,
        group_id: PrincipalId,
        member: Principal,
        at: Timestamp,
    ) -> Change<Self> {
        Self { tenant_id, group_id, member, created_at: at }
            .changed("added", "group_membership.create")
    }

    /// Takes the member out again.
    pub fn delete(&self) -> Change<Self> {
        self.clone().changed("removed", "group_membership.delete")
    }

    fn changed(self, change: &'static str, action: &'static str) -> Change<Self> {
        let what = json!({
            "group_id": self.group_id,
            "principal_id": self.member.id,
            "principal_type": self.member.kind,
        });
        let payload = json!({
            "change": change,
            "group_id": self.group_id,
            "principal_id": self.member.id,
            "principal_type": self.member.kind,
        });
        let event = EventDraft {
            event_type: "group.membership.changed",
            aggregate_type: "principal",
            aggregate_id: self.member.to_string(),
            payload,
        };
        Change {
            events: vec![event],
            audit: AuditDraft { action, entity: None, details: what },
            after: self,
        }
    }
}

/// A group that a principal was reached through, and the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The group.
    pub group: PrincipalId,
    /// The groups on the way, from the principal's own to this one, both included.
    pub way: Vec<PrincipalId>,
}

/// Finds every group above a principal, a level at a time, each once, however they are nested.
///
/// The caller reads the memberships; this keeps what was seen, so that a cycle ends and no level is
/// read past the limit.
#[derive(Debug)]
pub struct Climb {
    seen: HashSet<PrincipalId>,
    levels: usize,
    levels_max: usize,
    is_cut_short: bool,
}

impl Default for Climb {
    fn default() -> Self {
        Self::to(GROUP_DEPTH_MAX)
    }
}

impl Climb {
    /// A climb of so many levels at most: [`GROUP_DEPTH_MAX`] for what counts, [`GROUP_NEST_MAX`] for
    /// what could close a cycle.
    pub fn to(levels_max: usize) -> Self {
        Self { seen: HashSet::new(), levels: 0, levels_max, is_cut_short: false }
    }

    /// Of the groups that `below` is a member of, those to read next: none seen before, none too high.
    pub fn next(
        &mut self,
        memberships: impl IntoIterator<Item = (Vec<PrincipalId>, PrincipalId)>,
    ) -> Vec<Reached> {
        if self.levels == self.levels_max {
            self.is_cut_short = memberships.into_iter().any(|(_, group)| !self.has_seen(&group));
            return Vec::new();
        }
        self.levels += 1;
        let mut level = Vec::new();
        for (mut way, group) in memberships {
            if self.seen.insert(group.clone()) {
                way.push(group.clone());
                level.push(Reached { group, way });
            }
        }
        level
    }

    /// Whether a group was reached.
    pub fn has_seen(&self, group: &PrincipalId) -> bool {
        self.seen.contains(group)
    }
}

/// Whether `member` may join `group`, given every group above `group`, climbed to [`GROUP_NEST_MAX`].
///
/// Refused where the group would become its own member, and where there is too much above it to tell.
/// Groups nested deeper than [`GROUP_DEPTH_MAX`] are legal: the levels past it just do not count.
pub fn admits(group: &PrincipalId, above_group: &Climb, member: &Principal) -> Result<(), Refusal> {
    if member.kind.is_group() && (member.id == *group || above_group.has_seen(&member.id)) {
        return Err(Refusal::new(format!(
            "group `{}` is `{group}` itself or holds it already",
            member.id
        )));
    }
    if member.kind.is_group() && above_group.is_cut_short {
        return Err(Refusal::new(format!(
            "is a group, and `{group}` has more than {GROUP_NEST_MAX} levels of groups above it"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::PrincipalType;

    fn id(text: &str) -> PrincipalId {
        PrincipalId::parse(text).unwrap()
    }

    #[test]
    fn a_cycle_of_groups_is_climbed_once_round() {
        let mut climb = Climb::default();
        let first = climb.next([(vec![], id("a"))]);
        let second = climb.next([(first[0].way.clone(), id("b"))]);
        assert_eq!(second[0].way, [id("a"), id("b")]);
        assert!(climb.next([(second[0].way.clone(), id("a"))]).is_empty());
    }

    #[test]
    fn a_climb_ends_at_the_limit() {
        let mut climb = Climb::default();
        let mut levels = 0;
        while !climb.next([(vec![], id(&format!("g{levels}")))]).is_empty() {
            levels += 1;
        }
        assert_eq!(levels, GROUP_DEPTH_MAX);
    }

    #[test]
    fn a_group_joins_none_of_which_it_cannot_tell_what_is_above() {
        let mut above = Climb::to(2);
        for level in ["a", "b"] {
            above.next([(vec![], id(level))]);
        }
        above.next([(vec![], id("a"))]);
        assert!(admits(&id("g"), &above, &Principal::group(id("member"))).is_ok());
        above.next([(vec![], id("c"))]);
        assert!(admits(&id("g"), &above, &Principal::group(id("member"))).is_err());
        let user = Principal { kind: PrincipalType::user(), id: id("member") };
        assert!(admits(&id("g"), &above, &user).is_ok());
    }

    #[test]
    fn a_group_does_not_admit_itself_or_a_group_that_holds_it() {
        let mut above = Climb::default();
        above.next([(vec![], id("parent"))]);
        for refused in ["child", "parent"] {
            assert!(
                admits(&id("child"), &above, &Principal::group(id(refused))).is_err(),
                "{refused}"
            );
        }
        let user = Principal { kind: PrincipalType::user(), id: id("parent") };
        assert!(admits(&id("child"), &above, &user).is_ok());
        assert!(admits(&id("child"), &above, &Principal::group(id("other"))).is_ok());
    }
}
