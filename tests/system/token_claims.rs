//! What tokens say: whose claims are read by which names, and which lists of issuers are refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use ::authorizer::{Authorizer, Failure, Identity, Issuer, Refusal, Request, Verdict};
use domain::time::{Clock, Timestamp};
use serde_json::{Value, json};
use tests::tokens::{AUDIENCE, ISSUER, KEYS_URL, Places, claims_with, pairs};

const NOW: i64 = 1_795_404_653;

/// An issuer with these members over those that it needs.
fn described(others: &Value) -> Value {
    let mut issuer = json!({
        "issuer": ISSUER, "audience": [AUDIENCE], "algorithms": ["EdDSA"], "jwks_url": KEYS_URL,
    });
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => issuer.as_object_mut().unwrap().remove(name),
            value => issuer.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    issuer
}

fn authorizer(others: &Value) -> Authorizer {
    let issuers = Issuer::parse_list(&json!([described(others)]).to_string()).unwrap();
    let clock = Clock::from_fn(|| Timestamp::from_microseconds(NOW * 1_000_000).unwrap());
    Authorizer::new(issuers, &Places::new().fetch(), clock)
}

fn request(claims: &Value) -> Request {
    let token = pairs().eddsa.token(&claims_with(NOW, claims));
    Request { headers: [("authorization".to_owned(), format!("Bearer {token}"))].into() }
}

/// Who calls with these claims, by an issuer of this description.
async fn identity(issuer: &Value, claims: &Value) -> Result<Identity, Refusal> {
    match authorizer(issuer).authenticate(&request(claims)).await {
        Ok(identity) => Ok(identity),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(Failure::Unavailable(error)) => panic!("{error}"),
    }
}

async fn tenant(issuer: &Value, claims: &Value) -> Result<Option<String>, Refusal> {
    let identity = identity(issuer, claims).await?;
    Ok(identity.tenant_id.map(|tenant| tenant.to_string()))
}

async fn principal(issuer: &Value, claims: &Value) -> Result<String, Refusal> {
    Ok(identity(issuer, claims).await?.principal.to_string())
}

async fn scopes(claims: &Value) -> Result<Option<Vec<String>>, Refusal> {
    Ok(identity(&json!({}), claims).await?.scopes)
}

#[tokio::test]
async fn the_principal_is_read_by_each_of_its_names() {
    let any = json!({});
    for (claims, wanted) in [
        (json!({"sub": "bob"}), Ok("user:bob")),
        (json!({"sub": null, "userID": "bob"}), Ok("user:bob")),
        (json!({"sub": null, "user_id": "bob"}), Ok("user:bob")),
        (json!({"sub": null, "userID": 42}), Ok("user:42")),
        (json!({"sub": "bob", "userID": "carol", "user_id": "dave"}), Ok("user:bob")),
        (json!({"sub": null}), Err(Refusal::Claim("sub"))),
        (json!({"sub": ""}), Err(Refusal::Claim("sub"))),
        (json!({"sub": "*"}), Err(Refusal::Claim("sub"))),
        (json!({"sub": "a b"}), Err(Refusal::Claim("sub"))),
        (json!({"sub": "a/../b"}), Err(Refusal::Claim("sub"))),
        (json!({"sub": "x".repeat(129)}), Err(Refusal::Claim("sub"))),
        (json!({"sub": ["bob"]}), Err(Refusal::Claim("sub"))),
        (json!({"sub": {"id": "bob"}}), Err(Refusal::Claim("sub"))),
        (json!({"sub": -1}), Err(Refusal::Claim("sub"))),
        (json!({"sub": true}), Err(Refusal::Claim("sub"))),
    ] {
        assert_eq!(principal(&any, &claims).await.as_deref(), wanted.as_ref().copied(), "{claims}");
    }
}

/// Whoever may write claims of their own must not make themselves a service, of whom more is believed.
#[tokio::test]
async fn a_principal_is_of_the_type_that_its_issuer_is_configured_for() {
    let claimed = json!({"principal_type": "service"});
    assert_eq!(principal(&json!({}), &claimed).await.unwrap(), "user:alice");
    let services = json!({"principal_type": "service"});
    assert_eq!(principal(&services, &json!({})).await.unwrap(), "service:alice");
    let by_claim = json!({"claims": {"principal_type": ["principal_type"]}});
    assert_eq!(principal(&by_claim, &claimed).await.unwrap(), "service:alice");
    assert_eq!(principal(&by_claim, &json!({})).await.unwrap(), "user:alice");
    for bad in [json!("group"), json!(""), json!("a b"), json!(["user"])] {
        let refused = principal(&by_claim, &json!({"principal_type": bad})).await;
        assert_eq!(refused, Err(Refusal::Claim("principal_type")), "{bad}");
    }
}

