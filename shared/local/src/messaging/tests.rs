//! The real SDK clients on the template's topics and queues.

mod queues;
mod topics;

use super::*;
use crate::example::{clock, flow};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use std::time::Duration;

fn messaging() -> Messaging {
    Messaging::memory(&flow(), clock()).unwrap()
}

async fn send(client: &aws_sdk_sqs::Client, queue: &str, body: &str) {
    let request = client.send_message().queue_url(Messaging::queue_url(queue));
    request.message_body(body).send().await.unwrap();
}

/// Up to ten messages, with everything that can be asked for.
async fn receive(client: &aws_sdk_sqs::Client, queue: &str) -> Vec<Message> {
    let request = client.receive_message().queue_url(Messaging::queue_url(queue));
    let request = request.max_number_of_messages(10).wait_time_seconds(0);
    let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
    request.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

async fn delete(client: &aws_sdk_sqs::Client, queue: &str, message: &Message) {
    let request = client.delete_message().queue_url(Messaging::queue_url(queue));
    request.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
}

/// How many messages are visible and how many in flight.
async fn counts(client: &aws_sdk_sqs::Client, queue: &str) -> (String, String) {
    let request = client.get_queue_attributes().queue_url(Messaging::queue_url(queue));
    let answer = request.attribute_names(QueueAttributeName::All).send().await.unwrap();
    let attributes = answer.attributes.unwrap();
    (
        attributes[&QueueAttributeName::ApproximateNumberOfMessages].clone(),
        attributes[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible].clone(),
    )
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}
