//! What decisions rest on: remembered where its epoch says that it is still so, otherwise read.
//!
//! Three trips at most while a hint holds and no group is involved: the epochs; what is stored of the
//! principal, of every principal of its type, and the resource; their roles and the resource's ancestors.
//! One more for each level of groups. What is remembered is neither read nor waited for: a decision of which
//! all is known costs the epochs alone.
//!
//! Each read is strongly consistent and begins after the request came in, so a change that was
//! acknowledged before is seen. The trips together are no snapshot: of two changes made one after the other
//! *while* a decision is being read, it may see the later and not the earlier.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use domain::decision::Target;
use domain::document::Document;
use domain::entity_type::TypeName;
use domain::grants::Grants;
use domain::id::{EntityId, TenantId};
use domain::lineage::Lineage;
use domain::permission::Action;
use domain::principal::Principal;
use futures::future::try_join_all;
use tokio::time::Instant;

use crate::Store;
use crate::epochs::{Epochs, Scope};
use crate::error::Error;
use crate::lineage::Walk;
use crate::memory::Known;

/// What is asked of the store before it can be decided.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Who is to act.
    pub principals: &'a [Principal],
    /// On what.
    pub resources: &'a [EntityId],
    /// Whether the attributes of the resources, which are not remembered, are needed as they are now.
    pub attributes: Attributes<'a>,
    /// How fresh.
    pub consistency: Consistency,
}

impl<'a> Wanted<'a> {
    /// What is wanted as it is now.
    pub fn fresh(
        tenant: &'a TenantId,
        principals: &'a [Principal],
        resources: &'a [EntityId],
        attributes: Attributes<'a>,
    ) -> Self {
        Self { tenant, principals, resources, attributes, consistency: Consistency::Fresh }
    }
}

/// When the attributes of resources are read.
#[derive(Clone, Copy, Debug)]
pub enum Attributes<'a> {
    /// Where a condition on these actions, of a principal that is asked for beside them, looks at them.
    For(&'a [Action]),
    /// Always.
    Read,
    /// Only where the resource has to be read anyway.
    Unread,
}

/// How fresh the inputs of a decision must be, the least fresh first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consistency {
    /// What was known to be so within the last second will do.
    MinimizeLatency,
    /// Every change that was acknowledged before the request counts. What is remembered is used where its
    /// epochs, read now, say that it still holds.
    #[default]
    Fresh,
    /// The same, and nothing remembered is used: everything is read from the tables.
    Strong,
}

/// The inputs of decisions: each principal's grants and each resource with its line.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    grants: HashMap<Principal, Found<Grants>>,
    resources: HashMap<EntityId, Found<Located>>,
}

/// What was found, and where.
#[derive(Debug)]
struct Found<T> {
    what: Arc<T>,
    /// Whether it was in memory, and still held.
    is_remembered: bool,
}

// Not derived, because that would ask it of what is shared.
impl<T> Clone for Found<T> {
    fn clone(&self) -> Self {
        Self { what: self.what.clone(), is_remembered: self.is_remembered }
    }
}

impl<T> Found<T> {
    fn remembered(what: Arc<T>) -> Self {
        Self { what, is_remembered: true }
    }

    fn read(what: Arc<T>) -> Self {
        Self { what, is_remembered: false }
    }
}

/// An entity with its verified ancestors.
#[derive(Clone, Debug)]
pub struct Located {
    /// Its id.
    pub id: EntityId,
    /// Its type.
    pub kind: TypeName,
    /// Its ancestors.
    pub lineage: Lineage,
    /// Its attributes; `None` where no condition on what was [`Wanted`] looks at them, and they were not read.
    pub attributes: Option<Document>,
}

impl Located {
    /// The entity as the decision takes it.
    pub fn target(&self) -> Target<'_> {
        static NONE_READ: LazyLock<Document> = LazyLock::new(Document::default);
        Target {
            kind: self.kind.as_str(),
            id: self.id.as_str(),
            ancestors: self.lineage.ancestors(),
            stored: Some(self.attributes.as_ref().unwrap_or(&NONE_READ)),
            sent: None,
        }
    }
}

impl Inputs {
    /// What speaks for a principal that was asked for.
    pub fn grants(&self, principal: &Principal) -> Option<&Arc<Grants>> {
        self.grants.get(principal).map(|found| &found.what)
    }

    /// A resource that was asked for; `None` when there is no such entity.
    pub fn resource(&self, id: &str) -> Option<&Arc<Located>> {
        self.resources.get(id).map(|found| &found.what)
    }

    /// Whether a decision about a principal and a resource that were asked for rests on what was remembered
    /// alone. A resource of which nothing is stored adds nothing to it.
    pub fn are_remembered(&self, principal: &Principal, resource: &str) -> bool {
        let of_resource = self.resources.get(resource);
        self.grants.get(principal).is_some_and(|found| found.is_remembered)
            && of_resource.is_none_or(|found| found.is_remembered)
    }
}

