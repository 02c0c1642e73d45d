//! One walk through every operation: each case with what it cost and which calls it made.
//!
//! Whatever the tour makes has an id of its own choosing, so that it falls on the same shards every time
//! and costs the same every time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use api::Trail;
use domain::capability::Capability;
use http::Method;
use local::system::functions;
use serde_json::{Value, json};
use store::meter::Usage;
use tests::faults::{Call, Faults};
use tests::{Tenant, World};
use tokio::sync::OnceCell;

mod audit;
mod capabilities;
mod decisions;
mod impersonation;
mod tenants;

/// Things in each list: more than a page.
const LISTED: u32 = 60;

/// One request of the tour.
#[derive(Debug)]
pub(crate) struct Step {
    /// The function that answered.
    pub(crate) function: &'static str,
    /// The operation's id.
    pub(crate) operation: &'static str,
    /// What tells it from other requests of the operation.
    pub(crate) case: &'static str,
    /// What it cost.
    pub(crate) usage: Usage,
    /// The calls it made to DynamoDB.
    pub(crate) calls: Vec<Call>,
}

/// An operation, as the functions declare it.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The function that serves it.
    pub(crate) function: &'static str,
    /// Its id.
    pub(crate) id: &'static str,
    /// Its method.
    pub(crate) method: Method,
    /// Its path, with parameters in braces.
    pub(crate) path: &'static str,
    /// Whether it may change something.
    pub(crate) mutates: bool,
    /// What its caller must be allowed.
    pub(crate) needs: Option<Capability>,
    /// What it says that it leaves behind.
    pub(crate) trail: Option<Trail>,
}

/// Every operation of every function.
pub(crate) fn operations() -> Vec<Operation> {
    let of_function = |routes: api::Routes| {
        let function = routes.function;
        routes.endpoints.into_iter().map(move |endpoint| Operation {
            function,
            id: (endpoint.operation)().id,
            method: endpoint.method.clone(),
            path: endpoint.path,
            mutates: endpoint.mutates(),
            needs: endpoint.needs,
            trail: (endpoint.operation)().trail(),
        })
    };
    functions().into_iter().flat_map(|(routes, ..)| of_function(routes)).collect()
}

impl Operation {
    /// Whether a request is one of this operation.
    pub(crate) fn is(&self, method: &Method, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default();
        let (mut of_pattern, mut of_path) = (self.path.split('/'), path.split('/'));
        let same = of_pattern
            .by_ref()
            .zip(of_path.by_ref())
            .all(|(pattern, part)| pattern.starts_with('{') || pattern == part);
        let (own, others) = (self.path.split('/').count(), path.split('/').count());
        let as_long = own == others || (self.path.ends_with("+}") && own <= others);
        *method == self.method && same && as_long
    }
}

/// The steps of the walk, which is made once for all the tests that look at it.
pub(crate) async fn tour() -> &'static [Step] {
    static STEPS: OnceCell<Vec<Step>> = OnceCell::const_new();
    STEPS.get_or_init(walk).await
}

async fn walk() -> Vec<Step> {
    let faults = Faults::none_but_watched();
    let world = World::with_faults(&faults);
    let tenant = world.default_tenant();
    let mut tour = Tour { world, tenant, faults, operations: operations(), steps: Vec::new() };
    tour.entities().await;
    tour.entity_lists().await;
    tour.roles().await;
    tour.api_keys().await;
    tour.impersonation().await;
    tour.tenants().await;
    tour.assignments().await;
    tour.assignment_lists().await;
    tour.groups().await;
    tour.principals().await;
    tour.decisions().await;
    tour.capabilities().await;
    tour.events().await;
    tour.audit().await;
    tour.health().await;
    tour.steps
}

struct Tour {
    world: World,
    tenant: Tenant,
    faults: Faults,
    operations: Vec<Operation>,
    steps: Vec<Step>,
}

