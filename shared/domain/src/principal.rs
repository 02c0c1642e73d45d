//! Who acts: a principal is a type and an id, and may have stored properties.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use crate::change::{AuditDraft, Change, EventDraft};
use crate::document::Document;
use crate::id::{PrincipalId, TenantId};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Longest principal type, in characters.
pub const PRINCIPAL_TYPE_CHARACTERS_MAX: usize = 64;

/// What a principal type may look like.
pub const PRINCIPAL_TYPE_PATTERN: &str = "^[A-Za-z0-9._:@-]{1,64}$";

/// The kind of a principal, such as `user`, `service` or `group`. The list is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalType(Arc<str>);

impl PrincipalType {
    /// Reads a type of [`PRINCIPAL_TYPE_PATTERN`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
        if text.is_empty() || text.len() > PRINCIPAL_TYPE_CHARACTERS_MAX || !text.bytes().all(legal)
        {
            return Err(Refusal::new(format!(
                "must be a principal type, matching `{PRINCIPAL_TYPE_PATTERN}`"
            )));
        }
        Ok(Self(text.into()))
    }

    /// `user`, which is meant where a request names no type.
    pub fn user() -> Self {
        Self("user".into())
    }

    /// `group`: principals of this type have members.
    pub fn group() -> Self {
        Self("group".into())
    }

    /// `service`: another program.
    pub fn service() -> Self {
        Self("service".into())
    }

    /// Whether principals of this type have members.
    pub fn is_group(&self) -> bool {
        &*self.0 == "group"
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrincipalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PrincipalType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PrincipalType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A principal. Two principals of one id and different types have nothing in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal {
    /// Its type.
    pub kind: PrincipalType,
    /// Its id within the type.
    pub id: PrincipalId,
}

impl Principal {
    /// The group of that id.
    pub fn group(id: PrincipalId) -> Self {
        Self { kind: PrincipalType::group(), id }
    }

    /// Every principal of this one's type.
    pub fn every_of_its_type(&self) -> Self {
        Self { kind: self.kind.clone(), id: PrincipalId::every() }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

/// What is known of a principal: properties for conditions and search. Authorization needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Who it describes.
    pub principal: Principal,
    /// The properties.
    pub properties: Document,
    /// Counts the changes, from 1.
    pub version: u64,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Profile {
    /// Stores properties for a principal that has none.
    pub fn create(
        tenant_id: TenantId,
        principal: Principal,
        properties: Document,
        at: Timestamp,
    ) -> Change<Self> {
        let after =
            Self { tenant_id, principal, properties, version: 1, created_at: at, updated_at: at };
        let is = json!({"properties": after.properties});
        after.changed("principal.updated", "principal.update", &json!({}), &is)
    }

    /// Replaces the properties; `None` when they are the same already.
    pub fn replace(&self, properties: Document, at: Timestamp) -> Option<Change<Self>> {
        if properties == self.properties {
            return None;
        }
        let after = Self { properties, version: self.version + 1, updated_at: at, ..self.clone() };
        let (was, is) =
            (json!({"properties": self.properties}), json!({"properties": after.properties}));
        Some(after.changed("principal.updated", "principal.update", &was, &is))
    }

    /// Forgets the properties. The principal's assignments stay.
    pub fn delete(&self) -> Change<Self> {
        let was = json!({"properties": self.properties});
        self.clone().changed("principal.deleted", "principal.delete", &was, &json!({}))
    }

    fn changed(
        self,
        event_type: &'static str,
        action: &'static str,
        before: &serde_json::Value,
        after: &serde_json::Value,
    ) -> Change<Self> {
        let (kind, id) = (self.principal.kind.clone(), self.principal.id.clone());
        Change {
            events: vec![EventDraft {
                event_type,
                aggregate_type: "principal",
                aggregate_id: self.principal.to_string(),
                payload: json!({"principal_type": kind, "principal_id": id, "before": before, "after": after}),
            }],
            audit: AuditDraft {
                action,
                entity: None,
                details: json!({"principal_type": kind, "principal_id": id}),
            },
            after: self,
        }
    }
}
