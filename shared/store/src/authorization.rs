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
use domain::decision::Target;
use domain::document::Document;
use domain::entity::Entity;
use domain::grants::{Grant, Grants};
use domain::id::{EntityId, PrincipalId, RoleId, TenantId};
use domain::lineage::Lineage;
use domain::membership::{Climb, Reached};
use domain::principal::Principal;
use domain::role::Role;
use futures::future::try_join_all;

use crate::Store;
use crate::assignments::assignment;
use crate::error::Error;
use crate::item::{Item, text};
use crate::key::{self, ASSIGNMENT_PREFIX, Key, MEMBER_OF_PREFIX, PROFILE};
use crate::memberships::membership;
use crate::principals::profile;
use crate::roles::role;

/// What is asked of the store before it can be decided.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Who is to act.
    pub principals: &'a [Principal],
    /// On what.
    pub resources: &'a [EntityId],
}

/// The inputs of decisions: each principal's grants and each resource with its line.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    grants: HashMap<Principal, Arc<Grants>>,
    resources: HashMap<EntityId, Arc<Located>>,
}

/// An entity with its verified ancestors.
#[derive(Clone, Debug)]
pub struct Located {
    /// The entity.
    pub entity: Entity,
    /// Its ancestors.
    pub lineage: Lineage,
}

impl Located {
    /// The entity as the decision takes it.
    pub fn target(&self) -> Target<'_> {
        let Entity { id, kind, attributes, .. } = &self.entity;
        Target {
            kind: kind.as_str(),
            id: id.as_str(),
            ancestors: self.lineage.ancestors(),
            stored: Some(attributes),
            sent: None,
        }
    }
}

impl Inputs {
    /// What speaks for a principal that was asked for.
    pub fn grants(&self, principal: &Principal) -> Option<&Arc<Grants>> {
        self.grants.get(principal)
    }

    /// A resource that was asked for; `None` when there is no such entity.
    pub fn resource(&self, id: &str) -> Option<&Arc<Located>> {
        self.resources.get(id)
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
    is_known: bool,
    properties: Option<Document>,
}

impl Store {
    /// The inputs of decisions, for all principals and resources side by side.
    ///
    /// For one of each 3 RCU, 1 more for each role, ancestor and group; 2 round trips, 1 more for each
    /// level of groups.
    pub async fn inputs_read(&self, wanted: Wanted<'_>) -> Result<Inputs, Error> {
        let Wanted { tenant, principals, resources } = wanted;
        let grants = principals.iter().map(|principal| self.grants_read(tenant, principal));
        let located = resources.iter().map(|id| self.located_read(tenant, id));
        let (grants, located) = tokio::try_join!(try_join_all(grants), try_join_all(located))?;
        let grants = principals.iter().cloned().zip(grants.into_iter().map(Arc::new)).collect();
        let located = resources.iter().cloned().zip(located);
        let resources =
            located.filter_map(|(id, located)| Some((id, Arc::new(located?)))).collect();
        Ok(Inputs { grants, resources })
    }

    /// An entity with its ancestors; `None` when there is none.
    async fn located_read(
        &self,
        tenant: &TenantId,
        id: &EntityId,
    ) -> Result<Option<Located>, Error> {
        let Some(placed) = self.entity_read(tenant, id).await? else { return Ok(None) };
        let lineage = self.lineage_read(tenant, &placed).await?;
        Ok(Some(Located { entity: placed.entity, lineage }))
    }

    /// All that speaks for a principal.
    async fn grants_read(&self, tenant: &TenantId, principal: &Principal) -> Result<Grants, Error> {
        let (own, every) = (
            key::principal(tenant, principal),
            key::principal(tenant, &principal.every_of_its_type()),
        );
        let (own, every) = tokio::try_join!(self.partition(&own, ""), self.partition(&every, ""))?;
        let mut gathered = Gathered { is_known: !own.is_empty(), ..Gathered::default() };
        let own_profile = own.iter().find(|item| text(item, "sk") == Some(PROFILE)).cloned();
        gathered.properties = own_profile.map(profile).transpose()?.map(|found| found.properties);
        let no_groups: Arc<[PrincipalId]> = Arc::from([]);
        gathered.take(tenant, vec![(no_groups.clone(), own), (no_groups, every)])?;
        loop {
            let keys = gathered.wanted_roles(tenant);
            let frontier = std::mem::take(&mut gathered.frontier);
            if keys.is_empty() && frontier.is_empty() {
                break;
            }
            let groups = frontier.into_iter().map(|reached| self.group_read(tenant, reached));
            let (roles, groups) = tokio::try_join!(self.batch_get(&keys), try_join_all(groups))?;
            gathered.take_roles(roles)?;
            gathered.take(tenant, groups)?;
        }
        Ok(gathered.into_grants())
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

    fn into_grants(self) -> Grants {
        let Self { assignments, roles, is_known, properties, .. } = self;
        let grants = assignments.into_iter().filter_map(|(assignment, groups)| {
            let role = roles.get(&assignment.role_id)?.clone()?;
            Some(Grant { assignment, role, groups })
        });
        Grants::new(grants.collect(), is_known, properties)
    }
}
