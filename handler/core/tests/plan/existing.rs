//! Deliveries of one event, and stacks that share, at the same moment: whatever exists when it is to be created, or is gone when
//! it is looked for, every delivery succeeds, in every order of their calls.

use crate::every_order::every_order;
use crate::life::Resource;
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, spec_of};
use crate::worlds::{GIVEN_ROLE, plain};
use jiff::Timestamp;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::config_map;
use karpenter_prereqs_core::identity::aws_names::issuer_without_scheme;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::identity::ownership::Marker;
use karpenter_prereqs_core::observed::{AuthenticationMode, ConfigMap};
use karpenter_prereqs_core::plan::{
    Ec2Step, EditAwsAuth, Effect, EksStep, ExistingInEks, ExistingInIam, IamStep, Plan, Recheck, Resolution, Step,
    Verb, resolve_in_eks, resolve_in_iam,
};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};

/// What services say of an object that is there already, a role in a profile too, and of one that is not.
const EXISTS: [&str; 3] = ["EntityAlreadyExists", "LimitExceeded", "ResourceInUseException"];
const MISSING: [&str; 2] = ["NoSuchEntity", "ResourceNotFoundException"];

/// Takes something out of the world.
type Take = fn(&mut World);

/// What one delivery is for.
struct Task {
    resource: Resource,
    spec: Spec,
    tears_down: bool,
}

/// How far one delivery is.
#[derive(Clone, Debug, Default, PartialEq)]
struct Delivery {
    /// `None` before it has read the world.
    steps: Option<VecDeque<Step>>,
    phase: Phase,
    /// How it ended.
    ended: Option<Result<(), String>>,
}

/// What comes next of the first step.
#[derive(Clone, Debug, Default, PartialEq)]
enum Phase {
    /// Its call; for aws-auth and a dead access entry, the read before it.
    #[default]
    Calls,
    /// The read after a problem.
    Resolves,
    /// This call in its place.
    Tags(Step),
    /// The deletion of what was read.
    Deletes,
    /// The write of what was read.
    Writes(Option<ConfigMap>),
}

/// The world, and how far each delivery is.
#[derive(Clone, Debug)]
struct Moment {
    world: World,
    deliveries: Vec<Delivery>,
    /// The first delivery may be cut off once, and begin anew.
    is_cut_off: bool,
}

impl Task {
    fn new(stack: &str, properties: &Value) -> Self {
        Self { resource: Resource::of(stack, "Prereqs"), spec: spec_of(properties.clone()), tears_down: false }
    }

    fn plan(&self, world: &World) -> Result<Plan, String> {
        let planned = if self.tears_down {
            self.resource.plan_release_again(world, &self.spec, Recheck::Everything).map(|released| released.plan)
        } else {
            self.resource.plan(world, &self.spec, None).map(|converged| converged.plan)
        };
        planned.map_err(|refused| refused.to_string())
    }

    fn ours(&self) -> BTreeSet<Marker> {
        [self.resource.generation(&self.spec).marker()].into()
    }
}

/// Whether a step creates or deletes an object, or is about an object that others use too: what is done to a role that is there
/// meets nobody.
fn is_contended(step: &Step) -> bool {
    !matches!(
        step,
        Step::Iam(IamStep::AttachRolePolicy { .. } | IamStep::UpdateAssumeRolePolicy { .. })
            | Step::Ec2(
                Ec2Step::CreateTags { .. }
                    | Ec2Step::VerifyTags { .. }
                    | Ec2Step::AnnounceTagRemoval { .. }
                    | Ec2Step::RemoveUnclaimedTags { .. }
            )
    )
}

fn is_removal(step: &Step) -> bool {
    step.effect() == Effect::Remove
}

fn is_one_of(codes: &[&str], code: &str) -> bool {
    codes.contains(&code)
}

impl Delivery {
    /// One action more; `None` when it has ended.
    fn after(&self, world: &World, task: &Task) -> Option<(Self, World)> {
        if self.ended.is_some() {
            return None;
        }
        let (mut next, mut world) = (self.clone(), world.clone());
        match &next.steps {
            None => match task.plan(&world) {
                Ok(plan) => {
                    next.steps = Some(plan.steps().map(|(_, step, _)| step.clone()).filter(is_contended).collect());
                }
                Err(refused) => next.ended = Some(Err(refused)),
            },
            Some(steps) => match steps.front().cloned() {
                None => next.ended = Some(Ok(())),
                Some(step) => match next.acts(&step, &mut world, task) {
                    Ok(None) => next.done(),
                    Ok(Some(phase)) => next.phase = phase,
                    Err(code) => next.ended = Some(Err(format!("{step}: {code}"))),
                },
            },
        }
        Some((next, world))
    }

