//! Tokens for tests: keys of each kind, what is signed with them, and a place where keys are published that
//! counts who asks and can fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use ::authorizer::{Fetch, Issuer, Source};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use futures::FutureExt;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Where the keys of [`ISSUER`] are published.
pub const KEYS_URL: &str = "https://login.example.com/keys";
/// The issuer that worlds trust.
pub const ISSUER: &str = "https://login.example.com/";
/// An issuer that may speak for one tenant only, [`TENANT`] not being it.
pub const ISSUER_OF_OTHERS: &str = "https://login.example.net/";
/// An issuer whose tokens are signed with a secret.
pub const ISSUER_BY_SECRET: &str = "https://login.example.org/";
/// Whom tokens are for.
pub const AUDIENCE: &str = "epr";
/// The tenant of tokens.
pub const TENANT: &str = "acme";
/// The secret of [`ISSUER_BY_SECRET`].
pub const SECRET: &str = "a secret of thirty-two bytes, or of more";

/// A pair of keys with a name, or a secret.
pub struct Keys {
    /// Its name.
    pub id: &'static str,
    kind: Kind,
}

enum Kind {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Eddsa(SigningKey),
    Secret(Vec<u8>),
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.id)
    }
}

impl Keys {
    /// A pair for RS256, which takes a moment to make.
    pub fn rsa(id: &'static str) -> Self {
        Self { id, kind: Kind::Rsa(RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap()) }
    }

    /// A pair for ES256.
    pub fn ecdsa(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { id, kind: Kind::Ecdsa(pair) }
    }

    /// A pair for `EdDSA`, made of a number.
    pub fn eddsa(id: &'static str, number: u8) -> Self {
        Self { id, kind: Kind::Eddsa(SigningKey::from_bytes(&[number; 32])) }
    }

    /// A secret for HS256.
    pub fn secret(id: &'static str, secret: &[u8]) -> Self {
        Self { id, kind: Kind::Secret(secret.to_vec()) }
    }

    /// The name of its algorithm.
    pub fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Rsa(_) => "RS256",
            Kind::Ecdsa(_) => "ES256",
            Kind::Eddsa(_) => "EdDSA",
            Kind::Secret(_) => "HS256",
        }
    }

    /// Its public half (RFC 7517); of a secret what must never be believed, the secret itself.
    pub fn public(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match &self.kind {
            Kind::Rsa(pair) => {
                let (n, e) = modulus_and_exponent(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": text(n), "e": text(e)})
            }
            Kind::Ecdsa(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Kind::Eddsa(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(key.verifying_key().as_bytes())})
            }
            Kind::Secret(secret) => json!({"kty": "oct", "k": text(secret)}),
        };
        key["kid"] = json!(self.id);
        key["alg"] = json!(self.algorithm());
        key["use"] = json!("sig");
        key
    }

    /// The public half in DER, as a confused verifier could take it for a secret.
    pub fn public_der(&self) -> Vec<u8> {
        match &self.kind {
            Kind::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Kind::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
            Kind::Eddsa(key) => key.verifying_key().as_bytes().to_vec(),
            Kind::Secret(secret) => secret.clone(),
        }
    }

    /// The signature of a text.
    pub fn sign(&self, text: &str) -> Vec<u8> {
        let (text, random) = (text.as_bytes(), SystemRandom::new());
        match &self.kind {
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).unwrap();
                signature
            }
            Kind::Ecdsa(pair) => pair.sign(&random, text).unwrap().as_ref().to_vec(),
            Kind::Eddsa(key) => key.sign(text).to_bytes().to_vec(),
            Kind::Secret(secret) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                mac.update(text);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.id})
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims)
    }

    /// A token with another header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// A token of two texts, whatever they are.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.sign(&signed)))
    }
}

/// The two numbers of a public key of RSA, from its DER (RFC 8017, appendix A.1.1).
fn modulus_and_exponent(der: &[u8]) -> (&[u8], &[u8]) {
    // Tag and length; the length in one byte, or in as many as the first says.
    let inside = |der: &'_ [u8]| -> (usize, usize) {
        match der[1] {
            short @ 0..0x80 => (2, usize::from(short)),
            long => {
                let bytes = usize::from(long & 0x7f);
                let length =
                    der[2..2 + bytes].iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
                (2 + bytes, length)
            }
        }
    };
    let (start, length) = inside(der);
    let der = &der[start..start + length];
    let (start, length) = inside(der);
    let (n, rest) = (&der[start..start + length], &der[start + length..]);
    let (start, length) = inside(rest);
    // A positive number whose first bit is set begins with a zero.
    (n.strip_prefix(&[0]).unwrap_or(n), &rest[start..start + length])
}

