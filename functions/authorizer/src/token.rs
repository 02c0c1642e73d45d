//! A token as it was sent: JWS in compact form (RFC 7515, section 7.1), taken apart and not yet believed.
//!
//! **Invariant:** nothing in a token says how or with which key it is verified, but for choosing among the
//! keys of its issuer. Headers that would (`jku`, `jwk`, `x5u`, `x5c`) or that change what is signed (`crit`,
//! `b64`, `zip`) are refused, not ignored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::key::Algorithm;
use crate::refusal::Refusal;
use crate::unambiguous::object;

/// Longest token, in bytes. API Gateway takes no more than 10,240 bytes of headers in all.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Longest name of a key, in bytes.
const KEY_ID_BYTES_MAX: usize = 256;

/// Headers that no token may have.
const REFUSED: [&str; 9] = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "cty", "enc"];

/// What a token may say that it is (RFC 8725, section 3.11): a token for something else is none for us.
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// A token taken apart.
pub(crate) struct Token<'a> {
    /// What it says that it is signed with.
    pub(crate) algorithm: Algorithm,
    /// The key that it names.
    pub(crate) key_id: Option<String>,
    /// What it says.
    pub(crate) claims: Map<String, Value>,
    /// What is signed.
    pub(crate) signed: &'a str,
    /// By what.
    pub(crate) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let header = object(&bytes(header)?).ok_or(Refusal::Malformed)?;
        let (algorithm, key_id) = read_header(&header)?;
        let claims = object(&bytes(claims)?).ok_or(Refusal::Malformed)?;
        Ok(Self { algorithm, key_id, claims, signed, signature: bytes(signature)? })
    }
}

/// The bytes of a part: base64url without padding, in the one spelling that these bytes have.
fn bytes(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}

fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), Refusal> {
    if let Some(name) = REFUSED.into_iter().find(|name| header.contains_key(*name)) {
        return Err(Refusal::Header(name));
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(kind)) if TYPES.contains(&kind.to_ascii_lowercase().as_str()) => {}
        Some(_) => return Err(Refusal::Header("typ")),
    }
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) if id.len() <= KEY_ID_BYTES_MAX => Some(id.clone()),
        Some(_) => return Err(Refusal::Header("kid")),
    };
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named);
    Ok((algorithm.ok_or(Refusal::Algorithm)?, key_id))
}
