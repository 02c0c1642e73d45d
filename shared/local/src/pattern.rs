//! Patterns over JSON, as SNS writes filter policies and Lambda writes filter criteria.
//!
//! **Invariant:** a condition that is not understood is refused when the template is read. A filter
//! that let through more or less than deployed would be found out only in production.

use serde_json::Value;
use std::collections::BTreeMap;

/// Which values are let through.
///
/// Supported conditions: a value itself, `prefix`, `suffix`, `anything-but` (a value, a list, or one
/// of the two before) and `exists`. Fields must all match; of a field's conditions, one; of an array
/// in the value, one element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Node);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Fields(BTreeMap<String, Node>),
    Any(Vec<Condition>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Is(Value),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Condition>),
    Exists(bool),
}

/// Why a pattern is not understood.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// Something other than an object of lists.
    #[error("the pattern must be an object with a list of conditions for each field, not `{0}`")]
    Shape(Value),
    /// A condition that is not supported.
    #[error("the condition `{0}` is not one of `prefix`, `suffix`, `anything-but`, `exists`")]
    Condition(Value),
    /// A way to join fields that is not supported.
    #[error("`{0}` in the pattern is not supported")]
    Operator(String),
}

impl Pattern {
    /// Reads a pattern from its JSON.
    pub fn read(pattern: &Value) -> Result<Self, PatternError> {
        if pattern.is_object() {
            node(pattern).map(Self)
        } else {
            Err(PatternError::Shape(pattern.clone()))
        }
    }

    /// Whether `value` is let through.
    pub fn matches(&self, value: &Value) -> bool {
        self.0.matches(Some(value))
    }
}

impl Node {
    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Fields(_), Some(Value::Array(items))) => {
                items.iter().any(|item| self.matches(Some(item)))
            }
            (Self::Fields(fields), _) => fields
                .iter()
                .all(|(name, node)| node.matches(value.and_then(|value| value.get(name)))),
            (Self::Any(conditions), _) => {
                conditions.iter().any(|condition| condition.accepts(value))
            }
        }
    }
}

impl Condition {
    fn accepts(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Exists(expected), _) => value.is_some() == *expected,
            (_, None) => false,
            (_, Some(Value::Array(items))) => items.iter().any(|item| self.accepts_one(item)),
            (_, Some(value)) => self.accepts_one(value),
        }
    }

    fn accepts_one(&self, value: &Value) -> bool {
        match self {
            Self::Is(expected) => match (expected.as_f64(), value.as_f64()) {
                // The same number, however it was written.
                (Some(expected), Some(value)) => expected == value,
                _ => expected == value,
            },
            Self::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => value.as_str().is_some_and(|text| text.ends_with(suffix)),
            Self::AnythingBut(excluded) => !excluded.iter().any(|one| one.accepts_one(value)),
            Self::Exists(expected) => *expected,
        }
    }
}

fn node(pattern: &Value) -> Result<Node, PatternError> {
    match pattern {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| match name.strip_prefix('$') {
                Some(_) => Err(PatternError::Operator(name.clone())),
                None => Ok((name.clone(), node(field)?)),
            })
            .collect::<Result<_, _>>()
            .map(Node::Fields),
        Value::Array(conditions) => {
            conditions.iter().map(condition).collect::<Result<_, _>>().map(Node::Any)
        }
        other => Err(PatternError::Shape(other.clone())),
    }
}

fn condition(written: &Value) -> Result<Condition, PatternError> {
    let unknown = || PatternError::Condition(written.clone());
    let Value::Object(fields) = written else {
        return if written.is_array() {
            Err(unknown())
        } else {
            Ok(Condition::Is(written.clone()))
        };
    };
    let mut fields = fields.iter();
    let (Some((name, operand)), None) = (fields.next(), fields.next()) else {
        return Err(unknown());
    };
    match (name.as_str(), operand) {
        ("prefix", Value::String(text)) => Ok(Condition::Prefix(text.clone())),
        ("suffix", Value::String(text)) => Ok(Condition::Suffix(text.clone())),
        ("exists", Value::Bool(expected)) => Ok(Condition::Exists(*expected)),
        ("anything-but", Value::Array(excluded)) => {
            excluded.iter().map(condition).collect::<Result<_, _>>().map(Condition::AnythingBut)
        }
        ("anything-but", excluded) => Ok(Condition::AnythingBut(vec![condition(excluded)?])),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_lets_through_what_meets_every_field() {
        let value =
            json!({"kind": "INSERT", "tags": ["a", "b"], "n": 1, "image": {"s": {"S": "x-1"}}});
        for (pattern, expected) in [
            (json!({}), true),
            (json!({"kind": ["MODIFY", "INSERT"]}), true),
            (json!({"kind": ["MODIFY"]}), false),
            (json!({"kind": ["INSERT"], "n": [2]}), false),
            (json!({"n": [1.0]}), true),
            (json!({"tags": ["b"]}), true),
            (json!({"tags": ["c"]}), false),
            (json!({"image": {"s": {"S": [{"prefix": "x-"}]}}}), true),
            (json!({"image": {"s": {"S": [{"suffix": "-2"}]}}}), false),
            (json!({"kind": [{"anything-but": ["REMOVE", "MODIFY"]}]}), true),
            (json!({"kind": [{"anything-but": "INSERT"}]}), false),
            (json!({"kind": [{"anything-but": {"prefix": "INS"}}]}), false),
            (json!({"other": [{"anything-but": "x"}]}), false),
            (json!({"other": [{"exists": false}]}), true),
            (json!({"image": {"t": {"S": [{"exists": true}]}}}), false),
            (json!({"image": {"t": {"S": ["x", {"exists": false}]}}}), true),
        ] {
            assert_eq!(Pattern::read(&pattern).unwrap().matches(&value), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pattern in [
            json!("x"),
            json!(["x"]),
            json!({"kind": "INSERT"}),
            json!({"kind": [["x"]]}),
            json!({"n": [{"numeric": [">", 0]}]}),
            json!({"n": [{"prefix": "a", "suffix": "b"}]}),
            json!({"n": [{"exists": "yes"}]}),
            json!({"$or": [{"kind": ["x"]}]}),
        ] {
            assert!(Pattern::read(&pattern).is_err(), "{pattern}");
        }
    }
}
