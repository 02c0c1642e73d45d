//! Who may see and change tenants.

use api::{Caller, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The permission to act across tenants.
pub(crate) const ADMIN_ACCESS: &str = "admin:access";

/// A caller who acts across tenants. A handler that takes one before the body refuses others before it is read.
pub(crate) struct Operator(pub(crate) Caller);

/// Refuses who may not act across tenants: 403, with the permission that it takes. As long as identities hold no
/// permissions, those without a tenant of their own may.
fn check(caller: &Caller) -> Result<(), Problem> {
    if caller.crosses_tenants { Ok(()) } else { Err(Problem::forbidden(ADMIN_ACCESS)) }
}

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        check(&caller)?;
        Ok(Self(caller))
    }
}
