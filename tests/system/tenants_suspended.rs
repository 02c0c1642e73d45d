//! How a tenant stands is how its callers are met: let in, in a tier, or refused while it is suspended.

use ::authorizer::{Authorizer, Failure, Issuer, Request, TENANT_SECONDS_FRESH};
use serde_json::{Value, json};
use tests::faults::{Fault, Faults};
use tests::tokens::{AUDIENCE, ISSUER, KEYS_URL, Places, claims_with, issuers, pairs};
use tests::{Tenant, World};

use crate::tables::{assert_same, tables};

const NOW: i64 = 1_795_404_653;
const TENANTS: &str = "/api/v1/tenants";
const ENTITIES: &str = "/api/v1/entities";

/// A good token for a long time, but for what its claims are changed to.
fn token(others: &Value) -> String {
    let mut claims = json!({"exp": NOW + 10_000_000});
    claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    pairs().eddsa.token(&claims_with(NOW, &claims))
}

/// A world whose issuer also makes tokens for operators, of no tenant.
fn world() -> World {
    let issuer = json!([{
        "issuer": ISSUER, "audience": [AUDIENCE], "algorithms": ["EdDSA"], "jwks_url": KEYS_URL,
        "cross_tenant": true,
    }]);
    World::trusting(Issuer::parse_list(&issuer.to_string()).unwrap(), &Places::new())
}

/// A caller of a tenant.
fn caller(world: &World, tenant: &str) -> Tenant {
    let token = token(&json!({"tenant_id": tenant}));
    world.tenant(tenant).with("authorization", &format!("Bearer {token}"))
}

/// An operator, who names a tenant.
fn operator(world: &World, tenant: &str) -> Tenant {
    let token = token(&json!({"tenant_id": null, "sub": "operator"}));
    world.tenant(tenant).with("authorization", &format!("Bearer {token}"))
}

async fn register(operator: &Tenant, id: &str, tier: &str) -> String {
    let body = json!({"id": id, "slug": id, "name": id, "tier": tier});
    operator.post(TENANTS, body).await.expect(201);
    format!("{TENANTS}/{id}")
}

