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

#[tokio::test(start_paused = true)]
async fn other_processes_reach_the_same_queues_over_http() {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    let messaging = messaging();
    let call = async |target: Option<&str>, body: &str| {
        let mut request = http::Request::post("/");
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = messaging.router().oneshot(request).await.unwrap();
        let error = response.headers().get("x-amzn-query-error").cloned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (error, String::from_utf8(body.to_vec()).unwrap())
    };
    let form = "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A0%3AEventsTopic&Message=hi";
    let (error, published) = call(None, form).await;
    assert!(error.is_none() && published.starts_with("<PublishResponse "), "{published}");
    let receive = r#"{"QueueUrl": "http://localhost/000000000000/WorkQueue"}"#;
    let (error, received) = call(Some("AmazonSQS.ReceiveMessage"), receive).await;
    assert!(error.is_none() && received.contains("Notification"), "{received}");
    let missing = r#"{"QueueUrl": "http://localhost/000000000000/NoQueue"}"#;
    let (error, _) = call(Some("AmazonSQS.ReceiveMessage"), missing).await;
    assert_eq!(error.unwrap(), "AWS.SimpleQueueService.NonExistentQueue;Sender");

    let from_a_page = http::Request::post("/").header("origin", "http://example.com");
    let request = from_a_page.body(Body::from(form)).unwrap();
    let response = messaging.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), http::StatusCode::FORBIDDEN);
}
