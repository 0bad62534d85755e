//! Concurrent deliveries of one event, and concurrent events of stacks that share objects.
//!
//! In every order of their calls, every delivery succeeds. An object that another delivery created or deleted in the meantime is
//! no failure.

mod delivery;

use crate::generators::{EXISTING_ROLE_ARN, plain};
use crate::harness::Run;
use crate::interleavings::explore;
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK};
use delivery::{Delivery, EXISTS, Task, is_contended};
use jiff::Timestamp;
use karpenter_prereqs_core::observed::AuthenticationMode;
use serde_json::{Value, json};

/// Removes an object from the world.
type Removal = fn(&mut World);

/// The world, and the progress of each delivery.
#[derive(Clone, Debug)]
struct State {
    world: World,
    deliveries: Vec<Delivery>,
    /// Whether the process of the first delivery was killed and the event delivered again. It is killed at most once.
    was_killed: bool,
}

impl State {
    fn first(world: &World, tasks: &[Task]) -> Self {
        let deliveries = tasks.iter().map(|_| Delivery::default()).collect();
        Self { world: world.clone(), deliveries, was_killed: false }
    }

    fn successors(&self, tasks: &[Task]) -> Vec<(&'static str, Self)> {
        const ACTORS: [&str; 3] = ["first", "second", "third"];
        let mut all = Vec::new();
        for (index, (delivery, task)) in self.deliveries.iter().zip(tasks).enumerate() {
            let Some((delivery, world)) = delivery.successor(&self.world, task) else { continue };
            let mut next = Self { world, ..self.clone() };
            next.deliveries[index] = delivery;
            all.push((ACTORS[index], next));
        }
        let first = &self.deliveries[0];
        if !self.was_killed && first.ended.is_none() && first.steps.is_some() {
            let mut next = Self { was_killed: true, ..self.clone() };
            next.deliveries[0] = Delivery::default();
            all.push(("the first is killed", next));
        }
        all
    }
}

/// Explores all orders, and returns the number of states. At the end of each order, every delivery must have succeeded, and a
/// second run must plan nothing.
fn check_all_succeed(world: &World, tasks: &[Task]) -> usize {
    explore(
        State::first(world, tasks),
        |state| state.successors(tasks),
        |state, trace| {
            for (delivery, task) in state.deliveries.iter().zip(tasks) {
                assert_eq!(delivery.ended, Some(Ok(())), "\n{}", trace());
                let plan = task.plan(&state.world).unwrap();
                let steps: Vec<_> = plan.steps().map(|(_, step, _)| step.clone()).filter(is_contended).collect();
                assert!(steps.is_empty(), "a second run would apply {steps:?}\n{}", trace());
            }
        },
    )
}

/// Returns properties with which the resource creates every object: provider, roles, profile, access entry and association.
fn everything() -> Value {
    json!({"OidcProvider": "Create", "ControllerIdentity": ["IRSA", "PodIdentity"]})
}

/// Returns an account without OIDC providers, whose cluster `demo` has one subnet and one security group without tags.
fn world(mode: AuthenticationMode) -> World {
    let mut world = plain();
    world.oidc_providers.clear();
    world.resources.clear();
    world.demo().subnet_ids = ["subnet-0000000a".to_owned()].into();
    world.resources.insert("subnet-0000000a".to_owned(), [].into());
    world.resources.insert("sg-0000000a".to_owned(), [].into());
    world.demo().cluster.authentication_mode = mode;
    world
}

#[test]
fn concurrent_creates_in_every_order_succeed() {
    let world = world(AuthenticationMode::ApiAndConfigMap);
    let two = [(); 2].map(|()| Task::new(STACK, &everything()));
    let states = check_all_succeed(&world, &two);
    assert!(400 < states, "only {states} states");
}

/// The access entry belongs to a deleted role of the same name. One delivery may delete the entry that another one has just
/// created.
#[test]
fn creates_with_outdated_access_entry_in_every_order_succeed() {
    let task = || Task::new(STACK, &json!({}));
    let creator = task();
    let mut world = plain();
    world.demo().cluster.authentication_mode = AuthenticationMode::ApiAndConfigMap;
    let created = creator.resource.reconcile(&world, &creator.spec, None, Run::complete(&[])).unwrap();
    let mut outdated = created;
    outdated.demo().access_entries.values_mut().for_each(|entry| entry.created_at = Timestamp::UNIX_EPOCH);
    assert!(!creator.plan(&outdated).unwrap().is_empty(), "the plan keeps the outdated entry");
    let states = check_all_succeed(&outdated, &[task(), task(), task()]);
    assert!(500 < states, "only {states} states");
}

