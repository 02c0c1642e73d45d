//! Who calls, as API Gateway's authorizer would tell the functions.
//!
//! **Invariant:** functions learn of a caller only through the context map made here, in the shape
//! that the deployed authorizer returns.

use ::authorizer::{Request, Unavailable, Verdict};
use axum::Router;
use axum::routing::get;
use http::{HeaderMap, header};
use serde_json::Value;
use std::collections::HashMap;
use store::Store;

/// Where the public keys of this machine's own issuer are served.
pub const KEYS_PATH: &str = "/.well-known/jwks.json";

/// Serves a set of public keys.
pub fn keys(set: &Value) -> Router {
    let set = set.to_string();
    let answer = async move || ([(header::CONTENT_TYPE, "application/jwk-set+json")], set.clone());
    Router::new().route(KEYS_PATH, get(answer))
}

/// What runs before a route that is not open to everyone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Authorizer {
    /// Lets everyone in. For one machine: [`crate::server::serve`] binds it to loopback only.
    Off,
    /// The function that the template declares.
    On(Box<::authorizer::Authorizer>),
}

impl Authorizer {
    /// Every caller is the service `local`, of no tenant: the functions take the one that the `X-Tenant-Id`
    /// header names, or else `default`, as they do for a caller signed by IAM.
    pub fn off() -> Self {
        Self::Off
    }

    /// The same, which also takes the API keys of a store, and asks its registry of tenants.
    #[must_use]
    pub(crate) fn with_store(self, store: &Store) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::On(authorizer) => Self::On(Box::new(authorizer.with_store(store.clone()))),
        }
    }

    /// Whether anyone who can connect is let in.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// The `lambda` map of the request context; `None` for a request that goes no further.
    ///
    /// API Gateway does not ask about a request without an `Authorization` header, but answers it with 401 and
    /// no reason. Here it is asked about like any other, and the function answers with 401 and the reason.
    pub(crate) async fn context(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<HashMap<String, Value>>, Unavailable> {
        match self {
            Self::Off => {
                let context = [
                    ("principal_id", "local"),
                    ("principal_type", "service"),
                    ("via", api::VIA_LOCAL),
                ];
                Ok(Some(context.map(|(name, value)| (name.to_owned(), value.into())).into()))
            }
            Self::On(authorizer) => {
                let Verdict { is_authorized, context } =
                    ::authorizer::handle(authorizer, request(headers)).await?;
                let context = context.into_iter().map(|(name, value)| (name, value.into()));
                Ok(is_authorized.then(|| context.collect()))
            }
        }
    }
}

/// A request as API Gateway asks about it: what is given twice is joined by a comma.
fn request(headers: &HeaderMap) -> Request {
    let mut request = Request::default();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let joined = request.headers.entry(name.as_str().to_owned());
        joined
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    request
}
