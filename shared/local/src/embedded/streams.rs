//! The streams of the tables, as event source mappings read them.

use super::{Embedded, EmbeddedError, engine, operations};
use crate::names;
use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use rusqlite::{Connection, params};
use serde_json::Value;
use tokio::sync::watch;

/// The sequence number before the oldest record.
pub const HORIZON: &str = "100000000000000000001";

/// What the engine adds to a stored sequence number.
const NUMBER_OFFSET: u128 = 100_000_000_000_000_000_000;

/// As many records as one request returns.
const RECORDS_MAX: usize = 1_000;

/// Records deleted at once: the engine waits for that long.
const TRIMMED_MAX: usize = 500;

/// The stream of a table.
#[derive(Debug, Clone)]
pub struct Stream {
    table: String,
    engine_arn: String,
    /// Its name as a deployed function would see it.
    pub(crate) arn: String,
    pub(crate) shard: String,
    /// The newest record so far, or the horizon.
    pub(crate) newest: String,
}

impl Embedded {
    /// Changes after each write to any table.
    pub(crate) fn writes(&self) -> watch::Receiver<()> {
        self.writes.subscribe()
    }

    /// Tells those who wait for writes, if what was answered is one.
    pub(super) fn answered(&self, target: &str) {
        if operations::is_write(target) {
            self.writes.send_replace(());
        }
    }

    /// The stream of `table`, if it has one.
    pub fn stream(&self, table: &str) -> Result<Option<Stream>, EmbeddedError> {
        let request = ListStreamsRequest {
            table_name: Some(table.to_owned()),
            ..ListStreamsRequest::default()
        };
        let listed = self.database.list_streams(request).map_err(engine("list its streams"))?;
        let Some(found) = listed.streams.into_iter().next() else { return Ok(None) };
        let request = DescribeStreamRequest {
            stream_arn: found.stream_arn.clone(),
            ..DescribeStreamRequest::default()
        };
        let described =
            self.database.describe_stream(request).map_err(engine("describe a stream"))?;
        let Some(shard) = described.stream_description.shards.into_iter().next() else {
            return Ok(None);
        };
        let newest = shard.sequence_number_range.ending_sequence_number;
        Ok(Some(Stream {
            arn: format!(
                "arn:aws:dynamodb:{}:{}:table/{table}/stream/{}",
                names::REGION,
                names::ACCOUNT,
                found.stream_label
            ),
            table: table.to_owned(),
            engine_arn: found.stream_arn,
            shard: shard.shard_id,
            newest: newest.unwrap_or_else(|| HORIZON.to_owned()),
        }))
    }

    /// Up to `max` records after the sequence number `after`, as Lambda hands them to functions.
    pub fn stream_records(
        &self,
        stream: &Stream,
        after: &str,
        max: usize,
    ) -> Result<Vec<Value>, EmbeddedError> {
        let request = GetShardIteratorRequest {
            stream_arn: stream.engine_arn.clone(),
            shard_id: stream.shard.clone(),
            shard_iterator_type: "AFTER_SEQUENCE_NUMBER".to_owned(),
            sequence_number: Some(after.to_owned()),
        };
        let mut iterator = self
            .database
            .get_shard_iterator(request)
            .map_err(engine("position itself in a stream"))?
            .shard_iterator;
        let mut records = Vec::new();
        while let Some(shard_iterator) = iterator.filter(|_| records.len() < max) {
            let limit = (max - records.len()).min(RECORDS_MAX);
            let request = GetRecordsRequest { shard_iterator, limit: Some(limit) };
            let page = self.database.get_records(request).map_err(engine("read a stream"))?;
            let last = page.records.len() < limit;
            records.extend(page.records.iter().map(|record| event(record, &stream.arn)));
            iterator = page.next_shard_iterator.filter(|_| !last);
        }
        Ok(records)
    }

    /// Deletes the records up to the sequence number `through` that were written before the second
    /// `before` of Unix time, and returns how many that were. DynamoDB does so after 24 hours; the
    /// engine never does.
    ///
    /// The newest record stays, since the engine counts on from it. Tables in memory are left
    /// alone: there a second connection would make the engine's own writes fail.
    pub(crate) fn trim_stream(
        &self,
        stream: &Stream,
        through: &str,
        before: i64,
    ) -> Result<usize, EmbeddedError> {
        let Some(folder) = &self.folder else { return Ok(0) };
        let failed = |source| EmbeddedError::Storage { task: "trim its streams", source };
        let connection = Connection::open(folder.database()).map_err(failed)?;
        let through = through.parse().unwrap_or(NUMBER_OFFSET).saturating_sub(NUMBER_OFFSET);
        let through = i64::try_from(through).unwrap_or(i64::MAX);
        let limit = i64::try_from(TRIMMED_MAX).unwrap_or(i64::MAX);
        let mut trimmed = 0;
        loop {
            let deleted = connection
                .execute(TRIM, params![stream.table, through, before, limit])
                .map_err(failed)?;
            trimmed += deleted;
            if deleted < TRIMMED_MAX {
                return Ok(trimmed);
            }
        }
    }
}

/// In order of number, so that the index made for the engine serves this too.
const TRIM: &str = "DELETE FROM _stream_records WHERE id IN (
    SELECT id FROM _stream_records
    WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) <= ?2 AND created_at < ?3
      AND CAST(sequence_number AS INTEGER) < (
          SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = ?1)
    ORDER BY CAST(sequence_number AS INTEGER) LIMIT ?4)";

/// The engine's record in Lambda's form: this region, whole seconds, and where it came from.
fn event(record: &Record, stream_arn: &str) -> Value {
    let mut event = serde_json::to_value(record).unwrap_or_default();
    if let Some(fields) = event.as_object_mut() {
        fields.insert("awsRegion".to_owned(), names::REGION.into());
        fields.insert("eventSourceARN".to_owned(), stream_arn.into());
    }
    if let Some(created) = event.pointer_mut("/dynamodb/ApproximateCreationDateTime")
        && let Some(seconds) = created.as_f64()
    {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of this century fit")]
        let seconds = seconds as i64;
        *created = seconds.into();
    }
    event
}
