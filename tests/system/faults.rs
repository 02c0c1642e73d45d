//! Faults on the way to the tables: what the table refuses for now is tried again, what nobody knows the
//! outcome of is settled, and what cannot be settled is told as a 503 that gives nothing away.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use futures::future::join_all;
use http::Method;
use serde_json::json;
use store::COMMIT_ATTEMPTS_MAX;
use tests::faults::{Fault, Faults};
use tests::{Reply, Tenant, World};

use crate::samples::{Sample, samples};
use crate::tables::{assert_same, count, count_of_kind, tables};

const WRITE: &str = "TransactWriteItems";

/// The faults after which nothing was done.
const NOT_DONE: [Fault; 11] = [
    Fault::NotSent,
    Fault::Refused("TransactionCanceledException", Some("TransactionConflict")),
    Fault::Refused("TransactionCanceledException", Some("ThrottlingError")),
    Fault::Refused("TransactionCanceledException", Some("ProvisionedThroughputExceeded")),
    Fault::Refused("TransactionInProgressException", None),
    Fault::Refused("ThrottlingException", None),
    Fault::Refused("ProvisionedThroughputExceededException", None),
    Fault::Refused("RequestLimitExceeded", None),
    Fault::Refused("InternalServerError", None),
    Fault::Broken(500),
    Fault::Broken(503),
];

/// A world whose way to the tables can fail, and its default tenant.
fn faulty() -> (Faults, World, Tenant) {
    let faults = Faults::none();
    let world = World::with_faults(&faults);
    let tenant = world.default_tenant();
    (faults, world, tenant)
}

/// A fault that happens to every attempt of a write.
fn every_time(fault: &Fault) -> Vec<Fault> {
    vec![*fault; COMMIT_ATTEMPTS_MAX as usize]
}

/// Checks that an answer says to come back later, and nothing of what is below.
#[track_caller]
fn assert_unavailable(reply: &Reply, faults: &Faults, what: impl std::fmt::Debug) {
    assert_eq!(reply.status, 503, "{what:?}: {}", reply.text);
    reply.expect_problem(503, "unavailable");
    assert_eq!(reply.header("retry-after"), Some("1"), "{what:?}");
    let lower = reply.text.to_lowercase();
    for inner in ["dynamo", "transact", "item", "throttl", "planned", "network", "html", "table"] {
        assert!(!lower.contains(inner), "{what:?}: {}", reply.text);
    }
    assert_eq!(faults.left(), 0, "{what:?}");
}

/// Checks that one entity was created, with all that belongs to it, and no more.
async fn assert_one_entity(world: &World, what: impl std::fmt::Debug) {
    let stored = tables(world).await;
    for kind in ["entity", "entity-name", "event", "audit-outbox"] {
        assert_eq!(count_of_kind(&stored, kind), 1, "{kind} after {what:?}");
    }
}

fn new_entity() -> serde_json::Value {
    json!({"name": "Acme", "type": "issuer"})
}

#[tokio::test]
async fn a_write_that_fails_for_now_is_sent_again_and_done_once() {
    let conflict = Fault::Refused("TransactionCanceledException", Some("TransactionConflict"));
    let last_chance = [(conflict, COMMIT_ATTEMPTS_MAX as usize - 1)];
    let twice = NOT_DONE.into_iter().chain([Fault::AnswerLost]).map(|fault| (fault, 2));
    let each = twice.chain(last_chance).map(async |(fault, times)| {
        let (faults, world, tenant) = faulty();
        faults.plan(WRITE, vec![fault; times]);
        let created = tenant.post("/api/v1/entities", new_entity()).await;
        assert_eq!(created.status, 201, "{fault:?}: {}", created.text);
        assert_eq!(created.header("idempotency-replayed"), None);
        assert_eq!(faults.left(), 0, "{fault:?}");
        assert_one_entity(&world, fault).await;
    });
    join_all(each).await;
}

