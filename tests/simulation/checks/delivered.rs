//! What was published.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Evidence;

/// An id stands for one event in every delivery, and an event has one id.
pub(super) fn event_ids_are_stable(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut said: BTreeMap<String, &Value> = BTreeMap::new();
    for message in &evidence.facts.published {
        let id = message.body["event_id"].to_string();
        let first = *said.entry(id.clone()).or_insert(&message.body);
        if *first != message.body {
            wrong.push(format!("{id} was published as {first} and as {}", message.body));
        }
    }
    let known = |id: &Value| evidence.facts.events.iter().any(|row| row["event_id"] == *id);
    for body in said.values().filter(|body| !known(&body["event_id"])) {
        wrong.push(format!("published, and never stored: {body}"));
    }
    wrong
}

pub(super) fn delivered_at_least_once(evidence: &Evidence<'_>) -> Vec<String> {
    let published = &evidence.facts.published;
    let mut wrong = Vec::new();
    for row in &evidence.facts.events {
        let is_it = |body: &Value| body["event_id"] == row["event_id"];
        let arrived = |topic: &str| {
            published.iter().any(|message| message.to.ends_with(topic) && is_it(&message.body))
        };
        let is_archived = row["event_type"] == "entity.archived";
        if !arrived("EventsTopic") || (is_archived && !arrived("DocumentTopic")) {
            wrong.push(format!("never published: {row}"));
        }
        if row["delivery_state"] != "succeeded" {
            wrong.push(format!("not marked as delivered: {row}"));
        }
    }
    wrong
}
