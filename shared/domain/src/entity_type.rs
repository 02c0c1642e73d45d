//! The types an entity may have: data in a registry, not variants spread over the code.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// Longest type name, in characters.
pub const TYPE_NAME_CHARACTERS_MAX: usize = 64;

/// The types every tenant has, with what each stands for.
const BUILT_IN: [(&str, &str); 6] = [
    ("issuer", "A company that issues securities."),
    ("spv", "A special-purpose vehicle of an issuer."),
    ("offering", "An offering of securities, usually under an SPV."),
    ("investor", "A person or company that invests."),
    ("agent", "An agent who acts for others."),
    ("other", "Anything else."),
];

/// The name of an entity type: `[a-z][a-z0-9_]*`, at most [`TYPE_NAME_CHARACTERS_MAX`] long.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeName(Arc<str>);

impl TypeName {
    /// Reads a well-formed name; whether the type exists is for the [`Registry`] to say.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins_well = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        if !begins_well || text.len() > TYPE_NAME_CHARACTERS_MAX || !text.bytes().all(legal) {
            return Err(Refusal::new(format!(
                "must be a type's name: a small letter, then small letters, digits and `_`, at most {TYPE_NAME_CHARACTERS_MAX} in all"
            )));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TypeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TypeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The types that exist.
#[derive(Clone, Debug)]
pub struct Registry(BTreeMap<TypeName, &'static str>);

impl Registry {
    /// The six types that every tenant has.
    pub fn built_in() -> Self {
        Self(BUILT_IN.into_iter().map(|(name, meaning)| (TypeName(name.into()), meaning)).collect())
    }

    /// These and further ones, as a deployment is configured to have them.
    #[must_use]
    pub fn with(mut self, further: impl IntoIterator<Item = TypeName>) -> Self {
        for name in further {
            self.0.entry(name).or_insert("A type of this deployment.");
        }
        self
    }

    /// Reads names of types with commas between them; empty is none.
    pub fn parse_names(text: &str) -> Result<Vec<TypeName>, Refusal> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(TypeName::parse).collect()
    }

    /// Reads the name of a type that exists.
    pub fn parse(&self, text: &str) -> Result<TypeName, Refusal> {
        match self.0.get_key_value(&TypeName(text.into())) {
            Some((name, _)) => Ok(name.clone()),
            None => Err(Refusal::new(format!(
                "`{text}` is no entity type; the types are {}",
                self.listed()
            ))),
        }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &TypeName> {
        self.0.keys()
    }

    fn listed(&self) -> String {
        self.0.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_has_the_six_types_of_the_contract_and_no_other() {
        let registry = Registry::built_in();
        for (name, _) in BUILT_IN {
            assert_eq!(registry.parse(name).unwrap().as_str(), name);
        }
        let refusal = registry.parse("company").unwrap_err();
        assert!(
            refusal.reason().contains("`company`") && refusal.reason().contains("`issuer`"),
            "{refusal}"
        );
    }

    #[test]
    fn further_types_stand_beside_the_six_and_are_told_of() {
        let further = Registry::parse_names("record, todo,issuer,").unwrap();
        let registry = Registry::built_in().with(further);
        assert_eq!(registry.names().count(), BUILT_IN.len() + 2);
        assert_eq!(registry.parse("record").unwrap().as_str(), "record");
        assert!(registry.parse("route").unwrap_err().reason().contains("`todo`"));
        assert_eq!(Registry::parse_names(""), Ok(Vec::new()));
        assert!(Registry::parse_names("record,Todo").is_err());
    }

    #[test]
    fn a_type_name_is_small_letters_digits_and_underscores() {
        for bad in ["", "Issuer", "1a", "a-b", "a b", &"a".repeat(65)] {
            assert!(TypeName::parse(bad).is_err(), "{bad}");
        }
    }
}
