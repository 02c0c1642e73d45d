//! What a request proves itself by: one token or one API key, in one of the headers that may hold it.

use domain::api_key::KEY_START;
use domain::impersonation::IMPERSONATION_START;

use crate::identity::Request;
use crate::refusal::Refusal;

/// A credential as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    /// A token of an issuer.
    Token(&'a str),
    /// An API key.
    ApiKey(&'a str),
    /// The token of an impersonation.
    Impersonation(&'a str),
}

/// The credential of a request. Two are as good as none: it would not be clear who calls.
pub(crate) fn credential(request: &Request) -> Result<Credential<'_>, Refusal> {
    match (only(request, "authorization")?, only(request, "x-api-key")?) {
        (None, None) => Err(Refusal::Missing),
        (Some(_), Some(_)) => Err(Refusal::Scheme),
        (None, Some(key)) => Ok(Credential::ApiKey(key)),
        (Some(authorization), None) => {
            let (scheme, value) = authorization.split_once(' ').ok_or(Refusal::Scheme)?;
            let (is_bearer, value) = (scheme.eq_ignore_ascii_case("bearer"), value.trim());
            if scheme.eq_ignore_ascii_case("apikey") || (is_bearer && value.starts_with(KEY_START))
            {
                Ok(Credential::ApiKey(value))
            } else if is_bearer && value.starts_with(IMPERSONATION_START) {
                Ok(Credential::Impersonation(value))
            } else if is_bearer {
                Ok(Credential::Token(value))
            } else {
                Err(Refusal::Scheme)
            }
        }
    }
}

/// A header that may be given once. Of two of one name API Gateway makes one, which is no credential.
fn only<'a>(request: &'a Request, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut sent = request.headers.iter().filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
    let (value, another) = (sent.next(), sent.next());
    if another.is_some() {
        return Err(Refusal::Scheme);
    }
    Ok(value.map(|(_, value)| value.trim()))
}
