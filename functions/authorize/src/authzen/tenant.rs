//! Whose data a request is about: the caller's, under whichever base it comes.

use api::{Caller, PathParameters, Problem};
use axum::extract::FromRequestParts;
use http::request::Parts;

/// The caller, under the base of its own tenant or under none. Under the base of any other there is nothing,
/// whether that tenant exists or not.
#[derive(Clone, Debug)]
pub(crate) struct Own(pub(crate) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let path = PathParameters::from_request_parts(parts, state).await?;
        let is_callers = match path.find("tenant") {
            Some(named) => named == caller.tenant_id.as_str(),
            None => true,
        };
        if is_callers { Ok(Self(caller)) } else { Err(Problem::no_route()) }
    }
}
