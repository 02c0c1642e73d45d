//! API Gateway for one process: requests go where the template says, and nowhere else.
//!
//! **Invariant:** no route is known here that the template does not declare, and a function sees of
//! a request what it would see on Lambda: no extension but the request context.

use crate::authorizer::Authorizer;
use crate::template::{self, Template};
use axum::Router;
use axum::body::Body;
use http::{Extensions, Request, Response, StatusCode, header};
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext,
    ApiGatewayV2httpRequestContextHttpDescription,
};
use lambda_http::request::RequestContext;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tower::ServiceExt;
use uuid::Uuid;

const ANY: &str = "ANY";

/// The folder of the function that says who is calling.
const AUTHORIZER: &str = "authorizer";

/// The functions behind the template's routes.
#[derive(Clone, Debug)]
pub struct Gateway {
    authorizer: Authorizer,
    routes: Vec<Route>,
    /// The function of each route, at the same place.
    functions: Vec<Router>,
    /// Places in the two lists by path, one matcher for each method and `ANY`.
    methods: HashMap<String, matchit::Router<usize>>,
}

/// One route of the template with the function that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method in capitals, or `ANY`.
    pub method: String,
    /// The path with its parameters in braces.
    pub path: String,
    /// The folder of the function.
    pub folder: String,
    /// Whether the authorizer runs first.
    pub authenticated: bool,
}

/// Why template and functions do not make a gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The template routes to a function that is not there.
    #[error("`{function}` in the template has routes, but no function `{folder}` is mounted")]
    NotMounted {
        /// The logical id in the template.
        function: String,
        /// Its folder.
        folder: String,
    },
    /// A function that no request could reach.
    #[error("the function `{folder}` is mounted, but no route in the template leads to it")]
    NotRouted {
        /// Its folder.
        folder: String,
    },
    /// Callers are to be known, and nothing in the template says by whom.
    #[error(
        "authorization is on, but the default authorizer in the template is not the function `{AUTHORIZER}`"
    )]
    Unguarded,
    /// Two routes for the same requests.
    #[error("the route `{method} {path}` to `{folder}` takes requests of another route: {source}")]
    Conflict {
        /// The method of the later route.
        method: String,
        /// The path of the later route.
        path: String,
        /// The function of the later route.
        folder: String,
        /// Which route was there before.
        source: matchit::InsertError,
    },
}

impl Gateway {
    /// Joins the template's routes with the `functions`, which are named by folder. Every function
    /// with routes must be there, and none without.
    pub fn new(
        template: &Template,
        functions: HashMap<String, Router>,
        authorizer: Authorizer,
    ) -> Result<Self, GatewayError> {
        if !authorizer.is_off() && !is_guarded(template) {
            return Err(GatewayError::Unguarded);
        }
        let mut gateway =
            Self { authorizer, routes: Vec::new(), functions: Vec::new(), methods: HashMap::new() };
        let mut unreached: BTreeSet<&String> = functions.keys().collect();
        for function in template.functions.iter().filter(|function| !function.routes.is_empty()) {
            let folder = &function.folder;
            let mounted = functions.get(folder).ok_or_else(|| GatewayError::NotMounted {
                function: function.id.clone(),
                folder: folder.clone(),
            })?;
            unreached.remove(folder);
            for route in &function.routes {
                gateway.add(folder, route, mounted.clone())?;
            }
        }
        match unreached.pop_first() {
            Some(folder) => Err(GatewayError::NotRouted { folder: folder.clone() }),
            None => Ok(gateway),
        }
    }

    /// The same functions as they answer the owner of the machine, whoever else is let in: to set up what a deployment
    /// cannot begin without. Nobody is to reach it from outside.
    pub fn for_the_owner(&self) -> Self {
        Self { authorizer: Authorizer::off(), ..self.clone() }
    }

    /// All routes, in order of function and event.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Whether anyone who can connect is let in.
    pub fn is_open(&self) -> bool {
        self.authorizer.is_off()
    }

