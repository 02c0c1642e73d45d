//! The shell of the audit ledger: the key that signs its checkpoints, where these are anchored, and the one
//! way by which they come to be ([`publish()`]).
//!
//! A function that does not publish has no [`Notary`]; and without the feature `aws-notary` there is no client
//! of the key service and of buckets.

mod anchors;
#[cfg(feature = "aws-notary")]
mod bucket;
#[cfg(feature = "aws-notary")]
mod key_service;
mod publish;
mod signer;
mod tally;
mod tiles;

use std::path::Path;

#[cfg(feature = "aws-notary")]
use aws_config::SdkConfig;
use domain::id::TenantId;
use domain::ledger::checkpoint::{Checkpoint, Origin};
use domain::ledger::fault::Fault;
use domain::ledger::note::{Note, VerifierKey};

use crate::key_file::KeyFileError;

pub use anchors::Anchors;
pub use publish::{PUBLISH_SEGMENTS_MAX, Published, VERIFIER_INCREMENTAL, publish};
pub use signer::Signer;
pub use tally::AuditTally;

/// The name of a deployment within an origin, where the environment gives none.
pub const DEPLOYMENT_DEFAULT: &str = "epr.local/audit";

/// What the environment says of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerConfig {
    /// `EPR_AUDIT_DEPLOYMENT`: what the origin of every chain begins with, such as
    /// `epr.example.com/audit`. It is part of what is signed: under another name all begins anew.
    pub deployment: String,
    /// `EPR_AUDIT_KEY_ID`: the key of the key service that signs checkpoints.
    pub key_id: Option<String>,
    /// `EPR_AUDIT_ANCHOR_BUCKET`: where each checkpoint is put beside the table, once and for ever.
    pub anchor_bucket: Option<String>,
}

/// Why a checkpoint was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The tables could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// This function was given no key.
    #[error("no key is configured that signs checkpoints")]
    NoKey,
    /// The key did not sign.
    #[error("a checkpoint cannot be signed: {0}")]
    Sign(String),
    /// The anchor could not be put or read.
    #[error("a checkpoint cannot be anchored: {0}")]
    Anchor(String),
    /// The chain is not what was promised of it: nothing of it is signed any more.
    #[error("not signed: {0}")]
    Fault(Box<Fault>),
}

impl From<Fault> for PublishError {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// Who signs checkpoints and anchors them, under the names of one deployment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notary {
    deployment: String,
    signer: Signer,
    anchors: Anchors,
}

impl Notary {
    /// The notary on AWS; `None` where no key is configured.
    #[cfg(feature = "aws-notary")]
    pub fn on_aws(aws: &SdkConfig, config: &LedgerConfig) -> Option<Self> {
        let signer = Signer::of_client(aws_sdk_kms::Client::new(aws), config.key_id.clone()?);
        let anchors = config.anchor_bucket.as_ref().map_or(Anchors::Nowhere, |bucket| {
            Anchors::of_client(aws_sdk_s3::Client::new(aws), bucket)
        });
        Some(Self::new(&config.deployment, signer, anchors))
    }

    /// The notary of a deployment, by its key and where it anchors.
    pub fn new(deployment: &str, signer: Signer, anchors: Anchors) -> Self {
        Self { deployment: deployment.to_owned(), signer, anchors }
    }

    /// A notary with a key of its own, in a file where one is named and else in memory.
    pub fn with_own_key(file: Option<&Path>, deployment: &str) -> Result<Self, KeyFileError> {
        let signer = match file {
            Some(file) => Signer::of_file(file)?,
            None => Signer::in_memory()?,
        };
        Ok(Self::new(deployment, signer, Anchors::Nowhere))
    }

    /// The name of a tenant's chain, which is also that of its key.
    pub fn origin(&self, tenant: &TenantId) -> Result<Origin, PublishError> {
        Origin::new(&self.deployment, tenant)
            .map_err(|refusal| PublishError::Sign(format!("the name of the deployment {refusal}")))
    }

    /// The key by which the checkpoints of a tenant's chain are verified.
    pub async fn key(&self, tenant: &TenantId) -> Result<VerifierKey, PublishError> {
        self.signer.verifier_key(&self.origin(tenant)?).await
    }

    /// A checkpoint with its signature. Whoever asks has reserved it: see [`publish()`].
    async fn sign(&self, checkpoint: &Checkpoint, key: &VerifierKey) -> Result<Note, PublishError> {
        let signature = self.signer.sign(checkpoint.text_to_sign().as_bytes()).await?;
        checkpoint
            .with_signature(key, &signature)
            .map_err(|error| PublishError::Sign(error.to_string()))
    }

    /// Puts a signed checkpoint where nothing takes it back; nothing to do where that is nowhere.
    async fn anchor(&self, checkpoint: &Checkpoint, note: &str) -> Result<(), PublishError> {
        self.anchors.put(checkpoint, note).await
    }

    /// Holds a signed checkpoint against its anchor, where there are anchors.
    pub async fn hold_anchor(&self, checkpoint: &Checkpoint) -> Result<(), PublishError> {
        let key = self.signer.verifier_key_named(&checkpoint.origin).await?;
        self.anchors.hold(checkpoint, &key).await
    }
}
