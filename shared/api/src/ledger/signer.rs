//! The key that signs: in a key service that never gives it out, or in this process.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_kms::error::DisplayErrorContext;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use domain::ledger::checkpoint::Origin;
use domain::ledger::note::VerifierKey;
use ed25519_dalek::{Signer as _, SigningKey};
use tokio::sync::OnceCell;

use super::PublishError;
use super::key_file::{self, KeyFileError};

/// A key of Ed25519. It signs the same text in the same way every time, so that two who sign one checkpoint
/// write one note.
#[derive(Clone)]
pub enum Signer {
    /// A key of AWS KMS (`ECC_NIST_EDWARDS25519`).
    KeyService(Arc<KeyService>),
    /// A key of this process.
    Own(Arc<SigningKey>),
}

/// A key of AWS KMS, and its public half once it was asked for.
pub struct KeyService {
    client: aws_sdk_kms::Client,
    key_id: String,
    public: OnceCell<[u8; 32]>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyService(_) => "Signer::KeyService",
            Self::Own(_) => "Signer::Own",
        })
    }
}

impl fmt::Debug for KeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyService").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Signer {
    /// A key of AWS KMS, by its id, ARN or alias.
    pub fn of_key_service(aws: &SdkConfig, key_id: String) -> Self {
        Self::of_client(aws_sdk_kms::Client::new(aws), key_id)
    }

    /// A key of AWS KMS, by a client of it.
    pub fn of_client(client: aws_sdk_kms::Client, key_id: String) -> Self {
        Self::KeyService(Arc::new(KeyService { client, key_id, public: OnceCell::new() }))
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
            Self::KeyService(service) => {
                *service.public.get_or_try_init(|| service.public_key()).await?
            }
            Self::Own(key) => key.verifying_key().to_bytes(),
        };
        VerifierKey::new(name, &public)
            .map_err(|refusal| PublishError::Sign(format!("the key {refusal}")))
    }

    /// The signature of a text.
    pub(super) async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PublishError> {
        match self {
            Self::KeyService(service) => service.sign(text).await,
            Self::Own(key) => Ok(key.sign(text).to_bytes().to_vec()),
        }
    }
}

impl KeyService {
    async fn public_key(&self) -> Result<[u8; 32], PublishError> {
        let output = self
            .client
            .get_public_key()
            .key_id(&self.key_id)
            .send()
            .await
            .map_err(|error| PublishError::Sign(DisplayErrorContext(error).to_string()))?;
        let der = output.public_key.map(Blob::into_inner).unwrap_or_default();
        let other = || PublishError::Sign("the key is not one of Ed25519".to_owned());
        key_file::public_key(&der).ok_or_else(other)
    }

    async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PublishError> {
        let output = self
            .client
            .sign()
            .key_id(&self.key_id)
            .message(Blob::new(text))
            .message_type(MessageType::Raw)
            .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512)
            .send()
            .await
            .map_err(|error| PublishError::Sign(DisplayErrorContext(error).to_string()))?;
        Ok(output.signature.map(Blob::into_inner).unwrap_or_default())
    }
}
