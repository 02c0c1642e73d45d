//! What clients send: requests of HTTP, cursors, consistency tokens, and messages of topics and queues.

use api::Consistency;
use axum::body::Body;
use domain::id::TenantId;
use http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::system::{body, with};
use crate::text;

/// A request as text: a line `METHOD path`, headers, an empty line, and the body.
fn read(data: &[u8]) -> Option<Request<Body>> {
    let head = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let mut lines = std::str::from_utf8(&data[..head]).ok()?.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    request.body(Body::from(data.get(head + 2..).unwrap_or_default().to_vec())).ok()
}

/// Whatever comes, the answer is one that is promised: no fault of ours, and a refusal that says why.
pub(crate) fn request(data: &[u8]) {
    let Some(request) = read(data) else { return };
    // AuthZEN has refusals of its own form.
    let is_problem = !request.uri().path().contains("access/v1");
    with(async |system| {
        let response = system.call(request).await;
        let (parts, sent) = response.into_parts();
        let sent = body(sent).await;
        let shown = String::from_utf8_lossy(&sent);
        assert!(!parts.status.is_server_error(), "{}: {shown}", parts.status);
        // What no route is for the gateway answers by itself, as API Gateway does.
        if !parts.headers.contains_key("x-request-id") {
            return assert_eq!(parts.status, 404, "{parts:?}");
        }
        if parts.status.is_client_error() && is_problem {
            let problem: Value = serde_json::from_slice(&sent).unwrap();
            let form = parts.headers.get(header::CONTENT_TYPE).unwrap();
            assert_eq!(form, "application/problem+json");
            assert_eq!(problem["status"], parts.status.as_u16());
            assert!(problem["code"].is_string() && problem["detail"].is_string(), "{shown}");
        }
    });
}

/// A cursor that was not given out leads nowhere.
pub(crate) fn cursor(data: &[u8]) {
    let Some(text) = text(data) else { return };
    with(async |system| {
        let store = &system.app("entities").unwrap().store;
        let tenant = TenantId::parse("acme").unwrap();
        let opened = store.cursor_open(&tenant, "list", text).await;
        assert!(matches!(opened, Err(store::Error::Cursor)), "{opened:?}");
        // One that was is good for its tenant and list, whatever the position is, and for nothing else.
        let sealed = store.cursor_seal(&tenant, "list", text).await.unwrap();
        let opened = store.cursor_open(&tenant, "list", &sealed).await.unwrap();
        assert_eq!(opened, text);
        store.cursor_open(&tenant, "another", &sealed).await.unwrap_err();
        let other = TenantId::parse("other").unwrap();
        store.cursor_open(&other, "list", &sealed).await.unwrap_err();
    });
}

/// What is asked of freshness, as text or as an object; both forms of a token are one.
pub(crate) fn consistency(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let asked = Consistency::read(&json!(text));
    if let Some(token) = text.strip_prefix("at_least:") {
        let other = Consistency::read(&json!({"at_least": token.trim_start()}));
        assert_eq!(asked.ok(), other.ok());
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let _never_panics = Consistency::read(&value);
    }
}

/// Messages of the audit queue: each is appended or put aside, and no batch fails for one of them.
pub(crate) fn envelope(data: &[u8]) {
    let Some(text) = text(data) else { return };
    // No queue holds a text with control characters.
    if text.contains(|c: char| c.is_control() && c != '\n')
        || text.contains(['\u{fffe}', '\u{ffff}'])
    {
        return;
    }
    with(async |system| {
        let app = system.app("audit-append").unwrap();
        let appender = local::system::worker("audit-append", app).unwrap();
        let records: Vec<Value> = text
            .split('\n')
            .enumerate()
            .map(|(place, body)| json!({"messageId": place.to_string(), "body": body}))
            .collect();
        let answer = appender.invoke(json!({"Records": records})).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}), "{answer}");
    });
}

/// SNS and SQS as other processes speak to them: an answer in their form, and no fault of ours.
pub(crate) fn messaging(data: &[u8]) {
    let Some(request) = read(data) else { return };
    // A long poll would only wait.
    if data.windows(4).any(|four| four.eq_ignore_ascii_case(b"wait")) {
        return;
    }
    with(async |system| {
        let response = system.messaging.router().oneshot(request).await;
        let Ok(response) = response;
        assert!(!response.status().is_server_error(), "{response:?}");
        let _whole = body(response.into_body()).await;
    });
}
