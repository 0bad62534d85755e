//! Many resources at the same time, each in its own stack and with its own process of the function, against services that
//! throttle like AWS. The documentation of [`rates`] has the rates and their sources. The suite `load` and the benchmark use it.

pub mod fleet;
pub mod rates;

use std::time::{Duration, Instant};

use futures::future::join_all;
use local_cloud::{
    Error,
    cloudformation::Status,
    gateway::{Call, Installed, ThrottleBound},
    scenario::Scenario,
};

pub use self::fleet::{Member, Network, Served};

/// The calls of one resource, and the number of resources that make the same calls.
pub type Needed = Vec<(Vec<Call>, usize)>;

/// The operation of all resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadOp {
    /// They are created.
    Create,
    /// They are deleted.
    Delete,
}

/// The result of an operation of all resources.
#[derive(Debug)]
pub struct LoadResult {
    /// The result of each event.
    pub served: Vec<Served>,
    /// From the first event to the last response.
    pub took: Duration,
    /// The minimum time that the buckets allow.
    pub bound: ThrottleBound,
    /// The calls.
    pub calls: Vec<Call>,
    /// The number of calls that were throttled and retried.
    pub throttled: usize,
    /// The number of calls without throttling.
    pub needed: usize,
}

/// Records the calls of a Create and a Delete without throttling and without other resources. The first member stands for all
/// members that use the networks of the node groups. The last member stands for all members with their own networks.
///
/// # Errors
/// As [`Member::create`], and when a response is not a success.
pub async fn baseline(scenario: &Scenario, members: &mut [Member]) -> Result<(Needed, Needed), Error> {
    let discovering = members.len().min(fleet::MAX_SHARED);
    let shares = [(0, discovering), (members.len() - 1, members.len() - discovering)];
    let (mut creates, mut deletes) = (Vec::new(), Vec::new());
    let journal = scenario.cloud.gateway().journal();
    for (index, share) in shares {
        let position = journal.position();
        members[index].create(scenario).await?.succeeded()?;
        creates.push((journal.since(position), share));
        let position = journal.position();
        members[index].delete(scenario).await?.succeeded()?;
        deletes.push((journal.since(position), share));
    }
    Ok((creates, deletes))
}

/// Runs the operation of all members at the same time, with full buckets.
///
/// # Errors
/// As [`Member::create`].
pub async fn at_once(
    scenario: &Scenario,
    members: &mut [Member],
    op: LoadOp,
    needed: &Needed,
) -> Result<LoadResult, Error> {
    let gateway = scenario.cloud.gateway();
    let status = if op == LoadOp::Create { "CREATE_IN_PROGRESS" } else { "DELETE_IN_PROGRESS" };
    let shown = Status::new(status, status).show_all(gateway.rules());
    let throttle = rates::throttle();
    let (position, throttled) = (gateway.journal().position(), throttle.install(gateway.rules()));
    let begun = Instant::now();
    let served = join_all(members.iter_mut().map(async |member| match op {
        LoadOp::Create => member.create(scenario).await,
        LoadOp::Delete => member.delete(scenario).await,
    }))
    .await;
    let took = begun.elapsed();
    let result = LoadResult {
        served: served.into_iter().collect::<Result<_, _>>()?,
        took,
        bound: throttle.bound(needed.iter().flat_map(|(calls, share)| calls.iter().map(move |call| (call, *share)))),
        calls: gateway.journal().since(position),
        throttled: throttled.hits(),
        needed: needed.iter().map(|(calls, share)| calls.len() * share).sum(),
    };
    shown.into_iter().chain([throttled]).for_each(Installed::remove);
    Ok(result)
}
