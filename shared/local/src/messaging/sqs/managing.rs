//! What can be asked of a queue itself, and its purge.

use super::super::fault::Fault;
use super::super::{Messaging, QueueState};
use crate::names;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const LISTED_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueName {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    queue_name_prefix: Option<String>,
}

impl Messaging {
    pub(super) fn queue_attributes(&self, request: QueueAttributes) -> Result<Value, Fault> {
        let (id, queue) = self.queue_at(&request.queue_url)?;
        let mut attributes = self.attributes_of(id, queue)?;
        let asked = request.attribute_names;
        if let Some(unknown) =
            asked.iter().find(|name| *name != "All" && !KNOWN.contains(&name.as_str()))
        {
            let message = format!("Unknown Attribute {unknown}.");
            return Err(Fault::new("InvalidAttributeName", message));
        }
        if !asked.iter().any(|name| name == "All") {
            attributes.retain(|name, _| asked.contains(name));
        }
        Ok(json!({"Attributes": attributes}))
    }

    fn attributes_of(&self, id: &str, queue: &QueueState) -> Result<Map<String, Value>, Fault> {
        let declared = &queue.declared;
        let counts = self.counts(declared)?;
        let mut attributes = Map::new();
        let mut add = |name: &str, value: String| attributes.insert(name.to_owned(), value.into());
        add("QueueArn", names::queue_arn(id));
        add("ApproximateNumberOfMessages", counts.visible.to_string());
        add("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string());
        add("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string());
        add("VisibilityTimeout", declared.visibility_seconds.to_string());
        add("MessageRetentionPeriod", declared.retention_seconds.to_string());
        add("DelaySeconds", declared.delay_seconds.to_string());
        add("ReceiveMessageWaitTimeSeconds", declared.wait_seconds.to_string());
        add("MaximumMessageSize", declared.message_bytes_max.to_string());
        if let Some(redrive) = &declared.redrive {
            let policy = json!({
                "deadLetterTargetArn": names::queue_arn(&redrive.queue),
                "maxReceiveCount": redrive.receives_max,
            });
            add("RedrivePolicy", policy.to_string());
        }
        Ok(attributes)
    }

    pub(super) fn find_queue_url(&self, request: QueueName) -> Result<Value, Fault> {
        let (id, _) = self.queue_at(&request.queue_name)?;
        Ok(json!({"QueueUrl": names::queue_url(id)}))
    }

    pub(super) fn list_queues(&self, request: ListQueues) -> Result<Value, Fault> {
        let prefix = request.queue_name_prefix.unwrap_or_default();
        let found = self.0.queues.keys().filter(|id| id.starts_with(&prefix)).take(LISTED_MAX);
        let urls: Vec<_> = found.map(|id| names::queue_url(id)).collect();
        Ok(json!({"QueueUrls": urls}))
    }

    pub(super) fn purge_queue(&self, request: QueueUrl) -> Result<Value, Fault> {
        let (id, _) = self.queue_at(&request.queue_url)?;
        let purged = self.purge(id)?;
        tracing::info!(queue = id, purged, "queue_purged");
        Ok(json!({}))
    }
}

/// Those of the attributes of a standard queue that are told here.
const KNOWN: [&str; 10] = [
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "MaximumMessageSize",
    "RedrivePolicy",
];
