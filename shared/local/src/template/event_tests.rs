//! What a template says of topics, queues and the events of functions, and what of it is refused.

use super::*;
use crate::example::{FLOW, flow};
use crate::schedule::Rate;
use serde_json::json;

fn source(folder: &str) -> Trigger {
    let functions = flow().functions;
    let function = functions.iter().find(|function| function.folder == folder).unwrap();
    let [source] = function.sources.as_slice() else { panic!("{function:?}") };
    source.trigger.clone()
}

/// The refusal of a template that is right but for one piece of text.
fn refusal_of(right: &str, wrong: &str) -> String {
    assert_eq!(FLOW.matches(right).count(), 1, "{right}");
    Template::parse(&FLOW.replace(right, wrong)).unwrap_err().to_string()
}

#[test]
fn a_queue_has_what_the_template_says_and_the_defaults_of_the_service() {
    let [dead, raw, work] = flow().queues.try_into().unwrap();
    assert_eq!(
        (dead.id.as_str(), dead.retention_seconds, dead.redrive),
        ("DeadQueue", 1_209_600, None)
    );
    assert_eq!(
        (raw.visibility_seconds, raw.retention_seconds, raw.wait_seconds),
        (30, 345_600, 20)
    );
    assert_eq!((work.visibility_seconds, work.delay_seconds), (60, 0));
    assert_eq!(work.redrive, Some(Redrive { queue: "DeadQueue".to_owned(), receives_max: 2 }));
}

#[test]
fn subscriptions_join_topics_and_queues_and_those_that_lead_out_are_left_alone() {
    let template = flow();
    assert_eq!(template.topics, [Topic { id: "EventsTopic".to_owned() }]);
    let [raw, work] = template.subscriptions.try_into().unwrap();
    assert_eq!(
        (work.topic.as_str(), work.queue.as_str(), work.raw),
        ("EventsTopic", "WorkQueue", false)
    );
    assert_eq!(work.filter, None);
    assert_eq!((raw.queue.as_str(), raw.raw), ("RawQueue", true));
    let Some(Filter::Attributes(pattern)) = raw.filter else { panic!("{raw:?}") };
    assert!(pattern.matches(&json!({"event_type": "role.created", "tenant_id": "t"})));
    assert!(!pattern.matches(&json!({"event_type": "role.created", "tenant_id": "t-hidden"})));
    assert!(!pattern.matches(&json!({"event_type": "entity.updated", "tenant_id": "t"})));
}

#[test]
fn a_stream_mapping_has_its_limits_its_destination_and_its_filter() {
    let Trigger::Stream(stream) = source("relay") else { panic!() };
    assert_eq!((stream.table.as_str(), stream.from_start), ("LedgerTable", true));
    assert_eq!((stream.batch_records_max, stream.window_seconds), (4, 0));
    assert_eq!((stream.retries_max, stream.record_age_seconds_max), (Some(2), None));
    assert!(stream.bisect && stream.partial_failures);
    assert_eq!(stream.on_failure.as_deref(), Some("DeadQueue"));
    assert!(stream.filters[0].matches(&json!({"eventName": "INSERT"})));
}

#[test]
fn queues_and_schedules_invoke_functions() {
    let Trigger::Queue(queue) = source("worker") else { panic!() };
    assert_eq!((queue.queue.as_str(), queue.batch_messages_max), ("WorkQueue", 5));
    assert_eq!((queue.partial_failures, queue.concurrency_max), (true, Some(2)));
    let Trigger::Schedule(schedule) = source("sweeper") else { panic!() };
    assert_eq!((schedule.rate, schedule.scheduler), (Rate::Every(300), true));
    assert_eq!(schedule.on_failure, None);
    let dead = "rate(5 minutes), DeadLetterConfig: {Arn: !GetAtt DeadQueue.Arn}";
    let template = Template::parse(&FLOW.replace("rate(5 minutes)", dead)).unwrap();
    let sweeper = template.functions.iter().find(|f| f.folder == "sweeper").unwrap();
    let Trigger::Schedule(schedule) = &sweeper.sources[0].trigger else { panic!("{sweeper:?}") };
    assert_eq!(schedule.on_failure.as_deref(), Some("DeadQueue"));
}

