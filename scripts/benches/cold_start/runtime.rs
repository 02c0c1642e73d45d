//! Lambda's Runtime API for one start of one function: it gives one event, takes the answer, and tells when.
//!
//! **Invariant:** nothing is simulated of what Lambda does before it starts the process, or of how much of a
//! processor the process gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::time::Clock;
use http::StatusCode;
use tokio::sync::mpsc::UnboundedSender;

/// How long the function is told that it may take, in milliseconds.
const DEADLINE_MILLISECONDS: i64 = 20_000;

/// What a function has said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It asked for an event.
    Polled(Instant),
    /// It answered the event.
    Answered(Instant, Bytes),
    /// It could not start, or not answer.
    Failed(String),
}

struct Api {
    event: String,
    given: AtomicBool,
    heard: UnboundedSender<Heard>,
}

impl Api {
    fn hear(&self, heard: Heard) -> StatusCode {
        // Nobody listens any more once the start has been measured.
        let _ = self.heard.send(heard);
        StatusCode::ACCEPTED
    }
}

/// The API, with the event that it gives.
pub(crate) fn router(event: String, heard: UnboundedSender<Heard>) -> Router {
    let api = Arc::new(Api { event, given: AtomicBool::new(false), heard });
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(error))
        .with_state(api)
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let now = Instant::now();
    api.hear(Heard::Polled(now));
    if api.given.swap(true, Ordering::Relaxed) {
        // As on Lambda, where the process sleeps until there is another event.
        return std::future::pending().await;
    }
    let deadline = Clock::system().now().as_microseconds() / 1_000 + DEADLINE_MILLISECONDS;
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:111122223333:function:cold".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-6922ef5d-51c5e1d0a6b1e0f000000001;Sampled=0".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, api.event.clone()).into_response()
}

async fn response(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    api.hear(Heard::Answered(Instant::now(), body))
}

async fn error(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    api.hear(Heard::Failed(String::from_utf8_lossy(&body).into_owned()))
}
