//! The stack itself: how its last deployment ended, what it made, and what it says of that.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::Stack as Described;

use crate::aws::in_words;
use crate::doctor::findings::Findings;

/// What a deployment made.
pub(super) struct Stack {
    /// Resources by logical id.
    resources: HashMap<String, String>,
    /// Outputs by name.
    pub(super) outputs: HashMap<String, String>,
}

impl Stack {
    /// Finds a stack, and says how its last deployment ended.
    pub(super) async fn find(
        config: &SdkConfig,
        name: &str,
        findings: &mut Findings,
    ) -> Result<Self, String> {
        let client = Client::new(config);
        let answer = client.describe_stacks().stack_name(name).send().await;
        let answer = answer.map_err(|error| in_words("DescribeStacks", &error))?;
        let described = answer.stacks().first();
        let described = described.ok_or_else(|| format!("there is no stack `{name}`"))?;
        status(described, findings);
        let mut resources = HashMap::new();
        let mut pages = client.list_stack_resources().stack_name(name).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| in_words("ListStackResources", &error))?;
            for resource in page.stack_resource_summaries() {
                let ids = (resource.logical_resource_id(), resource.physical_resource_id());
                if let (Some(logical), Some(physical)) = ids {
                    resources.insert(logical.to_owned(), physical.to_owned());
                }
            }
        }
        let outputs = described.outputs().iter();
        let outputs = outputs
            .filter_map(|output| Some((output.output_key.clone()?, output.output_value.clone()?)));
        Ok(Self { resources, outputs: outputs.collect() })
    }

    /// What a resource of the template is called in the account.
    pub(super) fn physical(&self, logical: &str) -> Option<&str> {
        self.resources.get(logical).map(String::as_str)
    }

    /// How the ARN of a queue of the template ends.
    pub(super) fn end_of_queue_arn(&self, logical: &str) -> Option<String> {
        let name = self.physical(logical)?.rsplit('/').next()?;
        Some(format!(":{name}"))
    }
}

fn status(described: &Described, findings: &mut Findings) {
    let status = described.stack_status().map_or("unknown", |status| status.as_str());
    let reason = described.stack_status_reason().unwrap_or("no reason is given");
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => findings.well("stack", status),
        under_way if under_way.ends_with("_IN_PROGRESS") => {
            findings.warn("stack", &format!("{under_way}: what follows may be half old, half new"));
        }
        "UPDATE_ROLLBACK_COMPLETE" => {
            findings.warn("stack", &format!("the last deployment was taken back ({reason})"));
        }
        other => findings.wrong("stack", &format!("{other} ({reason})")),
    }
}