    fn done(&mut self) {
        self.phase = Phase::Calls;
        self.steps.iter_mut().for_each(|steps| drop(steps.pop_front()));
    }

    /// The next action of the first step: what comes after it, or nothing.
    fn acts(&self, step: &Step, world: &mut World, task: &Task) -> Result<Option<Phase>, String> {
        let cluster = task.spec.cluster_name.as_str();
        match &self.phase {
            Phase::Calls => match step {
                Step::Eks(EksStep::DeleteAccessEntry { principal_arn, only_created_at: Some(at), .. }) => {
                    let found = world.clusters[cluster].access_entries.get(principal_arn);
                    Ok(found.filter(|found| found.created_at == *at).map(|_| Phase::Deletes))
                }
                Step::AwsAuth(EditAwsAuth { .. }) => Ok(Some(Phase::Writes(world.clusters[cluster].aws_auth.clone()))),
                step => match world.carry_out(step, cluster) {
                    Err(code) if is_removal(step) && is_one_of(&MISSING, &code) => Ok(None),
                    Err(code) if is_one_of(&EXISTS, &code) => Ok(Some(Phase::Resolves)),
                    result => result.map(|()| None),
                },
            },
            Phase::Resolves => match resolved(step, world, task) {
                Resolution::Done => Ok(None),
                Resolution::Retry => Ok(Some(Phase::Calls)),
                Resolution::Tag(tag) => Ok(Some(Phase::Tags(tag))),
                Resolution::Fail => Err("it exists".to_owned()),
            },
            Phase::Tags(tag) => match world.carry_out(tag, cluster) {
                Err(code) if is_one_of(&MISSING, &code) => Ok(Some(Phase::Calls)),
                result => result.map(|()| None),
            },
            Phase::Deletes => {
                let Step::Eks(EksStep::DeleteAccessEntry { principal_arn, .. }) = step else {
                    return Err("no deletion".to_owned());
                };
                // By its name: EKS takes no condition.
                world.clusters.get_mut(cluster).unwrap().access_entries.remove(principal_arn);
                Ok(None)
            }
            Phase::Writes(read) => {
                let Step::AwsAuth(EditAwsAuth { change, .. }) = step else { return Err("no edit".to_owned()) };
                if world.clusters[cluster].aws_auth != *read {
                    return Ok(Some(Phase::Calls));
                }
                let edit = config_map::edit(read.as_ref(), change).map_err(|error| error.to_string())?;
                let verb = match edit {
                    config_map::Edit::None => return Ok(None),
                    config_map::Edit::Create(_) => Verb::Create,
                    config_map::Edit::Replace(_) => Verb::Update,
                    config_map::Edit::Delete => Verb::Delete,
                };
                world.carry_out(&Step::AwsAuth(EditAwsAuth { change: change.clone(), verb }), cluster).map(|()| None)
            }
        }
    }
}

/// What comes of a problem, once the function has read what exists.
fn resolved(step: &Step, world: &World, task: &Task) -> Resolution<Step> {
    let (eks, ours) = (&world.clusters[&task.spec.cluster_name], task.ours());
    match step {
        Step::Iam(step) => {
            let existing = match step {
                IamStep::CreateRole { name, .. } => ExistingInIam::Role(world.role(name)),
                IamStep::CreateInstanceProfile { name, .. } | IamStep::AddRoleToInstanceProfile { name, .. } => {
                    ExistingInIam::InstanceProfile(world.profiles.get(&name.to_lowercase()))
                }
                IamStep::CreateOpenIdConnectProvider { url, .. } => {
                    let arn = task.spec.scope.oidc_provider_arn(issuer_without_scheme(url));
                    ExistingInIam::OidcProvider(world.oidc_providers.get(&arn))
                }
                step => panic!("{step} creates nothing"),
            };
            of_any_service(resolve_in_iam(step, existing, &ours))
        }
        Step::Eks(step) => {
            let existing = match step {
                EksStep::CreateAccessEntry { principal_arn, .. } => {
                    ExistingInEks::AccessEntry(eks.access_entries.get(principal_arn))
                }
                EksStep::CreatePodIdentityAssociation { namespace, service_account, .. } => {
                    let account = ServiceAccount { namespace: namespace.clone(), name: service_account.clone() };
                    ExistingInEks::PodIdentityAssociation(eks.associations.get(&account))
                }
                step => panic!("{step} creates nothing"),
            };
            of_any_service(resolve_in_eks(step, existing, &ours))
        }
        Step::Ec2(_) | Step::AwsAuth(_) => panic!("{step} creates nothing"),
    }
}

