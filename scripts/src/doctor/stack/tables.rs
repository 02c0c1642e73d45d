//! The tables: their keys and indexes, streams, time to live, recovery and encryption.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    KeySchemaElement, PointInTimeRecoveryStatus, StreamViewType, TableDescription, TableStatus,
    TimeToLiveStatus,
};
use local::template::{Table, Template};

use super::resources::Stack;
use crate::aws::in_words;
use crate::doctor::findings::Findings;

/// Looks at each table of the template.
pub(super) async fn check(
    config: &SdkConfig,
    template: &Template,
    stack: &Stack,
    findings: &mut Findings,
) {
    let client = Client::new(config);
    for table in &template.tables {
        let Some(name) = stack.physical(&table.id) else {
            findings.wrong(&table.id, "is not there");
            continue;
        };
        match complaints(&client, table, name).await {
            Ok(complaints) => findings.judge(&table.id, &complaints, &said(table)),
            Err(reason) => findings.wrong(&table.id, &reason),
        }
    }
}

/// What holds of a table without complaints.
fn said(table: &Table) -> String {
    let stream =
        table.stream_view.as_deref().map_or(String::new(), |view| format!(", stream of {view}"));
    let ttl =
        table.ttl_attribute.as_deref().map_or(String::new(), |name| format!(", `{name}` expires"));
    format!(
        "active, keys and {} indexes as declared{stream}{ttl}, recovery on",
        table.indexes.len()
    )
}

/// What is otherwise than the template has it.
async fn complaints(client: &Client, table: &Table, name: &str) -> Result<Vec<String>, String> {
    let answer = client.describe_table().table_name(name).send().await;
    let answer = answer.map_err(|error| in_words("DescribeTable", &error))?;
    let described = answer.table.ok_or("DescribeTable: an answer without a table")?;
    let mut complaints = of_description(table, &described);
    if let Some(attribute) = &table.ttl_attribute {
        let answer = client.describe_time_to_live().table_name(name).send().await;
        let answer = answer.map_err(|error| in_words("DescribeTimeToLive", &error))?;
        let set = answer.time_to_live_description;
        let set = set.filter(|set| {
            let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
            set.time_to_live_status.as_ref().is_some_and(|status| on.contains(status))
        });
        if set.and_then(|set| set.attribute_name).as_ref() != Some(attribute) {
            complaints.push(format!("nothing expires by `{attribute}`: what is done with stays"));
        }
    }
    let answer = client.describe_continuous_backups().table_name(name).send().await;
    let answer = answer.map_err(|error| in_words("DescribeContinuousBackups", &error))?;
    let recovery = answer.continuous_backups_description;
    let recovery = recovery.and_then(|backups| backups.point_in_time_recovery_description);
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
    if status != Some(PointInTimeRecoveryStatus::Enabled) {
        complaints.push("point-in-time recovery is off: nothing could be restored".to_owned());
    }
    Ok(complaints)
}

fn of_description(table: &Table, described: &TableDescription) -> Vec<String> {
    let mut complaints = Vec::new();
    let status = described.table_status().map_or("unknown", TableStatus::as_str);
    if !["ACTIVE", "UPDATING"].contains(&status) {
        complaints.push(format!("is {status}"));
    }
    let declared: Vec<_> = table.key_schema.iter().map(|key| key.attribute_name.as_str()).collect();
    if names(described.key_schema()) != declared {
        complaints.push("has other keys than declared".to_owned());
    }
    let made: BTreeSet<_> = described
        .global_secondary_indexes()
        .iter()
        .filter(|index| index.index_status().is_none_or(|status| status.as_str() == "ACTIVE"))
        .filter_map(|index| Some((index.index_name()?, names(index.key_schema()))))
        .collect();
    for index in &table.indexes {
        let keys = index.key_schema.iter().map(|key| key.attribute_name.as_str()).collect();
        if !made.contains(&(index.index_name.as_str(), keys)) {
            complaints.push(format!("has no active index `{}` as declared", index.index_name));
        }
    }
    let stream = described.stream_specification().filter(|stream| stream.stream_enabled());
    let view = stream.and_then(|stream| stream.stream_view_type()).map(StreamViewType::as_str);
    if view != table.stream_view.as_deref() {
        let declared = table.stream_view.as_deref().unwrap_or("nothing");
        complaints.push(format!("streams {} instead of {declared}", view.unwrap_or("nothing")));
    }
    complaints
}

fn names(keys: &[KeySchemaElement]) -> Vec<&str> {
    keys.iter().map(KeySchemaElement::attribute_name).collect()
}
