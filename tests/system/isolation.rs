//! Tenants: what one has does not exist for another, whatever it asks and however it asks it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

pub(crate) mod attempts;

use http::Method;
use serde_json::{Value, json};
use tests::{Reply, Tenant, World};

use crate::isolation::attempts::{Things, attempts};
use crate::samples::samples;
use crate::tables::{Tables, assert_same, tables, text};
use crate::tour::operations;

/// The owner of a full world. The names of the others are made to be taken for it.
pub(crate) const OWNER: &str = "acme";
const STRANGER: &str = "4:acme";
const NEWCOMER: &str = "4:acmf";

/// What every key of the registry of tenants begins with.
const REGISTRY: &str = "14:system:tenants/";

/// A world in which the owner has something of everything, lists of more than one page included.
async fn owned() -> (World, Tenant) {
    let world = World::new();
    let owner = world.tenant(OWNER);
    samples(&owner).await;
    world.record(OWNER, (0..3).map(tests::checkpoints::happening)).await;
    world.sign(OWNER).await;
    for name in ["below", "beneath"] {
        owner.entity(name, "spv", Some("root")).await;
        owner.assign(name, "reader", Some("root")).await;
        owner.assign("holder", "reader", Some(name_of(&owner, name).await.as_str())).await;
        let members = "/api/v1/groups/crowd/members";
        owner.post(members, json!({"principal_id": name})).await.expect(201);
    }
    (world, owner)
}

/// The id of the entity of a name.
async fn name_of(tenant: &Tenant, name: &str) -> String {
    let listed = tenant.get("/api/v1/entities").await;
    let items = listed.expect(200)["items"].as_array().unwrap().clone();
    let found = items.into_iter().find(|item| item["name"] == name).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

/// Another tenant with an entity and a role of its own.
async fn another(world: &World, name: &str) -> Tenant {
    let tenant = world.tenant(name);
    for path in ["/api/v1/entities", "/api/v1/roles"] {
        let body = json!({"id": "own", "name": "own", "type": "issuer"});
        tenant.post(path, body).await.expect(201);
    }
    tenant
}

/// An answer without the name of its trace, and with other words for some.
fn said(reply: &Reply, words: &[(&str, &str)]) -> (u16, Option<String>, Option<String>, String) {
    let mut body = reply.body.clone();
    unnamed(&mut body);
    let reworded =
        |text: &str| words.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let header = |name: &str| reply.header(name).map(reworded);
    let is_named = |place: &String| {
        let minted = [
            "/api/v1/events/",
            "/api/v1/api-keys/",
            "/admin/impersonate/start",
            "/api/v1/assignments/01",
        ];
        !minted.iter().any(|of| place.starts_with(of))
    };
    let location = header("location").filter(is_named);
    (reply.status, header("etag"), location, reworded(&body.to_string()))
}

/// Takes away what names a request, an event, whose id is made of its tenant's, and what has an id of its own: an API
/// key, an impersonation and a direct grant.
fn unnamed(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("trace_id");
            if members.remove("event_id").is_some() {
                for name in ["id", "correlation_id", "context"] {
                    members.remove(name);
                }
            }
            if members.remove("key_prefix").is_some() {
                for name in ["id", "key"] {
                    members.remove(name);
                }
            }
            if members.remove("impersonation_id").is_some() {
                members.remove("token");
            }
            if members.get("permission").is_some_and(Value::is_string) {
                members.remove("id");
            }
            members.values_mut().for_each(unnamed);
        }
        Value::Array(items) => items.iter_mut().for_each(unnamed),
        _ => {}
    }
}

/// What is stored of a tenant.
fn of_tenant(all: &Tables, tenant: &str) -> Tables {
    let prefix = format!("{}:{tenant}/", tenant.len());
    all.iter()
        .filter(|((_, pk, _), _)| pk.starts_with(&prefix))
        .map(|(key, item)| (key.clone(), item.clone()))
        .collect()
}

#[tokio::test]
async fn every_operation_is_attempted() {
    let attempts = attempts(&Things::of_owner());
    for operation in operations() {
        let attempted = attempts.iter().any(|(method, path, _)| operation.is(method, path));
        assert!(attempted, "isolation.rs does not attempt `{}`: add it", operation.id);
    }
}

#[tokio::test]
async fn what_another_tenant_has_is_answered_like_what_does_not_exist() {
    let (world, _) = owned().await;
    let (stranger, newcomer) = (another(&world, STRANGER).await, another(&world, NEWCOMER).await);
    let before = of_tenant(&tables(&world).await, OWNER);
    let (owned, unknown) = (Things::of_owner(), Things::of_nobody());
    let mut words: Vec<_> = owned.all().into_iter().zip(unknown.all()).collect();
    words.push((STRANGER, NEWCOMER));
    words.push((&owned.chain, &unknown.chain));
    for (of_owner, of_nobody) in attempts(&owned).into_iter().zip(attempts(&unknown)) {
        let (method, path, body) = of_owner;
        let text = body.map(|body| body.to_string());
        let reached = stranger.send(method.clone(), &path, text).await;
        let text = of_nobody.2.map(|body| body.to_string());
        let missed = newcomer.send(of_nobody.0, &of_nobody.1, text).await;
        // Both, because a name of the owner's may also be a word of every answer.
        assert_eq!(said(&reached, &words), said(&missed, &words), "{method} {path}");
    }
    assert_same(&before, &of_tenant(&tables(&world).await, OWNER), "what the owner has");
}

