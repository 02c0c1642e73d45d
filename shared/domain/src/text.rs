//! Short texts with a limit: names and descriptions.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// Checks that a text has between `min` and `max` characters, no control character, and something visible.
fn check(text: &str, min: usize, max: usize) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length < min || length > max {
        return Err(Refusal::new(format!("must have {min} to {max} characters, has {length}")));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::new("must not hold control characters"));
    }
    if min > 0 && text.trim().is_empty() {
        return Err(Refusal::new("must not be blank"));
    }
    Ok(())
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $min:literal..=$max:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Fewest characters.
            pub const CHARACTERS_MIN: usize = $min;
            /// Most characters.
            pub const CHARACTERS_MAX: usize = $max;

            /// Reads a text within the limits.
            pub fn parse(text: &str) -> Result<Self, Refusal> {
                check(text, $min, $max)?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
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

texts! {
    /// An entity's name, unique within its tenant and type.
    EntityName: 1..=255;
    /// A role's name, unique within its tenant.
    RoleName: 3..=120;
    /// What an API key is called.
    ApiKeyName: 1..=120;
    /// What a tenant is called.
    TenantName: 1..=120;
    /// What a tenant is in another system, such as the number of a workspace; unique over all tenants.
    ExternalReference: 1..=128;
    /// Why a tenant is suspended.
    SuspensionReason: 1..=512;
    /// What a role is for.
    Description: 0..=512;
    /// What happened, such as `document.verified`.
    EventType: 3..=128;
    /// Who says that something happened, such as `document_vault`.
    EventSource: 3..=128;
    /// What an event belongs to: with its source, what it is recognised by when it is posted again.
    CorrelationId: 1..=128;
    /// The version of an event's payload, such as `v1`.
    SchemaVersion: 1..=16;
    /// The kind of thing that an event happened to, such as `entity`.
    AggregateType: 1..=64;
    /// The thing that an event happened to.
    AggregateId: 1..=256;
}

impl SchemaVersion {
    /// The version of what the core itself says, and of what says none.
    pub fn current() -> Self {
        Self(crate::event::SCHEMA_VERSION.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_measured_in_characters_not_bytes() {
        assert!(EntityName::parse(&"é".repeat(255)).is_ok());
        assert!(EntityName::parse(&"é".repeat(256)).is_err());
        assert!(RoleName::parse("ab").is_err());
    }

    #[test]
    fn a_name_is_neither_blank_nor_multi_line() {
        for bad in ["", "   ", "a\nb", "a\u{0}b"] {
            assert!(EntityName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Description::parse("").is_ok());
    }
}
