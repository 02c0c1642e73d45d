//! Where the endpoints are: the metadata of the policy decision point.
//!
//! **Invariant:** no address is made from a request. Whoever could choose the `Host` that an answer names
//! could lead its readers to a server of their own.

use api::{Answer, App, PathParameters, Problem};
use axum::extract::State;
use domain::id::TenantId;
use serde_json::json;

pub(crate) async fn read(State(app): State<App>) -> Result<Answer, Problem> {
    Ok(described(public_url(&app)?))
}

/// The same for every name that a tenant can have, so that it tells nothing about who is one.
pub(crate) async fn read_of(
    State(app): State<App>,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let tenant = path.read("tenant", "tenant", TenantId::parse)?;
    Ok(described(&format!("{}/{tenant}", public_url(&app)?)))
}

fn public_url(app: &App) -> Result<&str, Problem> {
    let unknown = || {
        let detail = "this deployment has not been told its public address (`EPR_PUBLIC_URL`)";
        Problem { detail: detail.to_owned(), ..Problem::no_route() }
    };
    app.config.public_url.as_deref().ok_or_else(unknown)
}

fn described(base: &str) -> Answer {
    let endpoint = |path: &str| format!("{base}/access/v1/{path}");
    Answer::ok(&json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": endpoint("evaluation"),
        "access_evaluations_endpoint": endpoint("evaluations"),
        "search_subject_endpoint": endpoint("search/subject"),
        "search_resource_endpoint": endpoint("search/resource"),
        "search_action_endpoint": endpoint("search/action"),
    }))
}
