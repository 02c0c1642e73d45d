//! Topics, queues and subscriptions, as the template declares them.

use super::references::{QUEUE, References, TOPIC};
use super::{TemplateError, typed};
use crate::pattern::Pattern;
use serde::Deserialize;
use serde_json::Value;
use std::ops::RangeInclusive;

/// As SQS sets them where the template says nothing.
const VISIBILITY_SECONDS: u32 = 30;
const RETENTION_SECONDS: u32 = 4 * 86_400;
/// What SQS and SNS took for years, and every queue still takes. A template may allow more.
const MESSAGE_BYTES: u32 = 256 * 1024;

/// Subscribers outside the deployment, which this process leaves alone.
const OUTSIDE: [&str; 5] = ["email", "email-json", "http", "https", "sms"];

/// A topic. Its ARN in this process ends in its logical id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The logical id in the template.
    pub id: String,
}

/// A standard queue. Its ARN and URL in this process end in its logical id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The logical id in the template.
    pub id: String,
    /// How long a received message stays hidden: 0 to 43,200 s, 30 by default.
    pub visibility_seconds: u32,
    /// How long a message is kept: 60 to 1,209,600 s, four days by default.
    pub retention_seconds: u32,
    /// How long a new message stays hidden: 0 to 900 s, 0 by default.
    pub delay_seconds: u32,
    /// How long a receiver waits for a message by default: 0 to 20 s, 0 by default.
    pub wait_seconds: u32,
    /// How long a message may be: 1 KiB to 1 MiB, 256 KiB by default.
    pub message_bytes_max: u32,
    /// Where messages go that nobody can use.
    pub redrive: Option<Redrive>,
}

/// The redrive policy of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The logical id of the dead-letter queue.
    pub queue: String,
    /// How often a message is received before it goes there: 1 to 1,000.
    pub receives_max: u32,
}

/// A queue's subscription to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The logical id in the template.
    pub id: String,
    /// The logical id of the topic.
    pub topic: String,
    /// The logical id of the queue.
    pub queue: String,
    /// Whether the queue gets the message as it was published, not in SNS's envelope.
    pub raw: bool,
    /// Which messages it gets: all without one.
    pub filter: Option<Filter>,
}

