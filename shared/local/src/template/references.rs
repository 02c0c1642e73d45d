//! What the template's parts say of one another: `!Ref`, `!GetAtt` and the defaults of parameters.

use super::TemplateError;
use crate::names;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const FUNCTION: &str = "AWS::Serverless::Function";
pub(super) const TABLE: &str = "AWS::DynamoDB::Table";
pub(super) const TOPIC: &str = "AWS::SNS::Topic";
pub(super) const QUEUE: &str = "AWS::SQS::Queue";

/// A whole template, to look things up in.
#[derive(Clone, Copy)]
pub(super) struct References<'a> {
    pub(super) document: &'a Value,
}

impl<'a> References<'a> {
    /// `value` with every `!Ref` of a parameter replaced by that parameter's default.
    pub(super) fn with_parameters(self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.with_parameters(item)).collect(),
            Value::Object(fields) => match self.parameter(value) {
                Some(default) => default.clone(),
                None => fields
                    .iter()
                    .map(|(name, field)| (name.clone(), self.with_parameters(field)))
                    .collect(),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    /// The logical id that `value` refers to by `attribute` (`Ref`, `Arn`, ...), when that is a
    /// resource of type `kind`.
    pub(super) fn target(
        self,
        resource: &str,
        property: &str,
        value: &Value,
        (kind, attribute): (&str, &str),
    ) -> Result<String, TemplateError> {
        let found = reference(value)
            .filter(|(id, named)| named == attribute && self.kind(id) == Some(kind));
        let reason = || {
            let form = match attribute {
                "Ref" => "!Ref <id>".to_owned(),
                _ => format!("!GetAtt <id>.{attribute}"),
            };
            format!("`{property}` must be `{form}` of an `{kind}` in this template")
        };
        found.map(|(id, _)| id).ok_or_else(|| TemplateError::refused(resource, reason()))
    }

    /// A function's variables over the global ones.
    pub(super) fn environment(self, properties: &Value) -> BTreeMap<String, String> {
        let globals = self.document.pointer("/Globals/Function/Environment/Variables");
        let own = properties.pointer("/Environment/Variables");
        let mut environment = BTreeMap::new();
        let variables = [globals, own].into_iter().flatten().filter_map(Value::as_object);
        for (name, value) in variables.flatten() {
            match self.text(value) {
                Some(value) => environment.insert(name.clone(), value),
                // What the function itself says of a variable hides the global value even where it
                // cannot be resolved: a wrong value would be worse than none.
                None => environment.remove(name),
            };
        }
        environment
    }

    fn text(self, value: &Value) -> Option<String> {
        match self.parameter(value).unwrap_or(value) {
            Value::String(text) => Some(text.clone()),
            plain @ (Value::Bool(_) | Value::Number(_)) => Some(plain.to_string()),
            intrinsic @ Value::Object(_) => {
                let (id, attribute) = reference(intrinsic)?;
                match (self.kind(&id)?, attribute.as_str()) {
                    (TABLE, "Ref") | (TOPIC, "TopicName") | (QUEUE, "QueueName") => Some(id),
                    (TOPIC, "Ref" | "TopicArn") => Some(names::topic_arn(&id)),
                    (QUEUE, "Ref" | "QueueUrl") => Some(names::queue_url(&id)),
                    (QUEUE, "Arn") => Some(names::queue_arn(&id)),
                    _ => None,
                }
            }
            Value::Null | Value::Array(_) => None,
        }
    }

    fn kind(self, id: &str) -> Option<&'a str> {
        self.document.get("Resources")?.get(id)?.get("Type")?.as_str()
    }

    fn parameter(self, value: &Value) -> Option<&'a Value> {
        let id = value.get("Ref")?.as_str()?;
        self.document.get("Parameters")?.get(id)?.get("Default")
    }
}

/// The logical id and the attribute (`Ref` for the thing itself) that an intrinsic value names.
fn reference(value: &Value) -> Option<(String, String)> {
    if let Some(id) = value.get("Ref").and_then(Value::as_str) {
        return Some((id.to_owned(), "Ref".to_owned()));
    }
    match value.get("Fn::GetAtt")? {
        Value::String(path) => {
            path.split_once('.').map(|(id, attribute)| (id.to_owned(), attribute.to_owned()))
        }
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(id), Value::String(attribute)] => Some((id.clone(), attribute.clone())),
            _ => None,
        },
        _ => None,
    }
}
