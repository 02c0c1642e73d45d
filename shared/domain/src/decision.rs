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

use crate::assignment::{Assignment, Standing};
use crate::entity_type::TypeName;
use crate::id::{EntityId, PrincipalId};
use crate::permission::Action;
use crate::role::Role;
use crate::time::Timestamp;

/// An assignment that speaks for the principal, with its role and the way it was reached.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The assignment.
    pub assignment: &'a Assignment,
    /// Its role.
    pub role: &'a Role,
    /// The groups it was reached through, the principal's own first; empty when held directly.
    pub groups: &'a [PrincipalId],
}

/// What is to be acted on.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The entity.
    pub id: &'a EntityId,
    /// Its type.
    pub kind: &'a TypeName,
    /// Its ancestors, nearest first.
    pub ancestors: &'a [EntityId],
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
        /// The assignment that allows.
        by: Held<'a>,
        /// The permission, as the role spells it.
        permission: &'a str,
        /// How many steps up from the target the assignment stands; `None` when it is global.
        steps: Option<usize>,
    },
    /// No.
    Deny {
        /// Why.
        reason: Denial,
        /// The assignment that came furthest, where there is one.
        nearest: Option<Held<'a>>,
    },
}

impl Decision<'_> {
    /// Whether the answer is yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }
}

/// Decides. The first assignment that allows is taken, in the order given.
pub fn decide<'a>(
    held: impl IntoIterator<Item = Held<'a>>,
    target: Target<'a>,
    action: &Action,
    now: Timestamp,
) -> Decision<'a> {
    let mut denial = Denial::NoAssignment;
    let mut nearest = None;
    for candidate in held {
        match judge(candidate, target, action, now) {
            Ok((permission, steps)) => return Decision::Allow { by: candidate, permission, steps },
            Err(reason) if reason > denial => (denial, nearest) = (reason, Some(candidate)),
            Err(_) => {}
        }
    }
    Decision::Deny { reason: denial, nearest }
}

/// One assignment: the permission and the steps up to it, or what it lacks.
fn judge<'a>(
    Held { assignment, role, .. }: Held<'a>,
    target: Target<'_>,
    action: &Action,
    now: Timestamp,
) -> Result<(&'a str, Option<usize>), Denial> {
    let permission = role.permissions.granting(action).ok_or(Denial::ActionNotGranted)?;
    let steps = match &assignment.entity_id {
        None => None,
        Some(on) => Some(steps_up(target, on).ok_or(Denial::OutsideHierarchy)?),
    };
    if !role.governs(target.kind) {
        return Err(Denial::OutOfScopeType);
    }
    match assignment.standing(now) {
        Standing::Effective => Ok((permission, steps)),
        Standing::NotYetEffective => Err(Denial::NotYetEffective),
        Standing::Expired => Err(Denial::Expired),
    }
}

/// How far above the target an entity stands: 0 for the target itself.
fn steps_up(target: Target<'_>, entity: &EntityId) -> Option<usize> {
    if target.id == entity {
        return Some(0);
    }
    target.ancestors.iter().position(|ancestor| ancestor == entity).map(|index| index + 1)
}
