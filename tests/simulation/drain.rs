//! The end of a run: nothing goes wrong any more, and all that was begun must come to its end.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::simulation::client::Wanted;
use crate::simulation::facts::Facts;
use crate::simulation::fault::one_of;
use crate::simulation::journal::{Answer, Ending, SETTLED_MILLISECONDS};
use crate::simulation::oracle::{ACTIONS, Asking, ENTITIES, Known, USERS};
use crate::simulation::queues::{AUDIT, AUDIT_DEAD, OUTBOX_DEAD};
use crate::simulation::rig::Rig;
use crate::simulation::workload::TENANTS;

/// How long it may take until everything is delivered, in milliseconds: the longest that a message is hidden,
/// some minutes of the schedules, and once more for what an operator brings back.
pub(super) const DRAIN_MILLISECONDS_MAX: u64 = 1_500_000;
/// How often it is looked whether it is.
const LOOK_MILLISECONDS: u64 = 20_000;
/// Searches of each tenant that are held against checks.
const SEARCHES: u64 = 3;

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
            let pending = Facts::of(self).await.pending();
            let took = self.network.now() - began;
            if pending == 0 && waiting == [0; 3] {
                return took;
            }
            if took > DRAIN_MILLISECONDS_MAX {
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
    async fn tell(self: &Arc<Self>, tenant: &str, name: String, path: &str, body: Value) -> Answer {
        let wanted = Wanted {
            name,
            what: "at the end",
            tenant: tenant.to_owned(),
            method: Method::POST,
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

    /// Holds what searches list against what checks say, and both against what is known.
    pub(super) async fn compare_lists(self: &Arc<Self>) {
        for (tenant, number) in
            TENANTS.into_iter().flat_map(|one| (0..SEARCHES).map(move |n| (one, n)))
        {
            let name = format!("{tenant}.list.{number}");
            let user = one_of(&USERS, self.roll(&format!("{name} user"))).unwrap();
            let action = one_of(&ACTIONS, self.roll(&format!("{name} action"))).unwrap();
            let body = json!({"user_id": user, "action": action, "type": "issuer", "limit": 200});
            let path = "/api/v1/authorize/search/resources";
            let listed = self.tell(tenant, name.clone(), path, body).await;
            let listed = listed.body["items"].as_array().cloned().unwrap_or_default();
            let check = |entity| json!({"user_id": user, "action": action, "resource_id": entity});
            let checks = ENTITIES.map(check);
            let body = json!({"checks": checks});
            let from = self.network.now();
            let path = "/api/v1/authorize/batch";
            let checked = self.tell(tenant, format!("{name}.checks"), path, body).await;
            let until = self.network.now();
            let mut journal = self.journal.lock().unwrap();
            for (place, entity) in ENTITIES.into_iter().enumerate() {
                let is_listed = listed.iter().any(|item| item["id"] == entity);
                let is_allowed = checked.body["items"][place]["authorized"] == true;
                let asking = Asking { journal: &journal, tenant, from, until };
                let known = asking.may(user, action, entity);
                let told = format!(
                    "{name}: {user} {action} {entity}: listed {is_listed}, allowed {is_allowed}, known {known:?}"
                );
                if is_listed != is_allowed {
                    journal.wrong("listed if and only if allowed", told);
                } else if known == Known::No && is_allowed {
                    journal.wrong("no stale allow", told);
                } else if known == Known::Yes && !is_allowed {
                    journal.wrong("no stale denial", told);
                }
            }
        }
    }

    /// Has the ledger's verifier read everything from the beginning.
    pub(super) async fn verify(self: &Arc<Self>) {
        let report =
            self.work("audit-verify", "the last run".to_owned(), json!({"run": "full"})).await;
        let report = report.unwrap_or_default();
        if report["faulty"] != 0 || report["unverified"] != 0 {
            let told = report.to_string();
            self.journal.lock().unwrap().wrong("the verifier raises no false alarm", told);
        }
    }
}
