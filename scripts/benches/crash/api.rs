//! Requests over HTTP, and answers only where they came whole.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Whether it says that it was given before.
    pub(crate) is_replay: bool,
    /// Where an export goes on.
    pub(crate) next_sequence: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_str(&self.body).map_err(|error| format!("{error} in {}", self.body))
    }
}

/// A server's address, with what asks there.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: Client,
    url: String,
}

impl Api {
    pub(crate) fn at(url: &str) -> Result<Self, String> {
        // Once for all: it is refused when another call was first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder().timeout(Duration::from_secs(30)).build();
        let client = client.map_err(|error| format!("no client of HTTP: {error}"))?;
        Ok(Self { client, url: url.to_owned() })
    }

    /// Sends a request as a tenant. With a key it is the request of that name, however often it is sent.
    pub(crate) async fn send(
        &self,
        tenant: &str,
        method: &Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        request = request.header("x-tenant-id", tenant);
        if let Some(key) = key {
            request = request.header("idempotency-key", key).header("x-request-id", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let header = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (is_replay, next_sequence) =
            (header("idempotency-replayed").is_some(), header("x-next-sequence"));
        let status = response.status();
        let body = response.text().await.ok()?;
        Some(Answer { status, is_replay, next_sequence, body })
    }

    /// Asks for something that must be there; an error where it is not.
    pub(crate) async fn get(&self, tenant: &str, path: &str) -> Result<Answer, String> {
        let answer = self.send(tenant, &Method::GET, path, None, None).await;
        let answer = answer.ok_or_else(|| format!("no answer to GET {path}"))?;
        if answer.status == StatusCode::OK {
            Ok(answer)
        } else {
            Err(format!("GET {path}: {} {}", answer.status, answer.body))
        }
    }

    /// Every item of a list, page by page.
    pub(crate) async fn list(&self, tenant: &str, path: &str) -> Result<Vec<Value>, String> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.get(tenant, &format!("{path}{mark}limit=200{from}")).await?;
            let Value::Object(mut page) = page.json()? else {
                return Err(format!("GET {path} is no list"));
            };
            match page.remove("items") {
                Some(Value::Array(more)) => items.extend(more),
                _ => return Err(format!("GET {path} has no items")),
            }
            match page.remove("next_cursor") {
                Some(Value::String(next)) => cursor = Some(next),
                _ => return Ok(items),
            }
        }
    }
}
