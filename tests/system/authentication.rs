//! Nobody is let in who does not prove who they are: every operation, tried with every kind of credential that
//! is none; and with those that are one, as whom, and in which tenant.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Request};
use local::authorizer::Authorizer;
use local::gateway::Gateway;
use local::system::TEMPLATE;
use local::template::Template;
use serde_json::{Value, json};
use std::collections::HashMap;
use tests::tokens::{
    ISSUER_BY_SECRET, ISSUER_OF_OTHERS, KEYS_URL, Keys, Places, TENANT, claims, claims_with, pairs,
};
use tests::{Reply, Tenant, World};

use crate::isolation::OWNER;
use crate::isolation::attempts::{Attempt, Things, attempts};
use crate::samples::samples_within;
use crate::tables::{assert_same, tables};

/// The second in which a world begins.
const NOW: i64 = 1_795_404_653;

/// A world that wants tokens, in which their tenant has something of everything.
pub(crate) async fn guarded() -> World {
    assert_eq!(OWNER, TENANT, "what is attempted is what the tokens' tenant has");
    let world = World::with_tokens(&Places::new());
    let owner = with(world.tenant(OWNER), &bearer(&json!({})));
    samples_within(&owner).await;
    world.record(OWNER, (0..3).map(tests::checkpoints::happening)).await;
    world.sign(OWNER).await;
    world
}

fn with(tenant: Tenant, authorization: &str) -> Tenant {
    tenant.with("authorization", authorization)
}

/// A good token, but for what its claims are changed to.
pub(crate) fn bearer(others: &Value) -> String {
    format!("Bearer {}", pairs().ecdsa.token(&claims_with(NOW, others)))
}

/// Whether an operation answers anyone.
pub(crate) fn is_open(path: &str) -> bool {
    path.starts_with("/.well-known/") || ["/healthz", "/readyz"].contains(&path)
}

/// Sends a request with these headers and no others.
pub(crate) async fn send(
    world: &World,
    (method, path, body): &Attempt,
    headers: &[(&str, &str)],
) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body.as_ref().map(Value::to_string).unwrap_or_default();
    world.send(request.body(body.into()).unwrap()).await
}

/// Refused, in the form that its endpoint has for refusals.
#[track_caller]
fn expect_refused(reply: &Reply, path: &str, status: u16, code: &str, what: &str) {
    assert_eq!(reply.status, status, "{what}: {path}: {}", reply.text);
    if path.contains("/access/v1/") {
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; charset=utf-8"),
            "{what}: {path}"
        );
    } else {
        reply.expect_problem(status, code);
    }
}

/// An API key that was revoked.
async fn revoked_key(world: &World) -> String {
    let owner = with(world.tenant(OWNER), &bearer(&json!({})));
    let made = owner.post("/api/v1/api-keys", json!({"name": "Revoked"})).await;
    let made = made.expect(201);
    let path = format!("/api/v1/api-keys/{}/revoke", made["id"].as_str().unwrap());
    owner.post_empty(&path).await.expect(200);
    made["key"].as_str().unwrap().to_owned()
}

