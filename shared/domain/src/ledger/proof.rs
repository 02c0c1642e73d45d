//! Proofs of RFC 6962 (§2.1.1, §2.1.2): that a record is in a tree, and that a tree is the start of another.
//!
//! Making one takes two steps, because hashes are read asynchronously and nothing here waits: a [`Plan`]
//! says which nodes or tiles are needed, the caller fetches them, and the plan is resolved with them.

use crate::ledger::hash::Hash;

/// Most hashes of a proof: one for each level of the largest tree, and one.
pub const PROOF_HASHES_MAX: usize = 64;

/// The root of a full subtree: of the leaves `index · 2^level` up to `(index + 1) · 2^level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// How many levels above the leaves.
    pub level: u8,
    /// Which one of its level, from 0 at the left.
    pub index: u64,
}

/// A proof before its hashes: each element is the root of a range of leaves, given by the full subtrees
/// that make up the range, the largest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan(Vec<Vec<Node>>);

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf, or no such pair of trees.
    #[error("the position lies outside of the tree")]
    Outside,
    /// It has too few or too many hashes for the position.
    #[error("the proof has another length than its position asks for")]
    Length,
    /// What it leads to is not the root.
    #[error("the proof leads to another root")]
    Root,
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The full subtrees that make up the leaves from `start` up to `end`, left to right.
///
/// `start` must be a multiple of the largest of them, as the ranges of a proof are.
fn subtrees(mut start: u64, end: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    while start < end {
        let level = (end - start).ilog2();
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a u64 is below 64")]
        nodes.push(Node { level: level as u8, index: start >> level });
        start += 1 << level;
    }
    nodes
}

impl Plan {
    /// For the proof that the leaf at `index`, counted from 0, is in the tree of `size` leaves.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, ProofError> {
        if index >= size {
            return Err(ProofError::Outside);
        }
        let (mut start, mut end) = (0, size);
        let mut ranges = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                ranges.push(subtrees(middle, end));
                end = middle;
            } else {
                ranges.push(subtrees(start, middle));
                start = middle;
            }
        }
        ranges.reverse();
        Ok(Self(ranges))
    }

    /// For the proof that the tree of `old` leaves is the start of the tree of `new` leaves.
    ///
    /// A tree of nothing is the start of every tree, and every tree of itself; both proofs are empty.
    pub fn consistency(old: u64, new: u64) -> Result<Self, ProofError> {
        if old > new {
            return Err(ProofError::Outside);
        }
        if old == 0 || old == new {
            return Ok(Self(Vec::new()));
        }
        let (mut start, mut end) = (0, new);
        let mut ranges = Vec::new();
        while end != old {
            let middle = start + split(end - start);
            if old <= middle {
                ranges.push(subtrees(middle, end));
                end = middle;
            } else {
                ranges.push(subtrees(start, middle));
                start = middle;
            }
        }
        if start > 0 {
            ranges.push(subtrees(start, end));
        }
        ranges.reverse();
        Ok(Self(ranges))
    }

    /// For the root of the tree of `size` leaves: its one hash.
    pub fn root(size: u64) -> Self {
        Self(vec![subtrees(0, size)])
    }

    /// The nodes that must be known.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.0.iter().flatten().copied()
    }

    /// The proof, from the hash of each node. The first error of the reader ends it.
    pub fn resolve<E>(
        &self,
        mut read: impl FnMut(Node) -> Result<Hash, E>,
    ) -> Result<Vec<Hash>, E> {
        let mut root = |range: &Vec<Node>| {
            let mut right: Option<Hash> = None;
            for node in range.iter().rev() {
                let left = read(*node)?;
                right = Some(right.map_or(left, |right| Hash::of_node(&left, &right)));
            }
            Ok(right.unwrap_or_else(Hash::of_nothing))
        };
        self.0.iter().map(&mut root).collect()
    }
}

