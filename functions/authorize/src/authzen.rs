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
use domain::capability::{DECISION_EVALUATE, DECISION_SEARCH};

pub use wire::{
    Action, ActionSearch, ActionSearchResult, Decision, Entity, Evaluation, Evaluations, Found,
    FoundAction, Metadata, Page, PageOfResults, ResourceSearch, SearchResult, Searched,
    SubjectSearch,
};

/// The endpoints: for the caller's tenant, and again under the name of a tenant, which must be the caller's.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let endpoints = vec![
        ask("/access/v1/evaluation", DECISION_EVALUATE, evaluation::evaluate, docs::evaluation),
        ask("/access/v1/evaluations", DECISION_EVALUATE, evaluations::evaluate, docs::evaluations),
        ask("/access/v1/search/subject", DECISION_SEARCH, search::subjects, docs::subjects),
        ask("/access/v1/search/resource", DECISION_SEARCH, search::resources, docs::resources),
        ask("/access/v1/search/action", DECISION_SEARCH, search::actions, docs::actions),
        get("/.well-known/authzen-configuration", None, metadata::read, docs::metadata),
        ask(
            "/{tenant}/access/v1/evaluation",
            DECISION_EVALUATE,
            evaluation::evaluate,
            docs::evaluation_of,
        ),
        ask(
            "/{tenant}/access/v1/evaluations",
            DECISION_EVALUATE,
            evaluations::evaluate,
            docs::evaluations_of,
        ),
        ask(
            "/{tenant}/access/v1/search/subject",
            DECISION_SEARCH,
            search::subjects,
            docs::subjects_of,
        ),
        ask(
            "/{tenant}/access/v1/search/resource",
            DECISION_SEARCH,
            search::resources,
            docs::resources_of,
        ),
        ask(
            "/{tenant}/access/v1/search/action",
            DECISION_SEARCH,
            search::actions,
            docs::actions_of,
        ),
        get(
            "/.well-known/authzen-configuration/{tenant}",
            None,
            metadata::read_of,
            docs::metadata_of,
        ),
    ];
    endpoints.into_iter().map(Endpoint::in_plain_words).collect()
}
