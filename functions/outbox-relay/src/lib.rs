//! The outbox relay: delivers what the stream of the events table brings, in its order.
//!
//! A row that the request itself publishes (`inline`) is left to that request, and to the sweeper after
//! it: its image in the stream is pending although it has mostly arrived, and reading each one again to
//! know would cost more than the sweeper does. So is an entry of a moment to come. Changes and removals of rows are no news.

use std::convert::Infallible;

use api::BatchResponse;
use api::delivery::{Courier, Settled};
use aws_lambda_events::dynamodb::Event;
use domain::event::DeliveryState;
use store::OutboxRow;

const FUNCTION: &str = "outbox-relay";

/// Delivers a batch of the stream.
///
/// What could not be settled is reported, so that Lambda brings it and what follows it again; a row that cannot be read is reported, too, until Lambda sends it to the queue
/// of what has failed.
pub async fn handle(courier: &Courier, event: Event) -> Result<BatchResponse, Infallible> {
    let mut response = BatchResponse::default();
    let (mut rows, mut numbers) = (Vec::new(), Vec::new());
    for record in event.records.into_iter().filter(|record| record.event_name == "INSERT") {
        let number = record.change.sequence_number;
        match OutboxRow::read(record.change.new_image) {
            Ok(row) if is_to_be_delivered(&row) => {
                rows.push(row);
                numbers.push(number);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(sequence_number = number, %error, "a row cannot be read");
                response.report(number);
            }
        }
    }
    if !response.batch_item_failures.is_empty() {
        (rows, numbers) = unsettled(courier, rows, numbers).await;
    }
    let (settled, tally) = courier.deliver(&rows).await;
    courier.report(FUNCTION, &tally, None);
    let left = settled.into_iter().zip(numbers).filter(|(settled, _)| *settled == Settled::No);
    for (_, number) in left {
        response.report(number);
    }
    Ok(response)
}

fn is_to_be_delivered(row: &OutboxRow) -> bool {
    let is_anothers = match row {
        OutboxRow::Event { inline, .. } => *inline,
        OutboxRow::Audit(row) => row.is_timed,
    };
    row.state() == DeliveryState::Pending && !is_anothers
}

/// Lambda brings a row that cannot be read again and again, each time with what follows it: of that, only
/// what is pending still.
async fn unsettled(
    courier: &Courier,
    rows: Vec<OutboxRow>,
    numbers: Vec<Option<String>>,
) -> (Vec<OutboxRow>, Vec<Option<String>>) {
    match courier.store.outbox_are_pending(&rows).await {
        Ok(pending) => {
            let with_numbers = rows.into_iter().zip(numbers).zip(pending);
            with_numbers.filter(|(_, pending)| *pending).map(|(row, _)| row).unzip()
        }
        Err(error) => {
            tracing::warn!(%error, "rows are delivered again, because the table cannot be asked");
            (rows, numbers)
        }
    }
}
