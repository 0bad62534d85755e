//! Measures many resources at the same time in one account, under AWS's throttling rates.

use std::{collections::BTreeMap, time::SystemTime};

use load::{LoadOp, LoadResult, Member, Network};
use local_cloud::{Error, gateway::Call, scenario::Scenario};
use serde::{Deserialize, Serialize};

use crate::{progress, statistics::Spread};

/// The result of many Creates, or of many Deletes, at the same time.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Crowd {
    /// The number of resources.
    pub(crate) resources: usize,
    /// `Create` or `Delete`.
    pub(crate) operation: String,
    /// The number of resources that succeeded.
    pub(crate) succeeded: usize,
    /// Seconds from the first event to the last response.
    pub(crate) seconds: f64,
    /// The minimum that the token buckets allow, in seconds.
    pub(crate) bound_seconds: f64,
    /// The bucket with this minimum.
    pub(crate) bucket: String,
    /// The number of calls.
    pub(crate) calls: usize,
    /// The number of calls that were throttled and retried.
    pub(crate) throttled: usize,
    /// The number of calls of a run without throttling.
    pub(crate) needed: usize,
    /// The number of failures for each reason. Names and numbers are left out, so that equal reasons are counted together.
    pub(crate) failures: BTreeMap<String, usize>,
    /// The time of each response, in seconds from the first event.
    pub(crate) response_times: Spread,
    /// The number of calls that the slowest bucket accepted in each tenth of the time. The bucket is idle where there are
    /// few.
    pub(crate) tenths: Vec<usize>,
}

/// Creates this many resources at the same time, and then deletes them at the same time, in a cloud of their own.
///
/// # Errors
/// Fails when the cloud cannot start, or when an event gets no response.
pub(crate) async fn measure(resources: usize) -> Result<[Crowd; 2], Error> {
    let scenario = Scenario::start().await?;
    let networks = Network::for_members(&scenario, resources).await?;
    let mut members = Member::start_many(&scenario, &networks, resources).await?;
    progress(&format!("crowd: {resources} processes are up"));
    let (to_create, to_delete) = load::baseline(&scenario, &mut members).await?;
    let created = load::at_once(&scenario, &mut members, LoadOp::Create, &to_create).await?;
    let created = summarize(resources, "Create", &created)?;
    let deleted = load::at_once(&scenario, &mut members, LoadOp::Delete, &to_delete).await?;
    Ok([created, summarize(resources, "Delete", &deleted)?])
}

fn summarize(resources: usize, operation: &str, result: &LoadResult) -> Result<Crowd, Error> {
    let seconds = result.took.as_secs_f64();
    progress(&format!("crowd: {resources} {operation} at once: {seconds:.1} s"));
    let response_times = Spread::of(result.served.iter().map(|served| served.invocation.duration.as_secs_f64()));
    let bucket = result.bound.bucket.clone();
    let accepted = result.calls.iter().filter(|call| call.fault != Some("throttled") && is_in(call, &bucket));
    Ok(Crowd {
        resources,
        operation: operation.to_owned(),
        succeeded: result.served.iter().filter(|served| served.succeeded().is_ok()).count(),
        failures: failures(result),
        seconds,
        bound_seconds: result.bound.least.as_secs_f64(),
        calls: result.calls.len(),
        throttled: result.throttled,
        needed: result.needed,
        response_times: response_times.ok_or_else(|| Error::Unusable("the crowd has no resources".to_owned()))?,
        tenths: tenths(&accepted.map(|call| call.at).collect::<Vec<_>>()),
        bucket,
    })
}

fn failures(result: &LoadResult) -> BTreeMap<String, usize> {
    let mut failures = BTreeMap::new();
    for served in result.served.iter().filter(|served| !served.response.succeeded()) {
        let reason = served.response.reason.as_deref().unwrap_or("no reason");
        *failures.entry(without_numbers(reason)).or_default() += 1;
    }
    failures
}

/// Returns the reason with `#` in place of each number and of each hexadecimal id.
fn without_numbers(reason: &str) -> String {
    let is_number = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        0 < digits && word.chars().all(|letter| letter.is_ascii_hexdigit())
    };
    let mut without_numbers = String::new();
    let mut word = String::new();
    for letter in reason.chars().chain([' ']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        without_numbers.push_str(if is_number(&word) { "#" } else { &word });
        word.clear();
        without_numbers.push(letter);
    }
    without_numbers.trim_end().to_owned()
}

/// Returns whether a call takes its token from the bucket of this name: `iam writes`, `ec2 CreateTags`.
fn is_in(call: &Call, bucket: &str) -> bool {
    let Some((service, class)) = bucket.split_once(' ') else { return false };
    let covered = match class {
        "writes" => call.is_write(),
        "reads" => !call.is_write(),
        operation => call.operation == operation,
    };
    call.service == service && covered
}

/// Counts how many of these times are in each tenth of the period from the first to the last.
fn tenths(times: &[SystemTime]) -> Vec<usize> {
    let mut tenths = vec![0; 10];
    if let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) {
        let whole = last.duration_since(*first).unwrap_or_default();
        for time in times {
            let since = time.duration_since(*first).unwrap_or_default();
            let tenth = if whole.is_zero() { 0 } else { since.as_nanos() * 10 / whole.as_nanos() };
            tenths[usize::try_from(tenth).unwrap_or(9).min(9)] += 1;
        }
    }
    tenths
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn reasons_without_numbers_are_equal() {
        assert_eq!(
            without_numbers("delete role `load-node-17`: 503 (request 9f3c-1)"),
            "delete role `load-node-#`: # (request #-#)"
        );
        assert_eq!(without_numbers("no role"), "no role");
    }

    #[test]
    fn times_are_counted_by_tenths() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(tenths(&[at(0), at(1), at(15), at(99), at(100)]), [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(tenths(&[at(5), at(5)])[0], 2);
        assert_eq!(tenths(&[]), [0; 10]);
    }
}
