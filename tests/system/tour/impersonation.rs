//! Impersonation: begun and stopped.

use serde_json::json;

use super::Tour;

const START: &str = "/admin/impersonate/start";

impl Tour {
    pub(super) async fn impersonation(&mut self) {
        let start = json!({"user_id": "bob", "reason": "Ticket 789"});
        let begun = self.tenant.post(START, start.clone()).await;
        self.post("", START, start.clone()).await;
        self.post_keyed("with an idempotency key", START, start).await;
        let stop = json!({"impersonation_id": begun.body["impersonation_id"]});
        self.post("", "/admin/impersonate/stop", stop).await;
    }
}
