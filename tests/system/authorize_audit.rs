//! Which decisions the audit ledger hears of, and what becomes of those that do not get there.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use api::AuditDecisions;
use serde_json::{Value, json};
use tests::faults::{Fault, Faults};
use tests::ledger::queued;
use tests::{Tenant, World};

const AUTHORIZE: &str = "/api/v1/authorize";

/// A world in which alice may read one thing, by a way that is watched.
async fn world(audits: AuditDecisions) -> (World, Tenant, Faults, String) {
    let faults = Faults::none_but_watched();
    let world = World::auditing(audits, &faults);
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let reader = tenant.role("Reader", &["document:read"], &[]).await;
    tenant.assign("alice", &reader, Some(&acme)).await;
    sent(&faults);
    (world, tenant, faults, acme)
}

/// The entries that were sent since this was last asked, each call by itself.
fn sent(faults: &Faults) -> Vec<Vec<Value>> {
    let sends = faults.calls().into_iter().filter(|call| call.operation == "SendMessageBatch");
    let entries = |body: Value| {
        let entries = body["Entries"].as_array().unwrap().iter();
        let texts = entries.map(|entry| entry["MessageBody"].as_str().unwrap().parse().unwrap());
        texts.collect()
    };
    sends.map(|call| entries(call.body)).collect()
}

