//! List cursors: where a list goes on, sealed so that only the tenant that was given one can use it, and
//! only for the same list.
//!
//! The seal is HMAC-SHA-256, cut to 16 bytes, over tenant, list and position, under a secret of the
//! tenant's own that is made on first use. A cursor never names a partition: a forged one could only
//! have moved within the caller's own list. The seal makes that a 400 instead of a surprise.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::TenantId;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::Error;
use crate::{Store, key};

const SECRET_BYTES: usize = 32;
const SEAL_BYTES: usize = 16;

/// Secrets kept in memory; past it all are read again.
const SECRETS_MAX: usize = 10_000;

/// The secrets that this process has read.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Mutex<HashMap<TenantId, [u8; SECRET_BYTES]>>);

impl Secrets {
    fn find(&self, tenant: &TenantId) -> Option<[u8; SECRET_BYTES]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).copied()
    }

    fn keep(&self, tenant: &TenantId, secret: [u8; SECRET_BYTES]) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if secrets.len() >= SECRETS_MAX {
            secrets.clear();
        }
        secrets.insert(tenant.clone(), secret);
    }
}

impl Store {
    /// Seals a position in a list. `list` names the list and its filters.
    ///
    /// Free, but for the first time in a process: 1 RCU, and 1 WCU the first time ever.
    pub async fn cursor_seal(
        &self,
        tenant: &TenantId,
        list: &str,
        position: &str,
    ) -> Result<String, Error> {
        let seal = seal(&self.cursor_secret(tenant).await?, tenant, list, position)?;
        let bytes: Vec<u8> = seal.into_iter().chain(position.bytes()).collect();
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The position of a cursor that was sealed for this tenant and list.
    pub async fn cursor_open(
        &self,
        tenant: &TenantId,
        list: &str,
        cursor: &str,
    ) -> Result<String, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::Cursor)?;
        let (sealed, position) = bytes.split_at_checked(SEAL_BYTES).ok_or(Error::Cursor)?;
        let position = std::str::from_utf8(position).map_err(|_| Error::Cursor)?;
        let secret = self.cursor_secret(tenant).await?;
        mac(&secret, tenant, list, position)?
            .verify_truncated_left(sealed)
            .map_err(|_| Error::Cursor)?;
        Ok(position.to_owned())
    }

    async fn cursor_secret(&self, tenant: &TenantId) -> Result<[u8; SECRET_BYTES], Error> {
        if let Some(secret) = self.secrets.find(tenant) {
            return Ok(secret);
        }
        let secret = match self.cursor_secret_read(tenant).await? {
            Some(secret) => secret,
            None => self.cursor_secret_create(tenant).await?,
        };
        self.secrets.keep(tenant, secret);
        Ok(secret)
    }

    async fn cursor_secret_read(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<[u8; SECRET_BYTES]>, Error> {
        let item = self.get(key::cursor_secret(tenant)).await?;
        let blob =
            item.as_ref().and_then(|item| item.get("secret")).and_then(|value| value.as_b().ok());
        Ok(blob.and_then(|blob| blob.as_ref().try_into().ok()))
    }

    /// Makes the secret, unless another process was faster. It is no change of a tenant's data, so it
    /// is the one write outside the unit of work.
    async fn cursor_secret_create(&self, tenant: &TenantId) -> Result<[u8; SECRET_BYTES], Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)
            .map_err(|error| Error::Defect(format!("no randomness: {error}")))?;
        let mut item = key::cursor_secret(tenant).into_item();
        item.insert("secret".to_owned(), AttributeValue::B(Blob::new(secret)));
        if self.put_new(&self.tables.core, item).await? {
            return Ok(secret);
        }
        let made = self.cursor_secret_read(tenant).await?;
        made.ok_or_else(|| Error::Unavailable("the cursor secret vanished".to_owned()))
    }
}

/// The code over tenant, list and position, each with its length.
fn mac(
    secret: &[u8],
    tenant: &TenantId,
    list: &str,
    position: &str,
) -> Result<Hmac<Sha256>, Error> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret)
        .map_err(|error| Error::Defect(error.to_string()))?;
    for part in [tenant.as_str(), list, position] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Ok(mac)
}

fn seal(secret: &[u8], tenant: &TenantId, list: &str, position: &str) -> Result<Vec<u8>, Error> {
    let code = mac(secret, tenant, list, position)?.finalize().into_bytes();
    Ok(code.into_iter().take(SEAL_BYTES).collect())
}
