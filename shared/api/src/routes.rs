//! A function's endpoints: one list from which its router and its part of the OpenAPI document are made.

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter};
use domain::capability::Capability;
use domain::limit::RouteClass;
use http::Method;

use crate::app::App;
use crate::idempotency::idempotent;
use crate::limit::limited;
use crate::observe::observe;
use crate::openapi::Operation;
use crate::permission::permitted;
use crate::problem::{PlainWords, Problem};

/// An endpoint: method, path, handler, and its description.
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path as the template has it: with parameters in braces, and one that takes the rest of the path
    /// with a plus, `{rest+}`.
    pub path: &'static str,
    /// What its caller must be allowed; `None` for one that is open to everyone.
    pub needs: Option<Capability>,
    /// Its description. Made only when the document is, so a function's start does not pay for it.
    pub operation: fn() -> Operation,
    mutates: bool,
    pub(crate) is_plain: bool,
    handler: MethodRouter<App>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Endpoint {
    /// Whether it may change something, and so takes an idempotency key.
    pub fn mutates(&self) -> bool {
        self.mutates
    }

    /// With refusals in a line of text, and any `X-Request-Id` given back to the letter.
    #[must_use]
    pub fn in_plain_words(self) -> Self {
        Self { is_plain: true, ..self }
    }

    /// The class whose limits count its requests; `None` where none do, because everyone may ask.
    pub fn limited_as(&self) -> Option<RouteClass> {
        let class = match self.method {
            _ if self.mutates => RouteClass::Write,
            Method::POST => RouteClass::Decide,
            _ => RouteClass::Read,
        };
        self.needs.map(|_| class)
    }

    /// The handler with what is around it: from outside in, the form of its refusals, whether the tenant asks too
    /// often, whether the caller may, and whether the request was answered before.
    fn layered(self, app: &App) -> MethodRouter<App> {
        let (class, mut handler) = (self.limited_as(), self.handler);
        if self.mutates {
            handler = handler.layer(from_fn_with_state(app.clone(), idempotent));
        }
        if let Some(needed) = self.needs {
            handler = handler.layer(from_fn_with_state(needed, permitted));
        }
        if let Some(class) = class.filter(|_| app.config.rate_limits.is_some()) {
            handler = handler.layer(from_fn_with_state((class, app.clone()), limited));
        }
        if self.is_plain {
            handler = handler.layer(map_response(|mut response: Response| async {
                response.extensions_mut().insert(PlainWords);
                response
            }));
        }
        handler
    }

    /// The path as OpenAPI has it, which knows no parameter that takes the rest.
    pub(crate) fn described_path(&self) -> String {
        self.path.replace("+}", "}")
    }
}

/// A path of the template as the router has it.
fn routed(path: &str) -> String {
    match path.rsplit_once("/{") {
        Some((before, last)) if last.ends_with("+}") => {
            format!("{before}/{{*{}}}", last.trim_end_matches("+}"))
        }
        _ => path.to_owned(),
    }
}

/// An endpoint that reads.
pub fn get<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    needs: impl Into<Option<Capability>>,
    handler: H,
    operation: fn() -> Operation,
) -> Endpoint {
    endpoint((Method::GET, MethodFilter::GET), path, needs.into(), handler, operation, false)
}

/// An endpoint that asks a question too long for a query.
pub fn ask<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    needs: impl Into<Option<Capability>>,
    handler: H,
    operation: fn() -> Operation,
) -> Endpoint {
    endpoint((Method::POST, MethodFilter::POST), path, needs.into(), handler, operation, false)
}

/// An endpoint that changes something by `POST`.
pub fn post<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    needs: impl Into<Option<Capability>>,
    handler: H,
    operation: fn() -> Operation,
) -> Endpoint {
    endpoint((Method::POST, MethodFilter::POST), path, needs.into(), handler, operation, true)
}

/// An endpoint that changes something by `PUT`.
pub fn put<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    needs: impl Into<Option<Capability>>,
    handler: H,
    operation: fn() -> Operation,
) -> Endpoint {
    endpoint((Method::PUT, MethodFilter::PUT), path, needs.into(), handler, operation, true)
}

/// An endpoint that changes something by `PATCH`.
pub fn patch<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    needs: impl Into<Option<Capability>>,
    handler: H,
    operation: fn() -> Operation,
) -> Endpoint {
    endpoint((Method::PATCH, MethodFilter::PATCH), path, needs.into(), handler, operation, true)
}

/// An endpoint that changes something by `DELETE`.
pub fn delete<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    needs: impl Into<Option<Capability>>,
    handler: H,
    operation: fn() -> Operation,
) -> Endpoint {
    endpoint((Method::DELETE, MethodFilter::DELETE), path, needs.into(), handler, operation, true)
}

fn endpoint<H: Handler<T, App>, T: 'static>(
    (method, filter): (Method, MethodFilter),
    path: &'static str,
    needs: Option<Capability>,
    handler: H,
    operation: fn() -> Operation,
    mutates: bool,
) -> Endpoint {
    let handler = axum::routing::on(filter, handler);
    Endpoint { method, path, needs, operation, mutates, is_plain: false, handler }
}

/// The endpoints of a function.
#[derive(Debug)]
pub struct Routes {
    /// The function's name, which is its folder's.
    pub function: &'static str,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
}

impl Routes {
    /// The router: every endpoint, refusals for every other path and method, and the layers around all.
    pub fn router(self, app: &App) -> Router {
        let mut by_path: BTreeMap<&'static str, MethodRouter<App>> = BTreeMap::new();
        for endpoint in self.endpoints {
            let path = endpoint.path;
            let methods = by_path.remove(path).unwrap_or_default();
            by_path.insert(path, methods.merge(endpoint.layered(app)));
        }
        by_path
            .into_iter()
            .fold(Router::new(), |router, (path, methods)| router.route(&routed(path), methods))
            .fallback(|| async { Problem::no_route() })
            .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
            .layer(from_fn_with_state((self.function, app.clone()), observe))
            .with_state(app.clone())
    }
}
