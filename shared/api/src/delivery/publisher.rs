//! Events to topics, by `PublishBatch`.
//!
//! `PublishBatch` answers 200 although single entries failed, so every entry is looked up in the answer;
//! one that the answer does not name counts as failed.

use std::collections::HashMap;

use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use domain::event::Event;
use futures::future::join_all;

use super::{Addresses, SendError, batches, in_words};
use crate::app::App;

/// The event that the document vault is told of.
const ARCHIVED: &str = "entity.archived";

/// Publishes events to the topics that are configured.
#[derive(Clone, Debug)]
pub struct Publisher {
    client: Option<aws_sdk_sns::Client>,
    events_topic: Option<String>,
    document_topic: Option<String>,
}

impl Publisher {
    /// The publisher of a function.
    pub fn of(app: &App) -> Self {
        let Addresses { events_topic, document_topic, .. } = app.config.addresses.clone();
        Self { client: app.messaging.sns.clone(), events_topic, document_topic }
    }

    /// Whether there is a topic at all.
    pub fn is_configured(&self) -> bool {
        self.client.is_some() && (self.events_topic.is_some() || self.document_topic.is_some())
    }

    /// Publishes events, in calls of at most ten side by side; for each, in their order, what came of it.
    /// An event that goes to two topics has arrived when both have it.
    pub async fn publish(&self, events: &[&Event]) -> Vec<Result<(), SendError>> {
        let Some(client) = self.client.as_ref().filter(|_| self.is_configured()) else {
            return vec![Err(SendError::NoAddress); events.len()];
        };
        let mut by_topic: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, event) in events.iter().enumerate() {
            for topic in self.topics_of(event) {
                by_topic.entry(topic).or_default().push(place);
            }
        }
        let messages: Vec<String> =
            events.iter().map(|event| event.published().to_string()).collect();
        let mut calls = Vec::new();
        for (topic, places) in by_topic {
            let sizes: Vec<usize> =
                places.iter().filter_map(|place| messages.get(*place).map(String::len)).collect();
            for range in batches(&sizes) {
                let entries: Vec<_> = places
                    .get(range)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|place| Some((*place, *events.get(*place)?, messages.get(*place)?)))
                    .collect();
                calls.push(publish_batch(client, topic, entries));
            }
        }
        let mut results = vec![Ok(()); events.len()];
        for (place, error) in join_all(calls).await.into_iter().flatten() {
            if let Some(result) = results.get_mut(place) {
                *result = Err(SendError::Failed(error));
            }
        }
        results
    }

    fn topics_of(&self, event: &Event) -> Vec<&str> {
        match (&self.events_topic, &self.document_topic) {
            (Some(events), Some(document)) if event.event_type.as_str() == ARCHIVED => {
                vec![events, document]
            }
            (Some(only), _) | (None, Some(only)) => vec![only],
            (None, None) => Vec::new(),
        }
    }
}

/// One call; the places of what did not arrive, with the reasons.
async fn publish_batch(
    client: &aws_sdk_sns::Client,
    topic: &str,
    entries: Vec<(usize, &Event, &String)>,
) -> Vec<(usize, String)> {
    let mut call = client.publish_batch().topic_arn(topic);
    for (place, event, message) in &entries {
        let entry = PublishBatchRequestEntry::builder()
            .id(place.to_string())
            .message(*message)
            .set_message_attributes(Some(attributes(event)))
            .build();
        match entry {
            Ok(entry) => call = call.publish_batch_request_entries(entry),
            Err(error) => return failed(&entries, &error.to_string()),
        }
    }
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) => return failed(&entries, &in_words(&error)),
    };
    let arrived: Vec<&str> = answer.successful().iter().filter_map(|entry| entry.id()).collect();
    let refused: HashMap<&str, String> = answer
        .failed()
        .iter()
        .map(|entry| {
            let message = entry.message().unwrap_or_default();
            (entry.id(), format!("{}: {message}", entry.code()))
        })
        .collect();
    let missing =
        entries.iter().filter(|(place, ..)| !arrived.contains(&place.to_string().as_str()));
    missing
        .map(|(place, ..)| {
            let reason = refused.get(place.to_string().as_str()).cloned();
            (*place, reason.unwrap_or_else(|| "the topic did not confirm it".to_owned()))
        })
        .collect()
}

fn failed(entries: &[(usize, &Event, &String)], reason: &str) -> Vec<(usize, String)> {
    entries.iter().map(|(place, ..)| (*place, reason.to_owned())).collect()
}

/// What subscriptions filter by. `eventType` is `event_type` under the name that some filter by.
fn attributes(event: &Event) -> HashMap<String, MessageAttributeValue> {
    let of = [
        ("event_type", event.event_type.as_str()),
        ("eventType", event.event_type.as_str()),
        ("source", event.source.as_str()),
        ("tenant_id", event.tenant_id.as_str()),
    ];
    of.into_iter()
        .filter_map(|(name, value)| {
            let value =
                MessageAttributeValue::builder().data_type("String").string_value(value).build();
            Some((name.to_owned(), value.ok()?))
        })
        .collect()
}
