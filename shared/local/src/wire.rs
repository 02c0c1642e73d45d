//! The wire below the SDK's clients, which carries a request to whatever answers it in this process.
//!
//! **Invariant:** nothing else implements the SDK's connector.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;

/// A wire that ends in `answer`.
///
/// Before it, other tasks run, as a network would let them. Without this, requests made side by side would
/// never interleave, and their races would show only in production.
pub fn ends_in<A, F>(answer: A) -> SharedHttpClient
where
    A: Fn(HttpRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Result<HttpResponse, ConnectorError>> + Send + 'static,
{
    let answer = Arc::new(answer);
    let connector = connector(move |request| {
        let answer = Arc::clone(&answer);
        HttpConnectorFuture::new(async move {
            tokio::task::yield_now().await;
            answer(request).await
        })
    });
    http_client_fn(move |_settings, _components| connector.clone())
}

/// A wire that goes on as `inner`, past `pass`, which may watch a request, keep it, or answer it.
pub fn past<P>(inner: SharedHttpClient, pass: P) -> SharedHttpClient
where
    P: Fn(&SharedHttpConnector, HttpRequest) -> HttpConnectorFuture + Send + Sync + 'static,
{
    let pass = Arc::new(pass);
    http_client_fn(move |settings, components| {
        let (pass, inner) = (Arc::clone(&pass), inner.http_connector(settings, components));
        connector(move |request| pass(&inner, request))
    })
}

fn connector<C>(call: C) -> SharedHttpConnector
where
    C: Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync + 'static,
{
    SharedHttpConnector::new(Connector(call))
}

struct Connector<C>(C);

impl<C> fmt::Debug for Connector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl<C> HttpConnector for Connector<C>
where
    C: Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        (self.0)(request)
    }
}
