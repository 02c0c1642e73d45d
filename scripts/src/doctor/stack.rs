//! A deployment as AWS tells of it: whether everything that the template declares is there and as declared.

mod functions;
mod ledger;
mod outside;
mod resources;
mod tables;

use std::collections::HashMap;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::ProvideCredentials;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use local::system::TEMPLATE;
use local::template::Template;

use super::findings::Findings;
use super::{queues, running};
use crate::remote::{Place, Remote, root_cause};
use resources::Stack;

/// How long one request to AWS may take, and with the SDK's own retries.
const ATTEMPT: Duration = Duration::from_secs(10);
const ATTEMPTS: Duration = Duration::from_secs(40);

/// Looks at a stack, and at its API: at `url`, where one is given.
pub(super) async fn check(
    name: &str,
    url: Option<&str>,
    findings: &mut Findings,
) -> Result<(), String> {
    let config = config().await?;
    let template = Template::parse(TEMPLATE).map_err(|error| error.to_string())?;
    let stack = Stack::find(&config, name, findings).await?;
    tables::check(&config, &template, &stack, findings).await;
    let urls: HashMap<String, String> = template
        .queues
        .iter()
        .filter_map(|queue| Some((queue.id.clone(), stack.physical(&queue.id)?.to_owned())))
        .collect();
    queues::check(&aws_sdk_sqs::Client::new(&config), &template, &urls, findings).await;
    outside::subscriptions(&config, &template, &stack, findings).await;
    let told = functions::check(&config, &template, &stack, findings).await;
    outside::key(&config, &told, findings).await;
    outside::cache(&config, &told, findings).await;
    ledger::check(&config, &stack, findings).await;
    let Some(url) = url.map(str::to_owned).or_else(|| stack.outputs.get("ApiUrl").cloned()) else {
        findings.wrong("API", "the stack does not say where it answers (output `ApiUrl`)");
        return Ok(());
    };
    // The health of a deployment is open: nothing is signed.
    let remote = Remote::open(&Place::of(&url, "default")?).await?;
    running::answers(&remote, findings).await;
    Ok(())
}

/// Region and credentials, asked for at once: the first request would only say that it failed.
async fn config() -> Result<SdkConfig, String> {
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
fn in_words<E, R>(operation: &str, error: &SdkError<E, R>) -> String
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