    /// Answers as API Gateway and the function behind it would. `peer` is the client's address,
    /// loopback where there is none.
    pub async fn call(&self, request: Request<Body>, peer: Option<SocketAddr>) -> Response<Body> {
        let Some((route, function)) = self.find(request.method().as_str(), request.uri().path())
        else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let (mut parts, body) = request.into_parts();
        let mut context = context(route, &parts, peer);
        if route.authenticated {
            let mut authorizer = ApiGatewayRequestAuthorizer::default();
            authorizer.fields = match self.authorizer.context(&parts.headers).await {
                Ok(Some(fields)) => fields,
                Ok(None) => return message(StatusCode::FORBIDDEN, "Forbidden"),
                Err(error) => {
                    tracing::error!(%error, "the authorizer failed");
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    return message(status, "Internal Server Error");
                }
            };
            context.authorizer = Some(authorizer);
        }
        parts.extensions = Extensions::new();
        parts.extensions.insert(RequestContext::ApiGatewayV2(context));
        match function.clone().oneshot(Request::from_parts(parts, body)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn add(
        &mut self,
        folder: &str,
        route: &template::Route,
        function: Router,
    ) -> Result<(), GatewayError> {
        let template::Route { method, path, authenticated } = route.clone();
        let place = self.routes.len();
        self.methods.entry(method.clone()).or_default().insert(by_position(&path), place).map_err(
            |source| GatewayError::Conflict {
                method: method.clone(),
                path: path.clone(),
                folder: folder.to_owned(),
                source,
            },
        )?;
        self.routes.push(Route { method, path, folder: folder.to_owned(), authenticated });
        self.functions.push(function);
        Ok(())
    }

    /// The route with the fewest parameters, and of two such the one that names the method.
    fn find(&self, method: &str, path: &str) -> Option<(&Route, &Router)> {
        let matches =
            [method, ANY].into_iter().filter_map(|name| self.methods.get(name)?.at(path).ok());
        let place = *matches.min_by_key(|found| found.params.len())?.value;
        Some((self.routes.get(place)?, self.functions.get(place)?))
    }
}

/// Whether the template has the authorizer run before its routes.
fn is_guarded(template: &Template) -> bool {
    let guard = template.guard.as_ref().map(|guard| &guard.function);
    let mut functions = template.functions.iter();
    functions.any(|function| Some(&function.id) == guard && function.folder == AUTHORIZER)
}

/// Routes may name the parameter at one place differently, which the matcher does not allow. The
/// gateway has no use for the names: each function matches the path again.
fn by_position(path: &str) -> String {
    let mut segments: Vec<_> = path.split('/').map(str::to_owned).collect();
    for (position, segment) in segments.iter_mut().enumerate() {
        if segment.starts_with('{') {
            let rest = if segment.ends_with("+}") { "*" } else { "" };
            *segment = format!("{{{rest}{position}}}");
        }
    }
    segments.join("/")
}

fn context(
    route: &Route,
    parts: &http::request::Parts,
    peer: Option<SocketAddr>,
) -> ApiGatewayV2httpRequestContext {
    let source = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.ip());
    let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let mut http = ApiGatewayV2httpRequestContextHttpDescription::default();
    http.method = parts.method.clone();
    http.path = Some(parts.uri.path().to_owned());
    http.protocol = Some(format!("{:?}", parts.version));
    http.source_ip = Some(source.to_string());
    http.user_agent = agent.map(str::to_owned);

    let mut context = ApiGatewayV2httpRequestContext::default();
    context.route_key = Some(format!("{} {}", route.method, route.path));
    context.stage = Some("$default".to_owned());
    context.request_id = Some(Uuid::new_v4().to_string());
    context.http = http;
    context
}

/// An answer of API Gateway's own.
fn message(status: StatusCode, text: &str) -> Response<Body> {
    let body: Value = json!({ "message": text });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests;
