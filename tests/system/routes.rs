//! Every operation of the OpenAPI document, exercised once and compared with the template and the document.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::BTreeSet;

use http::{HeaderMap, Method};
use local::system;
use serde_json::{Value, json};
use tests::contract::Contract;
use tests::{Reply, Tenant, World};

/// A tenant whose every request is by an operation of the document, and noted.
struct Scenario {
    tenant: Tenant,
    contract: &'static Contract,
    exercised: BTreeSet<String>,
}

impl Scenario {
    /// Asks, and judges question and answer by the document; the answer.
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>, status: u16) -> Reply {
        let bare = path.split('?').next().unwrap();
        let (id, operation) = self.contract.operation(&method, bare).unwrap();
        let described = &operation.described["requestBody"];
        assert_eq!(body.is_some(), described.is_object(), "{id}");
        if let Some(body) = &body {
            let schema = &described["content"]["application/json"]["schema"];
            assert_eq!(self.contract.faults(schema, body), [""; 0], "{id}");
        }
        let body = body.map(|body| body.to_string());
        let reply = self.tenant.send(method.clone(), path, body).await;
        reply.expect(status);
        // Sending has judged the answer already; it is done again lest that be forgotten there.
        self.contract.check(&method, path, &reply);
        self.exercised.insert(id.to_owned());
        reply
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.ask(Method::GET, path, None, 200).await
    }

    /// Sends a body, or none where it is null; the id in the answer.
    async fn post(&mut self, path: &str, body: Value, status: u16) -> String {
        let body = (!body.is_null()).then_some(body);
        let reply = self.ask(Method::POST, path, body, status).await;
        reply.body["id"].as_str().unwrap_or_default().to_owned()
    }

    async fn change(&mut self, method: Method, path: &str, body: Value, status: u16) {
        self.ask(method, path, Some(body), status).await;
    }

    async fn delete(&mut self, path: &str) {
        self.ask(Method::DELETE, path, None, 200).await;
    }
}

/// What an issuer, its SPV, an offering, a group and a few principals go through in their lives.
async fn live(scenario: &mut Scenario) {
    let entities = "/api/v1/entities";
    let issuer = scenario.post(entities, json!({"name": "Acme", "type": "issuer"}), 201).await;
    let spv =
        json!({"name": "Acme SPV", "type": "spv", "parent_id": issuer, "attributes": {"a": [1]}});
    let spv = scenario.post(entities, spv, 201).await;
    scenario.get(&format!("{entities}?type=issuer&type=spv&limit=1")).await;
    scenario.get(&format!("{entities}/{spv}")).await;
    let inactive = json!({"status": "inactive"});
    scenario.change(Method::PATCH, &format!("{entities}/{spv}"), inactive, 200).await;
    scenario.post(&format!("{entities}/{spv}/archive"), Value::Null, 200).await;
    scenario.post(&format!("{entities}/{spv}/restore"), Value::Null, 200).await;

    let role = json!({"name": "Reviewer", "permissions": ["document:read"], "scope_types": []});
    let role = scenario.post("/api/v1/roles", role, 201).await;
    scenario.get("/api/v1/roles?limit=1").await;
    scenario.get(&format!("/api/v1/roles/{role}")).await;
    scenario.get("/api/v1/roles/system:admin").await;
    let patch =
        json!({"description": "Reads.", "permissions": ["document:read", "document:verify"]});
    scenario.change(Method::PATCH, &format!("/api/v1/roles/{role}"), patch, 200).await;

    let members = "/api/v1/groups/compliance/members";
    scenario.post(members, json!({"principal_id": "alice"}), 201).await;
    scenario.post(members, json!({"principal_id": "alice"}), 200).await;
    scenario.get(members).await;
    let assignments = "/api/v1/assignments";
    let assignment = json!({
        "principal_id": "compliance", "principal_type": "group", "role_id": role, "entity_id": issuer,
        "expires_at": "2027-01-01T00:00:00Z",
    });
    let assigned = scenario.post(assignments, assignment.clone(), 201).await;
    scenario.post(assignments, assignment, 200).await;
    scenario.get(&format!("{assignments}?entity_id={issuer}")).await;
    scenario.get(&format!("{assignments}/{assigned}")).await;

    let question = |user: &str, explain: bool| json!({"user_id": user, "action": "document:verify", "resource_id": spv, "explain": explain});
    for (user, explain) in [("alice", false), ("alice", true), ("bob", true)] {
        scenario.post("/api/v1/authorize", question(user, explain), 200).await;
    }
    let checks = json!({"checks": [question("alice", true), question("bob", false)]});
    scenario.post("/api/v1/authorize/batch", checks, 200).await;
    for (what, asked) in [
        ("resources", json!({"user_id": "alice", "action": "document:verify", "type": "spv"})),
        ("principals", json!({"action": "document:verify", "resource_id": spv, "limit": 1})),
        ("actions", json!({"user_id": "alice", "resource_id": spv})),
    ] {
        scenario.post(&format!("/api/v1/authorize/search/{what}"), asked, 200).await;
    }
    access(scenario, &spv).await;
    scenario.delete(&format!("{assignments}/{assigned}")).await;
    scenario.delete(&format!("{members}/alice?principal_type=user")).await;

    capabilities(scenario).await;

    let alice = "/api/v1/principals/user/alice";
    for (department, status) in [("compliance", 201), ("legal", 200)] {
        let body = json!({"properties": {"department": department}});
        scenario.change(Method::PUT, alice, body, status).await;
    }
    scenario.get(alice).await;
    scenario.delete(alice).await;

    let (events, event) =
        ("/api/v1/events", json!({"event_type": "a.happened", "source": "vault"}));
    let happened = scenario.post(events, event.clone(), 201).await;
    scenario.post(&format!("{events}/batch"), json!({"events": [event, event]}), 200).await;
    scenario.get(&format!("{events}?event_type=a.happened&limit=1")).await;
    scenario.get(&format!("{events}/{happened}")).await;
    scenario.post(&format!("{events}/{happened}/replay"), Value::Null, 200).await;
    scenario.get("/healthz").await;
    scenario.get("/readyz").await;
}

