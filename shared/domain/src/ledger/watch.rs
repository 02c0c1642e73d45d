//! What a watcher remembers of a chain, so that no later checkpoint can take back what an earlier one said.
//!
//! The scheduled verifier, a client with a saved checkpoint and the publisher before it signs all ask the
//! same question: is this checkpoint a continuation of the last one?

use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::fault::{Fault, Kind};
use crate::ledger::hash::Hash;
use crate::ledger::proof::verify_consistency;

/// The latest checkpoint that was seen. What is stored of it is the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    latest: Option<Checkpoint>,
}

impl Watch {
    /// Goes on from a remembered checkpoint, or from none.
    pub fn new(latest: Option<Checkpoint>) -> Self {
        Self { latest }
    }

    /// The latest checkpoint that was accepted.
    pub fn latest(&self) -> Option<&Checkpoint> {
        self.latest.as_ref()
    }

    /// Accepts a checkpoint that continues the latest one, by the consistency proof between the two.
    ///
    /// A smaller one is a rollback, one of the same size with another root a split view, and a larger one
    /// without proof a rewrite: each is a [`Fault`], and the latest stays what it was.
    ///
    /// Whoever signs asks this first, then reserves the statement where the latest still is the latest, and
    /// only then signs. Signing before reserving lets two publishers sign what contradicts: the model in
    /// `tests/ledger_model` shows how.
    pub fn accept(&mut self, next: &Checkpoint, proof: &[Hash]) -> Result<(), Fault> {
        if let Some(latest) = &self.latest {
            continues(latest, next, proof)?;
        }
        self.latest = Some(next.clone());
        Ok(())
    }
}

/// Holds if `next` continues `latest`, by the consistency proof between the two.
pub fn continues(latest: &Checkpoint, next: &Checkpoint, proof: &[Hash]) -> Result<(), Fault> {
    let fault = |kind| {
        Err(Fault::of_range(latest.size.min(next.size) + 1, latest.size.max(next.size), kind))
    };
    if latest.origin != next.origin {
        return fault(Kind::ForeignCheckpoint { origin: next.origin.clone() });
    }
    if next.size < latest.size {
        return fault(Kind::Rollback { size: latest.size, found: next.size });
    }
    if next.size == latest.size && next.root != latest.root {
        return Err(Fault::of_range(1, next.size, Kind::SplitView { size: next.size }));
    }
    match verify_consistency(latest.size, &latest.root, next.size, &next.root, proof) {
        Ok(()) => Ok(()),
        Err(_) => fault(Kind::InconsistentCheckpoints { older: latest.size, newer: next.size }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::frontier::Frontier;
    use crate::ledger::proof::{Node, Plan};

    fn leaves(size: u64, salt: u8) -> Vec<Hash> {
        (0..size)
            .map(|index| Hash::of_leaf(&[&[salt], &index.to_be_bytes()[..]].concat()))
            .collect()
    }

    fn checkpoint(leaves: &[Hash]) -> Checkpoint {
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| frontier.append(*leaf));
        Checkpoint { origin: "o".to_owned(), size: frontier.size(), root: frontier.root() }
    }

    fn proof(old: u64, leaves: &[Hash]) -> Vec<Hash> {
        let read = |node: Node| {
            let start = usize::try_from(node.index << node.level).unwrap();
            Ok::<_, ()>(checkpoint(&leaves[start..start + (1 << node.level)]).root)
        };
        Plan::consistency(old, leaves.len() as u64).unwrap().resolve(read).unwrap()
    }

    #[test]
    fn a_continuation_is_accepted_and_everything_else_is_named() {
        let leaves = leaves(20, 0);
        let mut watch = Watch::default();
        watch.accept(&checkpoint(&leaves[..5]), &[]).unwrap();
        watch.accept(&checkpoint(&leaves[..5]), &[]).unwrap();
        watch.accept(&checkpoint(&leaves[..13]), &proof(5, &leaves[..13])).unwrap();
        let mut refused =
            |next: &Checkpoint, proof: &[Hash]| watch.accept(next, proof).unwrap_err().kind;
        let rollback = Kind::Rollback { size: 13, found: 5 };
        assert_eq!(refused(&checkpoint(&leaves[..5]), &[]), rollback);
        let other = super::tests::leaves(20, 1);
        assert_eq!(refused(&checkpoint(&other[..13]), &[]), Kind::SplitView { size: 13 });
        let rewritten = Kind::InconsistentCheckpoints { older: 13, newer: 20 };
        assert_eq!(refused(&checkpoint(&other), &proof(13, &other)), rewritten);
        let foreign = Checkpoint { origin: "p".to_owned(), ..checkpoint(&leaves) };
        assert!(matches!(refused(&foreign, &proof(13, &leaves)), Kind::ForeignCheckpoint { .. }));
        watch.accept(&checkpoint(&leaves), &proof(13, &leaves)).unwrap();
        assert_eq!(watch.latest().unwrap().size, 20);
    }
}
