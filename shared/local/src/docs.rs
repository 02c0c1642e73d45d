//! The description of the API, for people at `/docs` and for programs at `/openapi.yaml` and `/openapi.json`.
//!
//! **Invariant:** nothing here is fetched from elsewhere, neither when this is built nor when a page is shown: the
//! Swagger UI is a crate, and the page's policy lets it load from this server only. No Lambda function has it.

mod archive;

use std::sync::Arc;

use archive::Archive;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::system::{openapi, openapi_yaml};

const PAGE: &str = include_str!("docs/page.html");
const START: &str = include_str!("docs/start.js");

/// Nothing from elsewhere, no script within the page, and nobody may frame it. Swagger UI sets styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What the page loads of Swagger UI, and as what.
const ASSETS: [(&str, &str); 3] = [
    ("swagger-ui-bundle.js", JAVASCRIPT),
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
];

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Why there is no description to show.
#[derive(Debug, thiserror::Error)]
pub enum DocsError {
    /// The document cannot be written.
    #[error("the OpenAPI document cannot be written as YAML: {0}")]
    Yaml(#[from] yaml_serde::Error),
    /// The document cannot be written.
    #[error("the OpenAPI document cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The crate with Swagger UI has another form than it had.
    #[error("`{0}` cannot be read from the archive of Swagger UI")]
    Asset(&'static str),
}

/// Something that is served as it is.
struct File {
    name: &'static str,
    media_type: &'static str,
    /// How the body is packed, if it is.
    encoding: Option<&'static str>,
    body: Vec<u8>,
}

/// Whether a path is one of this router's.
pub(crate) fn has(path: &str) -> bool {
    let below = path.strip_prefix("/docs");
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || matches!(path, "/openapi.yaml" | "/openapi.json")
}

/// Serves the page, what it loads, and the document.
pub fn router() -> Result<Router, DocsError> {
    let files: Arc<[File]> = files()?.into();
    let one = |name: &'static str| {
        get(async move |State(files): State<Arc<[File]>>| answer(&files, name))
    };
    let below =
        async |State(files): State<Arc<[File]>>, Path(name): Path<String>| answer(&files, &name);
    Ok(Router::new()
        .route("/docs", one("page.html"))
        .route("/docs/", one("page.html"))
        .route("/docs/{name}", get(below))
        .route("/openapi.yaml", one("openapi.yaml"))
        .route("/openapi.json", one("openapi.json"))
        .with_state(files))
}

fn files() -> Result<Vec<File>, DocsError> {
    let text = |name, media_type, body: String| File {
        name,
        media_type,
        encoding: None,
        body: body.into_bytes(),
    };
    let mut files = vec![
        text("page.html", "text/html; charset=utf-8", PAGE.to_owned()),
        text("start.js", JAVASCRIPT, START.to_owned()),
        text("openapi.yaml", "application/yaml", openapi_yaml()?),
        text("openapi.json", "application/json", serde_json::to_string(&openapi()?)?),
    ];
    let archive = Archive::of(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED);
    for (name, media_type) in ASSETS {
        let found = archive.file(&format!("/dist/{name}")).ok_or(DocsError::Asset(name))?;
        let (encoding, body) = found.served();
        files.push(File { name, media_type, encoding, body });
    }
    Ok(files)
}

fn answer(files: &[File], name: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // After the next build they may be others.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let mut response = match files.iter().find(|file| file.name == name) {
        Some(File { media_type, encoding, body, .. }) => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            if let Some(encoding) = encoding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            Response::new(Body::from(body.clone()))
        }
        None => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests;
