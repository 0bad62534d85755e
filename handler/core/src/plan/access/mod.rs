//! How nodes join: by an entry in aws-auth, by an access entry, or by neither; and how they change from one to another.

mod access_entry;
mod aws_auth;

pub use aws_auth::foreseen_verb;

use super::iam::Ready;
use super::release::Leaving;
use super::{Aim, Plan, Refusal, StepId};
use crate::desired::spec::{NodeAccess, Spec};
use crate::observed::{AuthenticationMode, Observed};

/// The type of the access entries that let Linux nodes join.
pub const EC2_LINUX: &str = "EC2_LINUX";

/// How nodes join, once the cluster's mode is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By an entry in aws-auth.
    AwsAuth,
    /// By an access entry.
    AccessEntry,
    /// Not by anything of ours.
    None,
}

impl Way {
    /// As the property `NodeAccess` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsAuth => "AwsAuth",
            Self::AccessEntry => "AccessEntry",
            Self::None => "None",
        }
    }
}

impl NodeAccess {
    /// How nodes are to join a cluster of this mode.
    pub fn way(self, mode: AuthenticationMode) -> Way {
        match self {
            Self::Auto if mode.has_access_entries() => Way::AccessEntry,
            Self::Auto | Self::AwsAuth => Way::AwsAuth,
            Self::AccessEntry => Way::AccessEntry,
            Self::None => Way::None,
        }
    }

    /// Whether the ConfigMap must be read: an entry is wanted, and aws-auth counts in this mode.
    pub fn wants_aws_auth(self, mode: AuthenticationMode) -> bool {
        self.way(mode) == Way::AwsAuth && mode.has_aws_auth()
    }
}

/// Plans how nodes join. What lets them in stands before what did goes.
pub(super) fn converge(
    aim: Aim<'_>,
    observed: &Observed,
    ready: &Ready,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Way {
    let Some(cluster) = &observed.cluster else { return Way::None };
    let (mode, cluster_name) = (cluster.authentication_mode, || aim.spec.cluster_name.clone());
    let way = aim.spec.node_access.way(mode);
    match way {
        Way::AwsAuth if !mode.has_aws_auth() => refusals.push(Refusal::NoAwsAuth { cluster: cluster_name() }),
        Way::AccessEntry if !mode.has_access_entries() => {
            refusals.push(Refusal::NoAccessEntries { cluster: cluster_name() });
        }
        Way::AwsAuth => {
            refusals.extend(access_entry::of_another_type(aim.spec, observed));
            let admitted = aws_auth::admit(aim, observed, ready, plan, refusals);
            access_entry::leave(aim, observed, admitted, plan);
        }
        Way::AccessEntry => {
            refusals.extend(access_entry::of_another_type(aim.spec, observed));
            let admitted = access_entry::admit(aim, observed, ready, plan, refusals);
            aws_auth::leave(aim, observed, admitted, plan, refusals);
        }
        Way::None => {
            access_entry::leave(aim, observed, None, plan);
            aws_auth::leave(aim, observed, None, plan, refusals);
        }
    }
    way
}

/// What becomes of the ways in that these generations leave.
#[derive(Debug)]
pub(super) struct Left {
    /// The steps.
    pub(super) steps: Vec<StepId>,
    /// Whether others keep an entry that one of these held too.
    pub(super) is_shared: bool,
    /// Whether nodes with the node role are let in no more.
    pub(super) shuts_out: bool,
}

/// Plans that these generations' entries go. `role_goes`: so does the node role, and an entry for it with it, whether or
/// not a note says that it is ours.
pub(super) fn release(
    spec: &Spec,
    observed: &Observed,
    leaving: Leaving<'_>,
    role_goes: bool,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Left {
    let expelled = aws_auth::release(spec, observed, leaving.ours, role_goes, plan, refusals);
    let (left, is_shared) = access_entry::release(spec, observed, leaving, plan);
    let shuts_out = expelled.is_some_and(|edited| edited.in_map_roles) || left.is_some() && !is_shared;
    Left { steps: expelled.map(|edited| edited.step).into_iter().chain(left).collect(), is_shared, shuts_out }
}