/// Which messages a subscription lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// By their attributes.
    Attributes(Pattern),
    /// By their body, which is JSON.
    Body(Pattern),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TopicProperties {
    fifo_topic: Option<bool>,
    #[serde(default)]
    subscription: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueProperties {
    fifo_queue: Option<bool>,
    visibility_timeout: Option<u32>,
    message_retention_period: Option<u32>,
    delay_seconds: Option<u32>,
    receive_message_wait_time_seconds: Option<u32>,
    maximum_message_size: Option<u32>,
    redrive_policy: Option<RedriveProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedriveProperties {
    dead_letter_target_arn: Value,
    max_receive_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SubscriptionProperties {
    topic_arn: Value,
    protocol: String,
    #[serde(default)]
    endpoint: Value,
    #[serde(default)]
    raw_message_delivery: bool,
    filter_policy: Option<Value>,
    filter_policy_scope: Option<String>,
}

pub(super) fn topic(
    references: References<'_>,
    id: &str,
    properties: &Value,
) -> Result<Topic, TemplateError> {
    let properties: TopicProperties = typed(id, &references.with_parameters(properties))?;
    if properties.fifo_topic == Some(true) {
        return Err(TemplateError::refused(id, "FIFO topics are not run here"));
    }
    let outside = |subscription: &Value| {
        subscription.get("Protocol").and_then(Value::as_str).is_some_and(|p| OUTSIDE.contains(&p))
    };
    if !properties.subscription.iter().all(outside) {
        return Err(TemplateError::refused(
            id,
            "a queue's subscription must be an `AWS::SNS::Subscription` of its own",
        ));
    }
    Ok(Topic { id: id.to_owned() })
}

pub(super) fn queue(
    references: References<'_>,
    id: &str,
    properties: &Value,
) -> Result<Queue, TemplateError> {
    let declared: QueueProperties = typed(id, &references.with_parameters(properties))?;
    if declared.fifo_queue == Some(true) {
        return Err(TemplateError::refused(id, "FIFO queues are not run here"));
    }
    let redrive = |policy: RedriveProperties| {
        let arn = &policy.dead_letter_target_arn;
        let queue = references.target(id, "deadLetterTargetArn", arn, (QUEUE, "Arn"))?;
        let receives = Some(policy.max_receive_count);
        let receives_max = bounded(id, "maxReceiveCount", receives, 1, 1..=1_000)?;
        Ok::<_, TemplateError>(Redrive { queue, receives_max })
    };
    let seconds = |name, declared, default, max| bounded(id, name, declared, default, 0..=max);
    Ok(Queue {
        id: id.to_owned(),
        visibility_seconds: seconds(
            "VisibilityTimeout",
            declared.visibility_timeout,
            VISIBILITY_SECONDS,
            43_200,
        )?,
        retention_seconds: bounded(
            id,
            "MessageRetentionPeriod",
            declared.message_retention_period,
            RETENTION_SECONDS,
            60..=14 * 86_400,
        )?,
        delay_seconds: seconds("DelaySeconds", declared.delay_seconds, 0, 900)?,
        wait_seconds: seconds(
            "ReceiveMessageWaitTimeSeconds",
            declared.receive_message_wait_time_seconds,
            0,
            20,
        )?,
        message_bytes_max: bounded(
            id,
            "MaximumMessageSize",
            declared.maximum_message_size,
            MESSAGE_BYTES,
            1_024..=1_048_576,
        )?,
        redrive: declared.redrive_policy.map(redrive).transpose()?,
    })
}

/// `None` for a subscriber outside the deployment.
pub(super) fn subscription(
    references: References<'_>,
    id: &str,
    properties: &Value,
) -> Result<Option<Subscription>, TemplateError> {
    let declared: SubscriptionProperties = typed(id, &references.with_parameters(properties))?;
    if OUTSIDE.contains(&declared.protocol.as_str()) {
        return Ok(None);
    }
    if declared.protocol != "sqs" {
        let reason = format!("the protocol `{}` is not run here, only `sqs`", declared.protocol);
        return Err(TemplateError::refused(id, reason));
    }
    let read = |policy: &Value| {
        let pattern = Pattern::read(policy)
            .map_err(|error| TemplateError::refused(id, format!("`FilterPolicy`: {error}")))?;
        match declared.filter_policy_scope.as_deref() {
            None | Some("MessageAttributes") => Ok(Filter::Attributes(pattern)),
            Some("MessageBody") => Ok(Filter::Body(pattern)),
            Some(scope) => Err(TemplateError::refused(
                id,
                format!(
                    "`FilterPolicyScope` is `{scope}`, not `MessageAttributes` or `MessageBody`"
                ),
            )),
        }
    };
    Ok(Some(Subscription {
        id: id.to_owned(),
        topic: references.target(id, "TopicArn", &declared.topic_arn, (TOPIC, "Ref"))?,
        queue: references.target(id, "Endpoint", &declared.endpoint, (QUEUE, "Arn"))?,
        raw: declared.raw_message_delivery,
        filter: declared.filter_policy.as_ref().map(read).transpose()?,
    }))
}

/// The declared number or the default, when it is within the bounds of the service.
pub(super) fn bounded(
    resource: &str,
    property: &str,
    declared: Option<u32>,
    default: u32,
    bounds: RangeInclusive<u32>,
) -> Result<u32, TemplateError> {
    let number = declared.unwrap_or(default);
    if bounds.contains(&number) {
        return Ok(number);
    }
    let (min, max) = (bounds.start(), bounds.end());
    let reason = format!("`{property}` is {number}, which is not between {min} and {max}");
    Err(TemplateError::refused(resource, reason))
}
