//! One delivery of an event as the function processes it: the calls of a plan, and the reads and decisions between them.

use crate::harness::Resource;
use crate::model::World;
use crate::properties::spec_of;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::config_map::{self, Change, Edit};
use karpenter_prereqs_core::identity::aws_names::issuer_without_scheme;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::identity::ownership::Marker;
use karpenter_prereqs_core::observed::ConfigMap;
use karpenter_prereqs_core::plan::{
    Ec2Step, EditAwsAuth, Effect, EksStep, ExistingInEks, ExistingInIam, IamStep, Plan, Recheck, Resolution, Step,
    Verb, resolve_in_eks, resolve_in_iam,
};
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};

/// The error codes for an object that exists. `LimitExceeded`: the profile already contains a role.
pub(super) const EXISTS: [&str; 3] = ["EntityAlreadyExists", "LimitExceeded", "ResourceInUseException"];

/// The error codes for an object that does not exist.
const MISSING: [&str; 2] = ["NoSuchEntity", "ResourceNotFoundException"];

/// What one delivery does.
pub(super) struct Task {
    pub(super) resource: Resource,
    pub(super) spec: Spec,
    pub(super) tears_down: bool,
}

/// The progress of one delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Delivery {
    /// The steps that are left. `None`: the delivery has not read a snapshot yet.
    pub(super) steps: Option<VecDeque<Step>>,
    phase: Phase,
    /// The result, if the delivery has ended.
    pub(super) ended: Option<Result<(), String>>,
}

/// The next action of the first step.
#[derive(Clone, Debug, Default, PartialEq)]
enum Phase {
    /// The call. For aws-auth and for an outdated access entry: the read before the call.
    #[default]
    Call,
    /// The read after the call has failed because the object exists.
    Resolve,
    /// The call that tags the existing object instead.
    Tag(Step),
    /// The deletion of the outdated access entry that was read.
    Delete,
    /// The write to aws-auth, if it is still the version that was read.
    Write(Option<ConfigMap>),
    /// The release of the fields after an entry was removed from aws-auth.
    Release,
}

impl Task {
    pub(super) fn new(stack: &str, properties: &Value) -> Self {
        Self { resource: Resource::new(stack, "Prereqs"), spec: spec_of(properties.clone()), tears_down: false }
    }

    pub(super) fn plan(&self, world: &World) -> Result<Plan, String> {
        let planned = if self.tears_down {
            let planned = self.resource.plan_teardown_recheck(world, &self.spec, &Plan::default(), Recheck::Everything);
            planned.map(|planned| planned.plan)
        } else {
            self.resource.plan(world, &self.spec, None).map(|planned| planned.plan)
        };
        planned.map_err(|problems| problems.to_string())
    }

    fn own(&self) -> BTreeSet<Marker> {
        [self.resource.generation(&self.spec).marker()].into()
    }
}

