//! `Publish` and `PublishBatch`.

use super::super::Messaging;
use super::super::attributes::{self, Attributes, check, check_text};
use super::super::fault::Fault;
use super::element;
use super::form::Form;
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

const BATCH_ENTRIES_MAX: usize = 10;
/// Of one message, and of all messages of a batch.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
const SUBJECT_CHARACTERS_MAX: usize = 100;

/// A message as it was published.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) subject: Option<String>,
    pub(super) attributes: Attributes,
}

impl Published {
    /// Reads the fields below `prefix`.
    fn read(form: &Form, prefix: &str) -> Result<Self, Fault> {
        let invalid =
            |reason: &str| Fault::new("InvalidParameter", format!("Invalid parameter: {reason}"));
        let field = |name: &str| form.text(&format!("{prefix}{name}"));
        let mut text = field("Message").unwrap_or_default().to_owned();
        if field("MessageStructure") == Some("json") {
            text = for_queues(&text).ok_or_else(|| {
                invalid("Message Structure - No default entry in JSON message body")
            })?;
        }
        if text.is_empty() {
            return Err(invalid("Empty message"));
        }
        check_text(&text, "InvalidParameter")?;
        let subject = field("Subject").map(str::to_owned);
        if subject.as_ref().is_some_and(|subject| {
            subject.is_empty()
                || subject.chars().count() > SUBJECT_CHARACTERS_MAX
                || subject.chars().any(char::is_control)
        }) {
            return Err(invalid("Subject"));
        }
        let attributes = form.attributes(prefix);
        check(&attributes, "ParameterValueInvalid")?;
        let message = Self { id: Uuid::new_v4().to_string(), text, subject, attributes };
        if message.bytes() > MESSAGE_BYTES_MAX {
            return Err(invalid("Message too long"));
        }
        Ok(message)
    }

    fn bytes(&self) -> usize {
        self.text.len() + attributes::bytes(&self.attributes)
    }
}

impl Messaging {
    pub(super) fn publish(&self, form: &Form) -> Result<String, Fault> {
        let topic = self.topic(form)?;
        let message = Published::read(form, "")?;
        self.deliver(topic, std::slice::from_ref(&message))?;
        Ok(element("MessageId", &message.id))
    }

    pub(super) fn publish_batch(&self, form: &Form) -> Result<String, Fault> {
        let topic = self.topic(form)?;
        let prefixes = form.list("PublishBatchRequestEntries.member", "Id");
        let id_of = |prefix: &String| form.text(&format!("{prefix}Id")).unwrap_or_default();
        let ids: Vec<&str> = prefixes.iter().map(id_of).collect();
        check_batch(&ids)?;
        let lengths = prefixes.iter().map(|prefix| {
            let text = form.text(&format!("{prefix}Message")).unwrap_or_default();
            text.len() + attributes::bytes(&form.attributes(prefix))
        });
        if lengths.sum::<usize>() > MESSAGE_BYTES_MAX {
            let message =
                "The length of all the batch messages put together is more than the limit";
            return Err(Fault::new("BatchRequestTooLong", message));
        }
        let (mut sound, mut successful, mut failed) = (Vec::new(), String::new(), String::new());
        for (id, prefix) in ids.iter().zip(&prefixes) {
            let id = element("Id", id);
            match Published::read(form, prefix) {
                Ok(message) => {
                    let message_id = element("MessageId", &message.id);
                    successful += &format!("<member>{id}{message_id}</member>");
                    sound.push(message);
                }
                Err(fault) => {
                    let (code, text) =
                        (element("Code", &fault.code), element("Message", &fault.message));
                    let blame = element("SenderFault", "true");
                    failed += &format!("<member>{id}{code}{text}{blame}</member>");
                }
            }
        }
        self.deliver(topic, &sound)?;
        Ok(format!("<Successful>{successful}</Successful><Failed>{failed}</Failed>"))
    }
}

/// What queues get of a message with a text for each protocol.
fn for_queues(text: &str) -> Option<String> {
    let texts: Value = serde_json::from_str(text).ok()?;
    let default = texts.get("default")?;
    texts.get("sqs").unwrap_or(default).as_str().map(str::to_owned)
}

fn check_batch(ids: &[&str]) -> Result<(), Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let (code, message) = if ids.is_empty() {
        ("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    } else if ids.len() > BATCH_ENTRIES_MAX {
        (
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        )
    } else if ids.iter().any(|id| id.is_empty() || id.len() > 80 || !id.chars().all(plain)) {
        (
            "InvalidBatchEntryId",
            "The Id of a batch entry in a batch request doesn't abide by the specification.",
        )
    } else if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        ("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    } else {
        return Ok(());
    };
    Err(Fault::new(code, message))
}
