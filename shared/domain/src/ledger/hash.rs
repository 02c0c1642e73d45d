//! The hashes of the ledger: of a leaf, of a node of the tree, and of an entry of the chain.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// A SHA-256. Its text is 64 lower-case hexadecimal digits, but base64 where C2SP's formats want it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// What the first entry of a chain follows: 32 zero bytes.
    pub const GENESIS: Self = Self([0; HASH_BYTES]);

    /// A hash that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The hash whose bytes these are; `None` unless there are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// SHA-256 of the bytes: names a stored body.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The leaf of RFC 6962 (§2.1): SHA-256 of a zero byte and the record's canonical bytes.
    pub fn of_leaf(canonical: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(canonical).finalize().into())
    }

    /// The inner node of RFC 6962 (§2.1): SHA-256 of a one byte, the left and the right subtree.
    pub fn of_node(left: &Self, right: &Self) -> Self {
        Self(
            Sha256::new()
                .chain_update([1])
                .chain_update(left.0)
                .chain_update(right.0)
                .finalize()
                .into(),
        )
    }

    /// The entry of the chain: SHA-256 of the entry before it and the record's leaf.
    ///
    /// It is computed from the leaf, so that one pass over the record's bytes serves tree and chain.
    pub fn of_entry(previous: &Self, leaf: &Self) -> Self {
        Self(Sha256::new().chain_update(previous.0).chain_update(leaf.0).finalize().into())
    }

    /// The root of the empty tree (RFC 6962, §2.1): SHA-256 of nothing.
    pub fn of_nothing() -> Self {
        Self::of(&[])
    }

    /// Reads 64 hexadecimal digits of lower case.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::new("must be 64 lower-case hexadecimal digits");
        if text.len() != 2 * HASH_BYTES {
            return Err(refused());
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(refused()),
        };
        let mut bytes = [0; HASH_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
            let [high, low] = pair;
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }

    /// Reads standard base64 with padding, as C2SP's formats write a hash; `None` for anything else.
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok().and_then(|bytes| Self::from_slice(&bytes))
    }

    /// Standard base64 with padding.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_hash_is_read_back_and_nothing_else_is_a_hash() {
        let hash = Hash::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(Hash::parse(text), Ok(hash));
        assert_eq!(Hash::from_base64(&hash.to_base64()), Some(hash));
        for bad in ["", "00", &text.to_uppercase(), &format!("{text}00"), &text.replace('b', "g")] {
            assert!(Hash::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_empty_tree_and_the_empty_leaf_have_the_hashes_of_rfc_6962() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::of_nothing().to_string(), nothing);
        let leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(Hash::of_leaf(&[]).to_string(), leaf);
    }
}
