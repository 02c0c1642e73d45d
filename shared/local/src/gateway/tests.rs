//! Which requests reach which function, and what a function sees of them.

use super::*;
use crate::example::{TEMPLATE, template};
use axum::Extension;
use axum::extract::Path;
use axum::routing::any;
use http_body_util::BodyExt;

fn gateway(functions: HashMap<String, Router>) -> Result<Gateway, GatewayError> {
    Gateway::new(&template(), functions, Authorizer::off())
}

fn mounted(folders: &[&str]) -> HashMap<String, Router> {
    folders.iter().map(|folder| ((*folder).to_owned(), Router::new().fallback(echo))).collect()
}

/// Answers with the request context as JSON.
async fn echo(Extension(context): Extension<RequestContext>) -> String {
    serde_json::to_string(&context).unwrap()
}

async fn send(gateway: &Gateway, method: &str, uri: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    read(gateway.call(request, None).await).await
}

async fn read(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn a_request_takes_the_route_that_api_gateway_would_choose() {
    let gateway = gateway(mounted(&["entities"])).unwrap();
    for (method, path, key) in [
        ("POST", "/api/v1/entities", "POST /api/v1/entities"),
        ("GET", "/api/v1/entities?limit=2", "GET /api/v1/entities"),
        ("GET", "/api/v1/entities/search", "GET /api/v1/entities/search"),
        // A static segment is for its own method only.
        ("DELETE", "/api/v1/entities/search", "ANY /api/v1/entities/{id}"),
        ("GET", "/api/v1/entities/searches", "ANY /api/v1/entities/{id}"),
        ("OPTIONS", "/api/v1/entities/a%2Fb", "ANY /api/v1/entities/{id}"),
        ("GET", "/api/v1/entities/a/parts/b", "ANY /api/v1/entities/{entity_id}/parts/{part}"),
    ] {
        let (status, body) = send(&gateway, method, path).await;
        let context: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, context["routeKey"].as_str()), (StatusCode::OK, Some(key)), "{path}");
    }
}

#[tokio::test]
async fn a_request_without_a_route_is_not_found_as_api_gateway_says_it() {
    let gateway = gateway(mounted(&["entities"])).unwrap();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/v1"),
        ("GET", "/api/v1/entities/"),
        ("DELETE", "/api/v1/entities"),
        ("HEAD", "/api/v1/entities"),
        ("GET", "/api/v1/entities/a/parts"),
        ("GET", "/api/v1/Entities"),
        ("GET", "//api/v1/entities"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = gateway.call(request, None).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json", "{path}");
        let not_found = (StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#.to_owned());
        assert_eq!(read(response).await, not_found, "{method} {path}");
    }
}

#[tokio::test]
async fn a_function_sees_the_context_that_api_gateway_sends() {
    let gateway = gateway(mounted(&["entities"])).unwrap();
    let request = Request::builder()
        .method("PATCH")
        .uri("/api/v1/entities/7?x=1")
        .header("user-agent", "test")
        .header("x-tenant-id", "acme")
        .body(Body::empty())
        .unwrap();
    let (_, body) = read(gateway.call(request, Some(([10, 0, 0, 7], 5000).into())).await).await;
    let mut context: Value = serde_json::from_str(&body).unwrap();
    let id = context["requestId"].take();
    assert!(Uuid::parse_str(id.as_str().unwrap()).is_ok(), "{id}");
    assert_eq!(context["stage"], "$default");
    assert_eq!(
        context["http"],
        json!({
            "method": "PATCH",
            "path": "/api/v1/entities/7",
            "protocol": "HTTP/1.1",
            "sourceIp": "10.0.0.7",
            "userAgent": "test",
        })
    );
    assert_eq!(
        context["authorizer"]["lambda"],
        json!({
            "principal_id": "local",
            "principal_type": "service",
            "via": "local",
        })
    );
}

#[tokio::test]
async fn on_an_open_route_nobody_is_known() {
    let gateway = gateway(mounted(&["entities"])).unwrap();
    let request = Request::builder().uri("/healthz").body(Body::empty()).unwrap();
    let (status, body) = read(gateway.call(request, None).await).await;
    let context: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, context.get("authorizer")), (StatusCode::OK, None));
}

#[tokio::test]
async fn a_function_matches_the_whole_path_and_sees_no_other_extension() {
    #[derive(Clone)]
    struct Stray;
    let function = any(|Path(id): Path<String>, stray: Option<Extension<Stray>>| async move {
        format!("{id} {}", stray.is_some())
    });
    let router = Router::new().route("/api/v1/entities/{id}", function);
    let gateway = gateway(HashMap::from([("entities".to_owned(), router)])).unwrap();
    let mut request = Request::builder().uri("/api/v1/entities/a%2Fb").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Stray);
    let answer = read(gateway.call(request, None).await).await;
    assert_eq!(answer, (StatusCode::OK, "a/b false".to_owned()));
}

#[test]
fn the_routes_are_told_with_their_functions() {
    let gateway = gateway(mounted(&["entities"])).unwrap();
    assert_eq!(gateway.routes().len(), 6);
    let health = Route {
        method: "GET".to_owned(),
        path: "/healthz".to_owned(),
        folder: "entities".to_owned(),
        authenticated: false,
    };
    assert!(gateway.routes().contains(&health));
}

#[test]
fn template_and_functions_must_name_each_other() {
    let refusal = |folders: &[&str]| gateway(mounted(folders)).unwrap_err().to_string();
    assert_eq!(
        refusal(&[]),
        "`EntitiesFunction` in the template has routes, but no function `entities` is mounted"
    );
    for folder in ["roles", "outbox-relay"] {
        assert_eq!(
            refusal(&["entities", folder]),
            format!("the function `{folder}` is mounted, but no route in the template leads to it")
        );
    }
}

#[test]
fn two_routes_for_the_same_requests_are_refused() {
    let text = TEMPLATE
        .replace("Method: GET, Path: /healthz", "Method: ANY, Path: \"/api/v1/entities/{x}\"");
    let template = Template::parse(&text).unwrap();
    let refused = Gateway::new(&template, mounted(&["entities"]), Authorizer::off());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("takes requests of another route"), "{message}");
}
