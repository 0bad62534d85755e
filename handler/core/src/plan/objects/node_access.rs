//! The node access: an entry in aws-auth, an access entry, or neither, and the change from one to the other.

use super::{access_entry, aws_auth};
use crate::desired::spec::NodeAccess;
use crate::observed::AuthenticationMode;
use crate::plan::context::{Context, Draft, IamSteps, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::StepId;

/// The way by which nodes join a cluster, which depends on the property `NodeAccess` and the cluster's authentication mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinMethod {
    /// An entry in aws-auth.
    AwsAuth,
    /// An access entry.
    AccessEntry,
    /// Neither. The user gives nodes their access.
    None,
}

impl JoinMethod {
    /// Returns the name, in the spelling of the property `NodeAccess`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsAuth => "AwsAuth",
            Self::AccessEntry => "AccessEntry",
            Self::None => "None",
        }
    }
}

impl NodeAccess {
    /// Returns the way by which nodes join a cluster with this authentication mode.
    pub fn join_method(self, mode: AuthenticationMode) -> JoinMethod {
        match self {
            Self::Auto if mode.has_access_entries() => JoinMethod::AccessEntry,
            Self::Auto | Self::AwsAuth => JoinMethod::AwsAuth,
            Self::AccessEntry => JoinMethod::AccessEntry,
            Self::None => JoinMethod::None,
        }
    }

    /// Returns whether an entry in aws-auth is desired and has an effect in this authentication mode. Then the ConfigMap must be
    /// read.
    pub fn wants_aws_auth(self, mode: AuthenticationMode) -> bool {
        self.join_method(mode) == JoinMethod::AwsAuth && mode.has_aws_auth()
    }
}

/// Plans the node access, and returns the way by which nodes join. New access is created before the old access is removed.
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

/// The steps that remove the node access of the generations that are torn down.
#[derive(Debug)]
pub(crate) struct AccessTeardown {
    pub(crate) steps: Vec<StepId>,
    /// Whether the access entry is kept for other generations.
    pub(crate) is_shared: bool,
    /// Whether nodes with the node role lose their access to the cluster.
    pub(crate) cuts_nodes_off: bool,
}

/// Plans the removal of the node access of the generations that are torn down. With `deletes_role`, the node role is deleted, and
/// its entry in aws-auth is removed even if no annotation records it.
pub(crate) fn tear_down(teardown: Teardown<'_>, deletes_role: bool, draft: &mut Draft) -> AccessTeardown {
    let edited_config_map = aws_auth::tear_down(teardown, deletes_role, draft);
    let removed = access_entry::tear_down(teardown, None, draft);
    let cuts_nodes_off =
        edited_config_map.is_some_and(|edited| edited.in_map_roles) || removed.step.is_some() && !removed.is_shared;
    let steps = edited_config_map.map(|edited| edited.step).into_iter().chain(removed.step).collect();
    AccessTeardown { steps, is_shared: removed.is_shared, cuts_nodes_off }
}
