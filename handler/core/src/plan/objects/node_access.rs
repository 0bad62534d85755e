//! How nodes join: by an entry in aws-auth, by an access entry, or by neither; and how they change from one to another.

use super::{access_entry, aws_auth};
use crate::desired::spec::NodeAccess;
use crate::observed::AuthenticationMode;
use crate::plan::context::{Context, Draft, Ready, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::StepId;

/// How nodes join, once the cluster's mode is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinMethod {
    /// By an entry in aws-auth.
    AwsAuth,
    /// By an access entry.
    AccessEntry,
    /// Not by anything of ours.
    None,
}

impl JoinMethod {
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
    pub fn way(self, mode: AuthenticationMode) -> JoinMethod {
        match self {
            Self::Auto if mode.has_access_entries() => JoinMethod::AccessEntry,
            Self::Auto | Self::AwsAuth => JoinMethod::AwsAuth,
            Self::AccessEntry => JoinMethod::AccessEntry,
            Self::None => JoinMethod::None,
        }
    }

    /// Whether the ConfigMap must be read: an entry is wanted, and aws-auth counts in this mode.
    pub fn wants_aws_auth(self, mode: AuthenticationMode) -> bool {
        self.way(mode) == JoinMethod::AwsAuth && mode.has_aws_auth()
    }
}

/// Plans how nodes join. New access is created before the old access is removed.
pub(crate) fn reconcile(context: Context<'_>, ready: &Ready, draft: &mut Draft) -> JoinMethod {
    let Some(cluster) = &context.observed.cluster else { return JoinMethod::None };
    let (mode, cluster_name) = (cluster.authentication_mode, || context.spec.cluster_name.clone());
    let way = context.spec.node_access.way(mode);
    match way {
        JoinMethod::AwsAuth if !mode.has_aws_auth() => draft.report(Problem::NoAwsAuth { cluster: cluster_name() }),
        JoinMethod::AccessEntry if !mode.has_access_entries() => {
            draft.report(Problem::NoAccessEntries { cluster: cluster_name() });
        }
        JoinMethod::AwsAuth => {
            draft.report(access_entry::of_another_type(context));
            let admitted = aws_auth::reconcile(context, ready, draft);
            access_entry::leave(context, admitted, draft);
        }
        JoinMethod::AccessEntry => {
            draft.report(access_entry::of_another_type(context));
            let admitted = access_entry::reconcile(context, ready, draft);
            aws_auth::leave(context, admitted, draft);
        }
        JoinMethod::None => {
            access_entry::leave(context, None, draft);
            aws_auth::leave(context, None, draft);
        }
    }
    way
}

/// What becomes of the access that these generations leave.
#[derive(Debug)]
pub(crate) struct Left {
    /// The steps.
    pub(crate) steps: Vec<StepId>,
    /// Whether others keep an entry that one of these held too.
    pub(crate) is_shared: bool,
    /// Whether nodes with the node role are let in no more.
    pub(crate) shuts_out: bool,
}

/// Plans that these generations' entries go. `role_goes`: so does the node role, and an entry for it with it, whether or
/// not a note says that it is ours.
pub(crate) fn tear_down(teardown: Teardown<'_>, role_goes: bool, draft: &mut Draft) -> Left {
    let expelled = aws_auth::tear_down(teardown, role_goes, draft);
    let removed = access_entry::tear_down(teardown, None, draft);
    let shuts_out = expelled.is_some_and(|edited| edited.in_map_roles) || removed.step.is_some() && !removed.is_shared;
    let steps = expelled.map(|edited| edited.step).into_iter().chain(removed.step).collect();
    Left { steps, is_shared: removed.is_shared, shuts_out }
}
