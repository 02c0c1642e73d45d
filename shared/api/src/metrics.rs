//! Metrics in CloudWatch's embedded metric format: one JSON line on standard output, from which
//! CloudWatch makes metrics without a call.

use std::io::Write;

use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::observe::Observed;

/// Writes the metrics of a request.
pub(crate) fn emit(namespace: &str, observed: &Observed<'_>, at: Timestamp) {
    let line = embedded(namespace, observed, at).to_string();
    // A metric that cannot be written is not worth a request.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
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
