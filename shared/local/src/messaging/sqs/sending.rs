//! `SendMessage` and `SendMessageBatch`.

use super::super::attributes::{
    ATTRIBUTES_MAX, bytes, check, check_text, md5_of, md5_of_attributes,
};
use super::super::fault::Fault;
use super::super::{Attributes, Messaging, Outgoing, QueueState};
use super::{batch, check_batch};
use serde::Deserialize;
use serde_json::{Value, json};

const DELAY_SECONDS_MAX: i64 = 900;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage {
    queue_url: String,
    #[serde(flatten)]
    message: Sent,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessageBatch {
    queue_url: String,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
    #[serde(flatten)]
    message: Sent,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    #[serde(default)]
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: Attributes,
}

impl Sent {
    fn bytes(&self) -> usize {
        self.message_body.len() + bytes(&self.message_attributes)
    }

    fn check(self, queue: &QueueState) -> Result<Outgoing, Fault> {
        let invalid = |message: String| Fault::new("InvalidParameterValue", message);
        if self.message_body.is_empty() {
            return Err(Fault::new(
                "MissingParameter",
                "The request must contain the parameter MessageBody.",
            ));
        }
        check_text(&self.message_body, "InvalidMessageContents")?;
        check(&self.message_attributes, "InvalidParameterValue")?;
        if self.message_attributes.len() > ATTRIBUTES_MAX {
            let count = self.message_attributes.len();
            return Err(invalid(format!(
                "Number of message attributes [{count}] exceeds the allowed maximum [10]."
            )));
        }
        let max = queue.declared.message_bytes_max;
        if self.bytes() > usize::try_from(max).unwrap_or(usize::MAX) {
            return Err(invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {max} bytes."
            )));
        }
        let delay_seconds = match self.delay_seconds {
            Some(delay) if !(0..=DELAY_SECONDS_MAX).contains(&delay) => {
                return Err(invalid(format!(
                    "Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
                )));
            }
            delay => delay.and_then(|delay| u32::try_from(delay).ok()),
        };
        let trace = self.message_system_attributes.get("AWSTraceHeader");
        Ok(Outgoing {
            trace: trace.and_then(|header| header.string_value.clone()),
            body: self.message_body,
            attributes: self.message_attributes,
            delay_seconds,
        })
    }
}

impl Messaging {
    pub(super) fn send_message(&self, request: SendMessage) -> Result<Value, Fault> {
        let (id, queue) = self.queue_at(&request.queue_url)?;
        let message = request.message.check(queue)?;
        let mut answer = answer(&message);
        let ids = self.send(&[(id, message)])?;
        if let (Some(fields), Some(id)) = (answer.as_object_mut(), ids.into_iter().next()) {
            fields.insert("MessageId".to_owned(), Value::from(id));
        }
        Ok(answer)
    }

    pub(super) fn send_message_batch(&self, request: SendMessageBatch) -> Result<Value, Fault> {
        let (queue_id, queue) = self.queue_at(&request.queue_url)?;
        check_batch(request.entries.iter().map(|entry| entry.id.as_str()))?;
        let bytes: usize = request.entries.iter().map(|entry| entry.message.bytes()).sum();
        let max = queue.declared.message_bytes_max;
        if bytes > usize::try_from(max).unwrap_or(usize::MAX) {
            return Err(Fault::sqs(
                "BatchRequestTooLong",
                format!(
                    "Batch requests cannot be longer than {max} bytes. You have sent {bytes} bytes."
                ),
            ));
        }
        // What is sound is sent together, in the order of the entries.
        let (mut sound, mut checked) = (Vec::new(), Vec::new());
        for entry in request.entries {
            let answer = entry.message.check(queue).map(|message| {
                let answer = answer(&message);
                sound.push((queue_id, message));
                answer
            });
            checked.push((entry.id, answer));
        }
        let mut ids = self.send(&sound)?.into_iter();
        Ok(batch(checked.into_iter().map(|(entry, mut answer)| {
            if let Some(fields) = answer.as_mut().ok().and_then(Value::as_object_mut) {
                fields.insert("MessageId".to_owned(), ids.next().map_or(Value::Null, Value::from));
            }
            (entry, answer)
        })))
    }
}

fn answer(message: &Outgoing) -> Value {
    let mut answer = json!({"MD5OfMessageBody": md5_of(&message.body)});
    if let (Some(md5), Some(fields)) =
        (md5_of_attributes(&message.attributes), answer.as_object_mut())
    {
        fields.insert("MD5OfMessageAttributes".to_owned(), Value::from(md5));
    }
    answer
}
