//! The table: one row for each property.

use super::rules::{
    CLUSTER_NAME, DNS_LABEL, DNS_SUBDOMAIN, INSTANCE_PROFILE_NAME, KARPENTER_VERSION, PATH, POLICY_ARN, QUEUE_ARN,
    ROLE_ARN, ROLE_NAME, Rule, SECURITY_GROUP_ID, SUBNET_ID, TAG_KEY, TAG_VALUE, TEXT,
};

/// What a property may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text that the rule accepts.
    Text(Rule),
    /// One of these words, spelled exactly like this.
    OneOf(&'static [&'static str]),
    /// A list of these words, or one text that separates them by commas.
    SomeOf(&'static [&'static str]),
    /// A list of texts that the rule accepts, or one text that separates them by commas.
    List(Rule),
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
    /// The default, in the documentation's words. Empty if the property is required.
    pub default: &'static str,
    /// What it means, in the documentation's words.
    pub text: &'static str,
    /// What a valid value is: the end of the sentence "`Name` must be …".
    pub must_be: &'static str,
}

/// Two properties that exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// One of them.
    pub one: &'static str,
    /// The other.
    pub other: &'static str,
    /// Why: the end of the sentence "`One` and `Other` exclude each other: …".
    pub why: &'static str,
}

/// The pairs of properties that exclude each other.
pub const EXCLUSIONS: &[Exclusion] = &[
    Exclusion { one: "NodeRoleArn", other: "NodeRoleName", why: "an existing role is used as it is" },
    Exclusion { one: "NodeRoleArn", other: "NodePolicyArns", why: "an existing role is used as it is" },
];