#[tokio::test]
async fn callers_of_a_suspended_tenant_are_refused_and_let_in_again_when_it_is_resumed() {
    let world = world();
    let (acme, globex) = (caller(&world, "acme"), caller(&world, "globex"));
    let operator = operator(&world, "default");
    let path = register(&operator, "acme", "free").await;
    register(&operator, "globex", "free").await;
    acme.entity("Acme", "issuer", None).await;
    let key = acme.post("/api/v1/api-keys", json!({"name": "Reports"})).await;
    let key = key.expect(201)["key"].as_str().unwrap().to_owned();
    let by_key = world.tenant("acme").with("x-api-key", &key);
    by_key.get(ENTITIES).await.expect(200);

    let suspend = format!("{path}/suspend");
    let suspended = operator.post(&suspend, json!({"reason": "Unpaid."})).await;
    let status = |body: &Value| (body["status"].clone(), body["suspension_reason"].clone());
    assert_eq!(status(suspended.expect(200)), (json!("suspended"), json!("Unpaid.")));
    world.pass_seconds(TENANT_SECONDS_FRESH);
    let before = tables(&world).await;
    for caller in [&acme, &by_key] {
        let read = caller.get(ENTITIES).await;
        let told = read.expect_problem(403, "tenant_suspended");
        assert!(!told.to_string().contains("Unpaid"), "{told}");
        assert_eq!(read.header("www-authenticate"), None);
        let body = json!({"name": "New", "type": "issuer"});
        caller.post(ENTITIES, body).await.expect_problem(403, "tenant_suspended");
    }
    assert_same(&before, &tables(&world).await, "what was refused");
    globex.get(ENTITIES).await.expect(200);

    // A second time changes nothing, the reason included.
    let again = operator.post(&suspend, json!({"reason": "Other."})).await;
    assert_eq!((&again.body, again.status), (&suspended.body, 200));
    let resumed = operator.post_empty(&format!("{path}/resume")).await;
    assert_eq!(status(resumed.expect(200)), (json!("active"), Value::Null));
    world.pass_seconds(TENANT_SECONDS_FRESH);
    for caller in [&acme, &by_key] {
        assert_eq!(caller.get(ENTITIES).await.expect(200)["items"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn operators_see_what_a_suspended_tenant_has() {
    let world = world();
    caller(&world, "acme").entity("Acme", "issuer", None).await;
    let operator = operator(&world, "acme");
    let path = register(&operator, "acme", "free").await;
    operator.post(&format!("{path}/suspend"), json!({})).await.expect(200);
    world.pass_seconds(TENANT_SECONDS_FRESH);
    caller(&world, "acme").get(ENTITIES).await.expect_problem(403, "tenant_suspended");
    assert_eq!(operator.get(ENTITIES).await.expect(200)["items"].as_array().unwrap().len(), 1);
    operator.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_tenant_that_is_not_registered_is_served_as_one_that_is() {
    let world = world();
    let acme = caller(&world, "acme");
    let entity = acme.entity("Acme", "issuer", None).await;
    // To be registered later changes nothing of what it has.
    register(&operator(&world, "default"), "acme", "free").await;
    world.pass_seconds(TENANT_SECONDS_FRESH);
    acme.get(&format!("{ENTITIES}/{entity}")).await.expect(200);
}

/// An authorizer over the tables of a world, by a way that can fail.
fn authorizer(world: &World) -> Authorizer {
    let store = world.system.app("authorizer").unwrap().store.clone();
    Authorizer::new(issuers(), &Places::new().fetch(), world.clock()).with_store(store)
}

fn asked(others: &Value) -> Request {
    let authorization = format!("Bearer {}", token(others));
    Request { headers: [("authorization".to_owned(), authorization)].into() }
}

/// What the functions are told of a caller with a token.
async fn told(authorizer: &Authorizer, others: &Value) -> Value {
    json!(::authorizer::handle(authorizer, asked(others)).await.unwrap().context)
}

#[tokio::test]
async fn the_registry_says_the_tier_and_not_the_token() {
    let world = World::new();
    register(&world.default_tenant(), "acme", "premium").await;
    let authorizer = authorizer(&world);
    assert_eq!(told(&authorizer, &json!({"tier": "internal"})).await["tier"], "premium");
    let unregistered = json!({"tenant_id": "globex", "tier": "internal"});
    assert_eq!(told(&authorizer, &unregistered).await.get("tier"), None);
}

#[tokio::test]
async fn a_tenant_is_looked_up_once_in_a_while_and_only_for_who_is_known() {
    let faults = Faults::none_but_watched();
    let world = World::with_faults(&faults);
    let path = register(&world.default_tenant(), "acme", "basic").await;
    let authorizer = authorizer(&world);
    let reads = async |others: Value| {
        let _before = faults.calls();
        let context = told(&authorizer, &others).await;
        (context, faults.calls().len())
    };
    assert_eq!(reads(json!({"aud": "other"})).await.1, 0, "for a token that is none");
    assert_eq!(reads(json!({})).await.1, 1, "the first time");
    for _ in 0..3 {
        assert_eq!(reads(json!({})).await.1, 0, "remembered");
    }
    assert_eq!(reads(json!({"tenant_id": "globex"})).await.1, 1, "another tenant");
    assert_eq!(reads(json!({"tenant_id": "globex"})).await.1, 0, "also that it is not registered");

    // What is remembered holds to its end, and no longer.
    world.default_tenant().post(&format!("{path}/suspend"), json!({})).await.expect(200);
    world.pass_seconds(TENANT_SECONDS_FRESH - 1);
    let (context, calls) = reads(json!({})).await;
    assert_eq!((&context["tier"], calls), (&json!("basic"), 0));
    world.pass_seconds(1);
    let (context, calls) = reads(json!({})).await;
    assert_eq!((context, calls), (json!({"refusal": "tenant_suspended"}), 1));
}

#[tokio::test(start_paused = true)]
async fn while_the_registry_cannot_be_asked_nobody_can_say_who_is_let_in() {
    let faults = Faults::none();
    let world = World::with_faults(&faults);
    let authorizer = authorizer(&world);
    faults.plan("GetItem", [Fault::NotSent; 8]);
    let refused = authorizer.authenticate(&asked(&json!({}))).await.unwrap_err();
    assert!(matches!(refused, Failure::Unavailable(_)), "{refused:?}");
}
