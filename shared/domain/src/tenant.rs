//! Tenants: who they are, in which tier, and whether their callers are let in.
//!
//! **Invariant:** nothing here is needed for a tenant to have data. One that is not registered is active and in
//! the default tier, so that an install for one tenant need not know of the registry.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::change::{AuditDraft, Change, EventDraft, difference};
use crate::id::{RESERVED_PREFIX, TenantId};
use crate::refusal::Refusal;
use crate::slug::Slug;
use crate::text::{ExternalReference, SuspensionReason, TenantName};
use crate::time::Timestamp;

/// What a tenant is served as. How much that is, rate limits say.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Where none is said, and of a tenant that is not registered.
    #[default]
    Free,
    /// Above free.
    Basic,
    /// Above basic.
    Premium,
    /// Above premium.
    Enterprise,
    /// Of the operator itself.
    Internal,
}

impl Tier {
    /// Every tier, in ascending order.
    pub const ALL: [Self; 5] =
        [Self::Free, Self::Basic, Self::Premium, Self::Enterprise, Self::Internal];

    /// Reads a tier.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(|tier| format!("`{}`", tier.as_str())).join(", ");
            Refusal::new(format!("`{text}` is no tier; the tiers are {names}"))
        })
    }

    /// The tier as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Basic => "basic",
            Self::Premium => "premium",
            Self::Enterprise => "enterprise",
            Self::Internal => "internal",
        }
    }
}

/// Whether a tenant's callers are let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// They are.
    #[default]
    Active,
    /// They are not; what the tenant has stays as it is.
    Suspended {
        /// Why, for operators; its callers are not told.
        reason: Option<SuspensionReason>,
    },
}

impl Status {
    /// The names of all, in the order of a tenant's life.
    pub const NAMES: [&str; 2] = ["active", "suspended"];

    /// The status as text.
    pub fn as_str(&self) -> &'static str {
        let [active, suspended] = Self::NAMES;
        if self.is_suspended() { suspended } else { active }
    }

    /// Whether the tenant's callers are refused.
    pub fn is_suspended(&self) -> bool {
        matches!(self, Self::Suspended { .. })
    }

    /// Why it is suspended, where that is said.
    pub fn reason(&self) -> Option<&SuspensionReason> {
        match self {
            Self::Active => None,
            Self::Suspended { reason } => reason.as_ref(),
        }
    }
}

/// A tenant as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id, for ever: what the tokens of its callers name, and the first part of every key.
    pub id: TenantId,
    /// Its name in addresses, unique over all tenants.
    pub slug: Slug,
    /// What it is called.
    pub name: TenantName,
    /// What it is in another system, unique over all tenants.
    pub external_ref: Option<ExternalReference>,
    /// What it is served as.
    pub tier: Tier,
    /// Whether its callers are let in.
    pub status: Status,
    /// Counts the changes, from 1.
    pub version: u64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What it takes to register a tenant.
#[derive(Clone, Debug)]
pub struct TenantDraft {
    /// Its id.
    pub id: TenantId,
    /// Its slug.
    pub slug: Slug,
    /// What it is called.
    pub name: TenantName,
    /// What it is in another system.
    pub external_ref: Option<ExternalReference>,
    /// What it is served as.
    pub tier: Tier,
}

/// What may change of a tenant; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct TenantPatch {
    /// A new slug.
    pub slug: Option<Slug>,
    /// A new name.
    pub name: Option<TenantName>,
    /// A new external reference, or with `Some(None)` none.
    pub external_ref: Option<Option<ExternalReference>>,
    /// A new tier.
    pub tier: Option<Tier>,
}

impl Tenant {
    /// Reads an id that a tenant may have: any but the product's own.
    pub fn parse_id(text: &str) -> Result<TenantId, Refusal> {
        let id = TenantId::parse(text)?;
        if id.is_reserved() {
            let reason = format!("must not begin with `{RESERVED_PREFIX}`: such tenants are ours");
            return Err(Refusal::new(reason));
        }
        Ok(id)
    }

    /// Registers a tenant.
    pub fn create(draft: TenantDraft, at: Timestamp) -> Change<Self> {
        let TenantDraft { id, slug, name, external_ref, tier } = draft;
        let after = Self {
            id,
            slug,
            name,
            external_ref,
            tier,
            status: Status::Active,
            version: 1,
            created_at: at,
            updated_at: at,
        };
        let details = json!({"slug": after.slug, "tier": after.tier});
        let (was, is) = (json!({}), after.described());
        after.changed("tenant.created", "tenant.create", details, &was, &is)
    }

    /// Changes a tenant; `None` when it is so already.
    pub fn patch(&self, patch: TenantPatch, at: Timestamp) -> Option<Change<Self>> {
        let TenantPatch { slug, name, external_ref, tier } = patch;
        let mut after = self.clone();
        after.slug = slug.unwrap_or(after.slug);
        after.name = name.unwrap_or(after.name);
        after.external_ref = external_ref.unwrap_or(after.external_ref);
        after.tier = tier.unwrap_or(after.tier);
        if after == *self {
            return None;
        }
        let after = after.at_next_version(at);
        let (was, is) = difference(&self.described(), &after.described());
        let names = is.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
        let details = json!({ "changes": names });
        Some(after.changed("tenant.updated", "tenant.update", details, &was, &is))
    }

    /// Lets its callers in no more; `None` when they were refused before, whatever the reason was.
    pub fn suspend(&self, reason: Option<SuspensionReason>, at: Timestamp) -> Option<Change<Self>> {
        if self.status.is_suspended() {
            return None;
        }
        let after = Self { status: Status::Suspended { reason }, ..self.clone() };
        Some(self.moved(after.at_next_version(at), "tenant.suspended", "tenant.suspend"))
    }

