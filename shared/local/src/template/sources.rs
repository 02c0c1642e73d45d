//! What invokes a function besides HTTP: streams, queues and schedules.

use super::messaging::bounded;
use super::references::{QUEUE, References, TABLE};
use super::{TemplateError, typed};
use crate::pattern::Pattern;
use crate::schedule::Rate;
use serde::Deserialize;
use serde_json::Value;

/// One event of a function that is not an HTTP route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name of the event within its function.
    pub name: String,
    /// What it is.
    pub trigger: Trigger,
}

/// What invokes a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Changes of a table.
    Stream(StreamTrigger),
    /// Messages of a queue.
    Queue(QueueTrigger),
    /// The time.
    Schedule(ScheduleTrigger),
}

/// An event source mapping of a table's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTrigger {
    /// The logical id of the table.
    pub table: String,
    /// Whether the first read begins with the oldest record, not with the next.
    pub from_start: bool,
    /// Records of one invocation: 1 to 10,000, 100 by default.
    pub batch_records_max: u32,
    /// How long to wait for a full batch: 0 to 300 s, 0 by default.
    pub window_seconds: u32,
    /// How often a failed batch is repeated: without end by default.
    pub retries_max: Option<u32>,
    /// How old a record of a failed batch may be: any age by default.
    pub record_age_seconds_max: Option<u32>,
    /// Whether a failed batch is halved before it is repeated.
    pub bisect: bool,
    /// Whether the function may answer which record failed.
    pub partial_failures: bool,
    /// The logical id of the queue that learns of batches given up.
    pub on_failure: Option<String>,
    /// Which records the function sees: those that match any of them, all without one.
    pub filters: Vec<Pattern>,
}

