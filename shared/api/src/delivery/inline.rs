//! The short way: a request that has just stored an event publishes it itself.

use domain::event::{DeliveryState, StoredEvent, last_error, pause_after};
use store::{Mark, OutboxRow};

use super::{NO_TOPIC, Publisher, SendError};
use crate::app::App;

/// Publishes events that are pending, `EPR_EVENT_PUBLISH_ATTEMPTS` times at most, and marks what came of
/// it, in the table and here. What is not published stays pending, and the sweeper's.
///
/// Never fails: the events are stored, and a mark that could not be written means no more than another
/// delivery.
pub async fn inline(app: &App, publisher: &Publisher, events: &mut [&mut StoredEvent]) {
    let mut tries = 0;
    let mut waiting: Vec<usize> = (0..events.len()).collect();
    let mut outcomes: Vec<(u32, Option<SendError>)> = vec![(0, None); events.len()];
    while !waiting.is_empty() && tries < app.config.publish_attempts {
        if let Some(pause) = (tries > 0).then(|| pause_after(tries)).flatten() {
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        }
        tries += 1;
        let batch: Vec<_> =
            waiting.iter().filter_map(|place| events.get(*place)).map(|one| &one.event).collect();
        let results = publisher.publish(&batch).await;
        let mut left = Vec::new();
        for (place, result) in waiting.into_iter().zip(results) {
            let error = result.err();
            if matches!(error, Some(SendError::Failed(_))) {
                left.push(place);
            }
            if let Some((attempts, known)) = outcomes.get_mut(place) {
                *attempts += u32::from(error != Some(SendError::NoAddress));
                *known = error;
            }
        }
        waiting = left;
    }
    let marks = events.iter_mut().zip(outcomes);
    let marks = marks.map(|(event, (attempts, error))| mark(app, event, attempts, error));
    futures::future::join_all(marks).await;
}

/// `attempts` are those of this request; earlier ones of a replayed event are on the row already.
async fn mark(app: &App, stored: &mut StoredEvent, attempts: u32, error: Option<SendError>) {
    let now = app.clock.now();
    let row = OutboxRow::Event { stored: Box::new(stored.clone()), inline: true };
    let (event_id, event_type) = (&stored.event.event_id, &stored.event.event_type);
    let (mark, said) = match &error {
        None => {
            tracing::info!(%event_id, %event_type, attempts, "events_engine_published");
            (Mark::Succeeded { attempts }, None)
        }
        Some(SendError::NoAddress) => {
            tracing::info!(%event_id, %event_type, "events_engine_publish_skipped");
            (Mark::Noted(NO_TOPIC), Some(NO_TOPIC))
        }
        Some(SendError::Failed(error)) => {
            tracing::warn!(%event_id, %event_type, attempts, error, "events_engine_publish_failed");
            (Mark::Tried { attempts, error }, Some(error.as_str()))
        }
    };
    if let Err(error) = app.store.outbox_mark(&row, mark, now).await {
        tracing::warn!(%event_id, %error, "a delivery was not marked");
        return;
    }
    stored.delivery.updated_at = now;
    stored.delivery.attempts += attempts;
    stored.delivery.last_error = said.map(last_error);
    if error.is_none() {
        stored.delivery.state = DeliveryState::Succeeded;
    }
}