/// Holds if the leaf stands at `index`, counted from 0, of the tree of `size` leaves with this root.
///
/// The way up is that of RFC 9162 (§2.1.3.2), which proves the same trees.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for other in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::of_node(other, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::of_node(&hash, other);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Holds if the tree of `old` leaves is the start of the tree of `new` leaves (RFC 9162, §2.1.4.2).
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Outside);
    }
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        let same = if old == 0 { *old_root == Hash::of_nothing() } else { old_root == new_root };
        return if same { Ok(()) } else { Err(ProofError::Root) };
    }
    // The old tree is itself a full subtree of the new one: then its root begins the proof unwritten.
    let (first, rest) = match proof.split_first() {
        _ if old.is_power_of_two() => (old_root, proof),
        Some(parts) => parts,
        None => return Err(ProofError::Length),
    };
    let (mut node, mut last) = (old - 1, new - 1);
    let shift = node.trailing_ones();
    node >>= shift;
    last >>= shift;
    let (mut from_old, mut from_new) = (*first, *first);
    for other in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            from_old = Hash::of_node(other, &from_old);
            from_new = Hash::of_node(other, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = Hash::of_node(&from_new, other);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if from_old == *old_root && from_new == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::frontier::Frontier;
    use proptest::prelude::*;

    fn leaves(size: u64) -> Vec<Hash> {
        (0..size).map(|index| Hash::of_leaf(&index.to_be_bytes())).collect()
    }

    fn root(leaves: &[Hash]) -> Hash {
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| frontier.append(*leaf));
        frontier.root()
    }

    fn prove(plan: &Plan, leaves: &[Hash]) -> Vec<Hash> {
        let read = |node: Node| {
            let start = usize::try_from(node.index << node.level).unwrap();
            let width = 1 << node.level;
            Ok::<_, ()>(root(&leaves[start..start + width]))
        };
        plan.resolve(read).unwrap()
    }

    fn flipped(hash: Hash, bit: usize) -> Hash {
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8 % 32] ^= 1 << (bit % 8);
        Hash::from_bytes(bytes)
    }

    #[test]
    fn the_examples_of_rfc_6962_have_the_shape_that_it_draws() {
        // §2.1.3, the tree of seven leaves: PATH(0) = [b, h, l], PATH(4) = [f, j, k], PATH(6) = [i, k].
        let shape =
            |plan: Result<Plan, _>| plan.unwrap().0.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(shape(Plan::inclusion(0, 7)), [1, 1, 2]);
        assert_eq!(shape(Plan::inclusion(4, 7)), [1, 1, 1]);
        assert_eq!(shape(Plan::inclusion(6, 7)), [1, 1]);
        // PROOF(3) = [c, d, g, l], PROOF(4) = [l], PROOF(6) = [i, j, k].
        assert_eq!(shape(Plan::consistency(3, 7)), [1, 1, 1, 2]);
        assert_eq!(shape(Plan::consistency(4, 7)), [2]);
        assert_eq!(shape(Plan::consistency(6, 7)), [1, 1, 1]);
    }

    #[test]
    fn a_position_outside_of_the_tree_has_no_proof() {
        assert_eq!(Plan::inclusion(3, 3), Err(ProofError::Outside));
        assert_eq!(Plan::consistency(4, 3), Err(ProofError::Outside));
        let hash = Hash::GENESIS;
        assert_eq!(verify_inclusion(&hash, 3, 3, &hash, &[]), Err(ProofError::Outside));
        assert_eq!(verify_consistency(4, &hash, 3, &hash, &[]), Err(ProofError::Outside));
    }

    proptest! {
        #[test]
        fn an_inclusion_proof_holds_and_with_any_bit_flipped_does_not(
            size in 1_u64..300, at: prop::sample::Index, bit: usize,
        ) {
            let leaves = leaves(size);
            let (index, root) = (at.index(leaves.len()), root(&leaves));
            let proof = prove(&Plan::inclusion(index as u64, size).unwrap(), &leaves);
            let holds = |leaf: Hash, index, size, root: Hash, proof: &[Hash]| {
                verify_inclusion(&leaf, index, size, &root, proof).is_ok()
            };
            let (leaf, index) = (leaves[index], index as u64);
            prop_assert!(holds(leaf, index, size, root, &proof));
            prop_assert!(!holds(flipped(leaf, bit), index, size, root, &proof));
            prop_assert!(!holds(leaf, index, size, flipped(root, bit), &proof));
            prop_assert!(!holds(leaf, index ^ 1 << (bit % 9), size, root, &proof));
            for place in 0..proof.len() {
                let mut bad = proof.clone();
                bad[place] = flipped(bad[place], bit);
                prop_assert!(!holds(leaf, index, size, root, &bad));
                bad.remove(place);
                prop_assert!(!holds(leaf, index, size, root, &bad));
            }
        }

        #[test]
        fn a_consistency_proof_holds_and_with_any_bit_flipped_does_not(
            new in 1_u64..300, at: prop::sample::Index, bit: usize,
        ) {
            let leaves = leaves(new);
            let old = at.index(leaves.len() + 1);
            let (old_root, new_root) = (root(&leaves[..old]), root(&leaves));
            let old = old as u64;
            let proof = prove(&Plan::consistency(old, new).unwrap(), &leaves);
            let holds = |old_root: Hash, new_root: Hash, proof: &[Hash]| {
                verify_consistency(old, &old_root, new, &new_root, proof).is_ok()
            };
            prop_assert!(holds(old_root, new_root, &proof));
            prop_assert!(!holds(flipped(old_root, bit), new_root, &proof));
            prop_assert!(old == 0 || !holds(old_root, flipped(new_root, bit), &proof));
            for place in 0..proof.len() {
                let mut bad = proof.clone();
                bad[place] = flipped(bad[place], bit);
                prop_assert!(!holds(old_root, new_root, &bad));
                bad.remove(place);
                prop_assert!(!holds(old_root, new_root, &bad));
            }
        }
    }
}
