//! Whatever is done to a chain behind its back is found by the next runs, told once, and with its place.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::{Commit, Head, append};
use domain::ledger::note::VerifierKey;
use domain::ledger::segment::{Body, Segment};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;

use crate::audit_verify::{Item, Ledger, commit_place, messages};

#[tokio::test(start_paused = true)]
async fn an_edited_body_is_found() {
    let ledger = Ledger::of_five_segments().await;
    let (two, other) = (ledger.commit(2).await, ledger.commit(4).await);
    let segments = ledger.app.store.ledger_segments(&ledger.tenant, 2).await.unwrap();
    let body = segments[0].body.clone().unwrap();
    let lines = Segment::decode(&body).unwrap();
    let edit = |line: &[u8]| {
        String::from_utf8(line.to_vec()).unwrap().replace("thing.done", "thing.undone")
    };
    let lines: Vec<Vec<u8>> =
        lines.records().into_iter().map(|line| edit(line).into_bytes()).collect();
    ledger.put_body(&two.body.to_string(), Body::encode(&lines).unwrap().0.bytes).await;
    let found = ledger.found().await;
    Ledger::check(&found, "body_edited", 4, 6);
    assert_eq!((&found["fault"]["segment"], other.number), (&json!(2), 4));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_edited_before_it_was_verified_is_named() {
    let ledger = Ledger::of_five_segments().await;
    ledger.append("fresh", 3).await;
    let six = ledger.commit(6).await;
    let segments = ledger.app.store.ledger_segments(&ledger.tenant, 6).await.unwrap();
    let lines = Segment::decode(segments[0].body.as_deref().unwrap()).unwrap();
    let mut lines: Vec<Vec<u8>> = lines.records().into_iter().map(<[u8]>::to_vec).collect();
    lines[1] = String::from_utf8(lines[1].clone()).unwrap().replace("thing", "thong").into_bytes();
    ledger.put_body(&six.body.to_string(), Body::encode(&lines).unwrap().0.bytes).await;
    let found = ledger.found().await;
    Ledger::check(&found, "record_edited", 17, 17);
    assert_eq!(found["fault"]["event_id"], "fresh-1");
}

#[tokio::test(start_paused = true)]
async fn an_edited_commit_is_found() {
    let ledger = Ledger::of_five_segments().await;
    let commit = Commit { root: ledger.commit(4).await.root, ..ledger.commit(2).await };
    ledger.put_commit(&commit).await;
    Ledger::check(&ledger.found().await, "commit_edited", 4, 6);
}

#[tokio::test(start_paused = true)]
async fn a_commit_missing_in_the_middle_is_found() {
    let ledger = Ledger::of_five_segments().await;
    ledger.delete("audit-chain", &commit_place(3)).await;
    let found = ledger.found().await;
    Ledger::check(&found, "segment", 7, 9);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_tail_is_found() {
    let ledger = Ledger::of_five_segments().await;
    ledger.delete("audit-chain", &commit_place(5)).await;
    Ledger::check(&ledger.found().await, "tail_missing", 13, 15);
}

#[tokio::test(start_paused = true)]
async fn a_tail_deleted_with_its_checkpoint_and_its_promise_is_found() {
    let ledger = Ledger::of_five_segments().await;
    ledger.delete("audit-chain", &commit_place(5)).await;
    ledger.delete("audit-checkpoints", &format!("signed/{:020}", 15)).await;
    ledger.delete("audit-checkpoints", &format!("promise/{:020}", 12)).await;
    Ledger::check(&ledger.found().await, "tail_missing", 13, 15);
}

#[tokio::test(start_paused = true)]
async fn a_chain_deleted_with_all_that_was_made_of_it_is_found() {
    let ledger = Ledger::of_five_segments().await;
    for item in ledger.world.items("AuditTable").await {
        let pk = item["pk"].as_str().unwrap().strip_prefix("7:default/").unwrap();
        ledger.delete(pk, item["sk"].as_str().unwrap()).await;
    }
    Ledger::check(&ledger.found().await, "chain_missing", 1, 15);
}

#[tokio::test(start_paused = true)]
async fn an_inserted_record_is_found() {
    let ledger = Ledger::of_five_segments().await;
    let before = ledger.commit(2).await.head();
    let at = ledger.commit(3).await.recorded_at;
    let mut with_one_more = messages("e2", 3);
    with_one_more.extend(messages("inserted", 1));
    let segment = append(&before, &ledger.tenant, &with_one_more, at).unwrap();
    ledger.put_segment(&segment).await;
    // Every hash of it is right, but the next segment follows another entry.
    Ledger::check(&ledger.found().await, "unlinked", 11, 13);
}

#[tokio::test(start_paused = true)]
async fn swapped_segments_are_found() {
    let ledger = Ledger::of_five_segments().await;
    let segments = ledger.app.store.ledger_segments(&ledger.tenant, 2).await.unwrap();
    let name = |place: usize| segments[place].commit.body.to_string();
    ledger.put_body(&name(0), segments[1].body.clone().unwrap()).await;
    ledger.put_body(&name(1), segments[0].body.clone().unwrap()).await;
    Ledger::check(&ledger.found().await, "sequence", 4, 4);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_appended_twice_is_found() {
    let ledger = Ledger::of_five_segments().await;
    let at = ledger.world.clock().now();
    let again = append(&ledger.head().await, &ledger.tenant, &messages("e0", 1), at).unwrap();
    ledger.put_segment(&again).await;
    let found = ledger.found().await;
    Ledger::check(&found, "duplicate_event", 16, 16);
    assert_eq!(found["fault"]["kind"]["first"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_suffix_with_all_its_hashes_is_found() {
    let ledger = Ledger::of_five_segments().await;
    ledger.rewrite_from(4).await;
    Ledger::check(&ledger.found().await, "rewritten", 13, 15);
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_suffix_that_goes_on_is_found() {
    let ledger = Ledger::of_five_segments().await;
    ledger.rewrite_from(4).await;
    ledger.append("after", 2).await;
    Ledger::check(&ledger.found().await, "unlinked", 16, 17);
}

#[tokio::test(start_paused = true)]
async fn a_chain_rewritten_from_its_beginning_with_all_its_hashes_is_found() {
    let ledger = Ledger::of_five_segments().await;
    ledger.rewrite_from(1).await;
    Ledger::check(&ledger.found().await, "rewritten", 13, 15);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_of_the_checkpoint_is_found() {
    let ledger = Ledger::of_five_segments().await;
    ledger.delete("audit-checkpoints", &format!("signed/{:020}", 15)).await;
    Ledger::check(&ledger.found().await, "rollback", 13, 15);
}

#[tokio::test(start_paused = true)]
async fn a_second_signed_checkpoint_of_a_size_is_found() {
    let ledger = Ledger::of_five_segments().await;
    let root = ledger.commit(4).await.root;
    ledger.sign(&Checkpoint { root, ..ledger.signed().await }).await;
    Ledger::check(&ledger.found().await, "split_view", 1, 15);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_of_another_key_is_found() {
    let mut ledger = Ledger::of_five_segments().await;
    let checkpoint = ledger.signed().await;
    ledger.key = SigningKey::from_bytes(&[7; 32]);
    let foreign = ledger.key.sign(checkpoint.text_to_sign().as_bytes()).to_bytes();
    let name = VerifierKey::new(&checkpoint.origin, ledger.key.verifying_key().as_bytes());
    let note = checkpoint.with_signature(&name.unwrap(), &foreign).unwrap().to_string();
    let item = Item::from([("note".to_owned(), AttributeValue::S(note))]);
    ledger.put("audit-checkpoints", &format!("signed/{:020}", 15), item).await;
    Ledger::check(&ledger.found().await, "checkpoint_forged", 1, 1);
}

#[tokio::test(start_paused = true)]
async fn a_back_dated_record_is_found() {
    let ledger = Ledger::of_five_segments().await;
    let head = Head { recorded_at: None, ..ledger.head().await };
    let at = ledger.world.clock().now().plus_seconds(-100_000);
    let segment = append(&head, &ledger.tenant, &messages("late", 1), at).unwrap();
    ledger.put_segment(&segment).await;
    Ledger::check(&ledger.found().await, "back_dated", 16, 16);
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_left_out_a_body_is_found() {
    let ledger = Ledger::of_five_segments().await;
    let body = ledger.commit(2).await.body;
    ledger.delete(&format!("audit-body/64:{body}"), "body").await;
    Ledger::check(&ledger.found().await, "body_missing", 4, 6);
}

#[tokio::test(start_paused = true)]
async fn an_edited_tile_is_found() {
    let ledger = Ledger::new();
    ledger.append("t", 600).await;
    assert_eq!(ledger.run("minutely").await.verified, 1);
    let tile = Item::from([("bytes".to_owned(), AttributeValue::B(Blob::new(vec![7; 8_192])))]);
    ledger.put("audit-tile/1:0/1:1", "tile/256", tile).await;
    Ledger::check(&ledger.found().await, "tile_edited", 257, 512);
}
