//! Stream mappings: the event, partial failures, halving, giving up, positions and trimming.

use super::*;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test(start_paused = true)]
async fn a_function_gets_the_record_that_lambda_would_give_it() {
    let flow = Flow::new(WELL);
    flow.put("a").await;
    assert_eq!(flow.drain().await, (1, 0));
    let [mut event] = <[Value; 1]>::try_from(flow.calls.to("relay")).unwrap();
    let record = event["Records"][0].as_object_mut().unwrap();
    assert!(record.remove("eventID").unwrap().as_str().is_some_and(|id| !id.is_empty()));
    let arn = record.remove("eventSourceARN").unwrap();
    let prefix = "arn:aws:dynamodb:us-east-1:000000000000:table/LedgerTable/stream/";
    assert!(arn.as_str().is_some_and(|arn| arn.starts_with(prefix)), "{arn}");
    let change = record["dynamodb"].as_object_mut().unwrap();
    assert!(change.remove("ApproximateCreationDateTime").unwrap().is_i64());
    assert_eq!(change.remove("SequenceNumber").unwrap().as_str().unwrap().len(), 21);
    assert!(change.remove("SizeBytes").unwrap().is_i64());
    assert_eq!(
        event,
        json!({"Records": [{
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "Keys": {"id": {"S": "a"}},
                "NewImage": {"id": {"S": "a"}, "n": {"N": "1"}},
                "StreamViewType": "NEW_IMAGE",
            },
        }]})
    );
}