/// The life of a direct grant, and what is told of it.
async fn capabilities(scenario: &mut Scenario) {
    let capabilities = "/api/v1/capabilities";
    let alice = format!("{capabilities}/users/alice");
    let read = json!({"capability_code": "PARTNER_READ"});
    scenario.get(&format!("{capabilities}?category=Partners&limit=1")).await;
    scenario.post(&format!("{alice}/grant"), read.clone(), 201).await;
    scenario.post(&format!("{alice}/grant"), read.clone(), 200).await;
    scenario.post(&format!("{alice}/check"), read.clone(), 200).await;
    scenario.get(&alice).await;
    scenario.get(&format!("{capabilities}/me")).await;
    scenario.post(&format!("{alice}/revoke"), read, 200).await;
}

/// The life of an API key.
async fn api_key(scenario: &mut Scenario) {
    let keys = "/api/v1/api-keys";
    let key = json!({"name": "Reports", "principal_id": "reports", "scopes": ["entity:read"]});
    let key = scenario.post(keys, key, 201).await;
    scenario.get(&format!("{keys}?limit=1")).await;
    scenario.get(&format!("{keys}/{key}")).await;
    scenario.post(&format!("{keys}/{key}/revoke"), Value::Null, 200).await;
    scenario.delete(&format!("{keys}/{key}")).await;
}

/// The life of an impersonation.
async fn impersonation(scenario: &mut Scenario) {
    let start = json!({"user_id": "bob", "reason": "Ticket 789"});
    let begun = scenario.ask(Method::POST, "/admin/impersonate/start", Some(start), 200).await;
    let stop = json!({"impersonation_id": begun.body["impersonation_id"]});
    scenario.post("/admin/impersonate/stop", stop, 200).await;
}

/// The life of a tenant.
async fn registered_tenant(scenario: &mut Scenario) {
    let tenants = "/api/v1/tenants";
    let tenant = json!({"slug": "acme", "name": "Acme", "external_ref": "7", "tier": "premium"});
    let tenant = scenario.post(tenants, tenant, 201).await;
    scenario.get(&format!("{tenants}?limit=1")).await;
    scenario.get(&format!("{tenants}?slug=acme&external_ref=7")).await;
    let path = format!("{tenants}/{tenant}");
    scenario.get(&path).await;
    let changed = json!({"slug": "acme-2", "external_ref": null});
    scenario.change(Method::PATCH, &path, changed, 200).await;
    scenario.post(&format!("{path}/suspend"), json!({"reason": "Unpaid."}), 200).await;
    scenario.post(&format!("{path}/resume"), Value::Null, 200).await;
}

/// The same questions in the language of AuthZEN, under both bases.
async fn access(scenario: &mut Scenario, spv: &str) {
    let alice = json!({"type": "user", "id": "alice"});
    let (verify, spv) = (json!({"name": "document:verify"}), json!({"type": "spv", "id": spv}));
    let question = json!({"subject": alice, "action": verify, "resource": spv});
    let several = json!({"subject": alice, "action": verify, "evaluations": [{"resource": spv}]});
    let subjects = json!({"subject": {"type": "user"}, "action": verify, "resource": spv});
    let resources = json!({"subject": alice, "action": verify, "resource": {"type": "spv"}});
    let actions = json!({"subject": alice, "resource": spv});
    for base in ["", "/default"] {
        for (path, body) in [
            ("evaluation", &question),
            ("evaluations", &several),
            ("search/subject", &subjects),
            ("search/resource", &resources),
            ("search/action", &actions),
        ] {
            scenario.post(&format!("{base}/access/v1/{path}"), body.clone(), 200).await;
        }
        scenario.get(&format!("/.well-known/authzen-configuration{base}")).await;
    }
}

