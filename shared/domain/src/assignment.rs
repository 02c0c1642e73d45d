//! Assignments: a principal holds a role, or a single permission, on an entity and what is below it or everywhere,
//! for a while.

use serde_json::{Map, Value, json};

use crate::change::{AuditDraft, Change, EventDraft};
use crate::condition::Condition;
use crate::entity::Entity;
use crate::grants::Gives;
use crate::id::{AssignmentId, EntityId, RoleId, TenantId};
use crate::permission::Action;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::text::Reason;
use crate::time::Timestamp;

/// An assignment. One exists at most for each principal, entity, and role or permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its id.
    pub id: AssignmentId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Who holds it; with `*` as id, every principal of the type.
    pub principal: Principal,
    /// What is held.
    pub what: Assigned,
    /// Where: this entity and everything below it, or with `None` everywhere.
    pub entity_id: Option<EntityId>,
    /// From when on it counts.
    pub effective_at: Timestamp,
    /// From when on it no longer counts.
    pub expires_at: Option<Timestamp>,
    /// What must be true besides, whatever the role grants.
    pub condition: Option<Condition>,
    /// Why it was made, for those who review it; decides nothing.
    pub reason: Option<Reason>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What an assignment gives, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Assigned {
    /// What a role grants.
    Role(RoleId),
    /// One permission by itself, which is a direct grant: it decides like a role for all types of entity that grants
    /// this one action.
    Permission(Action),
}

impl Assigned {
    /// The role, if it is one.
    pub fn role(&self) -> Option<&RoleId> {
        match self {
            Self::Role(id) => Some(id),
            Self::Permission(_) => None,
        }
    }

    /// The permission, if it is one by itself.
    pub fn permission(&self) -> Option<&Action> {
        match self {
            Self::Role(_) => None,
            Self::Permission(action) => Some(action),
        }
    }
}

/// What it takes to assign something.
#[derive(Clone, Debug)]
pub struct AssignmentDraft {
    /// The id it will have.
    pub id: AssignmentId,
    /// Who.
    pub principal: Principal,
    /// From when on; now, when absent.
    pub effective_at: Option<Timestamp>,
    /// Until when; for good, when absent.
    pub expires_at: Option<Timestamp>,
    /// What must be true besides.
    pub condition: Option<Condition>,
    /// Why.
    pub reason: Option<Reason>,
}

/// The time a moment stands in to an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not begun.
    NotYetEffective,
    /// It counts.
    Effective,
    /// It is over.
    Expired,
}

impl Assignment {
    /// Assigns a role or a permission. Refused where the role does not govern the entity's type, and where the
    /// time would be over before it began.
    pub fn create(
        tenant_id: TenantId,
        draft: AssignmentDraft,
        gives: &Gives,
        entity: Option<&Entity>,
        at: Timestamp,
    ) -> Result<Change<Self>, AssignRefusal> {
        let AssignmentDraft { id, principal, effective_at, expires_at, condition, reason } = draft;
        if let (Gives::Role(role), Some(entity)) = (gives, entity)
            && !role.governs(entity.kind.as_str())
        {
            return Err(AssignRefusal::Scope(Refusal::new(format!(
                "role `{}` cannot be assigned to entity type `{}`",
                role.name, entity.kind
            ))));
        }
        let effective_at = effective_at.unwrap_or(at);
        if expires_at.is_some_and(|expires_at| expires_at <= effective_at) {
            return Err(AssignRefusal::Window(Refusal::new(
                "must be later than `effective_at`, which is now where it is not given",
            )));
        }
        let after = Self {
            id,
            tenant_id,
            principal,
            what: gives.named(),
            entity_id: entity.map(|entity| entity.id.clone()),
            effective_at,
            expires_at,
            condition,
            reason,
            created_at: at,
            updated_at: at,
        };
        let details = after.details();
        let kind = entity.map(|entity| entity.kind.clone());
        Ok(after.changed("assigned", "role_assignment.create", details, kind))
    }

