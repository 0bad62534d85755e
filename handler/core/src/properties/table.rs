//! The table, a row a property.

use super::rules::{
    is_cluster_name, is_dns_label, is_dns_subdomain, is_instance_profile_name, is_policy_arn, is_role_arn,
    is_role_name, is_security_group_id, is_subnet_id, is_tag_key, is_tag_value,
};

/// What a property may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text that the rule accepts.
    Text(fn(&str) -> bool),
    /// One of these words, spelled so.
    OneOf(&'static [&'static str]),
    /// A list of texts that the rule accepts, or one text with commas between.
    List(fn(&str) -> bool),
    /// A map of text to text, or a list of maps with `Key` and `Value`.
    Tags,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// The name, as templates spell it.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What holds when it is absent, in words for the documentation; empty when it is required.
    pub default: &'static str,
    /// What it means, in words for the documentation.
    pub text: &'static str,
    /// What a good value is: ends the sentence "`Name` must be …".
    pub must_be: &'static str,
}

/// Every property, in the order of the documentation.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "ClusterName",
        kind: Kind::Text(is_cluster_name),
        default: "",
        text: "The EKS cluster, in the stack's account and region.",
        must_be: "the name of an EKS cluster: 1 to 100 letters, digits, `-` and `_`, the first a letter or digit",
    },
    Property {
        name: "Namespace",
        kind: Kind::Text(is_dns_label),
        default: "`karpenter`",
        text: "The namespace of Karpenter's service account, for the trust of the controller role.",
        must_be: "a Kubernetes namespace: 1 to 63 lower-case letters, digits and `-`",
    },
    Property {
        name: "ServiceAccount",
        kind: Kind::Text(is_dns_subdomain),
        default: "`karpenter`",
        text: "The name of Karpenter's service account, for the trust of the controller role.",
        must_be: "the name of a Kubernetes service account: 1 to 253 lower-case letters, digits, `-` and `.`",
    },
    Property {
        name: "NodeAccess",
        kind: Kind::OneOf(&["Auto", "AwsAuth", "None"]),
        default: "`Auto`",
        text: "How nodes join the cluster. `AwsAuth`: an entry in the ConfigMap `kube-system/aws-auth`. `None`: you see to it yourself. `Auto`: `AwsAuth` where the cluster's authenticationMode has aws-auth.",
        must_be: "`Auto`, `AwsAuth` or `None`",
    },
    Property {
        name: "NodeRoleName",
        kind: Kind::Text(is_role_name),
        default: "`KarpenterNodeRole-<cluster>`",
        text: "The name of the node role to make. A default that would exceed IAM's limit is cut and ends in a hash of the cluster name.",
        must_be: "a role name: 1 to 64 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "ControllerRoleName",
        kind: Kind::Text(is_role_name),
        default: "`KarpenterControllerRole-<cluster>`",
        text: "The name of the controller role to make; cut like NodeRoleName's default.",
        must_be: "a role name: 1 to 64 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "InstanceProfileName",
        kind: Kind::Text(is_instance_profile_name),
        default: "`KarpenterNodeInstanceProfile-<cluster>`; NodeRoleName where that is given",
        text: "The name of the instance profile to make.",
        must_be: "an instance profile name: 1 to 128 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "NodeRoleArn",
        kind: Kind::Text(is_role_arn),
        default: "none",
        text: "An existing role for the nodes: used, never changed, never deleted. Excludes NodeRoleName and NodePolicyArns.",
        must_be: "the ARN of a role: `arn:<partition>:iam::<account>:role/<name>`",
    },
    Property {
        name: "NodePolicyArns",
        kind: Kind::List(is_policy_arn),
        default: "none",
        text: "Further managed policies for the node role.",
        must_be: "a list of managed policies' ARNs: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "ControllerPolicyArns",
        kind: Kind::List(is_policy_arn),
        default: "none",
        text: "Further managed policies for the controller role.",
        must_be: "a list of managed policies' ARNs: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "Tags",
        kind: Kind::Tags,
        default: "none",
        text: "Tags for every IAM object that it makes: a map, or a list of `Key` and `Value`.",
        must_be: "at most 48 tags, as a map or a list of `Key` and `Value`: keys of 1 to 128 and values of up to 256 letters, digits, spaces and `_.:/=+-@`, no key beginning with `aws:` or `karpenter-prereqs/`",
    },
    Property {
        name: "DiscoveryTagKey",
        kind: Kind::Text(is_tag_key),
        default: "`karpenter.sh/discovery`",
        text: "The key of the tag by which Karpenter finds subnets and security groups.",
        must_be: "a tag key: 1 to 126 characters without `=`, not beginning with `aws:` or `karpenter-prereqs/`",
    },
    Property {
        name: "DiscoveryTagValue",
        kind: Kind::Text(is_tag_value),
        default: "the cluster name",
        text: "The value of that tag.",
        must_be: "a tag value: 1 to 128 characters",
    },
    Property {
        name: "SubnetIds",
        kind: Kind::List(is_subnet_id),
        default: "the node groups' subnets",
        text: "The subnets to tag, instead of the node groups'.",
        must_be: "a list of subnet ids: `subnet-…`",
    },
    Property {
        name: "SecurityGroupIds",
        kind: Kind::List(is_security_group_id),
        default: "the node groups' security groups",
        text: "The security groups to tag, instead of the node groups'.",
        must_be: "a list of security group ids: `sg-…`",
    },
    Property {
        name: "TagConflict",
        kind: Kind::OneOf(&["Fail", "Skip"]),
        default: "`Fail`",
        text: "What to do with a subnet or security group whose discovery tag names another cluster: `Fail` before any change, or `Skip` it with a warning. It is never overwritten.",
        must_be: "`Fail` or `Skip`",
    },
    Property {
        name: "KubernetesRoleArn",
        kind: Kind::Text(is_role_arn),
        default: "none",
        text: "A role to assume for the Kubernetes API, such as the one that created the cluster.",
        must_be: "the ARN of a role: `arn:<partition>:iam::<account>:role/<name>`",
    },
    Property {
        name: "OidcProvider",
        kind: Kind::OneOf(&["Require"]),
        default: "`Require`",
        text: "`Require`: fail before any change when IAM has no OIDC provider for the cluster's issuer with the audience `sts.amazonaws.com`.",
        must_be: "`Require`",
    },
    Property {
        name: "Revision",
        kind: Kind::Text(|_| true),
        default: "none",
        text: "Ignored: change it to run the resource again (a new node group, drift, a new function).",
        must_be: "text",
    },
];
