//! Who is trusted to say who calls: the issuers of a deployment, as `EPR_TOKEN_ISSUERS` lists them.
//!
//! **Invariant:** an issuer without an audience, without an algorithm or with keys of two kinds is no issuer
//! but a mistake, and nothing starts with it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use domain::id::TenantId;
use domain::principal::PrincipalType;
use reqwest::Url;
use serde::Deserialize;

use crate::key::Algorithm;
use crate::source::{Secret, Source};

/// Most issuers of a deployment.
pub const ISSUERS_MAX: usize = 32;

/// How far the clocks of an issuer and of ours may differ, in seconds, where it is not said.
pub const LEEWAY_SECONDS_DEFAULT: i64 = 30;

/// The most that may be said of it.
pub const LEEWAY_SECONDS_MAX: i64 = 300;

/// The secret of `EPR_TOKEN_SECRET`, as `secret` names it.
const VARIABLE: &str = "variable";

/// An issuer whose tokens count.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its name: the claim `iss`, to the letter.
    pub name: String,
    /// A token must be for one of these.
    pub audience: Vec<String>,
    /// A token must be signed by one of these.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys come from.
    pub source: Source,
    /// Which claims say what.
    pub claims: ClaimNames,
    /// What its principals are, where no claim says so.
    pub principal_type: PrincipalType,
    /// The tenants that it may speak for; empty for all. If it is one, a token need not name it.
    pub tenants: BTreeSet<TenantId>,
    /// Whether a token without a tenant is for any tenant, which then `X-Tenant-Id` names.
    pub cross_tenant: bool,
    /// How far its clock may be off, in seconds.
    pub leeway_seconds: i64,
}

/// The names of the claims that say who calls; of several the first that is there counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimNames {
    /// Who.
    pub principal: Vec<String>,
    /// What kind of principal; by default no claim says so.
    pub principal_type: Vec<String>,
    /// Of which tenant. Where several are there, they must agree.
    pub tenant: Vec<String>,
    /// Within which limits.
    pub scopes: Vec<String>,
    /// With which roles, in the issuer's words.
    pub roles: Vec<String>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            principal: names(&["sub", "userID", "user_id"]),
            principal_type: Vec::new(),
            tenant: names(&["tenant_id", "tenantId", "workspace_id", "workspaceID"]),
            scopes: names(&["scope", "scopes"]),
            roles: names(&["roles"]),
        }
    }
}

/// What is wrong with the list of issuers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuersError {
    /// It cannot be read.
    #[error("EPR_TOKEN_ISSUERS is no list of issuers: {0}")]
    Syntax(String),
    /// There are too many.
    #[error("EPR_TOKEN_ISSUERS has more than {ISSUERS_MAX} issuers")]
    TooMany,
    /// One cannot be trusted as it is described.
    #[error("EPR_TOKEN_ISSUERS: the issuer `{issuer}` {reason}")]
    Issuer {
        /// Which.
        issuer: String,
        /// Why.
        reason: &'static str,
    },
}

/// An issuer as it is described.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    issuer: String,
    audience: Vec<String>,
    algorithms: Vec<Algorithm>,
    jwks_url: Option<String>,
    secret: Option<String>,
    #[serde(default)]
    claims: ClaimNames,
    #[serde(default = "PrincipalType::user")]
    principal_type: PrincipalType,
    #[serde(default)]
    tenants: BTreeSet<TenantId>,
    #[serde(default)]
    cross_tenant: bool,
    leeway_seconds: Option<i64>,
}

impl Issuer {
    /// Reads a list of issuers in JSON; an empty text is an empty list.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, IssuersError> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let described: Vec<Described> =
            serde_json::from_str(text).map_err(|error| IssuersError::Syntax(error.to_string()))?;
        if described.len() > ISSUERS_MAX {
            return Err(IssuersError::TooMany);
        }
        let mut names = BTreeSet::new();
        let check = |described: Described| {
            let name = described.issuer.clone();
            let refused = |reason| IssuersError::Issuer { issuer: name.clone(), reason };
            if !names.insert(name.clone()) {
                return Err(refused("is described twice"));
            }
            described.check().map_err(refused)
        };
        described.into_iter().map(check).collect()
    }
}

impl Described {
    fn check(self) -> Result<Issuer, &'static str> {
        let is_empty = |texts: &[String]| texts.is_empty() || texts.iter().any(String::is_empty);
        let leeway_seconds = self.leeway_seconds.unwrap_or(LEEWAY_SECONDS_DEFAULT);
        if self.issuer.is_empty() {
            return Err("must have a name");
        }
        // A token for whomever it may concern would be a token for everyone who ever received one.
        if is_empty(&self.audience) {
            return Err("must have an `audience`, and none that is empty");
        }
        if self.algorithms.is_empty() {
            return Err("must have `algorithms`");
        }
        if is_empty(&self.claims.principal) || is_empty(&self.claims.tenant) {
            return Err("must have names for the claims of principal and tenant");
        }
        if self.principal_type.is_group() {
            return Err("must not have groups for principals: a group does not call");
        }
        if self.cross_tenant && !self.tenants.is_empty() {
            return Err("must not be for some `tenants` and `cross_tenant` as well");
        }
        if self.tenants.iter().any(TenantId::is_reserved) {
            return Err("must not speak for a tenant of the product itself");
        }
        if !(0..=LEEWAY_SECONDS_MAX).contains(&leeway_seconds) {
            return Err("must have `leeway_seconds` from 0 to 300");
        }
        let is_hmac = |algorithm: &Algorithm| *algorithm == Algorithm::Hs256;
        let source = match (&self.jwks_url, &self.secret) {
            (Some(url), None) if !self.algorithms.iter().any(is_hmac) => published_at(url)?,
            (None, Some(secret)) if self.algorithms.iter().all(is_hmac) => secret_of(secret),
            (Some(_), None) => {
                return Err("publishes its keys, so HS256 is none of its algorithms");
            }
            (None, Some(_)) => return Err("has a `secret`, so HS256 is its only algorithm"),
            _ => return Err("must have either a `jwks_url` or a `secret`"),
        };
        Ok(Issuer {
            name: self.issuer,
            audience: self.audience,
            algorithms: self.algorithms,
            source,
            claims: self.claims,
            principal_type: self.principal_type,
            tenants: self.tenants,
            cross_tenant: self.cross_tenant,
            leeway_seconds,
        })
    }
}

/// Keys come over TLS, or from this machine: whoever could change them on their way could sign for anyone.
fn published_at(url: &str) -> Result<Source, &'static str> {
    let parsed: Url = url.parse().map_err(|_| "has a `jwks_url` that is no address")?;
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match parsed.scheme() {
        "https" => Ok(Source::Published(Arc::from(url))),
        "http" if is_here => Ok(Source::Published(Arc::from(url))),
        _ => Err("must have a `jwks_url` that begins with https://"),
    }
}

fn secret_of(text: &str) -> Source {
    Source::Secret(match text {
        VARIABLE => Secret::Variable,
        arn if arn.starts_with("arn:") => Secret::Managed(arn.into()),
        path => Secret::File(PathBuf::from(path)),
    })
}