    /// What the audit entry of a new assignment holds.
    fn details(&self) -> Value {
        let mut details = Map::new();
        let mut tell = |name: &str, value: Value| details.insert(name.to_owned(), value);
        tell("assignment_id", json!(self.id));
        match &self.what {
            Assigned::Role(id) => tell("role_id", json!(id)),
            Assigned::Permission(action) => tell("permission", json!(action)),
        };
        tell("principal_id", json!(self.principal.id));
        tell("principal_type", json!(self.principal.kind));
        if let Some(condition) = &self.condition {
            tell("condition", json!(condition));
        }
        if let Some(reason) = &self.reason {
            tell("reason", json!(reason));
        }
        Value::Object(details)
    }

    /// Takes it away again.
    pub fn revoke(&self) -> Change<Self> {
        let details = json!({"assignment_id": self.id});
        self.clone().changed("revoked", "role_assignment.delete", details, None)
    }

    /// How a moment stands to the assignment: `effective_at ≤ now < expires_at` is effective.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            Standing::Expired
        } else if now < self.effective_at {
            Standing::NotYetEffective
        } else {
            Standing::Effective
        }
    }

    /// Whether asking for this assignment once more, with these times and this condition, asks for what is
    /// already there. A reason that is not given asks for none; one that is given is to be on record.
    pub fn already_gives(&self, draft: &AssignmentDraft, now: Timestamp) -> bool {
        // Without a beginning it is asked for from now on, which one that has yet to begin does not give.
        let same_beginning = draft
            .effective_at
            .map_or(self.effective_at <= now, |effective_at| effective_at == self.effective_at);
        same_beginning
            && draft.expires_at == self.expires_at
            && draft.condition == self.condition
            && (draft.reason.is_none() || draft.reason == self.reason)
            && self.standing(now) != Standing::Expired
    }

    fn changed(
        self,
        change: &'static str,
        action: &'static str,
        details: Value,
        entity_kind: Option<crate::entity_type::TypeName>,
    ) -> Change<Self> {
        let event = EventDraft {
            event_type: "role.assignment.changed",
            aggregate_type: "principal",
            aggregate_id: self.principal.to_string(),
            payload: json!({
                "change": change,
                "assignment_id": self.id,
                "principal_id": self.principal.id,
                "principal_type": self.principal.kind,
                "role_id": self.what.role(),
                "permission": self.what.permission(),
                "entity_id": self.entity_id,
                "effective_at": self.effective_at,
                "expires_at": self.expires_at,
                "condition": self.condition,
                "reason": self.reason,
            }),
        };
        let entity = self.entity_id.clone().map(|id| (id, entity_kind));
        Change { events: vec![event], audit: AuditDraft { action, entity, details }, after: self }
    }
}

