//! Entities that a search must look at: all of a type, or those at and below some.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;

use domain::entity_type::TypeName;
use domain::id::{EntityId, TenantId};
use domain::lineage::LINEAGE_DEPTH_MAX;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::item::{Item, text};
use crate::key::{BY_KIND, BY_RELATION};
use crate::search::{Candidates, READ_ITEMS, READS_MAX};
use crate::{Store, key};

/// How many siblings' children are read side by side. What is read ahead and then not needed, because the page
/// ends, is read again for the next one.
const AHEAD: usize = 8;

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
    /// The first children of entities whose turn has not come.
    ahead: HashMap<EntityId, Children>,
}

/// Children that were read, and whether they are the last.
type Children = (VecDeque<Child>, bool);

impl Level {
    fn new(parent: EntityId, after: Option<String>) -> Self {
        Self { parent, after, read: VecDeque::new(), is_read: false }
    }
}

impl Walk {
    fn at(root: &EntityId) -> Self {
        Self {
            root: root.clone(),
            levels: vec![Level::new(root.clone(), None)],
            ahead: HashMap::new(),
        }
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
        Ok(Self { root, levels, ahead: HashMap::new() })
    }

    /// Whose children to read now: those of the deepest entity, from where it stands, and the first of those
    /// that come after it.
    fn next_parents(&self) -> Vec<(EntityId, Option<String>)> {
        let mut deepest = self.levels.iter().rev();
        let Some(level) = deepest.next() else { return Vec::new() };
        let own = (level.parent.clone(), level.after.clone());
        let siblings = deepest.next().map(|above| above.read.iter()).into_iter().flatten();
        let siblings = siblings.filter(|child| !self.ahead.contains_key(&child.id));
        let others = siblings.map(|child| (child.id.clone(), None));
        std::iter::once(own).chain(others).take(AHEAD).collect()
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
                    } else if let Some(children) = walk.ahead.remove(&level.parent) {
                        (level.read, level.is_read) = children;
                    } else {
                        reads += self.children_ahead(tenant, kind, &mut walk).await?;
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

    /// Reads the children that come next, and of those after them some side by side; how many reads it was.
    async fn children_ahead(
        &self,
        tenant: &TenantId,
        kind: &TypeName,
        walk: &mut Walk,
    ) -> Result<usize, Error> {
        let parents = walk.next_parents();
        let pages = parents
            .iter()
            .map(|(parent, after)| self.children_page(tenant, kind, parent, after.clone()));
        let pages = try_join_all(pages).await?;
        let reads = pages.len();
        let parents = parents.into_iter().map(|(parent, _)| parent);
        walk.ahead.extend(parents.zip(pages));
        Ok(reads)
    }

    async fn children_page(
        &self,
        tenant: &TenantId,
        kind: &TypeName,
        parent: &EntityId,
        after: Option<String>,
    ) -> Result<Children, Error> {
        let both = [false, true].map(|archived| key::children(tenant, parent, archived));
        let page = self.listing_page(BY_RELATION, &both, after, READ_ITEMS, |_| true).await?;
        let child = |item: &Item| {
            let sort_key = text(item, "relation_sk").ok_or_else(damaged)?.to_owned();
            let is_wanted = text(item, "type") == Some(kind.as_str());
            Ok(Child { id: id_in(&sort_key)?, is_wanted, sort_key })
        };
        let children = page.items.iter().map(child).collect::<Result<_, Error>>()?;
        Ok((children, page.next.is_none()))
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
