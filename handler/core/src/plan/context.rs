//! The arguments of all planners: the generations that are reconciled or torn down, the snapshot, and the draft of the plan.

use super::problem::Problem;
use super::step::{Plan, Step, StepId, TaggedObject};
use super::warning::Warning;
use crate::desired::spec::Spec;
use crate::identity::ownership::{
    Generation, Marker, OWNER_KEY, Owner, Tags, has_foreign_marker, is_in_aws_auth, marker_keys,
};
use crate::observed::{Cluster, Observed};
use std::collections::BTreeSet;

/// A generation that is reconciled, and the snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The desired state.
    pub(super) spec: &'a Spec,
    /// As [`Target::previous`](super::target::Target::previous).
    pub(super) previous: Option<&'a Spec>,
    pub(super) owner: &'a Owner,
    /// The generation of `spec`.
    pub(super) generation: &'a Generation,
    /// The marker of `generation`, as a set.
    pub(super) markers: &'a BTreeSet<Marker>,
    pub(super) observed: &'a Observed,
}

/// Generations that are torn down, and the snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teardown<'a> {
    /// The properties that name the objects.
    pub(super) spec: &'a Spec,
    pub(super) torn_down: TornDown<'a>,
    pub(super) observed: &'a Observed,
}

/// The generations that are torn down.
#[derive(Clone, Copy, Debug)]
pub struct TornDown<'a> {
    /// The markers of these generations.
    pub markers: &'a BTreeSet<Marker>,
    /// The stack and the resource that they belong to.
    pub owner: &'a Owner,
    /// The plans that this teardown has carried out already, none at first. A later snapshot is a recheck: other generations may
    /// have been created or torn down in the meantime.
    pub earlier: &'a [Plan],
}

/// The objects that must be read again after a teardown, because it keeps them for other generations. Those may be torn down at
/// the same moment, and each teardown may still read the marker of the other. The last snapshot has no foreign marker, so its
/// plan deletes the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recheck {
    /// No object. No other snapshot is needed.
    #[default]
    Nothing,
    /// The OIDC provider alone, because generations with different object names share nothing else. The next snapshot needs only
    /// the provider, the roles that trust it and the cluster.
    OidcProvider,
    /// A role, the instance profile, an access entry or an association. The next snapshot needs everything.
    Everything,
}

/// A plan that is not complete yet, with the problems and warnings that were found.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) plan: Plan,
    pub(super) problems: Vec<Problem>,
    /// The warnings for the attribute `Warnings`. The warnings of a teardown are for the log.
    pub(super) warnings: Vec<Warning>,
    /// Whether the plan adds this generation's first marker to an object that has the marker of another generation. The other
    /// generation may be torn down at the same moment, and may have read the object before the marker was added.
    pub(super) joins_others: bool,
}

/// The steps that create IAM objects or tag them with this generation's marker, each if it is planned. Other steps depend on
/// them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IamSteps {
    /// The step of the node role. If this stack did not create the role, the step in which IAM checks iam:PassRole on it.
    pub(super) node_role: Option<StepId>,
    pub(super) instance_profile: Option<StepId>,
    pub(super) controller_role: Option<StepId>,
    /// The step that writes the trust policy of the controller role.
    pub(super) trust: Option<StepId>,
}

/// The step that deletes an object, or that removes the markers of these generations from it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RemovalStep {
    pub(super) step: Option<StepId>,
    /// Whether the object is kept for other generations.
    pub(super) is_shared: bool,
}

impl<'a> Context<'a> {
    /// Returns the teardown of this generation, for one object that it no longer needs. The generation itself stays.
    ///
    /// Example: `NodeAccess` changes from `AccessEntry` to `AwsAuth`. After the entry in aws-auth exists, the access entry is
    /// handled as in a teardown of this generation. It is deleted, or it loses this generation's marker if another generation
    /// uses it.
    pub(super) fn torn_down(self) -> TornDown<'a> {
        TornDown { markers: self.markers, owner: self.owner, earlier: &[] }
    }

    /// Returns the teardown of [`Context::torn_down`] with the same snapshot.
    pub(super) fn teardown(self) -> Teardown<'a> {
        Teardown { spec: self.spec, torn_down: self.torn_down(), observed: self.observed }
    }

    /// Returns the tags of an object that is created: the user's tags, the owner tag and the marker.
    pub(super) fn tags(self, marker_value: &str) -> Tags {
        let mut tags = self.spec.tags.clone();
        tags.insert(OWNER_KEY.to_owned(), self.owner.tag_value());
        tags.insert(self.generation.marker().key().to_owned(), marker_value.to_owned());
        tags
    }

    /// Returns the marker value for the node role or the instance profile, whose tags are `found`. It records that aws-auth may
    /// have an entry if an entry is desired, or if the current value records it. It is reset in another step after the entry is
    /// removed.
    pub(super) fn marker_value(self, found: Option<&Tags>) -> String {
        let wants = |cluster: &Cluster| self.spec.node_access.wants_aws_auth(cluster.authentication_mode);
        let in_aws_auth = self.observed.cluster.as_ref().is_some_and(wants)
            || found.is_some_and(|tags| is_in_aws_auth(tags, self.markers));
        self.generation.marker_value(in_aws_auth)
    }

    /// Returns whether an object with these tags has the marker of another generation.
    pub(super) fn has_foreign_marker(self, tags: &Tags) -> bool {
        has_foreign_marker(tags, self.markers)
    }
}

impl TornDown<'_> {
    /// Returns whether the snapshot was read after a plan of this teardown was carried out.
    pub(super) fn is_recheck(self) -> bool {
        !self.earlier.is_empty()
    }

    /// Returns whether the teardown deletes an object with these tags. It does, if all of these are true:
    ///
    /// - A resource of this kind created the object.
    /// - No other generation has a marker on it.
    /// - It has a marker of these generations, or an earlier plan of this teardown has removed it, or this stack created the
    ///   object. In the last case, an object without any marker is left over: the process that removed the last marker was killed
    ///   before it deleted the object.
    pub(super) fn deletes(self, object: TaggedObject<'_>, tags: &Tags) -> bool {
        let has_lost_marker = || self.earlier.iter().any(|plan| object.is_untagged_by(plan));
        let is_ours = !self.keys(tags).is_empty() || self.owner.is_same_stack(tags) || has_lost_marker();
        tags.contains_key(OWNER_KEY) && is_ours && !has_foreign_marker(tags, self.markers)
    }

    /// Returns whether an object with these tags is adopted, and is kept although no other generation uses it.
    pub(super) fn keeps_adopted(self, tags: &Tags) -> bool {
        !tags.contains_key(OWNER_KEY) && !self.keys(tags).is_empty() && !has_foreign_marker(tags, self.markers)
    }

    /// Returns the keys of the markers of these generations on an object.
    pub(super) fn keys(self, tags: &Tags) -> BTreeSet<String> {
        marker_keys(self.markers, tags)
    }
}

impl Recheck {
    /// Returns [`Recheck::Everything`] if an object is shared, and [`Recheck::Nothing`] otherwise.
    pub(super) fn everything_if(is_shared: bool) -> Self {
        if is_shared { Self::Everything } else { Self::Nothing }
    }
}

impl Draft {
    /// Adds a step that is carried out after its dependencies, and returns its id.
    pub(super) fn add(&mut self, step: impl Into<Step>, needs: impl IntoIterator<Item = StepId>) -> StepId {
        self.plan.add(step, needs)
    }

    /// Adds a problem, if there is one.
    pub(super) fn report(&mut self, problem: impl Into<Option<Problem>>) {
        self.problems.extend(problem.into());
    }
}
