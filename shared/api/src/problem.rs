//! Refusals and failures as `application/problem+json` (RFC 9457).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use domain::limit::{Verdict, Window};
use domain::refusal::Refusal;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use store::Guard;

/// How to authenticate, as 401 tells it (RFC 6750, section 3).
pub(crate) const AUTHENTICATE: &str = "Bearer";

/// The same, of a request with a token that is not good.
const AUTHENTICATE_BETTER: &str = "Bearer error=\"invalid_token\"";

/// The code of 401 where no credential was sent.
pub(crate) const UNAUTHENTICATED: &str = "unauthenticated";

/// The codes of 401 for a credential that is not accepted, each with what it means.
pub(crate) const EXPIRED: (&str, &str) =
    ("token_expired", "the token has expired; send a newer one");
pub(crate) const INVALID: (&str, &str) =
    ("token_invalid", "the token is not one that is accepted here");

/// The same of API keys.
pub(crate) const KEY_INVALID: (&str, &str) =
    ("api_key_invalid", "the API key is not one that is accepted here");
/// The same of impersonations, which end.
pub(crate) const IMPERSONATION_ENDED: (&str, &str) = (
    "impersonation_ended",
    "the impersonation has ended, or is not the caller's; go on as yourself",
);
pub(crate) const KEY_REVOKED: (&str, &str) = ("api_key_revoked", "the API key was revoked");
pub(crate) const KEY_EXPIRED: (&str, &str) = ("api_key_expired", "the API key has expired");

/// The code of 403 for a tenant that is not the caller's, and what it means.
pub(crate) const FOREIGN_TENANT: (&str, &str) =
    ("foreign_tenant", "`X-Tenant-Id` names another tenant than the caller's");

/// The code of 403 for a token or key that is not for what was asked (RFC 6750, section 3.1).
pub(crate) const INSUFFICIENT_SCOPE: &str = "insufficient_scope";

/// The code of 429.
pub(crate) const RATE_LIMITED: &str = "rate_limited";

/// The code of 403 for a caller of a tenant that is suspended, and what it means.
pub(crate) const TENANT_SUSPENDED: (&str, &str) =
    ("tenant_suspended", "the tenant is suspended; its operator can say why");

/// The code of 403 for a caller who lacks a permission, and what it means.
pub(crate) const FORBIDDEN: (&str, &str) =
    ("forbidden", "this needs the permission `admin:access`, which the caller does not hold");

/// What was wrong with one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where, as a JSON pointer into the body, or the name of a parameter.
    pub pointer: String,
    /// What.
    pub detail: String,
}

/// Marks a response of an endpoint whose refusals are told in a line of text, and whose requests' ids are
/// given back to the letter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainWords;