    /// Lets its callers in again; `None` when they were let in before.
    pub fn resume(&self, at: Timestamp) -> Option<Change<Self>> {
        if !self.status.is_suspended() {
            return None;
        }
        let after = Self { status: Status::Active, ..self.clone() };
        Some(self.moved(after.at_next_version(at), "tenant.resumed", "tenant.resume"))
    }

    fn at_next_version(self, at: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: at, ..self }
    }

    /// The change of a status.
    fn moved(&self, after: Self, event_type: &'static str, action: &'static str) -> Change<Self> {
        // The reason is a text of people's; the ledger, which cannot forget, does without.
        let (was, is) = difference(&self.described(), &after.described());
        after.changed(event_type, action, json!({}), &was, &is)
    }

    fn described(&self) -> Value {
        json!({
            "slug": self.slug,
            "name": self.name,
            "external_ref": self.external_ref,
            "tier": self.tier,
            "status": self.status.as_str(),
            "suspension_reason": self.status.reason(),
        })
    }

    fn changed(
        self,
        event_type: &'static str,
        action: &'static str,
        mut details: Value,
        before: &Value,
        after: &Value,
    ) -> Change<Self> {
        // `tenant_id` of an event is the registry, so the tenant that is meant has a name of its own.
        if let Some(members) = details.as_object_mut() {
            members.insert("registered_tenant_id".to_owned(), json!(self.id));
        }
        let event = EventDraft {
            event_type,
            aggregate_type: "tenant",
            aggregate_id: self.id.to_string(),
            payload: json!({"registered_tenant_id": self.id, "before": before, "after": after}),
        };
        Change {
            events: vec![event],
            audit: AuditDraft { action, entity: None, details },
            after: self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_microseconds(second * 1_000_000).unwrap()
    }

    fn acme() -> Tenant {
        let draft = TenantDraft {
            id: TenantId::parse("acme").unwrap(),
            slug: Slug::parse("acme").unwrap(),
            name: TenantName::parse("Acme Holdings").unwrap(),
            external_ref: Some(ExternalReference::parse("207732").unwrap()),
            tier: Tier::Basic,
        };
        Tenant::create(draft, at(0)).after
    }

    #[test]
    fn a_tier_is_read_as_it_is_written() {
        for tier in Tier::ALL {
            assert_eq!(Tier::parse(tier.as_str()).unwrap(), tier);
            assert_eq!(json!(tier), tier.as_str());
        }
        let refusal = Tier::parse("Gold").unwrap_err();
        assert!(refusal.reason().ends_with("`enterprise`, `internal`"), "{refusal}");
        assert_eq!(Tier::default(), Tier::Free);
    }

    #[test]
    fn no_tenant_has_an_id_of_the_products_own() {
        assert!(Tenant::parse_id("acme").is_ok());
        for bad in ["system:tenants", "system:", "", "a/b"] {
            assert!(Tenant::parse_id(bad).is_err(), "{bad}");
        }
        assert!(TenantId::registry().is_reserved());
    }

    #[test]
    fn a_new_tenant_is_active_and_says_who_it_is() {
        let Tenant { id, slug, name, external_ref, tier, status, version, .. } = acme();
        assert_eq!((status, version, tier), (Status::Active, 1, Tier::Basic));
        let draft = TenantDraft { id, slug, name, external_ref, tier };
        let change = Tenant::create(draft, at(0));
        assert_eq!(change.audit.action, "tenant.create");
        let details = json!({"registered_tenant_id": "acme", "slug": "acme", "tier": "basic"});
        assert_eq!(change.audit.details, details);
        let event = &change.events[0];
        assert_eq!((event.event_type, event.aggregate_id.as_str()), ("tenant.created", "acme"));
        assert_eq!(event.payload["after"]["external_ref"], "207732");
    }

    #[test]
    fn a_patch_tells_what_changed_and_nothing_of_what_did_not() {
        let patch = TenantPatch {
            slug: Some(Slug::parse("acme-2").unwrap()),
            external_ref: Some(None),
            tier: Some(Tier::Basic),
            ..TenantPatch::default()
        };
        let change = acme().patch(patch.clone(), at(1)).unwrap();
        let (slug, external_ref) = (change.after.slug.as_str(), &change.after.external_ref);
        assert_eq!((slug, external_ref, change.after.version), ("acme-2", &None, 2));
        assert_eq!((change.after.created_at, change.after.updated_at), (at(0), at(1)));
        let payload = &change.events[0].payload;
        assert_eq!(payload["before"], json!({"slug": "acme", "external_ref": "207732"}));
        assert_eq!(payload["after"], json!({"slug": "acme-2", "external_ref": null}));
        assert_eq!(change.audit.details["changes"], json!(["external_ref", "slug"]));
        assert!(change.after.patch(patch, at(2)).is_none());
    }

    #[test]
    fn a_tenant_is_suspended_once_and_resumed_once() {
        assert!(acme().resume(at(1)).is_none());
        let reason = SuspensionReason::parse("unpaid").unwrap();
        let change = acme().suspend(Some(reason.clone()), at(1)).unwrap();
        let suspended = &change.after;
        assert_eq!((suspended.status.as_str(), suspended.version), ("suspended", 2));
        assert_eq!(suspended.status.reason(), Some(&reason));
        assert_eq!(change.events[0].payload["after"]["suspension_reason"], "unpaid");
        // People's words stay out of the ledger.
        assert_eq!(change.audit.details, json!({"registered_tenant_id": "acme"}));
        assert!(suspended.suspend(None, at(2)).is_none());
        let resumed = suspended.resume(at(3)).unwrap();
        assert_eq!((resumed.audit.action, resumed.after.version), ("tenant.resume", 3));
        assert_eq!(resumed.after.status, Status::Active);
    }
}
