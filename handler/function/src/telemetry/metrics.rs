//! The last line of a run: its figures, in CloudWatch's embedded metric format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//! CloudWatch makes metrics of it without a call of ours.

use super::calls::{Calls, ms};
use super::log::write_line;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the metrics are filed under.
const NAMESPACE: &str = "KarpenterPrereqs";

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// `Create`, `Update` or `Delete`; `Unknown` where the event does not say.
    pub(crate) operation: &'static str,
    /// Whether CloudFormation was told of a failure.
    pub(crate) failed: bool,
    /// Whether CloudFormation was told nothing.
    pub(crate) unanswered: bool,
    /// From the event's arrival to the answer's delivery.
    pub(crate) duration: Duration,
}

/// Writes the line to standard output, whatever the log level is.
pub(crate) fn tell(function_name: &str, outcome: Outcome, calls: &Calls) {
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
        ("Unanswered", "Count", json!(u8::from(outcome.unanswered))),
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

    /// Each metric that is defined has its value at the root, and each dimension too: CloudWatch drops the line otherwise.
    #[test]
    fn what_the_line_defines_it_has() {
        let duration = Duration::from_millis(640);
        let outcome = Outcome { operation: "Create", failed: true, unanswered: false, duration };
        let line = line("karpenter-prereqs", outcome, &Calls::new(), Duration::from_millis(1_700_000_000_123));
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        let definition = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in definition["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        for dimension in definition["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
        assert_eq!((&line["Duration"], &line["Failed"], &line["Unanswered"]), (&json!(640.0), &json!(1), &json!(0)));
    }
}
