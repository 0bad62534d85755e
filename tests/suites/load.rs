//! Many resources at once against services that throttle as AWS does: each is served, in little more time than the
//! throttles allow for. What they allow, and where that is known from, stands at the head of [`rates`].

mod fleet;
mod patience;
mod rates;

use std::time::Instant;

use futures::future::join_all;
use local_cloud::{
    gateway::{Answer as ServiceAnswer, Call, Effect, Installed, Throttle, When},
    scenario::{CLUSTER, Scenario},
    world::World,
};

use crate::seeded::number;
use fleet::{Member, Network, SHARERS, Served};

/// Resources of as many stacks are created all at once: all succeed. Then they are deleted all at once, and the world
/// is as it was: aws-auth, which each of them writes, byte for byte, and the subnets and groups that they share.
///
/// `LOAD_RESOURCES` is how many (40; `make load` takes 200).
#[tokio::test(flavor = "multi_thread")]
async fn all_resources_are_served_at_once_and_leave_nothing() {
    let count = usize::try_from(number("LOAD_RESOURCES", 40)).unwrap();
    let scenario = Scenario::start().await.unwrap();
    let networks = Network::for_members(&scenario, count).await;
    let mut members = Member::start_many(&scenario, &networks, count).await;
    let before = scenario.world().await.unwrap();

    let (creates, deletes) = alone(&scenario, &mut members).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the first alone");

    let _shown = shows(&scenario, "CREATE_IN_PROGRESS");
    at_once(&scenario, "created", &creates, join_all(members.iter_mut().map(|member| member.create(&scenario)))).await;
    assert_stand(&scenario.world().await.unwrap(), &before, &members);

    scenario.cloud.gateway().rules().clear();
    let _shown = shows(&scenario, "DELETE_IN_PROGRESS");
    at_once(&scenario, "deleted", &deletes, join_all(members.iter_mut().map(|member| member.delete(&scenario)))).await;
    before.assert_same(&scenario.world().await.unwrap(), "after all were deleted at once");
}

/// The calls of one resource, and of how many this is the measure.
type Needed = Vec<(Vec<Call>, usize)>;

/// What a Create and a Delete call where nothing throttles them, alone: the first member, for all that take the
/// networks of the node groups, and the last, for all that have networks of their own.
async fn alone(scenario: &Scenario, members: &mut [Member]) -> (Needed, Needed) {
    let discovering = members.len().min(SHARERS);
    let shares = [(0, discovering), (members.len() - 1, members.len() - discovering)];
    let (mut creates, mut deletes) = (Vec::new(), Vec::new());
    let journal = scenario.cloud.gateway().journal();
    for (index, share) in shares {
        let mark = journal.mark();
        assert_served(&[members[index].create(scenario).await]);
        creates.push((journal.since(mark), share));
        let mark = journal.mark();
        assert_served(&[members[index].delete(scenario).await]);
        deletes.push((journal.since(mark), share));
    }
    (creates, deletes)
}

/// Lets all work under full buckets, and says how long it took, and how long it had to take.
async fn at_once(scenario: &Scenario, done: &str, needed: &Needed, work: impl Future<Output = Vec<Served>>) {
    let throttle: Throttle = rates::throttle();
    let gateway = scenario.cloud.gateway();
    let (mark, throttled) = (gateway.journal().mark(), throttle.install(gateway.rules()));
    let begun = Instant::now();
    let served = work.await;
    let took = begun.elapsed();
    let calls = gateway.journal().since(mark);
    let of = |needed: &Needed| needed.iter().map(|(calls, share)| calls.len() * share).sum::<usize>();
    let bound = throttle.bound(needed.iter().flat_map(|(calls, share)| calls.iter().map(move |call| (call, *share))));
    println!(
        "load: {} resources {done} in {:.0} s; the buckets allow {:.0} s ({}); {} calls, {} throttled; {} where nothing throttles",
        served.len(),
        took.as_secs_f64(),
        bound.least.as_secs_f64(),
        bound.bucket,
        calls.len(),
        throttled.hits(),
        of(needed),
    );
    assert_served(&served);
    assert!(0 < throttled.hits(), "nothing was throttled");
    throttled.remove();
}

/// That all answers are sound, and successes.
#[track_caller]
fn assert_served(served: &[Served]) {
    for one in served {
        one.answer.assert_sound();
    }
    let failed: Vec<_> = served.iter().filter(|one| !one.answer.succeeded()).collect();
    let reasons: Vec<_> = failed.iter().map(|one| one.answer.reason.as_deref().unwrap_or_default()).collect();
    let log = failed.first().map(|one| one.invocation.log_text()).unwrap_or_default();
    assert!(failed.is_empty(), "{} failed:\n{}\nthe log of the first:\n{log}", failed.len(), reasons.join("\n"));
}

/// That each resource's roles, profile and entry are there, each subnet and group that is meant is tagged, and nothing
/// else has changed.
#[track_caller]
fn assert_stand(world: &World, before: &World, members: &[Member]) {
    let names: Vec<_> = world.names().filter(|name| before.get(name).is_none()).collect();
    for member in members {
        for (kind, property) in
            [("role", "NodeRoleName"), ("role", "ControllerRoleName"), ("instance-profile", "InstanceProfileName")]
        {
            let name = format!("{kind}/{}", member.properties[property].as_str().unwrap());
            assert!(names.contains(&name.as_str()), "there is no {name}");
        }
        let entry = format!("role/{}\n", member.properties["NodeRoleName"].as_str().unwrap());
        let map_roles = world.get("aws-auth/mapRoles").unwrap_or_default();
        assert_eq!(map_roles.matches(&entry).count(), 1, "{entry}{map_roles}");
        assert!(3 <= member.tagged.len(), "{:?}", member.tagged);
        for id in &member.tagged {
            let tags = world.json(id);
            assert_eq!(tags["karpenter.sh/discovery"], CLUSTER, "{id} {tags}");
        }
    }
    assert_eq!(names.len(), 3 * members.len(), "{names:?}");
}

/// Lets CloudFormation show every resource and stack in this state, as it does while the operation runs.
fn shows(scenario: &Scenario, status: &str) -> [Installed; 2] {
    let status = status.to_owned();
    let (of_resource, of_stack) = (status.clone(), status);
    let resource = move |call: &Call, answer: &mut ServiceAnswer| {
        let logical_id = call.param("LogicalResourceId").unwrap_or_default();
        answer.status = hyper::StatusCode::OK;
        answer.body = format!(
            "<DescribeStackResourceResponse><DescribeStackResourceResult><StackResourceDetail>\
             <LogicalResourceId>{logical_id}</LogicalResourceId><ResourceType>Custom::KarpenterPrereqs</ResourceType>\
             <ResourceStatus>{of_resource}</ResourceStatus>\
             <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>\
             </StackResourceDetail></DescribeStackResourceResult></DescribeStackResourceResponse>"
        )
        .into();
    };
    let stack = move |call: &Call, answer: &mut ServiceAnswer| {
        let stack_id = call.param("StackName").unwrap_or_default();
        answer.status = hyper::StatusCode::OK;
        answer.body = format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>load</StackName>\
             <StackId>{stack_id}</StackId><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
             <StackStatus>{of_stack}</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )
        .into();
    };
    let rules = scenario.cloud.gateway().rules();
    [
        rules.add(When::call("cloudformation", "DescribeStackResource"), Effect::rewrite(resource)),
        rules.add(When::call("cloudformation", "DescribeStacks"), Effect::rewrite(stack)),
    ]
}
