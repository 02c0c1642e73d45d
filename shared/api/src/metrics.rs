//! Metrics in CloudWatch's embedded metric format: one JSON line on standard output, from which
//! CloudWatch makes metrics without a call.

use std::io::Write;

use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::delivery::Tally;
use crate::ledger::AuditTally;
use crate::observe::Observed;

/// Most values that one line may hold of one metric.
const METRIC_VALUES_MAX: usize = 100;

/// The dimensions of a function that serves no routes.
const BY_FUNCTION: &[&[&str]] = &[&["function"]];

/// A metric: its name, its unit, and its value, or several of them. Null is none: then it is not declared.
type Metric<'a> = (&'a str, &'a str, Value);

/// Writes the metrics of a request.
pub(crate) fn emit(namespace: &str, observed: &Observed<'_>, at: Timestamp) {
    write(&of_request(namespace, observed, at));
}

/// Writes the metrics of a delivery.
pub(crate) fn emit_delivery(
    namespace: &str,
    function: &str,
    tally: &Tally,
    oldest_seconds: Option<f64>,
    at: Timestamp,
) {
    write(&of_delivery(namespace, function, tally, oldest_seconds, at));
}

/// Writes the metrics of a run of the ledger's verifier.
pub(crate) fn emit_audit(namespace: &str, function: &str, tally: &AuditTally, at: Timestamp) {
    write(&of_audit(namespace, function, tally, at));
}

/// Writes counts of a function that has no metrics of its own kind.
pub fn count(namespace: &str, function: &str, counts: &[(&str, usize)], at: Timestamp) {
    let metrics = counts.iter().map(|(name, count)| (*name, "Count", json!(count)));
    write(&line(namespace, BY_FUNCTION, metrics, &[("function", function)], at));
}

