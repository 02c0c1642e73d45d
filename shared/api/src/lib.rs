//! The shell: what every endpoint and every worker shares, so that a handler is left with read, decide,
//! commit.
//!
//! **Invariant:** this is the only crate that knows status codes, logs and metrics; and a handler that
//! takes [`Caller`] or [`Mutation`] cannot run for someone who was not authenticated.

mod answer;
mod app;
mod body;
mod cache;
mod caller;
mod connector;
mod consistency;
mod decision_log;
pub mod delivery;
mod file;
pub mod health;
mod idempotency;
mod impersonation;
pub mod key_file;
pub mod ledger;
mod limit;
mod logging;
mod metrics;
mod mutation;
mod observe;
mod once;
mod openapi;
mod page;
mod path;
mod permission;
mod problem;
mod routes;
mod secrets;
mod worker;

pub use answer::Answer;
pub use app::{App, Config, ConfigError};
pub use body::{Content, Faulty, Fields, boolean, natural, text};
pub use cache::{CacheConfig, CachePlace};
pub use caller::{Caller, TENANT_DEFAULT, VIA_IMPERSONATED, VIA_LOCAL};
pub use consistency::{CONSISTENCY_TOKEN_PATTERN, Consistency, ConsistencyToken};
pub use decision_log::{AuditDecisions, Decided, DecisionLog};
pub use file::{File, LINES, OCTETS, TEXT};
pub use impersonation::{impersonation_cookie, impersonation_cookie_gone};
pub use logging::{log_level_from_env, log_to_stdout};
pub use metrics::count;
pub use mutation::Mutation;
pub use observe::{RequestIds, UsageOf};
pub use once::{Once, OnceError, once};
pub use openapi::{Operation, Trail, document};
pub use page::{Listing, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
pub use path::PathParameters;
pub use permission::WHOLE_TENANT;
pub use problem::{Fault, Problem};
pub use routes::{Endpoint, Routes, ask, delete, get, patch, post, put};
pub use secrets::{Sealed, Secrets};
pub use worker::{BatchResponse, ItemFailure, serve_events};

/// Largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Serves a function's router on Lambda, until Lambda stops the process.
pub async fn serve(router: axum::Router) -> Result<(), lambda_http::Error> {
    lambda_http::run_concurrent(lambda_http::service_fn(move |request| {
        invoke(router.clone(), request)
    }))
    .await
}

/// One invocation: a request as Lambda has it, an answer as Lambda wants it.
pub async fn invoke(
    router: axum::Router,
    request: lambda_http::Request,
) -> Result<http::Response<lambda_http::Body>, lambda_http::Error> {
    let response = tower::ServiceExt::oneshot(router, request).await?;
    let (parts, body) = response.into_parts();
    let bytes = http_body_util::BodyExt::collect(body).await?.to_bytes();
    // Lambda hands over text as it is, and all else in base64.
    let is_text = parts.headers.get(http::header::CONTENT_TYPE).is_none_or(|kind| kind != OCTETS);
    let body = if is_text {
        String::from_utf8(bytes.into()).map(lambda_http::Body::from)?
    } else {
        lambda_http::Body::Binary(bytes.into())
    };
    Ok(http::Response::from_parts(parts, body))
}
