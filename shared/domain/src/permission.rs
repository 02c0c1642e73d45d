//! Actions, and the permissions that grant them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// Longest action, in bytes.
pub const ACTION_BYTES_MAX: usize = 255;

/// Up to so many permissions are compared one by one, which is faster than to halve them.
const FEW_PERMISSIONS: usize = 32;

/// Something that may be done, such as `document:upload`. Compared to the letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action(Arc<str>);

impl Action {
    /// Reads an action: visible ASCII without white space, and without `*`, which only permissions hold.
    ///
    /// Nor does it hold what JSON escapes: each time a text is quoted within another, as a receipt quotes
    /// an answer, that doubles, and the largest role would no longer fit an item of the table.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if text.is_empty() || text.len() > ACTION_BYTES_MAX || !text.bytes().all(legal) {
            return Err(Refusal::new(format!(
                "must be 1 to {ACTION_BYTES_MAX} visible characters without spaces, `\"` or `\\`, such as `document:upload`"
            )));
        }
        if text.contains('*') {
            return Err(Refusal::new(
                "must not hold `*`: wildcards belong to built-in system roles only",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The action as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The permissions of a role: exact actions, sorted and without repeats; or, in a built-in system
/// role, patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Exact actions.
    Exact(Vec<Action>),
    /// `*` (every action), `*:read` (an action on every resource) or `entity:*` (every action on one).
    Patterns(&'static [&'static str]),
}

impl Permissions {
    /// Exact actions in any order, repeats allowed.
    pub fn exact(mut actions: Vec<Action>) -> Self {
        actions.sort_unstable();
        actions.dedup();
        Self::Exact(actions)
    }

    /// The permission that grants an action, as the role spells it.
    pub fn granting(&self, action: &Action) -> Option<&str> {
        match self {
            // The lengths stand beside the pointers: among few, most comparisons touch no text.
            Self::Exact(actions) if actions.len() <= FEW_PERMISSIONS => {
                actions.iter().find(|granted| *granted == action).map(Action::as_str)
            }
            Self::Exact(actions) => {
                let index = actions.binary_search(action).ok()?;
                actions.get(index).map(Action::as_str)
            }
            Self::Patterns(patterns) => {
                patterns.iter().copied().find(|pattern| matches(pattern, action))
            }
        }
    }

    /// The permissions as the role spells them.
    pub fn iter(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Exact(actions) => Box::new(actions.iter().map(Action::as_str)),
            Self::Patterns(patterns) => Box::new(patterns.iter().copied()),
        }
    }
}

/// Whether a pattern of a system role covers an action.
fn matches(pattern: &str, action: &Action) -> bool {
    if pattern == "*" {
        return true;
    }
    match (pattern.split_once(':'), action.as_str().split_once(':')) {
        (Some(("*", verb)), Some((_, asked))) => verb == asked,
        (Some((resource, "*")), Some((asked, _))) => resource == asked,
        _ => pattern == action.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(text: &str) -> Action {
        Action::parse(text).unwrap()
    }

    #[test]
    fn an_exact_permission_grants_itself_and_nothing_else() {
        let permissions =
            Permissions::exact(vec![action("b:write"), action("a:read"), action("b:write")]);
        assert_eq!(permissions.iter().collect::<Vec<_>>(), ["a:read", "b:write"]);
        assert_eq!(permissions.granting(&action("a:read")), Some("a:read"));
        for other in ["a:reads", "a:rea", "A:read", "a", "read"] {
            assert_eq!(permissions.granting(&action(other)), None, "{other}");
        }
    }

    #[test]
    fn among_many_permissions_each_is_found_and_no_other() {
        let many: Vec<Action> =
            (0..=FEW_PERMISSIONS).map(|n| action(&format!("doc:act-{n}"))).collect();
        let permissions = Permissions::exact(many.clone());
        assert!(many.iter().all(|one| permissions.granting(one) == Some(one.as_str())));
        assert_eq!(permissions.granting(&action("doc:act-99")), None);
    }

    #[test]
    fn a_pattern_covers_one_side_of_the_colon() {
        let permissions = Permissions::Patterns(&["*:read", "entity:*"]);
        for covered in ["role:read", "entity:archive"] {
            assert!(permissions.granting(&action(covered)).is_some(), "{covered}");
        }
        for other in ["role:write", "entities:read:all", "read", "entity"] {
            assert!(permissions.granting(&action(other)).is_none(), "{other}");
        }
        assert_eq!(Permissions::Patterns(&["*"]).granting(&action("anything")), Some("*"));
    }

    #[test]
    fn an_action_holds_neither_wildcards_nor_white_space_nor_what_json_escapes() {
        for bad in ["", "a b", "*", "a:*", "a\t", "é", "a\"b", "a\\b", &"x".repeat(256)] {
            assert!(Action::parse(bad).is_err(), "{bad:?}");
        }
    }
}
