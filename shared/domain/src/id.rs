//! The identifiers: one type for each kind, so that a role's id cannot stand where an entity's is meant.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::refusal::Refusal;

/// Longest identifier, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// What an identifier may look like, as a regular expression for documentation and for clients.
pub const ID_PATTERN: &str = "^[A-Za-z0-9._:@-]{1,128}$";

/// Identifiers that begin so belong to the product itself; no client may choose one for a role.
pub const RESERVED_PREFIX: &str = "system:";

/// See [`TenantId::registry`].
const REGISTRY: &str = "system:tenants";

/// The principal id that stands for every principal of a type.
pub const EVERY_PRINCIPAL: &str = "*";

/// Where new identifiers come from: random UUIDv7 in the product, a counter in an exact test.
#[derive(Clone)]
pub struct Ids(Arc<dyn Fn() -> Uuid + Send + Sync>);

impl Ids {
    /// Identifiers that sort by the time they were made (UUIDv7).
    #[expect(clippy::disallowed_methods, reason = "this is the id source the rule points to")]
    pub fn by_time() -> Self {
        Self(Arc::new(Uuid::now_v7))
    }

    /// Identifiers from anywhere else.
    pub fn from_fn(next: impl Fn() -> Uuid + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    /// A new identifier of the kind asked for.
    pub fn mint<Id: From<Uuid>>(&self) -> Id {
        Id::from((self.0)())
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

/// Checks [`ID_PATTERN`].
fn check(text: &str) -> Result<(), Refusal> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
    if text.is_empty() {
        return Err(Refusal::new("must not be empty"));
    }
    if text.len() > ID_BYTES_MAX {
        return Err(Refusal::new(format!("must be at most {ID_BYTES_MAX} characters long")));
    }
    if !text.bytes().all(legal) {
        return Err(Refusal::new(
            "may hold only letters, digits and the characters `.`, `_`, `:`, `@` and `-`",
        ));
    }
    Ok(())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an identifier of [`ID_PATTERN`].
            pub fn parse(text: &str) -> Result<Self, Refusal> {
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it belongs to the product itself ([`RESERVED_PREFIX`]).
            pub fn is_reserved(&self) -> bool {
                self.0.starts_with(RESERVED_PREFIX)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id.to_string().into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A tenant: the first part of every key.
    TenantId;
    /// An entity.
    EntityId;
    /// A role.
    RoleId;
    /// An assignment of a role to a principal.
    AssignmentId;
    /// An event, the same over every delivery of it.
    EventId;
    /// An API key.
    ApiKeyId;
    /// An impersonation.
    ImpersonationId;
}

impl TenantId {
    /// The product's own, which has the registry of tenants, and the events and the chain of what changes it.
    pub fn registry() -> Self {
        Self(REGISTRY.into())
    }
}

/// A principal within its type. `*`, every principal of the type, is legal only on an assignment.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalId(Arc<str>);

impl PrincipalId {
    /// Reads the id of one principal.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// Reads the id of one principal, or `*`.
    pub fn parse_or_every(text: &str) -> Result<Self, Refusal> {
        if text == EVERY_PRINCIPAL { Ok(Self::every()) } else { Self::parse(text) }
    }

    /// `*`: every principal of a type.
    pub fn every() -> Self {
        Self(EVERY_PRINCIPAL.into())
    }

    /// Whether this stands for every principal of a type.
    pub fn is_every(&self) -> bool {
        &*self.0 == EVERY_PRINCIPAL
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrincipalId({})", self.0)
    }
}

impl Serialize for PrincipalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PrincipalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_or_every(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_only_the_characters_of_its_pattern() {
        for good in [
            "a",
            "0190b0c5-7e4c-7000-8000-000000000001",
            "user@example.com",
            "a.b_c:d-e",
            &"x".repeat(128),
        ] {
            assert!(EntityId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "a#b", "*", "é", "a\n", &"x".repeat(129)] {
            assert!(EntityId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_principal_is_legal_only_where_it_is_asked_for() {
        assert!(PrincipalId::parse("*").is_err());
        assert!(PrincipalId::parse_or_every("*").unwrap().is_every());
    }

    #[test]
    fn minted_ids_sort_by_the_time_they_were_made() {
        let ids = Ids::by_time();
        let minted: Vec<EntityId> = (0..1000).map(|_| ids.mint()).collect();
        assert!(minted.is_sorted());
    }
}