#[tokio::test]
async fn a_write_that_fails_every_time_is_a_503_and_has_no_effect() {
    let each = NOT_DONE.iter().map(async |fault| {
        let (faults, world, tenant) = faulty();
        let before = tables(&world).await;
        faults.plan(WRITE, every_time(fault));
        let keyed = tenant.with("idempotency-key", "k");
        let refused = keyed.post("/api/v1/entities", new_entity()).await;
        assert_unavailable(&refused, &faults, fault);
        assert_same(&before, &tables(&world).await, "a refused write");

        let later = keyed.post("/api/v1/entities", new_entity()).await;
        assert_eq!(later.status, 201, "{fault:?}: {}", later.text);
        assert_one_entity(&world, fault).await;
    });
    join_all(each).await;
}

#[tokio::test]
async fn every_operation_whose_answers_are_all_lost_is_answered_from_its_receipt() {
    let count_of_samples = samples(&World::new().default_tenant()).await.len();
    let each = (0..count_of_samples).map(async |number| {
        let (faults, world, tenant) = faulty();
        let sample: Sample = samples(&tenant).await.remove(number);
        let before = tables(&world).await;
        faults.plan(WRITE, every_time(&Fault::AnswerLost));
        let keyed = tenant.with("idempotency-key", "k");
        let settled = sample.send(&keyed).await;
        assert_eq!(settled.status, sample.status, "{sample:?}: {}", settled.text);
        assert_eq!(settled.header("idempotency-replayed"), Some("true"), "{sample:?}");
        assert_eq!(faults.left(), 0, "{sample:?}");
        let after = tables(&world).await;
        for (attribute, value) in sample.leaves() {
            let (was, is) = (count(&before, attribute, value), count(&after, attribute, value));
            assert_eq!(is, was + 1, "{value} of {sample:?}");
        }
        let again = sample.send(&keyed).await;
        assert_eq!((again.status, again.text), (settled.status, settled.text), "{sample:?}");
        assert_same(&after, &tables(&world).await, "the same once more");
    });
    join_all(each).await;
}

