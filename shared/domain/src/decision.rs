//! The decision: may this principal do this to that, now, and why.
//!
//! Allowed if and only if some assignment satisfies all of:
//!
//! 1. it is held by the principal, by a group above it, or by every principal of its type (the caller
//!    gathers these and passes them as [`Held`]);
//! 2. its time is now: `effective_at ≤ now < expires_at`;
//! 3. it is global, or on the target or one of the target's ancestors;
//! 4. its role grants the exact action;
//! 5. its role governs the **target's** type. So a role for issuers, held on an issuer, does not reach
//!    an offering below it.
//!
//! Nothing denies but the absence of such an assignment; status plays no part.

use serde_json::{Map, Value};

use crate::assignment::Standing;
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
    /// The principal holds no role.
    NoAssignment,
    /// No role it holds grants the action.
    ActionNotGranted,
    /// A role grants it, but not here.
    OutsideHierarchy,
    /// A role grants it here, but does not govern entities of the target's type.
    OutOfScopeType,
    /// A role will grant it, but not yet.
    NotYetEffective,
    /// A role granted it once.
    Expired,
}

impl Denial {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::UnknownPrincipal,
        Self::NoAssignment,
        Self::ActionNotGranted,
        Self::OutsideHierarchy,
        Self::OutOfScopeType,
        Self::NotYetEffective,
        Self::Expired,
    ];

    /// The reason as a stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownPrincipal => "unknown_principal",
            Self::NoAssignment => "no_assignment",
            Self::ActionNotGranted => "action_not_granted",
            Self::OutsideHierarchy => "outside_hierarchy",
            Self::OutOfScopeType => "out_of_scope_type",
            Self::NotYetEffective => "not_yet_effective",
            Self::Expired => "expired",
        }
    }

    /// The reason as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::UnknownPrincipal => {
                "Nothing is known of this principal: no assignment, group or property."
            }
            Self::NoAssignment => "The principal holds no role, directly or through a group.",
            Self::ActionNotGranted => "No role that the principal holds grants this action.",
            Self::OutsideHierarchy => {
                "A role grants this action, but on another entity: neither the resource nor one above it."
            }
            Self::OutOfScopeType => {
                "A role grants this action here, but its scope types leave out the type of the resource."
            }
            Self::NotYetEffective => {
                "An assignment will grant this action, but is not yet effective."
            }
            Self::Expired => "An assignment granted this action, but has expired.",
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
        /// The permission, as the role spells it.
        permission: &'a str,
        /// How many steps up from the target the assignment stands; `None` when it is global.
        steps: Option<usize>,
    },
    /// No.
    Deny {
        /// Why.
        reason: Denial,
        /// The grant that came furthest, where there is one.
        nearest: Option<&'a Grant>,
    },
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
    let Question { target, action, .. } = question;
    let line = std::iter::once(target.id).chain(target.ancestors.iter().map(EntityId::as_str));
    let on_the_line = line
        .enumerate()
        .flat_map(|(steps, entity)| grants.on(entity).map(move |grant| (grant, Some(steps))));
    let mut denial = None;
    for (grant, steps) in on_the_line.chain(grants.everywhere().map(|grant| (grant, None))) {
        match judge(grant, question) {
            Ok(permission) => return Decision::Allow { by: grant, permission, steps },
            Err(reason) if denial.is_none_or(|(furthest, _)| reason > furthest) => {
                denial = Some((reason, grant));
            }
            Err(_) => {}
        }
    }
    match denial {
        Some((reason, grant)) if reason > Denial::OutsideHierarchy => {
            Decision::Deny { reason, nearest: Some(grant) }
        }
        _ => denied_on_the_line(grants, action),
    }
}

/// Why, when nothing on the target's line grants the action: what stands elsewhere says it.
fn denied_on_the_line<'a>(grants: &'a Grants, action: &Action) -> Decision<'a> {
    if let Some(nearest) = grants.granting(action) {
        return Decision::Deny { reason: Denial::OutsideHierarchy, nearest: Some(nearest) };
    }
    let reason = match (grants.first(), grants.is_known()) {
        (Some(_), _) => Denial::ActionNotGranted,
        (None, true) => Denial::NoAssignment,
        (None, false) => Denial::UnknownPrincipal,
    };
    Decision::Deny { reason, nearest: grants.first() }
}

/// One grant on the target's line: the permission, or what it lacks.
fn judge<'a>(
    Grant { assignment, role, .. }: &'a Grant,
    question: &Question<'_>,
) -> Result<&'a str, Denial> {
    let permission = role.permissions.granting(question.action).ok_or(Denial::ActionNotGranted)?;
    if !role.governs(question.target.kind) {
        return Err(Denial::OutOfScopeType);
    }
    match assignment.standing(question.now) {
        Standing::Effective => Ok(permission),
        Standing::NotYetEffective => Err(Denial::NotYetEffective),
        Standing::Expired => Err(Denial::Expired),
    }
}
