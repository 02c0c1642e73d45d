//! Who calls, as API Gateway's authorizer would tell the functions.
//!
//! **Invariant:** functions learn of a caller only through the context map made here, in the shape
//! that the deployed authorizer returns.

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::collections::HashMap;

const TENANT_HEADER: &str = "x-tenant-id";
const TENANT_DEFAULT: &str = "default";
const TENANT_BYTES_MAX: usize = 128;

/// What runs before a route that is not open to everyone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Authorizer {
    /// Lets everyone in. For one machine: [`crate::server::serve`] binds it to loopback only.
    Off,
}

/// The answer to a request that may not reach its function, as API Gateway words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: &'static str,
}

impl Authorizer {
    /// Every caller is the service `local`, in the tenant that the `X-Tenant-Id` header names or
    /// else in `default`.
    pub fn off() -> Self {
        Self::Off
    }

    /// Whether anyone who can connect is let in.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// The `lambda` map of the request context.
    pub(crate) fn context(&self, headers: &HeaderMap) -> Result<HashMap<String, Value>, Refusal> {
        match self {
            Self::Off => {
                let context = [
                    ("tenant_id", tenant(headers)?),
                    ("principal_id", "local"),
                    ("principal_type", "service"),
                    ("scopes", ""),
                    ("via", "local"),
                ];
                Ok(context.map(|(name, value)| (name.to_owned(), value.into())).into())
            }
        }
    }
}

fn tenant(headers: &HeaderMap) -> Result<&str, Refusal> {
    let Some(header) = headers.get(TENANT_HEADER) else { return Ok(TENANT_DEFAULT) };
    header.to_str().ok().filter(|id| is_id(id)).ok_or(Refusal {
        status: StatusCode::BAD_REQUEST,
        message: "X-Tenant-Id must match ^[A-Za-z0-9._:@-]{1,128}$",
    })
}

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
    (1..=TENANT_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn off(tenant: Option<&[u8]>) -> Result<HashMap<String, Value>, Refusal> {
        let mut headers = HeaderMap::new();
        if let Some(tenant) = tenant {
            headers.insert(TENANT_HEADER, HeaderValue::from_bytes(tenant).unwrap());
        }
        Authorizer::off().context(&headers)
    }

    #[test]
    fn without_authorization_everyone_is_the_local_service() {
        let expected = [
            ("tenant_id", "default"),
            ("principal_id", "local"),
            ("principal_type", "service"),
            ("scopes", ""),
            ("via", "local"),
        ];
        let expected = HashMap::from(expected.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(off(None).unwrap(), expected);
    }

    #[test]
    fn the_tenant_header_is_taken_only_when_it_is_an_id() {
        for id in ["a", "acme", "A.b_c:d@e-9", &"x".repeat(128)] {
            assert_eq!(off(Some(id.as_bytes())).unwrap()["tenant_id"], id);
        }
        for other in ["", " ", "a b", "a/b", "a#b", "t\u{e9}", &"x".repeat(129)] {
            let refusal = off(Some(other.as_bytes())).unwrap_err();
            assert_eq!(refusal.status, StatusCode::BAD_REQUEST, "{other:?}");
        }
    }
}