#[tokio::test]
async fn no_list_of_another_tenant_shows_anything() {
    let (world, _) = owned().await;
    let stranger = world.tenant(STRANGER);
    let lists = attempts(&Things::of_owner()).into_iter().filter_map(|(method, path, _)| {
        let last = path.split('?').next()?.rsplit('/').next()?;
        let lists =
            ["entities", "roles", "assignments", "members", "events", "records"].contains(&last);
        (method == Method::GET && lists).then_some(path)
    });
    for path in lists {
        let listed = stranger.get(&path).await;
        listed.expect(200);
        let made = |id: &&str| !id.starts_with("system:");
        assert_eq!(listed.ids().into_iter().filter(made).count(), 0, "{path}");
        let is_short = listed.body["items"].as_array().unwrap().len() <= 4;
        assert!(is_short && !listed.text.contains("holder"), "{path}: {}", listed.text);
    }
}

#[tokio::test]
async fn a_cursor_of_another_tenant_is_refused() {
    let (world, owner) = owned().await;
    let stranger = another(&world, STRANGER).await;
    for list in [
        "/api/v1/entities?limit=1",
        "/api/v1/entities?type=issuer&limit=1",
        "/api/v1/entities?parent_id=root&limit=1",
        "/api/v1/roles?limit=1",
        "/api/v1/assignments?limit=1",
        "/api/v1/assignments?principal_id=holder&limit=1",
        "/api/v1/assignments?entity_id=root&limit=1",
        "/api/v1/assignments?role_id=reader&limit=1",
        "/api/v1/groups/crowd/members?limit=1",
        "/api/v1/events?limit=1",
        "/api/v1/audit/records?limit=1",
    ] {
        let page = owner.get(list).await;
        let cursor = page.expect(200)["next_cursor"].as_str().unwrap_or_else(|| panic!("{list}"));
        let next = format!("{list}&cursor={cursor}");
        owner.get(&next).await.expect(200);
        // Also once the stranger has a secret for cursors of its own.
        for _ in 0..2 {
            let refused = stranger.get(&next).await;
            refused.expect_problem(400, "invalid");
            assert_eq!(refused.pointers(), ["cursor"], "{list}");
            stranger.get("/api/v1/roles?limit=1").await.expect(200);
        }
    }
}

#[tokio::test]
async fn the_idempotency_key_of_another_tenant_is_free() {
    let world = World::new();
    let (owner, stranger) = (world.tenant(OWNER), world.tenant(STRANGER));
    let of_owner = samples(&owner).await;
    let of_stranger = samples(&stranger).await;
    let keyed = |tenant: Tenant| tenant.with("idempotency-key", "k");
    let (owner, stranger) = (keyed(owner), keyed(stranger));
    for (mine, theirs) in of_owner.iter().zip(&of_stranger) {
        mine.send(&owner).await.expect(mine.status);
        let before = of_tenant(&tables(&world).await, OWNER);
        let free = theirs.send(&stranger).await;
        free.expect(theirs.status);
        assert_eq!(free.header("idempotency-replayed"), None, "{theirs:?}");
        assert_same(&before, &of_tenant(&tables(&world).await, OWNER), &theirs.path);
    }
}

#[tokio::test]
async fn every_key_of_every_item_begins_with_its_tenant() {
    for name in [OWNER, STRANGER] {
        let world = World::new();
        let tenant = world.tenant(name);
        for sample in samples(&tenant).await {
            sample.send(&tenant.clone().with("idempotency-key", "k")).await.expect(sample.status);
        }
        // Shapes of the tree and of the group graph, and the secret of cursors.
        let (change, group) = (
            json!({"parent_id": "root"}),
            json!({"principal_type": "group", "principal_id": "inner"}),
        );
        tenant.patch("/api/v1/entities/archiving", change).await.expect(200);
        tenant.post("/api/v1/groups/crowd/members", group).await.expect(201);
        tenant.get("/api/v1/roles?limit=1").await.expect(200);

        let stored = tables(&world).await;
        assert!(stored.len() > 60, "{}", stored.len());
        let prefix = format!("{}:{name}/", name.len());
        // The registry's items are nobody's but the product's, and are made by operators only.
        let of_tenants = stored.iter().filter(|((_, pk, _), _)| !pk.starts_with(REGISTRY));
        for ((table, pk, sk), item) in of_tenants {
            let of_indexes = ["kind_pk", "relation_pk", "time_pk", "undelivered_pk"];
            let of_indexes = of_indexes.map(|key| text(item, key));
            for key in of_indexes.into_iter().flatten().chain([pk.as_str()]) {
                assert!(key.starts_with(&prefix), "{key} of {table} {pk} {sk}");
            }
            assert!(text(item, "tenant_id").is_none_or(|owner| owner == name), "{table} {pk} {sk}");
        }
    }
}
