//! What `/docs` serves.

use super::*;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

async fn ask(path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    assert!(has(path), "{path}");
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = router().unwrap().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

/// Every path that a page or a script names.
fn named(text: &str) -> Vec<&str> {
    text.split('"').skip(1).step_by(2).filter(|quoted| quoted.starts_with('/')).collect()
}

#[tokio::test]
async fn the_page_loads_what_is_here_and_nothing_from_elsewhere() {
    for path in ["/docs", "/docs/", "/docs/start.js"] {
        let (status, headers, body) = ask(path).await;
        assert_eq!(status, 200, "{path}");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
        let text = String::from_utf8(body).unwrap();
        assert!(
            !text.contains("http:") && !text.contains("https:") && !text.contains("\"//"),
            "{text}"
        );
        assert!(!named(&text).is_empty());
        for asset in named(&text) {
            let (status, headers, body) = ask(asset).await;
            assert_eq!((status, body.is_empty()), (StatusCode::OK, false), "{asset}");
            assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY), "{asset}");
        }
    }
}

#[tokio::test]
async fn an_asset_is_gzip_as_it_was_deflated() {
    for (path, media_type, holds) in [
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8", "SwaggerUIBundle"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8", ".swagger-ui"),
    ] {
        let (_, headers, body) = ask(path).await;
        assert_eq!(headers[header::CONTENT_TYPE], media_type);
        assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
        let deflated = &body[10..body.len() - 8];
        let text = miniz_oxide::inflate::decompress_to_vec(deflated).unwrap();
        let size = u32::from_le_bytes(body[body.len() - 4..].try_into().unwrap());
        assert_eq!(text.len(), size as usize, "{path}");
        assert!(String::from_utf8(text).unwrap().contains(holds), "{path}");
    }
    let (_, headers, body) = ask("/docs/favicon-32x32.png").await;
    assert!(!headers.contains_key(header::CONTENT_ENCODING) && body.starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn the_document_is_the_one_that_is_committed() {
    let (_, headers, yaml) = ask("/openapi.yaml").await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/yaml");
    assert_eq!(String::from_utf8(yaml.clone()).unwrap(), include_str!("../../../../openapi.yaml"));
    let (_, _, json) = ask("/openapi.json").await;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let yaml: serde_json::Value = yaml_serde::from_slice(&yaml).unwrap();
    assert_eq!(json, yaml);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    assert_eq!(ask("/docs/index.html").await.0, 404);
    for path in ["/", "/documents", "/openapi.yml", "/api/v1/docs"] {
        assert!(!has(path), "{path}");
    }
}
