//! What is of other services: subscriptions of topics, the key that signs, the cache.

use aws_config::SdkConfig;
use aws_sdk_kms::types::KeyState;
use local::template::Template;

use super::functions::Told;
use super::resources::Stack;
use crate::aws::in_words;
use crate::doctor::findings::Findings;

/// Whether each topic tells the queues that the template subscribes to it.
pub(super) async fn subscriptions(
    config: &SdkConfig,
    template: &Template,
    stack: &Stack,
    findings: &mut Findings,
) {
    let client = aws_sdk_sns::Client::new(config);
    for subscription in &template.subscriptions {
        let subject = &subscription.id;
        let (Some(topic), Some(queue)) =
            (stack.physical(&subscription.topic), stack.end_of_queue_arn(&subscription.queue))
        else {
            findings.wrong(subject, "its topic or its queue is not there");
            continue;
        };
        let mut pages =
            client.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
        let mut found = Ok(false);
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    let is_it = page.subscriptions().iter().any(|one| {
                        one.endpoint().is_some_and(|endpoint| endpoint.ends_with(&queue))
                            && one.subscription_arn() != Some("PendingConfirmation")
                    });
                    if is_it {
                        found = Ok(true);
                    }
                }
                Err(error) => {
                    found = Err(in_words("ListSubscriptionsByTopic", &error));
                    break;
                }
            }
        }
        match found {
            Ok(true) => {
                let said = format!("`{}` tells `{}`", subscription.topic, subscription.queue);
                findings.well(subject, &said);
            }
            Ok(false) => {
                let said =
                    format!("`{}` does not tell `{}`", subscription.topic, subscription.queue);
                findings.wrong(subject, &said);
            }
            Err(reason) => findings.wrong(subject, &reason),
        }
    }
}

/// The key that signs checkpoints.
pub(super) async fn key(config: &SdkConfig, told: &Told, findings: &mut Findings) {
    let subject = "signing key";
    let named = told.get("audit-verify").and_then(|variables| variables.get("EPR_AUDIT_KEY_ID"));
    let Some(id) = named.filter(|id| !id.is_empty()) else {
        return findings.wrong(subject, "the verifier is told of none: checkpoints are not signed");
    };
    let answer = aws_sdk_kms::Client::new(config).describe_key().key_id(id).send().await;
    let described = match answer {
        Ok(answer) => answer.key_metadata,
        Err(error) => return findings.wrong(subject, &in_words("DescribeKey", &error)),
    };
    let Some(described) = described else {
        return findings.wrong(subject, "DescribeKey: an answer without a key");
    };
    let spec = described.key_spec().map_or("unknown", |spec| spec.as_str());
    match described.key_state() {
        Some(KeyState::Enabled) if spec == "ECC_NIST_EDWARDS25519" => {
            findings.well(subject, &format!("{spec}, enabled"));
        }
        Some(KeyState::Enabled) => {
            findings.wrong(subject, &format!("is {spec} instead of ECC_NIST_EDWARDS25519"));
        }
        Some(KeyState::PendingDeletion) => findings
            .wrong(subject, "is about to be deleted: cancel that, or the line of checkpoints ends"),
        state => {
            let state = state.map_or("unknown", |state| state.as_str());
            findings.wrong(subject, &format!("is {state}: checkpoints are not signed"));
        }
    }
}

/// The cache of epochs, where there is one.
pub(super) async fn cache(config: &SdkConfig, told: &Told, findings: &mut Findings) {
    let subject = "cache of epochs";
    let set = |name: &str| {
        let value = told.get("authorize").and_then(|variables| variables.get(name));
        value.filter(|value| !value.is_empty())
    };
    let Some(name) = set("EPR_REDIS_CACHE_NAME") else {
        return match set("EPR_REDIS_URL") {
            Some(_) => findings.warn(
                subject,
                "is not one of this stack and cannot be asked from here: look at the metric `EpochsUnread`",
            ),
            None => findings.well(subject, "none: epochs are in the core table"),
        };
    };
    let client = aws_sdk_elasticache::Client::new(config);
    match client.describe_serverless_caches().serverless_cache_name(name).send().await {
        Ok(answer) => {
            let status = answer.serverless_caches().first().and_then(|cache| cache.status());
            match status {
                Some("available") => findings.well(subject, &format!("`{name}`, available")),
                status => findings.wrong(
                    subject,
                    &format!(
                        "`{name}` is {}: changes to what decides are refused",
                        status.unwrap_or("gone")
                    ),
                ),
            }
        }
        Err(error) => findings.wrong(subject, &in_words("DescribeServerlessCaches", &error)),
    }
}
