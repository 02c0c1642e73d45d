//! From a topic to the queues that subscribe to it: filters, and the envelope.

use super::super::attributes::{ATTRIBUTES_MAX, Attributes};
use super::super::fault::Fault;
use super::super::{Attribute, Messaging, Outgoing};
use super::publishing::Published;
use crate::moment::with_milliseconds;
use crate::names;
use crate::template::{Filter, Subscription};
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// In place of a signature: there is no key here whose certificate a subscriber could fetch.
const SIGNATURE: &str = "bm90IHNpZ25lZCBpbiB0aGlzIHByb2Nlc3M=";
const CERTIFICATE: &str =
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0000000000000000.pem";

/// What SNS sends to a queue.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    r#type: &'static str,
    message_id: &'a str,
    topic_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    message: &'a str,
    timestamp: String,
    signature_version: &'static str,
    signature: &'static str,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: &'static str,
    #[serde(rename = "UnsubscribeURL")]
    unsubscribe_url: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<&'a str, EnvelopeAttribute<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EnvelopeAttribute<'a> {
    r#type: &'a str,
    value: &'a str,
}

impl Messaging {
    /// Puts messages into the queues that subscribe to `topic`, all or none.
    pub(super) fn deliver(&self, topic: &str, messages: &[Published]) -> Result<(), Fault> {
        let now = self.clock().now();
        let mut deliveries = Vec::new();
        for message in messages {
            for subscription in self.0.subscriptions.iter().filter(|one| one.topic == topic) {
                if !lets_through(subscription, message) {
                    continue;
                }
                if subscription.raw && message.attributes.len() > ATTRIBUTES_MAX {
                    // As deployed: a queue refuses so many, and SNS gives up at once.
                    let (subscription, message) = (&subscription.id, &message.id);
                    tracing::warn!(subscription, message, "raw_message_discarded");
                    continue;
                }
                let outgoing = outgoing(subscription, message, now);
                deliveries.push((subscription.queue.as_str(), outgoing));
            }
        }
        self.send(&deliveries)?;
        Ok(())
    }
}

fn lets_through(subscription: &Subscription, message: &Published) -> bool {
    match &subscription.filter {
        None => true,
        Some(Filter::Attributes(pattern)) => pattern.matches(&filterable(&message.attributes)),
        Some(Filter::Body(pattern)) => {
            serde_json::from_str(&message.text).is_ok_and(|body| pattern.matches(&body))
        }
    }
}

/// The attributes as filter policies see them. Binary ones cannot be filtered by.
fn filterable(attributes: &Attributes) -> Value {
    let value = |attribute: &Attribute| {
        let text = attribute.string_value.as_deref()?;
        match attribute.data_type.as_str() {
            "String.Array" | "Number" => serde_json::from_str(text).ok(),
            _ => Some(Value::from(text)),
        }
    };
    attributes
        .iter()
        .filter_map(|(name, attribute)| Some((name.clone(), value(attribute)?)))
        .collect()
}

fn outgoing(subscription: &Subscription, message: &Published, now: Timestamp) -> Outgoing {
    if subscription.raw {
        let attributes = message.attributes.clone();
        return Outgoing { attributes, ..Outgoing::plain(message.text.clone()) };
    }
    let envelope = Envelope {
        r#type: "Notification",
        message_id: &message.id,
        topic_arn: names::topic_arn(&subscription.topic),
        subject: message.subject.as_deref(),
        message: &message.text,
        timestamp: with_milliseconds(now),
        signature_version: "1",
        signature: SIGNATURE,
        signing_cert_url: CERTIFICATE,
        unsubscribe_url: format!(
            "https://sns.{}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={}",
            names::REGION,
            names::subscription_arn(&subscription.topic, &subscription.id)
        ),
        message_attributes: message.attributes.iter().filter_map(enveloped).collect(),
    };
    Outgoing::plain(serde_json::to_string(&envelope).unwrap_or_default())
}

fn enveloped<'a>(
    (name, attribute): (&'a String, &'a Attribute),
) -> Option<(&'a str, EnvelopeAttribute<'a>)> {
    let value = attribute.string_value.as_deref().or(attribute.binary_value.as_deref())?;
    Some((name, EnvelopeAttribute { r#type: &attribute.data_type, value }))
}
