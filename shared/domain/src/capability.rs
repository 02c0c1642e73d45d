//! The registry of permissions: what there is to grant, each with its one canonical name, and the names that others
//! use for it.
//!
//! A role may grant any action, registered or not: what an application calls its own actions is its own affair.
//! Registered is what this API needs ([`API`]), and what the business plan that this product serves counts as its
//! capabilities ([`BUSINESS`]).

mod business;

use std::borrow::Cow;

pub use business::BUSINESS;

/// Something that may be granted, known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its canonical name, `resource:action` in small letters.
    pub action: &'static str,
    /// What it belongs to, for lists.
    pub category: &'static str,
    /// What it allows, in a line.
    pub description: &'static str,
}

impl Capability {
    /// Every registered one: first what this API needs.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        API.iter().chain(BUSINESS)
    }

    /// Whether an operation of this API needs it.
    pub fn is_system(&self) -> bool {
        API.contains(self)
    }

    /// The registered one of a name, whichever spelling.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = canonical(name);
        Self::all().find(|capability| capability.action == name)
    }
}

macro_rules! api {
    ($($name:ident = $action:literal, $category:literal, $description:literal;)+) => {
        $(
            #[doc = concat!("`", $action, "`: ", $description)]
            pub const $name: Capability =
                Capability { action: $action, category: $category, description: $description };
        )+
        /// What the operations of this API need.
        pub const API: &[Capability] = &[$($name),+];
    };
}

api! {
    ENTITY_CREATE = "entity:create", "Entities", "Create entities.";
    ENTITY_READ = "entity:read", "Entities", "Read and list entities.";
    ENTITY_UPDATE = "entity:update", "Entities", "Change and move entities.";
    ENTITY_ARCHIVE = "entity:archive", "Entities", "Archive and restore entities.";
    ROLE_CREATE = "role:create", "Roles", "Create roles.";
    ROLE_READ = "role:read", "Roles", "Read and list roles.";
    ROLE_UPDATE = "role:update", "Roles", "Change what roles grant.";
    ASSIGNMENT_CREATE = "assignment:create", "Assignments", "Assign roles and single permissions to principals.";
    ASSIGNMENT_READ = "assignment:read", "Assignments", "Read and list assignments.";
    ASSIGNMENT_REVOKE = "assignment:revoke", "Assignments", "Revoke assignments.";
    GROUP_READ = "group:read", "Assignments", "List the members of groups.";
    GROUP_UPDATE = "group:update", "Assignments", "Add members to groups, and remove them.";
    PRINCIPAL_READ = "principal:read", "Assignments", "Read the stored properties of principals.";
    PRINCIPAL_UPDATE = "principal:update", "Assignments", "Store properties of principals.";
    PRINCIPAL_DELETE = "principal:delete", "Assignments", "Delete the stored properties of principals.";
    DECISION_EVALUATE = "decision:evaluate", "Decisions", "Ask whether anyone may do something.";
    DECISION_SEARCH = "decision:search", "Decisions", "Search who may do what on what.";
    EVENT_CREATE = "event:create", "Events", "Submit events.";
    EVENT_READ = "event:read", "Events", "Read and list events.";
    EVENT_REPLAY = "event:replay", "Events", "Publish stored events again.";
    AUDIT_READ = "audit:read", "Audit", "Read the audit ledger and its proofs.";
    AUDIT_EXPORT = "audit:export", "Audit", "Export the audit ledger as a whole.";
    CAPABILITY_READ = "capability:read", "Capabilities", "Read the registry of permissions, and what principals effectively hold.";
    CAPABILITY_GRANT = "capability:grant", "Capabilities", "Grant single capabilities to principals, directly.";
    CAPABILITY_REVOKE = "capability:revoke", "Capabilities", "Revoke capabilities that were granted directly.";
    API_KEY_CREATE = "api_key:create", "API keys", "Make API keys for oneself.";
    API_KEY_READ = "api_key:read", "API keys", "Read and list API keys, without their secrets.";
    API_KEY_REVOKE = "api_key:revoke", "API keys", "Revoke API keys.";
    ADMIN_ACCESS = "admin:access", "Administration", "Act across tenants, and register, change and suspend them.";
    ADMIN_IMPERSONATE = "admin:impersonate", "Administration", "Act as another principal for a quarter of an hour, within one's own permissions.";
    API_KEY_DELETE = "api_key:delete", "API keys", "Delete API keys that are no longer in use.";
}

