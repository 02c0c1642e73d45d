//! The ledger's writer: what reaches its queue is in the chain of its tenant, once, or lies with its reason
//! in the dead-letter queue.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::BTreeSet;

use domain::id::TenantId;
use local::messaging::Messaging;
use serde_json::{Value, json};
use store::ledger::Appended;
use tests::World;
use tests::faults::{Fault, Faults};
use tests::ledger::{message, parsed};

fn default() -> TenantId {
    TenantId::parse("default").unwrap()
}

/// Sends messages to the queue of the ledger.
async fn send(world: &World, bodies: impl IntoIterator<Item = String>) {
    let sqs = world.system.messaging.sqs();
    for body in bodies {
        let sent = sqs.send_message().queue_url(Messaging::queue_url("AuditQueue"));
        sent.message_body(body).send().await.unwrap();
    }
}

/// What lies in a queue: bodies, with the reason that was given.
async fn letters(world: &World, queue: &str) -> Vec<(String, String)> {
    let sqs = world.system.messaging.sqs();
    let received = sqs
        .receive_message()
        .queue_url(Messaging::queue_url(queue))
        .max_number_of_messages(10)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap();
    let of = |message: &aws_sdk_sqs::types::Message| {
        let reason = message.message_attributes().and_then(|all| all.get("reason"));
        let reason = reason.and_then(|reason| reason.string_value()).unwrap_or_default();
        (message.body().unwrap().to_owned(), reason.to_owned())
    };
    received.messages().iter().map(of).collect()
}

#[tokio::test]
async fn the_sample_of_the_original_service_published_twice_lands_once() {
    let world = World::new();
    let sample = message("6f4e1a2c-cc1b-4f79-b803-b0f7d8b7f02a");
    for _ in 0..2 {
        let sns = world.system.messaging.sns();
        let topic = Messaging::topic_arn("AuditTopic");
        sns.publish().topic_arn(topic).message(sample.to_string()).send().await.unwrap();
        world.system.pump.drain().await.unwrap();
    }
    let [record] = world.records(&default()).await.try_into().unwrap();
    assert_eq!(record.record.sequence, 1);
    let written: Value = serde_json::from_slice(&record.line).unwrap();
    for (name, value) in sample.as_object().unwrap() {
        assert_eq!(&written[name], value, "{name}");
    }
    assert_eq!(world.verify(&default()).await.unwrap().head.size(), 1);
    assert!(letters(&world, "AuditDeadLetterQueue").await.is_empty());
}

#[tokio::test]
async fn what_the_core_does_is_in_the_ledger_of_its_tenant() {
    let world = World::new();
    for name in ["one", "other"] {
        let tenant = world.tenant(name).with("x-request-id", "req-1");
        let id = tenant.entity("Acme", "issuer", None).await;
        tenant.post_empty(&format!("/api/v1/entities/{id}/archive")).await.expect(200);
    }
    world.system.pump.drain().await.unwrap();
    for name in ["one", "other"] {
        let tenant = TenantId::parse(name).unwrap();
        let records = world.records(&tenant).await;
        let actions: BTreeSet<_> =
            records.iter().map(|record| record.record.message.action.as_str()).collect();
        assert_eq!(actions, ["entity.archive", "entity.create"].into());
        assert!(records.iter().all(|record| {
            let message = &record.record.message;
            message.correlation_id.as_deref() == Some("req-1") && record.record.tenant_id == tenant
        }));
        assert_eq!(world.verify(&tenant).await.unwrap().head.size(), 2);
    }
    assert!(world.records(&default()).await.is_empty());
}