/// A delivery has read the outdated entry before another one replaced it and succeeded. Nodes join by the new entry, so the late
/// delivery must not delete it.
#[test]
fn late_delivery_keeps_access_entry_of_first() {
    let task = Task::new(STACK, &json!({}));
    let mut world = plain();
    world.demo().cluster.authentication_mode = AuthenticationMode::ApiAndConfigMap;
    let created = task.resource.reconcile(&world, &task.spec, None, Run::complete(&[])).unwrap();
    let mut outdated = created.clone();
    outdated.demo().access_entries.values_mut().for_each(|entry| entry.created_at = Timestamp::UNIX_EPOCH);
    let (mut late, _) = Delivery::default().successor(&outdated, &task).unwrap();
    let mut world = created.clone();
    while let Some((next, after)) = late.successor(&world, &task) {
        assert_eq!(after, created, "after {late:?}");
        (late, world) = (next, after);
    }
    assert_eq!(late.ended, Some(Ok(())));
}

/// All objects but one exist. Three deliveries create the missing object.
#[test]
fn three_creates_in_every_order_create_each_object_once() {
    let task = || Task::new(STACK, &everything());
    let creator = task();
    let world = world(AuthenticationMode::ApiAndConfigMap);
    let created = creator.resource.reconcile(&world, &creator.spec, None, Run::complete(&[])).unwrap();
    let removals: [(&str, Removal); 5] = [
        ("provider", |world| world.oidc_providers.clear()),
        ("profile", |world| world.profiles.clear()),
        ("role in the profile", |world| world.profiles.values_mut().for_each(|profile| profile.roles.clear())),
        ("access entry", |world| world.demo().access_entries.clear()),
        ("association", |world| world.demo().associations.clear()),
    ];
    for (object, remove) in removals {
        let mut world = created.clone();
        remove(&mut world);
        assert!(!creator.plan(&world).unwrap().is_empty(), "{object}: nothing is missing");
        let states = check_all_succeed(&world, &[task(), task(), task()]);
        assert!(100 < states, "{object}: only {states} states");
    }
    for role in ["karpenternoderole-demo", "karpentercontrollerrole-demo"] {
        let mut world = created.clone();
        world.roles.remove(role).unwrap();
        // IAM deletes no role that a profile contains.
        world.profiles.values_mut().for_each(|profile| profile.roles.retain(|name| !name.eq_ignore_ascii_case(role)));
        let states = check_all_succeed(&world, &[task(), task(), task()]);
        assert!(100 < states, "{role}: only {states} states");
    }
}

/// Three deliveries edit aws-auth, with and without an existing ConfigMap.
#[test]
fn three_creates_in_every_order_edit_aws_auth_once() {
    let task = || Task::new(STACK, &json!({"NodeAccess": "AwsAuth"}));
    for has_config_map in [true, false] {
        let mut before = plain();
        if !has_config_map {
            before.demo().aws_auth = None;
        }
        let creator = task();
        let aws_auth = before.demo().aws_auth.clone();
        let mut created = creator.resource.reconcile(&before, &creator.spec, None, Run::complete(&[])).unwrap();
        created.demo().aws_auth = aws_auth;
        let states = check_all_succeed(&created, &[task(), task(), task()]);
        assert!(50 < states, "only {states} states");
    }
}

/// Two stacks with their own controller roles create what they share on a cluster: the provider, and the access entry of an
/// existing node role. At the end, both objects have the markers of both stacks.
#[test]
fn sharing_stacks_in_every_order_succeed() {
    let properties = |name: &str| json!({"OidcProvider": "Create", "NodeRoleArn": EXISTING_ROLE_ARN, "ControllerRoleName": name, "InstanceProfileName": name});
    let world = world(AuthenticationMode::ApiAndConfigMap);
    let tasks = [Task::new(STACK, &properties("one")), Task::new(OTHER_STACK, &properties("two"))];
    let states = check_all_succeed(&world, &tasks);
    assert!(500 < states, "only {states} states");
}

/// A failed delivery removes what it created, while other deliveries create it. In any order of the calls, these do not fail
/// because an object exists.
#[test]
fn create_during_teardown_never_fails_on_existing_object() {
    let world = world(AuthenticationMode::ApiAndConfigMap);
    let creator = Task::new(STACK, &everything());
    let created = creator.resource.reconcile(&world, &creator.spec, None, Run::complete(&[])).unwrap();
    let removals: [Removal; 4] = [
        |world| world.oidc_providers.clear(),
        |world| world.profiles.clear(),
        |world| world.demo().access_entries.clear(),
        |world| world.demo().associations.clear(),
    ];
    let mut states = 0;
    for remove in removals {
        let mut world = created.clone();
        remove(&mut world);
        let tasks = [
            Task::new(STACK, &everything()),
            Task::new(STACK, &everything()),
            Task { tears_down: true, ..Task::new(STACK, &everything()) },
        ];
        // The other tests cover a killed process.
        let first = State { was_killed: true, ..State::first(&world, &tasks) };
        states += explore(
            first,
            |state| state.successors(&tasks),
            |state, trace| {
                for delivery in &state.deliveries {
                    let failed = delivery.ended.as_ref().and_then(|ended| ended.as_ref().err());
                    let is_because_of_existing = |error: &&String| {
                        error.ends_with("the object exists") || EXISTS.iter().any(|code| error.ends_with(code))
                    };
                    assert_eq!(failed.filter(is_because_of_existing), None, "\n{}", trace());
                }
            },
        );
    }
    assert!(1_000 < states, "only {states} states");
}
