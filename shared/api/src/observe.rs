//! The outermost layer: ids, the bodies of problems, security headers, one log line and the metrics.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use lambda_http::request::RequestContext;
use store::meter::{self, Usage};

use crate::app::App;
use crate::caller::{Arrived, Caller};
use crate::impersonation::{self, assume};
use crate::metrics;
use crate::problem::{IMPERSONATION_ENDED, PlainWords, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest `X-Request-Id` that is taken over.
const REQUEST_ID_CHARACTERS_MAX: usize = 128;

/// The names under which a request is found in logs, answers and the audit ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestIds {
    /// The client's `X-Request-Id`, else the gateway's, else a new one.
    pub request_id: String,
    /// The trace of `traceparent` (W3C) or of X-Ray, else a new one.
    pub trace_id: String,
}

/// What a response cost, as an extension of it: for tests and the cost table.
#[derive(Clone, Copy, Debug)]
pub struct UsageOf(pub Usage);

/// What the log line says of a request.
pub(crate) struct Observed<'a> {
    pub(crate) function: &'static str,
    pub(crate) ids: &'a RequestIds,
    pub(crate) tenant_id: &'a str,
    pub(crate) principal: &'a str,
    /// How the principal was let in.
    pub(crate) via: &'a str,
    /// Who acts as the principal, where that is another.
    pub(crate) actor: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) status: u16,
    pub(crate) duration_milliseconds: f64,
    pub(crate) cold_start: bool,
    pub(crate) usage: Usage,
    pub(crate) cause: Option<&'a str>,
}

/// The layer around every endpoint of a function.
pub(crate) async fn observe(
    State((function, app)): State<(&'static str, App)>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let ids = request_ids(&request, &app);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let sent_id = request.headers().get(REQUEST_ID).cloned();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    request.extensions_mut().insert(ids.clone());
    request.extensions_mut().insert(Arrived(app.clock.now()));
    let (mut parts, body) = request.into_parts();
    let mut caller = None;
    let answered = async {
        let assumed = assume(&app, &mut parts).await;
        caller = Caller::of(&parts).ok();
        match assumed {
            Ok(()) => next.run(Request::from_parts(parts, body)).await,
            Err(problem) => problem.into_response(),
        }
    };
    let answered = AssertUnwindSafe(answered).catch_unwind();
    let (answered, usage) = meter::measured(answered).await;
    // A panic is one request's misfortune, not the process's: it becomes a 500 like any other defect.
    let mut response = answered.unwrap_or_else(|_| {
        Problem::defect("the handler panicked; the panic's own line says where").into_response()
    });
    let problem = response.extensions_mut().remove::<Problem>();
    let is_plain = response.extensions_mut().remove::<PlainWords>().is_some();
    if let Some(problem) = &problem {
        if problem.code == IMPERSONATION_ENDED.0 {
            impersonation::forget(response.headers_mut());
        }
        if is_plain {
            let text = HeaderValue::from_static(crate::TEXT);
            response.headers_mut().insert(header::CONTENT_TYPE, text);
            *response.body_mut() = Body::from(problem.words());
        } else {
            *response.body_mut() = Body::from(problem.write(&path, &ids.trace_id));
        }
    }
    finish_headers(response.headers_mut(), &ids);
    if let Some(sent_id) = sent_id.filter(|_| is_plain) {
        response.headers_mut().insert(REQUEST_ID, sent_id);
    }
    response.extensions_mut().insert(UsageOf(usage));

    let principal = caller.as_ref().map(|caller| caller.principal.to_string());
    let actor = caller.as_ref().filter(|caller| caller.impersonation.is_some());
    let actor = actor.map(|caller| caller.actor().to_string());
    let observed = Observed {
        function,
        ids: &ids,
        tenant_id: caller.as_ref().map_or("", |caller| caller.tenant_id.as_str()),
        principal: principal.as_deref().unwrap_or_default(),
        via: caller.as_ref().map_or("", |caller| caller.via.as_str()),
        actor: actor.as_deref(),
        method: method.as_str(),
        route: route.as_deref().unwrap_or("none"),
        status: response.status().as_u16(),
        duration_milliseconds: began.elapsed().as_secs_f64() * 1_000.0,
        cold_start: is_first(),
        usage,
        cause: problem.as_ref().and_then(|problem| problem.cause.as_deref()),
    };
    crate::logging::request_line(&app.config.environment, &observed);
    if let Some(namespace) = &app.config.metrics_namespace {
        metrics::emit(namespace, &observed, app.clock.now());
    }
    response
}

/// The request's own names, or new ones.
fn request_ids(request: &Request, app: &App) -> RequestIds {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let legal = |id: &&str| {
        !id.is_empty()
            && id.len() <= REQUEST_ID_CHARACTERS_MAX
            && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let from_gateway = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    let new = || app.ids.mint::<domain::id::EventId>().to_string();
    RequestIds {
        request_id: header("x-request-id")
            .filter(legal)
            .map(str::to_owned)
            .or(from_gateway)
            .unwrap_or_else(new),
        trace_id: header("traceparent")
            .and_then(trace_of_w3c)
            .or_else(|| header("x-amzn-trace-id").and_then(trace_of_xray))
            .unwrap_or_else(|| new().replace('-', "")),
    }
}

/// The trace of `00-<32 hex>-<16 hex>-<2 hex>`.
fn trace_of_w3c(traceparent: &str) -> Option<String> {
    let trace = traceparent.split('-').nth(1)?;
    is_trace(trace).then(|| trace.to_owned())
}

/// The trace of `Root=1-<8 hex>-<24 hex>;…`, as one number like the others.
fn trace_of_xray(header: &str) -> Option<String> {
    let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root=1-"))?;
    let trace = root.replace('-', "");
    is_trace(&trace).then_some(trace)
}

fn is_trace(text: &str) -> bool {
    text.len() == 32
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0')
}

fn finish_headers(headers: &mut HeaderMap, ids: &RequestIds) {
    if let Ok(value) = HeaderValue::from_str(&ids.request_id) {
        headers.insert(REQUEST_ID, value);
    }
    // Only a file that never changes says otherwise.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000; includeSubDomains"),
    );
}

/// Whether this is the first request of the process.
fn is_first() -> bool {
    static WARM: AtomicBool = AtomicBool::new(false);
    !WARM.swap(true, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_continued_from_w3c_and_from_xray() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(
            trace_of_w3c(&format!("00-{trace}-00f067aa0ba902b7-01")).as_deref(),
            Some(trace)
        );
        let xray = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=53995c3f42cd8ad8;Sampled=1";
        assert_eq!(trace_of_xray(xray).as_deref(), Some(trace));
    }

    #[test]
    fn a_broken_trace_is_not_continued() {
        for bad in
            ["", "00", "00-xyz-1-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"]
        {
            assert_eq!(trace_of_w3c(bad), None, "{bad}");
        }
    }
}
