//! A key of AWS KMS, which never gives it out.

use std::fmt;

use aws_sdk_kms::Client;
use aws_sdk_kms::error::DisplayErrorContext;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use tokio::sync::OnceCell;

use super::PublishError;

/// What the 32 bytes of a public key follow (RFC 8410, section 4).
const PUBLIC_KEY_START: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A key of AWS KMS (`ECC_NIST_EDWARDS25519`), and its public half once it was asked for.
pub struct KeyService {
    client: Client,
    key_id: String,
    public: OnceCell<[u8; 32]>,
}

impl fmt::Debug for KeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyService").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl KeyService {
    /// A key by its id, ARN or alias.
    pub(super) fn new(client: Client, key_id: String) -> Self {
        Self { client, key_id, public: OnceCell::new() }
    }

    pub(super) async fn public_key(&self) -> Result<[u8; 32], PublishError> {
        self.public.get_or_try_init(|| self.ask_public_key()).await.copied()
    }

    async fn ask_public_key(&self) -> Result<[u8; 32], PublishError> {
        let output = self
            .client
            .get_public_key()
            .key_id(&self.key_id)
            .send()
            .await
            .map_err(|error| PublishError::Sign(DisplayErrorContext(error).to_string()))?;
        let der = output.public_key.map(Blob::into_inner).unwrap_or_default();
        let other = || PublishError::Sign("the key is not one of Ed25519".to_owned());
        public_key(&der).ok_or_else(other)
    }

    pub(super) async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PublishError> {
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

/// The 32 bytes of a public key, from the form in which the key service gives it.
fn public_key(der: &[u8]) -> Option<[u8; 32]> {
    der.strip_prefix(&PUBLIC_KEY_START)?.try_into().ok()
}
