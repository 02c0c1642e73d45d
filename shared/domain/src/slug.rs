//! Slugs: what a tenant is called in addresses.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// Longest slug, in characters: as long as a label of a host's name may be (RFC 1035, section 2.3.4).
pub const SLUG_CHARACTERS_MAX: usize = 63;

/// What a slug may look like, as a regular expression for documentation and for clients.
pub const SLUG_PATTERN: &str = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$";

/// A tenant's name in addresses, unique over all tenants ([`SLUG_PATTERN`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(Arc<str>);

impl Slug {
    /// Reads a slug.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_slug = text.len() <= SLUG_CHARACTERS_MAX
            && text.bytes().all(legal)
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && !text.ends_with('-');
        if !is_slug {
            return Err(Refusal::new(format!(
                "must be 1 to {SLUG_CHARACTERS_MAX} small letters, digits and hyphens, with a letter first and no \
                 hyphen last"
            )));
        }
        Ok(Self(text.into()))
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Slug {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_one_label_of_small_letters_digits_and_hyphens() {
        for good in ["a", "acme", "a1", "acme-holdings-2", "a--b", &"a".repeat(63)] {
            assert_eq!(Slug::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-",
            "1",
            "1a",
            "-a",
            "a-",
            "A",
            "aB",
            "a b",
            "a.b",
            "a_b",
            "é",
            "a\n",
            &"a".repeat(64),
        ] {
            assert!(Slug::parse(bad).is_err(), "{bad:?}");
        }
    }
}
