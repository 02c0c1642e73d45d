//! What commands that ask AWS have in common: where from, with whose credentials, and its errors in words.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::ProvideCredentials;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::remote::root_cause;

/// How long one request to AWS may take, and with the SDK's own retries.
const ATTEMPT: Duration = Duration::from_secs(10);
const ATTEMPTS: Duration = Duration::from_secs(40);

/// Region and credentials, asked for at once: the first request would only say that it failed.
pub(crate) async fn config() -> Result<SdkConfig, String> {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(ATTEMPTS)
        .build();
    let config =
        aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await;
    if config.region().is_none() {
        return Err("no AWS region is configured; set AWS_REGION or AWS_PROFILE".to_owned());
    }
    let provider = config.credentials_provider();
    let provider = provider.ok_or("no AWS credentials are configured; set AWS_PROFILE")?;
    provider
        .provide_credentials()
        .await
        .map_err(|error| format!("no AWS credentials ({}); set AWS_PROFILE", root_cause(&error)))?;
    Ok(config)
}

/// An error of AWS: its code and message, or what it comes from.
pub(crate) fn in_words<E, R>(operation: &str, error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{operation}: {code}: {message}"),
        (Some(code), None) => format!("{operation}: {code}"),
        (None, _) => format!("{operation}: no answer ({})", root_cause(error)),
    }
}
