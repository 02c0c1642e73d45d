//! API keys: a secret by which a program is a principal, until it is revoked or its time is over.
//!
//! **Invariant:** the secret is in no value of these types but [`KeyText`], which is neither stored nor
//! printed. What is stored is its HMAC, which cannot be turned back.

use std::fmt;

use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::change::{AuditDraft, Change, EventDraft};
use crate::hash::hex;
use crate::id::{ApiKeyId, TenantId};
use crate::ledger::hash::Hash;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::text::ApiKeyName;
use crate::time::Timestamp;

/// How long a key is good for where it is not said, in seconds: a year.
pub const KEY_SECONDS_DEFAULT: i64 = 365 * 24 * 60 * 60;

/// How long a key may be good for, in seconds: five years.
pub const KEY_SECONDS_MAX: i64 = 5 * KEY_SECONDS_DEFAULT;

/// How often it is noted at most that a key was used, in seconds.
pub const USE_SECONDS: i64 = 60 * 60;

/// Most scopes of one key.
pub const KEY_SCOPES_MAX: usize = 200;

/// Longest scope, in bytes.
pub const SCOPE_BYTES_MAX: usize = 255;

/// What every key begins with, so that people and scanners know one.
pub const KEY_START: &str = "ak_";

/// Random bytes of a key's id, and of its secret.
pub const KEY_ID_BYTES: usize = 8;
/// See [`KEY_ID_BYTES`].
pub const KEY_SECRET_BYTES: usize = 32;

/// What the HMAC is over beside tenant and id: that it is for this.
const DIGEST_OF: &str = "epr api key 1";

/// A whole key: `ak_<tenant>.<id>_<secret>`.
///
/// A call names no tenant but by its credential. With the tenant in it the key is found among its tenant's own
/// data, in one read, and there is no place where keys of several tenants are.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    tenant_id: TenantId,
    id: ApiKeyId,
    secret: String,
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({}_…)", prefix(&self.tenant_id, &self.id))
    }
}

/// The part of a key that may be shown.
fn prefix(tenant: &TenantId, id: &ApiKeyId) -> String {
    format!("{KEY_START}{tenant}.{id}")
}

impl KeyText {
    /// A new key of a tenant, of random bytes.
    pub fn of(
        tenant_id: TenantId,
        id: [u8; KEY_ID_BYTES],
        secret: [u8; KEY_SECRET_BYTES],
    ) -> Result<Self, Refusal> {
        Ok(Self { tenant_id, id: ApiKeyId::parse(&hex(&id))?, secret: hex(&secret) })
    }

    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let parts = text.strip_prefix(KEY_START).and_then(|rest| {
            let (shown, secret) = rest.rsplit_once('_')?;
            let (tenant, id) = shown.rsplit_once('.')?;
            (is_hex(secret, KEY_SECRET_BYTES) && is_hex(id, KEY_ID_BYTES))
                .then_some((tenant, id, secret))
        });
        let (tenant, id, secret) = parts.ok_or_else(no_key)?;
        let tenant_id = TenantId::parse(tenant).map_err(|_| no_key())?;
        Ok(Self { tenant_id, id: ApiKeyId::parse(id)?, secret: secret.to_owned() })
    }

    /// Whose it is.
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    /// Its id.
    pub fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// The whole, to be shown once.
    pub fn reveal(&self) -> String {
        format!("{}_{}", prefix(&self.tenant_id, &self.id), self.secret)
    }

    /// What is stored of it: HMAC-SHA256 with the secret for its key, over tenant and id, each with its length.
    /// The secret is 32 random bytes, so nobody finds it by trying; and what is stored of one key does not serve
    /// another, or another tenant.
    pub fn digest(&self) -> String {
        self.mac().map(|mac| hex(&mac.finalize().into_bytes())).unwrap_or_default()
    }

    /// Whether a digest is of this key. Compared in constant time.
    pub fn has_digest(&self, digest: &str) -> bool {
        let Ok(stored) = Hash::parse(digest) else { return false };
        self.mac().is_some_and(|mac| mac.verify_slice(stored.as_bytes()).is_ok())
    }

    fn mac(&self) -> Option<Hmac<Sha256>> {
        // No length of a key is refused; were one, no digest would match.
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(self.secret.as_bytes()).ok()?;
        for part in [DIGEST_OF, self.tenant_id.as_str(), self.id.as_str()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(mac)
    }
}

