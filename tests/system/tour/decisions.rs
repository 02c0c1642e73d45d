//! Decisions and searches.

use http::Method;
use serde_json::json;

use super::{ASSIGNMENTS, ENTITIES, Tour, assignment, entity, id, may};

impl Tour {
    pub(super) async fn decisions(&mut self) {
        self.prepare(ASSIGNMENTS, assignment(700, ("user", "global"), 200, None)).await;
        self.prepare(ASSIGNMENTS, assignment(701, ("user", "two"), 200, Some(1))).await;
        self.prepare(ASSIGNMENTS, assignment(702, ("user", "two"), 201, Some(2))).await;
        self.prepare(ASSIGNMENTS, assignment(703, ("group", "crowd"), 200, Some(1))).await;
        let path = "/api/v1/authorize";
        self.post("a global role, at a root", path, may("global", 20)).await;
        self.post("two roles, 4 deep", path, may("two", 4)).await;
        let mut explained = may("two", 4);
        explained["explain"] = true.into();
        self.post("two roles, 4 deep, explained", path, explained).await;
        self.post("two roles, 16 deep", path, may("two", 16)).await;
        self.post("through a group, 4 deep", path, may("grace", 4)).await;
        self.post("through three nested groups, 4 deep", path, may("edsger", 4)).await;
        self.post("an unknown principal, at a root", path, may("nobody", 20)).await;
        let batch = format!("{path}/batch");
        let of_one = (1..=16).cycle().take(100).map(|on| may("two", on)).collect::<Vec<_>>();
        self.post("100 of one principal, on 16 entities", &batch, json!({"checks": of_one})).await;
        let of_ten = (0..10).map(|n| may(&format!("holder-{n}"), 20)).collect::<Vec<_>>();
        self.post("10 of 10 principals, on one", &batch, json!({"checks": of_ten})).await;

        // Whoever stands below something that was moved finds its hint wrong from there on.
        self.prepare(ENTITIES, entity(40, "issuer", None)).await;
        self.prepare_line(40).await;
        let (path_of_41, new_parent) =
            (format!("{ENTITIES}/{}", id(41)), json!({"parent_id": id(20)}));
        self.tenant.patch(&path_of_41, new_parent).await.expect(200);
        self.post("a global role, 4 deep below what was moved", path, may("global", 43)).await;
        let conditional = json!({
            "id": id(303), "name": "Role number 303",
            "permissions": [{"action": "document:verify", "condition": "resource.properties.region == context.region"}],
        });
        self.prepare(super::ROLES, conditional).await;
        self.prepare(ASSIGNMENTS, assignment(705, ("user", "conditional"), 303, Some(1))).await;
        let mut in_region = may("conditional", 4);
        in_region["context"] = json!({"region": "EU"});
        self.post("on a condition, 4 deep", path, in_region).await;
        self.searches().await;
    }

    async fn searches(&mut self) {
        let path = "/api/v1/authorize/search";
        let (resources, principals) = (format!("{path}/resources"), format!("{path}/principals"));
        let of_type = |user: &str, kind: &str| json!({"user_id": user, "action": "document:verify", "type": kind});
        // The first page that has a next one also makes the tenant's secret that seals cursors.
        let fresh = self.world.tenant("fresh");
        for number in 1..=2 {
            fresh.post(ENTITIES, entity(number, "issuer", None)).await.expect(201);
        }
        fresh.assign("root", "system:admin", None).await;
        let mut first = of_type("root", "issuer");
        first["limit"] = json!(1);
        let case = "1 of a type, the tenant's first page";
        self.ask_as(&fresh, case, Method::POST, &resources, Some(first)).await;
        self.post("50 of a type, by a global role", &resources, of_type("global", "offering"))
            .await;
        self.post("a tree of 80, 51 of the type", &resources, of_type("two", "offering")).await;
        let on = |number: u32| json!({"action": "document:verify", "resource_id": id(number)});
        self.post("50 on an entity, each by its own", &principals, on(20)).await;
        self.post("50 in a group, 4 deep", &principals, on(4)).await;
        let all = assignment(704, ("agent", "*"), 200, Some(21));
        self.prepare(ASSIGNMENTS, all).await;
        let mut open = on(21);
        open["principal_type"] = json!("agent");
        self.post("none known of a type that may", &principals, open).await;
        let asked = json!({"user_id": "two", "resource_id": id(4)});
        self.post("two roles, 4 deep", &format!("{path}/actions"), asked).await;
        self.access("").await;
        self.access("/default").await;
    }

    /// The same in the language of AuthZEN.
    async fn access(&mut self, base: &str) {
        let two = json!({"type": "user", "id": "two"});
        let (verify, on) =
            (json!({"name": "document:verify"}), json!({"type": "spv", "id": id(4)}));
        let path = |path: &str| format!("{base}/access/v1/{path}");
        let question = json!({"subject": two, "action": verify, "resource": on});
        self.post("two roles, 4 deep", &path("evaluation"), question.clone()).await;
        let mut foreign = question.clone();
        foreign["resource"] = json!({"type": "route", "id": "/orders/{id}"});
        self.post("of what is not stored", &path("evaluation"), foreign).await;
        let mut several = question.clone();
        several["evaluations"] = json!(vec![json!({"action": {"name": "document:download"}}); 50]);
        self.post("50 of one subject, on one", &path("evaluations"), several).await;
        self.post("50 in a group, 4 deep", &path("search/subject"), question.clone()).await;
        let mut offerings = question.clone();
        offerings["resource"] = json!({"type": "offering"});
        let case = "a tree of 80, 51 of the type";
        self.post(case, &path("search/resource"), offerings).await;
        self.post("two roles, 4 deep", &path("search/action"), question).await;
        self.get("", &format!("/.well-known/authzen-configuration{base}")).await;
    }
}
