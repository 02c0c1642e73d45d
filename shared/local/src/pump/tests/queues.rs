//! Queue mappings and schedules: the events, what comes back, and what is given up.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_function_gets_the_message_that_lambda_would_give_it() {
    let flow = Flow::new(WELL);
    let text = aws_sdk_sqs::types::MessageAttributeValue::builder();
    let text = text.data_type("String").string_value("t1").build().unwrap();
    let request = flow.messaging.sqs().send_message().queue_url(Messaging::queue_url("WorkQueue"));
    let request = request.message_body("body").message_attributes("tenant_id", text);
    let sent = request.send().await.unwrap();
    pass(1).await;
    assert_eq!(flow.drain().await, (1, 0));
    let [mut event] = <[Value; 1]>::try_from(flow.calls.to("worker")).unwrap();
    let record = event["Records"][0].as_object_mut().unwrap();
    assert!(record.remove("receiptHandle").unwrap().is_string());
    assert_eq!(
        event,
        json!({"Records": [{
            "messageId": sent.message_id,
            "body": "body",
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1795404653000",
                "SenderId": "000000000000",
                "ApproximateFirstReceiveTimestamp": "1795404654000",
            },
            "messageAttributes": {
                "tenant_id": {
                    "stringValue": "t1",
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": "String",
                },
            },
            "md5OfBody": sent.md5_of_message_body,
            "md5OfMessageAttributes": sent.md5_of_message_attributes,
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:WorkQueue",
            "awsRegion": "us-east-1",
        }]})
    );
    // Handled, so deleted.
    pass(60).await;
    assert_eq!(flow.drain().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn messages_that_failed_come_back_after_their_visibility_and_end_as_dead_letters() {
    let flow = Flow::with(FLOW, WELL, |event| Ok(failing(event, "bad")));
    for body in ["1", "bad", "2"] {
        flow.send("WorkQueue", body).await;
    }
    assert_eq!(flow.drain().await, (1, 1));
    pass(59).await;
    assert_eq!(flow.drain().await, (0, 0));
    pass(1).await;
    assert_eq!(flow.drain().await, (1, 1));
    let calls = flow.calls.to("worker");
    assert_eq!(calls[1]["Records"].as_array().unwrap().len(), 1);
    assert_eq!(calls[1]["Records"][0]["attributes"]["ApproximateReceiveCount"], "2");
    pass(60).await;
    assert_eq!(flow.drain().await, (0, 0));
    assert_eq!(flow.bodies("DeadQueue").await, ["bad"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_the_batch_and_nothing_else() {
    let flow = Flow::with(FLOW, WELL, |event| {
        assert_ne!(event["Records"][0]["body"], "bad", "what a mess");
        Ok(Value::Null)
    });
    flow.send("WorkQueue", "bad").await;
    assert_eq!(flow.drain().await, (1, 1));
    flow.send("WorkQueue", "good").await;
    assert_eq!(flow.drain().await, (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_invokes_at_its_rate_and_makes_up_for_nothing() {
    let flow = Flow::new(WELL);
    pass(299).await;
    assert_eq!(flow.drain().await, (0, 0));
    pass(1).await;
    assert_eq!(flow.drain().await, (1, 0));
    pass(3 * 300 + 10).await;
    assert_eq!(flow.drain().await, (1, 0));
    pass(290).await;
    assert_eq!(flow.drain().await, (1, 0));
    let mut events = flow.calls.to("sweeper");
    let times: Vec<_> = events.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert_eq!(times, ["2026-11-23T03:35:53Z", "2026-11-23T03:40:53Z", "2026-11-23T03:55:53Z"]);
    assert!(events[0].as_object_mut().unwrap().remove("id").unwrap().is_string());
    assert_eq!(
        events[0],
        json!({
            "version": "0",
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": "000000000000",
            "time": "2026-11-23T03:35:53Z",
            "region": "us-east-1",
            "resources":
                ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/SweeperFunctionTick"],
            "detail": "{}",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_schedule_may_bring_its_own_event() {
    let input = r#"rate(5 minutes), Input: '{"due": "<aws.scheduler.scheduled-time>"}'"#;
    let flow = Flow::with(&FLOW.replace("rate(5 minutes)", input), WELL, WELL);
    pass(300).await;
    flow.drain().await;
    assert_eq!(flow.calls.to("sweeper"), [json!({"due": "2026-11-23T03:35:53Z"})]);
}

#[tokio::test(start_paused = true)]
async fn messages_that_no_filter_lets_through_are_deleted_unseen() {
    let filter = r#"ScalingConfig: {MaximumConcurrency: 2}
            FilterCriteria: {Filters: [{Pattern: '{"body": {"kind": ["a"]}}'}]}"#;
    let template = FLOW.replace("ScalingConfig: {MaximumConcurrency: 2}", filter);
    let flow = Flow::with(&template, WELL, WELL);
    for body in [r#"{"kind": "b"}"#, "text", r#"{"kind": "a"}"#] {
        flow.send("WorkQueue", body).await;
    }
    assert_eq!(flow.drain().await, (1, 0));
    assert_eq!(flow.calls.to("worker")[0]["Records"].as_array().unwrap().len(), 1);
    pass(60).await;
    assert_eq!(flow.drain().await, (0, 0));
}
