//! The node role: created, or given by `NodeRoleArn` and never changed.

use super::role::{self, DesiredRole, RoleTeardown};
use crate::desired::spec::{NodeRole, Spec};
use crate::documents::policy::trust;
use crate::observed::Role;
use crate::plan::context::{Context, Draft, Recheck, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{RoleKind, StepId};

/// Plans the node role; returns the step that makes it this generation's, if one is needed.
pub(crate) fn reconcile(context: Context<'_>, draft: &mut Draft) -> Option<StepId> {
    let (spec, found) = (context.spec, context.observed.node_role.as_ref());
    match &spec.node_role {
        NodeRole::Existing { arn } => {
            // Found by its name: the ARN may say another path, or another account.
            if found.is_none_or(|found| spec.scope.role_arn(&found.path, &found.name) != *arn) {
                draft.report(Problem::NoNodeRole { arn: arn.clone() });
            }
            None
        }
        NodeRole::Managed { name, policy_arns } => {
            let wanted = DesiredRole {
                kind: RoleKind::Node,
                name,
                property: "NodeRoleName",
                alternative: ", set NodeRoleArn to use this role unchanged",
                trust: trust::ec2(&spec.scope.partition),
                trusted: None,
                first: None,
                policy_arns: policy_arns.clone(),
                previous_policy_arns: context.old.map(policy_arns_of).unwrap_or_default(),
                policies_property: "NodePolicyArns",
                tags: context.tags(&context.marker_value(found.map(|found| &found.tags))),
            };
            role::reconcile(context, &wanted, found, draft).claimed
        }
    }
}

/// The node role that may be torn down: one that was given is not.
pub(crate) fn created(teardown: Teardown<'_>) -> Option<&Role> {
    teardown.observed.node_role.as_ref().filter(|_| matches!(teardown.spec.node_role, NodeRole::Managed { .. }))
}

/// Plans the end of this node role, or of its marker, after `needs`.
pub(crate) fn tear_down(teardown: Teardown<'_>, role: &Role, needs: &[StepId], draft: &mut Draft) -> Recheck {
    let left = RoleTeardown { role, attached: policy_arns_of(teardown.spec).into_iter().collect(), inline: None };
    role::tear_down(teardown.departing, &left, needs, draft)
}

fn policy_arns_of(spec: &Spec) -> Vec<String> {
    match &spec.node_role {
        NodeRole::Managed { policy_arns, .. } => policy_arns.clone(),
        NodeRole::Existing { .. } => Vec::new(),
    }
}
