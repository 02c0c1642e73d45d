//! A file as an answer: bytes in a form that others have defined, given as they are.
//!
//! **Invariant:** no receipt holds one. Only what reads answers with a file.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};

/// What may be kept for ever: by whoever asked, and by no cache between, because not everyone may ask.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// Text of any language.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// Bytes that are no text.
pub const OCTETS: &str = "application/octet-stream";

/// A JSON value on each line.
pub const LINES: &str = "application/x-ndjson";

/// 200 with bytes.
#[derive(Clone, Debug)]
pub struct File {
    media_type: &'static str,
    bytes: Vec<u8>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl File {
    /// A file of a media type. Nobody keeps it, unless it is [`File::immutable`].
    pub fn new(media_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { media_type, bytes: bytes.into(), headers: Vec::new() }
    }

    /// Saying that it never changes, so that whoever has it need not ask again.
    #[must_use]
    pub fn immutable(self) -> Self {
        self.header(header::CACHE_CONTROL, IMMUTABLE)
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.bytes));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.extend(self.headers);
        response
    }
}
