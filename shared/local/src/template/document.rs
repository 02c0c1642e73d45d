//! YAML with CloudFormation's short tags, read into the JSON that CloudFormation itself defines.

use saphyr::{LoadableYamlNode, Scalar, ScanError, Yaml};
use serde_json::Value;

/// The first document of `text`, each short tag in its long form: `!Ref Table` is
/// `{"Ref": "Table"}`, `!GetAtt Table.Arn` is `{"Fn::GetAtt": "Table.Arn"}`. Empty text is null.
pub(super) fn read(text: &str) -> Result<Value, ScanError> {
    Ok(Yaml::load_from_str(text)?.first().map_or(Value::Null, json))
}

fn json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(truth) => Value::from(*truth),
            Scalar::Integer(number) => Value::from(*number),
            Scalar::FloatingPoint(number) => Value::from(number.into_inner()),
            Scalar::String(text) => Value::from(text.as_ref()),
        },
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(entries) => {
            entries.iter().map(|(name, value)| (key(name), json(value))).collect()
        }
        Yaml::Tagged(tag, value) => {
            let long = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            Value::Object(serde_json::Map::from_iter([(long, json(value))]))
        }
        // The loader resolves aliases and parses scalars as it goes, so neither of these is left.
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    }
}

/// Keys are text, but YAML reads one like `200:` as a number.
fn key(name: &Yaml<'_>) -> String {
    match json(name) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
