//! The harness of the system tests: a whole deployment in memory, asked as a client would.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

mod asking;
pub mod checkpoints;
pub mod cloud;
mod consistency;
pub mod contract;
pub mod faults;
pub mod freshness;
pub mod ledger;
mod limited;
pub mod messaging;
mod numbers;
mod reply;
pub mod simulation;
pub mod tokens;
pub mod valkey;
pub mod writers;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ::authorizer::{Fetch, Issuer};
use api::{App, AuditDecisions, Config};
use axum::body::Body;
use domain::entity_type::Registry;
use domain::id::Ids;
use domain::time::{Clock, Timestamp};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use local::authorizer::Authorizer;
use local::embedded::Embedded;
use local::system::{Surroundings, System};
use serde_json::{Value, json};
use store::EpochSource;

use crate::contract::Contract;
use crate::faults::Faults;
use crate::messaging::Messages;
use crate::tokens::Places;

pub use reply::Reply;

/// 2026-11-23T03:30:53Z, when every world begins.
const BEGINNING_MICROSECONDS: i64 = 1_795_404_653_000_000;

/// The address that a world is configured with.
pub const PUBLIC_URL: &str = "https://epr.example.com";

/// A deployment in memory, with a clock that moves only when told.
#[derive(Clone, Debug)]
pub struct World {
    /// The deployment.
    pub system: System,
    now: Arc<AtomicI64>,
}

/// A tenant of a world, as the service `local` sees it.
#[derive(Clone, Debug)]
pub struct Tenant {
    world: World,
    name: String,
    headers: HeaderMap,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A new deployment.
    pub fn new() -> Self {
        Self::with_faults(&Faults::none())
    }

    /// A new deployment whose audit ledger hears of these decisions, by a way that can fail.
    pub fn auditing(audit_decisions: AuditDecisions, faults: &Faults) -> Self {
        let surroundings = Surroundings { audit_decisions, ..Surroundings::default() };
        Self::start(faults, surroundings, Some(EpochSource::table()), None)
    }

    /// A new deployment with entity types beside the built-in ones.
    pub fn with_types(names: &str) -> Self {
        let entity_types = Registry::parse_names(names).unwrap();
        let surroundings = Surroundings { entity_types, ..Surroundings::default() };
        Self::start(&Faults::none(), surroundings, Some(EpochSource::table()), None)
    }

    /// A new deployment whose way to the database can fail.
    pub fn with_faults(faults: &Faults) -> Self {
        Self::start(faults, Surroundings::default(), Some(EpochSource::table()), None)
    }

    /// A new deployment that lets in by the tokens of [`tokens::issuers`], whose keys are in these places.
    pub fn with_tokens(places: &Places) -> Self {
        Self::trusting(tokens::issuers(), places)
    }

    /// A new deployment that lets in by the tokens of issuers whose keys are in these places.
    pub fn trusting(issuers: Vec<Issuer>, places: &Places) -> Self {
        Self::trusting_by(&Faults::none(), issuers, places)
    }

    /// The same, whose way to the database can fail.
    pub fn trusting_by(faults: &Faults, issuers: Vec<Issuer>, places: &Places) -> Self {
        let trusted = Some((issuers, places.fetch()));
        Self::start(faults, Surroundings::default(), Some(EpochSource::table()), trusted)
    }

    /// A new deployment in one process that alone writes, as `epr local` is.
    pub fn in_one_process() -> Self {
        Self::start(&Faults::none(), Surroundings::default(), None, None)
    }

