//! An answer, and what a test expects of it.

use http::HeaderMap;
use serde_json::Value;
use store::meter::Usage;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, to the byte.
    pub bytes: Vec<u8>,
    /// The same as text.
    pub text: String,
    /// Its body as JSON; null where it is none.
    pub body: Value,
    /// What it cost.
    pub usage: Usage,
}

impl Reply {
    /// An answer with its body, whatever that is.
    pub fn of(parts: http::response::Parts, bytes: &[u8], usage: Usage) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        let (status, bytes) = (parts.status.as_u16(), bytes.to_vec());
        Self { status, headers: parts.headers, bytes, text, body, usage }
    }

    /// The body of an answer that must have a status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        &self.body
    }

    /// A refusal that must have a status and a code, be problem+json, and say its code and trace.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> &Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.body["status"], status);
        assert!(
            self.body["trace_id"].as_str().is_some_and(|trace| trace.len() == 32),
            "{}",
            self.text
        );
        &self.body
    }

    /// The pointers of all faults of a refusal.
    pub fn pointers(&self) -> Vec<&str> {
        let faults = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        faults.iter().filter_map(|fault| fault["pointer"].as_str()).collect()
    }

    /// The items of a page, by id.
    pub fn ids(&self) -> Vec<&str> {
        let items = self.body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item["id"].as_str()).collect()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