impl Store {
    /// The inputs of decisions, for all principals and resources side by side.
    ///
    /// With nothing remembered, for one of each: 3 RCU and the epochs, 1 more for each role, ancestor and
    /// group. With everything: the epochs alone, which are 2 RCU from the table (1 more for each group), and
    /// free within one process. What is named twice is read once.
    pub async fn inputs_read(&self, wanted: Wanted<'_>) -> Result<Inputs, Error> {
        let Wanted { tenant, attributes, consistency, .. } = wanted;
        let (principals, resources) = (each(wanted.principals), each(wanted.resources));
        let remembers = consistency != Consistency::Strong;
        let known: Vec<Option<Known<Grants>>> = principals
            .iter()
            .map(|principal| self.memory.grants(tenant, principal).filter(|_| remembers))
            .collect();
        let epochs = if remembers {
            let scopes = self.scopes_of(&principals, &known);
            self.epochs_now(tenant, scopes, consistency).await?
        } else {
            Epochs::default()
        };
        let grants = principals.iter().zip(known).map(async |(principal, known)| {
            match known.and_then(|known| known.confirmed(&epochs)) {
                Some(grants) => Ok(Found::remembered(grants)),
                None => {
                    let read = self.grants_read(tenant, principal, &epochs, remembers);
                    read.await.map(Found::read)
                }
            }
        });
        let located = resources.iter().map(|id| self.located_read(tenant, id, &epochs, remembers));
        let (grants, located) = tokio::try_join!(try_join_all(grants), try_join_all(located))?;
        let looks = |grants: &Found<Grants>, actions: &[Action]| {
            actions.iter().any(|action| grants.what.reads_resource(action))
        };
        let needs_attributes = match attributes {
            Attributes::For(actions) => grants.iter().any(|grants| looks(grants, actions)),
            Attributes::Read => true,
            Attributes::Unread => false,
        };
        let located = if needs_attributes {
            try_join_all(located.into_iter().map(|found| self.with_attributes(tenant, found)))
                .await?
        } else {
            located
        };
        let located = resources.into_iter().cloned().zip(located);
        Ok(Inputs {
            grants: principals.into_iter().cloned().zip(grants).collect(),
            resources: located.filter_map(|(id, located)| Some((id, located?))).collect(),
        })
    }

    /// A resource with its attributes as they are now. 1 RCU per 4 KiB where they were not read with the rest.
    async fn with_attributes(
        &self,
        tenant: &TenantId,
        located: Option<Found<Located>>,
    ) -> Result<Option<Found<Located>>, Error> {
        let Some(located) = located else { return Ok(None) };
        if located.what.attributes.is_some() {
            return Ok(Some(located));
        }
        let read = self.entity_read(tenant, &located.what.id).await?;
        let attributes = read.map(|placed| placed.entity.attributes);
        let what = Arc::new(Located { attributes, ..(*located.what).clone() });
        Ok(Some(Found { what, ..located }))
    }

    /// What must be confirmed, or read ahead, of these principals.
    fn scopes_of(&self, principals: &[&Principal], known: &[Option<Known<Grants>>]) -> Vec<Scope> {
        let mut scopes = HashSet::from([Scope::Wildcard, Scope::Policy, Scope::Hierarchy]);
        for (principal, known) in principals.iter().zip(known) {
            match known {
                Some(known) => scopes.extend(known.stamps.iter().map(|(scope, _)| scope.clone())),
                // Where a partition brings its own epoch along, it is not worth a read of its own.
                None if self.epochs.is_within() => {}
                None => drop(scopes.insert(Scope::of(principal))),
            }
        }
        scopes.into_iter().collect()
    }

    async fn epochs_now(
        &self,
        tenant: &TenantId,
        scopes: Vec<Scope>,
        consistency: Consistency,
    ) -> Result<Epochs, Error> {
        if consistency == Consistency::MinimizeLatency
            && let Some(recent) = self.memory.recent_epochs(tenant, &scopes)
        {
            return Ok(recent);
        }
        let asked_at = Instant::now();
        let epochs = self.epochs_read(tenant, &scopes).await?;
        if !self.epochs.is_free() {
            self.memory.keep_epochs(tenant, &epochs, asked_at);
        }
        Ok(epochs)
    }

    /// An entity with its ancestors; `None` when there is none.
    async fn located_read(
        &self,
        tenant: &TenantId,
        id: &EntityId,
        epochs: &Epochs,
        remembers: bool,
    ) -> Result<Option<Found<Located>>, Error> {
        let remembered =
            |id: &EntityId| self.memory.located(tenant, id, epochs).filter(|_| remembers);
        if let Some(located) = remembered(id) {
            return Ok(Some(Found::remembered(located)));
        }
        let Some(placed) = self.entity_read(tenant, id).await? else { return Ok(None) };
        let walk = self.walk_read(tenant, &placed, remembered).await?;
        self.keep_line(tenant, &walk, epochs, remembers);
        let lineage = walk.into_lineage();
        let entity = placed.entity;
        let located = Located { id: entity.id, kind: entity.kind, lineage, attributes: None };
        if let Some(hierarchy) = epochs.get(&Scope::Hierarchy).filter(|_| remembers) {
            self.memory.keep_located(tenant, located.clone(), hierarchy);
        }
        let attributes = Some(entity.attributes);
        Ok(Some(Found::read(Arc::new(Located { attributes, ..located }))))
    }

    /// Remembers the ancestors of a line that was read, each with what stands above it.
    fn keep_line(&self, tenant: &TenantId, walk: &Walk, epochs: &Epochs, remembers: bool) {
        let Some(hierarchy) = epochs.get(&Scope::Hierarchy).filter(|_| remembers) else { return };
        for (kind, id, lineage) in walk.line() {
            let located = Located { id, kind, lineage, attributes: None };
            self.memory.keep_located(tenant, located, hierarchy);
        }
    }
}

/// Each of these once.
fn each<T: Ord>(of: &[T]) -> Vec<&T> {
    let mut each: Vec<&T> = of.iter().collect();
    each.sort_unstable();
    each.dedup();
    each
}