#[tokio::test]
async fn the_tenant_is_read_by_each_of_its_names_and_all_must_agree() {
    let any = json!({});
    for (claims, wanted) in [
        (json!({}), Ok(Some("acme"))),
        (json!({"tenant_id": null, "tenantId": "globex"}), Ok(Some("globex"))),
        (json!({"tenant_id": null, "workspace_id": "globex"}), Ok(Some("globex"))),
        (json!({"tenant_id": null, "workspaceID": 207_732}), Ok(Some("207732"))),
        (json!({"workspaceID": "acme"}), Ok(Some("acme"))),
        (json!({"tenantId": "globex"}), Err(Refusal::Tenant)),
        (json!({"workspace_id": 7}), Err(Refusal::Tenant)),
        (json!({"tenant_id": null}), Err(Refusal::Tenant)),
        (json!({"tenant_id": "system:audit"}), Err(Refusal::Tenant)),
        (json!({"tenant_id": ""}), Err(Refusal::Claim("tenant_id"))),
        (json!({"tenant_id": "a/b"}), Err(Refusal::Claim("tenant_id"))),
        (json!({"tenant_id": ["acme"]}), Err(Refusal::Claim("tenant_id"))),
        (json!({"tenant_id": 1.5}), Err(Refusal::Claim("tenant_id"))),
    ] {
        let named = tenant(&any, &claims).await;
        let named = named.as_ref().map(Option::as_deref).map_err(|refusal| *refusal);
        assert_eq!(named, wanted, "{claims}");
    }
}

#[tokio::test]
async fn which_tenants_an_issuer_may_speak_for_is_not_for_its_tokens_to_say() {
    let of = |tenants: Value| json!({ "tenants": tenants });
    let none = json!({"tenant_id": null});
    for (issuer, claims, wanted) in [
        (of(json!(["acme"])), json!({}), Ok(Some("acme"))),
        (of(json!(["acme"])), none.clone(), Ok(Some("acme"))),
        (of(json!(["globex"])), json!({}), Err(Refusal::Tenant)),
        (of(json!(["acme", "globex"])), json!({}), Ok(Some("acme"))),
        (of(json!(["acme", "globex"])), none.clone(), Err(Refusal::Tenant)),
        (of(json!(["initech", "globex"])), json!({}), Err(Refusal::Tenant)),
        (json!({"cross_tenant": true}), none, Ok(None)),
        (json!({"cross_tenant": true}), json!({}), Ok(Some("acme"))),
    ] {
        let named = tenant(&issuer, &claims).await;
        let named = named.as_ref().map(Option::as_deref).map_err(|refusal| *refusal);
        assert_eq!(named, wanted, "{issuer} {claims}");
    }
}

#[tokio::test]
async fn scopes_are_a_text_or_a_list_and_an_empty_list_is_not_none() {
    let words = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    for (claims, wanted) in [
        (json!({}), None),
        (json!({"scope": "entity:read role:read"}), words(&["entity:read", "role:read"])),
        (json!({"scope": ["entity:read"]}), words(&["entity:read"])),
        (json!({"scopes": ["entity:read", "a"]}), words(&["entity:read", "a"])),
        (json!({"scopes": "entity:read"}), words(&["entity:read"])),
        // Of two the first counts: another beside it does not widen what a token is limited to.
        (json!({"scope": "a", "scopes": ["b"]}), words(&["a"])),
        (json!({"scope": ""}), words(&[])),
        (json!({"scopes": []}), words(&[])),
    ] {
        assert_eq!(scopes(&claims).await.unwrap(), wanted, "{claims}");
    }
    for bad in [
        json!(7),
        json!({"a": 1}),
        json!(["a", 7]),
        json!(["a b"]),
        json!(["\u{e9}"]),
        json!([""]),
        json!(["a\"b"]),
        json!(vec!["a"; 201]),
    ] {
        let refused = scopes(&json!({ "scope": bad })).await;
        assert_eq!(refused, Err(Refusal::Claim("scope")), "{bad}");
    }
}

