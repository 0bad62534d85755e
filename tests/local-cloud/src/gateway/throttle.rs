//! Token buckets: throttling by rate and burst, as AWS does.
//!
//! A bucket contains at most `burst` tokens, and gets `per_second` new ones each second. A call takes a token if there is
//! one. Otherwise it gets the throttling error of the service, and takes no token
//! (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>, "How throttling is applied"). AWS has separate
//! buckets for each account and region. A [`Throttle`] has those of one account and region, for all callers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    call::Call,
    effect::Effect,
    rules::{Installed, Rules},
    when::When,
};

/// A rate limit of some calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    service: String,
    covers: Covers,
    each: bool,
    burst: u32,
    per_second: f64,
}

/// The limits of one account, with the state of their buckets. A clone is another handle of the same buckets.
#[derive(Clone, Debug)]
pub struct Throttle {
    limits: Arc<[Limit]>,
    buckets: Arc<Mutex<BTreeMap<String, Bucket>>>,
}

/// The minimum time that the buckets allow for some calls, and the bucket that limits it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The time.
    pub least: Duration,
    /// The bucket, such as `iam writes` or `ec2 CreateTags`. Empty when no limit covers any of the calls.
    pub bucket: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Covers {
    Operation(String),
    Reads,
    Writes,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Limit {
    /// Limits one operation to a burst of `burst` calls, and `per_second` calls a second.
    pub fn operation(service: &str, operation: &str, burst: u32, per_second: f64) -> Self {
        Self::new(service, Covers::Operation(operation.to_owned()), burst, per_second)
    }

    /// Limits all read calls of a service.
    pub fn reads(service: &str, burst: u32, per_second: f64) -> Self {
        Self::new(service, Covers::Reads, burst, per_second)
    }

    /// Limits all calls of a service that can change something.
    pub fn writes(service: &str, burst: u32, per_second: f64) -> Self {
        Self::new(service, Covers::Writes, burst, per_second)
    }

    /// Limits each operation separately, instead of all of them together.
    #[must_use]
    pub fn each(self) -> Self {
        Self { each: true, ..self }
    }

    fn new(service: &str, covers: Covers, burst: u32, per_second: f64) -> Self {
        Self { service: service.to_owned(), covers, each: false, burst, per_second }
    }

    fn covers(&self, call: &Call) -> bool {
        self.service == call.service
            && match &self.covers {
                Covers::Operation(operation) => *operation == call.operation,
                Covers::Reads => !call.is_write(),
                Covers::Writes => call.is_write(),
            }
    }

    /// Returns the name of the bucket of a call.
    fn bucket(&self, call: &Call) -> String {
        let class = match &self.covers {
            Covers::Operation(operation) => operation,
            _ if self.each => &call.operation,
            Covers::Reads => "reads",
            Covers::Writes => "writes",
        };
        format!("{} {class}", self.service)
    }
}

impl Throttle {
    /// Creates full buckets. The first limit that covers a call applies. A call without a limit is not throttled.
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Self {
        Self { limits: limits.into_iter().collect(), buckets: Arc::default() }
    }

    /// Adds a rule for these limits. The journal records a throttled call with the fault `throttled`, and the handle counts
    /// these calls.
    pub fn install(&self, rules: &Rules) -> Installed {
        let throttle = self.clone();
        // A rule evaluates its test once for each call.
        rules.add(When::any().passing(move |call| !throttle.take_token(call, Instant::now())), Effect::Throttle)
    }

    /// Returns the minimum time in which these calls, each this many times, can be made with full buckets and without unused
    /// tokens. For each bucket, this is the number of calls beyond its burst, divided by its rate. The result is the maximum
    /// of all buckets.
    pub fn bound<'a>(&self, calls: impl IntoIterator<Item = (&'a Call, usize)>) -> Bound {
        let mut counts: BTreeMap<String, (usize, &Limit)> = BTreeMap::new();
        for (call, times) in calls {
            if let Some(limit) = self.limit_of(call) {
                counts.entry(limit.bucket(call)).or_insert((0, limit)).0 += times;
            }
        }
        let bounds = counts.into_iter().map(|(bucket, (count, limit))| {
            let excess = u32::try_from(count).unwrap_or(u32::MAX).saturating_sub(limit.burst);
            Bound { least: Duration::from_secs_f64(f64::from(excess) / limit.per_second), bucket }
        });
        bounds.max_by_key(|bound| bound.least).unwrap_or(Bound { least: Duration::ZERO, bucket: String::new() })
    }

    /// Takes a token from the call's bucket. Returns whether there was one.
    fn take_token(&self, call: &Call, now: Instant) -> bool {
        let Some(limit) = self.limit_of(call) else { return true };
        let burst = f64::from(limit.burst);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(limit.bucket(call)).or_insert(Bucket { tokens: burst, filled: now });
        let elapsed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = burst.min(elapsed.mul_add(limit.per_second, bucket.tokens));
        bucket.filled = now;
        let accepted = 1.0 <= bucket.tokens;
        if accepted {
            bucket.tokens -= 1.0;
        }
        accepted
    }

    fn limit_of(&self, call: &Call) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.covers(call))
    }
}