/// Why something was not assigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignRefusal {
    /// The role does not govern the entity's type.
    #[error("{0}")]
    Scope(Refusal),
    /// It would expire before it begins.
    #[error("{0}")]
    Window(Refusal),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PrincipalId;
    use crate::principal::PrincipalType;
    use crate::role::Role;
    use std::sync::Arc;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_microseconds(seconds * 1_000_000).unwrap()
    }

    fn draft(effective_at: Option<i64>, expires_at: Option<i64>) -> AssignmentDraft {
        AssignmentDraft {
            id: AssignmentId::parse("a").unwrap(),
            principal: Principal {
                kind: PrincipalType::user(),
                id: PrincipalId::parse("alice").unwrap(),
            },
            effective_at: effective_at.map(at),
            expires_at: expires_at.map(at),
            condition: None,
            reason: None,
        }
    }

    fn assigned(
        effective_at: Option<i64>,
        expires_at: Option<i64>,
    ) -> Result<Assignment, AssignRefusal> {
        let tenant = TenantId::parse("t").unwrap();
        let role = Gives::Role(Arc::new(Role::system(&tenant).remove(0)));
        Assignment::create(tenant, draft(effective_at, expires_at), &role, None, at(10))
            .map(|change| change.after)
    }

    #[test]
    fn a_direct_grant_is_told_by_its_permission_and_its_reason_where_a_role_is_told_by_its_id() {
        let tenant = TenantId::parse("t").unwrap();
        let reason = Some(Reason::parse("covers for bob").unwrap());
        let draft = AssignmentDraft { reason, ..draft(None, Some(50)) };
        let sell = Action::parse("availability:mark_sold").unwrap();
        let gives = Gives::Permission(sell.clone());
        let change = Assignment::create(tenant, draft, &gives, None, at(10)).unwrap();
        assert_eq!(change.after.what, Assigned::Permission(sell));
        let told = &change.events[0].payload;
        assert_eq!(told["role_id"], Value::Null);
        assert_eq!(told["permission"], "availability:mark_sold");
        assert_eq!(told["reason"], "covers for bob");
        let audited = json!({
            "assignment_id": "a",
            "permission": "availability:mark_sold",
            "principal_id": "alice",
            "principal_type": "user",
            "reason": "covers for bob",
        });
        assert_eq!(change.audit.details, audited);
        let of_role = assigned(None, None).unwrap().revoke().events.remove(0).payload;
        assert_eq!(
            (&of_role["role_id"], &of_role["permission"]),
            (&json!("system:admin"), &Value::Null)
        );
    }

    #[test]
    fn a_repeat_for_another_reason_is_not_on_record_yet() {
        let because = |text: &str| AssignmentDraft {
            reason: Some(Reason::parse(text).unwrap()),
            ..draft(None, None)
        };
        let mine = Assignment { reason: because("a").reason, ..assigned(None, None).unwrap() };
        assert!(mine.already_gives(&because("a"), at(100)));
        assert!(mine.already_gives(&draft(None, None), at(100)));
        assert!(!mine.already_gives(&because("b"), at(100)));
    }

    #[test]
    fn an_assignment_counts_from_its_first_moment_to_just_before_its_last() {
        let assignment = assigned(Some(20), Some(30)).unwrap();
        for (now, standing) in [
            (19, Standing::NotYetEffective),
            (20, Standing::Effective),
            (29, Standing::Effective),
            (30, Standing::Expired),
        ] {
            assert_eq!(assignment.standing(at(now)), standing, "{now}");
        }
    }

    #[test]
    fn an_assignment_cannot_end_before_it_begins() {
        assert!(matches!(assigned(Some(20), Some(20)), Err(AssignRefusal::Window(_))));
        assert!(matches!(assigned(None, Some(10)), Err(AssignRefusal::Window(_))));
        assert!(assigned(None, Some(11)).is_ok());
    }

    #[test]
    fn a_repeat_is_the_same_only_while_it_gives_what_is_asked_for() {
        let forever = assigned(None, None).unwrap();
        assert!(forever.already_gives(&draft(None, None), at(100)));
        assert!(!forever.already_gives(&draft(None, Some(200)), at(100)));
        let ended = assigned(None, Some(50)).unwrap();
        assert!(ended.already_gives(&draft(None, Some(50)), at(40)));
        assert!(!ended.already_gives(&draft(None, Some(50)), at(60)));
        let later = assigned(Some(20), None).unwrap();
        assert!(later.already_gives(&draft(Some(20), None), at(15)));
        assert!(!later.already_gives(&draft(None, None), at(15)));
        assert!(later.already_gives(&draft(None, None), at(20)));
    }

    #[test]
    fn a_repeat_on_another_condition_is_another_assignment() {
        let on = |text: &str| AssignmentDraft {
            condition: Some(Condition::parse(text).unwrap()),
            ..draft(None, None)
        };
        let mine = Assignment { condition: on("true").condition, ..assigned(None, None).unwrap() };
        assert!(mine.already_gives(&on("true"), at(100)));
        assert!(!mine.already_gives(&on("false"), at(100)));
        assert!(!mine.already_gives(&draft(None, None), at(100)));
        assert!(!assigned(None, None).unwrap().already_gives(&on("true"), at(100)));
    }
}