fn of_any_service<S: Into<Step>>(resolution: Resolution<S>) -> Resolution<Step> {
    match resolution {
        Resolution::Done => Resolution::Done,
        Resolution::Retry => Resolution::Retry,
        Resolution::Tag(step) => Resolution::Tag(step.into()),
        Resolution::Fail => Resolution::Fail,
    }
}

impl Moment {
    fn first(world: &World, tasks: &[Task]) -> Self {
        let deliveries = tasks.iter().map(|_| Delivery::default()).collect();
        Self { world: world.clone(), deliveries, is_cut_off: false }
    }

    fn next(&self, tasks: &[Task]) -> Vec<(&'static str, Self)> {
        const TURNS: [&str; 3] = ["first", "second", "third"];
        let mut all = Vec::new();
        for (at, (delivery, task)) in self.deliveries.iter().zip(tasks).enumerate() {
            let Some((delivery, world)) = delivery.after(&self.world, task) else { continue };
            let mut next = Self { world, ..self.clone() };
            next.deliveries[at] = delivery;
            all.push((TURNS[at], next));
        }
        let first = &self.deliveries[0];
        if !self.is_cut_off && first.ended.is_none() && first.steps.is_some() {
            let mut next = Self { is_cut_off: true, ..self.clone() };
            next.deliveries[0] = Delivery::default();
            all.push(("the first is cut off", next));
        }
        all
    }
}

/// Walks all orders: every delivery succeeds, and in the end none of them would do anything more. Gives the number of moments.
fn all_succeed(world: &World, tasks: &[Task]) -> usize {
    every_order(
        Moment::first(world, tasks),
        |moment| moment.next(tasks),
        |moment, way| {
            for (delivery, task) in moment.deliveries.iter().zip(tasks) {
                assert_eq!(delivery.ended, Some(Ok(())), "\n{}", way());
                let left = task.plan(&moment.world).unwrap();
                let left: Vec<_> = left.steps().map(|(_, step, _)| step.clone()).filter(is_contended).collect();
                assert!(left.is_empty(), "a second run would {left:?}\n{}", way());
            }
        },
    )
}

/// Everything is created by it: provider, roles, profile, access entry and association.
fn everything() -> Value {
    json!({"OidcProvider": "Create", "ControllerIdentity": ["IRSA", "PodIdentity"]})
}

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
fn deliveries_of_a_create_all_succeed_in_every_order() {
    let world = world(AuthenticationMode::ApiAndConfigMap);
    let two = [(); 2].map(|()| Task::new(STACK, &everything()));
    let moments = all_succeed(&world, &two);
    assert!(400 < moments, "only {moments} moments");
}

/// The access entry is of a former role of that name: one delivery may delete what another has created anew.
#[test]
fn deliveries_with_a_dead_access_entry_all_succeed_in_every_order() {
    let task = || Task::new(STACK, &json!({}));
    let here = task();
    let mut world = plain();
    world.demo().cluster.authentication_mode = AuthenticationMode::ApiAndConfigMap;
    let made = here.resource.converge(&world, &here.spec, None, crate::life::Run::whole(&[])).unwrap();
    let mut dead = made;
    dead.demo().access_entries.values_mut().for_each(|entry| entry.created_at = Timestamp::UNIX_EPOCH);
    assert!(!here.plan(&dead).unwrap().is_empty(), "the entry is alive");
    let moments = all_succeed(&dead, &[task(), task(), task()]);
    assert!(500 < moments, "only {moments} moments");
}

/// A delivery that read the dead entry goes on when another has created the entry anew, and has succeeded: nodes join by that.
#[test]
fn late_delivery_keeps_the_access_entry_of_the_first() {
    let task = Task::new(STACK, &json!({}));
    let mut world = plain();
    world.demo().cluster.authentication_mode = AuthenticationMode::ApiAndConfigMap;
    let made = task.resource.converge(&world, &task.spec, None, crate::life::Run::whole(&[])).unwrap();
    let mut dead = made.clone();
    dead.demo().access_entries.values_mut().for_each(|entry| entry.created_at = Timestamp::UNIX_EPOCH);
    let (mut late, _) = Delivery::default().after(&dead, &task).unwrap();
    let mut world = made.clone();
    while let Some((next, after)) = late.after(&world, &task) {
        assert_eq!(after, made, "after {late:?}");
        (late, world) = (next, after);
    }
    assert_eq!(late.ended, Some(Ok(())));
}

