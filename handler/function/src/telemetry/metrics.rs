//! The last line of a run: its metrics, in CloudWatch's embedded metric format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//! CloudWatch creates the metrics from the line. The function makes no call for them.

use super::calls::{Calls, ms};
use super::log::write_line;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The namespace of the metrics in CloudWatch.
const NAMESPACE: &str = "KarpenterPrereqs";

/// The result of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// `Create`, `Update` or `Delete`; `Unknown` if the event names none of them.
    pub(crate) operation: &'static str,
    /// Whether CloudFormation got a response with `FAILED`.
    pub(crate) failed: bool,
    /// Whether CloudFormation got no response. It is the metric `NoResponse`.
    pub(crate) no_response: bool,
    /// The time from the arrival of the event to the delivery of the response.
    pub(crate) duration: Duration,
}

/// Writes the line to standard output, at every log level.
pub(crate) fn write(function_name: &str, outcome: Outcome, calls: &Calls) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    write_line(line(function_name, outcome, calls, now));
}

fn line(function_name: &str, outcome: Outcome, calls: &Calls, now: Duration) -> Value {
    let counts = calls.counts();
    let metrics = [
        ("Duration", "Milliseconds", json!(ms(outcome.duration))),
        ("Calls", "Count", json!(counts.calls)),
        ("Writes", "Count", json!(counts.writes)),
        ("Retries", "Count", json!(counts.retries)),
        ("Failed", "Count", json!(u8::from(outcome.failed))),
        ("NoResponse", "Count", json!(u8::from(outcome.no_response))),
    ];
    let definitions: Vec<_> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["FunctionName"], ["FunctionName", "Operation"]],
                "Metrics": definitions,
            }],
        },
        "FunctionName": function_name,
        "Operation": outcome.operation,
    });
    for (name, _, value) in metrics {
        line[name] = value;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CloudWatch drops a line whose root lacks the value of a metric or a dimension that the line defines.
    #[test]
    fn line_has_each_metric_and_dimension_that_it_defines() {
        let duration = Duration::from_millis(640);
        let outcome = Outcome { operation: "Create", failed: true, no_response: false, duration };
        let line = line("karpenter-prereqs", outcome, &Calls::new(), Duration::from_millis(1_700_000_000_123));
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        let definition = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in definition["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        for dimension in definition["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
        assert_eq!((&line["Duration"], &line["Failed"], &line["NoResponse"]), (&json!(640.0), &json!(1), &json!(0)));
    }
}
