//! Message attributes: what they may hold, how long they are, and their fingerprint.

use super::fault::Fault;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// As many as SQS takes with one message.
pub(super) const ATTRIBUTES_MAX: usize = 10;

/// The attributes of a message by name.
pub(crate) type Attributes = BTreeMap<String, Attribute>;

/// One attribute, with one of the two values. The names are those of SQS's JSON protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    pub(crate) data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) string_value: Option<String>,
    /// In base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) binary_value: Option<String>,
}

impl Attribute {
    /// `String`, `Number` or `Binary`, before what the sender may add: `Number.int`.
    pub(super) fn kind(&self) -> &str {
        self.data_type.split('.').next().unwrap_or_default()
    }

    /// The value as it is hashed and counted.
    fn bytes(&self) -> Vec<u8> {
        match (&self.string_value, &self.binary_value) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(binary)) => STANDARD.decode(binary).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    fn is_sound(&self) -> bool {
        let present = !self.bytes().is_empty();
        match self.kind() {
            "String" => present && self.string_value.is_some(),
            "Number" => self.string_value.as_ref().is_some_and(|text| text.parse::<f64>().is_ok()),
            "Binary" => present && self.binary_value.is_some(),
            _ => false,
        }
    }
}

/// Refuses names and values that neither service takes. `code` is what the service calls it.
pub(super) fn check(attributes: &Attributes, code: &str) -> Result<(), Fault> {
    for (name, attribute) in attributes {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > 256 || !name.chars().all(plain) {
            return Err(Fault::new(
                code,
                format!("The message attribute name '{name}' is invalid."),
            ));
        }
        if !attribute.is_sound() {
            let message = format!(
                "The message attribute '{name}' has no valid value of its type '{}'.",
                attribute.data_type
            );
            return Err(Fault::new(code, message));
        }
    }
    Ok(())
}

/// Refuses text with a character that neither service takes.
pub(super) fn check_text(text: &str, code: &str) -> Result<(), Fault> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..);
    if text.chars().all(allowed) {
        return Ok(());
    }
    Err(Fault::new(
        code,
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    ))
}

/// How much the attributes add to the length of a message.
pub(super) fn bytes(attributes: &Attributes) -> usize {
    attributes.iter().map(|(name, one)| name.len() + one.data_type.len() + one.bytes().len()).sum()
}

/// The MD5 of a message body, in hexadecimal digits.
pub(super) fn md5_of(body: &str) -> String {
    format!("{:x}", md5::compute(body))
}

/// The MD5 of attributes, as SQS defines it: each part by its length, in order of name.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
pub(super) fn md5_of_attributes(attributes: &Attributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = md5::Context::new();
    for (name, attribute) in attributes {
        consume(&mut digest, name.as_bytes());
        consume(&mut digest, attribute.data_type.as_bytes());
        digest.consume([if attribute.kind() == "Binary" { 2 } else { 1 }]);
        consume(&mut digest, &attribute.bytes());
    }
    Some(format!("{:x}", digest.compute()))
}

fn consume(digest: &mut md5::Context, bytes: &[u8]) {
    digest.consume(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.consume(bytes);
}
