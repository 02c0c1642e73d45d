//! `ReceiveMessage`, and what a receiver does with its receipts.

use super::super::attributes::{Attributes, md5_of_attributes};
use super::super::fault::Fault;
use super::super::queues::{Hidden, number_in};
use super::super::{Message, Messaging};
use super::{batch, check_batch};
use crate::names;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

const VISIBILITY_SECONDS_MAX: i64 = 43_200;
const WAIT_SECONDS_MAX: i64 = 20;
const MESSAGES_MAX: i64 = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    /// The older name of the next.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneReceipt {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receipts {
    queue_url: String,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

impl Messaging {
    pub(super) async fn receive_message(&self, request: ReceiveMessage) -> Result<Value, Fault> {
        let (id, queue) = self.queue_at(&request.queue_url)?;
        let max = request.max_number_of_messages.unwrap_or(1);
        let max = within("MaxNumberOfMessages", max, 1, MESSAGES_MAX)?;
        let visibility = request.visibility_timeout.map(visibility).transpose()?;
        let wait = request.wait_time_seconds.unwrap_or(i64::from(queue.declared.wait_seconds));
        let wait = within("WaitTimeSeconds", wait, 0, WAIT_SECONDS_MAX)?;
        let wait = Duration::from_secs(u64::from(wait));
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let messages = self.receive_within(id, max, visibility, wait).await?;
        if messages.is_empty() {
            return Ok(json!({}));
        }
        let system = [request.attribute_names, request.message_system_attribute_names].concat();
        let own = request.message_attribute_names;
        let answers: Vec<_> = messages.iter().map(|one| answer(one, &system, &own)).collect();
        Ok(json!({"Messages": answers}))
    }

    pub(super) fn delete_message(&self, request: OneReceipt) -> Result<Value, Fault> {
        let (id, _) = self.queue_at(&request.queue_url)?;
        self.delete_one(id, &request.receipt_handle)
    }

    pub(super) fn delete_message_batch(&self, request: Receipts) -> Result<Value, Fault> {
        let (id, _) = self.queue_at(&request.queue_url)?;
        check_batch(request.entries.iter().map(|entry| entry.id.as_str()))?;
        Ok(batch(request.entries.into_iter().map(|entry| {
            let answer = self.delete_one(id, &entry.receipt_handle);
            (entry.id, answer)
        })))
    }

    pub(super) fn change_visibility(&self, request: OneReceipt) -> Result<Value, Fault> {
        let (id, _) = self.queue_at(&request.queue_url)?;
        self.hide_one(id, &request.receipt_handle, request.visibility_timeout)
    }

    pub(super) fn change_visibility_batch(&self, request: Receipts) -> Result<Value, Fault> {
        let (id, _) = self.queue_at(&request.queue_url)?;
        check_batch(request.entries.iter().map(|entry| entry.id.as_str()))?;
        Ok(batch(request.entries.into_iter().map(|entry| {
            let answer = self.hide_one(id, &entry.receipt_handle, entry.visibility_timeout);
            (entry.id, answer)
        })))
    }

    fn delete_one(&self, queue: &str, receipt: &str) -> Result<Value, Fault> {
        check_receipt(receipt)?;
        self.delete(queue, &[receipt])?;
        Ok(json!({}))
    }

    fn hide_one(&self, queue: &str, receipt: &str, seconds: Option<i64>) -> Result<Value, Fault> {
        let seconds = seconds.ok_or_else(|| {
            Fault::new(
                "MissingParameter",
                "The request must contain the parameter VisibilityTimeout.",
            )
        })?;
        let seconds = visibility(seconds)?;
        check_receipt(receipt)?;
        match self.hide(queue, receipt, seconds)? {
            Hidden::Done => Ok(json!({})),
            Hidden::NotInFlight => {
                Err(Fault::sqs("MessageNotInflight", "The specified message isn't in flight."))
            }
            Hidden::Gone => Err(Fault::new(
                "InvalidParameterValue",
                format!(
                    "Value {receipt} for parameter ReceiptHandle is invalid. Reason: Message does \
                     not exist or is not available for visibility timeout change."
                ),
            )),
        }
    }
}

fn check_receipt(receipt: &str) -> Result<(), Fault> {
    if number_in(receipt) > 0 {
        return Ok(());
    }
    let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
    Err(Fault::new("ReceiptHandleIsInvalid", message))
}

fn visibility(seconds: i64) -> Result<u32, Fault> {
    within("VisibilityTimeout", seconds, 0, VISIBILITY_SECONDS_MAX)
}

fn within(parameter: &str, value: i64, min: i64, max: i64) -> Result<u32, Fault> {
    let reason = || {
        format!(
            "Value {value} for parameter {parameter} is invalid. Reason: Must be >= {min} and <= {max}, if provided."
        )
    };
    let within = u32::try_from(value).ok().filter(|_| (min..=max).contains(&value));
    within.ok_or_else(|| Fault::new("InvalidParameterValue", reason()))
}

fn answer(message: &Message, system: &[String], own: &[String]) -> Value {
    let mut answer = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": message.md5_of_body(),
        "Body": message.body,
    });
    let Some(fields) = answer.as_object_mut() else { return answer };
    let mut attributes = message.system_attributes();
    if !system.iter().any(|name| name == "All") {
        attributes.retain(|name, _| system.contains(name));
    }
    if !attributes.is_empty() {
        fields.insert("Attributes".to_owned(), Value::Object(attributes));
    }
    // The fingerprint is of what is returned, not of what was sent.
    let mut attributes: Attributes = message.attributes.clone();
    attributes.retain(|name, _| own.iter().any(|asked| asks_for(asked, name)));
    if let Some(md5) = md5_of_attributes(&attributes) {
        fields.insert("MD5OfMessageAttributes".to_owned(), Value::from(md5));
        fields.insert("MessageAttributes".to_owned(), json!(attributes));
    }
    answer
}

/// A name, `All`, or all names that begin in a certain way: `bar.*`.
fn asks_for(asked: &str, name: &str) -> bool {
    asked == "All" || asked == name || asked.strip_suffix(".*").is_some_and(|p| name.starts_with(p))
}

impl Message {
    /// What SQS itself says of a message, as it says it to receivers and functions.
    pub(crate) fn system_attributes(&self) -> Map<String, Value> {
        let mut attributes = Map::new();
        let mut add = |name: &str, value: String| attributes.insert(name.to_owned(), value.into());
        add("ApproximateReceiveCount", self.received.to_string());
        add("SentTimestamp", self.sent_at.to_string());
        add("SenderId", names::ACCOUNT.to_owned());
        add("ApproximateFirstReceiveTimestamp", self.first_received_at.to_string());
        if let Some(trace) = &self.trace {
            add("AWSTraceHeader", trace.clone());
        }
        if let Some(source) = &self.source {
            add("DeadLetterQueueSourceArn", names::queue_arn(source));
        }
        attributes
    }
}