    // By default as deployed: what a decision costs is what it costs there.
    fn start(
        faults: &Faults,
        surroundings: Surroundings,
        epochs: Option<EpochSource>,
        trusted: Option<(Vec<Issuer>, Fetch)>,
    ) -> Self {
        let now = Arc::new(AtomicI64::new(BEGINNING_MICROSECONDS));
        let reading = now.clone();
        let clock = Clock::from_fn(move || {
            Timestamp::from_microseconds(reading.load(Ordering::SeqCst)).unwrap()
        });
        let trusting = |(issuers, fetch)| {
            Authorizer::On(Box::new(::authorizer::Authorizer::new(issuers, &fetch, clock.clone())))
        };
        let surroundings = Surroundings {
            authorizer: trusted.map_or_else(Authorizer::off, trusting),
            clock: clock.clone(),
            epochs,
            public_url: Some(PUBLIC_URL.to_owned()),
            ..surroundings
        };
        let clients = |embedded: &Embedded, messaging: &_| faults.clients(embedded, messaging);
        let system = System::start(Embedded::memory().unwrap(), clients, surroundings).unwrap();
        Self { system, now }
    }

    /// The clock of the world.
    pub fn clock(&self) -> Clock {
        let reading = self.now.clone();
        Clock::from_fn(move || {
            Timestamp::from_microseconds(reading.load(Ordering::SeqCst)).unwrap()
        })
    }

    /// The surroundings of a function of this world that sends messages, by a way to the database.
    pub fn app(&self, client: aws_sdk_dynamodb::Client, messages: &Messages) -> App {
        let config = Config::from_variables(|name| {
            let value = match name {
                "EPR_CORE_TABLE" => "CoreTable",
                "EPR_EVENTS_TABLE" => "EventsTable",
                "EPR_AUDIT_TABLE" => "AuditTable",
                "EPR_EVENTS_TOPIC_ARN" => "arn:aws:sns:us-east-1:111122223333:events",
                "EPR_DOCUMENT_VAULT_TOPIC_ARN" => "arn:aws:sns:us-east-1:111122223333:documents",
                "EPR_AUDIT_SQS_URL" => "https://sqs.invalid/111122223333/audit",
                "EPR_OUTBOX_DLQ_URL" => "https://sqs.invalid/111122223333/dead-letters",
                _ => return None,
            };
            Some(value.to_owned())
        });
        App::new(config.unwrap(), client, self.clock(), Ids::by_time())
            .with_messaging(messages.clients())
    }

    /// Moves the clock on.
    pub fn pass_seconds(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// The present moment, as the API writes it.
    pub fn now(&self) -> String {
        self.in_seconds(0)
    }

    /// The moment so many seconds from now, as the API writes it.
    pub fn in_seconds(&self, seconds: i64) -> String {
        let micros = self.now.load(Ordering::SeqCst) + seconds * 1_000_000;
        Timestamp::from_microseconds(micros).unwrap().to_string()
    }

    /// A tenant.
    pub fn tenant(&self, name: &str) -> Tenant {
        Tenant { world: self.clone(), name: name.to_owned(), headers: HeaderMap::new() }
    }

    /// The same deployment as its owner sees it, who needs no token and no grant.
    #[must_use]
    pub fn for_the_owner(&self) -> Self {
        Self { system: self.system.for_the_owner(), ..self.clone() }
    }

    /// Lets everyone of a tenant do everything in it; of the operators' tenant, in every tenant.
    pub async fn permit_everyone(&self, tenant: &str) {
        let owner = self.for_the_owner().tenant(tenant);
        for everyone in ["user:*", "service:*"] {
            owner.assign_to(everyone, "system:admin", serde_json::json!({})).await.expect(201);
        }
    }

    /// The tenant of a caller who names none.
    pub fn default_tenant(&self) -> Tenant {
        self.tenant("default")
    }

    /// Sends any request. The answer must be one that the OpenAPI document promises.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.system.call(request).await;
        let (parts, body) = response.into_parts();
        let usage = parts.extensions.get::<api::UsageOf>().map(|usage| usage.0).unwrap_or_default();
        let bytes = body.collect().await.unwrap().to_bytes();
        let reply = Reply::of(parts, &bytes, usage);
        Contract::of_the_code().check(&method, &path, &reply);
        reply
    }

    /// What a function without routes answers to an event.
    pub async fn invoke(&self, folder: &str, event: Value) -> Value {
        let worker = local::system::worker(folder, self.system.app(folder).unwrap());
        worker.unwrap().invoke(event).await.unwrap()
    }

