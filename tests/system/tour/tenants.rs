//! The part of the walk that is about the registry of tenants.

use http::Method;
use serde_json::{Value, json};

use super::{LISTED, Tour, id};

const TENANTS: &str = "/api/v1/tenants";

fn tenant(number: u32) -> Value {
    json!({"id": id(number), "slug": format!("tenant-{number}"), "name": format!("Tenant {number}")})
}

impl Tour {
    pub(super) async fn tenants(&mut self) {
        self.post("", TENANTS, tenant(300)).await;
        self.post_keyed("with an idempotency key", TENANTS, tenant(301)).await;
        let mut body = tenant(302);
        body["external_ref"] = json!("302");
        self.post("with an external reference", TENANTS, body).await;
        let path = format!("{TENANTS}/{}", id(300));
        self.get("", &path).await;
        self.get("by slug", &format!("{TENANTS}?slug=tenant-300")).await;
        self.get("by external reference", &format!("{TENANTS}?external_ref=302")).await;
        self.patch("tier", &path, json!({"tier": "premium"})).await;
        self.patch("slug", &path, json!({"slug": "tenant-299"})).await;
        self.patch("nothing new", &path, json!({"slug": "tenant-299"})).await;
        let suspend = format!("{path}/suspend");
        self.post("", &suspend, json!({"reason": "Unpaid."})).await;
        self.ask("", Method::POST, &format!("{path}/resume"), None).await;
        for number in 303..303 + LISTED {
            self.prepare(TENANTS, tenant(number)).await;
        }
        self.get("50", TENANTS).await;
    }
}
