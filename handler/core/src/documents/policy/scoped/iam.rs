//! The controller's permissions in IAM: to pass the node role, and to manage its own instance profiles.

use super::Scoped;
use crate::documents::policy::PASS_ROLE;
use crate::documents::policy::grant::Grant;

const REGION: &str = "topology.kubernetes.io/region";
const NODE_CLASS: &str = "karpenter.k8s.aws/ec2nodeclass";

pub(super) fn statements(scoped: Scoped<'_>) -> Vec<Grant> {
    // The guides up to 0.37 have `*`, which allows the same, because these actions apply to instance profiles only.
    let profiles = scoped.resources.scope.iam_arn("instance-profile", "*");
    let on_profiles = |sid: &str, actions: &[&str]| Grant::new(sid, actions.iter().copied(), [profiles.clone()]);
    let mut statements = vec![
        // Both spellings are valid in every partition. The guides before 1.1 do not have the spelling for China.
        Grant::new("AllowPassingInstanceRole", [PASS_ROLE], scoped.resources.node_role_arns.iter().cloned()).when(
            "StringEquals",
            "iam:PassedToService",
            ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"],
        ),
        with_request_tags(
            scoped,
            on_profiles("AllowScopedInstanceProfileCreationActions", &["iam:CreateInstanceProfile"]),
        ),
        with_resource_tags(
            scoped,
            with_request_tags(scoped, on_profiles("AllowScopedInstanceProfileTagActions", &["iam:TagInstanceProfile"])),
        ),
        with_resource_tags(
            scoped,
            on_profiles(
                "AllowScopedInstanceProfileActions",
                &["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"],
            ),
        ),
        on_profiles("AllowInstanceProfileReadActions", &["iam:GetInstanceProfile"]),
    ];
    if scoped.since(1, 7) {
        statements.push(Grant::new("AllowUnscopedInstanceProfileListAction", ["iam:ListInstanceProfiles"], ["*"]));
    }
    statements
}

/// Limits a statement to requests with the tags of this cluster, this region and a node class.
fn with_request_tags(scoped: Scoped<'_>, statement: Grant) -> Grant {
    scoped
        .with_request_tags(statement)
        .when("StringEquals", format!("aws:RequestTag/{REGION}"), [scoped.resources.scope.region.as_str()])
        .when("StringLike", format!("aws:RequestTag/{NODE_CLASS}"), ["*"])
}

/// Limits a statement to instance profiles that have the tags of this cluster, this region and a node class.
fn with_resource_tags(scoped: Scoped<'_>, statement: Grant) -> Grant {
    scoped
        .with_resource_tags(statement)
        .when("StringEquals", format!("aws:ResourceTag/{REGION}"), [scoped.resources.scope.region.as_str()])
        .when("StringLike", format!("aws:ResourceTag/{NODE_CLASS}"), ["*"])
}
