//! The decision: may this principal do this to that, now, and why.
//!
//! Allowed if and only if some assignment satisfies all of:
//!
//! 1. it is held by the principal, by a group above it, or by every principal of its type (the caller
//!    gathers these and passes them as [`Grants`]);
//! 2. its time is now: `effective_at ≤ now < expires_at`;
//! 3. it is global, or on the target or one of the target's ancestors;
//! 4. its role grants the exact action, or it names that action itself (a direct grant, which is of all types and
//!    has no condition but the assignment's);
//! 5. its role governs the **target's** type. So a role for issuers, held on an issuer, does not reach
//!    an offering below it;
//! 6. the conditions of the permission and of the assignment, where they have one, are true. One that
//!    fails is not.
//!
//! Nothing denies but the absence of such an assignment; status plays no part.

use serde_json::{Map, Value};

use crate::assignment::Standing;
use crate::condition::{Budget, Condition, Facts, Failure};
use crate::document::Document;
use crate::grants::{Grant, Grants};
use crate::id::EntityId;
use crate::permission::Action;
use crate::time::Timestamp;

/// What is asked, with everything that came along: may this subject do this to that, now?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who wants to act.
    pub subject: Subject<'a>,
    /// What it wants to do.
    pub action: &'a Action,
    /// The properties of the action that came with the question.
    pub action_properties: Option<&'a Map<String, Value>>,
    /// On what.
    pub target: Target<'a>,
    /// What else came with the question.
    pub context: Option<&'a Map<String, Value>>,
    /// When.
    pub now: Timestamp,
}

/// Who wants to act.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its type.
    pub kind: &'a str,
    /// Its id.
    pub id: &'a str,
    /// Properties that came with the question. They fill in what is not stored, and override nothing.
    pub sent: Option<&'a Map<String, Value>>,
}

/// What is to be acted on.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its type.
    pub kind: &'a str,
    /// Its id.
    pub id: &'a str,
    /// Its ancestors, nearest first.
    pub ancestors: &'a [EntityId],
    /// The stored attributes; `None` for what is not stored at all.
    pub stored: Option<&'a Document>,
    /// Properties that came with the question. They fill in what is not stored, and override nothing.
    pub sent: Option<&'a Map<String, Value>>,
}

/// Why an action is denied.
///
/// Of several assignments that fail, the one that came furthest gives the reason; the variants stand in
/// that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denial {
    /// Nothing at all is known of the principal.
    UnknownPrincipal,
    /// The principal holds nothing.
    NoAssignment,
    /// Nothing it holds grants the action.
    ActionNotGranted,
    /// Something grants it, but not here.
    OutsideHierarchy,
    /// Something grants it elsewhere, and the target is not stored, so that it stands nowhere.
    UnknownResource,
    /// A role grants it here, but does not govern entities of the target's type.
    OutOfScopeType,
    /// It will be granted, but not yet.
    NotYetEffective,
    /// It was granted once.
    Expired,
    /// A condition is false.
    ConditionFalse,
    /// A condition fails.
    ConditionError,
}

impl Denial {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::UnknownPrincipal,
        Self::NoAssignment,
        Self::ActionNotGranted,
        Self::OutsideHierarchy,
        Self::UnknownResource,
        Self::OutOfScopeType,
        Self::NotYetEffective,
        Self::Expired,
        Self::ConditionFalse,
        Self::ConditionError,
    ];

    /// The reason as a stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownPrincipal => "unknown_principal",
            Self::NoAssignment => "no_assignment",
            Self::ActionNotGranted => "action_not_granted",
            Self::OutsideHierarchy => "outside_hierarchy",
            Self::UnknownResource => "unknown_resource",
            Self::OutOfScopeType => "out_of_scope_type",
            Self::NotYetEffective => "not_yet_effective",
            Self::Expired => "expired",
            Self::ConditionFalse => "condition_false",
            Self::ConditionError => "condition_error",
        }
    }

    /// The reason as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::UnknownPrincipal => {
                "Nothing is known of this principal: no assignment, group or property."
            }
            Self::NoAssignment => {
                "The principal holds no role and no permission, directly or through a group."
            }
            Self::ActionNotGranted => "Nothing that the principal holds grants this action.",
            Self::OutsideHierarchy => {
                "An assignment grants this action, but on another entity: neither the resource nor one above it."
            }
            Self::UnknownResource => {
                "An assignment grants this action, but not everywhere, and the resource is not stored."
            }
            Self::OutOfScopeType => {
                "A role grants this action here, but its scope types leave out the type of the resource."
            }
            Self::NotYetEffective => {
                "An assignment will grant this action, but is not yet effective."
            }
            Self::Expired => "An assignment granted this action, but has expired.",
            Self::ConditionFalse => {
                "An assignment grants this action here on a condition, which is false."
            }
            Self::ConditionError => {
                "An assignment grants this action here on a condition, which cannot be worked out."
            }
        }
    }
}

