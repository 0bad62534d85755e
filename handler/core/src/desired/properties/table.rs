//! The table, a row a property.

use super::rules::{
    CLUSTER_NAME, DNS_LABEL, DNS_SUBDOMAIN, INSTANCE_PROFILE_NAME, PATH, POLICY_ARN, QUEUE_ARN, RELEASE, ROLE_ARN,
    ROLE_NAME, Rule, SECURITY_GROUP_ID, SUBNET_ID, TAG_KEY, TAG_VALUE, TEXT,
};

/// What a property may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text that the rule accepts.
    Text(Rule),
    /// One of these words, spelled so.
    OneOf(&'static [&'static str]),
    /// A list of these words, spelled so, or one text with commas between.
    SomeOf(&'static [&'static str]),
    /// A list of texts that the rule accepts, or one text with commas between.
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
    /// What holds when it is absent, in words for the documentation; empty when it is required.
    pub default: &'static str,
    /// What it means, in words for the documentation.
    pub text: &'static str,
    /// What a good value is: ends the sentence "`Name` must be …".
    pub must_be: &'static str,
}

/// Two properties that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// One of them.
    pub one: &'static str,
    /// The other.
    pub other: &'static str,
    /// Why: ends the sentence "`One` and `Other` exclude each other: …".
    pub why: &'static str,
}

