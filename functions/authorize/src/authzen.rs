//! The AuthZEN Authorization API 1.0: the same decision and the same searches in that language.
//!
//! A resource need not be stored here, and may have any type and id. An entity is the one of that id if it
//! also has that type; anything else is decided from what holds everywhere, from the types that roles
//! govern, and from the properties sent.

mod docs;
mod evaluation;
mod evaluations;
mod metadata;
mod reading;
mod search;
mod tenant;
mod wire;

use api::{Endpoint, ask, get};

pub use wire::{
    Action, ActionSearch, ActionSearchResult, Decision, Entity, Evaluation, Evaluations, Found,
    FoundAction, Metadata, Page, PageOfResults, ResourceSearch, SearchResult, Searched,
    SubjectSearch,
};

/// The endpoints: for the caller's tenant, and again under the name of a tenant, which must be the caller's.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let endpoints = vec![
        ask("/access/v1/evaluation", evaluation::evaluate, docs::evaluation),
        ask("/access/v1/evaluations", evaluations::evaluate, docs::evaluations),
        ask("/access/v1/search/subject", search::subjects, docs::subjects),
        ask("/access/v1/search/resource", search::resources, docs::resources),
        ask("/access/v1/search/action", search::actions, docs::actions),
        get("/.well-known/authzen-configuration", metadata::read, docs::metadata).without_limits(),
        ask("/{tenant}/access/v1/evaluation", evaluation::evaluate, docs::evaluation_of),
        ask("/{tenant}/access/v1/evaluations", evaluations::evaluate, docs::evaluations_of),
        ask("/{tenant}/access/v1/search/subject", search::subjects, docs::subjects_of),
        ask("/{tenant}/access/v1/search/resource", search::resources, docs::resources_of),
        ask("/{tenant}/access/v1/search/action", search::actions, docs::actions_of),
        get("/.well-known/authzen-configuration/{tenant}", metadata::read_of, docs::metadata_of)
            .without_limits(),
    ];
    endpoints.into_iter().map(Endpoint::in_plain_words).collect()
}
