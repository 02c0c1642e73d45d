//! The shell of functions that are not called over HTTP: by a stream, a queue or a schedule.

use std::fmt::Display;
use std::future::Future;
use std::time::Instant;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What of a batch has failed, in the form that Lambda reads for streams and queues: only that is brought
/// again. Of a stream, all that follows the first failure is brought again, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The failed records; empty when all went well.
    pub batch_item_failures: Vec<ItemFailure>,
}

/// A record that has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// The sequence number of a stream's record, the id of a queue's message.
    pub item_identifier: String,
}

impl BatchResponse {
    /// Reports a record as failed. Without its identifier, which Lambda always gives, the whole batch is:
    /// an empty identifier says so.
    pub fn report(&mut self, identifier: Option<String>) {
        let item_identifier = identifier.unwrap_or_default();
        self.batch_item_failures.push(ItemFailure { item_identifier });
    }
}

/// Serves a function's handler on Lambda, until Lambda stops the process. One line of the log for each
/// invocation.
pub async fn serve_events<Event, Answer, Failure, Handler, Handling>(
    function: &'static str,
    handle: Handler,
) -> Result<(), lambda_runtime::Error>
where
    Event: DeserializeOwned + Send + 'static,
    Answer: Serialize + Send + 'static,
    Failure: Display + Send + 'static,
    Handler: Fn(Event) -> Handling + Clone + Send + 'static,
    Handling: Future<Output = Result<Answer, Failure>> + Send + 'static,
{
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<Event>| {
        let request_id = event.context.request_id;
        invoke(function, request_id, handle(event.payload))
    }))
    .await
}

async fn invoke<Answer, Failure: Display>(
    function: &'static str,
    request_id: String,
    handling: impl Future<Output = Result<Answer, Failure>>,
) -> Result<Answer, lambda_runtime::Error> {
    let began = Instant::now();
    let handled = handling.await;
    let duration_ms = began.elapsed().as_secs_f64() * 1_000.0;
    match handled {
        Ok(answer) => {
            tracing::info!(
                target: "request", service = "epr", function, request_id, duration_ms, "{function} done"
            );
            Ok(answer)
        }
        Err(failure) => {
            let cause = failure.to_string();
            tracing::error!(
                target: "request", service = "epr", function, request_id, duration_ms, cause,
                "{function} failed"
            );
            Err(cause.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_in_the_form_that_lambda_reads() {
        let mut failures = BatchResponse::default();
        failures.report(Some("1".to_owned()));
        let written = serde_json::to_value(&failures).unwrap();
        assert_eq!(written, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "1"}]}));
    }
}
