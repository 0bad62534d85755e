//! What the controller may do in IAM: pass the node role, and keep instance profiles of its own for it.

use super::Scoped;
use crate::documents::policy::PASS_ROLE;
use crate::documents::policy::grant::Grant;

const REGION: &str = "topology.kubernetes.io/region";
const NODE_CLASS: &str = "karpenter.k8s.aws/ec2nodeclass";

pub(super) fn statements(scoped: Scoped<'_>) -> Vec<Grant> {
    // Through 0.37 the guide says `*`, which is no more.
    let profiles = scoped.place.scope.iam_arn("instance-profile", "*");
    let of = |sid: &str, actions: &[&str]| Grant::new(sid, actions.iter().copied(), [profiles.clone()]);
    let mut statements = vec![
        // Either spelling counts in every partition; karpenter_versions before 1.1 lack China's.
        Grant::new("AllowPassingInstanceRole", [PASS_ROLE], scoped.place.node_role_arns.iter().cloned()).when(
            "StringEquals",
            "iam:PassedToService",
            ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"],
        ),
        requesting(scoped, of("AllowScopedInstanceProfileCreationActions", &["iam:CreateInstanceProfile"])),
        owning(scoped, requesting(scoped, of("AllowScopedInstanceProfileTagActions", &["iam:TagInstanceProfile"]))),
        owning(
            scoped,
            of(
                "AllowScopedInstanceProfileActions",
                &["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"],
            ),
        ),
        of("AllowInstanceProfileReadActions", &["iam:GetInstanceProfile"]),
    ];
    if scoped.since(1, 7) {
        statements.push(Grant::new("AllowUnscopedInstanceProfileListAction", ["iam:ListInstanceProfiles"], ["*"]));
    }
    statements
}

/// Made or tagged with the tags of this cluster, this region and a node class.
fn requesting(scoped: Scoped<'_>, statement: Grant) -> Grant {
    scoped
        .requesting(statement)
        .when("StringEquals", format!("aws:RequestTag/{REGION}"), [scoped.place.scope.region.as_str()])
        .when("StringLike", format!("aws:RequestTag/{NODE_CLASS}"), ["*"])
}

/// Carrying the tags of this cluster, this region and a node class.
fn owning(scoped: Scoped<'_>, statement: Grant) -> Grant {
    scoped
        .owning(statement)
        .when("StringEquals", format!("aws:ResourceTag/{REGION}"), [scoped.place.scope.region.as_str()])
        .when("StringLike", format!("aws:ResourceTag/{NODE_CLASS}"), ["*"])
}
