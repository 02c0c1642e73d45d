//! Actions, and the permissions that grant them, some on a condition.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::condition::Condition;
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

/// One action that a role grants, perhaps on a condition.
///
/// Written as a text, or with a condition as an object of `action` and `condition`; so it is sent, answered,
/// stored and told in events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The action.
    pub action: Action,
    /// What must be true besides.
    pub condition: Option<Condition>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written<A, C> {
    Plain(A),
    Conditional { action: A, condition: C },
}

impl From<Action> for Entry {
    fn from(action: Action) -> Self {
        Self { action, condition: None }
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { action, condition } = self;
        match condition {
            None => Written::<_, &Condition>::Plain(action),
            Some(condition) => Written::Conditional { action, condition },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Plain(action) => Self { action, condition: None },
            Written::Conditional { action, condition } => {
                Self { action, condition: Some(condition) }
            }
        })
    }
}

/// What grants an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission<'a> {
    /// The permission, as the role spells it.
    pub spelled: &'a str,
    /// What must be true besides.
    pub condition: Option<&'a Condition>,
}

impl<'a> Permission<'a> {
    /// An action that is granted by itself, on no condition.
    pub(crate) fn plain(action: &'a Action) -> Self {
        Self { spelled: action.as_str(), condition: None }
    }
}

/// The permissions of a role: exact actions, sorted and without repeats; or, in a built-in system
/// role, patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Exact actions.
    Exact(Vec<Entry>),
    /// `*` (every action), `*:read` (an action on every resource) or `entity:*` (every action on one).
    Patterns(&'static [&'static str]),
}

impl Permissions {
    /// Exact actions in any order, without conditions, repeats allowed.
    pub fn exact(actions: Vec<Action>) -> Self {
        Self::in_order(actions.into_iter().map(Entry::from).collect())
    }

    /// Entries in any order. The same entry again is dropped; the same action on another condition is
    /// refused, with its place in the list.
    pub fn of(entries: Vec<Entry>) -> Result<Self, (usize, Refusal)> {
        let mut first: HashMap<&Action, &Option<Condition>> = HashMap::new();
        for (place, Entry { action, condition }) in entries.iter().enumerate() {
            if first.insert(action, condition).is_some_and(|before| before != condition) {
                return Err((
                    place,
                    Refusal::new(format!(
                        "grants `{action}` a second time and on another condition: join the conditions with `||`"
                    )),
                ));
            }
        }
        Ok(Self::in_order(entries))
    }

    /// Entries as they were stored.
    pub fn stored(entries: Vec<Entry>) -> Self {
        Self::in_order(entries)
    }

    fn in_order(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by(|one, other| one.action.cmp(&other.action));
        entries.dedup_by(|one, other| one.action == other.action);
        Self::Exact(entries)
    }

    /// The permission that grants an action.
    pub fn granting(&self, action: &Action) -> Option<Permission<'_>> {
        let entry = match self {
            // The lengths stand beside the pointers: among few, most comparisons touch no text.
            Self::Exact(entries) if entries.len() <= FEW_PERMISSIONS => {
                entries.iter().find(|entry| entry.action == *action)?
            }
            Self::Exact(entries) => {
                let index = entries.binary_search_by(|entry| entry.action.cmp(action)).ok()?;
                entries.get(index)?
            }
            Self::Patterns(patterns) => {
                let pattern = patterns.iter().copied().find(|pattern| matches(pattern, action))?;
                return Some(Permission { spelled: pattern, condition: None });
            }
        };
        Some(Permission { spelled: entry.action.as_str(), condition: entry.condition.as_ref() })
    }

    /// The actions or patterns as the role spells them, conditions left out.
    pub fn iter(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Exact(entries) => Box::new(entries.iter().map(|entry| entry.action.as_str())),
            Self::Patterns(patterns) => Box::new(patterns.iter().copied()),
        }
    }

    /// The conditions among them.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let entries = match self {
            Self::Exact(entries) => entries.as_slice(),
            Self::Patterns(_) => &[],
        };
        entries.iter().filter_map(|entry| entry.condition.as_ref())
    }
}

/// A list of texts, and of objects for what is granted on a condition.
impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(entries) => entries.serialize(serializer),
            Self::Patterns(patterns) => patterns.serialize(serializer),
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

    fn granted<'a>(permissions: &'a Permissions, text: &str) -> Option<&'a str> {
        permissions.granting(&action(text)).map(|permission| permission.spelled)
    }

    fn entry(text: &str, condition: Option<&str>) -> Entry {
        Entry { action: action(text), condition: condition.map(|it| Condition::parse(it).unwrap()) }
    }

    #[test]
    fn an_action_is_granted_once_with_one_condition_or_none() {
        let (mine, late) = (Some("subject.id == resource.id"), Some("now > timestamp(0)"));
        let twice = vec![entry("b", mine), entry("a", None), entry("b", mine), entry("a", None)];
        let permissions = Permissions::of(twice).unwrap();
        let spelled = serde_json::to_value(&permissions).unwrap();
        assert_eq!(spelled, serde_json::json!(["a", {"action": "b", "condition": mine}]));
        let read: Vec<Entry> = serde_json::from_value(spelled).unwrap();
        assert_eq!(Permissions::stored(read), permissions);
        for other in [None, late] {
            let (place, refusal) =
                Permissions::of(vec![entry("b", mine), entry("c", late), entry("b", other)])
                    .unwrap_err();
            assert_eq!(place, 2);
            assert!(refusal.reason().contains("`||`"), "{refusal}");
        }
    }

    #[test]
    fn an_exact_permission_grants_itself_and_nothing_else() {
        let permissions =
            Permissions::exact(vec![action("b:write"), action("a:read"), action("b:write")]);
        assert_eq!(permissions.iter().collect::<Vec<_>>(), ["a:read", "b:write"]);
        assert_eq!(granted(&permissions, "a:read"), Some("a:read"));
        for other in ["a:reads", "a:rea", "A:read", "a", "read"] {
            assert_eq!(permissions.granting(&action(other)), None, "{other}");
        }
    }

    #[test]
    fn among_many_permissions_each_is_found_and_no_other() {
        let many: Vec<Action> =
            (0..=FEW_PERMISSIONS).map(|n| action(&format!("doc:act-{n}"))).collect();
        let permissions = Permissions::exact(many.clone());
        assert!(many.iter().all(|one| granted(&permissions, one.as_str()) == Some(one.as_str())));
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
        assert_eq!(granted(&Permissions::Patterns(&["*"]), "anything"), Some("*"));
    }

    #[test]
    fn an_action_holds_neither_wildcards_nor_white_space_nor_what_json_escapes() {
        for bad in ["", "a b", "*", "a:*", "a\t", "é", "a\"b", "a\\b", &"x".repeat(256)] {
            assert!(Action::parse(bad).is_err(), "{bad:?}");
        }
    }
}
