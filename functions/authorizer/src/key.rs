//! A key that verifies, and how keys are read.
//!
//! **Invariant:** a key has one algorithm, which is the key's own and never the token's. A public key has no
//! way to become the secret of an HMAC: the two are made by different functions of different texts.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// Most keys of one issuer.
pub const KEYS_MAX: usize = 64;

/// Shortest secret, in bytes: as long as the hash (RFC 7518, section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// Shortest modulus, in bytes.
const MODULUS_BYTES_MIN: usize = 2048 / 8;

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
}

impl Algorithm {
    /// The algorithm of a name, spelled as it is registered.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            // RFC 9864 gives it a name of its own.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "HS256" => Some(Self::Hs256),
            _ => None,
        }
    }
}

/// A key that verifies.
pub(crate) struct Key {
    id: Option<String>,
    material: Material,
}

enum Material {
    Rs256(ParsedPublicKey),
    Es256(ParsedPublicKey),
    EdDsa(ParsedPublicKey),
    Hs256(Box<hmac::Key>),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Key {
    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rs256(_) => Algorithm::Rs256,
            Material::Es256(_) => Algorithm::Es256,
            Material::EdDsa(_) => Algorithm::EdDsa,
            Material::Hs256(_) => Algorithm::Hs256,
        }
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether this key signed a text. HMACs are compared in constant time.
    pub(crate) fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        match &self.material {
            Material::Rs256(key) | Material::Es256(key) | Material::EdDsa(key) => {
                key.verify_sig(text.as_bytes(), signature).is_ok()
            }
            Material::Hs256(key) => hmac::verify(key, text.as_bytes(), signature).is_ok(),
        }
    }
}

/// One key of a published set (RFC 7517).
#[derive(Deserialize)]
struct Published {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
    #[serde(default)]
    d: Option<Value>,
    #[serde(default)]
    k: Option<Value>,
}

/// The keys of a published set that can be used here; the others are for others, and are left out.
pub(crate) fn published(text: &[u8]) -> Result<Vec<Key>, &'static str> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(text).map_err(|_| "it is no set of keys in JSON")?;
    if set.keys.len() > KEYS_MAX {
        return Err("it has too many keys");
    }
    let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    Ok(keys.filter_map(public).collect())
}

fn public(key: Published) -> Option<Key> {
    let for_verifying = key.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && key.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|op| op == "verify"));
    // Whoever publishes the private half has no secret left to sign with.
    if !for_verifying || key.d.is_some() || key.k.is_some() {
        return None;
    }
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
    let material = match (key.kty.as_str(), key.crv.as_deref()) {
        ("RSA", None) => {
            let (n, e) = (bytes(&key.n)?, bytes(&key.e)?);
            let long_enough = n.len() >= MODULUS_BYTES_MIN;
            let components = RsaPublicKeyComponents { n, e };
            let parsed = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
            Material::Rs256(long_enough.then_some(parsed)?)
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes(&key.x)?, bytes(&key.y)?);
            let is_point = x.len() == 32 && y.len() == 32;
            let point: Vec<u8> = [0x04].into_iter().chain(x).chain(y).collect();
            let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
            Material::Es256(is_point.then_some(parsed)?)
        }
        ("OKP", Some("Ed25519")) => {
            let x = bytes(&key.x).filter(|x| x.len() == 32)?;
            Material::EdDsa(ParsedPublicKey::new(&ED25519, x).ok()?)
        }
        _ => return None,
    };
    let read = Key { id: key.kid, material };
    let agrees = |name: &str| Algorithm::named(name) == Some(read.algorithm());
    key.alg.as_deref().is_none_or(agrees).then_some(read)
}

/// The secrets of a text, one a line: while one takes the place of another, both count.
pub(crate) fn secrets(text: &[u8]) -> Result<Vec<Key>, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "a secret must be text")?;
    // What everyone can read is no secret, although it is long enough to be one.
    if text.contains("-----BEGIN") || text.trim_start().starts_with('{') {
        return Err("that is a key or a document, not the secret of an HMAC");
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.len() > KEYS_MAX {
        return Err("there must be a secret, or a few, one a line");
    }
    let secret = |line: &&str| {
        let material =
            Material::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, line.as_bytes())));
        let is_long = line.len() >= SECRET_BYTES_MIN;
        is_long.then_some(Key { id: None, material }).ok_or("a secret must have 32 bytes or more")
    };
    lines.iter().map(secret).collect()
}