#[tokio::test(start_paused = true)]
async fn records_come_in_order_in_batches_and_only_those_that_the_filter_lets_through() {
    let flow = Flow::new(WELL);
    for id in ["a", "b", "a", "c", "d", "e", "f"] {
        flow.put(id).await;
    }
    // Read in fours, of which the second `a` is a MODIFY.
    assert_eq!(flow.drain().await, (2, 0));
    let calls = flow.calls.to("relay");
    assert_eq!(
        calls.iter().map(ids).collect::<Vec<_>>(),
        [vec!["a", "b", "c"], vec!["d", "e", "f"]]
    );
    assert_eq!(flow.drain().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn after_a_partial_failure_the_rest_is_repeated_from_the_record_that_failed() {
    let attempts = AtomicUsize::new(0);
    let flow = Flow::new(move |event| {
        let first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(if first { failing(event, "c") } else { json!({"batchItemFailures": []}) })
    });
    for id in ["a", "b", "c", "d", "e"] {
        flow.put(id).await;
    }
    assert_eq!(flow.drain().await, (3, 1));
    let calls = flow.calls.to("relay");
    let batches: Vec<_> = calls.iter().map(ids).collect();
    assert_eq!(batches, [vec!["a", "b", "c", "d"], vec!["c", "d"], vec!["e"]]);
}

#[tokio::test(start_paused = true)]
async fn poison_is_found_by_halving_told_to_the_destination_and_passed() {
    let flow = Flow::new(|event| {
        if ids(event).contains(&"b") { Err(HandlerError::new("poison")) } else { Ok(Value::Null) }
    });
    for id in ["a", "b", "c", "d", "e"] {
        flow.put(id).await;
    }
    // Two halvings, three attempts at `b` alone, then `a`, `c d` and `e`.
    assert_eq!(flow.drain().await, (8, 5));
    let calls = flow.calls.to("relay");
    let batches: Vec<_> = calls.iter().map(ids).collect();
    assert_eq!(
        batches,
        [
            vec!["a", "b", "c", "d"],
            vec!["a", "b"],
            vec!["a"],
            vec!["b"],
            vec!["b"],
            vec!["b"],
            vec!["c", "d"],
            vec!["e"],
        ]
    );
    let [told] = <[String; 1]>::try_from(flow.bodies("DeadQueue").await).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let poison = &calls[3]["Records"][0];
    assert_eq!(told["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(told["requestContext"]["approximateInvokeCount"], 3);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:RelayFunction";
    assert_eq!(told["requestContext"]["functionArn"], arn);
    assert_eq!(told["timestamp"], "2026-11-23T03:30:53.000Z");
    let batch = &told["DDBStreamBatchInfo"];
    assert_eq!(batch["batchSize"], 1);
    assert_eq!(batch["startSequenceNumber"], poison["dynamodb"]["SequenceNumber"]);
    assert_eq!(batch["endSequenceNumber"], poison["dynamodb"]["SequenceNumber"]);
    assert_eq!(batch["streamArn"], poison["eventSourceARN"]);
}

#[tokio::test(start_paused = true)]
async fn without_halving_the_rest_of_the_batch_is_given_up_together() {
    let whole =
        FLOW.replace("BisectBatchOnFunctionError: true", "BisectBatchOnFunctionError: false");
    let flow = Flow::with(&whole, |event| Ok(failing(event, "b")), WELL);
    for id in ["a", "b", "c"] {
        flow.put(id).await;
    }
    assert_eq!(flow.drain().await, (3, 3));
    let told: Value = serde_json::from_str(&flow.bodies("DeadQueue").await[0]).unwrap();
    assert_eq!(told["DDBStreamBatchInfo"]["batchSize"], 2);
    assert_eq!(flow.drain().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_may_be_repeated_without_end_is_left_for_the_next_drain() {
    let endless = FLOW.replace("MaximumRetryAttempts: 2", "MaximumRetryAttempts: -1");
    let attempts = AtomicUsize::new(0);
    let flow = Flow::with(
        &endless,
        move |_| match attempts.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(HandlerError::new("not yet")),
            _ => Ok(Value::Null),
        },
        WELL,
    );
    flow.put("a").await;
    assert_eq!(flow.drain().await, (1, 1));
    assert_eq!(flow.drain().await, (1, 1));
    assert_eq!(flow.drain().await, (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_starts_at_the_latest_record_sees_only_later_ones() {
    let template = Template::parse(&FLOW.replace("TRIM_HORIZON", "LATEST")).unwrap();
    let embedded = Embedded::memory().unwrap();
    embedded.create_tables(&template).unwrap();
    put(&embedded, "before").await;
    let messaging = Messaging::memory(&template, clock()).unwrap();
    let calls = Calls::default();
    let pump = Pump::new(&template, functions(&calls), &embedded, &messaging).unwrap();
    put(&embedded, "after").await;
    pump.drain().await.unwrap();
    assert_eq!(ids(&calls.to("relay")[0]), ["after"]);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_is_cut_off_is_repeated() {
    let template = Template::parse(FLOW).unwrap();
    let embedded = Embedded::memory().unwrap();
    embedded.create_tables(&template).unwrap();
    let messaging = Messaging::memory(&template, clock()).unwrap();
    let calls = Calls::default();
    let mut functions = functions(&calls);
    // Fails as a whole, and after that takes for ever over the first half, once.
    let (seen, attempts) = (calls.clone(), Arc::new(AtomicUsize::new(0)));
    let relay = Handler::new(move |event| {
        let (seen, attempt) = (seen.clone(), attempts.fetch_add(1, Ordering::Relaxed));
        async move {
            match attempt {
                0 => return Err(HandlerError::new("whole")),
                1 => std::future::pending().await,
                _ => {}
            }
            seen.0.lock().unwrap_or_else(PoisonError::into_inner).push(("relay", event));
            Ok(Value::Null)
        }
    });
    functions.insert("relay".to_owned(), relay);
    let pump = Pump::new(&template, functions, &embedded, &messaging).unwrap();
    put(&embedded, "a").await;
    put(&embedded, "b").await;
    tokio::time::timeout(Duration::from_secs(1), pump.drain()).await.unwrap_err();
    pump.drain().await.unwrap();
    assert_eq!(calls.to("relay").iter().map(ids).collect::<Vec<_>>(), [vec!["a", "b"]]);
}

fn functions(calls: &Calls) -> HashMap<String, Handler> {
    ["relay", "worker", "sweeper"]
        .map(|folder| (folder.to_owned(), calls.handler(folder, WELL)))
        .into()
}

fn open(folder: &Path, calls: &Calls) -> (Embedded, Pump) {
    let template = Template::parse(FLOW).unwrap();
    let embedded = Embedded::open(folder).unwrap();
    embedded.create_tables(&template).unwrap();
    let messaging = Messaging::beside(&embedded, &template, clock()).unwrap();
    let pump = Pump::new(&template, functions(calls), &embedded, &messaging).unwrap();
    (embedded, pump)
}

#[tokio::test(start_paused = true)]
async fn a_restart_neither_loses_nor_repeats_records() {
    let folder = tempfile::tempdir().unwrap();
    let calls = Calls::default();
    let (embedded, pump) = open(folder.path(), &calls);
    put(&embedded, "a").await;
    pump.drain().await.unwrap();
    put(&embedded, "b").await;
    drop((embedded, pump));
    let (embedded, pump) = open(folder.path(), &calls);
    put(&embedded, "c").await;
    pump.drain().await.unwrap();
    let calls = calls.to("relay");
    assert_eq!(calls.iter().map(ids).collect::<Vec<_>>(), [vec!["a"], vec!["b", "c"]]);
}

#[tokio::test(start_paused = true)]
async fn records_are_trimmed_once_they_are_old_and_every_function_has_had_them() {
    let folder = tempfile::tempdir().unwrap();
    let calls = Calls::default();
    let (embedded, pump) = open(folder.path(), &calls);
    put(&embedded, "a").await;
    put(&embedded, "b").await;
    pump.drain().await.unwrap();
    put(&embedded, "c").await;
    // What is young stays, whoever had it.
    assert_eq!(pump.trim_before(0).unwrap(), 0);
    assert_eq!(pump.trim_before(i64::MAX).unwrap(), 2);
    assert_eq!(pump.trim_before(i64::MAX).unwrap(), 0);
    pump.drain().await.unwrap();
    // The newest record stays, for the engine counts on from it.
    assert_eq!(pump.trim_before(i64::MAX).unwrap(), 0);
    put(&embedded, "d").await;
    pump.drain().await.unwrap();
    let calls = calls.to("relay");
    assert_eq!(calls.iter().map(ids).collect::<Vec<_>>(), [vec!["a", "b"], vec!["c"], vec!["d"]]);
}
