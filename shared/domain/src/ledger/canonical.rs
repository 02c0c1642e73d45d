//! Canonical JSON (RFC 8785): one text for each value, so that a hash of the text is a hash of the value.
//!
//! What RFC 8785 cannot write without loss is refused when it is read: a name twice in one object, and
//! a number beyond ±(2^53 − 1), which would be rounded in silence (I-JSON, RFC 7493 §2.2 and §2.3).

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::{Map, Number, Value};

use crate::refusal::Refusal;

/// Largest magnitude of a number: the last integer with no neighbour of the same 64-bit float.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Deepest nesting that is followed, so that a hostile text cannot exhaust the stack.
const DEPTH_MAX: usize = 64;

/// The canonical bytes of a value.
pub fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json_canonicalizer::to_vec(value)
        .map_err(|error| Refusal::new(format!("has no canonical form: {error}")))
}

/// Reads JSON, canonical or not, and refuses what has no exact canonical form.
pub fn parse(json: &[u8]) -> Result<Value, Refusal> {
    let refused = |error: serde_json::Error| Refusal::new(format!("must be JSON: {error}"));
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = Exact(0).deserialize(&mut reader).map_err(refused)?;
    reader.end().map_err(refused)?;
    Ok(value)
}

/// A reader of one value at a depth.
struct Exact(usize);

impl Exact {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.0 < DEPTH_MAX {
            Ok(self.0 + 1)
        } else {
            Err(E::custom(format_args!("nested deeper than {DEPTH_MAX}")))
        }
    }
}

fn inexact<E: serde::de::Error>(number: impl fmt::Display) -> E {
    E::custom(format_args!("the number `{number}` is beyond ±{NUMBER_MAX}: send it as a string"))
}

impl<'de> DeserializeSeed<'de> for Exact {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Exact {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value > NUMBER_MAX { Err(inexact(value)) } else { Ok(value.into()) }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > NUMBER_MAX { Err(inexact(value)) } else { Ok(value.into()) }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is a float")]
        let within = value.abs() <= NUMBER_MAX as f64;
        let number = Number::from_f64(value).filter(|_| within);
        number.map(Value::Number).ok_or_else(|| inexact(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Exact(depth))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Exact(depth))?;
            if values.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the name `{name}` stands twice")));
            }
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: &str) -> Result<String, Refusal> {
        to_bytes(&parse(json.as_bytes())?).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_examples_of_rfc_8785_come_out_as_it_says() {
        // §3.2.2 and §3.2.3, without the number that is beyond what is exact.
        let example = r#"{"numbers": [4.50, 2e-3, 0.000000000000000000000000001, -0],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#;
        let written = concat!(
            r#"{"literals":[null,true,false],"numbers":[4.5,0.002,1e-27,0],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
        assert_eq!(canonical(example).unwrap(), written);
        let sorting = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
            "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let sorted = canonical(sorting).unwrap();
        let place = |name: &str| sorted.find(name).unwrap();
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        assert!(order.map(place).is_sorted(), "{sorted}");
    }

    #[test]
    fn what_would_be_lost_in_silence_is_refused() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"\u0062":1}}"#,
            "[9007199254740992]",
            "[-9007199254740992]",
            "[12345678901234567890123]",
            "[1e300]",
            "[1e999]",
            "[NaN]",
            "{} {}",
            "",
            &"[".repeat(DEPTH_MAX + 1),
        ] {
            assert!(canonical(bad).is_err(), "{bad}");
        }
        assert_eq!(
            canonical("[9007199254740991, -9007199254740991]").unwrap(),
            "[9007199254740991,-9007199254740991]"
        );
    }
}