/// Whether a text is a scope as OAuth has it (RFC 6749, section 3.3).
pub fn is_scope(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(legal)
}

/// What a key is limited to, such as `entity:read`.
pub fn parse_scope(text: &str) -> Result<String, Refusal> {
    if text.len() > SCOPE_BYTES_MAX || !is_scope(text) {
        return Err(Refusal::new(format!(
            "must be 1 to {SCOPE_BYTES_MAX} visible ASCII characters without spaces, quotes and backslashes"
        )));
    }
    Ok(text.to_owned())
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What it is called.
    pub name: ApiKeyName,
    /// Who calls with it.
    pub principal: Principal,
    /// What it is limited to, in order; `None` for what the principal is granted.
    pub scopes: Option<Vec<String>>,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to within an hour.
    pub last_used_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed; to be used is no change.
    pub updated_at: Timestamp,
}

/// What it takes to make a key.
#[derive(Clone, Debug)]
pub struct ApiKeyDraft {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is called.
    pub name: ApiKeyName,
    /// Who is to call with it.
    pub principal: Principal,
    /// What it is limited to.
    pub scopes: Option<Vec<String>>,
    /// When its time is over.
    pub expires_at: Timestamp,
}

impl ApiKey {
    /// Makes a key.
    pub fn create(tenant_id: TenantId, draft: ApiKeyDraft, at: Timestamp) -> Change<Self> {
        let ApiKeyDraft { id, name, principal, scopes, expires_at } = draft;
        let scopes = scopes.map(|mut scopes| {
            scopes.sort_unstable();
            scopes.dedup();
            scopes
        });
        Self {
            id,
            tenant_id,
            name,
            principal,
            scopes,
            expires_at,
            revoked_at: None,
            last_used_at: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
        .changed("api_key.created", "api_key.create")
    }

    /// Ends it before its time; `None` when it was ended before.
    pub fn revoke(&self, at: Timestamp) -> Option<Change<Self>> {
        if self.revoked_at.is_some() {
            return None;
        }
        let after = Self {
            revoked_at: Some(at),
            version: self.version + 1,
            updated_at: at,
            ..self.clone()
        };
        Some(after.changed("api_key.revoked", "api_key.revoke"))
    }

    /// Forgets it.
    pub fn delete(&self) -> Change<Self> {
        self.clone().changed("api_key.deleted", "api_key.delete")
    }

    /// The part of it that may be shown: what it begins with.
    pub fn prefix(&self) -> String {
        prefix(&self.tenant_id, &self.id)
    }

    /// Whether someone may call with it.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    fn changed(self, event_type: &'static str, action: &'static str) -> Change<Self> {
        let details = json!({
            "api_key_id": self.id,
            "principal_id": self.principal.id,
            "principal_type": self.principal.kind,
        });
        let mut payload = details.clone();
        if let Some(members) = payload.as_object_mut() {
            members.insert("name".to_owned(), json!(self.name));
            members.insert("scopes".to_owned(), json!(self.scopes));
            members.insert("expires_at".to_owned(), json!(self.expires_at));
        }
        let event = EventDraft {
            event_type,
            aggregate_type: "api_key",
            aggregate_id: self.id.to_string(),
            payload,
        };
        Change {
            events: vec![event],
            audit: AuditDraft { action, entity: None, details },
            after: self,
        }
    }
}

fn no_key() -> Refusal {
    Refusal::new("is not an API key, such as `ak_<tenant>.<16 hex digits>_<64 hex digits>`")
}

