//! Many resources at once against services that throttle as AWS does: each is served, in little more time than the
//! throttles allow for. What they allow, and where that is known from, stands at the head of [`local_cloud::load::rates`].

mod patience;

use local_cloud::{
    load::{self, LoadOp, Member, Network, LoadResult, Served},
    scenario::{CLUSTER, Scenario},
    world::World,
};

use crate::seeded::number;

/// Resources of as many stacks are created all at once: all succeed. Then they are deleted all at once, and the world
/// is as it was: aws-auth, which each of them writes, byte for byte, and the subnets and groups that they share.
///
/// `LOAD_RESOURCES` is how many (40; `make load` takes 200).
#[tokio::test(flavor = "multi_thread")]
async fn all_resources_are_served_at_once_and_leave_nothing() {
    let count = usize::try_from(number("LOAD_RESOURCES", 40)).unwrap();
    let scenario = Scenario::start().await.unwrap();
    let networks = Network::for_members(&scenario, count).await.unwrap();
    let mut members = Member::start_many(&scenario, &networks, count).await.unwrap();
    let before = scenario.world().await.unwrap();

    let (to_create, to_delete) = load::baseline(&scenario, &mut members).await.unwrap();
    before.assert_same(&scenario.world().await.unwrap(), "after the first alone");

    let created = load::at_once(&scenario, &mut members, LoadOp::Create, &to_create).await.unwrap();
    assert_rush(&created, "created");
    assert_stand(&scenario.world().await.unwrap(), &before, &members);

    let deleted = load::at_once(&scenario, &mut members, LoadOp::Delete, &to_delete).await.unwrap();
    assert_rush(&deleted, "deleted");
    before.assert_same(&scenario.world().await.unwrap(), "after all were deleted at once");
}

/// Says how long it took, and how long it had to take; and that all succeeded.
#[track_caller]
fn assert_rush(result: &LoadResult, done: &str) {
    println!(
        "load: {} resources {done} in {:.0} s; the buckets allow {:.0} s ({}); {} calls, {} throttled; {} where nothing throttles",
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

/// That all answers are sound, and successes.
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