/// What does not go together.
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
        text: "The EKS cluster, in the stack's account and region.",
        must_be: "the name of an EKS cluster: 1 to 100 letters, digits, `-` and `_`, the first a letter or digit",
    },
    Property {
        name: "KarpenterVersion",
        kind: Kind::List(RELEASE),
        default: "none",
        text: "The release of Karpenter that runs, such as `1.14.1`, `1.0` or `0.37`: the controller gets the permissions of that release's own guide, which go by tags, and the node role its policies. A list grants what any of its releases needs, for the time of an upgrade; `baseline` counts as one. Without it, and before 0.32, the permissions are the baseline's.",
        must_be: "a release of Karpenter, such as `1.14.1`, `1.0` or `0.37`, or `baseline`, or a list of such; 1.1 and 1.2 with their patch, as `1.1.0`, and 1.10 in quotes, since unquoted YAML makes 1.1 of it",
    },
    Property {
        name: "Namespace",
        kind: Kind::Text(DNS_LABEL),
        default: "`karpenter`",
        text: "The namespace of Karpenter's service account, for the trust of the controller role.",
        must_be: "a Kubernetes namespace: 1 to 63 lower-case letters, digits and `-`",
    },
    Property {
        name: "ServiceAccount",
        kind: Kind::Text(DNS_SUBDOMAIN),
        default: "`karpenter`",
        text: "The name of Karpenter's service account, for the trust of the controller role.",
        must_be: "the name of a Kubernetes service account: 1 to 253 lower-case letters, digits, `-` and `.`",
    },
    Property {
        name: "ControllerIdentity",
        kind: Kind::SomeOf(&["IRSA", "PodIdentity"]),
        default: "`IRSA`",
        text: "How the controller comes by its role. `IRSA`: by its service account's token and the cluster's OIDC issuer. `PodIdentity`: by an EKS Pod Identity association, which is made. Both in a list, while you move from one to the other.",
        must_be: "`IRSA` or `PodIdentity`, or a list of both",
    },
    Property {
        name: "OidcProvider",
        kind: Kind::OneOf(&["Require", "Create"]),
        default: "`Require`",
        text: "IRSA needs an IAM OIDC provider for the cluster's issuer with the audience `sts.amazonaws.com`. `Require`: fail before any change where there is none. `Create`: make it; one that is there is used, and not owned. One that was made goes with the last resource on the cluster that relies on it, unless other roles' trust names the issuer by then: it is theirs from then on.",
        must_be: "`Require` or `Create`",
    },
    Property {
        name: "NodeAccess",
        kind: Kind::OneOf(&["Auto", "AwsAuth", "AccessEntry", "None"]),
        default: "`Auto`",
        text: "How nodes join the cluster. `AccessEntry`: an EKS access entry of type EC2_LINUX. `AwsAuth`: an entry in the ConfigMap `kube-system/aws-auth`. `None`: you see to it yourself. `Auto`: `AccessEntry` where the cluster's authenticationMode has access entries (`API`, `API_AND_CONFIG_MAP`), `AwsAuth` where it is `CONFIG_MAP`.",
        must_be: "`Auto`, `AwsAuth`, `AccessEntry` or `None`",
    },
    Property {
        name: "NodeRoleName",
        kind: Kind::Text(ROLE_NAME),
        default: "`KarpenterNodeRole-<cluster>`",
        text: "The name of the node role to make. A default that would exceed IAM's limit is cut and ends in a hash of the cluster name.",
        must_be: "a role name: 1 to 64 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "ControllerRoleName",
        kind: Kind::Text(ROLE_NAME),
        default: "`KarpenterControllerRole-<cluster>`",
        text: "The name of the controller role to make; cut like NodeRoleName's default.",
        must_be: "a role name: 1 to 64 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "InstanceProfileName",
        kind: Kind::Text(INSTANCE_PROFILE_NAME),
        default: "`KarpenterNodeInstanceProfile-<cluster>`; NodeRoleName where that is given",
        text: "The name of the instance profile to make.",
        must_be: "an instance profile name: 1 to 128 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "NodeRoleArn",
        kind: Kind::Text(ROLE_ARN),
        default: "none",
        text: "An existing role for the nodes: used, never changed, never deleted. Excludes NodeRoleName and NodePolicyArns.",
        must_be: "the ARN of a role: `arn:<partition>:iam::<account>:role/<name>`",
    },
    Property {
        name: "NodePolicyArns",
        kind: Kind::List(POLICY_ARN),
        default: "none",
        text: "Further managed policies for the node role.",
        must_be: "a list of managed policies' ARNs: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "ControllerPolicyArns",
        kind: Kind::List(POLICY_ARN),
        default: "none",
        text: "Further managed policies for the controller role.",
        must_be: "a list of managed policies' ARNs: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "RolePath",
        kind: Kind::Text(PATH),
        default: "`/`",
        text: "The path of both roles and of the instance profile. aws-auth gets the node role's ARN without it, as it must.",
        must_be: "an IAM path: `/`, or up to 512 characters that begin and end with `/`, with letters, digits and `_+=,.@-` between",
    },
    Property {
        name: "PermissionsBoundary",
        kind: Kind::Text(POLICY_ARN),
        default: "none",
        text: "The managed policy that bounds the permissions of both roles.",
        must_be: "the ARN of a managed policy: `arn:<partition>:iam::<account or aws>:policy/<name>`",
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
        kind: Kind::Text(TAG_KEY),
        default: "`karpenter.sh/discovery`",
        text: "The key of the tag by which Karpenter finds subnets and security groups.",
        must_be: "a tag key: 1 to 126 characters without `=`, not beginning with `aws:` or `karpenter-prereqs/`",
    },
    Property {
        name: "DiscoveryTagValue",
        kind: Kind::Text(TAG_VALUE),
        default: "the cluster name",
        text: "The value of that tag.",
        must_be: "a tag value: 1 to 128 characters",
    },
    Property {
        name: "SubnetIds",
        kind: Kind::List(SUBNET_ID),
        default: "the node groups' subnets",
        text: "The subnets to tag, instead of the node groups'.",
        must_be: "a list of subnet ids: `subnet-…`",
    },
    Property {
        name: "SecurityGroupIds",
        kind: Kind::List(SECURITY_GROUP_ID),
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
        name: "InterruptionQueueArn",
        kind: Kind::Text(QUEUE_ARN),
        default: "none",
        text: "The SQS queue with the notices of interruptions: the controller may read it, and HelmValues names it. It must be in the cluster's own account and Region, where Karpenter looks it up by its name, and among the queues that the function allows (InterruptionQueueArns of `function.yaml`). You make the queue and the EventBridge rules that fill it.",
        must_be: "the ARN of an SQS queue: `arn:<partition>:sqs:<region>:<account>:<name>`",
    },
    Property {
        name: "KubernetesRoleArn",
        kind: Kind::Text(ROLE_ARN),
        default: "none",
        text: "A role to assume for the Kubernetes API, such as the one that created the cluster.",
        must_be: "the ARN of a role: `arn:<partition>:iam::<account>:role/<name>`",
    },
    Property {
        name: "ExistingObjects",
        kind: Kind::OneOf(&["Fail", "Adopt"]),
        default: "`Fail`",
        text: "What to do with a role, instance profile or Pod Identity association of the wanted name that is not this stack's. `Fail` before any change, saying whose it is. `Adopt`: bring it into line (trust, policies, boundary, tags) and use it. What no stack of this kind had made is left in place on Delete; what one had made goes with the last resource that uses it.",
        must_be: "`Fail` or `Adopt`",
    },
    Property {
        name: "RunningNodes",
        kind: Kind::OneOf(&["Fail", "Ignore"]),
        default: "`Fail`",
        text: "What a Delete does while instances still run with an instance profile that would go: `Fail` before any change, naming them, or `Ignore` them. Of a cluster that is gone they are ignored.",
        must_be: "`Fail` or `Ignore`",
    },
    Property {
        name: "Revision",
        kind: Kind::Text(TEXT),
        default: "none",
        text: "Ignored: change it to run the resource again (a new node group, drift, a new function).",
        must_be: "text",
    },
];
