//! API keys: shown once, found by nobody but who has all of one, and ended when someone says so.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use http::{Method, Request};
use serde_json::{Value, json};
use tests::tokens::{Places, claims_with, pairs};
use tests::{Reply, Tenant, World};

use crate::tables::{assert_same, tables};

const NOW: i64 = 1_795_404_653;
const KEYS: &str = "/api/v1/api-keys";
const ENTITIES: &str = "/api/v1/entities";

/// A world that wants credentials, and a tenant as a user with a token sees it.
async fn guarded(scopes: Option<&str>) -> (World, Tenant) {
    let world = World::with_tokens(&Places::new());
    world.permit_everyone("acme").await;
    let claims = claims_with(NOW, &json!({"exp": NOW + 10_000_000_000_i64, "scope": scopes}));
    let token = format!("Bearer {}", pairs().eddsa.token(&claims));
    let acme = world.tenant("acme").with("authorization", &token);
    (world, acme)
}

/// Creates a key: the whole of it, and its path.
async fn create(tenant: &Tenant, body: Value) -> (String, String) {
    let made = tenant.post(KEYS, body).await;
    let body = made.expect(201);
    (body["key"].as_str().unwrap().to_owned(), format!("{KEYS}/{}", body["id"].as_str().unwrap()))
}

fn reports() -> Value {
    json!({"name": "Reports", "principal_id": "reports", "principal_type": "service"})
}

/// Asks for a list with these headers and no others.
async fn ask(world: &World, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(Method::GET).uri(ENTITIES);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(String::new().into()).unwrap()).await
}

#[tokio::test]
async fn a_key_calls_as_its_principal_in_its_tenant_by_each_of_its_headers() {
    let (world, acme) = guarded(None).await;
    let (key, _) = create(&acme, reports()).await;
    for (name, value) in [
        ("x-api-key", key.clone()),
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("ApiKey {key}")),
        ("authorization", format!("apikey {key}")),
    ] {
        ask(&world, &[(name, &value)]).await.expect(200);
        ask(&world, &[(name, &value), ("x-tenant-id", "acme")]).await.expect(200);
        let elsewhere = ask(&world, &[(name, &value), ("x-tenant-id", "globex")]).await;
        elsewhere.expect_problem(403, "foreign_tenant");
    }
    let by_key = world.tenant("acme").with("x-api-key", &key);
    by_key.post(ENTITIES, json!({"name": "Acme", "type": "issuer"})).await.expect(201);
    let audit = &world.audits("entity.create").await[0];
    assert_eq!(
        (&audit["tenant_id"], &audit["actor_id"], &audit["actor_type"]),
        (&json!("acme"), &json!("reports"), &json!("service"))
    );
}