/// An answer that is not the one asked for.
///
/// Turned into a response it is only carried along; the outermost layer writes the body, because it
/// knows the request's path and trace.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// A stable name for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
    /// Everything that was wrong with the body, where that is the reason.
    pub errors: Vec<Fault>,
    /// The permission that the caller lacks, where that is the reason.
    pub permission: Option<&'static str>,
    /// When to try again, in seconds.
    pub retry_after: Option<u32>,
    /// The window whose limit was reached, where that is the reason.
    pub limit_type: Option<Window>,
    /// What the server alone should know; logged once, never sent.
    pub cause: Option<String>,
    /// Whether someone else's write came between read and write, so that trying again makes sense.
    pub lost_race: bool,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            permission: None,
            retry_after: None,
            limit_type: None,
            cause: None,
            lost_race: false,
        }
    }

    /// 400: the request cannot be understood.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 400: values are missing or wrong; all of them at once.
    pub fn invalid(errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("`{}` {}", only.pointer, only.detail),
            several => format!("{} values are missing or wrong; see `errors`", several.len()),
        };
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, "invalid", detail) }
    }

    /// 400: one value is wrong.
    pub fn invalid_at(pointer: impl Into<String>, refusal: &Refusal) -> Self {
        Self::invalid(vec![Fault { pointer: pointer.into(), detail: refusal.reason().to_owned() }])
    }

    /// 401: nobody was authenticated.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            UNAUTHENTICATED,
            "the request names no authenticated caller",
        )
    }

    /// 401: the credential was good, and is no more.
    pub(crate) fn expired() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, EXPIRED.0, EXPIRED.1)
    }

    /// 401: there is no such impersonation, or no more.
    pub(crate) fn impersonation_ended() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, IMPERSONATION_ENDED.0, IMPERSONATION_ENDED.1)
    }

    /// 401, with the code that the authorizer gave its refusal; 403 where it is not for the credential.
    pub(crate) fn refused(code: &str) -> Self {
        let (code, detail) = match code {
            "missing" => return Self::unauthenticated(),
            "tenant_suspended" => {
                return Self::new(StatusCode::FORBIDDEN, TENANT_SUSPENDED.0, TENANT_SUSPENDED.1);
            }
            "expired" => EXPIRED,
            "impersonation_ended" => IMPERSONATION_ENDED,
            "key_invalid" => KEY_INVALID,
            "key_revoked" => KEY_REVOKED,
            "key_expired" => KEY_EXPIRED,
            _ => INVALID,
        };
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// 403: the tenant that is named is not the caller's.
    pub(crate) fn foreign_tenant() -> Self {
        Self::new(StatusCode::FORBIDDEN, FOREIGN_TENANT.0, FOREIGN_TENANT.1)
    }

    /// 403: the caller's token or key is limited to other permissions than this.
    pub(crate) fn insufficient_scope(permission: &'static str) -> Self {
        let detail =
            format!("the scopes of the caller's token or key do not include `{permission}`");
        Self {
            permission: Some(permission),
            ..Self::new(StatusCode::FORBIDDEN, INSUFFICIENT_SCOPE, detail)
        }
    }

    /// 403: the caller lacks a permission.
    pub(crate) fn forbidden(permission: &'static str) -> Self {
        let detail =
            format!("this needs the permission `{permission}`, which the caller does not hold");
        Self {
            permission: Some(permission),
            ..Self::new(StatusCode::FORBIDDEN, FORBIDDEN.0, detail)
        }
    }

    /// 404.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} `{id}`"))
    }

    /// 404: no endpoint has this path.
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "no endpoint has this path")
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let detail = "this path has other methods; see the `Allow` header";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// 409, under a stable code.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 412: the version in `If-Match` is not the current one.
    pub fn stale(current: u64) -> Self {
        let detail =
            format!("the current version is {current}; read it again and repeat the change");
        Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail)
    }

    /// 413.
    pub fn too_large() -> Self {
        let detail = format!("the body is larger than {} bytes", crate::BODY_BYTES_MAX);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// 429: as many requests as may pass in some time have passed.
    pub fn rate_limited(verdict: &Verdict) -> Self {
        let (limit, seconds) = (verdict.limit, verdict.limit_type.seconds());
        let detail = format!(
            "the tenant may send {limit} requests of this kind in {seconds} s, and has; \
             repeat the request after {} s",
            verdict.retry_after_seconds
        );
        Self {
            retry_after: u32::try_from(verdict.retry_after_seconds).ok(),
            limit_type: Some(verdict.limit_type),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, RATE_LIMITED, detail)
        }
    }

    /// 500: a defect of ours.
    pub fn defect(cause: impl Into<String>) -> Self {
        let detail = "something went wrong on our side; the trace identifies it";
        Self {
            cause: Some(cause.into()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", detail)
        }
    }

    /// 503: try again later.
    pub fn unavailable(cause: impl Into<String>) -> Self {
        let detail =
            "the service cannot answer just now; repeat the request, with the same idempotency key";
        Self {
            cause: Some(cause.into()),
            retry_after: Some(1),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
    }

    /// 503: nothing was changed, because nobody could be told of it.
    pub fn unchangeable(cause: impl Into<String>) -> Self {
        let detail = "what decides cannot be changed just now, and was not; repeat the request";
        Self { detail: detail.to_owned(), ..Self::unavailable(cause) }
    }

    /// 413: a part of the body is too large.
    pub fn part_too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// The same of a part of a body: `place` is the pointer to the part.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        for fault in &mut self.errors {
            fault.pointer = format!("{place}{}", fault.pointer);
        }
        match self.errors.as_slice() {
            [] => self,
            _ => Self::invalid(self.errors),
        }
    }

    /// The body, once the request's path and trace are known.
    pub(crate) fn write(&self, instance: &str, trace_id: &str) -> Vec<u8> {
        self.body(instance, trace_id).to_string().into_bytes()
    }

    /// The same in a line of text, with every fault.
    pub fn words(&self) -> String {
        match self.errors.as_slice() {
            [] => self.detail.clone(),
            faults => {
                let told =
                    faults.iter().map(|fault| format!("`{}` {}", fault.pointer, fault.detail));
                told.collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// The body, for an answer that holds one of several requests' problems.
    pub fn body(&self, instance: &str, trace_id: &str) -> serde_json::Value {
        let mut body = json!({
            "type": format!("urn:epr:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("Problem"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "trace_id": trace_id,
        });
        if let (Some(members), false) = (body.as_object_mut(), self.errors.is_empty()) {
            members.insert("errors".to_owned(), json!(self.errors));
        }
        if let (Some(members), Some(permission)) = (body.as_object_mut(), self.permission) {
            members.insert("permission".to_owned(), json!(permission));
        }
        if let (Some(members), Some(limit_type)) = (body.as_object_mut(), self.limit_type) {
            members.insert("limit_type".to_owned(), json!(limit_type.name()));
        }
        body
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        let cause = error.to_string();
        match error {
            store::Error::Conflict(Guard::Version | Guard::Graph) => Self {
                lost_race: true,
                ..Self::conflict(
                    "conflict",
                    "others keep changing the same thing; read it again and repeat the change",
                )
            },
            store::Error::Conflict(Guard::Receipt) => Self::conflict(
                "idempotency_key_in_use",
                "a request with this idempotency key was just answered",
            ),
            store::Error::Conflict(Guard::Id | Guard::Name | Guard::Reference | Guard::Tuple) => {
                Self::conflict("exists", "it exists already")
            }
            store::Error::Conflict(Guard::Event) | store::Error::Defect(_) => Self::defect(cause),
            store::Error::Busy(_) | store::Error::Unavailable(_) => Self::unavailable(cause),
            store::Error::Epochs(_) => Self::unchangeable(cause),
            store::Error::Cursor => {
                let refusal = Refusal::new("is not a cursor that was issued for this list");
                Self::invalid_at("cursor", &refusal)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let is_sent = self.code != UNAUTHENTICATED;
            let how = if is_sent { AUTHENTICATE_BETTER } else { AUTHENTICATE };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(how));
        }
        if let (INSUFFICIENT_SCOPE, Some(scope)) = (self.code, self.permission) {
            let how = format!("{AUTHENTICATE} error=\"insufficient_scope\", scope=\"{scope}\"");
            if let Ok(how) = HeaderValue::from_str(&how) {
                headers.insert(header::WWW_AUTHENTICATE, how);
            }
        }
        response.extensions_mut().insert(self);
        response
    }
}
