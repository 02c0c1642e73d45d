//! The whole flow, running; and which functions make no pump.

use super::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A flow whose relay publishes each item's id to the topic, with the real client.
fn publishing() -> Flow {
    let mut flow = Flow::new(WELL);
    let template = Template::parse(FLOW).unwrap();
    let sns = flow.messaging.sns();
    let relay = Handler::typed(move |event: Value| {
        let sns = sns.clone();
        async move {
            for id in ids(&event) {
                let request = sns.publish().topic_arn(Messaging::topic_arn("EventsTopic"));
                request.message(id).send().await?;
            }
            Ok::<_, aws_sdk_sns::Error>(json!({"batchItemFailures": []}))
        }
    });
    let functions = HashMap::from([
        ("relay".to_owned(), relay),
        ("worker".to_owned(), flow.calls.handler("worker", WELL)),
        ("sweeper".to_owned(), flow.calls.handler("sweeper", WELL)),
    ]);
    flow.pump = Pump::new(&template, functions, &flow.embedded, &flow.messaging).unwrap();
    flow
}

/// The ids that reached the worker in SNS's envelope.
fn worked(flow: &Flow) -> Vec<String> {
    let events = flow.calls.to("worker");
    let records = events.iter().flat_map(|event| event["Records"].as_array().unwrap());
    let body = |record: &Value| -> Value {
        serde_json::from_str(record["body"].as_str().unwrap()).unwrap()
    };
    records.map(|record| body(record)["Message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_write_reaches_the_worker_through_stream_relay_topic_and_queue() {
    let flow = publishing();
    for id in ["a", "b", "c"] {
        flow.put(id).await;
    }
    assert_eq!(flow.drain().await, (2, 0));
    assert_eq!(worked(&flow), ["a", "b", "c"]);
    assert_eq!(flow.drain().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_running_pump_is_woken_by_writes_and_ends_when_told() {
    let flow = publishing();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = flow.pump.run(async { drop(stopped.await) });
    let writing = async {
        for id in ["a", "b", "c"] {
            // Everything rests, and time goes only as far as someone waits.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let written = Instant::now();
            flow.put(id).await;
            while worked(&flow).last().map(String::as_str) != Some(id) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(written.elapsed() < Duration::from_millis(10), "{:?}", written.elapsed());
        }
        stop.send(()).unwrap();
    };
    tokio::join!(running, writing);
    assert_eq!(worked(&flow), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_running_pump_repeats_what_failed_and_keeps_the_schedule() {
    let flow = Flow::with(FLOW, WELL, |event| Ok(failing(event, "bad")));
    flow.send("WorkQueue", "bad").await;
    flow.pump.run(tokio::time::sleep(Duration::from_secs(601))).await;
    assert_eq!(flow.calls.to("worker").len(), 2);
    assert_eq!(flow.calls.to("sweeper").len(), 2);
    assert_eq!(flow.bodies("DeadQueue").await, ["bad"]);
}

#[tokio::test(start_paused = true)]
async fn template_and_functions_must_fit() {
    let template = Template::parse(FLOW).unwrap();
    let embedded = Embedded::memory().unwrap();
    embedded.create_tables(&template).unwrap();
    let messaging = Messaging::memory(&template, clock()).unwrap();
    let handler = || Handler::new(|_| async { Ok(Value::Null) });
    let refusal = |folders: &[&str], embedded: &Embedded| {
        let functions = folders.iter().map(|folder| ((*folder).to_owned(), handler())).collect();
        Pump::new(&template, functions, embedded, &messaging).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(&["relay", "worker"], &embedded),
        "`SweeperFunction` in the template has events, but no function `sweeper` is mounted"
    );
    assert_eq!(
        refusal(&["relay", "worker", "sweeper", "idle"], &embedded),
        "the function `idle` is mounted, but no event in the template invokes it"
    );
    assert_eq!(
        refusal(&["relay", "worker", "sweeper"], &Embedded::memory().unwrap()),
        "`RelayFunction` in the template reads the stream of `LedgerTable`, which has none"
    );
}
