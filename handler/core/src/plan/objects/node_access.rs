//! How nodes join: by an entry in aws-auth, by an access entry, or by neither; and how they change from one to another.

use super::{access_entry, aws_auth};
use crate::desired::spec::NodeAccess;
use crate::observed::AuthenticationMode;
use crate::plan::context::{Context, Draft, IamSteps, Teardown};
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
    pub fn join_method(self, mode: AuthenticationMode) -> JoinMethod {
        match self {
            Self::Auto if mode.has_access_entries() => JoinMethod::AccessEntry,
            Self::Auto | Self::AwsAuth => JoinMethod::AwsAuth,
            Self::AccessEntry => JoinMethod::AccessEntry,
            Self::None => JoinMethod::None,
        }
    }

    /// Whether the ConfigMap must be read: an entry is wanted, and aws-auth counts in this mode.
    pub fn wants_aws_auth(self, mode: AuthenticationMode) -> bool {
        self.join_method(mode) == JoinMethod::AwsAuth && mode.has_aws_auth()
    }
}

/// Plans how nodes join. New access is created before the old access is removed.
pub(crate) fn reconcile(context: Context<'_>, iam_steps: &IamSteps, draft: &mut Draft) -> JoinMethod {
    let Some(cluster) = &context.observed.cluster else { return JoinMethod::None };
    let (mode, cluster_name) = (cluster.authentication_mode, || context.spec.cluster_name.clone());
    let method = context.spec.node_access.join_method(mode);
    match method {
        JoinMethod::AwsAuth if !mode.has_aws_auth() => draft.report(Problem::NoAwsAuth { cluster: cluster_name() }),
        JoinMethod::AccessEntry if !mode.has_access_entries() => {
            draft.report(Problem::NoAccessEntries { cluster: cluster_name() });
        }
        JoinMethod::AwsAuth => {
            draft.report(access_entry::of_another_type(context));
            let new_access = aws_auth::reconcile(context, iam_steps, draft);
            access_entry::stop_using(context, new_access, draft);
        }
        JoinMethod::AccessEntry => {
            draft.report(access_entry::of_another_type(context));
            let new_access = access_entry::reconcile(context, iam_steps, draft);
            aws_auth::stop_using(context, new_access, draft);
        }
        JoinMethod::None => {
            access_entry::stop_using(context, None, draft);
            aws_auth::stop_using(context, None, draft);
        }
    }
    method
}

/// What becomes of the access that these generations leave.
#[derive(Debug)]
pub(crate) struct AccessTeardown {
    /// The steps.
    pub(crate) steps: Vec<StepId>,
    /// Whether others keep an entry that one of these held too.
    pub(crate) is_shared: bool,
    /// Whether nodes with the node role are let in no more.
    pub(crate) cuts_nodes_off: bool,
}

/// Plans that these generations' entries go. `deletes_role`: so does the node role, and an entry for it with it, whether or
/// not a note says that it is ours.
pub(crate) fn tear_down(teardown: Teardown<'_>, deletes_role: bool, draft: &mut Draft) -> AccessTeardown {
    let edited_config_map = aws_auth::tear_down(teardown, deletes_role, draft);
    let removed = access_entry::tear_down(teardown, None, draft);
    let cuts_nodes_off =
        edited_config_map.is_some_and(|edited| edited.in_map_roles) || removed.step.is_some() && !removed.is_shared;
    let steps = edited_config_map.map(|edited| edited.step).into_iter().chain(removed.step).collect();
    AccessTeardown { steps, is_shared: removed.is_shared, cuts_nodes_off }
}