fn outcomes(sent: &[Vec<Value>]) -> Vec<&str> {
    sent.iter().flatten().map(|entry| entry["details"]["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_decision_whose_inputs_were_read_is_told_once_and_one_that_was_remembered_is_not() {
    let (_, tenant, faults, acme) = world(AuditDecisions::Misses).await;
    assert!(tenant.may("alice", "document:read", &acme).await);
    assert_eq!(outcomes(&sent(&faults)), ["allow"]);
    assert!(!tenant.may("alice", "document:write", &acme).await, "known, whatever the action");
    assert!(tenant.may("alice", "document:read", &acme).await);
    assert!(sent(&faults).is_empty());
    // What may have changed is read again.
    let writer = tenant.role("Writer", &["document:write"], &[]).await;
    tenant.assign("alice", &writer, Some(&acme)).await;
    sent(&faults);
    assert!(tenant.may("alice", "document:write", &acme).await);
    assert_eq!(outcomes(&sent(&faults)), ["allow"]);
    let strong = json!({
        "user_id": "alice", "action": "document:read", "resource_id": acme, "consistency": "strong",
    });
    tenant.post(AUTHORIZE, strong).await.expect(200);
    assert_eq!(outcomes(&sent(&faults)), ["allow"]);
}

#[tokio::test]
async fn what_is_told_can_be_chosen() {
    for (audits, told) in [
        (AuditDecisions::None, vec![]),
        (AuditDecisions::Denies, vec!["deny", "deny"]),
        (AuditDecisions::All, vec!["allow", "allow", "deny", "deny"]),
    ] {
        let (_, tenant, faults, acme) = world(audits).await;
        for action in ["document:read", "document:read", "document:write", "document:write"] {
            tenant.may("alice", action, &acme).await;
        }
        assert_eq!(outcomes(&sent(&faults)), told, "{audits:?}");
    }
}

#[tokio::test]
async fn an_entry_says_who_asked_about_whom_and_the_ledger_takes_it() {
    let (world, tenant, faults, acme) = world(AuditDecisions::All).await;
    let asker = tenant.clone().with("x-request-id", "req-7");
    assert!(asker.may("alice", "document:read", &acme).await);
    let entry = sent(&faults).concat().remove(0);
    let said = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        [
            "source",
            "action",
            "actor_id",
            "actor_type",
            "entity_id",
            "entity_type",
            "correlation_id"
        ]
        .map(said),
        [
            "entity_permissions_core",
            "authorization.evaluate",
            "local",
            "service",
            &acme,
            "issuer",
            "req-7"
        ]
    );
    let details = &entry["details"];
    assert_eq!(
        (&details["principal_type"], &details["principal_id"], &details["action"]),
        (&json!("user"), &json!("alice"), &json!("document:read"))
    );
    assert!(details["assignment_id"].is_string() && details["role_id"].is_string(), "{details}");
    let appended = world.invoke("audit-append", queued([entry.clone(), entry])).await;
    assert_eq!(appended["batchItemFailures"], json!([]));
    let records = tenant.get("/api/v1/audit/records?action=authorization.evaluate").await;
    let records = records.expect(200)["items"].as_array().unwrap().clone();
    assert_eq!(records.len(), 1, "sent twice, told once: {records:?}");
}

#[tokio::test]
async fn a_batch_is_told_by_ten_in_calls_side_by_side() {
    let (_, tenant, faults, acme) = world(AuditDecisions::All).await;
    let check = json!({"user_id": "alice", "action": "document:read", "resource_id": acme});
    let unknown = json!({"user_id": "alice", "action": "document:read", "resource_id": "nothing"});
    let mut checks = vec![check; 24];
    checks.push(unknown);
    tenant.post(&format!("{AUTHORIZE}/batch"), json!({ "checks": checks })).await.expect(200);
    let calls: Vec<usize> = sent(&faults).iter().map(Vec::len).collect();
    assert_eq!(calls, [10, 10, 4], "and nothing of what could not be decided");
}

#[tokio::test]
async fn every_evaluation_of_authzen_is_told_also_of_what_nothing_here_can_be() {
    let (_, tenant, faults, acme) = world(AuditDecisions::Denies).await;
    let long = "é".repeat(70_000);
    let evaluations = json!([
        {"subject": {"type": "user", "id": "alice"}, "action": {"name": "document:read"},
         "resource": {"type": "issuer", "id": acme}},
        {"subject": {"type": "not a type", "id": "x"}, "action": {"name": "document:read"},
         "resource": {"type": "issuer", "id": acme}},
        {"subject": {"type": "user", "id": "alice"}, "action": {"name": "no \" action"},
         "resource": {"type": "planet", "id": long}},
    ]);
    let asked = json!({ "evaluations": evaluations });
    tenant.post("/access/v1/evaluations", asked).await.expect(200);
    let told = sent(&faults).concat();
    let reasons: Vec<_> = told.iter().map(|entry| &entry["details"]["reason"]).collect();
    assert_eq!(reasons, ["unknown_principal", "action_not_granted"]);
    assert_eq!(told[0]["entity_id"], json!(acme));
    assert_eq!(told[1]["entity_id"], Value::Null, "nothing of that name is stored");
    assert!(told[1].to_string().len() < 4_096, "what a caller makes up is cut");
}

#[tokio::test]
async fn searches_tell_nothing() {
    let (_, tenant, faults, acme) = world(AuditDecisions::All).await;
    let asked = json!({"user_id": "alice", "resource_id": acme});
    tenant.post(&format!("{AUTHORIZE}/search/actions"), asked).await.expect(200);
    assert!(sent(&faults).is_empty());
}

#[tokio::test]
async fn the_answer_does_not_depend_on_the_queue() {
    for fault in [Fault::NotSent, Fault::AnswerLost, Fault::Broken(503)] {
        let (_, tenant, faults, acme) = world(AuditDecisions::All).await;
        faults.plan("SendMessageBatch", [fault]);
        assert!(tenant.may("alice", "document:read", &acme).await, "{fault:?}");
        assert_eq!(faults.left(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_does_not_answer_is_waited_for_half_a_second_and_no_longer() {
    let (_, tenant, faults, acme) = world(AuditDecisions::All).await;
    faults.plan("SendMessageBatch", [Fault::Silent]);
    let began = tokio::time::Instant::now();
    assert!(tenant.may("alice", "document:read", &acme).await);
    let waited = began.elapsed().as_millis();
    assert!((500..600).contains(&waited), "{waited} ms");
}
