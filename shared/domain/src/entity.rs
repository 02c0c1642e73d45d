//! Entities: the things that permissions are about, in a tree.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::change::{AuditDraft, Change, EventDraft, difference};
use crate::document::Document;
use crate::entity_type::TypeName;
use crate::id::{EntityId, TenantId};
use crate::refusal::Refusal;
use crate::text::EntityName;
use crate::time::Timestamp;

/// Whether an entity is in use. Every status still authorizes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In use.
    #[default]
    Active,
    /// Not in use for now.
    Inactive,
    /// Put away: hidden from lists, its name still taken.
    Archived,
}

impl Status {
    /// Every status, in the order of an entity's life.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Archived];

    /// Reads a status.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            Refusal::new(format!(
                "`{text}` is no status; an entity is `active`, `inactive` or `archived`"
            ))
        })
    }

    /// The status as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
        }
    }
}

/// An entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its id.
    pub id: EntityId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Its name, unique within tenant and type.
    pub name: EntityName,
    /// Its type, for ever.
    pub kind: TypeName,
    /// Whether it is in use.
    pub status: Status,
    /// The entity above it.
    pub parent_id: Option<EntityId>,
    /// What its tenant attaches to it.
    pub attributes: Document,
    /// Counts the changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What it takes to make an entity.
#[derive(Clone, Debug)]
pub struct EntityDraft {
    /// Its id.
    pub id: EntityId,
    /// Its name.
    pub name: EntityName,
    /// Its type.
    pub kind: TypeName,
    /// Its first status.
    pub status: Status,
    /// The entity above it.
    pub parent_id: Option<EntityId>,
    /// What is attached to it.
    pub attributes: Document,
}

/// What may change of an entity; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct EntityPatch {
    /// A new name.
    pub name: Option<EntityName>,
    /// A new status.
    pub status: Option<Status>,
    /// A new parent, or with `Some(None)` none.
    pub parent_id: Option<Option<EntityId>>,
    /// New attributes, in place of all the old ones.
    pub attributes: Option<Document>,
}

impl Entity {
    /// Makes an entity.
    pub fn create(tenant_id: TenantId, draft: EntityDraft, at: Timestamp) -> Change<Self> {
        let EntityDraft { id, name, kind, status, parent_id, attributes } = draft;
        let after = Self {
            id,
            tenant_id,
            name,
            kind,
            status,
            parent_id,
            attributes,
            version: 1,
            created_at: at,
            updated_at: at,
        };
        let details = json!({"type": after.kind, "name": after.name});
        let event = after.event("entity.created", &json!({}), &after.described());
        after.changed("entity.create", details, vec![event])
    }

    /// Changes an entity; `None` when it is so already. A change into or out of `archived` is also
    /// announced as such.
    pub fn patch(&self, patch: EntityPatch, at: Timestamp) -> Option<Change<Self>> {
        let EntityPatch { name, status, parent_id, attributes } = patch;
        let mut after = self.clone();
        after.name = name.unwrap_or(after.name);
        after.status = status.unwrap_or(after.status);
        after.parent_id = parent_id.unwrap_or(after.parent_id);
        after.attributes = attributes.unwrap_or(after.attributes);
        if after == *self {
            return None;
        }
        after.touch(at);
        let (was, is) = difference(&self.described(), &after.described());
        let changes = is.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
        let mut events = vec![after.event("entity.updated", &was, &is)];
        events.extend(after.life_event(self.status));
        Some(after.changed("entity.update", json!({"changes": changes}), events))
    }

    /// Puts an entity away; `None` when it is archived already.
    pub fn archive(&self, at: Timestamp) -> Option<Change<Self>> {
        (self.status != Status::Archived)
            .then(|| self.moved_to(Status::Archived, "entity.archive", at))
    }

    /// Brings an archived entity back as active; `None` when it is not archived.
    pub fn restore(&self, at: Timestamp) -> Option<Change<Self>> {
        (self.status == Status::Archived)
            .then(|| self.moved_to(Status::Active, "entity.restore", at))
    }

    fn moved_to(&self, status: Status, action: &'static str, at: Timestamp) -> Change<Self> {
        let mut after = self.clone();
        after.status = status;
        after.touch(at);
        let events = after.life_event(self.status).into_iter().collect();
        after.changed(action, json!({}), events)
    }