fn is_hex(text: &str, bytes: usize) -> bool {
    let legal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 2 * bytes && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PrincipalId;
    use crate::principal::PrincipalType;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn key_of(name: &str, number: u8) -> KeyText {
        KeyText::of(tenant(name), [number; KEY_ID_BYTES], [number; KEY_SECRET_BYTES]).unwrap()
    }

    fn key(number: u8) -> KeyText {
        key_of("acme", number)
    }

    #[test]
    fn a_key_is_read_as_it_was_shown_and_in_no_other_spelling() {
        let text = key(0xab).reveal();
        assert_eq!(text, format!("ak_acme.{}_{}", "ab".repeat(8), "ab".repeat(32)));
        assert_eq!(KeyText::parse(&text).unwrap(), key(0xab));
        for name in ["a.b", "a_b", "_", ".", "ak_x.0_0", "4:acme", "a@b", &"x".repeat(128)] {
            let key = key_of(name, 1);
            assert_eq!(KeyText::parse(&key.reveal()).unwrap(), key, "{name}");
        }
        for bad in [
            "",
            "ak_",
            "ak__",
            &text.to_uppercase(),
            &text.replace("ak_", "AK_"),
            &text.replace("ak_", ""),
            &text.replace("acme", ""),
            &text.replace("acme", "a b"),
            &text.replace("acme", &"x".repeat(129)),
            &text.replace("acme.", ""),
            &format!("{text}0"),
            &format!(" {text}"),
            text.strip_suffix('b').unwrap(),
            &text.replacen("abab", "aba_", 1),
            &text.replace('b', "\u{e9}"),
        ] {
            assert!(KeyText::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_is_of_one_key_of_one_tenant() {
        let digest = key(1).digest();
        assert!(key(1).has_digest(&digest));
        assert!(!key_of("globex", 1).has_digest(&digest));
        assert!(!key(2).has_digest(&digest));
        let same_secret =
            KeyText::of(tenant("acme"), [2; KEY_ID_BYTES], [1; KEY_SECRET_BYTES]).unwrap();
        assert!(!same_secret.has_digest(&digest));
        for bad in ["", "00", "zz", digest.split_at(62).0, &digest.to_uppercase().replace('A', "é")]
        {
            assert!(!key(1).has_digest(bad), "{bad}");
        }
    }

    /// Made with Python's `hmac` and `hashlib`.
    #[test]
    fn the_digest_is_what_another_program_makes_of_it() {
        let digest = key(0xab).digest();
        assert_eq!(digest, "4965a00d3ad6c9894e577c921ce57d7699c29360dbf95047f83a9c49f32b3f6c");
    }

    #[test]
    fn nothing_of_the_secret_is_printed_or_told() {
        let printed = format!("{:?}", key(0xab));
        assert!(
            printed.contains("ak_acme.abab") && !printed.contains(&"ab".repeat(9)),
            "{printed}"
        );
        let at = Timestamp::from_microseconds(0).unwrap();
        let draft = ApiKeyDraft {
            id: key(0xab).id().clone(),
            name: ApiKeyName::parse("Reports").unwrap(),
            principal: Principal {
                kind: PrincipalType::service(),
                id: PrincipalId::parse("reports").unwrap(),
            },
            scopes: Some(vec!["b".to_owned(), "a".to_owned(), "b".to_owned()]),
            expires_at: at.plus_seconds(60),
        };
        let change = ApiKey::create(tenant("acme"), draft, at);
        let told = format!("{change:?}");
        assert!(!told.contains(&"ab".repeat(9)), "{told}");
        assert_eq!(change.after.scopes, Some(vec!["a".to_owned(), "b".to_owned()]));
        let revoked = change.after.revoke(at.plus_seconds(1)).unwrap().after;
        assert!(change.after.is_active(at) && !revoked.is_active(at.plus_seconds(1)));
        assert!(!change.after.is_active(at.plus_seconds(60)));
        assert!(revoked.revoke(at.plus_seconds(2)).is_none());
    }
}