/// An id as long as those that the service makes.
pub(crate) fn id(number: u32) -> String {
    format!("0190b0c5-7e4c-7000-8000-{number:012}")
}

pub(crate) fn entity(number: u32, kind: &str, parent: Option<u32>) -> Value {
    json!({
        "id": id(number),
        "name": format!("Entity number {number}"),
        "type": kind,
        "parent_id": parent.map(id),
        "attributes": {"region": "EU", "lei": "5493001KJTIIGC8Y1R12"},
    })
}

fn role(number: u32) -> Value {
    json!({
        "id": id(number),
        "name": format!("Role number {number}"),
        "description": "Reads and verifies documents.",
        "permissions": ["document:download", "document:verify"],
    })
}

fn assignment(number: u32, of: (&str, &str), role: u32, on: Option<u32>) -> Value {
    let (kind, principal) = of;
    json!({
        "id": id(number),
        "principal_type": kind,
        "principal_id": principal,
        "role_id": id(role),
        "entity_id": on.map(id),
    })
}

fn may(user: &str, on: u32) -> Value {
    json!({"user_id": user, "action": "document:verify", "resource_id": id(on)})
}

pub(crate) const ENTITIES: &str = "/api/v1/entities";
const EVENTS: &str = "/api/v1/events";
const ROLES: &str = "/api/v1/roles";
const API_KEYS: &str = "/api/v1/api-keys";
const ASSIGNMENTS: &str = "/api/v1/assignments";

impl Tour {
    /// A request that prepares for others.
    async fn prepare(&self, path: &str, body: Value) {
        self.tenant.post(path, body).await.expect(201);
    }

    /// A request that counts.
    async fn ask(&mut self, case: &'static str, method: Method, path: &str, body: Option<Value>) {
        let tenant = self.tenant.clone();
        self.ask_as(&tenant, case, method, path, body).await;
    }

    /// A request that counts, under an idempotency key.
    async fn post_keyed(&mut self, case: &'static str, path: &str, body: Value) {
        let keyed = self.tenant.clone().with("idempotency-key", "tour");
        self.ask_as(&keyed, case, Method::POST, path, Some(body)).await;
    }

    async fn ask_as(
        &mut self,
        tenant: &Tenant,
        case: &'static str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) {
        let _before = self.faults.calls();
        let reply = tenant.send(method.clone(), path, body.map(|body| body.to_string())).await;
        assert!(reply.status < 300, "{method} {path} ({case}): {}", reply.text);
        let operation = self.operations.iter().find(|known| known.is(&method, path)).unwrap();
        self.steps.push(Step {
            function: operation.function,
            operation: operation.id,
            case,
            usage: reply.usage,
            calls: self.faults.calls(),
        });
    }

    async fn post(&mut self, case: &'static str, path: &str, body: Value) {
        self.ask(case, Method::POST, path, Some(body)).await;
    }

    async fn patch(&mut self, case: &'static str, path: &str, body: Value) {
        self.ask(case, Method::PATCH, path, Some(body)).await;
    }

    async fn get(&mut self, case: &'static str, path: &str) {
        self.ask(case, Method::GET, path, None).await;
    }

    async fn delete(&mut self, case: &'static str, path: &str) {
        self.ask(case, Method::DELETE, path, None).await;
    }