/// Every kind of credential that is none: what it is, the header if any, and the code of its refusal.
fn bad_credentials(revoked: &str) -> Vec<(&'static str, Option<String>, &'static str)> {
    let (good, keys) = (claims(NOW), &pairs().rsa);
    let token = |token: String| Some(format!("Bearer {token}"));
    let changed = |others: Value| token(keys.token(&claims_with(NOW, &others)));
    let unsigned = {
        let header = json!({"alg": "none", "typ": "JWT"}).to_string();
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(good.to_string()))
    };
    let with_header = |name: &str, value: Value| {
        let mut header = keys.header();
        header[name] = value;
        token(keys.token_with(&header, &good))
    };
    let confused = Keys::secret(keys.id, &keys.public_der());
    let twice = good.to_string().replacen('{', "{\"sub\":\"root\",", 1);
    let invalid = "token_invalid";
    let elsewhere = revoked.replace(&format!("ak_{TENANT}."), "ak_globex.");
    let wrong = format!("{}_{}", revoked.rsplit_once('_').unwrap().0, "0".repeat(64));
    vec![
        ("no credential", None, "unauthenticated"),
        ("an empty header", Some(String::new()), invalid),
        ("another scheme", Some("Basic YWxpY2U6c2VjcmV0".to_owned()), invalid),
        ("a signature of AWS", Some("AWS4-HMAC-SHA256 Credential=AKIA/x".to_owned()), invalid),
        ("no token", Some("Bearer ".to_owned()), invalid),
        ("malformed", token("not.a.token".to_owned()), invalid),
        (
            "an issuer that nobody trusts",
            changed(json!({"iss": "https://evil.example.com/"})),
            invalid,
        ),
        ("no issuer", changed(json!({"iss": null})), invalid),
        ("another audience", changed(json!({"aud": "another"})), invalid),
        ("no audience", changed(json!({"aud": null})), invalid),
        ("expired", changed(json!({"exp": NOW - 60})), "token_expired"),
        ("without an end", changed(json!({"exp": null})), invalid),
        ("not yet valid", changed(json!({"nbf": NOW + 60})), invalid),
        ("from the future", changed(json!({"iat": NOW + 60})), invalid),
        ("alg none", token(unsigned), invalid),
        ("HS256 with the public key", token(confused.token(&good)), invalid),
        ("a forged signature", token(pairs().forged[0].token(&good)), invalid),
        ("an unknown kid", token(Keys::eddsa("ed-9", 9).token(&good)), invalid),
        ("an issuer of another tenant", changed(json!({"iss": ISSUER_OF_OTHERS})), invalid),
        ("another issuer's key", changed(json!({"iss": ISSUER_BY_SECRET})), invalid),
        ("no tenant", changed(json!({"tenant_id": null})), invalid),
        ("two tenants", changed(json!({"workspace_id": "globex"})), invalid),
        ("a tenant of the product", changed(json!({"tenant_id": "system:audit"})), invalid),
        ("no principal", changed(json!({"sub": null})), invalid),
        ("every principal", changed(json!({"sub": "*"})), invalid),
        ("a claim twice", token(keys.token_of(&keys.header().to_string(), &twice)), invalid),
        ("jku", with_header("jku", json!(KEYS_URL)), invalid),
        ("jwk", with_header("jwk", keys.public()), invalid),
        ("x5u", with_header("x5u", json!(KEYS_URL)), invalid),
        ("crit", with_header("crit", json!(["exp"])), invalid),
        ("a revoked API key", token(revoked.to_owned()), "api_key_revoked"),
        ("an API key of another tenant", Some(format!("ApiKey {elsewhere}")), "api_key_invalid"),
        ("an API key with another secret", token(wrong), "api_key_invalid"),
        (
            "too long",
            token(keys.token(&claims_with(NOW, &json!({"x": "x".repeat(9_000)})))),
            invalid,
        ),
    ]
}

#[tokio::test]
async fn no_operation_answers_or_does_anything_without_a_good_credential() {
    let world = guarded().await;
    let revoked = revoked_key(&world).await;
    let before = tables(&world).await;
    let attempts = attempts(&Things::of_owner());
    let mut refused = 0;
    for (what, credential, code) in bad_credentials(&revoked) {
        for attempt in &attempts {
            let path = attempt.1.as_str();
            // An idempotency key must not keep what was refused, nor a tenant's name open anything.
            let mut headers = vec![("idempotency-key", "one"), ("x-tenant-id", OWNER)];
            headers.extend(credential.as_deref().map(|value| ("authorization", value)));
            let reply = send(&world, attempt, &headers).await;
            if is_open(path) {
                assert_eq!(reply.status, 200, "{what}: {path}");
                continue;
            }
            expect_refused(&reply, path, 401, code, what);
            let how =
                if code == "unauthenticated" { "Bearer" } else { "Bearer error=\"invalid_token\"" };
            assert_eq!(reply.header("www-authenticate"), Some(how), "{what}: {path}");
            refused += 1;
        }
    }
    assert_same(&before, &tables(&world).await, "what is stored");
    assert!(refused > 34 * 55, "only {refused} requests were refused");
}

