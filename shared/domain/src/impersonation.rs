//! Impersonation: someone acts as another principal, for a reason, for a quarter of an hour at most.
//!
//! **Invariant:** it ends at the moment that was said when it began. Nothing makes it longer.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api_key::{KEY_ID_BYTES, KEY_SECRET_BYTES, KEY_START, KeyText};
use crate::change::{AuditDraft, Change, EventDraft};
use crate::id::{ImpersonationId, TenantId};
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::text::Reason;
use crate::time::Timestamp;

/// How long an impersonation lasts, in seconds.
pub const IMPERSONATION_SECONDS: i64 = 15 * 60;

/// What every token of an impersonation begins with.
pub const IMPERSONATION_START: &str = "im_";

/// The token of an impersonation: `im_<tenant>.<id>_<secret>`, made, read and compared as API keys are.
#[derive(Clone, PartialEq, Eq)]
pub struct ImpersonationText(KeyText);

impl fmt::Debug for ImpersonationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImpersonationText({}…)", self.0.id())
    }
}

impl ImpersonationText {
    /// A new token of a tenant, of random bytes.
    pub fn of(
        tenant_id: TenantId,
        id: [u8; KEY_ID_BYTES],
        secret: [u8; KEY_SECRET_BYTES],
    ) -> Result<Self, Refusal> {
        KeyText::of(tenant_id, id, secret).map(Self)
    }

    /// Reads a token.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let rest = text.strip_prefix(IMPERSONATION_START);
        let rest = rest.ok_or_else(|| Refusal::new("is not the token of an impersonation"))?;
        KeyText::parse(&format!("{KEY_START}{rest}")).map(Self)
    }

    /// Whose data it is about.
    pub fn tenant_id(&self) -> &TenantId {
        self.0.tenant_id()
    }

    /// Its id.
    pub fn id(&self) -> Result<ImpersonationId, Refusal> {
        ImpersonationId::parse(self.0.id().as_str())
    }

    /// The whole, to be shown once.
    pub fn reveal(&self) -> String {
        self.0.reveal().replacen(KEY_START, IMPERSONATION_START, 1)
    }

    /// What is stored of it.
    pub fn digest(&self) -> String {
        self.0.digest()
    }

    /// Whether a digest is of this token. Compared in constant time.
    pub fn has_digest(&self, digest: &str) -> bool {
        self.0.has_digest(digest)
    }
}

/// What stands behind an actor's own permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Grants in the tenant itself.
    Member,
    /// Grants in the operators' tenant.
    Operator,
    /// The ownership of the account or the machine, which needs no grant.
    Owner,
}

/// Someone acting as someone else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonation {
    /// Its id.
    pub id: ImpersonationId,
    /// In which tenant.
    pub tenant_id: TenantId,
    /// Who acts.
    pub actor: Principal,
    /// By what the actor may.
    pub standing: Standing,
    /// As whom.
    pub subject: Principal,
    /// Why.
    pub reason: Reason,
    /// What the actor's token or key was limited to when it began.
    pub scopes: Option<Vec<String>>,
    /// Since when.
    pub started_at: Timestamp,
    /// Until when at most.
    pub expires_at: Timestamp,
    /// When it was stopped before that, if it was.
    pub stopped_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// What it takes to begin.
#[derive(Clone, Debug)]
pub struct ImpersonationDraft {
    /// Its id.
    pub id: ImpersonationId,
    /// Who acts.
    pub actor: Principal,
    /// By what the actor may.
    pub standing: Standing,
    /// As whom.
    pub subject: Principal,
    /// Why.
    pub reason: Reason,
    /// What the actor's token or key is limited to.
    pub scopes: Option<Vec<String>>,
}

impl Impersonation {
    /// Begins.
    pub fn start(tenant_id: TenantId, draft: ImpersonationDraft, at: Timestamp) -> Change<Self> {
        let ImpersonationDraft { id, actor, standing, subject, reason, scopes } = draft;
        Self {
            id,
            tenant_id,
            actor,
            standing,
            subject,
            reason,
            scopes,
            started_at: at,
            expires_at: at.plus_seconds(IMPERSONATION_SECONDS),
            stopped_at: None,
            version: 1,
        }
        .changed("impersonation.started", "impersonation.start")
    }

    /// Ends before its time; `None` when it has ended.
    pub fn stop(&self, at: Timestamp) -> Option<Change<Self>> {
        if !self.is_active(at) {
            return None;
        }
        let after = Self { stopped_at: Some(at), version: self.version + 1, ..self.clone() };
        Some(after.changed("impersonation.stopped", "impersonation.stop"))
    }

    /// What the ledger is told at its end, unless it is stopped before.
    pub fn expiry(&self) -> AuditDraft {
        AuditDraft { action: "impersonation.expire", entity: None, details: self.details() }
    }

    /// Whether the actor may act as the subject.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.stopped_at.is_none() && now < self.expires_at
    }

    /// The reason is on record for ever: it is what makes the rest of the record understood.
    fn details(&self) -> Value {
        json!({
            "impersonation_id": self.id,
            "impersonator_id": self.actor.id,
            "impersonator_type": self.actor.kind,
            "principal_id": self.subject.id,
            "principal_type": self.subject.kind,
            "reason": self.reason,
            "expires_at": self.expires_at,
        })
    }

    fn changed(self, event_type: &'static str, action: &'static str) -> Change<Self> {
        let details = self.details();
        let event = EventDraft {
            event_type,
            aggregate_type: "impersonation",
            aggregate_id: self.id.to_string(),
            payload: details.clone(),
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
    use crate::id::PrincipalId;
    use crate::principal::PrincipalType;

    fn text() -> ImpersonationText {
        let tenant = TenantId::parse("acme").unwrap();
        ImpersonationText::of(tenant, [7; KEY_ID_BYTES], [9; KEY_SECRET_BYTES]).unwrap()
    }

    fn begun() -> Impersonation {
        let user =
            |id| Principal { kind: PrincipalType::user(), id: PrincipalId::parse(id).unwrap() };
        let draft = ImpersonationDraft {
            id: text().id().unwrap(),
            actor: user("ada"),
            standing: Standing::Member,
            subject: user("bob"),
            reason: Reason::parse("Ticket 789").unwrap(),
            scopes: None,
        };
        let at = Timestamp::from_microseconds(1_000_000).unwrap();
        Impersonation::start(TenantId::parse("acme").unwrap(), draft, at).after
    }

    #[test]
    fn a_token_is_read_as_it_was_shown_and_is_no_api_key() {
        let shown = text().reveal();
        assert!(shown.starts_with("im_acme.0707"), "{shown}");
        assert_eq!(ImpersonationText::parse(&shown).unwrap(), text());
        assert!(KeyText::parse(&shown).is_err());
        let key = shown.replacen("im_", "ak_", 1);
        for bad in ["", "im_", &key] {
            assert!(ImpersonationText::parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", text()).contains("0909"));
    }

    #[test]
    fn it_lasts_a_quarter_of_an_hour_and_is_stopped_once() {
        let begun = begun();
        let after = |seconds| begun.started_at.plus_seconds(seconds);
        assert!(begun.is_active(after(IMPERSONATION_SECONDS - 1)));
        assert!(!begun.is_active(after(IMPERSONATION_SECONDS)));
        let stopped = begun.stop(after(1)).unwrap().after;
        assert!(!stopped.is_active(after(2)) && stopped.stop(after(2)).is_none());
        assert_eq!(stopped.expires_at, begun.expires_at);
        assert!(begun.stop(after(IMPERSONATION_SECONDS)).is_none());
    }
}