fn write(line: &Value) {
    // A metric that cannot be written is not worth a request.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The line: its metrics, and the members by which they are told apart and found.
fn line<'a>(
    namespace: &str,
    dimensions: &[&[&str]],
    metrics: impl IntoIterator<Item = Metric<'a>>,
    members: &[(&'a str, &str)],
    at: Timestamp,
) -> Value {
    let metrics: Vec<Metric<'a>> =
        metrics.into_iter().filter(|(.., value)| !value.is_null()).collect();
    let declared: Vec<Value> =
        metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let declaration = json!({
        "Timestamp": at.as_microseconds() / 1_000,
        "CloudWatchMetrics": [
            {"Namespace": namespace, "Dimensions": dimensions, "Metrics": declared},
        ],
    });
    [("_aws", declaration), ("level", json!("INFO")), ("message", json!("metrics"))]
        .into_iter()
        .chain(members.iter().map(|(name, value)| (*name, json!(value))))
        .chain(metrics.into_iter().map(|(name, _, value)| (name, value)))
        .collect()
}

/// How many chains were verified, how many could not be, how many have a fault, and how long the oldest
/// record had waited.
fn of_audit(namespace: &str, function: &str, tally: &AuditTally, at: Timestamp) -> Value {
    let metrics = [
        ("AuditVerified", "Count", json!(tally.verified)),
        ("AuditUnverified", "Count", json!(tally.unverified)),
        ("AuditFaults", "Count", json!(tally.faults)),
        ("AuditVerificationLag", "Seconds", json!(tally.lag_seconds)),
    ];
    line(namespace, BY_FUNCTION, metrics, &[("function", function)], at)
}

/// How much arrived, was given up, was tried again, how long it took (a value for each row, from which
/// CloudWatch makes percentiles), and how long the oldest has waited.
fn of_delivery(
    namespace: &str,
    function: &str,
    tally: &Tally,
    oldest_seconds: Option<f64>,
    at: Timestamp,
) -> Value {
    let lags: Vec<f64> = tally.lags.iter().copied().take(METRIC_VALUES_MAX).collect();
    let lags = if lags.is_empty() { Value::Null } else { json!(lags) };
    let metrics = [
        ("Published", "Count", json!(tally.published)),
        ("DeliveriesFailed", "Count", json!(tally.failed)),
        ("DeliveriesRetried", "Count", json!(tally.retried)),
        ("DeliveryLag", "Milliseconds", lags),
        ("OldestPendingAge", "Seconds", json!(oldest_seconds)),
    ];
    line(namespace, BY_FUNCTION, metrics, &[("function", function)], at)
}

/// Latency, errors and capacity by function and route; and, where it happened, how often the cache of epochs
/// did not answer, and that the request could not be counted.
fn of_request(namespace: &str, observed: &Observed<'_>, at: Timestamp) -> Value {
    let unread = observed.usage.epochs_unread;
    let unread = if unread == 0 { Value::Null } else { json!(unread) };
    let uncounted = if observed.usage.limit_unknown { json!(1) } else { Value::Null };
    let is_client_error = (400..500).contains(&observed.status);
    let metrics = [
        ("Latency", "Milliseconds", json!(observed.duration_milliseconds)),
        ("ClientErrors", "Count", json!(u8::from(is_client_error))),
        ("ServerErrors", "Count", json!(u8::from(observed.status >= 500))),
        ("ReadUnits", "Count", json!(observed.usage.read_units)),
        ("WriteUnits", "Count", json!(observed.usage.write_units)),
        ("RoundTrips", "Count", json!(observed.usage.round_trips)),
        ("EpochsUnread", "Count", unread),
        ("RateLimitUnavailable", "Count", uncounted),
    ];
    let route = format!("{} {}", observed.method, observed.route);
    let members = [
        ("function", observed.function),
        ("route", &route),
        ("request_id", &observed.ids.request_id),
    ];
    line(namespace, &[&["function"], &["function", "route"]], metrics, &members, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::RequestIds;
    use store::meter::Usage;

    #[test]
    fn a_delivery_declares_only_metrics_that_it_has_values_of() {
        let at = Timestamp::from_microseconds(1_000).unwrap();
        let line = of_delivery("EPR", "outbox-relay", &Tally::default(), None, at);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 3);
        let tally = Tally { published: 101, lags: vec![1.0; 101], ..Tally::default() };
        let line = of_delivery("EPR", "outbox-relay", &tally, Some(2.0), at);
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
            assert!(!line[metric["Name"].as_str().unwrap()].is_null(), "{metric}");
        }
        assert_eq!(line["DeliveryLag"].as_array().unwrap().len(), METRIC_VALUES_MAX);
    }

    #[test]
    fn every_declared_metric_and_dimension_stands_in_the_line() {
        let ids = RequestIds { request_id: "r".to_owned(), trace_id: "t".to_owned() };
        let observed = Observed {
            function: "entities",
            ids: &ids,
            tenant_id: "t",
            principal: "user:alice",
            via: "jwt",
            actor: None,
            method: "GET",
            route: "/api/v1/entities",
            status: 503,
            duration_milliseconds: 1.5,
            cold_start: false,
            usage: Usage::default(),
            cause: None,
        };
        let line = of_request("EPR", &observed, Timestamp::from_microseconds(1_000).unwrap());
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in declared["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        for dimension in declared["Dimensions"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|set| set.as_array().unwrap())
        {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
        assert_eq!((&line["ServerErrors"], &line["ClientErrors"]), (&json!(1), &json!(0)));
        assert_eq!((line.get("EpochsUnread"), line.get("RateLimitUnavailable")), (None, None));
        let usage = Usage { epochs_unread: 2, limit_unknown: true, ..Usage::default() };
        let observed = Observed { usage, ..observed };
        let line = of_request("EPR", &observed, Timestamp::from_microseconds(1_000).unwrap());
        assert_eq!((&line["EpochsUnread"], &line["RateLimitUnavailable"]), (&json!(2), &json!(1)));
    }
}
