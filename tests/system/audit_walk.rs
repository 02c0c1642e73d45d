//! Every call of the verifier and the publisher, failed in every way, one at a time: the schedule comes
//! round again, and then the chain is verified and signed, and nobody was alarmed.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use audit_verify::Auditor;
use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::message::Message;
use serde_json::json;
use tests::World;
use tests::faults::{Fault, Faults};

/// Minutes after which everything must be verified.
const ROUNDS_MAX: usize = 4;

/// One run: a world, and the fault on its ways.
struct Run {
    world: World,
    faults: Faults,
    auditor: Auditor,
    tenant: TenantId,
}

impl Run {
    /// Does the work, with a fault at one call of the verifier.
    async fn of(place: usize, fault: Fault) -> Self {
        let faults = Faults::none();
        let world = World::with_faults(&faults);
        let auditor = Auditor::of(world.system.app("audit-verify").unwrap());
        let run = Self { world, faults, auditor, tenant: TenantId::parse("default").unwrap() };
        run.append("first", 3).await;
        // Only the verifier's ways are broken; what writes has its own test.
        run.faults.plan_nth(place, fault);
        run.verify("minutely").await;
        run.append("second", 254).await;
        run.verify("minutely").await;
        run.verify("full").await;
        run
    }

    /// Appends by a way that does not fail.
    async fn append(&self, name: &str, records: usize) {
        let message = |number| {
            let message = json!({
                "event_id": format!("{name}-{number}"), "source": "test", "action": "thing.done",
                "occurred_at": self.world.now(),
            });
            Message::from_value(message).unwrap()
        };
        let messages: Vec<Message> = (0..records).map(message).collect();
        let app = self.world.system.app("audit-verify").unwrap();
        let store = store::Store::new(
            self.world.system.embedded.client(),
            app.config.tables.clone(),
            domain::id::Ids::by_time(),
        );
        store.ledger_append(&self.tenant, &messages, &self.world.clock()).await.unwrap();
    }

    /// One invocation, which may fail or end.
    async fn verify(&self, run: &str) -> Option<audit_verify::Report> {
        self.world.pass_seconds(60);
        let invoked = audit_verify::handle(&self.auditor, json!({"run": run}));
        self.faults.unless_it_ends(invoked).await.and_then(Result::ok)
    }

    /// What must hold after every run.
    async fn check(&self, place: usize) {
        let store = &self.world.system.app("audit-verify").unwrap().store;
        let mut verified = false;
        for _ in 0..ROUNDS_MAX {
            let report = self.verify("full").await.unwrap();
            assert_eq!(report.faulty, 0, "call {place}: an alarm without a cause");
            verified = report.verified == 1;
            let whole = store.ledger_verified(&self.tenant, "full").await.unwrap();
            if verified && whole.is_some_and(|whole| whole.head.size() == 257) {
                break;
            }
        }
        assert!(verified, "call {place}: not verified");
        assert!(self.world.events("audit.verification.failed").await.is_empty());
        let head = store.ledger_last(&self.tenant).await.unwrap().unwrap().head();
        let notary = self.world.system.app("audit-verify").unwrap().notary.clone().unwrap();
        let key = notary.key(&self.tenant).await.unwrap();
        let note = store.ledger_signed(&self.tenant).await.unwrap().unwrap();
        let signed = Checkpoint::open(&note, &key).unwrap();
        assert_eq!((signed.size, signed.root), (257, head.frontier.root()), "call {place}");
        let promises = store.ledger_promises(&self.tenant).await.unwrap();
        assert_eq!(promises.first().map(|promise| promise.checkpoint.size), Some(257));
    }
}

/// Breaks each call in turn.
async fn walk(fault: Fault) {
    let undisturbed = Run::of(usize::MAX, Fault::None).await;
    let calls = undisturbed.faults.count();
    undisturbed.check(usize::MAX).await;
    assert!(calls > 40, "{calls} calls");
    for place in 0..calls {
        let run = Run::of(place, fault).await;
        assert!(run.faults.count() > place, "call {place} was not made");
        run.check(place).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_done_alarms_nobody() {
    walk(Fault::NotSent).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_done_although_its_answer_is_lost_alarms_nobody() {
    walk(Fault::AnswerLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_before_a_call_alarms_nobody() {
    walk(Fault::EndsBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_after_a_call_alarms_nobody() {
    walk(Fault::EndsAfter).await;
}