/// The pairs that all tests share, because one of them takes a moment to make.
#[derive(Debug)]
pub struct Pairs {
    /// For RS256, published.
    pub rsa: Keys,
    /// For ES256, published.
    pub ecdsa: Keys,
    /// For `EdDSA`, published.
    pub eddsa: Keys,
    /// The same three kinds, published by nobody, under the same names.
    pub forged: [Keys; 3],
    /// The secret of [`ISSUER_BY_SECRET`].
    pub secret: Keys,
}

/// The pairs that all tests share.
pub fn pairs() -> &'static Pairs {
    static PAIRS: OnceLock<Pairs> = OnceLock::new();
    PAIRS.get_or_init(|| Pairs {
        rsa: Keys::rsa("rsa-1"),
        ecdsa: Keys::ecdsa("ec-1"),
        eddsa: Keys::eddsa("ed-1", 7),
        forged: [Keys::rsa("rsa-1"), Keys::ecdsa("ec-1"), Keys::eddsa("ed-1", 8)],
        secret: Keys::secret("secret-1", SECRET.as_bytes()),
    })
}

impl Pairs {
    /// Those that [`KEYS_URL`] publishes.
    pub fn published(&self) -> [&Keys; 3] {
        [&self.rsa, &self.ecdsa, &self.eddsa]
    }
}

/// The claims of a good token, in a second since 1970.
pub fn claims(now: i64) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "tenant_id": TENANT,
        "iat": now, "nbf": now, "exp": now + 3_600,
    })
}

/// The same claims with others over them; null takes one away.
pub fn claims_with(now: i64, others: &Value) -> Value {
    let mut claims = claims(now);
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// A set of keys as it is published.
pub fn key_set<'a>(keys: impl IntoIterator<Item = &'a Keys>) -> Value {
    json!({"keys": keys.into_iter().map(Keys::public).collect::<Vec<_>>()})
}

/// The issuers that worlds trust: one that publishes its keys, one for another tenant, one with a secret.
pub fn issuers() -> Vec<Issuer> {
    let published = ["RS256", "ES256", "EdDSA"];
    let described = json!([
        {"issuer": ISSUER, "audience": [AUDIENCE], "algorithms": published, "jwks_url": KEYS_URL},
        {
            "issuer": ISSUER_OF_OTHERS, "audience": [AUDIENCE], "algorithms": published,
            "jwks_url": KEYS_URL, "tenants": ["globex"],
        },
        {
            "issuer": ISSUER_BY_SECRET, "audience": [AUDIENCE], "algorithms": ["HS256"],
            "secret": "variable",
        },
    ]);
    Issuer::parse_list(&described.to_string()).unwrap()
}

/// Where keys are fetched in tests. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    texts: HashMap<String, Result<Vec<u8>, String>>,
    asked: usize,
    at_once: usize,
    at_once_most: usize,
}

impl Places {
    /// The places of [`issuers`], with the keys that belong there.
    pub fn new() -> Self {
        let places = Self::default();
        places.publish(KEYS_URL, &key_set(pairs().published()));
        places.put("variable", Ok(SECRET.as_bytes().to_vec()));
        places
    }

    /// Publishes something at an address.
    pub fn publish(&self, url: &str, text: &Value) {
        self.put(url, Ok(text.to_string().into_bytes()));
    }

    /// What is found at a place from now on.
    pub fn put(&self, place: &str, text: Result<Vec<u8>, String>) {
        self.0.lock().unwrap().texts.insert(place.to_owned(), text);
    }

    /// How often something was fetched.
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    /// How many fetched something at the same time, at most.
    pub fn at_once_most(&self) -> usize {
        self.0.lock().unwrap().at_once_most
    }

    /// Fetches from here. Each takes a moment, in which others go on.
    pub fn fetch(&self) -> Fetch {
        let places = self.clone();
        Fetch::from_fn(move |source| {
            let places = places.clone();
            async move {
                let place = match source {
                    Source::Published(url) => url.to_string(),
                    Source::Secret(_) => "variable".to_owned(),
                    Source::Given(text) => return Ok(text.as_bytes().to_vec()),
                };
                let found = {
                    let mut state = places.0.lock().unwrap();
                    state.asked += 1;
                    state.at_once += 1;
                    state.at_once_most = state.at_once_most.max(state.at_once);
                    state.texts.get(&place).cloned()
                };
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
                places.0.lock().unwrap().at_once -= 1;
                found.unwrap_or_else(|| Err("nothing is there".to_owned()))
            }
            .boxed()
        })
    }
}
