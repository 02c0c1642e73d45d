//! Who is calling: the headers that hold a credential, tokens, and the sets of keys of issuers.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use authorizer::development::{Development, Grant};
use authorizer::{Authorizer, Failure, Fetch, Request, Source};
use domain::id::{PrincipalId, TenantId};
use domain::principal::{Principal, PrincipalType};
use domain::time::{Clock, Timestamp};
use ed25519_dalek::SigningKey;
use futures::FutureExt;

use crate::text;

/// When every token of the samples counts.
fn moment() -> Timestamp {
    Timestamp::parse("2026-11-23T03:30:53Z").unwrap()
}

fn development() -> &'static Development {
    static ISSUER: OnceLock<Development> = OnceLock::new();
    ISSUER.get_or_init(|| Development::of(SigningKey::from_bytes(&[7; 32])))
}

/// The one token that counts.
pub(crate) fn good_token() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| {
        let principal =
            Principal { kind: PrincipalType::user(), id: PrincipalId::parse("alice").unwrap() };
        let tenant_id = Some(TenantId::parse("acme").unwrap());
        let scopes = Some(vec!["entity:read".to_owned()]);
        development().token(&Grant { principal, tenant_id, scopes, seconds: 3_600 }, moment())
    })
}

fn authorizer(keys: Option<Vec<u8>>) -> Authorizer {
    let fetch = Fetch::from_fn(move |source| {
        let text = match (&keys, source) {
            (Some(keys), _) => Ok(keys.clone()),
            (None, Source::Given(keys)) => Ok(keys.as_bytes().to_vec()),
            (None, _) => Err("not here".to_owned()),
        };
        futures::future::ready(text).boxed()
    });
    Authorizer::new(vec![development().trusted()], &fetch, Clock::from_fn(moment))
}

fn ask(authorizer: &Authorizer, headers: BTreeMap<String, String>) -> Result<String, Failure> {
    let request = Request { headers };
    // Nothing it waits for takes time.
    let identity = authorizer.authenticate(&request).now_or_never().unwrap();
    identity.map(|identity| identity.principal.id.to_string())
}

fn with(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

/// Tokens: nobody can make one that counts, whatever its header and claims say.
pub(crate) fn token(data: &[u8]) {
    static AUTHORIZER: OnceLock<Authorizer> = OnceLock::new();
    let Some(text) = text(data) else { return };
    let authorizer = AUTHORIZER.get_or_init(|| authorizer(None));
    if let Ok(who) = ask(authorizer, with("authorization", &format!("Bearer {text}"))) {
        assert_eq!((who.as_str(), text.trim()), ("alice", good_token()));
    }
}

/// Headers, a line each: whoever is let in sent the one good token, and nothing beside it.
pub(crate) fn credential(data: &[u8]) {
    static AUTHORIZER: OnceLock<Authorizer> = OnceLock::new();
    let Some(text) = text(data) else { return };
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let headers: BTreeMap<String, String> =
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let is_one = |name: &String| {
        name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("x-api-key")
    };
    let credentials: Vec<String> =
        headers.iter().filter(|(name, _)| is_one(name)).map(|(_, value)| value.clone()).collect();
    let authorizer = AUTHORIZER.get_or_init(|| authorizer(None));
    if ask(authorizer, headers).is_ok() {
        let [only] = credentials.as_slice() else { panic!("let in by {credentials:?}") };
        assert!(only.trim().ends_with(good_token()), "{only}");
    }
}

/// The keys of an issuer: whatever it publishes, a token counts only by the key that signed it.
pub(crate) fn key_set(data: &[u8]) {
    let authorizer = authorizer(Some(data.to_vec()));
    let answer = ask(&authorizer, with("authorization", &format!("Bearer {}", good_token())));
    if answer.is_ok() {
        let published = development().key_set();
        let key = published["keys"][0]["x"].as_str().unwrap();
        let is_there = |keys: &serde_json::Value| {
            keys["keys"].as_array().is_some_and(|keys| keys.iter().any(|one| one["x"] == key))
        };
        assert!(serde_json::from_slice(data).is_ok_and(|keys| is_there(&keys)), "by no such key");
    }
}
