//! Forms of the query protocol, whose lists and maps are spelled out in the names of their fields.

use super::super::{Attribute, Attributes};
use std::collections::HashMap;

/// A form, or the part of it below one prefix.
#[derive(Debug)]
pub(super) struct Form {
    fields: HashMap<String, String>,
}

impl Form {
    pub(super) fn read(body: &[u8]) -> Self {
        Self { fields: form_urlencoded::parse(body).into_owned().collect() }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The prefixes `name.1.`, `name.2.`, ... of a list whose every item has the field `required`.
    pub(super) fn list(&self, name: &str, required: &str) -> Vec<String> {
        let prefixes = (1_u32..).map(|number| format!("{name}.{number}."));
        prefixes
            .take_while(|prefix| self.fields.contains_key(&format!("{prefix}{required}")))
            .collect()
    }

    /// The message attributes below `prefix`.
    pub(super) fn attributes(&self, prefix: &str) -> Attributes {
        let field = |name: String| self.fields.get(&name).cloned();
        self.list(&format!("{prefix}MessageAttributes.entry"), "Name")
            .into_iter()
            .map(|entry| {
                let attribute = Attribute {
                    data_type: field(format!("{entry}Value.DataType")).unwrap_or_default(),
                    string_value: field(format!("{entry}Value.StringValue")),
                    binary_value: field(format!("{entry}Value.BinaryValue")),
                };
                (field(format!("{entry}Name")).unwrap_or_default(), attribute)
            })
            .collect()
    }
}
