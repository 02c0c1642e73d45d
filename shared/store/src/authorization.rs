//! What a decision rests on, read strongly consistent in as few round trips as the data allows.
//!
//! First trip, side by side: the principal's partition, the partition of every principal of its type, and
//! the target with the hint of its ancestors. Second trip, side by side: the roles so far named and the
//! hinted ancestors in one `BatchGetItem`, and the partitions of the principal's groups. One more trip
//! for each level of groups, whose roles are known only then, and where a hint has gone stale.
//!
//! Nothing is remembered between two decisions yet. Each read is strongly consistent and begins after
//! the request came in, so a change that was acknowledged before is seen. The trips together are no
//! snapshot: of two changes made one after the other *while* a decision is read, it may see the later and
//! not the earlier. Epochs read before and compared after will close that gap.

use std::collections::HashMap;
use std::sync::Arc;

use domain::assignment::Assignment;
use domain::decision::{Held, Target};
use domain::id::{EntityId, PrincipalId, RoleId, TenantId};
use domain::lineage::Lineage;
use domain::membership::{Climb, Reached};
use domain::principal::Principal;
use domain::role::Role;
use futures::future::try_join_all;

use crate::Store;
use crate::assignments::assignment;
use crate::entities::Placed;
use crate::error::Error;
use crate::item::{Item, text};
use crate::key::{self, ASSIGNMENT_PREFIX, Key, MEMBER_OF_PREFIX, ROLE_PREFIX};
use crate::lineage::{Walk, node};
use crate::memberships::membership;
use crate::roles::role;

/// An assignment that speaks for the principal, with its role.
#[derive(Clone, Debug)]
pub struct HeldAssignment {
    /// The assignment.
    pub assignment: Assignment,
    /// Its role.
    pub role: Arc<Role>,
    /// The groups it was reached through, the principal's own first.
    pub groups: Arc<[PrincipalId]>,
}

/// The inputs of a decision.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The target.
    pub target: Placed,
    /// Its verified ancestors.
    pub lineage: Lineage,
    /// What speaks for the principal.
    pub held: Vec<HeldAssignment>,
    /// Whether anything at all is stored of the principal.
    pub is_known: bool,
}

impl Inputs {
    /// The assignments as the decision takes them.
    pub fn held(&self) -> impl Iterator<Item = Held<'_>> {
        self.held.iter().map(|held| Held {
            assignment: &held.assignment,
            role: &held.role,
            groups: &held.groups,
        })
    }

    /// The target as the decision takes it.
    pub fn target(&self) -> Target<'_> {
        let entity = &self.target.entity;
        Target { id: &entity.id, kind: &entity.kind, ancestors: self.lineage.ancestors() }
    }
}

/// What the reads have gathered so far.
#[derive(Default)]
struct Gathered {
    assignments: Vec<(Assignment, Arc<[PrincipalId]>)>,
    roles: HashMap<RoleId, Option<Arc<Role>>>,
    climb: Climb,
    /// Groups whose partitions are to be read next.
    frontier: Vec<Reached>,
}

impl Store {
    /// The inputs of a decision; `None` when there is no such entity.
    ///
    /// 3 RCU, 1 more for each role, ancestor and group; 2 round trips, 1 more for each level of groups.
    pub async fn inputs_read(
        &self,
        tenant: &TenantId,
        principal: &Principal,
        resource: &EntityId,
    ) -> Result<Option<Inputs>, Error> {
        let (own, every) = (
            key::principal(tenant, principal),
            key::principal(tenant, &principal.every_of_its_type()),
        );
        let (own, every, target) = tokio::try_join!(
            self.partition(&own, ""),
            self.partition(&every, ""),
            self.entity_read(tenant, resource),
        )?;
        let Some(target) = target else { return Ok(None) };
        let is_known = !own.is_empty();
        let mut walk = Walk::above(&target);
        let mut gathered = Gathered::default();
        let no_groups: Arc<[PrincipalId]> = Arc::from([]);
        gathered.take(tenant, vec![(no_groups.clone(), own), (no_groups, every)])?;
        loop {
            let mut keys = walk.wanted(tenant);
            keys.extend(gathered.wanted_roles(tenant));
            let frontier = std::mem::take(&mut gathered.frontier);
            if keys.is_empty() && frontier.is_empty() {
                break;
            }
            let groups = frontier.into_iter().map(|reached| self.group_read(tenant, reached));
            let (items, groups) = tokio::try_join!(self.batch_get(&keys), try_join_all(groups))?;
            let (roles, nodes): (Vec<_>, Vec<_>) = items
                .into_iter()
                .partition(|item| text(item, "sk").is_some_and(|sk| sk.starts_with(ROLE_PREFIX)));
            gathered.take_roles(roles)?;
            walk.advance(nodes.into_iter().filter_map(node).collect::<Result<Vec<_>, _>>()?);
            gathered.take(tenant, groups)?;
        }
        Ok(Some(Inputs {
            target,
            lineage: walk.into_lineage(),
            held: gathered.into_held(),
            is_known,
        }))
    }

    async fn group_read(
        &self,
        tenant: &TenantId,
        reached: Reached,
    ) -> Result<(Arc<[PrincipalId]>, Vec<Item>), Error> {
        let pk = key::principal(tenant, &Principal::group(reached.group));
        Ok((reached.way.into(), self.partition(&pk, "").await?))
    }
}

impl Gathered {
    /// Takes the partitions of principals, each with the groups it was reached through.
    fn take(
        &mut self,
        tenant: &TenantId,
        partitions: Vec<(Arc<[PrincipalId]>, Vec<Item>)>,
    ) -> Result<(), Error> {
        let mut above = Vec::new();
        for (way, items) in partitions {
            for item in items {
                match text(&item, "sk") {
                    Some(sk) if sk.starts_with(ASSIGNMENT_PREFIX) => {
                        let assignment = assignment(item)?;
                        self.need_role(tenant, &assignment.role_id);
                        self.assignments.push((assignment, way.clone()));
                    }
                    Some(sk) if sk.starts_with(MEMBER_OF_PREFIX) => {
                        above.push((way.to_vec(), membership(item)?.group_id));
                    }
                    _ => {}
                }
            }
        }
        if !above.is_empty() {
            self.frontier = self.climb.next(above);
        }
        Ok(())
    }

    /// Marks a role as needed; a built-in one is there at once.
    fn need_role(&mut self, tenant: &TenantId, id: &RoleId) {
        if !self.roles.contains_key(id) {
            let built_in = Role::system_by_id(tenant, id).map(Arc::new);
            self.roles.insert(id.clone(), built_in);
        }
    }

    fn wanted_roles(&self, tenant: &TenantId) -> Vec<Key> {
        let missing = self.roles.iter().filter(|(id, role)| role.is_none() && !id.is_reserved());
        missing.map(|(id, _)| key::role(tenant, id)).collect()
    }

    fn take_roles(&mut self, items: Vec<Item>) -> Result<(), Error> {
        for item in items {
            let role = role(item)?;
            self.roles.insert(role.id.clone(), Some(Arc::new(role)));
        }
        // Roles are never deleted; one that is named and not there is a damaged table, and grants nothing.
        self.roles.retain(|_, role| role.is_some());
        Ok(())
    }

    fn into_held(self) -> Vec<HeldAssignment> {
        let Self { assignments, roles, .. } = self;
        let held = assignments.into_iter().filter_map(|(assignment, groups)| {
            let role = roles.get(&assignment.role_id)?.clone()?;
            Some(HeldAssignment { assignment, role, groups })
        });
        held.collect()
    }
}
