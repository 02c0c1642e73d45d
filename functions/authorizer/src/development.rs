//! The issuer of one machine: signs tokens with a key in a file, for `epr local --auth`.
//!
//! **Invariant:** no deployment trusts it. Its name is no address, its key is made where it is used, and a
//! deployment has only the issuers that its configuration lists.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use api::key_file::{self, KeyFileError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::hash::hex;
use domain::id::TenantId;
use domain::principal::{Principal, PrincipalType};
use domain::time::Timestamp;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::issuers::{ClaimNames, Issuer, LEEWAY_SECONDS_DEFAULT};
use crate::key::Algorithm;
use crate::source::Source;

/// The issuer's name, and the audience of its tokens.
pub const NAME: &str = "epr:development";
/// Whom its tokens are for.
pub const AUDIENCE: &str = "epr";

/// The file with its key, in the data folder.
pub const KEY_FILE: &str = "token-signing-key";

/// The claim with the type of the principal.
const PRINCIPAL_TYPE: &str = "principal_type";

/// The issuer with its key.
pub struct Development {
    key: SigningKey,
    key_id: String,
}

impl fmt::Debug for Development {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Development").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who.
    pub principal: Principal,
    /// Of which tenant; without one, of any.
    pub tenant_id: Option<TenantId>,
    /// Within which limits, if there are any.
    pub scopes: Option<Vec<String>>,
    /// For how many seconds.
    pub seconds: i64,
}

impl Development {
    /// The issuer whose key is in a folder. The key is made on first use, for its owner alone.
    pub fn open(folder: &Path) -> Result<Self, KeyFileError> {
        let file = folder.join(KEY_FILE);
        std::fs::create_dir_all(folder)
            .map_err(|source| KeyFileError::Io { file: file.clone(), source })?;
        Ok(Self::of(key_file::open(&file)?))
    }

    /// The issuer with a key.
    pub fn of(key: SigningKey) -> Self {
        // Its name follows from the key, so that a new key has a new one.
        let hash = Sha256::digest(key.verifying_key().as_bytes());
        let (shown, _) = hash.split_at(8);
        Self { key, key_id: hex(shown) }
    }

    /// Its public key, as it is served (RFC 8037, section 2).
    pub fn key_set(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.key_id, "x": x,
        }]})
    }

    /// What is believed of it: whatever it says of tenants and types of principals.
    pub fn trusted(&self) -> Issuer {
        let principal_type = vec![PRINCIPAL_TYPE.to_owned()];
        Issuer {
            name: NAME.to_owned(),
            audience: vec![AUDIENCE.to_owned()],
            algorithms: vec![Algorithm::EdDsa],
            source: Source::Given(Arc::from(self.key_set().to_string())),
            claims: ClaimNames { principal_type, ..ClaimNames::default() },
            principal_type: PrincipalType::user(),
            tenants: BTreeSet::new(),
            cross_tenant: true,
            leeway_seconds: LEEWAY_SECONDS_DEFAULT,
        }
    }

    /// A token.
    pub fn token(&self, grant: &Grant, now: Timestamp) -> String {
        let Grant { principal, tenant_id, scopes, seconds } = grant;
        let begins = now.as_seconds();
        let mut claims = json!({
            "iss": NAME, "aud": AUDIENCE, "sub": principal.id, PRINCIPAL_TYPE: principal.kind,
            "iat": begins, "exp": begins.saturating_add(*seconds),
        });
        if let Some(claims) = claims.as_object_mut() {
            claims.extend(tenant_id.iter().map(|tenant| ("tenant_id".to_owned(), json!(tenant))));
            let scopes = scopes.iter().map(|scopes| ("scope".to_owned(), json!(scopes.join(" "))));
            claims.extend(scopes);
        }
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.key_id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }
}
