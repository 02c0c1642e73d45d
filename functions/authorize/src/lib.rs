//! The decision: may this principal do this here, and why. Also the health of the service.

mod asked;
pub mod authzen;
mod check;
mod docs;
mod search;
mod wire;

use api::{Routes, ask};
use domain::capability::{DECISION_EVALUATE, DECISION_SEARCH};

pub use wire::{
    ActionSearch, AuthorizeAnswer, AuthorizeBatch, AuthorizeBatchItem, AuthorizeBatchResult,
    AuthorizeRequest, Considered, Explanation, PrincipalSearch, ResourceSearch, Thing,
};

/// The endpoints.
pub fn routes() -> Routes {
    let mut endpoints = vec![
        ask("/api/v1/authorize", DECISION_EVALUATE, check::one, docs::authorize),
        ask("/api/v1/authorize/batch", DECISION_EVALUATE, check::many, docs::authorize_batch),
        ask(
            "/api/v1/authorize/search/resources",
            DECISION_SEARCH,
            search::resources,
            docs::search_resources,
        ),
        ask(
            "/api/v1/authorize/search/principals",
            DECISION_SEARCH,
            search::principals,
            docs::search_principals,
        ),
        ask(
            "/api/v1/authorize/search/actions",
            DECISION_SEARCH,
            search::actions,
            docs::search_actions,
        ),
    ];
    endpoints.extend(authzen::endpoints());
    endpoints.extend(api::health::endpoints());
    Routes { function: "authorize", endpoints }
}
