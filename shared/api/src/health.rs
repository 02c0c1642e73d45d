//! Whether the service lives, and whether it can work.

use axum::extract::State;
use serde_json::json;

use crate::answer::Answer;
use crate::app::App;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::routes::{Endpoint, get};

/// `GET /healthz` and `GET /readyz`.
pub fn endpoints() -> Vec<Endpoint> {
    let live = || {
        Operation::new("getLiveness", "Whether the process lives")
            .describe("Reads nothing and needs no authentication.")
            .answers(200, "It lives.", &json!({"status": "ok"}))
            .open()
    };
    let ready = || {
        Operation::new("getReadiness", "Whether the service can work")
            .describe("Reads the core table; 503 when that fails. Needs no authentication.")
            .answers(200, "It can work.", &json!({"status": "ok"}))
            .refuses(503, "unavailable", "The core table does not answer.")
            .open()
    };
    // Whoever watches must not be told that all is well by being told to come later.
    let endpoints = [get("/healthz", liveness, live), get("/readyz", readiness, ready)];
    endpoints.into_iter().map(Endpoint::without_limits).collect()
}

async fn liveness() -> Answer {
    Answer::ok(&json!({"status": "ok"}))
}

async fn readiness(State(app): State<App>) -> Result<Answer, Problem> {
    // Whatever the reason, the remedy is the same: come back later, and let the log say why.
    app.store.ready().await.map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(Answer::ok(&json!({"status": "ok"})))
}
