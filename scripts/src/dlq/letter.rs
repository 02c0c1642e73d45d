//! What a message in a dead-letter queue stands for.

use serde::Deserialize;
use serde_json::Value;

/// What a message stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Letter {
    /// An event whose delivery was given up. It stays in the ledger, and can be replayed.
    Event { tenant_id: String, event_id: String },
    /// An audit entry whose delivery was given up, with what the audit queue was to be sent.
    Audit { event_id: String, entry: Option<Value> },
    /// Records of a stream that a function could not handle: which, but not what is in them. The rows are
    /// in their table.
    Stream { shard: String, first: String, last: String },
    /// A run of a schedule that could not be begun. The next one does what it would have done.
    Schedule,
    /// A message that its consumer could not handle; with the ARN of the queue it came from, where SQS
    /// itself moved it here.
    Message { source: Option<String> },
}

/// What there is to say about a letter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Said {
    /// `event`, `audit`, `stream`, `run` or `message`.
    pub(super) kind: &'static str,
    /// The id of the event or entry, where the letter has one.
    pub(super) event_id: Option<String>,
    /// What happened, was done, or is in which part of a stream.
    pub(super) what: String,
    /// How often it was tried.
    pub(super) attempts: Option<u64>,
    /// Why it was given up.
    pub(super) reason: String,
}

/// The letter of a delivery that was given up.
#[derive(Deserialize)]
struct GivenUp {
    record: String,
    tenant_id: String,
    event_id: String,
    #[serde(default)]
    event_type: String,
    delivery_attempts: u64,
    #[serde(default)]
    last_error: String,
    entry: Option<Value>,
}

/// Lambda's record of a failed batch.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailedBatch {
    request_context: RequestContext,
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: BatchInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    condition: String,
    approximate_invoke_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo {
    shard_id: String,
    start_sequence_number: String,
    end_sequence_number: String,
    batch_size: u64,
}

/// Reads a message by its body, by the queue that SQS moved it from, and by the reason for which its
/// consumer put it `aside`: a message that someone could not handle is no letter, whatever it looks like.
pub(super) fn read(body: &str, source: Option<&str>, aside: Option<&str>) -> (Letter, Said) {
    if source.is_none() && aside.is_none() {
        if let Ok(letter) = serde_json::from_str::<GivenUp>(body)
            && let Some(read) = letter.read()
        {
            return read;
        }
        if let Ok(FailedBatch { request_context, batch }) = serde_json::from_str(body) {
            return stream(request_context, batch);
        }
    }
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let said = Said {
        kind: "message",
        event_id: text("event_id"),
        what: text("action").or(text("event_type")).unwrap_or_default(),
        attempts: None,
        reason: aside.unwrap_or("its consumer did not handle it").to_owned(),
    };
    (Letter::Message { source: source.map(str::to_owned) }, said)
}

impl GivenUp {
    fn read(self) -> Option<(Letter, Said)> {
        let Self { record, tenant_id, event_id, event_type, delivery_attempts, last_error, entry } =
            self;
        let (kind, letter) = match record.as_str() {
            "event" => ("event", Letter::Event { tenant_id, event_id: event_id.clone() }),
            "audit" => ("audit", Letter::Audit { event_id: event_id.clone(), entry }),
            _ => return None,
        };
        let said = Said {
            kind,
            event_id: Some(event_id),
            what: event_type,
            attempts: Some(delivery_attempts),
            reason: last_error,
        };
        Some((letter, said))
    }
}

/// A run that EventBridge Scheduler could not begin: of which schedule, and why, as the message's attributes say.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html>
pub(super) fn run(schedule_arn: &str, error: Option<&str>) -> (Letter, Said) {
    let said = Said {
        kind: "run",
        event_id: None,
        what: schedule_arn.rsplit('/').next().unwrap_or(schedule_arn).to_owned(),
        attempts: None,
        reason: error.unwrap_or("no reason is given").to_owned(),
    };
    (Letter::Schedule, said)
}

