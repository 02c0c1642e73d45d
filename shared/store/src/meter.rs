//! What a request costs: capacity units, calls, and how many of them had to wait for one another.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// The cost of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units, indexes included.
    pub write_units: f64,
    /// Calls to DynamoDB.
    pub calls: u32,
    /// The longest chain of calls of which each began only when the one before had ended.
    pub round_trips: u32,
    /// How often the cache of epochs did not answer, or not what it was asked: then what is remembered was
    /// read again, or what was to be changed was not.
    pub epochs_unread: u32,
    /// Whether the request was let pass because it could not be counted.
    pub limit_unknown: bool,
}

tokio::task_local! {
    static METER: Arc<Mutex<Usage>>;
}

/// Runs a request and says what it cost. Calls that it spawns onto other tasks are not counted.
pub async fn measured<F: Future>(request: F) -> (F::Output, Usage) {
    let meter = Arc::new(Mutex::new(Usage::default()));
    let output = METER.scope(meter.clone(), request).await;
    let usage = *meter.lock().unwrap_or_else(PoisonError::into_inner);
    (output, usage)
}

/// One call under way: remembers how many round trips had ended when it began.
pub(crate) struct Call {
    trips_before: u32,
}

impl Call {
    pub(crate) fn begin() -> Self {
        let mut trips_before = 0;
        with_usage(|usage| {
            usage.calls += 1;
            trips_before = usage.round_trips;
        });
        Self { trips_before }
    }

    /// Ends a read.
    pub(crate) fn end_read<'a>(self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let units = units(consumed);
        self.end(|usage| usage.read_units += units);
    }

    /// Ends a write.
    pub(crate) fn end_write<'a>(self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let units = units(consumed);
        self.end(|usage| usage.write_units += units);
    }

    fn end(self, add: impl FnOnce(&mut Usage)) {
        with_usage(|usage| {
            add(usage);
            usage.round_trips = usage.round_trips.max(self.trips_before + 1);
        });
    }
}

/// Counts that the cache of epochs did not answer.
#[cfg(feature = "valkey")]
pub(crate) fn epochs_unread() {
    with_usage(|usage| usage.epochs_unread += 1);
}

/// Notes that the request could not be counted.
pub(crate) fn limit_unknown() {
    with_usage(|usage| usage.limit_unknown = true);
}

fn units<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

/// Outside a measured request nothing is counted.
fn with_usage(change: impl FnOnce(&mut Usage)) {
    let _ =
        METER.try_with(|meter| change(&mut meter.lock().unwrap_or_else(PoisonError::into_inner)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumed(units: f64) -> ConsumedCapacity {
        ConsumedCapacity::builder().capacity_units(units).build()
    }

    #[tokio::test]
    async fn calls_side_by_side_are_one_round_trip_and_calls_in_a_row_are_two() {
        let ((), usage) = measured(async {
            let (one, other) = (Call::begin(), Call::begin());
            one.end_read(&[consumed(1.0)]);
            other.end_read(&[consumed(0.5)]);
            Call::begin().end_write(&[consumed(2.0)]);
        })
        .await;
        assert_eq!(
            usage,
            Usage {
                read_units: 1.5,
                write_units: 2.0,
                calls: 3,
                round_trips: 2,
                ..Usage::default()
            }
        );
    }
}
