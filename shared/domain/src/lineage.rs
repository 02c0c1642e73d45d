//! The line of ancestors above an entity.

use crate::id::EntityId;
use crate::refusal::Refusal;

/// Most entities on one line from a root to a leaf, both included.
pub const LINEAGE_DEPTH_MAX: usize = 16;

/// The ancestors of an entity, nearest first; a root has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage(Vec<EntityId>);

impl Lineage {
    /// A line as it was read, nearest first.
    pub fn new(ancestors: Vec<EntityId>) -> Self {
        Self(ancestors)
    }

    /// The ancestors, nearest first.
    pub fn ancestors(&self) -> &[EntityId] {
        &self.0
    }

    /// How many entities stand on the line down to the entity itself; 1 for a root.
    pub fn depth(&self) -> usize {
        self.0.len() + 1
    }

    /// The line of an entity placed under `parent`, whose own line is `self`.
    ///
    /// `height` counts the levels that the entity brings along, itself included: 1 for a new one.
    /// Refused where the entity would stand above itself, and where the line would grow past
    /// [`LINEAGE_DEPTH_MAX`].
    pub fn under(
        &self,
        parent: &EntityId,
        entity: &EntityId,
        height: usize,
    ) -> Result<Self, Refusal> {
        if parent == entity || self.0.contains(entity) {
            return Err(Refusal::new(format!(
                "`{parent}` is `{entity}` itself or stands below it"
            )));
        }
        if self.depth() + height > LINEAGE_DEPTH_MAX {
            return Err(Refusal::new(format!(
                "under `{parent}` the hierarchy would be {} deep, at most {LINEAGE_DEPTH_MAX} are allowed",
                self.depth() + height
            )));
        }
        Ok(Self(std::iter::once(parent.clone()).chain(self.0.iter().cloned()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntityId {
        EntityId::parse(text).unwrap()
    }

    #[test]
    fn a_line_grows_by_the_parent_at_its_near_end() {
        let spv = Lineage::default().under(&id("issuer"), &id("spv"), 1).unwrap();
        let offering = spv.under(&id("spv"), &id("offering"), 1).unwrap();
        assert_eq!(offering.ancestors(), [id("spv"), id("issuer")]);
    }

    #[test]
    fn an_entity_cannot_stand_above_itself() {
        let spv = Lineage::new(vec![id("issuer")]);
        assert!(spv.under(&id("spv"), &id("issuer"), 1).is_err());
        assert!(Lineage::default().under(&id("issuer"), &id("issuer"), 1).is_err());
    }

    #[test]
    fn the_last_depth_that_passes_is_the_limit() {
        let ancestors = (0..LINEAGE_DEPTH_MAX - 2).map(|level| id(&format!("a{level}"))).collect();
        let line = Lineage::new(ancestors);
        assert!(line.under(&id("parent"), &id("leaf"), 1).is_ok());
        assert!(line.under(&id("parent"), &id("leaf"), 2).is_err());
    }
}