/// The answer, with what it rests on. Costs no allocation.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    /// Yes.
    Allow {
        /// The grant that allows.
        by: &'a Grant,
        /// The permission, as the role or the direct grant spells it.
        permission: &'a str,
        /// How many steps up from the target the assignment stands; `None` when it is global.
        steps: Option<usize>,
        /// The conditions that it hung on, all of them true.
        conditions: Conditions<'a>,
    },
    /// No.
    Deny {
        /// Why.
        reason: Denial,
        /// The grant that came furthest, where there is one.
        nearest: Option<&'a Grant>,
        /// The condition that it failed on, if that was it.
        condition: Option<Unmet<'a>>,
    },
}

/// The conditions that a grant hangs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// That of the role's permission.
    pub permission: Option<&'a Condition>,
    /// That of the assignment.
    pub assignment: Option<&'a Condition>,
}

/// A condition that is not true.
#[derive(Clone, Copy, Debug)]
pub struct Unmet<'a> {
    /// The condition.
    pub condition: &'a Condition,
    /// Why it is neither true nor false; `None` when it is false.
    pub failure: Option<Failure>,
}

impl Decision<'_> {
    /// Whether the answer is yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }
}

/// Decides. Of several grants that allow, the one nearest to the target is taken, a global one last.
///
/// Looks at the grants on the target's line only, so it takes no longer for a principal that holds
/// thousands elsewhere.
pub fn decide<'a>(grants: &'a Grants, question: &Question<'_>) -> Decision<'a> {
    let target = &question.target;
    let judge =
        Judge { facts: Facts { question, stored: grants.properties() }, budget: Budget::default() };
    let line = std::iter::once(target.id).chain(target.ancestors.iter().map(EntityId::as_str));
    let on_the_line = line
        .enumerate()
        .flat_map(|(steps, entity)| grants.on(entity).map(move |grant| (grant, Some(steps))));
    let mut furthest: Option<(Lack<'a>, &'a Grant)> = None;
    for (grant, steps) in on_the_line.chain(grants.everywhere().map(|grant| (grant, None))) {
        match judge.judge(grant) {
            Ok((permission, conditions)) => {
                return Decision::Allow { by: grant, permission, steps, conditions };
            }
            Err(lack) if furthest.is_none_or(|(before, _)| lack.reason > before.reason) => {
                furthest = Some((lack, grant));
            }
            Err(_) => {}
        }
    }
    match furthest {
        Some((Lack { reason, condition }, grant)) if reason > Denial::OutsideHierarchy => {
            Decision::Deny { reason, nearest: Some(grant), condition }
        }
        _ => denied_on_the_line(grants, question),
    }
}

/// Why, when nothing on the target's line grants the action: what stands elsewhere says it.
fn denied_on_the_line<'a>(grants: &'a Grants, question: &Question<'_>) -> Decision<'a> {
    let nearest = grants.granting(question.action);
    let reason = match (nearest, grants.first(), grants.is_known()) {
        (Some(_), ..) if question.target.stored.is_none() => Denial::UnknownResource,
        (Some(_), ..) => Denial::OutsideHierarchy,
        (None, Some(_), _) => Denial::ActionNotGranted,
        (None, None, true) => Denial::NoAssignment,
        (None, None, false) => Denial::UnknownPrincipal,
    };
    Decision::Deny { reason, nearest: nearest.or(grants.first()), condition: None }
}

/// What a grant lacks.
#[derive(Clone, Copy)]
struct Lack<'a> {
    reason: Denial,
    condition: Option<Unmet<'a>>,
}

impl From<Denial> for Lack<'_> {
    fn from(reason: Denial) -> Self {
        Self { reason, condition: None }
    }
}

/// Judges the grants on the target's line, one after the other.
struct Judge<'q> {
    facts: Facts<'q>,
    budget: Budget,
}

impl Judge<'_> {
    /// One grant: the permission and the conditions that hold, or what it lacks.
    fn judge<'a>(
        &self,
        Grant { assignment, gives, .. }: &'a Grant,
    ) -> Result<(&'a str, Conditions<'a>), Lack<'a>> {
        let question = self.facts.question;
        let permission = gives.granting(question.action);
        let permission = permission.ok_or(Denial::ActionNotGranted)?;
        if !gives.governs(question.target.kind) {
            return Err(Denial::OutOfScopeType.into());
        }
        match assignment.standing(question.now) {
            Standing::Effective => {}
            Standing::NotYetEffective => return Err(Denial::NotYetEffective.into()),
            Standing::Expired => return Err(Denial::Expired.into()),
        }
        let conditions = Conditions {
            permission: permission.condition,
            assignment: assignment.condition.as_ref(),
        };
        for condition in [conditions.permission, conditions.assignment].into_iter().flatten() {
            self.require(condition)?;
        }
        Ok((permission.spelled, conditions))
    }

    fn require<'a>(&self, condition: &'a Condition) -> Result<(), Lack<'a>> {
        let (reason, failure) = match condition.holds(&self.facts, &self.budget) {
            Ok(true) => return Ok(()),
            Ok(false) => (Denial::ConditionFalse, None),
            Err(failure) => (Denial::ConditionError, Some(failure)),
        };
        Err(Lack { reason, condition: Some(Unmet { condition, failure }) })
    }
}