    /// Creates and changes entities. 1 to 16 are one line from its root to the deepest place there may be.
    async fn entities(&mut self) {
        self.post("a root", ENTITIES, entity(1, "issuer", None)).await;
        self.prepare_line(1).await;
        let body = entity(20, "issuer", None);
        self.post_keyed("a root, with an idempotency key", ENTITIES, body.clone()).await;
        self.post_keyed("the same once more", ENTITIES, body).await;
        self.post("below a root", ENTITIES, entity(21, "spv", Some(1))).await;
        self.post("below a line of 4", ENTITIES, entity(22, "spv", Some(5))).await;

        let path = format!("{ENTITIES}/{}", id(22));
        self.get("", &path).await;
        let attributes = json!({"region": "US", "lei": "5493001KJTIIGC8Y1R12"});
        self.patch("attributes", &path, json!({"attributes": attributes})).await;
        self.patch("name", &path, json!({"name": "Entity number 23"})).await;
        self.patch("nothing new", &path, json!({"name": "Entity number 23"})).await;
        self.patch("parent, to a root", &path, json!({"parent_id": id(1)})).await;
        self.patch("parent, to a line of 4", &path, json!({"parent_id": id(5)})).await;
        self.patch("parent, to none", &path, json!({"parent_id": null})).await;
        let (archive, restore) = (format!("{path}/archive"), format!("{path}/restore"));
        self.ask("", Method::POST, &archive, None).await;
        self.ask("nothing new", Method::POST, &archive, None).await;
        self.ask("", Method::POST, &restore, None).await;
    }

    /// Everything below the root of a line of 16.
    async fn prepare_line(&self, root: u32) {
        for number in root + 1..root + 16 {
            self.prepare(ENTITIES, entity(number, "spv", Some(number - 1))).await;
        }
    }

    async fn entity_lists(&mut self) {
        for number in 100..100 + LISTED {
            self.prepare(ENTITIES, entity(number, "offering", Some(3))).await;
        }
        // The first page of a tenant also makes the secret that seals its cursors.
        let of_type = format!("{ENTITIES}?type=offering");
        self.get("50 of a type, the tenant's first page", &of_type).await;
        self.get("50 of a type", &of_type).await;
        self.get("50 of every type", ENTITIES).await;
        self.get("50 below one entity", &format!("{ENTITIES}?parent_id={}", id(3))).await;
    }

    async fn api_keys(&mut self) {
        let new = |name: &str| json!({"name": name, "principal_id": "reports", "scopes": ["a"]});
        self.post("", API_KEYS, new("Reports")).await;
        self.post_keyed("with an idempotency key", API_KEYS, new("More reports")).await;
        let listed = self.tenant.get(&format!("{API_KEYS}?limit=1")).await;
        let path = format!("{API_KEYS}/{}", listed.ids()[0]);
        self.get("", &path).await;
        self.ask("", Method::POST, &format!("{path}/revoke"), None).await;
        self.delete("", &path).await;
        for number in 0..LISTED {
            self.prepare(API_KEYS, new(&format!("Number {number}"))).await;
        }
        self.get("50", API_KEYS).await;
    }

    async fn roles(&mut self) {
        for number in 200..200 + LISTED {
            self.prepare(ROLES, role(number)).await;
        }
        self.tenant.get(&format!("{ROLES}?limit=1")).await.expect(200);
        self.post("", ROLES, role(300)).await;
        self.post_keyed("with an idempotency key", ROLES, role(301)).await;
        let path = format!("{ROLES}/{}", id(300));
        self.get("", &path).await;
        self.patch("permissions", &path, json!({"permissions": ["document:download"]})).await;
        self.patch("name", &path, json!({"name": "Role number 302"})).await;
        self.get("50", ROLES).await;
    }

    async fn assignments(&mut self) {
        let ada = ("user", "ada");
        self.post("everywhere", ASSIGNMENTS, assignment(400, ada, 200, None)).await;
        self.post("on an entity", ASSIGNMENTS, assignment(401, ada, 200, Some(1))).await;
        self.post("held already", ASSIGNMENTS, assignment(402, ada, 200, Some(1))).await;
        let body = assignment(403, ada, 201, Some(1));
        self.post_keyed("on an entity, with an idempotency key", ASSIGNMENTS, body).await;
        self.get("", &format!("{ASSIGNMENTS}/{}", id(401))).await;
        self.delete("", &format!("{ASSIGNMENTS}/{}", id(401))).await;
    }

