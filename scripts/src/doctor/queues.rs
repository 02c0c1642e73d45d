//! The queues of the template: whether each is there, redrives where it should, and what lies in it.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use local::template::{Queue, Template};
use serde_json::Value;

use super::findings::Findings;
use crate::dlq::{dead_letter_queues, in_words};

/// Looks at each queue, at the URL that it has.
pub(super) async fn check(
    client: &Client,
    template: &Template,
    urls: &HashMap<String, String>,
    findings: &mut Findings,
) {
    let ends = dead_letter_queues(template);
    for queue in &template.queues {
        let Some(url) = urls.get(&queue.id) else {
            findings.wrong(&queue.id, "is not there");
            continue;
        };
        let asked = client.get_queue_attributes().queue_url(url);
        let attributes = match asked.attribute_names(QueueAttributeName::All).send().await {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error) => {
                findings.wrong(&queue.id, &in_words("GetQueueAttributes", &error));
                continue;
            }
        };
        let complaints = complaints(queue, &attributes, urls);
        if !complaints.is_empty() {
            findings.wrong(&queue.id, &complaints.join("; "));
            continue;
        }
        let held = attributes.get(&QueueAttributeName::ApproximateNumberOfMessages);
        let held: u64 = held.and_then(|number| number.parse().ok()).unwrap_or_default();
        let is_end = ends.iter().any(|end| end.name == queue.id);
        match (is_end, held) {
            (true, 0) => findings.well(&queue.id, "empty"),
            (true, held) => findings.warn(
                &queue.id,
                &format!("{held} given up: `epr dlq list {0}` says why, `epr dlq redrive {0}` tries again", queue.id),
            ),
            (false, held) => findings.well(&queue.id, &format!("{held} waiting; redrives as declared")),
        }
    }
}

/// What is otherwise than the template has it.
fn complaints(
    queue: &Queue,
    attributes: &HashMap<QueueAttributeName, String>,
    urls: &HashMap<String, String>,
) -> Vec<String> {
    let Some(redrive) = &queue.redrive else { return Vec::new() };
    let policy = attributes.get(&QueueAttributeName::RedrivePolicy);
    let policy: Value = policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let target = policy.get("deadLetterTargetArn").and_then(Value::as_str).unwrap_or_default();
    let name = |address: &str, separator| address.rsplit(separator).next().map(str::to_owned);
    let declared = urls.get(&redrive.queue).and_then(|url| name(url, '/'));
    let mut complaints = Vec::new();
    if declared.is_none() || name(target, ':') != declared {
        complaints.push(format!(
            "does not redrive to `{}`: what fails is tried for days, then lost",
            redrive.queue
        ));
    }
    // A number, or a text with one: SQS has answered both.
    let receives = policy.get("maxReceiveCount");
    let receives = receives.map(|value| value.to_string().trim_matches('"').to_owned());
    if complaints.is_empty() && receives.as_deref() != Some(&redrive.receives_max.to_string()) {
        let told = receives.unwrap_or_default();
        complaints
            .push(format!("redrives after {told} receives instead of {}", redrive.receives_max));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use local::system::TEMPLATE;

    #[test]
    fn a_queue_must_redrive_where_and_when_the_template_says() {
        let template = Template::parse(TEMPLATE).unwrap();
        let queue = template.queues.iter().find(|queue| queue.id == "AuditQueue").unwrap();
        let url =
            |id: &str| (id.to_owned(), format!("https://sqs.eu-west-1.amazonaws.com/1/epr-{id}-X"));
        let urls = HashMap::from([url("AuditQueue"), url("AuditDeadLetterQueue")]);
        let told = |policy: &str| {
            let attributes =
                HashMap::from([(QueueAttributeName::RedrivePolicy, policy.to_owned())]);
            complaints(queue, &attributes, &urls)
        };
        let target = "arn:aws:sqs:eu-west-1:1:epr-AuditDeadLetterQueue-X";
        let policy = |target, receives| {
            format!(r#"{{"deadLetterTargetArn": "{target}", "maxReceiveCount": {receives}}}"#)
        };
        assert!(told(&policy(target, "5")).is_empty());
        assert!(told(&policy(target, "\"5\"")).is_empty());
        assert_eq!(told(&policy(target, "50")), ["redrives after 50 receives instead of 5"]);
        for elsewhere in
            [policy("arn:aws:sqs:eu-west-1:1:another", "5"), "{}".to_owned(), "no JSON".to_owned()]
        {
            let said = told(&elsewhere).join("; ");
            assert!(
                said.starts_with("does not redrive to `AuditDeadLetterQueue`"),
                "{elsewhere}: {said}"
            );
        }
    }
}
