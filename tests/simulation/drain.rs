//! The end of a run: nothing goes wrong any more, and all that was begun must come to its end.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::simulation::client::Wanted;
use crate::simulation::facts::pending;
use crate::simulation::journal::{Answer, Ending, SETTLED_MILLISECONDS};
use crate::simulation::queues::{AUDIT, AUDIT_DEAD, OUTBOX_DEAD};
use crate::simulation::rig::Rig;

/// How long it may take until everything is delivered, in milliseconds: the longest that a message is hidden,
/// some minutes of the schedules, and once more for what an operator brings back.
pub(super) const DRAIN_MILLISECONDS_MAX: u64 = 1_500_000;
/// How often it is looked whether it is.
const LOOK_MILLISECONDS: u64 = 20_000;

impl Rig {
    /// Waits until everything is delivered; how long that took, in milliseconds.
    pub(super) async fn drain(self: &Arc<Self>) -> u64 {
        self.network.set_calm(true);
        self.fleet.set_clocks();
        let began = self.network.now();
        self.pass(SETTLED_MILLISECONDS).await;
        let mut number = 0;
        loop {
            let queues = self.network.queues();
            let waiting = [AUDIT, AUDIT_DEAD, OUTBOX_DEAD].map(|name| queues.in_queue(name).len());
            let took = self.network.now() - began;
            if waiting == [0; 3] && pending(self).await == 0 {
                return took;
            }
            if took > DRAIN_MILLISECONDS_MAX {
                let pending = pending(self).await;
                let told = format!("after {took} ms {pending} rows wait, and {waiting:?} messages");
                self.journal.lock().unwrap().wrong("drains in time", told);
                return took;
            }
            for letter in queues.redrive() {
                self.redrive(&letter, number).await;
                number += 1;
            }
            self.pass(LOOK_MILLISECONDS).await;
        }
    }

    /// Has what a letter is about delivered once more, as an operator does.
    async fn redrive(self: &Arc<Self>, letter: &Value, number: u64) {
        if letter["record"] == "audit" {
            return self.network.queues().send(AUDIT, letter["entry"].clone());
        }
        let id = letter["event_id"].as_str().unwrap_or_default();
        let path = format!("/api/v1/events/{id}/replay");
        let tenant = letter["tenant_id"].as_str().unwrap_or_default();
        self.tell(tenant, format!("{tenant}.redrive.{number}"), &path, Value::Null).await;
    }

    /// A request that must be answered.
    pub(super) async fn tell(
        self: &Arc<Self>,
        tenant: &str,
        name: String,
        path: &str,
        body: Value,
    ) -> Answer {
        let is_read = path.contains('?');
        let wanted = Wanted {
            name,
            what: "at the end",
            tenant: tenant.to_owned(),
            method: if is_read { Method::GET } else { Method::POST },
            path: path.to_owned(),
            body,
            has_key: false,
            may_repeat: true,
            version: None,
        };
        match self.ask(&wanted).await.0 {
            Ending::Acknowledged(answer) => answer,
            other => {
                let told = format!("{} ended as {other:?}", wanted.name);
                self.journal.lock().unwrap().wrong("answers when nothing goes wrong", told);
                Answer { status: 0, bytes: Vec::new(), body: Value::Null, usage: <_>::default() }
            }
        }
    }

    /// Has the ledger's verifier read everything from the beginning, alone.
    pub(super) async fn verify(self: &Arc<Self>) {
        self.finish();
        self.pass(SETTLED_MILLISECONDS).await;
        let name = "audit-verify at last".to_owned();
        let report = self.work("audit-verify", name, json!({"run": "full"})).await;
        let report = report.unwrap_or_default();
        if report["faulty"] != 0 || report["unverified"] != 0 {
            let told = report.to_string();
            self.journal.lock().unwrap().wrong("the verifier raises no false alarm", told);
        }
    }
}