#[tokio::test]
async fn what_is_handed_on_is_what_the_token_says_and_no_more() {
    let handed_on = async |issuer: &Value, claims: &Value| {
        let Verdict { is_authorized, context } =
            ::authorizer::handle(&authorizer(issuer), request(claims)).await.unwrap();
        assert!(is_authorized);
        json!(context)
    };
    let claims = json!({"scope": "entity:read", "roles": ["admin", "auditor"], "via": "local", "cross_tenant": "true"});
    assert_eq!(
        handed_on(&json!({}), &claims).await,
        json!({
            "via": "jwt", "principal_type": "user", "principal_id": "alice", "tenant_id": "acme",
            "scopes": "entity:read", "roles": "admin auditor", "good_until": (NOW + 3_630).to_string(),
        })
    );
    assert_eq!(
        handed_on(&json!({"cross_tenant": true}), &json!({"tenant_id": null})).await,
        json!({
            "via": "jwt", "principal_type": "user", "principal_id": "alice", "cross_tenant": "true",
            "good_until": (NOW + 3_630).to_string(),
        })
    );
    for (claims, refusal) in [(json!({"exp": 1}), "expired"), (json!({"aud": "other"}), "invalid")]
    {
        assert_eq!(handed_on(&json!({}), &claims).await, json!({ "refusal": refusal }));
    }
}

#[test]
fn a_list_of_issuers_that_is_a_mistake_is_refused_and_the_issuer_named() {
    for empty in ["", " \n", "[]"] {
        assert!(Issuer::parse_list(empty).unwrap().is_empty());
    }
    for bad in ["{}", "[7]", "[{}]", "nothing", "[{\"issuer\": \"x\"}]"] {
        let error = Issuer::parse_list(bad).unwrap_err().to_string();
        assert!(error.starts_with("EPR_TOKEN_ISSUERS is no list of issuers: "), "{error}");
    }
    for (others, reason) in [
        (json!({"issuer": ""}), "must have a name"),
        (json!({"audience": []}), "must have an `audience`, and none that is empty"),
        (json!({"algorithms": []}), "must have `algorithms`"),
        (
            json!({"algorithms": ["HS256"]}),
            "publishes its keys, so HS256 is none of its algorithms",
        ),
        (
            json!({"algorithms": ["EdDSA", "HS256"]}),
            "publishes its keys, so HS256 is none of its algorithms",
        ),
        (json!({"jwks_url": null}), "must have either a `jwks_url` or a `secret`"),
        (json!({"secret": "variable"}), "must have either a `jwks_url` or a `secret`"),
        (
            json!({"jwks_url": null, "secret": "variable"}),
            "has a `secret`, so HS256 is its only algorithm",
        ),
        (
            json!({"jwks_url": "http://login.example.com/keys"}),
            "must have a `jwks_url` that begins with https://",
        ),
        (
            json!({"jwks_url": "file:///etc/keys"}),
            "must have a `jwks_url` that begins with https://",
        ),
        (json!({"jwks_url": "keys"}), "has a `jwks_url` that is no address"),
        (
            json!({"principal_type": "group"}),
            "must not have groups for principals: a group does not call",
        ),
        (
            json!({"tenants": ["acme"], "cross_tenant": true}),
            "must not be for some `tenants` and `cross_tenant` as well",
        ),
        (json!({"tenants": ["system:audit"]}), "must not speak for a tenant of the product itself"),
        (json!({"leeway_seconds": 301}), "must have `leeway_seconds` from 0 to 300"),
        (json!({"leeway_seconds": -1}), "must have `leeway_seconds` from 0 to 300"),
        (
            json!({"claims": {"tenant": []}}),
            "must have names for the claims of principal and tenant",
        ),
    ] {
        let error = Issuer::parse_list(&json!([described(&others)]).to_string()).unwrap_err();
        assert!(error.to_string().ends_with(reason), "{others}: {error}");
    }
    let twice = json!([described(&json!({})), described(&json!({}))]).to_string();
    assert!(Issuer::parse_list(&twice).unwrap_err().to_string().ends_with("is described twice"));
    for unknown in [
        json!({"audiences": ["epr"]}),
        json!({"claims": {"sub": ["sub"]}}),
        json!({"algorithms": ["none"]}),
    ] {
        Issuer::parse_list(&json!([described(&unknown)]).to_string()).unwrap_err();
    }
    let here = json!({"jwks_url": "http://127.0.0.1:8000/.well-known/jwks.json"});
    Issuer::parse_list(&json!([described(&here)]).to_string()).unwrap();
}