/// Returns whether concurrent deliveries can disturb the step: it creates or deletes an object, or changes an object that others
/// use too. All deliveries of one event change an existing role in the same way.
pub(super) fn is_contended(step: &Step) -> bool {
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
    /// Returns the delivery and the world after one more action, or `None` if the delivery has ended.
    pub(super) fn successor(&self, world: &World, task: &Task) -> Option<(Self, World)> {
        if self.ended.is_some() {
            return None;
        }
        let (mut next, mut world) = (self.clone(), world.clone());
        match &next.steps {
            None => match task.plan(&world) {
                Ok(plan) => {
                    next.steps = Some(plan.steps().map(|(_, step, _)| step.clone()).filter(is_contended).collect());
                }
                Err(problems) => next.ended = Some(Err(problems)),
            },
            Some(steps) => match steps.front().cloned() {
                None => next.ended = Some(Ok(())),
                Some(step) => match next.act(&step, &mut world, task) {
                    Ok(None) => next.finish_step(),
                    Ok(Some(phase)) => next.phase = phase,
                    Err(code) => next.ended = Some(Err(format!("{step}: {code}"))),
                },
            },
        }
        Some((next, world))
    }

    fn finish_step(&mut self) {
        self.phase = Phase::Call;
        self.steps.iter_mut().for_each(|steps| drop(steps.pop_front()));
    }

    /// Performs the next action of the first step. Returns the phase after it, or `None` if the step is done.
    fn act(&self, step: &Step, world: &mut World, task: &Task) -> Result<Option<Phase>, String> {
        let cluster = task.spec.cluster_name.as_str();
        match &self.phase {
            Phase::Call => match step {
                Step::Eks(EksStep::DeleteAccessEntry { principal_arn, only_created_at: Some(at), .. }) => {
                    let found = world.clusters[cluster].access_entries.get(principal_arn);
                    Ok(found.filter(|found| found.created_at == *at).map(|_| Phase::Delete))
                }
                Step::AwsAuth(EditAwsAuth { .. }) => Ok(Some(Phase::Write(world.clusters[cluster].aws_auth.clone()))),
                step => match world.apply_step(step, cluster) {
                    Err(code) if is_removal(step) && is_one_of(&MISSING, &code) => Ok(None),
                    Err(code) if is_one_of(&EXISTS, &code) => Ok(Some(Phase::Resolve)),
                    result => result.map(|()| None),
                },
            },
            Phase::Resolve => match resolve(step, world, task) {
                Resolution::Done => Ok(None),
                Resolution::Retry => Ok(Some(Phase::Call)),
                Resolution::Tag(tag) => Ok(Some(Phase::Tag(tag))),
                Resolution::Fail => Err("the object exists".to_owned()),
            },
            Phase::Tag(tag) => match world.apply_step(tag, cluster) {
                Err(code) if is_one_of(&MISSING, &code) => Ok(Some(Phase::Call)),
                result => result.map(|()| None),
            },
            Phase::Delete => {
                let Step::Eks(EksStep::DeleteAccessEntry { principal_arn, .. }) = step else {
                    return Err(format!("{step} deletes no access entry"));
                };
                // EKS deletes by name. It accepts no condition on the creation time.
                world.clusters.get_mut(cluster).unwrap().access_entries.remove(principal_arn);
                Ok(None)
            }
            Phase::Write(read) => {
                let Step::AwsAuth(EditAwsAuth { change, .. }) = step else {
                    return Err(format!("{step} is no edit of aws-auth"));
                };
                if world.clusters[cluster].aws_auth != *read {
                    return Ok(Some(Phase::Call));
                }
                let edit = config_map::edit(read.as_ref(), change).map_err(|error| error.to_string())?;
                let verb = match edit {
                    Edit::None => return Ok(None),
                    Edit::Create(_) => Verb::Create,
                    Edit::Replace(_) => Verb::Update,
                    Edit::Delete => Verb::Delete,
                };
                let is_removal = matches!(change, Change::RemoveEntry { .. });
                let step = Step::AwsAuth(EditAwsAuth { change: change.clone(), verb });
                world.apply_step(&step, cluster).map(|()| is_removal.then_some(Phase::Release))
            }
            Phase::Release => {
                let eks = world.clusters.get_mut(cluster).unwrap();
                if let Ok(Edit::Replace(map)) = config_map::edit(eks.aws_auth.as_ref(), &Change::ReleaseFields) {
                    eks.aws_auth = Some(map);
                }
                Ok(None)
            }
        }
    }
}

/// Decides what follows a call that has failed because the object exists.
fn resolve(step: &Step, world: &World, task: &Task) -> Resolution<Step> {
    let (eks, own) = (&world.clusters[&task.spec.cluster_name], task.own());
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
            into_any_step(resolve_in_iam(step, existing, &own))
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
            into_any_step(resolve_in_eks(step, existing, &own))
        }
        Step::Ec2(_) | Step::AwsAuth(_) => panic!("{step} creates nothing"),
    }
}

fn into_any_step<S: Into<Step>>(resolution: Resolution<S>) -> Resolution<Step> {
    match resolution {
        Resolution::Done => Resolution::Done,
        Resolution::Retry => Resolution::Retry,
        Resolution::Tag(step) => Resolution::Tag(step.into()),
        Resolution::Fail => Resolution::Fail,
    }
}
