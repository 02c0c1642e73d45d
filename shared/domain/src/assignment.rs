//! Assignments: a principal holds a role, on an entity and what is below it or everywhere, for a while.

use serde_json::json;

use crate::change::{AuditDraft, Change, EventDraft};
use crate::condition::Condition;
use crate::entity::Entity;
use crate::id::{AssignmentId, EntityId, RoleId, TenantId};
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::time::Timestamp;

/// An assignment. One exists at most for each principal, role and entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its id.
    pub id: AssignmentId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Who holds the role; with `*` as id, every principal of the type.
    pub principal: Principal,
    /// The role.
    pub role_id: RoleId,
    /// Where: this entity and everything below it, or with `None` everywhere.
    pub entity_id: Option<EntityId>,
    /// From when on it counts.
    pub effective_at: Timestamp,
    /// From when on it no longer counts.
    pub expires_at: Option<Timestamp>,
    /// What must be true besides, whatever the role grants.
    pub condition: Option<Condition>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What it takes to assign a role.
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
    /// Assigns a role. Refused where the role does not govern the entity's type, and where the time
    /// would be over before it began.
    pub fn create(
        tenant_id: TenantId,
        draft: AssignmentDraft,
        role: &Role,
        entity: Option<&Entity>,
        at: Timestamp,
    ) -> Result<Change<Self>, AssignRefusal> {
        let AssignmentDraft { id, principal, effective_at, expires_at, condition } = draft;
        if let Some(entity) = entity.filter(|entity| !role.governs(entity.kind.as_str())) {
            return Err(AssignRefusal::Scope(Refusal::new(format!(
                "role `{}` cannot be assigned to entity type `{}`",
                role.name, entity.kind
            ))));
        }
        let effective_at = effective_at.unwrap_or(at);
        if expires_at.is_some_and(|expires_at| expires_at <= effective_at) {
            return Err(AssignRefusal::Window(Refusal::new("must be later than `effective_at`")));
        }
        let after = Self {
            id,
            tenant_id,
            principal,
            role_id: role.id.clone(),
            entity_id: entity.map(|entity| entity.id.clone()),
            effective_at,
            expires_at,
            condition,
            created_at: at,
            updated_at: at,
        };
        let mut details = json!({
            "assignment_id": after.id,
            "role_id": after.role_id,
            "principal_id": after.principal.id,
            "principal_type": after.principal.kind,
        });
        if let (Some(details), Some(condition)) = (details.as_object_mut(), &after.condition) {
            details.insert("condition".to_owned(), json!(condition));
        }
        let kind = entity.map(|entity| entity.kind.clone());
        Ok(after.changed("assigned", "role_assignment.create", details, kind))
    }

    /// Takes the role away again.
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
    /// already there.
    pub fn already_gives(&self, draft: &AssignmentDraft, now: Timestamp) -> bool {
        // Without a beginning it is asked for from now on, which one that has yet to begin does not give.
        let same_beginning = draft
            .effective_at
            .map_or(self.effective_at <= now, |effective_at| effective_at == self.effective_at);
        same_beginning
            && draft.expires_at == self.expires_at
            && draft.condition == self.condition
            && self.standing(now) != Standing::Expired
    }

    fn changed(
        self,
        change: &'static str,
        action: &'static str,
        details: serde_json::Value,
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
                "role_id": self.role_id,
                "entity_id": self.entity_id,
                "effective_at": self.effective_at,
                "expires_at": self.expires_at,
                "condition": self.condition,
            }),
        };
        let entity = self.entity_id.clone().map(|id| (id, entity_kind));
        Change { events: vec![event], audit: AuditDraft { action, entity, details }, after: self }
    }
}

/// Why a role was not assigned.
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
        }
    }

    fn assigned(
        effective_at: Option<i64>,
        expires_at: Option<i64>,
    ) -> Result<Assignment, AssignRefusal> {
        let tenant = TenantId::parse("t").unwrap();
        let role = Role::system(&tenant).remove(0);
        Assignment::create(tenant, draft(effective_at, expires_at), &role, None, at(10))
            .map(|change| change.after)
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