/// What is tried above is not refused for another reason.
#[tokio::test]
async fn every_operation_lets_in_who_has_a_good_token() {
    let world = guarded().await;
    let mut tokens = pairs().published().map(|keys| keys.token(&claims(NOW))).to_vec();
    let by_secret = claims_with(NOW, &json!({"iss": ISSUER_BY_SECRET}));
    tokens.push(pairs().secret.token(&by_secret));
    for (attempt, token) in attempts(&Things::of_owner()).iter().zip(tokens.iter().cycle()) {
        let authorization = format!("Bearer {token}");
        let reply = send(&world, attempt, &[("authorization", &authorization)]).await;
        if attempt.1.starts_with("/api/v1/tenants") {
            // But not into what is for operators, whatever the body is.
            reply.expect_problem(403, "forbidden");
        } else {
            assert!(![401, 403].contains(&reply.status), "{}: {}", attempt.1, reply.text);
        }
    }
}

#[tokio::test]
async fn a_token_s_tenant_wins_and_another_in_the_header_is_refused_everywhere() {
    let world = guarded().await;
    let before = tables(&world).await;
    let token = bearer(&json!({}));
    for attempt in attempts(&Things::of_owner()) {
        let path = attempt.1.as_str();
        if is_open(path) {
            continue;
        }
        for other in ["globex", "default", "ACME", "acme ", "acme,acme", "system:audit", "a/b"] {
            let headers = [("authorization", token.as_str()), ("x-tenant-id", other)];
            let reply = send(&world, &attempt, &headers).await;
            expect_refused(&reply, path, 403, "foreign_tenant", other);
        }
        let twice =
            [("authorization", token.as_str()), ("x-tenant-id", OWNER), ("x-tenant-id", "globex")];
        let reply = send(&world, &attempt, &twice).await;
        expect_refused(&reply, path, 403, "foreign_tenant", "two tenants");
    }
    assert_same(&before, &tables(&world).await, "what is stored");
}

/// Creates an entity; the answer.
async fn create(world: &World, headers: &[(&str, &str)]) -> Reply {
    let body = json!({"name": "Made", "type": "issuer"});
    let attempt = (Method::POST, "/api/v1/entities".to_owned(), Some(body));
    send(world, &attempt, headers).await
}

#[tokio::test]
async fn what_is_done_is_done_by_the_token_s_principal_in_the_token_s_tenant() {
    let world = World::with_tokens(&Places::new());
    let authorization = bearer(&json!({"sub": "bob", "tenant_id": "globex"}));
    let made = create(&world, &[("authorization", &authorization)]).await;
    assert_eq!(made.expect(201)["tenant_id"], "globex");
    let same = [("authorization", authorization.as_str()), ("x-tenant-id", "globex")];
    create(&world, &same).await.expect_problem(409, "name_taken");
    let audits = world.audits("entity.create").await;
    let [audit] = audits.as_slice() else { panic!("{audits:?}") };
    assert_eq!(
        (&audit["tenant_id"], &audit["actor_id"], &audit["actor_type"]),
        (&json!("globex"), &json!("bob"), &json!("user"))
    );
    // A user speaks for nobody else, whatever the header says.
    let for_another = [("authorization", authorization.as_str()), ("x-actor-id", "alice")];
    send(
        &world,
        &(Method::POST, "/api/v1/roles".to_owned(), Some(json!({"name": "Reader"}))),
        &for_another,
    )
    .await
    .expect(201);
    assert!(world.audits("role.create").await[0].get("on_behalf_of").is_none_or(Value::is_null));
}