fn stream(context: RequestContext, batch: BatchInfo) -> (Letter, Said) {
    let BatchInfo {
        shard_id: shard, start_sequence_number: first, end_sequence_number: last, ..
    } = batch;
    let said = Said {
        kind: "stream",
        event_id: None,
        what: format!("{} records, {first} to {last} of {shard}", batch.batch_size),
        attempts: Some(context.approximate_invoke_count),
        reason: context.condition,
    };
    (Letter::Stream { shard, first, last }, said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_letter_is_known_by_its_form() {
        let letter = |record: &str| {
            json!({
                "record": record, "tenant_id": "acme", "event_id": "e-1", "event_type": "a.b",
                "created_at": "2026-11-23T03:30:53.000000Z", "delivery_attempts": 5,
                "last_error": "no", "entry": {"event_id": "e-1"},
            })
            .to_string()
        };
        let (event, said) = read(&letter("event"), None, None);
        let (tenant_id, event_id) = ("acme".to_owned(), "e-1".to_owned());
        assert_eq!(event, Letter::Event { tenant_id, event_id: event_id.clone() });
        assert_eq!((said.kind, said.attempts, said.reason.as_str()), ("event", Some(5), "no"));
        let (audit, _) = read(&letter("audit"), None, None);
        let entry = Some(json!({"event_id": "e-1"}));
        assert_eq!(audit, Letter::Audit { event_id, entry });
        let (other, _) = read(&letter("other"), None, None);
        assert_eq!(other, Letter::Message { source: None });
    }

    #[test]
    fn a_message_that_sqs_moved_is_what_it_was_whatever_it_looks_like() {
        let body = json!({
            "record": "event", "tenant_id": "acme", "event_id": "e-1", "delivery_attempts": 5,
        });
        let (moved, said) = read(&body.to_string(), Some("arn:aws:sqs:r:1:AuditQueue"), None);
        assert_eq!(
            moved,
            Letter::Message { source: Some("arn:aws:sqs:r:1:AuditQueue".to_owned()) }
        );
        assert_eq!(said.event_id.as_deref(), Some("e-1"));
        assert_eq!(read("no JSON", None, None).0, Letter::Message { source: None });
    }

    #[test]
    fn a_run_that_could_not_be_begun_names_its_schedule_and_the_reason() {
        let arn = "arn:aws:scheduler:r:1:schedule/default/epr-SweeperMinutely-1A2B";
        let (letter, said) = run(arn, Some("Rate exceeded"));
        assert_eq!(letter, Letter::Schedule);
        assert_eq!(
            (said.what.as_str(), said.reason.as_str()),
            ("epr-SweeperMinutely-1A2B", "Rate exceeded")
        );
    }

    #[test]
    fn lambdas_record_of_a_failed_batch_names_a_part_of_a_stream() {
        let body = json!({
            "requestContext": {
                "requestId": "r", "functionArn": "arn:aws:lambda:r:1:function:f",
                "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 21,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2026-11-23T03:30:53.000Z",
            "DDBStreamBatchInfo": {
                "shardId": "shard-1", "startSequenceNumber": "7", "endSequenceNumber": "9",
                "approximateArrivalOfFirstRecord": "2026-11-23T03:30:53Z",
                "approximateArrivalOfLastRecord": "2026-11-23T03:30:53Z",
                "batchSize": 3, "streamArn": "arn:aws:dynamodb:r:1:table/t/stream/s",
            },
        });
        let (letter, said) = read(&body.to_string(), None, None);
        let (shard, first, last) = ("shard-1".to_owned(), "7".to_owned(), "9".to_owned());
        assert_eq!(letter, Letter::Stream { shard, first, last });
        assert_eq!(said.what, "3 records, 7 to 9 of shard-1");
        assert_eq!((said.attempts, said.reason.as_str()), (Some(21), "RetryAttemptsExhausted"));
    }
}
