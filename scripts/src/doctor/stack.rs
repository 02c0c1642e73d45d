//! A deployment as AWS tells of it: whether everything that the template declares is there and as declared.

mod functions;
mod ledger;
mod outside;
mod resources;
mod tables;

use std::collections::HashMap;

use local::system::TEMPLATE;
use local::template::Template;

use super::findings::Findings;
use super::{queues, running};
use crate::aws;
use crate::remote::{Place, Remote};
use resources::Stack;

/// Looks at a stack, and at its API: at `url`, where one is given.
pub(super) async fn check(
    name: &str,
    url: Option<&str>,
    findings: &mut Findings,
) -> Result<(), String> {
    let config = aws::config().await?;
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
    let remote = Remote::open(&Place::of(&url, None, None)?).await?;
    running::answers(&remote, findings).await;
    Ok(())
}
