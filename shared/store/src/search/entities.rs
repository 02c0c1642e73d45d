//! Entities that a search must look at: all of a type, or those at and below some.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

use domain::entity_type::TypeName;
use domain::id::{EntityId, TenantId};
use domain::lineage::LINEAGE_DEPTH_MAX;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::item::{Item, text};
use crate::key::{BY_KIND, BY_RELATION};
use crate::search::{Candidates, READ_ITEMS, READS_MAX};
use crate::{Store, key};

/// A place in a walk through trees: a root and, level by level, the child that was taken last; at the end
/// none, where the children of the last are yet to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreePosition {
    #[serde(rename = "r")]
    root: EntityId,
    #[serde(rename = "l")]
    levels: Vec<Option<String>>,
}

/// The children of one entity, as far as they are read.
struct Level {
    parent: EntityId,
    after: Option<String>,
    read: VecDeque<Child>,
    is_read: bool,
}

struct Child {
    id: EntityId,
    is_wanted: bool,
    sort_key: String,
}

struct Walk {
    root: EntityId,
    levels: Vec<Level>,
}

impl Level {
    fn new(parent: EntityId, after: Option<String>) -> Self {
        Self { parent, after, read: VecDeque::new(), is_read: false }
    }
}

impl Walk {
    fn at(root: &EntityId) -> Self {
        Self { root: root.clone(), levels: vec![Level::new(root.clone(), None)] }
    }

    fn resume(position: TreePosition) -> Result<Self, Error> {
        let TreePosition { root, levels: taken } = position;
        let mut levels = Vec::with_capacity(taken.len());
        let mut parent = Some(root.clone());
        for after in taken {
            let of = parent.take().ok_or(Error::Cursor)?;
            parent = after.as_deref().map(id_in).transpose()?;
            levels.push(Level::new(of, after));
        }
        Ok(Self { root, levels })
    }

    fn position(&self) -> TreePosition {
        let levels = self.levels.iter().map(|level| level.after.clone()).collect();
        TreePosition { root: self.root.clone(), levels }
    }
}

impl Store {
    /// Entities of a type, newest first, archived ones too. 4 RCU for 50, or more where they
    /// are large.
    pub async fn entities_of_type(
        &self,
        tenant: &TenantId,
        kind: &TypeName,
        after: Option<String>,
        items_max: usize,
    ) -> Result<Candidates<EntityId, String>, Error> {
        let mut listings = key::entity_listings(tenant, kind, false);
        listings.extend(key::entity_listings(tenant, kind, true));
        let page = self.listing_page(BY_KIND, &listings, after, items_max, |_| true).await?;
        let items = page.items.iter().map(|item| {
            let sort_key = text(item, "kind_sk").ok_or_else(damaged)?.to_owned();
            Ok((id_in(&sort_key)?, sort_key))
        });
        Ok(Candidates { items: items.collect::<Result<_, Error>>()?, next: page.next, reads: 1 })
    }

    /// The roots and those below them that are of a type, each root and its tree after the other. A root
    /// within another's tree is taken for itself only. 1 RCU for each entity in the trees, of any type.
    pub async fn entities_below(
        &self,
        tenant: &TenantId,
        roots: &BTreeSet<EntityId>,
        kind: &TypeName,
        after: Option<TreePosition>,
        items_max: usize,
    ) -> Result<Candidates<EntityId, TreePosition>, Error> {
        let mut items = Vec::new();
        let mut reads = 0;
        let mut walk = match after {
            Some(position) => Walk::resume(position)?,
            None => match roots.first() {
                Some(root) => begin(root, &mut items),
                None => return Ok(Candidates { items, next: None, reads }),
            },
        };
        loop {
            while let Some(level) = walk.levels.last_mut() {
                if items.len() >= items_max || reads >= READS_MAX {
                    return Ok(Candidates { items, next: Some(walk.position()), reads });
                }
                let Some(child) = level.read.pop_front() else {
                    if level.is_read {
                        walk.levels.pop();
                    } else {
                        reads += 1;
                        self.children_page(tenant, kind, level).await?;
                    }
                    continue;
                };
                level.after = Some(child.sort_key);
                if roots.contains(&child.id) {
                    continue;
                }
                // No line is longer; but an index behind the table could show a tree that is none.
                if walk.levels.len() < LINEAGE_DEPTH_MAX {
                    walk.levels.push(Level::new(child.id.clone(), None));
                }
                if child.is_wanted {
                    items.push((child.id, walk.position()));
                }
            }
            let rest = (Bound::Excluded(&walk.root), Bound::Unbounded);
            match roots.range::<EntityId, _>(rest).next() {
                Some(root) => walk = begin(root, &mut items),
                None => return Ok(Candidates { items, next: None, reads }),
            }
        }
    }

    async fn children_page(
        &self,
        tenant: &TenantId,
        kind: &TypeName,
        level: &mut Level,
    ) -> Result<(), Error> {
        let both = [false, true].map(|archived| key::children(tenant, &level.parent, archived));
        let after = level.after.clone();
        let page = self.listing_page(BY_RELATION, &both, after, READ_ITEMS, |_| true).await?;
        let child = |item: &Item| {
            let sort_key = text(item, "relation_sk").ok_or_else(damaged)?.to_owned();
            let is_wanted = text(item, "type") == Some(kind.as_str());
            Ok(Child { id: id_in(&sort_key)?, is_wanted, sort_key })
        };
        level.read = page.items.iter().map(child).collect::<Result<_, Error>>()?;
        level.is_read = page.next.is_none();
        Ok(())
    }
}

/// Enters the tree of a root, which is a candidate whatever its type is: that is not known here.
fn begin(root: &EntityId, items: &mut Vec<(EntityId, TreePosition)>) -> Walk {
    let walk = Walk::at(root);
    items.push((root.clone(), walk.position()));
    walk
}

/// The id in a sort key by time.
fn id_in(sort_key: &str) -> Result<EntityId, Error> {
    let id = sort_key.split_once('/').and_then(|(_, id)| EntityId::parse(id).ok());
    id.ok_or(Error::Cursor)
}

fn damaged() -> Error {
    Error::Defect("an item of an index has no key there".to_owned())
}