    async fn assignment_lists(&mut self) {
        for number in 0..LISTED {
            let user = format!("holder-{number}");
            let body = assignment(500 + number, ("user", &user), 202, Some(20));
            self.prepare(ASSIGNMENTS, body).await;
            let body = assignment(600 + number, ("user", "holder"), 200 + number, None);
            self.prepare(ASSIGNMENTS, body).await;
        }
        self.tenant.get(&format!("{ASSIGNMENTS}?limit=1")).await.expect(200);
        self.get("50 of all", ASSIGNMENTS).await;
        self.get("50 of a principal", &format!("{ASSIGNMENTS}?principal_id=holder")).await;
        self.get("50 on an entity", &format!("{ASSIGNMENTS}?entity_id={}", id(20))).await;
    }

    async fn groups(&mut self) {
        let path = "/api/v1/groups/crowd/members";
        for number in 0..LISTED {
            self.prepare(path, json!({"principal_id": format!("member-{number}")})).await;
        }
        self.post("a user", path, json!({"principal_id": "grace"})).await;
        let group = |name: &str| json!({"principal_type": "group", "principal_id": name});
        self.post("a group", path, group("inner")).await;
        self.post("a group, below two groups", "/api/v1/groups/inner/members", group("core")).await;
        self.prepare("/api/v1/groups/core/members", json!({"principal_id": "edsger"})).await;
        self.get("50", path).await;
        self.prepare(path, json!({"principal_id": "leaving"})).await;
        self.delete("", &format!("{path}/leaving")).await;
    }

    async fn principals(&mut self) {
        let path = "/api/v1/principals/user/ada";
        let properties = |team: &str| Some(json!({"properties": {"team": team}}));
        self.ask("new", Method::PUT, path, properties("engines")).await;
        self.ask("other properties", Method::PUT, path, properties("compilers")).await;
        self.get("", path).await;
        self.delete("", path).await;
    }

    async fn events(&mut self) {
        let event = |id: &str, aggregate: Option<&str>| {
            json!({
                "event_type": "document.verified",
                "source": "document_vault",
                "correlation_id": id,
                "aggregate_type": aggregate.map(|_| "document"),
                "aggregate_id": aggregate,
                "payload": {"document_id": "abc-123", "verified_by": "user-42", "pages": 12},
                "context": {"actor_id": "user-42"},
            })
        };
        self.post("published by the request", EVENTS, event("1", None)).await;
        self.post("the same once more", EVENTS, event("1", None)).await;
        self.post("of an aggregate: published by the relay", EVENTS, event("2", Some("d"))).await;
        self.post_keyed("with an idempotency key", EVENTS, event("3", None)).await;
        let batch = |from: usize| {
            let events = (from..from + 10).map(|number| event(&format!("{number}"), None));
            json!({"events": events.collect::<Vec<_>>()})
        };
        let path = format!("{EVENTS}/batch");
        self.post("10 events", &path, batch(10)).await;
        self.post_keyed("10 events, with an idempotency key", &path, batch(20)).await;
        for number in 0..LISTED {
            self.prepare(EVENTS, event(&format!("listed-{number}"), Some("l"))).await;
        }
        let found = format!("{EVENTS}?source=document_vault&correlation_id=1");
        self.get("by source and correlation id", &found).await;
        self.get("50", EVENTS).await;
        let id = self.tenant.get(&found).await.ids()[0].to_owned();
        let path = format!("{EVENTS}/{id}");
        self.get("", &path).await;
        self.ask("", Method::POST, &format!("{path}/replay"), None).await;
        let archived = self.tenant.get(&format!("{EVENTS}?event_type=entity.archived")).await;
        let path = format!("{EVENTS}/{}/replay", archived.ids()[0]);
        self.ask("of an archived entity, to two topics", Method::POST, &path, None).await;
    }

    async fn health(&mut self) {
        self.get("", "/healthz").await;
        self.get("", "/readyz").await;
    }
}