#[tokio::test]
async fn the_header_names_the_tenant_only_for_a_token_that_is_for_any() {
    let issuer = json!([{
        "issuer": tests::tokens::ISSUER, "audience": ["epr"], "algorithms": ["ES256"],
        "jwks_url": KEYS_URL, "cross_tenant": true,
    }]);
    let issuers = ::authorizer::Issuer::parse_list(&issuer.to_string()).unwrap();
    let world = World::trusting(issuers, &Places::new());
    let any = bearer(&json!({"tenant_id": null}));
    let tenant_of = async |headers: &[(&str, &str)]| {
        create(&world, headers).await.expect(201)["tenant_id"].clone()
    };
    assert_eq!(tenant_of(&[("authorization", &any), ("x-tenant-id", "globex")]).await, "globex");
    assert_eq!(tenant_of(&[("authorization", &any)]).await, "default");
    // One of a tenant stays in it.
    let own = bearer(&json!({}));
    let elsewhere = create(&world, &[("authorization", &own), ("x-tenant-id", "globex")]).await;
    elsewhere.expect_problem(403, "foreign_tenant");
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let world = World::with_tokens(&Places::new());
    let token = bearer(&json!({"exp": NOW + 60}));
    let list = (Method::GET, "/api/v1/entities".to_owned(), None);
    let ask = async || send(&world, &list, &[("authorization", token.as_str())]).await;
    ask().await.expect(200);
    world.pass_seconds(89);
    ask().await.expect(200);
    world.pass_seconds(1);
    ask().await.expect_problem(401, "token_expired");
}

#[tokio::test]
async fn where_nobody_can_say_who_calls_the_gateway_answers_500_and_nothing_is_done() {
    let places = Places::new();
    places.put(KEYS_URL, Err("it answered 503".to_owned()));
    let world = World::with_tokens(&places);
    let before = tables(&world).await;
    let made = create(&world, &[("authorization", &bearer(&json!({})))]).await;
    assert_eq!(*made.expect(500), json!({"message": "Internal Server Error"}));
    assert_same(&before, &tables(&world).await, "what is stored");
}

#[test]
fn a_gateway_that_wants_tokens_wants_the_template_s_authorizer() {
    let authorizer = || {
        let clock = domain::time::Clock::system();
        let authorizer = ::authorizer::Authorizer::new(Vec::new(), &Places::new().fetch(), clock);
        Authorizer::On(Box::new(authorizer))
    };
    let refusal = |template: &str| {
        let template = Template::parse(template).unwrap();
        Gateway::new(&template, HashMap::new(), authorizer()).unwrap_err().to_string()
    };
    let unguarded = "authorization is on, but the default authorizer in the template is not the \
                     function `authorizer`";
    let line = "        DefaultAuthorizer: TokenAuthorizer\n";
    let by_iam = TEMPLATE.replace(line, "        DefaultAuthorizer: AWS_IAM\n");
    assert_eq!(refusal(&by_iam), unguarded);
    let by_another =
        TEMPLATE.replace("!GetAtt AuthorizerFunction.Arn", "!GetAtt RolesFunction.Arn");
    assert_eq!(refusal(&by_another), unguarded);
    // The whole one is refused only for what is not mounted here.
    assert!(refusal(TEMPLATE).contains("is mounted"), "{}", refusal(TEMPLATE));
    for (right, wrong, reason) in [
        (
            "AuthorizerPayloadFormatVersion: \"2.0\"",
            "AuthorizerPayloadFormatVersion: \"1.0\"",
            "payloads of version",
        ),
        ("EnableSimpleResponses: true", "EnableSimpleResponses: false", "simple responses"),
        (
            "FunctionArn: !GetAtt AuthorizerFunction.Arn",
            "FunctionArn: !Ref AuthorizerFunction",
            "`FunctionArn` must be",
        ),
    ] {
        assert_eq!(TEMPLATE.matches(right).count(), 1, "{right}");
        let refused = Template::parse(&TEMPLATE.replace(right, wrong)).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
}
