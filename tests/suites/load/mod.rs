//! Many resources at once, against services that throttle like AWS. All succeed, in little more than the time that the
//! throttles require.
//!
//! [`load::rates`] has the rates, with their sources.

mod retry_policy;

use load::{LoadOp, LoadResult, Member, Network, Served};
use local_cloud::{
    scenario::{CLUSTER, Scenario},
    world::World,
};

use crate::seeded::number;

/// Creates many resources at once, each in a stack of its own, and then deletes all at once. All succeed. Then the account is
/// as before: aws-auth, which each resource writes, byte for byte, and the subnets and security groups that they share.
///
/// The environment variable `LOAD_RESOURCES` is the number of resources (40). `make load` uses 200.
#[tokio::test(flavor = "multi_thread")]
async fn all_resources_succeed_under_throttles_and_leave_nothing() {
    let count = usize::try_from(number("LOAD_RESOURCES", 40)).unwrap();
    let scenario = Scenario::start().await.unwrap();
    let networks = Network::for_members(&scenario, count).await.unwrap();
    let mut members = Member::start_many(&scenario, &networks, count).await.unwrap();
    let before = scenario.world().await.unwrap();

    let (to_create, to_delete) = load::baseline(&scenario, &mut members).await.unwrap();
    before.assert_same(&scenario.world().await.unwrap(), "after the single resources");

    let created = load::at_once(&scenario, &mut members, LoadOp::Create, &to_create).await.unwrap();
    assert_load(&created, "created");
    assert_created(&scenario.world().await.unwrap(), &before, &members);

    let deleted = load::at_once(&scenario, &mut members, LoadOp::Delete, &to_delete).await.unwrap();
    assert_load(&deleted, "deleted");
    before.assert_same(&scenario.world().await.unwrap(), "after all were deleted at once");
}

/// Prints the time that all took, and the least time that the throttles require. Asserts that all succeeded.
#[track_caller]
fn assert_load(result: &LoadResult, done: &str) {
    println!(
        "load: {} resources {done} in {:.0} s; the throttles require {:.0} s ({}); {} calls, {} throttled; {} without throttles",
        result.served.len(),
        result.took.as_secs_f64(),
        result.bound.least.as_secs_f64(),
        result.bound.bucket,
        result.calls.len(),
        result.throttled,
        result.needed,
    );
    assert_served(&result.served);
    assert!(0 < result.throttled, "nothing was throttled");
}

/// Asserts that all responses are well formed, and that all are successes.
#[track_caller]
fn assert_served(served: &[Served]) {
    for one in served {
        one.response.assert_sound();
    }
    let failed: Vec<_> = served.iter().filter(|one| !one.response.succeeded()).collect();
    let reasons: Vec<_> = failed.iter().map(|one| one.response.reason.as_deref().unwrap_or_default()).collect();
    let log = failed.first().map(|one| one.invocation.log_text()).unwrap_or_default();
    assert!(failed.is_empty(), "{} failed:\n{}\nthe log of the first:\n{log}", failed.len(), reasons.join("\n"));
}

/// Asserts that each resource has its roles, instance profile and aws-auth entry, that its subnets and security groups have
/// the discovery tag, and that nothing else was created.
#[track_caller]
fn assert_created(world: &World, before: &World, members: &[Member]) {
    let names: Vec<_> = world.names().filter(|name| before.get(name).is_none()).collect();
    for member in members {
        for (kind, property) in
            [("role", "NodeRoleName"), ("role", "ControllerRoleName"), ("instance-profile", "InstanceProfileName")]
        {
            let name = format!("{kind}/{}", member.properties[property].as_str().unwrap());
            assert!(names.contains(&name.as_str()), "{name} does not exist");
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
