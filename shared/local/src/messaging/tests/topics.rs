//! SNS: fan-out, the envelope, raw delivery, filters and limits.

use super::*;
use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::operation::publish_batch::PublishBatchError;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:EventsTopic";

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

fn entry(id: &str, message: &str) -> PublishBatchRequestEntry {
    PublishBatchRequestEntry::builder().id(id).message(message).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_queue_gets_the_envelope_or_the_message_itself_as_it_subscribed() {
    let messaging = messaging();
    let request = messaging.sns().publish().topic_arn(TOPIC).message("{\"a\": \"<&>\"}");
    let request = request.subject("A subject").message_attributes("tenant_id", text("t1"));
    let request = request.message_attributes("event_type", text("entity.created"));
    let id = request.send().await.unwrap().message_id.unwrap();

    let client = messaging.sqs();
    let wrapped = receive(&client, "WorkQueue").await;
    let envelope: Value = serde_json::from_str(wrapped[0].body().unwrap()).unwrap();
    assert_eq!(
        envelope,
        json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": TOPIC,
            "Subject": "A subject",
            "Message": "{\"a\": \"<&>\"}",
            "Timestamp": "2026-11-23T03:30:53.000Z",
            "SignatureVersion": "1",
            "Signature": "bm90IHNpZ25lZCBpbiB0aGlzIHByb2Nlc3M=",
            "SigningCertURL":
                "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0000000000000000.pem",
            "UnsubscribeURL":
                "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=\
                 arn:aws:sns:us-east-1:000000000000:EventsTopic:WorkSubscription",
            "MessageAttributes": {
                "event_type": {"Type": "String", "Value": "entity.created"},
                "tenant_id": {"Type": "String", "Value": "t1"},
            },
        })
    );
    assert_eq!(wrapped[0].message_attributes(), None);

    let raw = receive(&client, "RawQueue").await;
    assert_eq!(bodies(&raw), ["{\"a\": \"<&>\"}"]);
    let attributes = raw[0].message_attributes().unwrap();
    assert_eq!(attributes["event_type"].string_value(), Some("entity.created"));
    assert_eq!(attributes["tenant_id"].data_type(), "String");
}

#[tokio::test(start_paused = true)]
async fn a_filter_policy_decides_by_attributes() {
    let messaging = messaging();
    for (message, event_type, tenant) in [
        ("1", Some("entity.created"), Some("t1")),
        ("2", Some("entity.updated"), Some("t1")),
        ("3", Some("role.updated"), Some("t1")),
        ("4", Some("role.updated"), Some("t-hidden")),
        ("5", None, Some("t1")),
        ("6", Some("role.updated"), None),
    ] {
        let request = messaging.sns().publish().topic_arn(TOPIC).message(message);
        let request = match event_type {
            Some(value) => request.message_attributes("event_type", text(value)),
            None => request,
        };
        let request = match tenant {
            Some(value) => request.message_attributes("tenant_id", text(value)),
            None => request,
        };
        request.send().await.unwrap();
    }
    let client = messaging.sqs();
    assert_eq!(bodies(&receive(&client, "RawQueue").await), ["1", "3"]);
    assert_eq!(receive(&client, "WorkQueue").await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_what_is_sound_is_published_and_the_rest_is_named() {
    let messaging = messaging();
    let request = messaging.sns().publish_batch().topic_arn(TOPIC);
    let number = MessageAttributeValue::builder().data_type("Number").string_value("many");
    let bad = PublishBatchRequestEntry::builder().id("bad").message("x");
    let bad = bad.message_attributes("n", number.build().unwrap()).build().unwrap();
    let request = request.publish_batch_request_entries(entry("a", "1"));
    let request = request.publish_batch_request_entries(entry("none", ""));
    let request = request.publish_batch_request_entries(bad);
    let answer = request.publish_batch_request_entries(entry("b", "2")).send().await.unwrap();
    let sent: Vec<_> = answer.successful().iter().map(|entry| entry.id().unwrap()).collect();
    assert_eq!(sent, ["a", "b"]);
    let failed: Vec<_> = answer
        .failed()
        .iter()
        .map(|entry| (entry.id(), entry.code(), entry.sender_fault()))
        .collect();
    assert_eq!(
        failed,
        [("none", "InvalidParameter", true), ("bad", "ParameterValueInvalid", true)]
    );
    let received = receive(&messaging.sqs(), "WorkQueue").await;
    let envelope: Value = serde_json::from_str(received[1].body().unwrap()).unwrap();
    assert_eq!(envelope["Message"], "2");
    assert_eq!(envelope["MessageId"], answer.successful()[1].message_id().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_at_most_ten_entries_of_256_kib_together_each_with_its_own_id() {
    let messaging = messaging();
    let publish = async |entries: Vec<PublishBatchRequestEntry>| {
        let request = messaging.sns().publish_batch().topic_arn(TOPIC);
        let request = request.set_publish_batch_request_entries(Some(entries));
        request.send().await.unwrap_err().into_service_error()
    };
    let eleven = (0..11).map(|number| entry(&number.to_string(), "x")).collect();
    let error = publish(eleven).await;
    assert!(
        matches!(error, PublishBatchError::TooManyEntriesInBatchRequestException(_)),
        "{error:?}"
    );
    let half = "x".repeat(128 * 1024);
    let error = publish(vec![entry("a", &half), entry("b", &half), entry("c", "x")]).await;
    assert!(matches!(error, PublishBatchError::BatchRequestTooLongException(_)), "{error:?}");
    let error = publish(vec![entry("a", "x"), entry("a", "x")]).await;
    assert!(matches!(error, PublishBatchError::BatchEntryIdsNotDistinctException(_)), "{error:?}");
    assert!(receive(&messaging.sqs(), "WorkQueue").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_refused_in_the_services_own_words() {
    let client = messaging().sns();
    let request = client.publish().topic_arn("arn:aws:sns:us-east-1:000000000000:NoTopic");
    let error = request.message("x").send().await.unwrap_err().into_service_error();
    assert!(matches!(error, PublishError::NotFoundException(_)), "{error:?}");
    let error = client.create_topic().name("New").send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("InvalidAction"));
    let long = "x".repeat(256 * 1024 + 1);
    let error = client.publish().topic_arn(TOPIC).message(long).send().await.unwrap_err();
    let error = error.into_service_error();
    assert!(matches!(error, PublishError::InvalidParameterException(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn topics_and_their_subscriptions_can_be_listed() {
    let client = messaging().sns();
    let topics = client.list_topics().send().await.unwrap();
    assert_eq!(topics.topics()[0].topic_arn(), Some(TOPIC));
    let answer = client.list_subscriptions_by_topic().topic_arn(TOPIC).send().await.unwrap();
    let endpoints: Vec<_> =
        answer.subscriptions().iter().map(|one| one.endpoint().unwrap()).collect();
    assert_eq!(
        endpoints,
        [
            "arn:aws:sqs:us-east-1:000000000000:RawQueue",
            "arn:aws:sqs:us-east-1:000000000000:WorkQueue",
        ]
    );
}
