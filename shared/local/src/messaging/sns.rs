//! The operations of SNS, in its query protocol: a form comes in, XML goes out.
//!
//! **Invariant:** what is not listed is refused as unknown rather than half supported. Topics and
//! subscriptions come from the template.

mod delivery;
mod form;
mod publishing;

use super::Messaging;
use super::fault::Fault;
use crate::names;
use form::Form;
use uuid::Uuid;

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

pub(super) fn perform(messaging: &Messaging, body: &[u8]) -> Result<String, Fault> {
    let form = Form::read(body);
    let operation = form.text("Action").unwrap_or_default();
    let result = match operation {
        "ListSubscriptionsByTopic" => messaging.list_subscriptions(&form),
        "ListTopics" => Ok(messaging.list_topics()),
        "Publish" => messaging.publish(&form),
        "PublishBatch" => messaging.publish_batch(&form),
        _ => Err(Fault::new(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2010-03-31"),
        )),
    }?;
    Ok(format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{operation}Response>",
        Uuid::new_v4()
    ))
}

/// The XML of a refusal.
pub(super) fn error(fault: &Fault) -> String {
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{}</Type>{}{}</Error><RequestId>{}\
         </RequestId></ErrorResponse>",
        if fault.is_the_senders() { "Sender" } else { "Receiver" },
        element("Code", &fault.code),
        element("Message", &fault.message),
        Uuid::new_v4()
    )
}

impl Messaging {
    fn list_topics(&self) -> String {
        let member = |id: &String| {
            format!("<member>{}</member>", element("TopicArn", &names::topic_arn(id)))
        };
        format!("<Topics>{}</Topics>", self.0.topics.iter().map(member).collect::<String>())
    }

    fn list_subscriptions(&self, form: &Form) -> Result<String, Fault> {
        let topic = self.topic(form)?;
        let subscriptions = self.0.subscriptions.iter().filter(|one| one.topic == topic);
        let members: String = subscriptions
            .map(|one| {
                format!(
                    "<member>{}{}{}{}{}</member>",
                    element("TopicArn", &names::topic_arn(topic)),
                    element("Protocol", "sqs"),
                    element("SubscriptionArn", &names::subscription_arn(topic, &one.id)),
                    element("Owner", names::ACCOUNT),
                    element("Endpoint", &names::queue_arn(&one.queue)),
                )
            })
            .collect();
        Ok(format!("<Subscriptions>{members}</Subscriptions>"))
    }

    /// The logical id of the topic that a request is about.
    fn topic(&self, form: &Form) -> Result<&str, Fault> {
        let arn = form.text("TopicArn").ok_or_else(|| {
            Fault::new(
                "InvalidParameter",
                "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
            )
        })?;
        self.0.topics.get(names::id_in(arn)).map(String::as_str).ok_or_else(Fault::no_topic)
    }
}

/// An XML element with text, which may hold anything that a sender wrote.
fn element(name: &str, text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<{name}>{escaped}</{name}>")
}