/// An event source mapping of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueTrigger {
    /// The logical id of the queue.
    pub queue: String,
    /// Messages of one invocation: 1 to 10,000, 10 by default, over 10 only with a window.
    pub batch_messages_max: u32,
    /// How long to wait for a full batch: 0 to 300 s, 0 by default.
    pub window_seconds: u32,
    /// Whether the function may answer which messages failed.
    pub partial_failures: bool,
    /// How many invocations may run at once: 2 to 1,000.
    pub concurrency_max: Option<u32>,
    /// Which messages the function sees: those that match any of them, all without one. The others
    /// are deleted.
    pub filters: Vec<Pattern>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleTrigger {
    /// When.
    pub rate: Rate,
    /// Whether it is one of EventBridge Scheduler (`ScheduleV2`), not a rule of EventBridge.
    pub scheduler: bool,
    /// The event in place of the service's own: JSON.
    pub input: Option<String>,
    /// The queue that is told of invocations that could not be made. In one process all can.
    pub on_failure: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamProperties {
    stream: Value,
    starting_position: String,
    batch_size: Option<u32>,
    maximum_batching_window_in_seconds: Option<u32>,
    maximum_retry_attempts: Option<i64>,
    maximum_record_age_in_seconds: Option<i64>,
    #[serde(default)]
    bisect_batch_on_function_error: bool,
    #[serde(default)]
    function_response_types: Vec<String>,
    #[serde(default)]
    destination_config: DestinationConfig,
    #[serde(default)]
    filter_criteria: FilterCriteria,
    tumbling_window_in_seconds: Option<u32>,
    enabled: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct DestinationConfig {
    on_failure: Option<OnFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnFailure {
    destination: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct FilterCriteria {
    #[serde(default)]
    filters: Vec<FilterProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterProperties {
    pattern: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueProperties {
    queue: Value,
    batch_size: Option<u32>,
    maximum_batching_window_in_seconds: Option<u32>,
    #[serde(default)]
    function_response_types: Vec<String>,
    #[serde(default)]
    scaling_config: ScalingConfig,
    #[serde(default)]
    filter_criteria: FilterCriteria,
    enabled: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct ScalingConfig {
    maximum_concurrency: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduleProperties {
    #[serde(alias = "Schedule")]
    schedule_expression: String,
    schedule_expression_timezone: Option<String>,
    input: Option<String>,
    enabled: Option<bool>,
    state: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig {
    arn: Value,
}

/// The source that the event `resource` of type `kind` declares, or `None` for one switched off.
pub(super) fn trigger(
    references: References<'_>,
    resource: &str,
    kind: &str,
    properties: &Value,
) -> Result<Option<Trigger>, TemplateError> {
    let properties = references.with_parameters(properties);
    match kind {
        "DynamoDB" => stream(references, resource, &properties),
        "SQS" => queue(references, resource, &properties),
        "Schedule" => schedule(references, resource, &properties, false),
        "ScheduleV2" => schedule(references, resource, &properties, true),
        _ => Err(TemplateError::refused(
            resource,
            format!("events of type `{kind}` are not run here"),
        )),
    }
}

fn stream(
    references: References<'_>,
    resource: &str,
    properties: &Value,
) -> Result<Option<Trigger>, TemplateError> {
    let declared: StreamProperties = typed(resource, properties)?;
    if declared.enabled == Some(false) {
        return Ok(None);
    }
    let refused = |reason: String| TemplateError::refused(resource, reason);
    if declared.tumbling_window_in_seconds.is_some_and(|seconds| seconds > 0) {
        return Err(refused("`TumblingWindowInSeconds` is not run here".to_owned()));
    }
    let from_start = match declared.starting_position.as_str() {
        "TRIM_HORIZON" => true,
        "LATEST" => false,
        other => return Err(refused(format!("`StartingPosition` is `{other}`"))),
    };
    // Lambda writes "without end" as -1.
    let limit = |property: &str, declared: Option<i64>, min: u32, max: u32| match declared {
        None | Some(-1) => Ok(None),
        Some(number) => u32::try_from(number)
            .map_err(|_| refused(format!("`{property}` is {number}")))
            .and_then(|number| bounded(resource, property, Some(number), min, min..=max))
            .map(Some),
    };
    let destination = |to: OnFailure| {
        references.target(resource, "OnFailure.Destination", &to.destination, (QUEUE, "Arn"))
    };
    Ok(Some(Trigger::Stream(StreamTrigger {
        table: references.target(resource, "Stream", &declared.stream, (TABLE, "StreamArn"))?,
        from_start,
        batch_records_max: bounded(resource, "BatchSize", declared.batch_size, 100, 1..=10_000)?,
        window_seconds: window(resource, declared.maximum_batching_window_in_seconds)?,
        retries_max: limit("MaximumRetryAttempts", declared.maximum_retry_attempts, 0, 10_000)?,
        record_age_seconds_max: limit(
            "MaximumRecordAgeInSeconds",
            declared.maximum_record_age_in_seconds,
            60,
            604_800,
        )?,
        bisect: declared.bisect_batch_on_function_error,
        partial_failures: partial_failures(resource, &declared.function_response_types)?,
        on_failure: declared.destination_config.on_failure.map(destination).transpose()?,
        filters: filters(resource, declared.filter_criteria)?,
    })))
}

fn queue(
    references: References<'_>,
    resource: &str,
    properties: &Value,
) -> Result<Option<Trigger>, TemplateError> {
    let declared: QueueProperties = typed(resource, properties)?;
    if declared.enabled == Some(false) {
        return Ok(None);
    }
    let window_seconds = window(resource, declared.maximum_batching_window_in_seconds)?;
    let batch_messages_max = bounded(resource, "BatchSize", declared.batch_size, 10, 1..=10_000)?;
    if batch_messages_max > 10 && window_seconds == 0 {
        return Err(TemplateError::refused(
            resource,
            "a `BatchSize` over 10 needs a `MaximumBatchingWindowInSeconds` of at least 1",
        ));
    }
    let concurrency = declared.scaling_config.maximum_concurrency;
    Ok(Some(Trigger::Queue(QueueTrigger {
        queue: references.target(resource, "Queue", &declared.queue, (QUEUE, "Arn"))?,
        batch_messages_max,
        window_seconds,
        partial_failures: partial_failures(resource, &declared.function_response_types)?,
        concurrency_max: concurrency
            .map(|max| bounded(resource, "MaximumConcurrency", Some(max), 2, 2..=1_000))
            .transpose()?,
        filters: filters(resource, declared.filter_criteria)?,
    })))
}

fn schedule(
    references: References<'_>,
    resource: &str,
    properties: &Value,
    scheduler: bool,
) -> Result<Option<Trigger>, TemplateError> {
    let declared: ScheduleProperties = typed(resource, properties)?;
    let refused = |reason: String| TemplateError::refused(resource, reason);
    if declared.enabled == Some(false) || declared.state.as_deref() == Some("DISABLED") {
        return Ok(None);
    }
    if let Some(zone) = declared.schedule_expression_timezone.filter(|zone| zone != "UTC") {
        return Err(refused(format!("the time zone `{zone}` is not run here, only `UTC`")));
    }
    if let Some(input) = &declared.input
        && let Err(error) = serde_json::from_str::<Value>(input)
    {
        return Err(refused(format!("`Input` is not JSON: {error}")));
    }
    let rate = declared.schedule_expression.parse().map_err(|error| refused(format!("{error}")))?;
    let dead = |to: DeadLetterConfig| {
        references.target(resource, "DeadLetterConfig.Arn", &to.arn, (QUEUE, "Arn"))
    };
    let on_failure = declared.dead_letter_config.map(dead).transpose()?;
    let input = declared.input;
    Ok(Some(Trigger::Schedule(ScheduleTrigger { rate, scheduler, input, on_failure })))
}

fn window(resource: &str, declared: Option<u32>) -> Result<u32, TemplateError> {
    bounded(resource, "MaximumBatchingWindowInSeconds", declared, 0, 0..=300)
}

fn partial_failures(resource: &str, types: &[String]) -> Result<bool, TemplateError> {
    match types.iter().find(|name| *name != "ReportBatchItemFailures") {
        Some(other) => Err(TemplateError::refused(
            resource,
            format!("`FunctionResponseTypes` has `{other}`, not `ReportBatchItemFailures`"),
        )),
        None => Ok(!types.is_empty()),
    }
}

fn filters(resource: &str, criteria: FilterCriteria) -> Result<Vec<Pattern>, TemplateError> {
    let read = |filter: FilterProperties| {
        let pattern = serde_json::from_str(&filter.pattern).map_err(|error| error.to_string())?;
        Pattern::read(&pattern).map_err(|error| error.to_string())
    };
    let all = criteria.filters.into_iter().map(read);
    all.collect::<Result<_, _>>()
        .map_err(|error| TemplateError::refused(resource, format!("`FilterCriteria`: {error}")))
}
