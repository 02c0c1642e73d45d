//! Who is calling: verifies API keys and the tokens of configured issuers, for API Gateway and for the local
//! gateway.
//!
//! **Invariant:** of a request only its credential is looked at, and how the credential's tenant stands. Which
//! tenant's data it is about, and what the caller may do there, is for the functions to say, of the identity that is
//! handed on.

mod claims;
mod credential;
pub mod development;
mod identity;
mod issuers;
mod key;
mod key_set;
mod refusal;
mod source;
mod tenants;
mod token;
mod unambiguous;

use std::collections::HashMap;
use std::sync::Arc;

use api::{App, VIA_IMPERSONATED};
use domain::api_key::KeyText;
use domain::impersonation::ImpersonationText;
use domain::time::Clock;
use store::Store;

pub use identity::{Identity, Request, VIA_KEY, VIA_TOKEN, Verdict};
pub use issuers::{
    ClaimNames, ISSUERS_MAX, Issuer, IssuersError, LEEWAY_SECONDS_DEFAULT, LEEWAY_SECONDS_MAX,
};
pub use key::{Algorithm, KEYS_MAX, SECRET_BYTES_MIN};
pub use key_set::{KEYS_SECONDS_FRESH, KEYS_SECONDS_MAX, PAUSE_SECONDS};
pub use refusal::{Failure, Refusal, Unavailable};
pub use source::{Fetch, Fetching, KEYS_BYTES_MAX, Secret, Source};
pub use tenants::{TENANT_SECONDS_FRESH, TENANTS_REMEMBERED_MAX};
pub use token::TOKEN_BYTES_MAX;

use credential::{Credential, credential};
use key::Key;
use key_set::KeySet;
use tenants::{Standing, Tenants};
use token::Token;

/// Verifies credentials. Cheap to clone; clones share the keys that they know.
#[derive(Clone, Debug)]
pub struct Authorizer {
    issuers: Arc<HashMap<String, Trusted>>,
    /// Where API keys are, for an authorizer that takes them, and the registry of tenants.
    store: Option<Store>,
    tenants: Option<Tenants>,
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
        let fetch = Fetch::everywhere(app.secrets.clone());
        Ok(Self::new(issuers, &fetch, app.clock.clone()).with_store(app.store.clone()))
    }

    /// An authorizer that trusts some issuers. Nothing is fetched yet.
    pub fn new(issuers: Vec<Issuer>, fetch: &Fetch, clock: Clock) -> Self {
        let trusted = issuers.into_iter().map(|issuer| {
            let keys = KeySet::new(issuer.source.clone(), fetch.clone());
            (issuer.name.clone(), Trusted { issuer, keys })
        });
        Self { issuers: Arc::new(trusted.collect()), store: None, tenants: None, clock }
    }

    /// The same authorizer, which also takes the API keys of a store, and asks its registry of tenants.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Self { tenants: Some(Tenants::new(store.clone())), store: Some(store), ..self }
    }

    /// Who sent a request.
    pub async fn authenticate(&self, request: &Request) -> Result<Identity, Failure> {
        let identity = match credential(request)? {
            Credential::Token(token) => self.by_token(token).await?,
            // Boxed, because the compiler follows nested futures only so deep.
            Credential::ApiKey(key) => Box::pin(self.by_key(key)).await?,
            Credential::Impersonation(text) => Box::pin(self.by_impersonation(text)).await?,
        };
        Box::pin(self.of_active_tenant(identity)).await
    }

    /// The identity with its tenant's tier, unless that tenant is suspended. Looked up last: who has no good
    /// credential learns nothing of tenants, and costs no read. An identity without a tenant is an operator's, who
    /// may look at suspended ones.
    async fn of_active_tenant(&self, identity: Identity) -> Result<Identity, Failure> {
        let (Some(tenants), Some(id)) = (&self.tenants, &identity.tenant_id) else {
            return Ok(identity);
        };
        let standing = tenants.standing(id, self.clock.now().as_seconds()).await;
        let standing = standing
            .map_err(|error| Unavailable(format!("a tenant cannot be looked up: {error}")))?;
        match standing {
            Standing::Active(tier) => Ok(Identity { tier, ..identity }),
            Standing::Suspended => Err(Refusal::SuspendedTenant.into()),
        }
    }

    /// Who calls with an API key. Whether it was revoked or has expired is told only to who has all of it.
    async fn by_key(&self, text: &str) -> Result<Identity, Failure> {
        let store = self.store.as_ref().ok_or(Refusal::ApiKey)?;
        let text = KeyText::parse(text).map_err(|_| Refusal::ApiKey)?;
        let now = self.clock.now();
        let found = store.api_key_read(text.tenant_id(), text.id()).await;
        let found = found
            .map_err(|error| Unavailable(format!("an API key cannot be looked up: {error}")))?;
        let stored = found.filter(|stored| stored.is(&text)).ok_or(Refusal::ApiKey)?;
        let key = stored.key;
        if key.revoked_at.is_some() {
            return Err(Refusal::RevokedKey.into());
        }
        if !key.is_active(now) {
            return Err(Refusal::ExpiredKey.into());
        }
        if let Err(error) = store.api_key_used(&key, now).await {
            tracing::warn!(api_key_id = %key.id, %error, "the use of an API key was not noted");
        }
        Ok(Identity {
            principal: key.principal,
            tenant_id: Some(key.tenant_id),
            tier: None,
            scopes: key.scopes,
            roles: Vec::new(),
            good_until: key.expires_at.as_seconds(),
            via: VIA_KEY,
            impersonation_id: None,
        })
    }

    /// As whom someone acts with the token of an impersonation.
    async fn by_impersonation(&self, text: &str) -> Result<Identity, Failure> {
        let store = self.store.as_ref().ok_or(Refusal::Impersonation)?;
        let text = ImpersonationText::parse(text).map_err(|_| Refusal::Impersonation)?;
        let id = text.id().map_err(|_| Refusal::Impersonation)?;
        let found = store.impersonation_read(text.tenant_id(), &id).await;
        let found = found.map_err(|error| {
            Unavailable(format!("an impersonation cannot be looked up: {error}"))
        })?;
        let stored = found.filter(|stored| stored.is(&text)).ok_or(Refusal::Impersonation)?;
        let impersonation = stored.impersonation;
        if !impersonation.is_active(self.clock.now()) {
            return Err(Refusal::Impersonation.into());
        }
        Ok(Identity {
            principal: impersonation.subject,
            tenant_id: Some(impersonation.tenant_id),
            tier: None,
            scopes: impersonation.scopes,
            roles: Vec::new(),
            good_until: impersonation.expires_at.as_seconds(),
            via: VIA_IMPERSONATED,
            impersonation_id: Some(impersonation.id),
        })
    }

    async fn by_token(&self, text: &str) -> Result<Identity, Failure> {
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