    /// What the stream of the events table brings: every row, in the order in which it was stored, as it
    /// was then.
    pub async fn stream(&self) -> Value {
        let table = self.system.embedded.client().scan().table_name("EventsTable").send();
        let mut items = table.await.unwrap().items.unwrap();
        items.sort_by_key(|item| {
            let of = |name: &str| item[name].as_s().unwrap().clone();
            (of("created_at"), of("event_id"))
        });
        let records = items.into_iter().enumerate().map(|(place, item)| {
            let mut image = serde_json::to_value(serde_dynamo::Item::from(item)).unwrap();
            image["delivery_state"] = json!({"S": "pending"});
            inserted(place, &image)
        });
        json!({"Records": records.collect::<Vec<_>>()})
    }

    /// Every item of a table of the template, by its logical id; attributes of bytes are left out.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let scan = self
                .system
                .embedded
                .client()
                .scan()
                .table_name(table)
                .set_exclusive_start_key(from);
            let page = scan.send().await.unwrap();
            for mut item in page.items().to_vec() {
                // JSON has no bytes. Only the secret that seals cursors is any, and it is no one's to compare.
                item.retain(|_, value| !value.is_b());
                items.push(serde_dynamo::from_item(item).unwrap());
            }
            from = page.last_evaluated_key().cloned();
            if from.is_none() {
                return items;
            }
        }
    }

    /// The events of a type, in no order, as the outbox holds them.
    pub async fn events(&self, event_type: &str) -> Vec<Value> {
        let items = self.items("EventsTable").await;
        items.into_iter().filter(|item| item["event_type"] == event_type).collect()
    }

    /// The audit entries of an action, in no order, as the outbox holds them.
    pub async fn audits(&self, action: &str) -> Vec<Value> {
        let items = self.items("EventsTable").await;
        items
            .into_iter()
            .filter(|item| item["record"] == "audit" && item["action"] == action)
            .collect()
    }
}

/// A record of a stream: a row that was inserted.
pub fn inserted(place: usize, image: &Value) -> Value {
    json!({
        "awsRegion": "us-east-1", "eventID": format!("e{place}"), "eventName": "INSERT",
        "dynamodb": {
            "NewImage": image, "SequenceNumber": place.to_string(), "SizeBytes": 1,
            "ApproximateCreationDateTime": 1_795_404_653.0,
        },
    })
}

impl Tenant {
    /// The same tenant, with a header on every request.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    /// Sends something.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    /// Sends nothing, by `POST`.
    pub async fn post_empty(&self, path: &str) -> Reply {
        self.send(Method::POST, path, None).await
    }

    /// Replaces something.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }

    /// Changes something.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request with a body of any text, as JSON.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Reply {
        let mut request =
            Request::builder().method(method).uri(path).header("x-tenant-id", &self.name);
        if body.is_some() && !self.headers.contains_key("content-type") {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(Body::from(body.unwrap_or_default())).unwrap();
        request.headers_mut().extend(self.headers.clone());
        self.world.send(request).await
    }

    /// Creates an entity; its id.
    pub async fn entity(&self, name: &str, kind: &str, parent: Option<&str>) -> String {
        let body = serde_json::json!({"name": name, "type": kind, "parent_id": parent});
        self.post("/api/v1/entities", body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// Creates a role; its id.
    pub async fn role(&self, name: &str, permissions: &[&str], scope_types: &[&str]) -> String {
        let body = serde_json::json!({"name": name, "permissions": permissions, "scope_types": scope_types});
        self.post("/api/v1/roles", body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// Assigns a role to a user; the assignment's id.
    pub async fn assign(&self, user: &str, role: &str, entity: Option<&str>) -> String {
        let body = serde_json::json!({"principal_id": user, "role_id": role, "entity_id": entity});
        self.post("/api/v1/assignments", body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// Asks whether a user may do something.
    pub async fn may(&self, user: &str, action: &str, resource: &str) -> bool {
        let body = serde_json::json!({"user_id": user, "action": action, "resource_id": resource});
        self.post("/api/v1/authorize", body).await.expect(200)["authorized"].as_bool().unwrap()
    }
}
