//! Every way to reach for what a tenant has.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use domain::id::TenantId;
use domain::text::{CorrelationId, EventSource};
use http::Method;
use serde_json::{Value, json};

use crate::isolation::OWNER;

/// What a tenant has, as another tenant could name it.
pub(crate) struct Things {
    entity: String,
    role: String,
    assignment: String,
    group: String,
    member: String,
    principal: String,
    event: String,
    pub(crate) chain: String,
    record: String,
}

impl Things {
    /// Those of the owner.
    pub(crate) fn of_owner() -> Self {
        let (source, id) = (EventSource::parse("sampler"), CorrelationId::parse("there"));
        let tenant = TenantId::parse(OWNER).unwrap();
        let event = store::event_id_of(&tenant, &source.unwrap(), &id.unwrap());
        let event = event.as_str();
        let ids = ["root", "reader", "held", "crowd", "leaving", "barbara", event];
        Self::named(ids, OWNER, "event-0001")
    }

    /// Those that nobody has.
    pub(crate) fn of_nobody() -> Self {
        let ids = ["e000", "r00000", "a000", "g0000", "m000000", "p000000", "v0000"];
        Self::named(ids, "c000", "event-9999")
    }

    fn named(ids: [&str; 7], chain: &str, record: &str) -> Self {
        let [entity, role, assignment, group, member, principal, event] = ids.map(str::to_owned);
        let (chain, record) = (chain.to_owned(), record.to_owned());
        Self { entity, role, assignment, group, member, principal, event, chain, record }
    }

    /// All but the chain, whose name stands in other names.
    pub(crate) fn all(&self) -> [&str; 8] {
        let Self { entity, role, assignment, group, member, principal, event, record, .. } = self;
        [entity, role, assignment, group, member, principal, event, record]
    }
}

pub(crate) type Attempt = (Method, String, Option<Value>);

/// Every way to reach for things: first all that read, then all that change.
pub(crate) fn attempts(things: &Things) -> Vec<Attempt> {
    let mut all = of_the_ledger(things);
    all.extend(of_decisions(things));
    all.extend(in_the_language_of_authzen(things));
    all.extend(of_the_registry());
    all.extend(of_the_core(things));
    // Before the last, whose answer is named at random.
    all.splice(all.len() - 1..all.len() - 1, of_capabilities(things));
    all.extend(of_impersonations());
    all
}

fn of_the_ledger(things: &Things) -> Vec<Attempt> {
    let Things { chain, record, .. } = things;
    let get = |rest: String| (Method::GET, format!("/api/v1/{rest}"), None);
    vec![
        get("audit/records".to_owned()),
        get("audit/records?action=document.read".to_owned()),
        get(format!("audit/records/{record}")),
        get(format!("audit/records/{record}/proof")),
        get("audit/consistency?from=0&to=3".to_owned()),
        get("audit/checkpoint".to_owned()),
        get("audit/export".to_owned()),
        (Method::GET, format!("/audit/{chain}/checkpoint"), None),
        (Method::GET, format!("/audit/{chain}/tile/0/000.p/3"), None),
        (Method::GET, format!("/audit/{chain}/tile/entries/000.p/3"), None),
    ]
}

fn of_decisions(things: &Things) -> Vec<Attempt> {
    let Things { entity, .. } = things;
    let send = |method, rest: String, body| (method, format!("/api/v1/{rest}"), Some(body));
    let may = |user: &str, resource: &str| json!({"user_id": user, "action": "document:read", "resource_id": resource, "explain": true});
    vec![
        send(Method::POST, "authorize".to_owned(), may("holder", entity)),
        send(Method::POST, "authorize".to_owned(), may("holder", "own")),
        send(
            Method::POST,
            "authorize/batch".to_owned(),
            json!({"checks": [may("holder", entity), may("holder", "own")]}),
        ),
        send(
            Method::POST,
            "authorize/search/resources".to_owned(),
            json!({"user_id": "holder", "action": "document:read", "type": "issuer"}),
        ),
        send(
            Method::POST,
            "authorize/search/principals".to_owned(),
            json!({"action": "document:read", "resource_id": entity}),
        ),
        send(
            Method::POST,
            "authorize/search/actions".to_owned(),
            json!({"user_id": "holder", "resource_id": "own"}),
        ),
    ]
}

fn in_the_language_of_authzen(things: &Things) -> Vec<Attempt> {
    let Things { entity, chain, .. } = things;
    let holder = json!({"type": "user", "id": "holder"});
    let (read, on) = (json!({"name": "document:read"}), json!({"type": "issuer", "id": entity}));
    let asked = json!({"subject": holder, "action": read, "resource": on, "evaluations": [{}, {"context": {}}]});
    let mut all = Vec::new();
    for base in [String::new(), format!("/{chain}")] {
        for path in
            ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"]
        {
            all.push((Method::POST, format!("{base}/access/v1/{path}"), Some(asked.clone())));
        }
        all.push((Method::GET, format!("/.well-known/authzen-configuration{base}"), None));
    }
    all
}

/// Of the registry only what is answered alike: without authentication everyone here is an operator.
fn of_the_registry() -> Vec<Attempt> {
    let tenants = "/api/v1/tenants";
    let one = format!("{tenants}/nobody");
    vec![
        (Method::GET, format!("{tenants}?slug=nobody"), None),
        (Method::GET, one.clone(), None),
        (Method::POST, tenants.to_owned(), Some(json!({}))),
        (Method::PATCH, one.clone(), Some(json!({"name": "Mine"}))),
        (Method::POST, format!("{one}/suspend"), Some(json!({}))),
        (Method::POST, format!("{one}/resume"), None),
    ]
}