    /// The event of a move into or out of `archived`.
    fn life_event(&self, was: Status) -> Option<EventDraft> {
        let event_type = match (was, self.status) {
            (Status::Archived, Status::Archived) => return None,
            (_, Status::Archived) => "entity.archived",
            (Status::Archived, _) => "entity.restored",
            _ => return None,
        };
        Some(self.event(event_type, &json!({"status": was}), &json!({"status": self.status})))
    }

    fn touch(&mut self, at: Timestamp) {
        self.version += 1;
        self.updated_at = at;
    }

    /// The fields that a change may name.
    fn described(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "status": self.status,
            "parent_id": self.parent_id,
            "attributes": self.attributes,
        })
    }

    fn event(&self, event_type: &'static str, before: &Value, after: &Value) -> EventDraft {
        EventDraft {
            event_type,
            aggregate_type: "entity",
            aggregate_id: self.id.to_string(),
            payload: json!({
                "entity_id": self.id,
                "entity_type": self.kind,
                "before": before,
                "after": after,
            }),
        }
    }

    fn changed(
        self,
        action: &'static str,
        details: Value,
        events: Vec<EventDraft>,
    ) -> Change<Self> {
        let entity = Some((self.id.clone(), Some(self.kind.clone())));
        Change { events, audit: AuditDraft { action, entity, details }, after: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_microseconds(seconds * 1_000_000).unwrap()
    }

    fn issuer() -> Entity {
        let draft = EntityDraft {
            id: EntityId::parse("acme").unwrap(),
            name: EntityName::parse("Acme").unwrap(),
            kind: TypeName::parse("issuer").unwrap(),
            status: Status::Active,
            parent_id: None,
            attributes: Document::default(),
        };
        Entity::create(TenantId::parse("t").unwrap(), draft, at(0)).after
    }

    fn event_types(change: &Change<Entity>) -> Vec<&str> {
        change.events.iter().map(|event| event.event_type).collect()
    }

    #[test]
    fn archiving_twice_changes_and_says_nothing_the_second_time() {
        let archived = issuer().archive(at(1)).unwrap();
        assert_eq!((archived.after.status, archived.after.version), (Status::Archived, 2));
        assert_eq!(event_types(&archived), ["entity.archived"]);
        assert!(archived.after.archive(at(2)).is_none());
    }

    #[test]
    fn only_an_archived_entity_can_be_restored() {
        assert!(issuer().restore(at(1)).is_none());
        let restored = issuer().archive(at(1)).unwrap().after.restore(at(2)).unwrap();
        assert_eq!(restored.after.status, Status::Active);
        assert_eq!(event_types(&restored), ["entity.restored"]);
    }

    #[test]
    fn a_patch_tells_what_was_and_what_is_of_the_changed_fields_only() {
        let patch = EntityPatch {
            name: Some(EntityName::parse("Acme 2").unwrap()),
            ..EntityPatch::default()
        };
        let change = issuer().patch(patch, at(1)).unwrap();
        assert_eq!(change.events[0].payload["before"], json!({"name": "Acme"}));
        assert_eq!(change.events[0].payload["after"], json!({"name": "Acme 2"}));
        assert_eq!(change.audit.details, json!({"changes": ["name"]}));
    }

    #[test]
    fn a_patch_to_archived_is_announced_as_an_archiving_too() {
        let patch = EntityPatch { status: Some(Status::Archived), ..EntityPatch::default() };
        assert_eq!(
            event_types(&issuer().patch(patch, at(1)).unwrap()),
            ["entity.updated", "entity.archived"]
        );
    }

    #[test]
    fn a_patch_that_changes_nothing_is_no_change() {
        let patch = EntityPatch {
            parent_id: Some(None),
            status: Some(Status::Active),
            ..EntityPatch::default()
        };
        assert!(issuer().patch(patch, at(1)).is_none());
    }

    #[test]
    fn the_archived_event_carries_what_the_document_vault_reads() {
        let payload = &issuer().archive(at(1)).unwrap().events[0].payload;
        assert_eq!(
            (&payload["entity_id"], &payload["entity_type"]),
            (&json!("acme"), &json!("issuer"))
        );
    }
}
