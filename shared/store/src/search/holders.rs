//! Who holds an assignment on a line of entities, or everywhere: directly, or as a member of a group.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use domain::assignment::{Assigned, Assignment};
use domain::grants::Gives;
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::membership::{GROUP_DEPTH_MAX, Membership};
use domain::principal::{Principal, PrincipalType};
use serde::{Deserialize, Serialize};

use crate::assignments::assignment;
use crate::error::Error;
use crate::key::BY_RELATION;
use crate::search::{Candidates, READ_ITEMS, READS_MAX};
use crate::{Store, key};

/// Which holders to look for.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Where an assignment may stand; `None` is everywhere.
    pub places: &'a [Option<EntityId>],
    /// The type of the holders.
    pub kind: &'a PrincipalType,
}

/// One way in which a principal holds an assignment. It may have others, and is then found by each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The principal.
    pub principal: Principal,
    /// The assignment.
    pub assignment: AssignmentId,
    /// The groups on the way, the principal's own first; empty when held directly.
    pub groups: Vec<PrincipalId>,
}

/// A place in the walk: where, the assignment that was taken last there, and, group by group from the one
/// that holds it, the member that was taken last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderPosition {
    #[serde(rename = "p")]
    place: Option<EntityId>,
    #[serde(rename = "a")]
    after: Option<String>,
    #[serde(rename = "g")]
    groups: Vec<(PrincipalId, Option<String>)>,
}

/// A group's members, as far as they are read.
struct Level {
    group: PrincipalId,
    after: Option<String>,
    read: VecDeque<Membership>,
    is_read: bool,
}

impl Level {
    fn new(group: PrincipalId, after: Option<String>) -> Self {
        Self { group, after, read: VecDeque::new(), is_read: false }
    }
}

struct Walk<'a> {
    holding: Holding<'a>,
    /// Index of the place; past the last at the end.
    at: usize,
    after: Option<String>,
    read: VecDeque<Assignment>,
    is_read: bool,
    levels: Vec<Level>,
    found: Vec<(Holder, HolderPosition)>,
}

impl<'a> Walk<'a> {
    fn new(holding: Holding<'a>, position: Option<HolderPosition>) -> Self {
        let (at, after, levels) = match position {
            None => (0, None, Vec::new()),
            Some(HolderPosition { place, after, groups }) => {
                // What was on the line and is there no more has nothing left to give but what is global.
                let at = holding.places.iter().position(|other| *other == place);
                let at = at.unwrap_or(holding.places.len().saturating_sub(1));
                let levels = groups.into_iter().map(|(group, after)| Level::new(group, after));
                (at, after, levels.collect())
            }
        };
        let (read, found) = (VecDeque::new(), Vec::new());
        Self { holding, at, after, read, is_read: false, levels, found }
    }

    fn position(&self) -> HolderPosition {
        let groups = self.levels.iter().map(|level| (level.group.clone(), level.after.clone()));
        let place = self.holding.places.get(self.at).cloned().flatten();
        HolderPosition { place, after: self.after.clone(), groups: groups.collect() }
    }

    /// Takes an assignment that counts.
    fn take(&mut self, assignment: Assignment) {
        let Assignment { id, principal, .. } = assignment;
        if principal.kind.is_group() {
            self.levels.push(Level::new(principal.id.clone(), None));
        }
        if principal.kind == *self.holding.kind {
            let holder = Holder { principal, assignment: id, groups: Vec::new() };
            self.found.push((holder, self.position()));
        }
    }

    /// Takes a member of the last group.
    fn take_member(&mut self, member: Principal) -> Result<(), Error> {
        let groups: Vec<_> = self.levels.iter().rev().map(|level| level.group.clone()).collect();
        let goes_on = self.levels.len() < GROUP_DEPTH_MAX && !groups.contains(&member.id);
        if member.kind.is_group() && goes_on {
            self.levels.push(Level::new(member.id.clone(), None));
        }
        if member.kind == *self.holding.kind {
            let id = self.after.as_deref().and_then(|key| key.split_once('/'));
            let id = id.and_then(|(_, id)| AssignmentId::parse(id).ok()).ok_or(Error::Cursor)?;
            let holder = Holder { principal: member, assignment: id, groups };
            self.found.push((holder, self.position()));
        }
        Ok(())
    }
}

impl Store {
    /// Holders of assignments that give what counts, in the order of places, assignments and members. `*` is
    /// none of them. 0.5 RCU for each place, 1 for each group, 1 for each role that is met.
    pub async fn holders(
        &self,
        holding: Holding<'_>,
        counts: impl Fn(&Gives) -> bool,
        after: Option<HolderPosition>,
        items_max: usize,
    ) -> Result<Candidates<Holder, HolderPosition>, Error> {
        let mut walk = Walk::new(holding, after);
        let mut roles: HashMap<RoleId, bool> = HashMap::new();
        let mut reads = 0;
        while walk.at < holding.places.len() {
            if walk.found.len() >= items_max || reads >= READS_MAX {
                let next = Some(walk.position());
                return Ok(Candidates { items: walk.found, next, reads });
            }
            if let Some(level) = walk.levels.last_mut() {
                if let Some(membership) = level.read.pop_front() {
                    level.after = Some(key::member_place(&membership.member));
                    walk.take_member(membership.member)?;
                } else if level.is_read {
                    walk.levels.pop();
                } else {
                    reads += 1;
                    let (tenant, group) = (holding.tenant, &level.group);
                    let after = level.after.as_deref();
                    let page = self.membership_list(tenant, group, after, READ_ITEMS).await?;
                    level.is_read = page.next.is_none();
                    level.read = page.items.into();
                }
            } else if let Some(assignment) = walk.read.pop_front() {
                walk.after = Some(key::by_time(assignment.created_at, assignment.id.as_str()));
                let may_count = match &assignment.what {
                    Assigned::Permission(action) => counts(&Gives::Permission(action.clone())),
                    Assigned::Role(id) => match roles.get(id) {
                        Some(known) => *known,
                        None => {
                            reads += 1;
                            let read = self.role_read(holding.tenant, id).await?;
                            let may_count =
                                read.is_some_and(|role| counts(&Gives::Role(Arc::new(role))));
                            *roles.entry(id.clone()).or_insert(may_count)
                        }
                    },
                };
                if may_count && !assignment.principal.id.is_every() {
                    walk.take(assignment);
                }
            } else if walk.is_read {
                (walk.at, walk.after, walk.is_read) = (walk.at + 1, None, false);
            } else {
                reads += 1;
                self.assignments_read(&mut walk).await?;
            }
        }
        Ok(Candidates { items: walk.found, next: None, reads })
    }

    async fn assignments_read(&self, walk: &mut Walk<'_>) -> Result<(), Error> {
        let place = walk.holding.places.get(walk.at).and_then(Option::as_ref);
        let on = [key::assignments_on(walk.holding.tenant, place)];
        let after = walk.after.clone();
        let page = self.listing_page(BY_RELATION, &on, after, READ_ITEMS, |_| true).await?;
        walk.is_read = page.next.is_none();
        walk.read = page.items.into_iter().map(assignment).collect::<Result<_, _>>()?;
        Ok(())
    }
}
