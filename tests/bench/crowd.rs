//! Many resources at once in one account, under AWS's throttles.

use std::{collections::BTreeMap, time::SystemTime};

use local_cloud::{
    Error,
    gateway::Call,
    load::{self, Doing, Member, Network, Rush},
    scenario::Scenario,
};
use serde::{Deserialize, Serialize};

use crate::{progress, statistics::Spread};

/// What it came to that so many were created, or deleted, at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Crowd {
    /// How many resources.
    pub(crate) resources: usize,
    /// What was done.
    pub(crate) operation: String,
    /// How many succeeded.
    pub(crate) succeeded: usize,
    /// From the first event to the last answer.
    pub(crate) seconds: f64,
    /// The least that the buckets allow.
    pub(crate) bound_seconds: f64,
    /// The bucket that says so.
    pub(crate) bucket: String,
    /// How many calls were made.
    pub(crate) calls: usize,
    /// How many of them were throttled, and made again.
    pub(crate) throttled: usize,
    /// How many are made where nothing throttles.
    pub(crate) needed: usize,
    /// Why the others failed, and how many for each reason; names and numbers left out, so that like is like.
    pub(crate) failures: BTreeMap<String, usize>,
    /// When an answer was there, in seconds from the first event.
    pub(crate) answered: Spread,
    /// How many calls the slowest bucket let through in each tenth of the time: it is idle where they are few.
    pub(crate) tenths: Vec<usize>,
}

/// Creates so many at once, and deletes them at once, in a cloud of their own.
///
/// # Errors
/// Whatever keeps the cloud from coming up, and an event without an answer.
pub(crate) async fn measure(resources: usize) -> Result<[Crowd; 2], Error> {
    let scenario = Scenario::start().await?;
    let networks = Network::for_members(&scenario, resources).await?;
    let mut members = Member::start_many(&scenario, &networks, resources).await?;
    progress(&format!("crowd: {resources} processes are up"));
    let (to_create, to_delete) = load::alone(&scenario, &mut members).await?;
    let created = load::at_once(&scenario, &mut members, Doing::Create, &to_create).await?;
    let created = told(resources, "Create", &created)?;
    let deleted = load::at_once(&scenario, &mut members, Doing::Delete, &to_delete).await?;
    Ok([created, told(resources, "Delete", &deleted)?])
}

fn told(resources: usize, operation: &str, rush: &Rush) -> Result<Crowd, Error> {
    let seconds = rush.took.as_secs_f64();
    progress(&format!("crowd: {resources} {operation} at once: {seconds:.1} s"));
    let answered = Spread::of(rush.served.iter().map(|served| served.invocation.duration.as_secs_f64()));
    let bucket = rush.bound.bucket.clone();
    let let_through = rush.calls.iter().filter(|call| call.fault != Some("throttled") && is_in(call, &bucket));
    Ok(Crowd {
        resources,
        operation: operation.to_owned(),
        succeeded: rush.served.iter().filter(|served| served.succeeded().is_ok()).count(),
        failures: failures(rush),
        seconds,
        bound_seconds: rush.bound.least.as_secs_f64(),
        calls: rush.calls.len(),
        throttled: rush.throttled,
        needed: rush.needed,
        answered: answered.ok_or_else(|| Error::Unusable("a crowd of nobody".to_owned()))?,
        tenths: tenths(&let_through.map(|call| call.at).collect::<Vec<_>>()),
        bucket,
    })
}

fn failures(rush: &Rush) -> BTreeMap<String, usize> {
    let mut failures = BTreeMap::new();
    for served in rush.served.iter().filter(|served| !served.answer.succeeded()) {
        let reason = served.answer.reason.as_deref().unwrap_or("no reason");
        *failures.entry(alike(reason)).or_default() += 1;
    }
    failures
}

/// The reason with `#` in the place of each number, and of what is hexadecimal and longer than a word.
fn alike(reason: &str) -> String {
    let is_number = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        0 < digits && word.chars().all(|letter| letter.is_ascii_hexdigit())
    };
    let mut alike = String::new();
    let mut word = String::new();
    for letter in reason.chars().chain([' ']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        alike.push_str(if is_number(&word) { "#" } else { &word });
        word.clear();
        alike.push(letter);
    }
    alike.trim_end().to_owned()
}

/// Whether a bucket of this name is the call's: `iam writes`, `ec2 CreateTags`.
fn is_in(call: &Call, bucket: &str) -> bool {
    let Some((service, class)) = bucket.split_once(' ') else { return false };
    let covered = match class {
        "writes" => call.is_write(),
        "reads" => !call.is_write(),
        operation => call.operation == operation,
    };
    call.service == service && covered
}

/// How many of these moments lie in each tenth of the time from the first to the last.
fn tenths(moments: &[SystemTime]) -> Vec<usize> {
    let mut tenths = vec![0; 10];
    if let (Some(first), Some(last)) = (moments.iter().min(), moments.iter().max()) {
        let whole = last.duration_since(*first).unwrap_or_default();
        for moment in moments {
            let since = moment.duration_since(*first).unwrap_or_default();
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
    fn reasons_are_alike_but_for_numbers() {
        assert_eq!(
            alike("delete role `load-node-17`: 503 (request 9f3c-1)"),
            "delete role `load-node-#`: # (request #-#)"
        );
        assert_eq!(alike("no role"), "no role");
    }

    #[test]
    fn moments_are_counted_by_tenths() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(tenths(&[at(0), at(1), at(15), at(99), at(100)]), [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(tenths(&[at(5), at(5)])[0], 2);
        assert_eq!(tenths(&[]), [0; 10]);
    }
}