#[test]
fn an_event_that_is_switched_off_invokes_nothing() {
    let off = "rate(5 minutes), State: DISABLED";
    let template = Template::parse(&FLOW.replace("rate(5 minutes)", off)).unwrap();
    assert!(template.functions.iter().all(|f| f.folder != "sweeper" || f.sources.is_empty()));
}

#[test]
fn variables_hold_the_names_of_topics_and_queues_in_this_process() {
    let functions = flow().functions;
    let relay = functions.iter().find(|function| function.folder == "relay").unwrap();
    let variables: Vec<_> =
        relay.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        variables,
        [
            ("PATIENCE", "60"),
            ("QUEUE", "http://embedded.invalid/000000000000/WorkQueue"),
            ("QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:WorkQueue"),
            ("TOPIC", "arn:aws:sns:us-east-1:000000000000:EventsTopic"),
        ]
    );
}

#[test]
fn what_could_not_run_as_deployed_is_refused_by_name() {
    for (right, wrong, message) in [
        (
            "EventsTopic: {Type: AWS::SNS::Topic}",
            "EventsTopic: {Type: AWS::SNS::Topic, Properties: {FifoTopic: true}}",
            "`EventsTopic` in the template: FIFO topics are not run here",
        ),
        (
            "VisibilityTimeout: !Ref Patience",
            "VisibilityTimeout: 50000",
            "`WorkQueue` in the template: `VisibilityTimeout` is 50000, which is not between 0 and 43200",
        ),
        (
            "!GetAtt DeadQueue.Arn, maxReceiveCount: 2",
            "!GetAtt LedgerTable.Arn, maxReceiveCount: 2",
            "`WorkQueue` in the template: `deadLetterTargetArn` must be `!GetAtt <id>.Arn` of an \
          `AWS::SQS::Queue` in this template",
        ),
        (
            "Protocol: email",
            "Protocol: lambda",
            "`MailSubscription` in the template: the protocol `lambda` is not run here, only `sqs`",
        ),
        (
            "[entity.created, {prefix: role.}]",
            "[{numeric: [\">\", 0]}]",
            "`RawSubscription` in the template: `FilterPolicy`: the condition `{\"numeric\":[\">\",0]}` \
          is not one of `prefix`, `suffix`, `anything-but`, `exists`",
        ),
        (
            "!GetAtt LedgerTable.StreamArn",
            "!Ref LedgerTable",
            "`RelayFunction.Stream` in the template: `Stream` must be `!GetAtt <id>.StreamArn` of an \
          `AWS::DynamoDB::Table` in this template",
        ),
        (
            "BatchSize: 5",
            "BatchSize: 50",
            "`WorkerFunction.Work` in the template: a `BatchSize` over 10 needs a \
          `MaximumBatchingWindowInSeconds` of at least 1",
        ),
        (
            "Type: ScheduleV2",
            "Type: Kinesis",
            "`SweeperFunction.Tick` in the template: events of type `Kinesis` are not run here",
        ),
        (
            "TRIM_HORIZON",
            "AT_TIMESTAMP",
            "`RelayFunction.Stream` in the template: `StartingPosition` is `AT_TIMESTAMP`",
        ),
        (
            "{Type: Number, Default: 60}",
            "{Type: Number, Default: long}",
            "`WorkQueue` in the template: invalid type: string \"long\", expected u32",
        ),
    ] {
        assert_eq!(refusal_of(right, wrong), message);
    }
    let message = refusal_of("rate(5 minutes)", "cron(0 0 L * ? *)");
    assert!(message.contains("`SweeperFunction.Tick`") && message.contains("`L`"), "{message}");
}
