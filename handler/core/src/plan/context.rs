//! What all planners take: what is reconciled or torn down in which world, and the draft to which they add steps.

use super::problem::Problem;
use super::step::{Plan, Step, StepId};
use super::warning::Warning;
use crate::desired::spec::Spec;
use crate::identity::ownership::{
    Generation, Marker, OWNER_KEY, Owner, Tags, has_foreign_marker, is_in_aws_auth, marker_keys,
};
use crate::observed::{Cluster, Observed};
use std::collections::BTreeSet;

/// A generation that is reconciled, and the world as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) spec: &'a Spec,
    pub(super) old: Option<&'a Spec>,
    pub(super) owner: &'a Owner,
    pub(super) generation: &'a Generation,
    /// The generation's marker alone.
    pub(super) markers: &'a BTreeSet<Marker>,
    pub(super) observed: &'a Observed,
}

/// Generations that are torn down, and the world as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teardown<'a> {
    /// The properties that name the objects.
    pub(super) spec: &'a Spec,
    pub(super) departing: Departing<'a>,
    pub(super) observed: &'a Observed,
}

/// The generations that are torn down.
#[derive(Clone, Copy, Debug)]
pub struct Departing<'a> {
    /// Their markers.
    pub markers: &'a BTreeSet<Marker>,
    /// The resource whose they are.
    pub owner: &'a Owner,
    /// Whether this is a snapshot after the teardown: other generations may have been created or torn down in the meantime.
    pub is_recheck: bool,
}

/// What is kept because other generations use it. They may be torn down at the same moment, and each may still see the other's
/// marker. So the function reads it again, and the last to read finds no marker but its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recheck {
    /// Nothing: no other snapshot is needed.
    #[default]
    Nothing,
    /// The OIDC provider alone: generations with names of their own share nothing else. The next snapshot is of the provider and the
    /// cluster.
    OidcProvider,
    /// A role, the profile, an access entry or an association: the next snapshot is of everything.
    Everything,
}

/// A plan that is being made: its steps, what speaks against it, and what the user should know.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) plan: Plan,
    pub(super) problems: Vec<Problem>,
    /// For the attribute `Warnings`; of a teardown, for the log.
    pub(super) warnings: Vec<Warning>,
}

/// The steps that make objects this generation's, each if it is planned: others may depend on them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IamSteps {
    /// Of a node role that this stack did not create, the step in which IAM lets it be passed.
    pub(super) node_role: Option<StepId>,
    pub(super) instance_profile: Option<StepId>,
    pub(super) controller_role: Option<StepId>,
    /// The step that has the controller role trust whom it should.
    pub(super) trust: Option<StepId>,
}

/// The step that removes an object, or this generation's part in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Removal {
    pub(super) step: Option<StepId>,
    /// Whether the object stays with others.
    pub(super) is_shared: bool,
}

impl<'a> Context<'a> {
    /// The generation that is reconciled, as one that leaves an object which it does not want any more.
    pub(super) fn departing(self) -> Departing<'a> {
        Departing { markers: self.markers, owner: self.owner, is_recheck: false }
    }

    /// The same, as a teardown.
    pub(super) fn teardown(self) -> Teardown<'a> {
        Teardown { spec: self.spec, departing: self.departing(), observed: self.observed }
    }

    /// The tags of an object that is created: the user's, the owner tag and the marker.
    pub(super) fn tags(self, marker_value: &str) -> Tags {
        let mut tags = self.spec.tags.clone();
        tags.insert(OWNER_KEY.to_owned(), self.owner.tag_value());
        tags.insert(self.generation.marker().key().to_owned(), marker_value.to_owned());
        tags
    }

    /// The marker value on the node role or the profile, which has the tags `found`: as before, unless an entry in aws-auth is
    /// wanted. It is reset when the entry is removed.
    pub(super) fn marker_value(self, found: Option<&Tags>) -> String {
        let wants = |cluster: &Cluster| self.spec.node_access.wants_aws_auth(cluster.authentication_mode);
        let is_noted = self.observed.cluster.as_ref().is_some_and(wants)
            || found.is_some_and(|tags| is_in_aws_auth(tags, self.markers));
        self.generation.marker_value(is_noted)
    }

    /// Whether another generation markers an object with these tags.
    pub(super) fn has_foreign_marker(self, tags: &Tags) -> bool {
        has_foreign_marker(tags, self.markers)
    }
}

impl Departing<'_> {
    /// Whether an object is deleted: a resource of this kind created it, no other generation has a marker on it, and one of markers
    /// has, or the stack created it and no marker is left.
    pub(super) fn deletes(self, tags: &Tags) -> bool {
        let is_ours = !self.keys(tags).is_empty() || self.owner.is_same_stack(tags);
        tags.contains_key(OWNER_KEY) && is_ours && !has_foreign_marker(tags, self.markers)
    }

    /// Whether an adopted object is kept although no other generation uses it.
    pub(super) fn keeps_adopted(self, tags: &Tags) -> bool {
        !tags.contains_key(OWNER_KEY) && !self.keys(tags).is_empty() && !has_foreign_marker(tags, self.markers)
    }

    /// The keys of our markers on an object.
    pub(super) fn keys(self, tags: &Tags) -> BTreeSet<String> {
        marker_keys(self.markers, tags)
    }
}

impl Recheck {
    /// [`Recheck::Everything`], if something is shared.
    pub(super) fn everything_if(is_shared: bool) -> Self {
        if is_shared { Self::Everything } else { Self::Nothing }
    }
}

impl Draft {
    /// Adds a step that is done after those it needs, and returns its place.
    pub(super) fn add(&mut self, step: impl Into<Step>, needs: impl IntoIterator<Item = StepId>) -> StepId {
        self.plan.add(step, needs)
    }

    /// Adds a problem, if there is one.
    pub(super) fn report(&mut self, problem: impl Into<Option<Problem>>) {
        self.problems.extend(problem.into());
    }
}
