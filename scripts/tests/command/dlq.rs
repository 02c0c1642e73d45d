//! `epr dlq list` and `epr dlq redrive`, over queues that are filled as anyone may, by HTTP.
#![expect(clippy::panic, reason = "a test that waits in vain fails, and says for what")]

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Server, client, event, nobody, post, run, set_state, state};

const LETTERS: &str = "OutboxDeadLetterQueue";
const AUDIT_LETTERS: &str = "AuditDeadLetterQueue";
const AUDIT: &str = "AuditQueue";

/// Calls an operation of SQS on a queue of a server.
async fn sqs(server: &Server, operation: &str, queue: &str, mut body: Value) -> Value {
    body["QueueUrl"] = json!(format!("{}/000000000000/{queue}", server.url));
    let sent = client().post(&server.url).header("x-amz-target", format!("AmazonSQS.{operation}"));
    let answer = sent.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

async fn send(server: &Server, queue: &str, body: &str) {
    let attribute = json!({"DataType": "String", "StringValue": "kept"});
    let message = json!({"MessageBody": body, "MessageAttributes": {"mark": attribute}});
    sqs(server, "SendMessage", queue, message).await;
}

/// The bodies of the messages of a queue, in order.
async fn bodies(server: &Server, queue: &str) -> Vec<String> {
    let messages = messages(server, queue).await;
    let mut bodies: Vec<_> =
        messages.iter().map(|one| one["Body"].as_str().unwrap().to_owned()).collect();
    bodies.sort_unstable();
    bodies
}

async fn messages(server: &Server, queue: &str) -> Vec<Value> {
    let asked = json!({
        "MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "MessageAttributeNames": ["All"],
    });
    let answer = sqs(server, "ReceiveMessage", queue, asked).await;
    answer["Messages"].as_array().cloned().unwrap_or_default()
}

fn letter(record: &str, tenant: &str, event_id: &str) -> Value {
    json!({
        "record": record, "tenant_id": tenant, "event_id": event_id, "event_type": "document.verified",
        "created_at": "2026-11-23T03:30:53.000000Z", "delivery_attempts": 5,
        "last_error": "the service could not be reached",
    })
}

/// An event that the ledger can take.
fn audit_event(event_id: &str, tenant: &str) -> Value {
    json!({
        "event_id": event_id, "source": "registry", "action": "entity.create", "tenant_id": tenant,
        "occurred_at": "2026-11-23T03:30:53Z",
    })
}

/// Waits until the ledger of a tenant has so many records.
async fn recorded(server: &Server, tenant: &str, count: usize) {
    for _ in 0..200 {
        let url = format!("{}/api/v1/audit/records", server.url);
        let answer = client().get(url).header("x-tenant-id", tenant).send().await.unwrap();
        let page: Value = answer.json().await.unwrap();
        if page["items"].as_array().unwrap().len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the ledger of `{tenant}` never had {count} records");
}

/// Waits until so many messages lie in a queue.
async fn lying(server: &Server, queue: &str, count: u64) {
    for _ in 0..100 {
        if waiting(server, queue) == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("`{queue}` never held {count} messages");
}

/// Runs `epr dlq` against a server.
fn dlq(server: &Server, words: &[&str]) -> (Option<i32>, String, String) {
    let (code, said, errors) = run(&[&["dlq"], words, &["--url", &server.url]].concat());
    (code, said, errors)
}

/// The lines of `epr dlq list QUEUE --json`.
fn listed(server: &Server, queue: &str) -> Vec<Value> {
    let (code, said, errors) = dlq(server, &["list", queue, "--json"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waiting messages by queue, as `epr dlq list --json` tells them.
fn waiting(server: &Server, queue: &str) -> u64 {
    let (code, said, errors) = dlq(server, &["list", "--json"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.into_iter().find(|line| line["queue"] == queue).unwrap()["waiting"].as_u64().unwrap()
}

#[test]
fn empty_queues_are_listed_with_what_fills_them() {
    let server = Server::start(None);
    let (code, said, errors) = dlq(&server, &["list"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let fields = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(fields(AUDIT_LETTERS), ["0", "0", AUDIT]);
    assert_eq!(fields(LETTERS), ["0", "0", "the", "outbox"]);
    let (code, said, _) = dlq(&server, &["list", LETTERS]);
    assert_eq!((code, said.as_str()), (Some(0), "OutboxDeadLetterQueue is empty\n"));
    let (code, said, _) = dlq(&server, &["redrive", LETTERS]);
    assert_eq!((code, said.as_str()), (Some(0), "OutboxDeadLetterQueue: 0 sent back, 0 left\n"));
    let (code, said, _) = dlq(&server, &["redrive", AUDIT_LETTERS]);
    assert_eq!((code, said.as_str()), (Some(0), "AuditDeadLetterQueue: 0 sent back, 0 left\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_letter_of_an_event_is_deleted_once_the_event_is_delivered() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(Some(folder.path()));
    let failed = post(&server.url, "acme", &event("document.verified")).await;
    let delivered = post(&server.url, "default", &event("document.verified")).await;
    server.interrupt();
    set_state(folder.path(), &[&failed], "failed").await;
    let server = Server::start(Some(folder.path()));
    let unknown = "6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a";
    for (tenant, id) in [("acme", failed.as_str()), ("default", &delivered), ("acme", unknown)] {
        send(&server, LETTERS, &letter("event", tenant, id).to_string()).await;
    }
    assert_eq!(waiting(&server, LETTERS), 3);
    let there = listed(&server, LETTERS);
    assert_eq!(there.len(), 3);
    let first = there.iter().find(|line| line["event_id"] == failed.as_str()).unwrap();
    assert_eq!((&first["kind"], &first["attempts"]), (&json!("event"), &json!(5)));
    assert_eq!(first["reason"], "the service could not be reached");
    // To look is not to take.
    let (code, said, _) = dlq(&server, &["redrive", LETTERS, "--dry-run"]);
    assert!(code == Some(0) && said.ends_with("3 would be tried again; nothing was\n"), "{said}");
    assert_eq!(
        (waiting(&server, LETTERS), state(&server.url, "acme", &failed).await),
        (3, "failed".into())
    );

    let (code, said, errors) = dlq(&server, &["redrive", LETTERS]);
    assert_eq!(
        (code, errors.as_str()),
        (Some(1), "epr: OutboxDeadLetterQueue still holds 1 of them, for the reasons above\n")
    );
    assert!(said.contains(&format!("{failed}  delivered\n")), "{said}");
    assert!(said.contains(&format!("{delivered}  was delivered meanwhile\n")), "{said}");
    assert!(
        said.contains("there is no event") && said.ends_with("2 sent back, 1 left\n"),
        "{said}"
    );
    assert_eq!(state(&server.url, "acme", &failed).await, "succeeded");
    // It is there at once for whoever comes next.
    assert_eq!(bodies(&server, LETTERS).await, [letter("event", "acme", unknown).to_string()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_entry_goes_to_its_queue_and_what_has_nowhere_to_go_stays() {
    let server = Server::start(None);
    let entry = audit_event("e-1", "acme");
    let mut whole = letter("audit", "acme", "e-1");
    whole["entry"] = entry;
    let without = letter("audit", "acme", "e-2").to_string();
    let crafted = letter("event", "acme", "../roles?").to_string();
    let stream = json!({
        "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 21},
        "DDBStreamBatchInfo": {
            "shardId": "shard-1", "startSequenceNumber": "7", "endSequenceNumber": "9", "batchSize": 3,
        },
    })
    .to_string();
    for body in [&whole.to_string(), &without, &stream, &crafted] {
        send(&server, LETTERS, body).await;
    }
    let (code, said, _) = dlq(&server, &["redrive", LETTERS]);
    assert_eq!(code, Some(1));
    assert!(said.contains("sent to the audit queue") && said.contains("--discard"), "{said}");
    assert!(said.contains("stays: its event id may hold only"), "{said}");
    recorded(&server, "acme", 1).await;
    let mut left = [without.clone(), stream, crafted.clone()];
    left.sort_unstable();
    assert_eq!(bodies(&server, LETTERS).await, left);
    let (code, said, _) = dlq(&server, &["redrive", LETTERS, "--discard"]);
    assert!(code == Some(1) && said.contains("discarded"), "{said}");
    let mut left = [without, crafted];
    left.sort_unstable();
    assert_eq!(bodies(&server, LETTERS).await, left);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_consumer_could_not_handle_goes_back_to_its_queue_whole_or_in_part() {
    let server = Server::start(None);
    for id in ["a", "b", "c"] {
        send(&server, AUDIT_LETTERS, &audit_event(id, "acme").to_string()).await;
    }
    let there = listed(&server, AUDIT_LETTERS);
    let kinds: Vec<_> =
        there.iter().map(|line| (line["kind"].clone(), line["attempts"].clone())).collect();
    assert_eq!(kinds, vec![(json!("message"), json!(5)); 3]);
    let (code, said, errors) = dlq(&server, &["redrive", AUDIT_LETTERS, "--limit", "1"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(said.ends_with("AuditDeadLetterQueue: 1 sent back, 0 left\n"), "{said}");
    assert_eq!(waiting(&server, AUDIT_LETTERS), 2);
    recorded(&server, "acme", 1).await;
    let (code, said, _) = dlq(&server, &["redrive", "auditdeadletterqueue"]);
    assert_eq!((code, said.as_str()), (Some(0), "AuditDeadLetterQueue: 2 sent back, 0 left\n"));
    recorded(&server, "acme", 3).await;
    assert_eq!(waiting(&server, AUDIT_LETTERS), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_ledger_cannot_take_lies_aside_with_its_reason_and_may_be_sent_again() {
    let server = Server::start(None);
    // It looks like a letter of an event, but it is a message that its consumer did not take.
    let body = letter("event", "acme", "e-1").to_string();
    send(&server, AUDIT, &body).await;
    lying(&server, AUDIT_LETTERS, 1).await;
    let [aside] = listed(&server, AUDIT_LETTERS).try_into().unwrap();
    assert_eq!(aside["kind"], "message");
    assert!(aside["reason"].as_str().unwrap().contains("`source` is required"), "{aside}");
    let (code, said, _) = dlq(&server, &["redrive", AUDIT_LETTERS, "--limit", "10"]);
    assert!(code == Some(0) && said.contains("e-1  sent back to its queue"), "{said}");
    // Nobody has changed it, so there it lies again, as it was.
    lying(&server, AUDIT_LETTERS, 1).await;
    assert_eq!(bodies(&server, AUDIT_LETTERS).await, [body]);
}

#[test]
fn a_queue_that_is_not_known_is_refused_with_those_that_are() {
    let nobody = nobody();
    let (code, _, said) = run(&["dlq", "list", "--url", &nobody]);
    assert!(code == Some(1) && said.contains("SQS does not answer"), "{said}");
    let (code, _, said) = run(&["dlq", "redrive", "AuditQueue"]);
    assert_eq!(code, Some(1));
    let names = "there is no dead-letter queue `AuditQueue`, but AuditDeadLetterQueue, Outbox";
    assert!(said.contains(names), "{said}");
    // On AWS nothing is asked of anyone before it is known where.
    let api = "https://abc123.execute-api.eu-west-1.amazonaws.com";
    let (code, _, said) = run(&["dlq", "list", LETTERS, "--url", api]);
    assert_eq!(code, Some(1));
    assert!(said.contains("set EPR_OUTBOX_DLQ_URL, or name it with --queue-url"), "{said}");
    let (code, _, said) = run(&["dlq", "list", LETTERS, "--queue-url", "dead-letters"]);
    assert!(code == Some(1) && said.contains("is no URL of a queue"), "{said}");
    let (code, _, said) = run(&["dlq", "redrive"]);
    assert!(code == Some(2) && said.contains("<QUEUE>"), "{said}");
}
