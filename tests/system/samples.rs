//! One request for each operation that may change something, with what it changes.

mod tenants;

use http::Method;
use serde_json::{Value, json};
use tests::{Reply, Tenant};

const START: &str = "/admin/impersonate/start";

/// A request that changes something, once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Its method.
    pub(crate) method: Method,
    /// Its path.
    pub(crate) path: String,
    /// Its body.
    pub(crate) body: Option<Value>,
    /// The body of another request to the same path.
    pub(crate) other: Value,
    /// Another path of the same operation, for the same body.
    pub(crate) elsewhere: String,
    /// The status of its answer.
    pub(crate) status: u16,
    /// The type of the event it leaves; empty where it leaves none.
    pub(crate) event: &'static str,
    /// The action of the audit entry it leaves; empty where it leaves none.
    pub(crate) action: &'static str,
}

impl Sample {
    /// What it leaves, one row each: an attribute and its value.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let left = [("event_type", self.event), ("action", self.action)];
        left.into_iter().filter(|(_, value)| !value.is_empty())
    }

    /// Sends it.
    pub(crate) async fn send(&self, tenant: &Tenant) -> Reply {
        let body = self.body.as_ref().map(Value::to_string);
        tenant.send(self.method.clone(), &self.path, body).await
    }
}

/// The body of an answer, without the secret of an API key or an impersonation, which only the first answer has.
pub(crate) fn kept(reply: &Reply) -> String {
    let mut body = reply.body.clone();
    match body.as_object_mut() {
        Some(members)
            if ["key_prefix", "impersonation_id"].iter().any(|of| members.contains_key(*of)) =>
        {
            for secret in ["key", "token"] {
                members.remove(secret);
            }
            body.to_string()
        }
        _ => reply.text.clone(),
    }
}

/// Prepares a tenant, and gives the requests that change something there or, since it calls across tenants, in the registry.
pub(crate) async fn samples(tenant: &Tenant) -> Vec<Sample> {
    let mut samples = samples_within(tenant).await;
    samples.extend(tenants::samples(tenant).await);
    samples
}

/// Prepares a tenant, and gives the requests that change something there.
pub(crate) async fn samples_within(tenant: &Tenant) -> Vec<Sample> {
    let event = prepare(tenant).await;
    let keys = [key(tenant).await, key(tenant).await];
    tenant.post_empty(&format!("{}/revoke", keys[1])).await.expect(200);
    let mut samples = of_entities().to_vec();
    samples.extend(of_roles());
    samples.extend(of_api_keys(&keys));
    samples.extend(of_impersonations(&[begun(tenant).await, begun(tenant).await]));
    samples.extend(of_assignments());
    samples.extend(of_capabilities());
    samples.extend(of_groups_and_principals());
    samples.extend(of_events(&event));
    samples
}

/// The id of the event that is replayed.
async fn prepare(tenant: &Tenant) -> String {
    let post = async |path: &str, body: Value| {
        tenant.post(path, body).await.expect(201);
    };
    for id in ["root", "changing", "archiving", "archived"] {
        post("/api/v1/entities", json!({"id": id, "name": id, "type": "issuer"})).await;
    }
    tenant.post_empty("/api/v1/entities/archived/archive").await.expect(200);
    for id in ["reader", "changing"] {
        post("/api/v1/roles", json!({"id": id, "name": id, "permissions": ["document:read"]}))
            .await;
    }
    let held = json!({"id": "held", "principal_id": "holder", "role_id": "reader"});
    post("/api/v1/assignments", held).await;
    let granted = json!({"principal_id": "keeper", "permission": "partner:read"});
    post("/api/v1/assignments", granted).await;
    post("/api/v1/groups/crowd/members", json!({"principal_id": "leaving"})).await;
    for id in ["barbara", "forgotten"] {
        let path = format!("/api/v1/principals/user/{id}");
        tenant.put(&path, json!({"properties": {"team": "engines"}})).await.expect(201);
    }
    let event = json!({"event_type": "a.happened", "source": "sampler", "correlation_id": "there"});
    let stored = tenant.post("/api/v1/events", event).await;
    stored.expect(201)["event_id"].as_str().unwrap_or_default().to_owned()
}