fn of_capabilities(things: &Things) -> Vec<Attempt> {
    let Things { entity, principal, .. } = things;
    let path = |rest: &str| format!("/api/v1/capabilities{rest}");
    let of = |user: &str, what: &str| path(&format!("/users/{user}{what}"));
    let here = Some(json!({"capability_code": "partner:read", "entity_id": entity}));
    let everywhere = Some(json!({"capability_code": "document:read"}));
    vec![
        (Method::GET, path("?is_system=true"), None),
        (Method::GET, path("/me"), None),
        (Method::GET, of("holder", ""), None),
        (Method::GET, of(principal, ""), None),
        (Method::POST, of("holder", "/check"), everywhere),
        (Method::POST, of("holder", "/check"), here.clone()),
        (Method::POST, of("holder", "/grant"), here.clone()),
        (Method::POST, of("keeper", "/revoke"), here),
        (Method::POST, of("keeper", "/revoke"), Some(json!({"capability_code": "partner:read"}))),
    ]
}

fn of_the_core(things: &Things) -> Vec<Attempt> {
    let Things { entity, role, assignment, group, member, principal, event, .. } = things;
    let path = |rest: String| format!("/api/v1/{rest}");
    let get = |rest: String| (Method::GET, path(rest), None);
    let delete = |rest: String| (Method::DELETE, path(rest), None);
    let send = |method, rest: String, body| (method, path(rest), Some(body));
    let happened =
        |id: &str| json!({"event_type": "a.happened", "source": "sampler", "correlation_id": id});
    let holds = |of: &str, role: &str, on: Option<&str>| json!({"principal_id": of, "role_id": role, "entity_id": on});
    vec![
        (Method::GET, "/healthz".to_owned(), None),
        (Method::GET, "/readyz".to_owned(), None),
        get("entities".to_owned()),
        get("entities?type=issuer&type=spv&status=archived".to_owned()),
        get(format!("entities?parent_id={entity}")),
        get(format!("entities/{entity}")),
        get("roles".to_owned()),
        get("api-keys".to_owned()),
        get("api-keys/5f0c1e9a77d2b364".to_owned()),
        get(format!("roles/{role}")),
        get("assignments".to_owned()),
        get("assignments?principal_id=holder".to_owned()),
        get(format!("assignments?entity_id={entity}")),
        get(format!("assignments?role_id={role}")),
        get(format!("assignments/{assignment}")),
        get(format!("groups/{group}/members")),
        get(format!("principals/user/{principal}")),
        get("events".to_owned()),
        get("events?source=sampler".to_owned()),
        get("events?source=sampler&correlation_id=there".to_owned()),
        get(format!("events/{event}")),
        (Method::POST, path(format!("events/{event}/replay")), None),
        send(Method::PATCH, format!("entities/{entity}"), json!({"name": "Mine"})),
        send(Method::PATCH, format!("entities/{entity}"), json!({"status": "archived"})),
        send(Method::PATCH, "entities/own".to_owned(), json!({"parent_id": entity})),
        (Method::POST, path(format!("entities/{entity}/archive")), None),
        (Method::POST, path(format!("entities/{entity}/restore")), None),
        send(
            Method::POST,
            "entities".to_owned(),
            json!({"name": "Below", "type": "spv", "parent_id": entity}),
        ),
        send(Method::PATCH, format!("roles/{role}"), json!({"permissions": []})),
        send(Method::POST, "assignments".to_owned(), holds("eve", role, None)),
        send(Method::POST, "assignments".to_owned(), holds("eve", "own", Some(entity))),
        delete(format!("assignments/{assignment}")),
        delete(format!("groups/{group}/members/{member}")),
        delete(format!("principals/user/{principal}")),
        (Method::POST, path("api-keys/5f0c1e9a77d2b364/revoke".to_owned()), None),
        delete("api-keys/5f0c1e9a77d2b364".to_owned()),
        // What is only a name is free for everyone, and stands for another thing with each.
        send(Method::POST, "events".to_owned(), happened("there")),
        send(Method::POST, "events/batch".to_owned(), json!({"events": [happened("there")]})),
        send(
            Method::POST,
            "entities".to_owned(),
            json!({"id": entity, "name": entity, "type": "issuer"}),
        ),
        send(Method::POST, "roles".to_owned(), json!({"id": role, "name": role})),
        send(
            Method::POST,
            "assignments".to_owned(),
            json!({"id": assignment, "principal_id": "holder", "role_id": role}),
        ),
        send(Method::POST, format!("groups/{group}/members"), json!({"principal_id": member})),
        send(
            Method::PUT,
            format!("principals/user/{principal}"),
            json!({"properties": {"team": "engines"}}),
        ),
        // Last, because what is made is named at random.
        send(Method::POST, "api-keys".to_owned(), json!({"name": "Mine"})),
    ]
}

fn of_impersonations() -> [Attempt; 2] {
    let path = |what: &str| format!("/admin/impersonate/{what}");
    let stop = json!({"impersonation_id": "5f0c1e9a77d2b364"});
    let start = json!({"user_id": "someone", "reason": "Ticket 789"});
    [(Method::POST, path("stop"), Some(stop)), (Method::POST, path("start"), Some(start))]
}