/// Verbs that some issuers write before what they are about: `read:plans`.
const VERBS: [&str; 5] = ["create", "delete", "read", "update", "write"];

/// Actions on tasks that are written without saying so.
const OF_TASKS: [&str; 4] = ["assign", "move_state", "take", "view"];

/// The canonical spelling of a permission's name.
///
/// - a name in capitals is split at its first underscore: `AVAILABILITY_MARK_SOLD` is `availability:mark_sold`;
/// - a name with dots and without a colon, at its last dot: `security.session.list` is `security.session:list`;
/// - a verb before what it is about goes behind it: `read:plans` is `plans:read`;
/// - `insight:…` is `insights:…`; and `view`, `take`, `move_state` and `assign` by themselves are of tasks.
///
/// Every other name stands for itself, to the letter. A canonical name is its own: what one rule makes, the others
/// apply to.
pub fn canonical(name: &str) -> Cow<'_, str> {
    if let Some((first, rest)) = name.split_once(':') {
        return match (first, rest) {
            ("insight", action) => format!("insights:{action}").into(),
            (verb, resource) if VERBS.contains(&verb) && !VERBS.contains(&resource) => {
                canonical(&format!("{resource}:{verb}")).into_owned().into()
            }
            _ => name.into(),
        };
    }
    if let Some((resource, action)) = name.rsplit_once('.') {
        return canonical(&format!("{resource}:{action}")).into_owned().into();
    }
    let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    match name.split_once('_') {
        Some((resource, action)) if name.bytes().all(is_capital) => {
            canonical(&format!("{resource}:{action}").to_ascii_lowercase()).into_owned().into()
        }
        _ if OF_TASKS.contains(&name) => format!("task:{name}").into(),
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::Action;
    use std::collections::HashSet;

    #[test]
    fn a_canonical_name_is_its_own_whichever_rule_made_it() {
        for name in ["READ_PLANS", "read.plans", "read:plans", "plans:read", "plans.read"] {
            assert_eq!(canonical(name), "plans:read", "{name}");
        }
        for name in ["INSIGHT_READ", "insight.read", "read:insight", "READ_INSIGHT"] {
            assert_eq!(canonical(name), "insights:read", "{name}");
        }
    }

    #[test]
    fn names_of_others_are_resolved_by_rule() {
        for (name, wanted) in [
            ("AVAILABILITY_MARK_SOLD", "availability:mark_sold"),
            ("availability.mark_sold", "availability:mark_sold"),
            ("availability:mark_sold", "availability:mark_sold"),
            ("read:plans", "plans:read"),
            ("write:insight", "insights:write"),
            ("insight:read", "insights:read"),
            ("insights:read", "insights:read"),
            ("security.session.list", "security.session:list"),
            ("view", "task:view"),
            ("move_state", "task:move_state"),
            ("ADMIN_MANAGE_USERS", "admin:manage_users"),
            ("admin:access", "admin:access"),
            ("read:write", "read:write"),
            ("openid", "openid"),
            ("", ""),
            (":", ":"),
            ("Mixed_Case", "Mixed_Case"),
        ] {
            assert_eq!(canonical(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_canonical_name_is_its_own() {
        for capability in Capability::all() {
            assert_eq!(canonical(capability.action), capability.action);
        }
    }

    #[test]
    fn every_registered_name_is_there_once_and_an_action_of_a_resource() {
        let mut seen = HashSet::new();
        for Capability { action, category, description } in Capability::all() {
            assert!(seen.insert(*action), "{action} is there twice");
            assert!(Action::parse(action).is_ok() && action.split(':').count() == 2, "{action}");
            assert!(!category.is_empty() && description.ends_with('.'), "{action}");
        }
    }

    #[test]
    fn a_registered_one_is_found_by_any_of_its_spellings() {
        for name in ["ENTITY_READ", "entity.read", "read:entity", "entity:read"] {
            assert_eq!(Capability::named(name), Some(&ENTITY_READ), "{name}");
        }
        assert_eq!(
            Capability::named("PARTNER_VERIFY_GST").map(|one| one.category),
            Some("Partners")
        );
        assert_eq!(Capability::named("entity:paint"), None);
    }
}
