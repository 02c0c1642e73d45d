//! What clients ask between their changes: who may do what, and for checkpoints of the ledger.

use http::Method;
use serde_json::{Value, json};

use crate::simulation::client::Wanted;
use crate::simulation::journal::Ending;
use crate::simulation::oracle::{ACTIONS, Asking, ENTITIES, Known, USERS};
use crate::simulation::workload::Client;

/// How far back an answer that need not be fresh may look, in milliseconds.
const MINIMIZED_MILLISECONDS: u64 = 1_050;
/// Capacity units that one decision may read, with nothing in memory and two groups.
const DECISION_RCU_MAX: f64 = 25.0;
impl Client {
    /// Asks for a checkpoint, which is signed then where the chain has grown since the last one.
    async fn checkpoint(&self, name: &str) {
        let wanted = Wanted {
            name: format!("{name}.c"),
            what: "checkpoint",
            tenant: self.tenant.to_owned(),
            method: Method::GET,
            path: "/api/v1/audit/checkpoint".into(),
            body: Value::Null,
            has_key: false,
            may_repeat: false,
            version: None,
        };
        let (Ending::Acknowledged(answer), _) = self.rig.ask(&wanted).await else { return };
        let told = &answer.body["checkpoint"];
        if let (Some(size), Some(root)) = (told["size"].as_u64(), told["root"].as_str()) {
            let told = (self.tenant.to_owned(), size, root.to_owned());
            self.rig.journal.lock().unwrap().checkpoints.push(told);
        }
    }

    /// Asks who may do what, and holds the answer against what is known.
    pub(super) async fn question(&self, name: &str) {
        if self.rig.roll(&format!("{name} looks at the ledger")).is_multiple_of(5) {
            return self.checkpoint(name).await;
        }
        let name = format!("{name}.q");
        let (user, entity) =
            (self.pick(&name, "user", &USERS), self.pick(&name, "entity", &ENTITIES));
        let action = self.pick(&name, "action", &ACTIONS);
        let way = self.pick(&name, "way", &["fresh", "fresh", "strong", "minimize_latency"]);
        let wanted = Wanted {
            name: name.clone(),
            what: "authorize",
            tenant: self.tenant.to_owned(),
            method: Method::POST,
            path: "/api/v1/authorize".into(),
            body: json!({"user_id": user, "action": action, "resource_id": entity, "consistency": way}),
            has_key: false,
            may_repeat: false,
            version: None,
        };
        let from = self.rig.network.now();
        let (Ending::Acknowledged(answer), _) = self.rig.ask(&wanted).await else { return };
        let until = self.rig.network.now();
        let from = if way == "minimize_latency" {
            from.saturating_sub(MINIMIZED_MILLISECONDS)
        } else {
            from
        };
        let mut journal = self.rig.journal.lock().unwrap();
        let asking = Asking { journal: &journal, tenant: self.tenant, from, until };
        let known = asking.may(user, action, entity);
        journal.questions.0 += 1;
        journal.questions.1 += u64::from(known != Known::Either);
        let is_allowed = answer.body["authorized"] == true;
        let told = format!("{name}: {user} {action} {entity} ({way}) is {is_allowed}");
        match (known, is_allowed) {
            (Known::No, true) => journal.wrong("no stale allow", told),
            (Known::Yes, false) => journal.wrong("no stale denial", told),
            _ => {}
        }
        let read = answer.usage.read_units;
        if read > DECISION_RCU_MAX {
            journal.wrong("cost within budget", format!("{name} read {read} units"));
        }
    }
}
