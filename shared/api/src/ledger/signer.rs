//! The key that signs: in a key service that never gives it out, or in this process.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use domain::ledger::checkpoint::Origin;
use domain::ledger::note::VerifierKey;
use ed25519_dalek::{Signer as _, SigningKey};

use super::PublishError;
#[cfg(feature = "aws-notary")]
use super::key_service::KeyService;
use crate::key_file::{self, KeyFileError};

/// A key of Ed25519. It signs the same text in the same way every time, so that two who sign one checkpoint
/// write one note.
#[derive(Clone)]
pub enum Signer {
    /// A key of AWS KMS (`ECC_NIST_EDWARDS25519`).
    #[cfg(feature = "aws-notary")]
    KeyService(Arc<KeyService>),
    /// A key of this process.
    Own(Arc<SigningKey>),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(feature = "aws-notary")]
            Self::KeyService(_) => "Signer::KeyService",
            Self::Own(_) => "Signer::Own",
        })
    }
}

impl Signer {
    /// A key of AWS KMS, by its id, ARN or alias.
    #[cfg(feature = "aws-notary")]
    pub fn of_client(client: aws_sdk_kms::Client, key_id: String) -> Self {
        Self::KeyService(Arc::new(KeyService::new(client, key_id)))
    }

    /// The key of a file, which is made on first use.
    pub fn of_file(file: &Path) -> Result<Self, KeyFileError> {
        key_file::open(file).map(|key| Self::Own(Arc::new(key)))
    }

    /// A new key that is gone with the process.
    pub fn in_memory() -> Result<Self, KeyFileError> {
        key_file::generate().map(|key| Self::Own(Arc::new(key)))
    }

    /// The key by which others verify, under a name.
    pub async fn verifier_key(&self, origin: &Origin) -> Result<VerifierKey, PublishError> {
        self.verifier_key_named(origin.as_str()).await
    }

    pub(super) async fn verifier_key_named(&self, name: &str) -> Result<VerifierKey, PublishError> {
        let public = match self {
            #[cfg(feature = "aws-notary")]
            Self::KeyService(service) => service.public_key().await?,
            Self::Own(key) => key.verifying_key().to_bytes(),
        };
        VerifierKey::new(name, &public)
            .map_err(|refusal| PublishError::Sign(format!("the key {refusal}")))
    }

    /// The signature of a text.
    pub(super) async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PublishError> {
        match self {
            #[cfg(feature = "aws-notary")]
            Self::KeyService(service) => service.sign(text).await,
            Self::Own(key) => Ok(key.sign(text).to_bytes().to_vec()),
        }
    }
}
