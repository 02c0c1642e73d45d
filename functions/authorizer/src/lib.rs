//! Who is calling: verifies the tokens of configured issuers, for API Gateway and for the local gateway.
//!
//! **Invariant:** of a request only its credential is looked at. Which tenant's data it is about, and what the
//! caller may do there, is for the functions to say, of the identity that is handed on.

mod claims;
pub mod development;
mod identity;
mod issuers;
mod key;
mod key_set;
mod refusal;
mod source;
mod token;
mod unambiguous;

use std::collections::HashMap;
use std::sync::Arc;

use api::App;
use domain::time::Clock;

pub use identity::{Identity, Request, VIA_TOKEN, Verdict};
pub use issuers::{
    ClaimNames, ISSUERS_MAX, Issuer, IssuersError, LEEWAY_SECONDS_DEFAULT, LEEWAY_SECONDS_MAX,
};
pub use key::{Algorithm, KEYS_MAX, SECRET_BYTES_MIN};
pub use key_set::{KEYS_SECONDS_FRESH, KEYS_SECONDS_MAX, PAUSE_SECONDS};
pub use refusal::{Failure, Refusal, Unavailable};
pub use source::{Fetch, Fetching, KEYS_BYTES_MAX, Secret, Source};
pub use token::TOKEN_BYTES_MAX;

use key::Key;
use key_set::KeySet;
use token::Token;

/// Verifies credentials. Cheap to clone; clones share the keys that they know.
#[derive(Clone, Debug)]
pub struct Authorizer {
    issuers: Arc<HashMap<String, Trusted>>,
    clock: Clock,
}

#[derive(Debug)]
struct Trusted {
    issuer: Issuer,
    keys: KeySet,
}

impl Authorizer {
    /// The authorizer of a deployment, with the issuers of `EPR_TOKEN_ISSUERS`.
    pub fn of(app: &App) -> Result<Self, IssuersError> {
        let issuers = Issuer::parse_list(&app.config.token_issuers)?;
        Ok(Self::new(issuers, &Fetch::everywhere(app.secrets.clone()), app.clock.clone()))
    }

    /// An authorizer that trusts some issuers. Nothing is fetched yet.
    pub fn new(issuers: Vec<Issuer>, fetch: &Fetch, clock: Clock) -> Self {
        let trusted = issuers.into_iter().map(|issuer| {
            let keys = KeySet::new(issuer.source.clone(), fetch.clone());
            (issuer.name.clone(), Trusted { issuer, keys })
        });
        Self { issuers: Arc::new(trusted.collect()), clock }
    }

    /// Who sent a request.
    pub async fn authenticate(&self, request: &Request) -> Result<Identity, Failure> {
        self.verify(bearer(request)?).await
    }

    async fn verify(&self, text: &str) -> Result<Identity, Failure> {
        let token = Token::read(text)?;
        let named = token.claims.get("iss").and_then(|name| name.as_str());
        let trusted = named.and_then(|name| self.issuers.get(name)).ok_or(Refusal::Issuer)?;
        let Trusted { issuer, keys } = trusted;
        if !issuer.algorithms.contains(&token.algorithm) {
            return Err(Refusal::Algorithm.into());
        }
        let now = self.clock.now().as_seconds();
        let keys = keys.keys(&issuer.name, |key| token.may_be_by(key), now).await;
        let keys = keys.map_err(|cause| {
            Unavailable(format!("the keys of issuer `{}` cannot be had: {cause}", issuer.name))
        })?;
        let fitting: Vec<&Key> = keys.iter().filter(|key| token.may_be_by(key)).collect();
        let is_secret = token.algorithm == Algorithm::Hs256;
        // A token that names no key is by the only one there is; secrets have no names, and are few.
        if fitting.is_empty() || (token.key_id.is_none() && fitting.len() > 1 && !is_secret) {
            return Err(Refusal::Key.into());
        }
        if !fitting.iter().any(|key| key.has_signed(token.signed, &token.signature)) {
            return Err(Refusal::Signature.into());
        }
        Ok(claims::judge(issuer, &token.claims, now)?)
    }
}

impl Token<'_> {
    /// Whether a key could have signed this, by its algorithm and, unless it is a secret, its name.
    fn may_be_by(&self, key: &Key) -> bool {
        let is_named = self.key_id.is_none()
            || self.key_id.as_deref() == key.id()
            || key.algorithm() == Algorithm::Hs256;
        key.algorithm() == self.algorithm && is_named
    }
}

/// The token of a request. Of two `Authorization` headers API Gateway makes one, which is no token.
fn bearer(request: &Request) -> Result<&str, Refusal> {
    let mut sent =
        request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let (value, another) = (sent.next(), sent.next());
    let (_, value) = value.ok_or(Refusal::Missing)?;
    if another.is_some() {
        return Err(Refusal::Scheme);
    }
    let (scheme, token) = value.trim().split_once(' ').ok_or(Refusal::Scheme)?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then_some(token.trim()).ok_or(Refusal::Scheme)
}

/// Says of a request who sent it. An error, which API Gateway answers with 500 and does not remember, says
/// that nobody can know just now.
pub async fn handle(authorizer: &Authorizer, request: Request) -> Result<Verdict, Unavailable> {
    match authorizer.authenticate(&request).await {
        Ok(identity) => Ok(Verdict::of(&identity)),
        Err(Failure::Refused(refusal)) => {
            tracing::info!(reason = %refusal, "caller_refused");
            Ok(Verdict::nobody(refusal))
        }
        Err(Failure::Unavailable(unavailable)) => Err(unavailable),
    }
}
