//! The line of ancestors of an entity, read from the hint beside it and verified link by link.
//!
//! A parent pointer lives in one item only, so moving a subtree writes one item; the hints below it go
//! stale. A stale hint costs another round trip where the line left it, never a wrong answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::entity::Entity;
use domain::entity_type::TypeName;
use domain::id::{EntityId, TenantId};
use domain::lineage::{LINEAGE_DEPTH_MAX, Lineage};
use futures::future::try_join_all;

use crate::authorization::Located;
use crate::entities::{Placed, placed};
use crate::error::Error;
use crate::item::Item;
use crate::key::{self, Key};
use crate::{EntityFilter, Store};

/// Most children that are looked at, level by level, to learn how deep a subtree is.
const SUBTREE_ENTITIES_MAX: usize = 1_000;

/// A line under verification.
#[derive(Debug)]
pub(crate) struct Walk {
    verified: Vec<EntityId>,
    /// The parent pointer of the last verified entity.
    next: Option<EntityId>,
    nodes: HashMap<EntityId, Placed>,
    hinted: Vec<EntityId>,
}

impl Walk {
    /// Begins above an entity.
    fn above(start: &Placed) -> Self {
        Self {
            verified: Vec::new(),
            next: start.entity.parent_id.clone(),
            nodes: HashMap::new(),
            hinted: start.hint.ancestors().to_vec(),
        }
    }

    /// Goes on as a line that is known, where it has come to one: then it is whole.
    fn join(&mut self, known: impl Fn(&EntityId) -> Option<Arc<Located>>) {
        let Some(above) = self.next.as_ref().and_then(known) else { return };
        self.next = None;
        let line = std::iter::once(&above.id).chain(above.lineage.ancestors());
        for id in line.take(LINEAGE_DEPTH_MAX - 1 - self.verified.len()) {
            if self.verified.contains(id) {
                return;
            }
            self.verified.push(id.clone());
        }
    }

    /// The keys to read next, up to where a line is known; none when this one is verified to its root.
    fn wanted(&self, tenant: &TenantId, known: impl Fn(&EntityId) -> bool) -> Vec<Key> {
        let Some(next) = &self.next else { return Vec::new() };
        let hinted = self.hinted.iter().take_while(|id| !known(id));
        let ids: HashSet<&EntityId> = std::iter::once(next)
            .chain(hinted)
            .filter(|id| !self.nodes.contains_key(*id))
            .collect();
        ids.into_iter().map(|id| key::entity(tenant, id)).collect()
    }

    /// Takes what was read and walks on as far as it goes.
    fn advance(&mut self, read: impl IntoIterator<Item = Placed>) {
        self.nodes.extend(read.into_iter().map(|node| (node.entity.id.clone(), node)));
        let mut off_the_hint = None;
        while let Some(next) = &self.next {
            let Some(node) = self.nodes.get(next) else { break };
            // A line that is too long or closes on itself cannot be made through the API; cut short, it
            // grants less, never more.
            if self.verified.len() + 1 >= LINEAGE_DEPTH_MAX || self.verified.contains(next) {
                self.next = None;
                return;
            }
            off_the_hint = Some(node.hint.ancestors().to_vec());
            self.verified.push(next.clone());
            self.next = node.entity.parent_id.clone();
        }
        match off_the_hint {
            Some(hint) => self.hinted = hint,
            // The parent that a pointer names is not there. Entities are never deleted, so this is a
            // damaged table; the line ends here.
            None => self.next = None,
        }
    }

    /// The verified ancestors that were read, each with its own line.
    pub(crate) fn line(&self) -> impl Iterator<Item = (TypeName, EntityId, Lineage)> {
        self.verified.iter().enumerate().filter_map(|(index, id)| {
            let kind = self.nodes.get(id)?.entity.kind.clone();
            let above = self.verified.get(index + 1..)?.to_vec();
            Some((kind, id.clone(), Lineage::new(above)))
        })
    }

    pub(crate) fn into_lineage(self) -> Lineage {
        Lineage::new(self.verified)
    }
}

/// The entity of an item that is one.
fn node(item: Item) -> Option<Result<Placed, Error>> {
    key::is_entity(&item).then(|| placed(item))
}

impl Store {
    /// The verified line above an entity. 1 RCU for each ancestor and 4 KiB of it; one round trip while
    /// the hint holds.
    pub async fn lineage_read(&self, tenant: &TenantId, start: &Placed) -> Result<Lineage, Error> {
        Ok(self.walk_read(tenant, start, |_| None).await?.into_lineage())
    }

    /// The same, with the ancestors that were read: those below the first that is known.
    pub(crate) async fn walk_read(
        &self,
        tenant: &TenantId,
        start: &Placed,
        known: impl Fn(&EntityId) -> Option<Arc<Located>>,
    ) -> Result<Walk, Error> {
        let mut walk = Walk::above(start);
        loop {
            walk.join(&known);
            let wanted = walk.wanted(tenant, |id| known(id).is_some());
            if wanted.is_empty() {
                return Ok(walk);
            }
            let read = self.batch_get(&wanted).await?;
            walk.advance(read.into_iter().filter_map(node).collect::<Result<Vec<_>, _>>()?);
        }
    }

    /// How many levels stand below and with an entity, counted no further than `levels_max`; `None` when
    /// the subtree is too wide to say.
    pub async fn subtree_height(
        &self,
        tenant: &TenantId,
        root: &EntityId,
        levels_max: usize,
    ) -> Result<Option<usize>, Error> {
        let mut level = vec![root.clone()];
        let mut looked_at = 0;
        for height in 1..levels_max {
            let below =
                try_join_all(level.iter().map(|parent| self.children_read(tenant, parent))).await?;
            let Some(below) = below.into_iter().collect::<Option<Vec<_>>>() else {
                return Ok(None);
            };
            level = below.into_iter().flatten().map(|child| child.id).collect();
            looked_at += level.len();
            if level.is_empty() {
                return Ok(Some(height));
            }
            if looked_at > SUBTREE_ENTITIES_MAX {
                return Ok(None);
            }
        }
        Ok(Some(levels_max))
    }

    /// The children of an entity, archived ones too; `None` when there are more than is ever looked at,
    /// or their attributes are so large that a list does not get to the last of them.
    async fn children_read(
        &self,
        tenant: &TenantId,
        parent: &EntityId,
    ) -> Result<Option<Vec<Entity>>, Error> {
        let shelf = |status| EntityFilter {
            parent_id: Some(parent.clone()),
            status,
            ..EntityFilter::default()
        };
        let (live, archived) = (shelf(None), shelf(Some(domain::entity::Status::Archived)));
        let (mut children, archived) = tokio::try_join!(
            self.entity_list(tenant, &live, None, SUBTREE_ENTITIES_MAX),
            self.entity_list(tenant, &archived, None, SUBTREE_ENTITIES_MAX),
        )?;
        if children.next.is_some() || archived.next.is_some() {
            return Ok(None);
        }
        children.items.extend(archived.items);
        Ok(Some(children.items))
    }
}