fn of_entities() -> [Sample; 4] {
    let entities = "/api/v1/entities".to_owned();
    let new = json!({"name": "New", "type": "spv", "parent_id": "root", "attributes": {"a": 1, "b": [2]}});
    let changed = json!({"name": "Changed", "attributes": {"a": {"b": 1, "c": 2}}});
    let status = |of: &str, to: &str| format!("/api/v1/entities/{of}/{to}");
    [
        Sample {
            method: Method::POST,
            path: entities.clone(),
            body: Some(new),
            other: json!({"name": "Other", "type": "spv"}),
            elsewhere: format!("{entities}?elsewhere"),
            status: 201,
            event: "entity.created",
            action: "entity.create",
        },
        Sample {
            method: Method::PATCH,
            path: "/api/v1/entities/changing".to_owned(),
            body: Some(changed),
            other: json!({"name": "Other"}),
            elsewhere: "/api/v1/entities/root".to_owned(),
            status: 200,
            event: "entity.updated",
            action: "entity.update",
        },
        Sample {
            method: Method::POST,
            path: status("archiving", "archive"),
            body: None,
            other: json!({"why": "not"}),
            elsewhere: status("root", "archive"),
            status: 200,
            event: "entity.archived",
            action: "entity.archive",
        },
        Sample {
            method: Method::POST,
            path: status("archived", "restore"),
            body: None,
            other: json!({"why": "not"}),
            elsewhere: status("root", "restore"),
            status: 200,
            event: "entity.restored",
            action: "entity.restore",
        },
    ]
}

fn of_events(replayed: &str) -> [Sample; 3] {
    let events = "/api/v1/events".to_owned();
    let event = |kind: &str| json!({"event_type": kind, "source": "sampler", "payload": {"a": 1}});
    [
        Sample {
            method: Method::POST,
            path: events.clone(),
            body: Some(event("sample.posted")),
            other: event("sample.other"),
            elsewhere: format!("{events}?elsewhere"),
            status: 201,
            event: "sample.posted",
            action: "",
        },
        Sample {
            method: Method::POST,
            path: format!("{events}/batch"),
            body: Some(json!({"events": [event("sample.batched")]})),
            other: json!({"events": [event("sample.other")]}),
            elsewhere: format!("{events}/batch?elsewhere"),
            status: 200,
            event: "sample.batched",
            action: "",
        },
        Sample {
            method: Method::POST,
            path: format!("{events}/{replayed}/replay"),
            body: None,
            other: json!({"why": "not"}),
            elsewhere: format!("{events}/other/replay"),
            status: 200,
            event: "",
            action: "",
        },
    ]
}

/// Creates an API key; its path.
async fn key(tenant: &Tenant) -> String {
    let made =
        tenant.post("/api/v1/api-keys", json!({"name": "Made", "principal_id": "made"})).await;
    let id = made.expect(201)["id"].as_str().unwrap_or_default().to_owned();
    format!("/api/v1/api-keys/{id}")
}

fn of_api_keys([active, revoked]: &[String; 2]) -> [Sample; 3] {
    let keys = "/api/v1/api-keys".to_owned();
    let new = json!({"name": "New", "principal_id": "reports", "scopes": ["entity:read"]});
    [
        Sample {
            method: Method::POST,
            path: keys.clone(),
            body: Some(new),
            other: json!({"name": "Other"}),
            elsewhere: format!("{keys}?elsewhere"),
            status: 201,
            event: "api_key.created",
            action: "api_key.create",
        },
        Sample {
            method: Method::POST,
            path: format!("{active}/revoke"),
            body: None,
            other: json!({"why": "not"}),
            elsewhere: format!("{revoked}/revoke"),
            status: 200,
            event: "api_key.revoked",
            action: "api_key.revoke",
        },
        Sample {
            method: Method::DELETE,
            path: revoked.clone(),
            body: None,
            other: json!({"why": "not"}),
            elsewhere: active.clone(),
            status: 200,
            event: "api_key.deleted",
            action: "api_key.delete",
        },
    ]
}

/// Begins an impersonation; its id.
async fn begun(tenant: &Tenant) -> String {
    let begun = tenant.post(START, json!({"user_id": "mimed", "reason": "Ticket 789"})).await;
    begun.expect(200)["impersonation_id"].as_str().unwrap_or_default().to_owned()
}