#[tokio::test]
async fn a_write_of_unknown_outcome_without_a_readable_receipt_is_settled_by_the_next_request() {
    let (faults, world, tenant) = faulty();
    let keyed = tenant.with("idempotency-key", "k");
    faults.plan(WRITE, every_time(&Fault::AnswerLost));
    faults.plan("GetItem", [Fault::NotSent]);
    let unknown = keyed.post("/api/v1/entities", new_entity()).await;
    assert_unavailable(&unknown, &faults, "all answers lost");
    let later = keyed.post("/api/v1/entities", new_entity()).await;
    later.expect(201);
    assert_eq!(later.header("idempotency-replayed"), Some("true"));
    assert_one_entity(&world, "a replay").await;
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_does_not_meet_itself_as_another_ones() {
    let (faults, _, tenant) = faulty();
    let id = tenant.entity("Acme", "issuer", None).await;
    let path = format!("/api/v1/entities/{id}");
    faults.plan(WRITE, [Fault::AnswerLost]);
    let changed =
        tenant.clone().with("if-match", "\"1\"").patch(&path, json!({"name": "Ace"})).await;
    assert_eq!(changed.expect(200)["version"], 2);
    faults.plan(WRITE, [Fault::NotSent, Fault::AnswerLost]);
    let archived = tenant.post_empty(&format!("{path}/archive")).await;
    assert_eq!(archived.expect(200)["version"], 3);
    assert_eq!(tenant.get(&path).await.expect(200)["version"], 3);
    assert_eq!(faults.left(), 0);
}

/// A line of entities from its root down, with a role that someone holds on the root.
async fn line(tenant: &Tenant, length: usize) -> Vec<String> {
    let mut line: Vec<String> = Vec::new();
    for level in 0..length {
        let parent = line.last().map(String::as_str);
        line.push(tenant.entity(&format!("level {level}"), "spv", parent).await);
    }
    let role = tenant.role("Reader", &["document:read"], &[]).await;
    tenant.assign("grace", &role, Some(&line[0])).await;
    line
}

fn may(user: &str, resource: &str) -> String {
    let asked = json!({
        "user_id": user, "action": "document:read", "resource_id": resource,
        // So that everything is read, however much is remembered.
        "consistency": "strong",
    });
    asked.to_string()
}

#[tokio::test]
async fn a_read_that_fails_is_a_503() {
    let (faults, _, tenant) = faulty();
    let line = line(&tenant, 3).await;
    let entity = format!("/api/v1/entities/{}", line[0]);
    let reads = [
        (Method::GET, entity.as_str(), None, "GetItem"),
        (Method::GET, "/readyz", None, "GetItem"),
        (Method::GET, "/api/v1/entities", None, "Query"),
        (Method::GET, "/api/v1/roles", None, "Query"),
        (Method::POST, "/api/v1/authorize", Some(may("grace", &line[2])), "GetItem"),
        (Method::POST, "/api/v1/authorize", Some(may("grace", &line[2])), "Query"),
        (Method::POST, "/api/v1/authorize", Some(may("grace", &line[2])), "BatchGetItem"),
    ];
    let failing = [
        Fault::NotSent,
        Fault::AnswerLost,
        Fault::Refused("ThrottlingException", None),
        Fault::Refused("ProvisionedThroughputExceededException", None),
        Fault::Refused("RequestLimitExceeded", None),
        Fault::Refused("InternalServerError", None),
        Fault::Broken(500),
        Fault::Broken(503),
    ];
    for (method, path, body, operation) in reads {
        for fault in &failing {
            faults.plan(operation, [*fault]);
            let failed = tenant.send(method.clone(), path, body.clone()).await;
            assert_unavailable(&failed, &faults, (path, operation, fault));
        }
        tenant.send(method, path, body).await.expect(200);
    }
}

#[tokio::test]
async fn what_a_batch_leaves_unread_is_read_to_the_end() {
    let (faults, _, tenant) = faulty();
    let line = line(&tenant, 8).await;
    let last = line.last().unwrap();
    faults.plan("BatchGetItem", [Fault::ReadOnly(3), Fault::ReadOnly(0), Fault::ReadOnly(2)]);
    assert!(tenant.may("grace", "document:read", last).await);
    assert_eq!(faults.left(), 0);
    faults.plan("BatchGetItem", [Fault::ReadOnly(1)]);
    assert!(!tenant.may("grace", "document:write", last).await);
    assert_eq!(faults.left(), 0);
}

#[tokio::test]
async fn a_batch_that_is_never_read_to_the_end_is_a_503_and_no_answer() {
    let (faults, _, tenant) = faulty();
    let line = line(&tenant, 3).await;
    // Of a built-in role nothing is read: the one batch is that of the ancestors, of which one is read and
    // the other never.
    tenant.assign("auditor", "system:auditor", None).await;
    faults.plan(
        "BatchGetItem",
        std::iter::once(Fault::ReadOnly(1)).chain(vec![Fault::ReadOnly(0); 7]),
    );
    let body = may("auditor", &line[2]);
    let failed = tenant.send(Method::POST, "/api/v1/authorize", Some(body)).await;
    assert_unavailable(&failed, &faults, "keys left unread");
}

/// The transaction has moved the epoch; what was to follow it did not happen. The change is done and not
/// acknowledged; asked for again it is, and no decision is made by what was before.
#[tokio::test]
async fn a_role_change_whose_epoch_cannot_be_moved_again_is_not_acknowledged_and_counts_all_the_same()
 {
    let (faults, _, tenant) = faulty();
    let line = line(&tenant, 2).await;
    let role = tenant.role("Writer", &["document:write"], &[]).await;
    tenant.assign("ada", &role, Some(&line[0])).await;
    assert!(tenant.may("ada", "document:write", &line[1]).await);
    let (path, none) = (format!("/api/v1/roles/{role}"), json!({"permissions": []}));
    faults.plan("UpdateItem", [Fault::NotSent]);
    let failed = tenant.patch(&path, none.clone()).await;
    assert_unavailable(&failed, &faults, "the epoch not moved again");
    assert!(!tenant.may("ada", "document:write", &line[1]).await);
    tenant.patch(&path, none).await.expect(200);
}
