//! The answer that was asked for: a status, a body, and what stands beside it.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

/// Says that an answer comes from a receipt.
const REPLAYED: &str = "idempotency-replayed";

/// A successful answer. Kept in a receipt it is given again byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    body: String,
    #[serde(skip)]
    cookie: Option<String>,
    #[serde(skip)]
    replayed: bool,
}

impl Answer {
    /// 200 with a JSON body.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// 201 with a JSON body, and where to find what was made.
    pub fn created(location: String, body: &impl Serialize) -> Self {
        Self { location: Some(location), ..Self::new(StatusCode::CREATED, body) }
    }

    fn new(status: StatusCode, body: &impl Serialize) -> Self {
        // The bodies are plain structures of text, numbers and JSON; none can fail to be written.
        let body = serde_json::to_string(body).unwrap_or_default();
        Self {
            status: status.as_u16(),
            etag: None,
            location: None,
            media_type: None,
            body,
            cookie: None,
            replayed: false,
        }
    }

    /// As another media type than `application/json`.
    #[must_use]
    pub fn media_type(mut self, media_type: &str) -> Self {
        self.media_type = Some(media_type.to_owned());
        self
    }

    /// With a cookie for a browser, which no receipt keeps.
    #[must_use]
    pub fn cookie(mut self, cookie: String) -> Self {
        self.cookie = Some(cookie);
        self
    }

    /// Saying that it is the answer to an earlier request.
    #[must_use]
    pub fn replayed(mut self) -> Self {
        self.replayed = true;
        self
    }

    /// Its status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// With the version of what is answered, for `If-Match`.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.etag = Some(format!("\"{version}\""));
        self
    }

    /// As a receipt keeps it.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From a receipt.
    pub(crate) fn replay(receipt: &str) -> Option<Self> {
        let answer: Self = serde_json::from_str(receipt).ok()?;
        Some(Self { replayed: true, ..answer })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [
            (header::ETAG, self.etag),
            (header::LOCATION, self.location),
            (header::CONTENT_TYPE, self.media_type),
            (header::SET_COOKIE, self.cookie),
        ] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_replayed_answer_is_the_first_one_and_says_so() {
        let first =
            Answer::created("/api/v1/entities/1".to_owned(), &json!({"b": 1, "a": "é"})).version(1);
        let again = Answer::replay(&first.encode()).unwrap();
        assert_eq!(again, Answer { replayed: true, ..first });
        assert_eq!(again.into_response().headers()[REPLAYED], "true");
    }
}
