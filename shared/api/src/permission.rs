//! What a caller may do: the permission that a route needs, looked for in what limits the caller.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::capability::{ADMIN_ACCESS, Capability, canonical};
use http::request::Parts;

use crate::caller::Caller;
use crate::problem::Problem;

/// The layer around every endpoint that is not open to everyone: a caller who may not is told what is missing, and
/// nothing of the request is looked at.
pub(crate) async fn permitted(
    State(needed): State<Capability>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    match check(needed, &parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(needed: Capability, parts: &Parts) -> Result<(), Problem> {
    let caller = Caller::of(parts)?;
    if caller.is_limited_to_others_than(needed.action) {
        return Err(Problem::insufficient_scope(needed.action));
    }
    // As long as no grant counts here, who has no tenant of their own is an operator.
    if needed == ADMIN_ACCESS && !caller.crosses_tenants {
        return Err(Problem::forbidden(needed.action));
    }
    Ok(())
}

impl Caller {
    /// Whether the scopes of the caller's token or key leave a permission out, whichever way they spell it. They are
    /// a ceiling: what they include is not granted by it. The permission is named as [`canonical`] spells it.
    pub fn is_limited_to_others_than(&self, permission: &str) -> bool {
        let Some(scopes) = &self.scopes else { return false };
        !scopes.iter().any(|scope| canonical(scope) == permission)
    }
}
