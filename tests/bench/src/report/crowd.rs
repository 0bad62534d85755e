//! The table of crowds.

use std::fmt::Write as _;

use super::cell::{count, digits, ratio};
use crate::crowd::Crowd;

/// Returns the table, or an empty text when nothing was measured.
pub(super) fn table(crowd: &[Crowd]) -> String {
    if crowd.is_empty() {
        return String::new();
    }
    let mut text = "### Crowd\n\nMany resources at the same time in one account, under token buckets like those of AWS. *Bound*: the calls that undisturbed runs need beyond a bucket's burst, divided by its rate, for the slowest bucket.\n\n\
         | Resources | | Succeeded | Time | Bound | To the bound | Bucket | Calls | Throttled | Calls without throttling | Response after | Accepted calls, by tenths of the time |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for crowd in crowd {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} s | {} s | {} | {} | {} | {} | {} | {} s ({} to {}) | {} |",
            count(crowd.resources),
            crowd.operation,
            count(crowd.succeeded),
            digits(crowd.seconds),
            digits(crowd.bound_seconds),
            ratio(crowd.seconds, crowd.bound_seconds),
            crowd.bucket,
            count(crowd.calls),
            count(crowd.throttled),
            count(crowd.needed),
            digits(crowd.response_times.median),
            digits(crowd.response_times.min),
            digits(crowd.response_times.max),
            crowd.tenths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        );
    }
    for crowd in crowd {
        for (reason, times) in &crowd.failures {
            let _ = writeln!(text, "\n{} {}, failed {times}: {reason}", count(crowd.resources), crowd.operation);
        }
    }
    text + "\nBudget: 1.2× of the bound.\n"
}
