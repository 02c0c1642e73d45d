//! A bucket of S3 with signed checkpoints in it, each put once.
//!
//! The bucket's own rules (Object Lock, another account) keep what is there; here nothing is overwritten.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use domain::ledger::checkpoint::Checkpoint;

use super::PublishError;
use super::anchors::split_view;

/// Where checkpoints are anchored: the object `<origin>/<size>` of a bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    bucket: String,
}

impl Bucket {
    pub(super) fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Puts a checkpoint where none of its size is. One with another text is a split view.
    pub(super) async fn put(
        &self,
        checkpoint: &Checkpoint,
        note: &str,
    ) -> Result<(), PublishError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(place(checkpoint))
            .if_none_match("*")
            .content_type("text/plain; charset=utf-8")
            .body(ByteStream::from(note.as_bytes().to_vec()))
            .send()
            .await;
        let Err(error) = put else { return Ok(()) };
        // 412: it is there. 409: another is putting it at this moment; so it is there, or soon.
        if error.code() != Some("PreconditionFailed") && !is_conflict(&error) {
            return Err(PublishError::Anchor(DisplayErrorContext(error).to_string()));
        }
        match self.get(checkpoint).await? {
            Some(there) if there == note => Ok(()),
            Some(_) => Err(split_view(checkpoint).into()),
            None => Err(PublishError::Anchor("another is anchoring it".to_owned())),
        }
    }

    /// What is anchored of a checkpoint's size.
    pub(super) async fn get(
        &self,
        checkpoint: &Checkpoint,
    ) -> Result<Option<String>, PublishError> {
        let get = self.client.get_object().bucket(&self.bucket).key(place(checkpoint)).send().await;
        let output = match get {
            Ok(output) => output,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => {
                return Err(PublishError::Anchor(DisplayErrorContext(error).to_string()));
            }
        };
        let bytes = output.body.collect().await;
        let bytes = bytes.map_err(|error| PublishError::Anchor(error.to_string()))?;
        // What is no text is not what was put.
        Ok(Some(String::from_utf8_lossy(&bytes.into_bytes()).into_owned()))
    }
}

fn place(checkpoint: &Checkpoint) -> String {
    format!("{}/{}", checkpoint.origin, checkpoint.size)
}

fn is_conflict<E, R>(error: &SdkError<E, R>) -> bool
where
    E: ProvideErrorMetadata,
{
    matches!(error, SdkError::ServiceError(_)) && error.code() == Some("ConditionalRequestConflict")
}
