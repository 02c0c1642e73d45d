//! Anchors: signed checkpoints where the tables have no power over them.

use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::fault::{Fault, Kind};
use domain::ledger::note::VerifierKey;

use super::PublishError;
#[cfg(feature = "aws-notary")]
use super::bucket::Bucket;

/// Where signed checkpoints are put beside the table.
#[derive(Clone, Debug, Default)]
pub enum Anchors {
    /// Nowhere: there is nothing to put, and nothing to hold against.
    #[default]
    Nowhere,
    /// In a bucket.
    #[cfg(feature = "aws-notary")]
    Bucket(Bucket),
}

#[cfg_attr(
    not(feature = "aws-notary"),
    expect(unused_variables, reason = "without a bucket nothing is put or held")
)]
impl Anchors {
    /// In a bucket of S3, by a client of it.
    #[cfg(feature = "aws-notary")]
    pub fn of_client(client: aws_sdk_s3::Client, bucket: &str) -> Self {
        Self::Bucket(Bucket::new(client, bucket.to_owned()))
    }

    /// Puts a checkpoint where none of its size is. One with another text is a split view.
    pub(super) async fn put(
        &self,
        checkpoint: &Checkpoint,
        note: &str,
    ) -> Result<(), PublishError> {
        match self {
            Self::Nowhere => Ok(()),
            #[cfg(feature = "aws-notary")]
            Self::Bucket(bucket) => bucket.put(checkpoint, note).await,
        }
    }

    /// Holds a signed checkpoint against what is anchored of its size.
    pub(super) async fn hold(
        &self,
        checkpoint: &Checkpoint,
        key: &VerifierKey,
    ) -> Result<(), PublishError> {
        match self {
            Self::Nowhere => Ok(()),
            #[cfg(feature = "aws-notary")]
            Self::Bucket(bucket) => {
                let Some(there) = bucket.get(checkpoint).await? else {
                    let kind = Kind::CheckpointForged { reason: "it is not anchored".to_owned() };
                    return Err(Fault::of_range(1, checkpoint.size, kind).into());
                };
                match Checkpoint::open(&there, key) {
                    Ok(anchored) if anchored == *checkpoint => Ok(()),
                    _ => Err(split_view(checkpoint).into()),
                }
            }
        }
    }
}

/// Two checkpoints of one size: the one that was anchored, and this.
pub(super) fn split_view(checkpoint: &Checkpoint) -> Fault {
    let size = checkpoint.size;
    Fault::of_range(1, size, Kind::SplitView { size })
}
