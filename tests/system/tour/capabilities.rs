//! Capabilities: the registry, what is held, and direct grants.

use http::Method;
use serde_json::{Value, json};

use super::{ASSIGNMENTS, Tour, assignment, id};

impl Tour {
    pub(super) async fn capabilities(&mut self) {
        let all = "/api/v1/capabilities";
        let of = |user: &str, what: &str| format!("{all}/users/{user}{what}");
        let code =
            |code: &str, on: Option<u32>| json!({"capability_code": code, "entity_id": on.map(id)});
        let sold = |on: Option<u32>| code("availability:mark_sold", on);
        self.get("50", all).await;
        self.get("", &format!("{all}/me")).await;
        let grant = of("hedy", "/grant");
        self.post("everywhere", &grant, sold(None)).await;
        self.post("on an entity", &grant, sold(Some(1))).await;
        self.post("held already", &grant, sold(Some(1))).await;
        let keyed = code("availability:read", Some(1));
        self.post_keyed("on an entity, with an idempotency key", &grant, keyed).await;
        let both: [Value; 2] =
            [710, 711].map(|number| assignment(number, ("user", "hedy"), number - 510, None));
        for body in both {
            self.prepare(ASSIGNMENTS, body).await;
        }
        self.get("3 direct grants, 2 roles", &of("hedy", "")).await;
        let check = of("hedy", "/check");
        self.ask("everywhere", Method::POST, &check, Some(sold(None))).await;
        self.ask("on an entity", Method::POST, &check, Some(sold(Some(1)))).await;
        self.ask("", Method::POST, &of("hedy", "/revoke"), Some(sold(Some(1)))).await;
    }
}
