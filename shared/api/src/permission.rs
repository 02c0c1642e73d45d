//! What a caller may do: the permission that a route needs, looked for in what limits the caller.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::capability::{Capability, canonical};
use http::request::Parts;

use crate::caller::Caller;
use crate::problem::Problem;

/// What a route needs.
#[derive(Clone, Debug)]
pub(crate) struct Needed {
    /// The permission.
    pub(crate) capability: Capability,
}

/// The layer around every endpoint that is not open to everyone: a caller who may not is told what is missing, and
/// nothing of the request is looked at.
pub(crate) async fn permitted(
    State(needed): State<Needed>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    match needed.check(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

impl Needed {
    fn check(&self, parts: &Parts) -> Result<(), Problem> {
        let caller = Caller::of(parts)?;
        if caller.is_limited_to_others_than(self.capability) {
            return Err(Problem::insufficient_scope(self.capability.action));
        }
        Ok(())
    }
}

impl Caller {
    /// Whether the scopes of the caller's token or key leave a permission out, whichever way they spell it. They are
    /// a ceiling: what they include is not granted by it.
    fn is_limited_to_others_than(&self, needed: Capability) -> bool {
        let Some(scopes) = &self.scopes else { return false };
        !scopes.iter().any(|scope| canonical(scope) == needed.action)
    }
}