#[tokio::test]
async fn what_is_not_all_of_one_key_is_none() {
    let (world, acme) = guarded(None).await;
    let (key, _) = create(&acme, reports()).await;
    let (other, _) = create(&acme, reports()).await;
    let (shown, secret) = key.rsplit_once('_').unwrap();
    let (other_shown, other_secret) = other.rsplit_once('_').unwrap();
    let last = if secret.ends_with('0') { '1' } else { '0' };
    for bad in [
        shown.to_owned(),
        format!("{shown}_"),
        format!("{shown}_{other_secret}"),
        format!("{other_shown}_{secret}"),
        format!("{shown}_{}{last}", secret.strip_suffix(secret.chars().last().unwrap()).unwrap()),
        format!("{shown}_{}", secret.to_uppercase()),
        format!("{shown}_{}", "0".repeat(64)),
        // The same digits in another tenant, which has no such key.
        key.replace("ak_acme.", "ak_globex."),
        key.replace("ak_acme.", "ak_acme.."),
        key.replace("ak_acme.", "ak_system:audit."),
        key.strip_prefix('a').unwrap().to_owned(),
        format!("{key},{key}"),
    ] {
        let refused = ask(&world, &[("x-api-key", &bad)]).await;
        refused.expect_problem(401, "api_key_invalid");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    // Of two credentials it is not chosen one.
    let both = [("x-api-key", key.as_str()), ("authorization", &format!("ApiKey {key}"))];
    ask(&world, &both).await.expect_problem(401, "token_invalid");
    ask(&world, &[("x-api-key", &key)]).await.expect(200);
}

#[tokio::test]
async fn a_revoked_key_is_one_at_once_and_an_expired_one_at_its_end() {
    let (world, acme) = guarded(None).await;
    let (revoked, path) = create(&acme, reports()).await;
    ask(&world, &[("x-api-key", &revoked)]).await.expect(200);
    let once = acme.post_empty(&format!("{path}/revoke")).await;
    assert_eq!(once.expect(200)["revoked_at"], world.now());
    ask(&world, &[("x-api-key", &revoked)]).await.expect_problem(401, "api_key_revoked");
    // That it was revoked is told to who has all of it, and to nobody else.
    let (shown, _) = revoked.rsplit_once('_').unwrap();
    let guess = format!("{shown}_{}", "0".repeat(64));
    ask(&world, &[("x-api-key", &guess)]).await.expect_problem(401, "api_key_invalid");
    // A second time changes nothing and tells nobody.
    world.pass_seconds(60);
    let again = acme.post_empty(&format!("{path}/revoke")).await;
    assert_eq!((again.status, &again.body), (200, &once.body));
    assert_eq!(world.events("api_key.revoked").await.len(), 1);

    let mut body = reports();
    body["expires_at"] = json!(world.in_seconds(100));
    let (expired, _) = create(&acme, body).await;
    world.pass_seconds(99);
    ask(&world, &[("x-api-key", &expired)]).await.expect(200);
    world.pass_seconds(1);
    ask(&world, &[("x-api-key", &expired)]).await.expect_problem(401, "api_key_expired");
}

#[tokio::test]
async fn only_a_key_that_nobody_can_use_is_deleted() {
    let (world, acme) = guarded(None).await;
    let (key, path) = create(&acme, reports()).await;
    acme.delete(&path).await.expect_problem(409, "key_active");
    ask(&world, &[("x-api-key", &key)]).await.expect(200);
    acme.post_empty(&format!("{path}/revoke")).await.expect(200);
    let stale = acme.clone().with("if-match", "\"1\"");
    stale.delete(&path).await.expect_problem(412, "stale");
    acme.delete(&path).await.expect(200);
    acme.delete(&path).await.expect_problem(404, "not_found");
    acme.get(&path).await.expect_problem(404, "not_found");
    ask(&world, &[("x-api-key", &key)]).await.expect_problem(401, "api_key_invalid");
}

#[tokio::test]
async fn the_secret_is_shown_once_and_stands_nowhere() {
    let (world, acme) = guarded(None).await;
    let keyed = acme.clone().with("idempotency-key", "k");
    let first = keyed.post(KEYS, reports()).await;
    let key = first.expect(201)["key"].as_str().unwrap().to_owned();
    let again = keyed.post(KEYS, reports()).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((again.expect(201).get("key"), &again.body["id"]), (None, &first.body["id"]));
    let path = format!("{KEYS}/{}", first.body["id"].as_str().unwrap());
    let revoke = format!("{path}/revoke");
    ask(&world, &[("x-api-key", &key)]).await.expect(200);
    let (_, secret) = key.rsplit_once('_').unwrap();
    for reply in [acme.get(&path).await, acme.get(KEYS).await, acme.post_empty(&revoke).await] {
        assert!(!reply.text.contains(secret), "{}", reply.text);
    }
    let stored = format!("{:?}", tables(&world).await);
    assert!(stored.contains(first.body["id"].as_str().unwrap()) && !stored.contains(secret));
}

#[tokio::test]
async fn that_a_key_was_used_is_noted_once_an_hour_and_is_no_change() {
    let (world, acme) = guarded(None).await;
    let (key, path) = create(&acme, reports()).await;
    let last_used = async || acme.get(&path).await.expect(200)["last_used_at"].clone();
    assert_eq!(last_used().await, Value::Null);
    let begin = world.now();
    ask(&world, &[("x-api-key", &key)]).await.expect(200);
    assert_eq!(last_used().await, begin);
    let noted = tables(&world).await;
    world.pass_seconds(3_599);
    ask(&world, &[("x-api-key", &key)]).await.expect(200);
    assert_same(&noted, &tables(&world).await, "within the hour");
    world.pass_seconds(1);
    ask(&world, &[("x-api-key", &key)]).await.expect(200);
    assert_eq!(last_used().await, world.now());
    assert_eq!(acme.get(&path).await.header("etag"), Some("\"1\""));
    assert_eq!(world.events("api_key.created").await.len(), 1);
}

#[tokio::test]
async fn a_key_is_limited_to_no_more_than_who_made_it() {
    let (_, limited) = guarded(Some("api_key:create entity:read read:role")).await;
    let with = |scopes: Value| {
        let mut body = reports();
        body["scopes"] = scopes;
        body
    };
    let beyond = limited.post(KEYS, with(json!(["entity:read", "entity:write"]))).await;
    beyond.expect_problem(400, "invalid");
    assert_eq!(beyond.pointers(), ["/scopes/1"]);
    let narrower = limited.post(KEYS, with(json!(["role:read"]))).await;
    assert_eq!(narrower.expect(201)["scopes"], json!(["role:read"]));
    let silent = limited.post(KEYS, reports()).await;
    let own = json!(["api_key:create", "entity:read", "read:role"]);
    assert_eq!(silent.expect(201)["scopes"], own);
    let (_, unlimited) = guarded(None).await;
    let free = unlimited.post(KEYS, reports()).await;
    assert_eq!(free.expect(201)["scopes"], Value::Null);
    let none = unlimited.post(KEYS, with(json!([]))).await;
    assert_eq!(none.expect(201)["scopes"], json!([]));
}

#[tokio::test]
async fn a_key_lets_in_where_its_scopes_do_and_nowhere_else() {
    let (world, acme) = guarded(None).await;
    for (scopes, allowed) in [
        (json!(null), true),
        (json!(["entity:read"]), true),
        (json!(["ENTITY_READ"]), true),
        (json!(["role:read"]), false),
        (json!([]), false),
    ] {
        let mut body = reports();
        body["scopes"] = scopes.clone();
        let (key, _) = create(&acme, body).await;
        let reply = ask(&world, &[("x-api-key", &key)]).await;
        if allowed {
            reply.expect(200);
        } else {
            let problem = reply.expect_problem(403, "insufficient_scope");
            assert_eq!(problem["permission"], "entity:read", "{scopes}");
        }
    }
}

#[tokio::test]
async fn a_key_is_the_callers_own_where_nobody_is_named_and_never_a_groups() {
    let (world, acme) = guarded(None).await;
    let own = acme.post(KEYS, json!({"name": "Mine"})).await;
    let own = own.expect(201);
    assert_eq!((&own["principal_id"], &own["principal_type"]), (&json!("alice"), &json!("user")));
    assert_eq!(own["expires_at"], world.in_seconds(365 * 24 * 60 * 60));
    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({"name": ""}), "/name"),
        (json!({"name": "x", "principal_id": "*"}), "/principal_id"),
        (json!({"name": "x", "principal_type": "group"}), "/principal_type"),
        (json!({"name": "x", "scopes": ["a b"]}), "/scopes/0"),
        (json!({"name": "x", "expires_at": "2026-11-23T03:30:53Z"}), "/expires_at"),
        (json!({"name": "x", "expires_at": "2032-01-01T00:00:00Z"}), "/expires_at"),
    ] {
        let refused = acme.post(KEYS, body.clone()).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), [pointer], "{body}");
    }
}

#[tokio::test]
async fn another_tenants_key_does_not_exist() {
    let (world, acme) = guarded(None).await;
    let (key, path) = create(&acme, reports()).await;
    world.permit_everyone("globex").await;
    let claims = claims_with(NOW, &json!({"tenant_id": "globex"}));
    let token = format!("Bearer {}", pairs().eddsa.token(&claims));
    let globex = world.tenant("globex").with("authorization", &token);
    let unknown = format!("{KEYS}/0000000000000000");
    for path in [&path, &unknown] {
        globex.get(path).await.expect_problem(404, "not_found");
        globex.post_empty(&format!("{path}/revoke")).await.expect_problem(404, "not_found");
        globex.delete(path).await.expect_problem(404, "not_found");
    }
    assert_eq!(globex.get(KEYS).await.ids(), [""; 0]);
    ask(&world, &[("x-api-key", &key)]).await.expect(200);
}
