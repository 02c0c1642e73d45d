//! The values of a condition. They borrow what they are made of: to look at a document copies nothing.

use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::{Map as JsonMap, Number, Value as Json};

use crate::time::Timestamp;

/// A value that stands in the condition itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    Moment(Timestamp),
    /// Microseconds.
    Span(i64),
}

/// A value. CEL's `uint` and `bytes` are not among them: JSON has neither.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// As wide as what JSON may hold, `u64` included; calculation stays within `i64`, as CEL has it.
    Int(i128),
    Double(f64),
    Text(Text<'a>),
    Moment(Timestamp),
    /// Microseconds.
    Span(i64),
    List(List<'a>),
    Map(Map<'a>),
}

#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

#[derive(Clone, Debug)]
pub(super) enum List<'a> {
    Json(&'a [Json]),
    Constants(&'a [Constant]),
    Made(Rc<[Value<'a>]>),
}

#[derive(Clone, Debug)]
pub(super) enum Map<'a> {
    /// Two objects seen as one: where both have a key, the first has it.
    Json(Option<&'a JsonMap<String, Json>>, Option<&'a JsonMap<String, Json>>),
    Made(Rc<[(Value<'a>, Value<'a>)]>),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    pub(super) fn made_list(items: Vec<Self>) -> Self {
        Self::List(List::Made(items.into()))
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(bool) => Self::Bool(*bool),
            Json::Number(number) => Self::from(number),
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(members) => Self::Map(Map::Json(Some(members), None)),
        }
    }
}

impl From<&Number> for Value<'_> {
    fn from(number: &Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Self::Int(number.into()),
            (None, Some(number)) => Self::Int(number.into()),
            (None, None) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
        }
    }
}

impl<'a> From<&'a Constant> for Value<'a> {
    fn from(constant: &'a Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Bool(bool) => Self::Bool(*bool),
            Constant::Int(number) => Self::Int((*number).into()),
            Constant::Double(number) => Self::Double(*number),
            Constant::Text(text) => Self::text(text),
            Constant::Moment(moment) => Self::Moment(*moment),
            Constant::Span(span) => Self::Span(*span),
        }
    }
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Constants(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Json(items) => items.get(index).map(Value::from),
            Self::Constants(items) => items.get(index).map(Value::from),
            Self::Made(items) => items.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'a>> {
        (0..self.len()).map_while(|index| self.get(index))
    }
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(..) => self.json_members().count(),
            Self::Made(members) => members.len(),
        }
    }

    /// The value under a text.
    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Json(first, second) => {
                let of = |map: &Option<&'a JsonMap<String, Json>>| map.and_then(|map| map.get(key));
                of(first).or_else(|| of(second)).map(Value::from)
            }
            Self::Made(members) => {
                let is_wanted =
                    |(has, _): &&_| matches!(has, Value::Text(text) if text.as_str() == key);
                members.iter().find(is_wanted).map(|(_, value)| value.clone())
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
        let made = match self {
            Self::Json(..) => None,
            Self::Made(members) => Some(members.iter().cloned()),
        };
        let json = self.json_members().map(|(key, value)| (Value::text(key), Value::from(value)));
        json.chain(made.into_iter().flatten())
    }

    fn json_members(&self) -> impl Iterator<Item = (&'a String, &'a Json)> {
        let (first, second) = match self {
            Self::Json(first, second) => (*first, *second),
            Self::Made(_) => (None, None),
        };
        let is_new = move |(key, _): &(&String, &Json)| {
            first.is_none_or(|first| !first.contains_key(key.as_str()))
        };
        let second = second.into_iter().flatten().filter(is_new);
        first.into_iter().flatten().chain(second)
    }
}

/// How a whole number stands to any other, to the last digit; `None` to what is no number.
pub(super) fn compare_with_double(whole: i128, double: f64) -> Option<Ordering> {
    // Beyond these every whole number here is smaller or larger than the double, and within them the
    // double's whole part fits.
    const BOUND: f64 = 36_893_488_147_419_103_232.0;
    if double.is_nan() {
        return None;
    }
    if double >= BOUND {
        return Some(Ordering::Less);
    }
    if double <= -BOUND {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the fraction is compared after it")]
    let whole_part = double as i128;
    Some(whole.cmp(&whole_part).then_with(|| {
        let fraction = double.fract();
        fraction.partial_cmp(&0.0).unwrap_or(Ordering::Equal).reverse()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_two_objects_the_first_has_what_both_have() {
        let (stored, sent) = (json!({"a": 1, "b": null}), json!({"a": 2, "b": 2, "c": 3}));
        let map = Map::Json(stored.as_object(), sent.as_object());
        assert_eq!(map.len(), 3);
        assert!(matches!(map.get("a"), Some(Value::Int(1))));
        assert!(matches!(map.get("b"), Some(Value::Null)));
        assert!(matches!(map.get("c"), Some(Value::Int(3))));
        assert_eq!(map.iter().count(), 3);
        assert_eq!(Map::Json(None, None).iter().count(), 0);
    }

    #[test]
    fn whole_numbers_and_doubles_are_compared_to_the_last_digit() {
        for (whole, double, expected) in [
            (1, 1.0, Some(Ordering::Equal)),
            (1, 1.5, Some(Ordering::Less)),
            (-1, -1.5, Some(Ordering::Greater)),
            ((1 << 53) + 1, 9_007_199_254_740_992.0, Some(Ordering::Greater)),
            (i128::from(u64::MAX), 18_446_744_073_709_551_616.0, Some(Ordering::Less)),
            (0, f64::INFINITY, Some(Ordering::Less)),
            (0, f64::NEG_INFINITY, Some(Ordering::Greater)),
            (0, f64::NAN, None),
        ] {
            assert_eq!(compare_with_double(whole, double), expected, "{whole} {double}");
        }
    }
}
