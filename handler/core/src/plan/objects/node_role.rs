//! The node role: created or adopted, or the role of `NodeRoleArn`, which is never changed.

use super::role::{self, DesiredRole, RoleTeardown};
use crate::desired::spec::{NodeRole, Spec};
use crate::documents::policy::trust;
use crate::observed::Role;
use crate::plan::context::{Context, Draft, Recheck, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{RoleKind, StepId};

/// Plans the node role. Returns the step that creates it or adds this generation's marker, if one is needed.
pub(crate) fn reconcile(context: Context<'_>, draft: &mut Draft) -> Option<StepId> {
    let (spec, found) = (context.spec, context.observed.node_role.as_ref());
    match &spec.node_role {
        NodeRole::Existing { arn } => {
            // The role was found by its name, so its path or account may differ from those in the ARN.
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
                trust_needs: None,
                needs: None,
                policy_arns: policy_arns.clone(),
                previous_policy_arns: context.previous.map(policy_arns_of).unwrap_or_default(),
                policies_property: "NodePolicyArns",
                tags: context.tags(&context.marker_value(found.map(|found| &found.tags))),
            };
            role::reconcile(context, &wanted, found, draft).claimed
        }
    }
}

/// Returns the node role, if it exists and is not the role of `NodeRoleArn`. Only such a role can be torn down.
pub(crate) fn managed(teardown: Teardown<'_>) -> Option<&Role> {
    teardown.observed.node_role.as_ref().filter(|_| matches!(teardown.spec.node_role, NodeRole::Managed { .. }))
}

/// Plans the deletion of this node role, or the removal of its markers, after `needs`.
pub(crate) fn tear_down(teardown: Teardown<'_>, role: &Role, needs: &[StepId], draft: &mut Draft) -> Recheck {
    let removed = RoleTeardown { role, attached: policy_arns_of(teardown.spec).into_iter().collect(), inline: None };
    role::tear_down(teardown.torn_down, &removed, needs, draft)
}

/// Returns the ARNs of the node role's managed policies. The role of `NodeRoleArn` has none from this resource.
fn policy_arns_of(spec: &Spec) -> Vec<String> {
    match &spec.node_role {
        NodeRole::Managed { policy_arns, .. } => policy_arns.clone(),
        NodeRole::Existing { .. } => Vec::new(),
    }
}