#[cfg(test)]
mod tests {
    use hyper::{Request, body::Bytes};

    use super::*;
    use crate::gateway::call::Access;

    fn call(service: &str, operation: &str, access: Access) -> Call {
        let (parts, body) = Request::new(Bytes::new()).into_parts();
        let call = Call::unfinished(&parts, body, service.to_owned(), operation.to_owned(), BTreeMap::new());
        Call { access, ..call }
    }

    fn accepted(throttle: &Throttle, call: &Call, tries: usize, now: Instant) -> usize {
        (0..tries).filter(|_| throttle.take_token(call, now)).count()
    }

    #[test]
    fn bucket_allows_burst_and_then_rate() {
        let throttle = Throttle::new([Limit::writes("iam", 20, 10.0)]);
        let write = call("iam", "CreateRole", Access::Write);
        let begin = Instant::now();
        assert_eq!(accepted(&throttle, &write, 50, begin), 20);
        assert_eq!(accepted(&throttle, &write, 50, begin + Duration::from_millis(50)), 0);
        // A throttled call takes no token: two halves of a token are one token.
        assert_eq!(accepted(&throttle, &write, 50, begin + Duration::from_millis(100)), 1);
        assert_eq!(accepted(&throttle, &write, 50, begin + Duration::from_millis(1100)), 10);
        assert_eq!(accepted(&throttle, &write, 50, begin + Duration::from_mins(10)), 20);
    }

    #[test]
    fn first_matching_limit_applies() {
        let throttle = Throttle::new([
            Limit::operation("ec2", "CreateTags", 2, 1.0),
            Limit::writes("ec2", 1, 1.0),
            Limit::reads("ec2", 3, 1.0).each(),
        ]);
        let now = Instant::now();
        let read = |operation| call("ec2", operation, Access::Read);
        let write = |operation| call("ec2", operation, Access::Write);
        assert_eq!(accepted(&throttle, &write("CreateTags"), 9, now), 2);
        assert_eq!(accepted(&throttle, &write("DeleteTags"), 9, now), 1);
        assert_eq!(accepted(&throttle, &write("CreateSubnet"), 9, now), 0);
        assert_eq!(accepted(&throttle, &read("DescribeSubnets"), 9, now), 3);
        assert_eq!(accepted(&throttle, &read("DescribeVpcs"), 9, now), 3);
        assert_eq!(accepted(&throttle, &call("iam", "GetRole", Access::Read), 9, now), 9);
    }

    #[test]
    fn bound_is_the_maximum_of_all_buckets() {
        let throttle = Throttle::new([Limit::writes("iam", 20, 10.0), Limit::reads("iam", 50, 20.0)]);
        let (read, write) = (call("iam", "GetRole", Access::Read), call("iam", "CreateRole", Access::Write));
        let other = call("ec2", "CreateTags", Access::Write);
        let bound =
            |seconds, bucket: &str| Bound { least: Duration::from_secs_f64(seconds), bucket: bucket.to_owned() };
        let calls = [(&read, 100), (&read, 100), (&write, 100), (&other, 100)];
        assert_eq!(throttle.bound(calls), bound(8.0, "iam writes"));
        assert_eq!(throttle.bound([(&read, 200)]), bound(7.5, "iam reads"));
        assert_eq!(throttle.bound([(&write, 20)]), bound(0.0, "iam writes"));
        assert_eq!(throttle.bound([(&other, 100)]), bound(0.0, ""));
    }
}
