//! Many resources at once, each in a stack of its own and with a function's process of its own, against services that
//! throttle as AWS does. What they allow, and where that is known from, stands at the head of [`rates`].

pub mod fleet;
pub mod rates;

use std::time::{Duration, Instant};

use futures::future::join_all;
use hyper::StatusCode;

pub use self::fleet::{Member, Network, Served};
use crate::{
    cloud::Cloud,
    error::Error,
    gateway::{Answer, Call, Effect, Installed, ThrottleBound, When},
    scenario::Scenario,
};

/// The calls of one resource, and of how many this is the measure.
pub type Needed = Vec<(Vec<Call>, usize)>;

/// What all resources do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// They are created.
    Create,
    /// They are deleted.
    Delete,
}

/// What it came to.
#[derive(Debug)]
pub struct Rush {
    /// What each event came to.
    pub served: Vec<Served>,
    /// From the first event to the last answer.
    pub took: Duration,
    /// The least time that the buckets allow.
    pub bound: ThrottleBound,
    /// The calls that were made.
    pub calls: Vec<Call>,
    /// How many of them were throttled, and made again.
    pub throttled: usize,
    /// How many are made where nothing throttles.
    pub needed: usize,
}

/// What a Create and a Delete call where nothing throttles them, alone: the first member, for all that take the
/// networks of the node groups, and the last, for all that have networks of their own.
///
/// # Errors
/// As [`Member::create`], and when an answer is none of success.
pub async fn alone(scenario: &Scenario, members: &mut [Member]) -> Result<(Needed, Needed), Error> {
    let discovering = members.len().min(fleet::SHARERS);
    let shares = [(0, discovering), (members.len() - 1, members.len() - discovering)];
    let (mut creates, mut deletes) = (Vec::new(), Vec::new());
    let journal = scenario.cloud.gateway().journal();
    for (index, share) in shares {
        let mark = journal.mark();
        members[index].create(scenario).await?.succeeded()?;
        creates.push((journal.since(mark), share));
        let mark = journal.mark();
        members[index].delete(scenario).await?.succeeded()?;
        deletes.push((journal.since(mark), share));
    }
    Ok((creates, deletes))
}

/// Lets all work at once under full buckets.
///
/// # Errors
/// As [`Member::create`].
pub async fn at_once(
    scenario: &Scenario,
    members: &mut [Member],
    doing: Doing,
    needed: &Needed,
) -> Result<Rush, Error> {
    let gateway = scenario.cloud.gateway();
    let shown =
        shows(&scenario.cloud, if doing == Doing::Create { "CREATE_IN_PROGRESS" } else { "DELETE_IN_PROGRESS" });
    let throttle = rates::throttle();
    let (mark, throttled) = (gateway.journal().mark(), throttle.install(gateway.rules()));
    let begun = Instant::now();
    let served = join_all(members.iter_mut().map(async |member| match doing {
        Doing::Create => member.create(scenario).await,
        Doing::Delete => member.delete(scenario).await,
    }))
    .await;
    let took = begun.elapsed();
    let rush = Rush {
        served: served.into_iter().collect::<Result<_, _>>()?,
        took,
        bound: throttle.bound(needed.iter().flat_map(|(calls, share)| calls.iter().map(move |call| (call, *share)))),
        calls: gateway.journal().since(mark),
        throttled: throttled.hits(),
        needed: needed.iter().map(|(calls, share)| calls.len() * share).sum(),
    };
    shown.into_iter().chain([throttled]).for_each(Installed::remove);
    Ok(rush)
}

/// Lets CloudFormation show every resource and stack in this state, as it does while the operation runs, until the rules
/// are removed.
pub fn shows(cloud: &Cloud, status: &str) -> [Installed; 2] {
    let status = status.to_owned();
    let (of_resource, of_stack) = (status.clone(), status);
    let resource = move |call: &Call, answer: &mut Answer| {
        let logical_id = call.param("LogicalResourceId").unwrap_or_default();
        answer.status = StatusCode::OK;
        answer.body = format!(
            "<DescribeStackResourceResponse><DescribeStackResourceResult><StackResourceDetail>\
             <LogicalResourceId>{logical_id}</LogicalResourceId><ResourceType>Custom::KarpenterPrereqs</ResourceType>\
             <ResourceStatus>{of_resource}</ResourceStatus>\
             <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>\
             </StackResourceDetail></DescribeStackResourceResult></DescribeStackResourceResponse>"
        )
        .into();
    };
    let stack = move |call: &Call, answer: &mut Answer| {
        let stack_id = call.param("StackName").unwrap_or_default();
        answer.status = StatusCode::OK;
        answer.body = format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>load</StackName>\
             <StackId>{stack_id}</StackId><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
             <StackStatus>{of_stack}</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )
        .into();
    };
    let rules = cloud.gateway().rules();
    [
        rules.add(When::call("cloudformation", "DescribeStackResource"), Effect::rewrite(resource)),
        rules.add(When::call("cloudformation", "DescribeStacks"), Effect::rewrite(stack)),
    ]
}
