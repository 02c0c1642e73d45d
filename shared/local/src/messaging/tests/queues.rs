//! SQS: visibility, receipts, dead letters, batches, long polls, and what survives a restart.

use super::*;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::change_message_visibility::ChangeMessageVisibilityError;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, SendMessageBatchRequestEntry,
    SendMessageBatchResultEntry,
};
use aws_smithy_types::Blob;
use tokio::time::Instant;

const WORK: &str = "WorkQueue";
const DEAD: &str = "DeadQueue";

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_received_message_is_hidden_until_its_visibility_ends_or_it_is_deleted() {
    let client = messaging().sqs();
    send(&client, WORK, "a").await;
    let first = receive(&client, WORK).await;
    assert_eq!(bodies(&first), ["a"]);
    assert_eq!(counts(&client, WORK).await, ("0".to_owned(), "1".to_owned()));
    pass(59).await;
    assert!(receive(&client, WORK).await.is_empty());
    pass(1).await;
    let second = receive(&client, WORK).await;
    let attribute = |message: &Message, name| message.attributes().unwrap()[&name].clone();
    let count = MessageSystemAttributeName::ApproximateReceiveCount;
    assert_eq!(attribute(&first[0], count.clone()), "1");
    assert_eq!(attribute(&second[0], count), "2");
    let sent = attribute(&second[0], MessageSystemAttributeName::SentTimestamp);
    assert_eq!(sent, "1795404653000");
    assert_ne!(first[0].receipt_handle(), second[0].receipt_handle());

    // A receipt that is not the newest deletes nothing.
    delete(&client, WORK, &first[0]).await;
    assert_eq!(counts(&client, WORK).await.1, "1");
    delete(&client, WORK, &second[0]).await;
    assert_eq!(counts(&client, WORK).await, ("0".to_owned(), "0".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn visibility_can_be_changed_while_a_message_is_in_flight() {
    let client = messaging().sqs();
    send(&client, WORK, "a").await;
    let received = receive(&client, WORK).await;
    let change = |receipt: &str, seconds| {
        let request = client.change_message_visibility().queue_url(Messaging::queue_url(WORK));
        request.receipt_handle(receipt).visibility_timeout(seconds).send()
    };
    let receipt = received[0].receipt_handle().unwrap();
    change(receipt, 300).await.unwrap();
    pass(299).await;
    assert!(receive(&client, WORK).await.is_empty());
    change(receipt, 0).await.unwrap();
    let error = change(receipt, 10).await.unwrap_err().into_service_error();
    assert!(matches!(error, ChangeMessageVisibilityError::MessageNotInflight(_)), "{error:?}");
    assert_eq!(receive(&client, WORK).await.len(), 1);
    let error = change("nonsense", 10).await.unwrap_err().into_service_error();
    assert!(matches!(error, ChangeMessageVisibilityError::ReceiptHandleIsInvalid(_)), "{error:?}");
    let error = change(receipt, 43_201).await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("InvalidParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn a_message_received_too_often_becomes_a_dead_letter_and_can_be_moved_back() {
    let client = messaging().sqs();
    send(&client, WORK, "poison").await;
    for _ in 0..2 {
        assert_eq!(receive(&client, WORK).await.len(), 1);
        pass(60).await;
    }
    assert!(receive(&client, WORK).await.is_empty());
    let dead = receive(&client, DEAD).await;
    assert_eq!(bodies(&dead), ["poison"]);
    let source =
        &dead[0].attributes().unwrap()[&MessageSystemAttributeName::DeadLetterQueueSourceArn];
    assert_eq!(source, "arn:aws:sqs:us-east-1:000000000000:WorkQueue");
    pass(30).await;

    send(&client, DEAD, "from nowhere").await;
    let dead_arn = "arn:aws:sqs:us-east-1:000000000000:DeadQueue";
    client.start_message_move_task().source_arn(dead_arn).send().await.unwrap();
    let back = receive(&client, WORK).await;
    assert_eq!(bodies(&back), ["poison"]);
    assert_ne!(back[0].message_id(), dead[0].message_id());
    assert_eq!(bodies(&receive(&client, DEAD).await), ["from nowhere"]);
    let moves = client.list_message_move_tasks().source_arn(dead_arn).send().await.unwrap();
    let done = &moves.results()[0];
    assert_eq!((done.status(), done.approximate_number_of_messages_moved()), (Some("FAILED"), 1));
    assert_eq!(done.failure_reason(), Some("CouldNotDetermineMessageSource"));
    let work_arn = "arn:aws:sqs:us-east-1:000000000000:WorkQueue";
    let error = client.start_message_move_task().source_arn(work_arn).send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("InvalidParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_the_queue_keeps_is_gone() {
    let client = messaging().sqs();
    send(&client, WORK, "a").await;
    pass(4 * 86_400).await;
    assert_eq!(counts(&client, WORK).await.0, "1");
    pass(1).await;
    assert!(receive(&client, WORK).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_is_hidden_at_first() {
    let client = messaging().sqs();
    let request = client.send_message().queue_url(Messaging::queue_url(WORK)).message_body("late");
    request.delay_seconds(900).send().await.unwrap();
    pass(899).await;
    assert!(receive(&client, WORK).await.is_empty());
    pass(1).await;
    assert_eq!(bodies(&receive(&client, WORK).await), ["late"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_what_is_sound_is_sent_and_the_rest_is_named() {
    let client = messaging().sqs();
    let request = client.send_message_batch().queue_url(Messaging::queue_url(WORK));
    let late = SendMessageBatchRequestEntry::builder().id("late").message_body("x");
    let late = late.delay_seconds(901).build().unwrap();
    let request = request.entries(entry("a", "1")).entries(entry("bad", "\u{1}"));
    let answer = request.entries(late).entries(entry("b", "2")).send().await.unwrap();
    let sent: Vec<_> = answer.successful().iter().map(SendMessageBatchResultEntry::id).collect();
    assert_eq!(sent, ["a", "b"]);
    let failed: Vec<_> = answer
        .failed()
        .iter()
        .map(|entry| (entry.id(), entry.code(), entry.sender_fault()))
        .collect();
    assert_eq!(
        failed,
        [("bad", "InvalidMessageContents", true), ("late", "InvalidParameterValue", true)]
    );
    let received = receive(&client, WORK).await;
    assert_eq!(bodies(&received), ["1", "2"]);
    assert_eq!(received[0].message_id(), Some(answer.successful()[0].message_id()));

    let deletions = received.iter().zip(["x", "y"]).map(|(message, id)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
    });
    let request = client.delete_message_batch().queue_url(Messaging::queue_url(WORK));
    let deleted = request.set_entries(Some(deletions.collect())).send().await.unwrap();
    assert_eq!((deleted.successful().len(), deleted.failed().len()), (2, 0));
    assert_eq!(counts(&client, WORK).await, ("0".to_owned(), "0".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_at_most_ten_entries_of_256_kib_together_each_with_its_own_id() {
    let client = messaging().sqs();
    let send = async |entries: Vec<SendMessageBatchRequestEntry>| {
        let request = client.send_message_batch().queue_url(Messaging::queue_url(WORK));
        let error = request.set_entries(Some(entries)).send().await.unwrap_err();
        error.into_service_error()
    };
    let eleven = (0..11).map(|number| entry(&number.to_string(), "x")).collect();
    let error = send(eleven).await;
    assert!(matches!(error, SendMessageBatchError::TooManyEntriesInBatchRequest(_)), "{error:?}");
    let half = "x".repeat(128 * 1024);
    let error = send(vec![entry("a", &half), entry("b", &half), entry("c", "x")]).await;
    assert!(matches!(error, SendMessageBatchError::BatchRequestTooLong(_)), "{error:?}");
    let error = send(vec![entry("a", "x"), entry("a", "x")]).await;
    assert!(matches!(error, SendMessageBatchError::BatchEntryIdsNotDistinct(_)), "{error:?}");
    let error = send(vec![entry("a b", "x")]).await;
    assert!(matches!(error, SendMessageBatchError::InvalidBatchEntryId(_)), "{error:?}");
    let error = send(vec![]).await;
    assert!(matches!(error, SendMessageBatchError::EmptyBatchRequest(_)), "{error:?}");
    assert!(receive(&client, WORK).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn fingerprints_are_those_that_the_service_documents() {
    let client = messaging().sqs();
    let text = MessageAttributeValue::builder().data_type("String").string_value("entity.created");
    let binary = MessageAttributeValue::builder().data_type("Binary");
    let binary = binary.binary_value(Blob::new([1, 2, 3])).build().unwrap();
    let request = client.send_message().queue_url(Messaging::queue_url(WORK)).message_body("body");
    let request = request.message_attributes("kind", text.build().unwrap());
    let sent = request.message_attributes("blob", binary.clone()).send().await.unwrap();
    // By md5sum over the bytes that the documentation spells out.
    assert_eq!(sent.md5_of_message_body(), Some("841a2d689ad86bd1611447453c22c6fc"));
    assert_eq!(sent.md5_of_message_attributes(), Some("efca773c37c19a65959ac6308984e451"));
    let received = receive(&client, WORK).await;
    assert_eq!(received[0].md5_of_body(), sent.md5_of_message_body());
    assert_eq!(received[0].md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert_eq!(received[0].message_attributes().unwrap()["blob"], binary);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_when_a_message_arrives_and_when_its_time_is_over() {
    let messaging = messaging();
    let client = messaging.sqs();
    let poll = || {
        let request = client.receive_message().queue_url(Messaging::queue_url(WORK));
        request.wait_time_seconds(20).send()
    };
    let started = Instant::now();
    assert_eq!(poll().await.unwrap().messages, None);
    assert_eq!(started.elapsed().as_secs(), 20);

    let started = Instant::now();
    let (polled, ()) = tokio::join!(poll(), async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        send(&messaging.sqs(), WORK, "a").await;
    });
    assert_eq!(bodies(polled.unwrap().messages()), ["a"]);
    assert_eq!(started.elapsed().as_secs(), 7);

    // A message in flight that comes back ends a poll too.
    pass(50).await;
    let started = Instant::now();
    assert_eq!(bodies(poll().await.unwrap().messages()), ["a"]);
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_refused_in_the_services_own_words() {
    let client = messaging().sqs();
    let request = client.receive_message().queue_url(Messaging::queue_url("NoQueue"));
    let error = request.send().await.unwrap_err().into_service_error();
    assert!(matches!(error, ReceiveMessageError::QueueDoesNotExist(_)), "{error:?}");
    let error = client.create_queue().queue_name("New").send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("UnknownOperationException"));
    let url = client.get_queue_url().queue_name(WORK).send().await.unwrap();
    assert_eq!(url.queue_url(), Some("http://embedded.invalid/000000000000/WorkQueue"));
    let found = client.list_queues().queue_name_prefix("D").send().await.unwrap();
    assert_eq!(found.queue_urls(), ["http://embedded.invalid/000000000000/DeadQueue"]);
}

#[tokio::test(start_paused = true)]
async fn a_purge_empties_a_queue() {
    let client = messaging().sqs();
    send(&client, WORK, "a").await;
    send(&client, DEAD, "b").await;
    client.purge_queue().queue_url(Messaging::queue_url(WORK)).send().await.unwrap();
    assert!(receive(&client, WORK).await.is_empty());
    assert_eq!(bodies(&receive(&client, DEAD).await), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn messages_in_a_folder_survive_the_process_and_what_it_had_in_flight_is_handled_by_the_next()
{
    let folder = tempfile::tempdir().unwrap();
    let (template, clock) = (flow(), clock());
    let open = || {
        let embedded = Embedded::open(folder.path()).unwrap();
        Messaging::beside(&embedded, &template, clock.clone()).unwrap()
    };
    let messaging = open();
    let client = messaging.sqs();
    send(&client, WORK, "in flight").await;
    let held = receive(&client, WORK).await;
    send(&client, WORK, "waiting").await;
    messaging.set_position("mapping", "42").unwrap();
    // The folder is in use for as long as a client can write.
    drop(messaging);
    assert!(matches!(
        Embedded::open(folder.path()),
        Err(crate::embedded::EmbeddedError::InUse { .. })
    ));
    drop(client);

    let messaging = open();
    let client = messaging.sqs();
    assert_eq!(messaging.position("mapping").unwrap().as_deref(), Some("42"));
    assert_eq!(counts(&client, WORK).await, ("2".to_owned(), "0".to_owned()));
    let again = receive(&client, WORK).await;
    assert_eq!(bodies(&again), ["in flight", "waiting"]);
    let counted = &again[0].attributes.as_ref().unwrap()
        [&MessageSystemAttributeName::ApproximateReceiveCount];
    assert_eq!((counted.as_str(), again[0].message_id()), ("1", held[0].message_id()));
}
