//! What the tables were some writes ago: for reads that need not be strongly consistent.

use std::sync::Mutex;

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use local::embedded::Embedded;
use local::system::TEMPLATE;
use local::template::Template;
use serde_json::Value;
use tower::ServiceExt;

use crate::faults::Call;

/// The writes that the tables took, and a copy of the tables that is behind them.
#[derive(Default)]
pub(super) struct Replica(Mutex<State>);

#[derive(Default)]
struct State {
    copy: Option<Embedded>,
    writes: Vec<HttpRequest>,
    applied: usize,
}

impl Replica {
    /// Remembers a write that was done.
    pub(super) fn follow(&self, request: &HttpRequest) {
        self.0.lock().unwrap().writes.extend(request.try_clone());
    }

    /// Answers a read as it would have been answered before the last so many writes, or later where the copy
    /// has come further already: it never goes back.
    pub(super) async fn read(&self, behind: usize, request: &HttpRequest) -> HttpResponse {
        let (copy, writes) = {
            let mut state = self.0.lock().unwrap();
            let copy = state.copy.get_or_insert_with(empty).clone();
            let until = state.writes.len().saturating_sub(behind).max(state.applied);
            let from = std::mem::replace(&mut state.applied, until);
            let writes = state.writes[from..until].iter().filter_map(HttpRequest::try_clone);
            (copy, writes.collect::<Vec<_>>())
        };
        for write in writes {
            call(&copy, &write).await;
        }
        call(&copy, request).await
    }
}

async fn call(tables: &Embedded, request: &HttpRequest) -> HttpResponse {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let body = Body::from(request.body().bytes().unwrap_or_default().to_vec());
    let request = Request::post("/").header("x-amz-target", target).body(body).unwrap();
    let response = tables.router_to_write().oneshot(request).await.unwrap();
    let status = response.status().into();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    HttpResponse::new(status, SdkBody::from(body))
}

fn empty() -> Embedded {
    let copy = Embedded::memory().unwrap();
    copy.create_tables(&Template::parse(TEMPLATE).unwrap()).unwrap();
    copy
}

/// Whether a call is a read that need not be strongly consistent.
pub(super) fn is_eventual(call: &Call) -> bool {
    let is_strong = |part: &Value| part["ConsistentRead"] == true;
    match call.operation.as_str() {
        "GetItem" | "Query" | "Scan" => !is_strong(&call.body),
        "BatchGetItem" => {
            let tables = call.body["RequestItems"].as_object();
            tables.into_iter().flatten().all(|(_, table)| !is_strong(table))
        }
        _ => false,
    }
}