/// Every property, in the order of the documentation.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "ClusterName",
        kind: Kind::Text(CLUSTER_NAME),
        default: "",
        text: "The EKS cluster, in the stack's account and Region.",
        must_be: "the name of an EKS cluster: 1 to 100 letters, digits, `-` and `_`, the first a letter or digit",
    },
    Property {
        name: "KarpenterVersion",
        kind: Kind::List(KARPENTER_VERSION),
        default: "none",
        text: "The Karpenter version that runs, such as `1.15.0`, or a list of versions during an upgrade. Without it, the controller role gets the baseline policy.",
        must_be: "a Karpenter version such as `1.15.0`, `1.0` or `0.37`, or `baseline`, or a list of these (1.1 and 1.2 need a patch number, as in `1.1.0`; 1.10 needs quotes, because YAML reads unquoted 1.10 as 1.1)",
    },
    Property {
        name: "Namespace",
        kind: Kind::Text(DNS_LABEL),
        default: "`karpenter`",
        text: "The namespace of Karpenter's service account, which the controller role trusts.",
        must_be: "a Kubernetes namespace: 1 to 63 lower-case letters, digits and `-`",
    },
    Property {
        name: "ServiceAccount",
        kind: Kind::Text(DNS_SUBDOMAIN),
        default: "`karpenter`",
        text: "The name of Karpenter's service account, which the controller role trusts.",
        must_be: "the name of a Kubernetes service account: 1 to 253 lower-case letters, digits, `-` and `.`",
    },
    Property {
        name: "ControllerIdentity",
        kind: Kind::SomeOf(&["IRSA", "PodIdentity"]),
        default: "`IRSA`",
        text: "How the controller gets credentials: `IRSA` (the cluster's OIDC issuer), `PodIdentity` (an EKS Pod Identity association), or both in a list while you migrate.",
        must_be: "`IRSA` or `PodIdentity`, or a list of both",
    },
    Property {
        name: "OidcProvider",
        kind: Kind::OneOf(&["Require", "Create"]),
        default: "`Require`",
        text: "What to do if IAM has no OIDC provider for the cluster, which IRSA needs. `Require` fails before any change, and `Create` creates the provider.",
        must_be: "`Require` or `Create`",
    },
    Property {
        name: "NodeAccess",
        kind: Kind::OneOf(&["Auto", "AwsAuth", "AccessEntry", "None"]),
        default: "`Auto`",
        text: "How nodes join the cluster: an EKS access entry (`AccessEntry`), an entry in the ConfigMap `kube-system/aws-auth` (`AwsAuth`), or neither (`None`). `Auto` uses an access entry if the cluster's authenticationMode supports it, and aws-auth otherwise.",
        must_be: "`Auto`, `AwsAuth`, `AccessEntry` or `None`",
    },
    Property {
        name: "NodeRoleName",
        kind: Kind::Text(ROLE_NAME),
        default: "`KarpenterNodeRole-<cluster>`",
        text: "The name of the node role. A default that exceeds IAM's limit is cut and ends in a hash of the cluster name.",
        must_be: "a role name: 1 to 64 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "ControllerRoleName",
        kind: Kind::Text(ROLE_NAME),
        default: "`KarpenterControllerRole-<cluster>`",
        text: "The name of the controller role. A default that exceeds IAM's limit is cut and ends in a hash of the cluster name.",
        must_be: "a role name: 1 to 64 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "InstanceProfileName",
        kind: Kind::Text(INSTANCE_PROFILE_NAME),
        default: "`KarpenterNodeInstanceProfile-<cluster>`, or NodeRoleName if it is set",
        text: "The name of the instance profile.",
        must_be: "an instance profile name: 1 to 128 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "NodeRoleArn",
        kind: Kind::Text(ROLE_ARN),
        default: "none",
        text: "An existing role for the nodes, which is used but never changed or deleted. Do not set NodeRoleName or NodePolicyArns with it.",
        must_be: "the ARN of a role: `arn:<partition>:iam::<account>:role/<name>`",
    },
    Property {
        name: "NodePolicyArns",
        kind: Kind::List(POLICY_ARN),
        default: "none",
        text: "Additional managed policies for the node role.",
        must_be: "a list of managed policies' ARNs: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "ControllerPolicyArns",
        kind: Kind::List(POLICY_ARN),
        default: "none",
        text: "Additional managed policies for the controller role.",
        must_be: "a list of managed policies' ARNs: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "RolePath",
        kind: Kind::Text(PATH),
        default: "`/`",
        text: "The IAM path of both roles and of the instance profile. The aws-auth entry has the role's ARN without the path, because aws-auth does not match ARNs with a path.",
        must_be: "an IAM path: `/`, or up to 512 characters that begin and end with `/`, with letters, digits and `_+=,.@-` between",
    },
    Property {
        name: "PermissionsBoundary",
        kind: Kind::Text(POLICY_ARN),
        default: "none",
        text: "The managed policy that is the permissions boundary of both roles.",
        must_be: "the ARN of a managed policy: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "Tags",
        kind: Kind::Tags,
        default: "none",
        text: "Tags for the IAM and EKS objects that the resource creates: a map, or a list of `Key` and `Value`.",
        must_be: "at most 48 tags, as a map or a list of `Key` and `Value`: keys of 1 to 128 and values of up to 256 letters, digits, spaces and `_.:/=+-@`, no key beginning with `aws:` or `karpenter-prereqs/`",
    },
    Property {
        name: "DiscoveryTagKey",
        kind: Kind::Text(TAG_KEY),
        default: "`karpenter.sh/discovery`",
        text: "The key of the tag that Karpenter uses to find subnets and security groups.",
        must_be: "a tag key: 1 to 126 characters without `=`, not beginning with `aws:` or `karpenter-prereqs/`",
    },
    Property {
        name: "DiscoveryTagValue",
        kind: Kind::Text(TAG_VALUE),
        default: "the cluster name",
        text: "The value of the discovery tag.",
        must_be: "a tag value: 1 to 128 characters",
    },
    Property {
        name: "SubnetIds",
        kind: Kind::List(SUBNET_ID),
        default: "the subnets of the node groups",
        text: "The subnets to tag, instead of the subnets of the node groups.",
        must_be: "a list of subnet ids: `subnet-…`",
    },
    Property {
        name: "SecurityGroupIds",
        kind: Kind::List(SECURITY_GROUP_ID),
        default: "the security groups of the node groups",
        text: "The security groups to tag, instead of those of the node groups.",
        must_be: "a list of security group ids: `sg-…`",
    },
    Property {
        name: "TagConflict",
        kind: Kind::OneOf(&["Fail", "Skip"]),
        default: "`Fail`",
        text: "What to do with a subnet or security group whose discovery tag has another value. `Fail` fails before any change, and `Skip` leaves it out with a warning.",
        must_be: "`Fail` or `Skip`",
    },
    Property {
        name: "InterruptionQueueArn",
        kind: Kind::Text(QUEUE_ARN),
        default: "none",
        text: "The SQS interruption queue, which must be in the cluster's account and Region. The controller role may read it, and HelmValues contains its name.",
        must_be: "the ARN of an SQS queue: `arn:<partition>:sqs:<region>:<account>:<name>`",
    },
    Property {
        name: "KubernetesRoleArn",
        kind: Kind::Text(ROLE_ARN),
        default: "none",
        text: "A role that the function assumes to call the Kubernetes API, such as the role that created the cluster.",
        must_be: "the ARN of a role: `arn:<partition>:iam::<account>:role/<name>`",
    },
    Property {
        name: "ExistingObjects",
        kind: Kind::OneOf(&["Fail", "Adopt"]),
        default: "`Fail`",
        text: "What to do with a role, instance profile or Pod Identity association that exists and that this stack did not create. `Fail` fails before any change, and `Adopt` updates and uses the object.",
        must_be: "`Fail` or `Adopt`",
    },
    Property {
        name: "RunningNodes",
        kind: Kind::OneOf(&["Fail", "Ignore"]),
        default: "`Fail`",
        text: "What a Delete does while instances still run with the instance profile or the node role that it deletes. `Fail` fails before any change and names them, and `Ignore` continues.",
        must_be: "`Fail` or `Ignore`",
    },
    Property {
        name: "Revision",
        kind: Kind::Text(TEXT),
        default: "none",
        text: "Any text, which is ignored. Change it to run the resource again, for example after drift, a new node group or a new function.",
        must_be: "text",
    },
];