#[tokio::test]
async fn what_no_chain_can_have_lies_aside_with_its_reason_and_the_others_are_recorded() {
    let world = World::new();
    let mut conflicting = message("there");
    conflicting["action"] = json!("issuer.deleted");
    let large = {
        let mut large = message("large");
        large["details"] = json!({"text": "x".repeat(60_000), "more": "y".repeat(6_000)});
        large.to_string()
    };
    let invalid = json!({"event_id": "invalid", "occurred_at": "noon"}).to_string();
    send(&world, [message("there").to_string()]).await;
    world.system.pump.drain().await.unwrap();
    let refused =
        [conflicting.to_string(), invalid.clone(), "no JSON at all".to_owned(), large.clone()];
    send(&world, refused.clone()).await;
    let small = message("large").to_string();
    send(&world, [message("there").to_string(), message("new").to_string(), small]).await;
    world.system.pump.drain().await.unwrap();
    assert_eq!(world.verify(&default()).await.unwrap().head.size(), 3);
    let letters = letters(&world, "AuditDeadLetterQueue").await;
    let found: BTreeSet<_> = letters.iter().map(|(body, _)| body.clone()).collect();
    assert_eq!(found, refused.into());
    let reason = |body: &str| &letters.iter().find(|(found, _)| found == body).unwrap().1;
    assert_eq!(reason(&conflicting.to_string()), "another event stands as `there` at sequence 1");
    assert!(reason(&invalid).contains("`occurred_at`"), "{}", reason(&invalid));
    assert!(reason(&large).contains("bytes"), "{}", reason(&large));
    // Nothing is left to be brought again.
    assert!(self::letters(&world, "AuditQueue").await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_put_aside_stays_in_the_queue() {
    let faults = Faults::none();
    let world = World::with_faults(&faults);
    send(&world, ["no JSON".to_owned(), message("new").to_string()]).await;
    faults.plan("SendMessage", [Fault::NotSent]);
    let drained = world.system.pump.drain().await.unwrap();
    assert_eq!(drained.failures, 1);
    assert_eq!(world.records(&default()).await.len(), 1);
    assert!(letters(&world, "AuditDeadLetterQueue").await.is_empty());
    world.pass_seconds(361);
    world.system.pump.drain().await.unwrap();
    assert_eq!(letters(&world, "AuditDeadLetterQueue").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_does_not_answer_costs_time_and_no_event() {
    let faults = Faults::none();
    let world = World::with_faults(&faults);
    send(&world, [message("a").to_string(), message("b").to_string()]).await;
    faults.plan("Query", [Fault::NotSent]);
    assert_eq!(world.system.pump.drain().await.unwrap().failures, 1);
    assert!(world.records(&default()).await.is_empty());
    world.pass_seconds(361);
    world.system.pump.drain().await.unwrap();
    assert_eq!(world.verify(&default()).await.unwrap().head.size(), 2);
}

#[tokio::test]
async fn a_batch_with_repeats_and_conflicts_within_itself_is_settled_in_its_order() {
    let world = World::new();
    let mut conflicting = parsed("a");
    conflicting.action = "issuer.deleted".to_owned();
    let batch = [parsed("a"), parsed("a"), conflicting, parsed("b")];
    let outcomes = world.append(&default(), &batch).await.unwrap();
    assert_eq!(
        outcomes,
        [Appended::Now(1), Appended::Before(1), Appended::Conflict(1), Appended::Now(2)]
    );
    let again = world.append(&default(), &batch).await.unwrap();
    assert_eq!(
        again,
        [Appended::Before(1), Appended::Before(1), Appended::Conflict(1), Appended::Before(2)]
    );
    assert_eq!(world.verify(&default()).await.unwrap().head.size(), 2);
}

#[tokio::test]
async fn more_than_a_segment_holds_is_appended_in_several() {
    let world = World::new();
    let messages: Vec<_> = (0..600).map(|number| parsed(&format!("e-{number}"))).collect();
    let outcomes = world.append(&default(), &messages).await.unwrap();
    assert_eq!(outcomes, (1..=600).map(Appended::Now).collect::<Vec<_>>());
    let segments = world.segments(&default()).await;
    let counts: Vec<u16> = segments.iter().map(|segment| segment.commit.count).collect();
    assert_eq!(counts, [256, 256, 88]);
    assert_eq!(world.verify(&default()).await.unwrap().head.size(), 600);
}

#[tokio::test]
async fn a_record_of_a_full_segment_costs_at_most_one_write_unit_and_a_fifth() {
    let world = World::new();
    // As large as the records that the design reckons with.
    let messages: Vec<_> = (0..256)
        .map(|number| {
            let mut message = message(&format!("0190b0c5-7e4c-7000-8000-{number:012}"));
            message["details"] = json!({"issuer_code": format!("{number:x>150}")});
            domain::ledger::message::Message::from_value(message).unwrap()
        })
        .collect();
    let tenant = default();
    let (outcomes, usage) = store::meter::measured(world.append(&tenant, &messages)).await;
    assert_eq!(outcomes.unwrap().len(), 256);
    let records = world.records(&default()).await;
    let bytes: usize = records.iter().map(|record| record.line.len()).sum();
    assert!(bytes / 256 >= 600, "{}", bytes / 256);
    let each = usage.write_units / 256.0;
    assert!((1.0..=1.2).contains(&each), "{each} WCU per record");
    // The end and the mark; the look-up; body, commit, index and mark.
    assert!(usage.round_trips <= 6, "{usage:?}");
}