/// What an auditor asks of a chain of three records, of which a checkpoint promises all.
async fn audit(scenario: &mut Scenario) {
    let records = "/api/v1/audit/records";
    scenario.get(&format!("{records}?limit=2&action=issuer.created")).await;
    scenario.get(&format!("{records}/event-0001")).await;
    scenario.get(&format!("{records}/event-0001/proof")).await;
    scenario.get("/api/v1/audit/consistency?from=1&to=3").await;
    scenario.get("/api/v1/audit/checkpoint").await;
    scenario.get("/api/v1/audit/export").await;
    scenario.get("/audit/default/checkpoint").await;
    scenario.get("/audit/default/tile/entries/000.p/3").await;
}

#[tokio::test]
async fn every_operation_of_the_document_does_what_it_says() {
    let contract = Contract::of_the_code();
    let world = World::new();
    let tenant = world.default_tenant();
    let mut scenario = Scenario { tenant, contract, exercised: BTreeSet::new() };
    live(&mut scenario).await;
    api_key(&mut scenario).await;
    impersonation(&mut scenario).await;
    registered_tenant(&mut scenario).await;
    world.record("default", (0..3).map(tests::checkpoints::happening)).await;
    world.sign("default").await;
    audit(&mut scenario).await;
    world.check_consistency().await;
    assert_eq!(scenario.exercised, contract.operations.keys().cloned().collect());
}

#[tokio::test]
async fn the_template_and_the_functions_serve_the_same_paths() {
    let world = World::new();
    let routes = world.system.gateway.routes().iter();
    let routed: BTreeSet<_> = routes
        .map(|route| (route.folder.clone(), route.path.clone(), route.authenticated))
        .collect();
    let document = api::document(system::functions());
    let served: BTreeSet<_> = system::functions()
        .into_iter()
        .flat_map(|(routes, ..)| {
            let function = routes.function;
            routes.endpoints.into_iter().map(move |endpoint| (function, endpoint))
        })
        .map(|(function, endpoint)| {
            let operation =
                &document["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
            let authenticated = operation["security"] != json!([]);
            (function.to_owned(), endpoint.path.to_owned(), authenticated)
        })
        .collect();
    assert_eq!(routed, served);
}

#[test]
fn every_operation_says_in_a_line_what_it_does() {
    for (id, operation) in &Contract::of_the_code().operations {
        for field in ["summary", "description"] {
            let text = operation.described[field].as_str().unwrap_or_default();
            assert!(text.starts_with(char::is_uppercase), "{id}: {field} `{text}`");
        }
        assert!(!operation.described["summary"].as_str().unwrap().ends_with('.'), "{id}");
        let responses = operation.described["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{id}");
    }
}

#[test]
fn every_example_of_the_document_is_one_that_its_schema_allows() {
    let contract = Contract::of_the_code();
    for (id, operation) in &contract.operations {
        let mut contents = vec![&operation.described["requestBody"]["content"]];
        let responses = operation.described["responses"].as_object().unwrap().values();
        contents.extend(responses.map(|response| &contract.resolved(response)["content"]));
        for content in
            contents.into_iter().filter_map(Value::as_object).flat_map(|types| types.values())
        {
            let named = content["examples"].as_object().into_iter().flatten();
            let examples: Vec<&Value> =
                named.map(|(_, named)| &named["value"]).chain(content.get("example")).collect();
            assert!(!examples.is_empty(), "{id}: {content}");
            for example in examples {
                assert_eq!(
                    contract.faults(&content["schema"], example),
                    [""; 0],
                    "{id}: {example}"
                );
            }
        }
        for parameter in operation.described["parameters"].as_array().unwrap() {
            let parameter = contract.resolved(parameter);
            assert!(parameter["description"].is_string(), "{id}: {parameter}");
        }
    }
}

#[test]
fn an_answer_that_the_document_does_not_promise_is_noticed() {
    let contract = Contract::of_the_code();
    let entity = &contract.operations["getEntity"].described["responses"]["200"]["content"];
    let example = entity["application/json"]["example"].clone();
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("content-type", "application/json"), ("x-request-id", "r"), ("etag", "\"1\"")]
    {
        headers.insert(name, value.parse().unwrap());
    }
    let reply = |status: u16, body: &Value| Reply {
        status,
        headers: headers.clone(),
        bytes: body.to_string().into_bytes(),
        text: body.to_string(),
        body: body.clone(),
        usage: store::meter::Usage::default(),
    };
    let passes = |reply: &Reply| {
        let check = || contract.check(&Method::GET, "/api/v1/entities/acme", reply);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_ok()
    };
    assert!(passes(&reply(200, &example)));
    assert!(!passes(&reply(201, &example)));
    for (field, value) in [
        ("colour", json!("green")),
        ("status", json!("gone")),
        ("version", json!(0)),
        ("created_at", json!("yesterday")),
        ("id", json!("a b")),
    ] {
        let mut body = example.clone();
        body[field] = value;
        assert!(!passes(&reply(200, &body)), "{field}");
    }
    let mut body = example.clone();
    body.as_object_mut().unwrap().remove("parent_id");
    assert!(!passes(&reply(200, &body)));
    let mut without_etag = reply(200, &example);
    without_etag.headers.remove("etag");
    assert!(!passes(&without_etag));
    let mut surplus = reply(200, &example);
    surplus.headers.insert("location", "/".parse().unwrap());
    assert!(!passes(&surplus));
}