fn of_impersonations([one, other]: &[String; 2]) -> [Sample; 2] {
    let stop = "/admin/impersonate/stop".to_owned();
    [
        Sample {
            method: Method::POST,
            path: START.to_owned(),
            body: Some(json!({"user_id": "mimed", "reason": "Ticket 790"})),
            other: json!({"user_id": "mimed", "reason": "Ticket 791"}),
            elsewhere: format!("{START}?elsewhere"),
            status: 200,
            event: "impersonation.started",
            action: "impersonation.start",
        },
        Sample {
            method: Method::POST,
            path: stop.clone(),
            body: Some(json!({"impersonation_id": one})),
            other: json!({"impersonation_id": other}),
            elsewhere: format!("{stop}?elsewhere"),
            status: 200,
            event: "impersonation.stopped",
            action: "impersonation.stop",
        },
    ]
}

fn of_roles() -> [Sample; 2] {
    let new = json!({"name": "New", "permissions": ["document:write"], "scope_types": ["spv"]});
    let changed = json!({"name": "Changed", "permissions": ["document:write"]});
    [
        Sample {
            method: Method::POST,
            path: "/api/v1/roles".to_owned(),
            body: Some(new),
            other: json!({"name": "Other"}),
            elsewhere: "/api/v1/roles?elsewhere".to_owned(),
            status: 201,
            event: "role.created",
            action: "role.create",
        },
        Sample {
            method: Method::PATCH,
            path: "/api/v1/roles/changing".to_owned(),
            body: Some(changed),
            other: json!({"name": "Other"}),
            elsewhere: "/api/v1/roles/reader".to_owned(),
            status: 200,
            event: "role.updated",
            action: "role.update",
        },
    ]
}

fn of_assignments() -> [Sample; 2] {
    let new = json!({"principal_id": "grace", "role_id": "reader", "entity_id": "root"});
    [
        Sample {
            method: Method::POST,
            path: "/api/v1/assignments".to_owned(),
            body: Some(new),
            other: json!({"principal_id": "grace", "role_id": "reader"}),
            elsewhere: "/api/v1/assignments?elsewhere".to_owned(),
            status: 201,
            event: "role.assignment.changed",
            action: "role_assignment.create",
        },
        Sample {
            method: Method::DELETE,
            path: "/api/v1/assignments/held".to_owned(),
            body: None,
            other: json!({"why": "not"}),
            elsewhere: "/api/v1/assignments/other".to_owned(),
            status: 200,
            event: "role.assignment.changed",
            action: "role_assignment.delete",
        },
    ]
}

fn of_capabilities() -> [Sample; 2] {
    let path = |of: &str, what: &str| format!("/api/v1/capabilities/users/{of}/{what}");
    let code = |code: &str| json!({"capability_code": code});
    [
        Sample {
            method: Method::POST,
            path: path("grace", "grant"),
            body: Some(code("PARTNER_READ")),
            other: code("partner:update"),
            elsewhere: path("other", "grant"),
            status: 201,
            event: "role.assignment.changed",
            action: "role_assignment.create",
        },
        Sample {
            method: Method::POST,
            path: path("keeper", "revoke"),
            body: Some(code("partner:read")),
            other: code("partner:update"),
            elsewhere: path("other", "revoke"),
            status: 200,
            event: "role.assignment.changed",
            action: "role_assignment.delete",
        },
    ]
}

fn of_groups_and_principals() -> [Sample; 4] {
    let members = |of: &str| format!("/api/v1/groups/{of}/members");
    let principal = |id: &str| format!("/api/v1/principals/user/{id}");
    [
        Sample {
            method: Method::POST,
            path: members("crowd"),
            body: Some(json!({"principal_id": "grace", "principal_type": "user"})),
            other: json!({"principal_id": "alan"}),
            elsewhere: members("other"),
            status: 201,
            event: "group.membership.changed",
            action: "group_membership.create",
        },
        Sample {
            method: Method::DELETE,
            path: format!("{}/leaving", members("crowd")),
            body: None,
            other: json!({"why": "not"}),
            elsewhere: format!("{}/leaving?principal_type=user", members("crowd")),
            status: 200,
            event: "group.membership.changed",
            action: "group_membership.delete",
        },
        Sample {
            method: Method::PUT,
            path: principal("barbara"),
            body: Some(json!({"properties": {"team": "compilers", "desk": 7}})),
            other: json!({"properties": {}}),
            elsewhere: principal("other"),
            status: 200,
            event: "principal.updated",
            action: "principal.update",
        },
        Sample {
            method: Method::DELETE,
            path: principal("forgotten"),
            body: None,
            other: json!({"why": "not"}),
            elsewhere: principal("other"),
            status: 200,
            event: "principal.deleted",
            action: "principal.delete",
        },
    ]
}
