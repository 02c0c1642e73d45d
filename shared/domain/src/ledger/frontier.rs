//! The right edge of a Merkle tree (RFC 6962, §2.1): all that is needed to append, and to know the root.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ledger::hash::{HASH_BYTES, Hash};
use crate::refusal::Refusal;

/// The compact range of a tree: its size and the roots of its full subtrees, the largest first.
///
/// There is one subtree for each bit that is set in the size, so it never takes more than 64 hashes: 30
/// for a thousand million records. Its text is base64 of the size (8 bytes, big-endian) and the hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The tree of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the full subtrees, the largest first.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Adds a leaf: on average one node is hashed.
    pub fn append(&mut self, leaf: Hash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                node = Hash::of_node(&left, &node);
            }
        }
        self.subtrees.push(node);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut right_to_left = self.subtrees.iter().rev();
        let Some(last) = right_to_left.next() else { return Hash::of_nothing() };
        right_to_left.fold(*last, |right, left| Hash::of_node(left, &right))
    }

    /// The bytes of the text.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hashes = self.subtrees.iter().flat_map(Hash::as_bytes).copied();
        self.size.to_be_bytes().into_iter().chain(hashes).collect()
    }

    /// Reads the bytes of the text. Refused unless there is one hash for each bit set in the size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let refused = || Refusal::new("must be a size and one hash for each bit set in it");
        let (size, hashes) = bytes.split_first_chunk::<8>().ok_or_else(refused)?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() || hashes.len() != size.count_ones() as usize {
            return Err(refused());
        }
        Ok(Self { size, subtrees: hashes.iter().copied().map(Hash::from_bytes).collect() })
    }
}

impl Serialize for Frontier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Frontier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(Error::custom)?;
        Self::from_bytes(&bytes).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaf(index: u64) -> Hash {
        Hash::of_leaf(&index.to_be_bytes())
    }

    /// The definition of RFC 6962 (§2.1), word for word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of_nothing(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                Hash::of_node(&defined(left), &defined(right))
            }
        }
    }

    proptest! {
        #[test]
        fn appending_gives_the_root_that_the_definition_gives(size in 0_u64..600) {
            let leaves: Vec<Hash> = (0..size).map(leaf).collect();
            let mut frontier = Frontier::new();
            leaves.iter().for_each(|leaf| frontier.append(*leaf));
            prop_assert_eq!(frontier.size(), size);
            prop_assert_eq!(frontier.root(), defined(&leaves));
        }

        #[test]
        fn what_is_stored_is_read_back_and_goes_on_as_before(size in 0_u64..600) {
            let mut frontier = Frontier::new();
            (0..size).for_each(|index| frontier.append(leaf(index)));
            let text = serde_json::to_string(&frontier).unwrap();
            let mut read: Frontier = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &frontier);
            read.append(leaf(size));
            frontier.append(leaf(size));
            prop_assert_eq!(read.root(), frontier.root());
        }

        #[test]
        fn a_frontier_of_another_shape_is_refused(size in 0_u64..600, cut in 1_usize..40) {
            let mut frontier = Frontier::new();
            (0..size).for_each(|index| frontier.append(leaf(index)));
            let mut bytes = frontier.to_bytes();
            bytes.truncate(bytes.len().saturating_sub(cut));
            prop_assert!(Frontier::from_bytes(&bytes).is_err());
        }
    }
}
