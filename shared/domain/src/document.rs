//! A JSON object that a tenant attaches to something: an entity's attributes, a principal's properties.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Largest document, in bytes of its compact JSON.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of objects and arrays, the outermost object included.
pub const DOCUMENT_DEPTH_MAX: usize = 32;

/// A JSON object within [`DOCUMENT_BYTES_MAX`] and [`DOCUMENT_DEPTH_MAX`]. Keys are kept in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Document(Map<String, Value>);

impl Document {
    /// Takes a JSON object within the limits.
    pub fn from_value(value: &Value) -> Result<Self, Refusal> {
        let Value::Object(object) = value else {
            return Err(Refusal::new("must be a JSON object"));
        };
        if depth(value) > DOCUMENT_DEPTH_MAX {
            return Err(Refusal::new(format!("must nest at most {DOCUMENT_DEPTH_MAX} deep")));
        }
        let bytes = serde_json::to_vec(object).map_or(usize::MAX, |json| json.len());
        if bytes > DOCUMENT_BYTES_MAX {
            return Err(Refusal::new(format!(
                "must be at most {DOCUMENT_BYTES_MAX} bytes as JSON, is {bytes}"
            )));
        }
        Ok(Self(object.clone()))
    }

    /// The object.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}

/// How deep a value nests. Bounded, because the JSON reader refuses more than 128 levels.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_object_is_a_document() {
        for bad in [json!(null), json!([]), json!("a"), json!(1)] {
            assert!(Document::from_value(&bad).is_err(), "{bad}");
        }
        assert!(Document::from_value(&json!({})).is_ok());
    }

    #[test]
    fn the_limit_is_the_last_size_that_passes() {
        let of = |bytes: usize| {
            Document::from_value(&json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())}))
        };
        assert!(of(DOCUMENT_BYTES_MAX).is_ok());
        assert!(of(DOCUMENT_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(Document::from_value(&nested(DOCUMENT_DEPTH_MAX)).is_ok());
        assert!(Document::from_value(&nested(DOCUMENT_DEPTH_MAX + 1)).is_err());
    }
}
