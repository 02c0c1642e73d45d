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

/// Writes the metrics of a request.
pub(crate) fn emit(namespace: &str, observed: &Observed<'_>, at: Timestamp) {
    let line = embedded(namespace, observed, at).to_string();
    // A metric that cannot be written is not worth a request.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Writes the metrics of a delivery.
pub(crate) fn emit_delivery(
    namespace: &str,
    function: &str,
    tally: &Tally,
    oldest_seconds: Option<f64>,
    at: Timestamp,
) {
    let line = embedded_delivery(namespace, function, tally, oldest_seconds, at).to_string();
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Writes counts of a function that has no metrics of its own kind.
pub fn count(namespace: &str, function: &str, counts: &[(&str, usize)], at: Timestamp) {
    let line = embedded_counts(namespace, function, counts, at).to_string();
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The line: each count under its name.
fn embedded_counts(
    namespace: &str,
    function: &str,
    counts: &[(&str, usize)],
    at: Timestamp,
) -> Value {
    let metrics: Vec<Value> =
        counts.iter().map(|(name, _)| json!({"Name": name, "Unit": "Count"})).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": at.as_microseconds() / 1_000,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["function"]],
                "Metrics": metrics,
            }],
        },
        "level": "INFO",
        "message": "metrics",
        "function": function,
    });
    if let Value::Object(members) = &mut line {
        members.extend(counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))));
    }
    line
}

/// Writes the metrics of a run of the ledger's verifier.
pub(crate) fn emit_audit(namespace: &str, function: &str, tally: &AuditTally, at: Timestamp) {
    let line = embedded_audit(namespace, function, tally, at).to_string();
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The line: how many chains were verified, how many could not be, how many have a fault, and how long the
/// oldest record had waited.
fn embedded_audit(namespace: &str, function: &str, tally: &AuditTally, at: Timestamp) -> Value {
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    json!({
        "_aws": {
            "Timestamp": at.as_microseconds() / 1_000,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["function"]],
                "Metrics": [
                    metric("AuditVerified", "Count"),
                    metric("AuditUnverified", "Count"),
                    metric("AuditFaults", "Count"),
                    metric("AuditVerificationLag", "Seconds"),
                ],
            }],
        },
        "level": "INFO",
        "message": "metrics",
        "function": function,
        "AuditVerified": tally.verified,
        "AuditUnverified": tally.unverified,
        "AuditFaults": tally.faults,
        "AuditVerificationLag": tally.lag_seconds,
    })
}

/// The line: how much arrived, was given up, was tried again, how long it took (a value for each row, from
/// which CloudWatch makes percentiles), and how long the oldest has waited.
fn embedded_delivery(
    namespace: &str,
    function: &str,
    tally: &Tally,
    oldest_seconds: Option<f64>,
    at: Timestamp,
) -> Value {
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    let mut metrics = vec![
        metric("Published", "Count"),
        metric("DeliveriesFailed", "Count"),
        metric("DeliveriesRetried", "Count"),
    ];
    if !tally.lags.is_empty() {
        metrics.push(metric("DeliveryLag", "Milliseconds"));
    }
    if oldest_seconds.is_some() {
        metrics.push(metric("OldestPendingAge", "Seconds"));
    }
    let lags: Vec<f64> = tally.lags.iter().copied().take(METRIC_VALUES_MAX).collect();
    json!({
        "_aws": {
            "Timestamp": at.as_microseconds() / 1_000,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["function"]],
                "Metrics": metrics,
            }],
        },
        "level": "INFO",
        "message": "metrics",
        "function": function,
        "Published": tally.published,
        "DeliveriesFailed": tally.failed,
        "DeliveriesRetried": tally.retried,
        "DeliveryLag": lags,
        "OldestPendingAge": oldest_seconds,
    })
}

/// The line: latency, errors and capacity by function and route.
fn embedded(namespace: &str, observed: &Observed<'_>, at: Timestamp) -> Value {
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    json!({
        "_aws": {
            "Timestamp": at.as_microseconds() / 1_000,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["function"], ["function", "route"]],
                "Metrics": [
                    metric("Latency", "Milliseconds"),
                    metric("ClientErrors", "Count"),
                    metric("ServerErrors", "Count"),
                    metric("ReadUnits", "Count"),
                    metric("WriteUnits", "Count"),
                    metric("RoundTrips", "Count"),
                ],
            }],
        },
        "level": "INFO",
        "message": "metrics",
        "function": observed.function,
        "route": format!("{} {}", observed.method, observed.route),
        "request_id": observed.ids.request_id,
        "Latency": observed.duration_milliseconds,
        "ClientErrors": u8::from((400..500).contains(&observed.status)),
        "ServerErrors": u8::from(observed.status >= 500),
        "ReadUnits": observed.usage.read_units,
        "WriteUnits": observed.usage.write_units,
        "RoundTrips": observed.usage.round_trips,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::RequestIds;
    use store::meter::Usage;

    #[test]
    fn a_delivery_declares_only_metrics_that_it_has_values_of() {
        let at = Timestamp::from_microseconds(1_000).unwrap();
        let line = embedded_delivery("EPR", "outbox-relay", &Tally::default(), None, at);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 3);
        let tally = Tally { published: 101, lags: vec![1.0; 101], ..Tally::default() };
        let line = embedded_delivery("EPR", "outbox-relay", &tally, Some(2.0), at);
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
            method: "GET",
            route: "/api/v1/entities",
            status: 503,
            duration_milliseconds: 1.5,
            cold_start: false,
            usage: Usage::default(),
            cause: None,
        };
        let line = embedded("EPR", &observed, Timestamp::from_microseconds(1_000).unwrap());
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
    }
}