/// One object after the other is created by three deliveries, while all else is there.
#[test]
fn three_deliveries_create_each_object_once_in_every_order() {
    let task = || Task::new(STACK, &everything());
    let here = task();
    let world = world(AuthenticationMode::ApiAndConfigMap);
    let made = here.resource.converge(&world, &here.spec, None, crate::life::Run::whole(&[])).unwrap();
    let without: [(&str, Take); 5] = [
        ("provider", |world| world.oidc_providers.clear()),
        ("profile", |world| world.profiles.clear()),
        ("role in the profile", |world| world.profiles.values_mut().for_each(|profile| profile.roles.clear())),
        ("access entry", |world| world.demo().access_entries.clear()),
        ("association", |world| world.demo().associations.clear()),
    ];
    for (what, take) in without {
        let mut world = made.clone();
        take(&mut world);
        assert!(!here.plan(&world).unwrap().is_empty(), "{what}: nothing is missing");
        let moments = all_succeed(&world, &[task(), task(), task()]);
        assert!(100 < moments, "{what}: only {moments} moments");
    }
    for role in ["karpenternoderole-demo", "karpentercontrollerrole-demo"] {
        let mut world = made.clone();
        world.roles.remove(role).unwrap();
        // The profile of a role that is gone is empty, and so are the entry and the association that were for it.
        world.profiles.values_mut().for_each(|profile| profile.roles.retain(|held| !held.eq_ignore_ascii_case(role)));
        let moments = all_succeed(&world, &[task(), task(), task()]);
        assert!(100 < moments, "{role}: only {moments} moments");
    }
}

/// aws-auth is edited by three deliveries, where there is one and where there is none.
#[test]
fn three_deliveries_edit_aws_auth_once_in_every_order() {
    let task = || Task::new(STACK, &json!({"NodeAccess": "AwsAuth"}));
    for has_config_map in [true, false] {
        let mut before = plain();
        if !has_config_map {
            before.demo().aws_auth = None;
        }
        let here = task();
        let aws_auth = before.demo().aws_auth.clone();
        let mut made = here.resource.converge(&before, &here.spec, None, crate::life::Run::whole(&[])).unwrap();
        made.demo().aws_auth = aws_auth;
        let moments = all_succeed(&made, &[task(), task(), task()]);
        assert!(50 < moments, "only {moments} moments");
    }
}

/// Two stacks create what they share on a cluster, each with its own roles: the provider, and the access entry of a node role that
/// both are given. Each bears the markers of both in the end.
#[test]
fn stacks_that_share_all_succeed_in_every_order() {
    let properties = |name: &str| json!({"OidcProvider": "Create", "NodeRoleArn": GIVEN_ROLE, "ControllerRoleName": name, "InstanceProfileName": name});
    let world = world(AuthenticationMode::ApiAndConfigMap);
    let tasks = [Task::new(STACK, &properties("one")), Task::new(OTHER_STACK, &properties("two"))];
    let moments = all_succeed(&world, &tasks);
    assert!(500 < moments, "only {moments} moments");
}

/// A delivery that failed takes back what it made while another creates it: whatever that one finds, it does not fail for an
/// object that exists.
#[test]
fn creation_beside_a_teardown_never_fails_for_what_exists() {
    let world = world(AuthenticationMode::ApiAndConfigMap);
    let here = Task::new(STACK, &everything());
    let made = here.resource.converge(&world, &here.spec, None, crate::life::Run::whole(&[])).unwrap();
    let objects: [Take; 4] = [
        |world| world.oidc_providers.clear(),
        |world| world.profiles.clear(),
        |world| world.demo().access_entries.clear(),
        |world| world.demo().associations.clear(),
    ];
    let mut moments = 0;
    for take in objects {
        let mut world = made.clone();
        take(&mut world);
        let tasks = [
            Task::new(STACK, &everything()),
            Task::new(STACK, &everything()),
            Task { tears_down: true, ..Task::new(STACK, &everything()) },
        ];
        // One that is cut off is proved above.
        let first = Moment { is_cut_off: true, ..Moment::first(&world, &tasks) };
        moments += every_order(
            first,
            |moment| moment.next(&tasks),
            |moment, way| {
                for delivery in &moment.deliveries {
                    let failed = delivery.ended.as_ref().and_then(|ended| ended.as_ref().err());
                    let is_for_what_exists =
                        |why: &&String| why.ends_with("it exists") || EXISTS.iter().any(|code| why.ends_with(code));
                    assert_eq!(failed.filter(is_for_what_exists), None, "\n{}", way());
                }
            },
        );
    }
    assert!(1_000 < moments, "only {moments} moments");
}
