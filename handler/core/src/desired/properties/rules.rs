//! The rules for valid values, from the limits of AWS and Kubernetes.

use crate::identity::aws_names::{
    INSTANCE_PROFILE_NAME_MAX, PATH_MAX, POLICY_NAME_MAX, ROLE_NAME_MAX, role_name_of_arn,
};
use crate::identity::karpenter_version::is_karpenter_version;
use crate::identity::ownership::PREFIX;

/// The rule for a valid text, in two forms. The function runs the code. The JSON schema has the pattern, with which other
/// programs validate a template before it is deployed. `tests/schema.rs` proves that both forms accept the same texts.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Returns whether the text is valid.
    pub is: fn(&str) -> bool,
    /// A regular expression that matches a valid text from the beginning to the end. It has only the syntax that ECMA-262 (with
    /// its flag `u`) and the crate `regex` have in common.
    pub pattern: &'static str,
    /// A regular expression that does not match a valid text, if there is one.
    pub not: Option<&'static str>,
    /// The maximum number of characters, if the pattern does not limit it.
    pub max_length: Option<usize>,
}

impl Rule {
    const fn new(is: fn(&str) -> bool, pattern: &'static str) -> Self {
        Self { is, pattern, not: None, max_length: None }
    }

    const fn within(self, max_length: usize) -> Self {
        Self { max_length: Some(max_length), ..self }
    }
}

/// The name of an EKS cluster.
pub(super) const CLUSTER_NAME: Rule = Rule::new(is_cluster_name, "^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$");

/// A Karpenter version, or `baseline`.
pub(super) const KARPENTER_VERSION: Rule = Rule::new(
    is_karpenter_version,
    r"^(?:baseline|v?(?:0\.(?:[0-9]|[12][0-9]|3[0-7])(?:\.(?:0|[1-9][0-9]{0,8}))?|1\.[12]\.(?:0|[1-9][0-9]{0,8})|1\.(?:0|[3-9]|[1-9][0-9]{1,8})(?:\.(?:0|[1-9][0-9]{0,8}))?|(?:[2-9]|[1-9][0-9]{1,8})(?:\.(?:0|[1-9][0-9]{0,8})){1,2}))$",
);

/// A Kubernetes namespace.
pub(super) const DNS_LABEL: Rule = Rule::new(is_dns_label, "^[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?$");

/// The name of a Kubernetes service account.
pub(super) const DNS_SUBDOMAIN: Rule =
    Rule::new(is_dns_subdomain, r"^[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?(?:\.[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?)*$")
        .within(253);

/// The name of a role.
pub(super) const ROLE_NAME: Rule = Rule::new(is_role_name, "^[0-9A-Za-z_+=,.@-]{1,64}$");

/// The name of an instance profile.
pub(super) const INSTANCE_PROFILE_NAME: Rule = Rule::new(is_instance_profile_name, "^[0-9A-Za-z_+=,.@-]{1,128}$");

/// The ARN of a role.
pub(super) const ROLE_ARN: Rule = Rule::new(
    is_role_arn,
    "^arn:aws[a-z-]{0,13}:iam::[0-9]{12}:role/(?:[0-9A-Za-z_+=,.@/-]{0,510}/)?[0-9A-Za-z_+=,.@-]{1,64}$",
);

/// The ARN of a managed policy.
pub(super) const POLICY_ARN: Rule = Rule::new(
    is_policy_arn,
    "^arn:aws[a-z-]{0,13}:iam::(?:aws|[0-9]{12}):policy/(?:[0-9A-Za-z_+=,.@/-]{0,510}/)?[0-9A-Za-z_+=,.@-]{1,128}$",
);

/// The ARN of a queue.
pub(super) const QUEUE_ARN: Rule =
    Rule::new(is_queue_arn, "^arn:aws[a-z-]{0,13}:sqs:[0-9a-z-]+:[0-9]{12}:[0-9A-Za-z_.-]{1,80}$");

/// The path of IAM objects.
pub(super) const PATH: Rule = Rule::new(is_path, "^/(?:[0-9A-Za-z_+=,.@-]+/)*$").within(PATH_MAX);

/// The id of a subnet.
pub(super) const SUBNET_ID: Rule = Rule::new(is_subnet_id, "^subnet-[0-9a-f]{8,17}$");

/// The id of a security group.
pub(super) const SECURITY_GROUP_ID: Rule = Rule::new(is_security_group_id, "^sg-[0-9a-f]{8,17}$");

/// The key of the discovery tag.
pub(super) const TAG_KEY: Rule =
    Rule { not: Some(RESERVED_KEY), ..Rule::new(is_tag_key, r"^[^=\p{Cc}]+$").within(126) };

/// The value of the discovery tag.
pub(super) const TAG_VALUE: Rule = Rule::new(is_tag_value, r"^[^\p{Cc}]+$").within(128);

/// Any text.
pub(super) const TEXT: Rule = Rule::new(|_| true, "");

/// The key of a user's tag on an IAM object.
pub const IAM_TAG_KEY: Rule =
    Rule { not: Some(RESERVED_KEY), ..Rule::new(is_iam_tag_key, r"^[\p{Alphabetic}\p{N} _.:/=+@-]+$").within(128) };

/// The value of a tag on an IAM object.
pub const IAM_TAG_VALUE: Rule = Rule::new(is_iam_tag_value, r"^[\p{Alphabetic}\p{N} _.:/=+@-]*$").within(256);

/// The limit of tags in the property `Tags`. IAM allows 50 tags on an object, and the owner tag and the marker are two of them.
pub const TAGS_MAX: usize = 48;

/// The keys that are reserved for AWS and for this project.
const RESERVED_KEY: &str = "^(?:[Aa][Ww][Ss]:|karpenter-prereqs/)";

fn chars_within(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.chars().count())
}

fn is_cluster_name(text: &str) -> bool {
    chars_within(text, 1, 100)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    chars_within(text, 1, 63) && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_dns_subdomain(text: &str) -> bool {
    chars_within(text, 1, 253) && text.split('.').all(is_dns_label)
}

fn is_iam_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

fn is_role_name(text: &str) -> bool {
    chars_within(text, 1, ROLE_NAME_MAX) && text.chars().all(is_iam_name_char)
}

fn is_instance_profile_name(text: &str) -> bool {
    chars_within(text, 1, INSTANCE_PROFILE_NAME_MAX) && text.chars().all(is_iam_name_char)
}

/// Returns the account and the rest of `arn:<partition>:iam::<account>:<rest>`. Returns `None` for a text of another form.
fn iam_arn(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.splitn(6, ':');
    let is_iam_arn =
        parts.next()? == "arn" && is_partition(parts.next()?) && parts.next()? == "iam" && parts.next()?.is_empty();
    let (account, rest) = (parts.next()?, parts.next()?);
    let is_path_and_name = rest.chars().all(|c| is_iam_name_char(c) || c == '/');
    (is_iam_arn && is_path_and_name).then_some((account, rest))
}

/// Returns whether the text has the form of a partition, such as `aws`, `aws-cn`, `aws-us-gov`, or of a future partition.
fn is_partition(text: &str) -> bool {
    text.len() <= 16 && text.starts_with("aws") && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Returns whether the text is a path, and a name of up to `max` characters. An ARN has the path without its first slash.
fn is_path_and_name(text: &str, max: usize) -> bool {
    let name = role_name_of_arn(text);
    let path_length = 1 + text.len() - name.len();
    (1..=max).contains(&name.len()) && path_length <= PATH_MAX
}

fn is_role_arn(text: &str) -> bool {
    iam_arn(text).is_some_and(|(account, rest)| {
        is_account(account) && rest.strip_prefix("role/").is_some_and(|role| is_path_and_name(role, ROLE_NAME_MAX))
    })
}

fn is_policy_arn(text: &str) -> bool {
    iam_arn(text).is_some_and(|(account, rest)| {
        (account == "aws" || is_account(account))
            && rest.strip_prefix("policy/").is_some_and(|policy| is_path_and_name(policy, POLICY_NAME_MAX))
    })
}

/// Returns whether the text has the form `arn:<partition>:sqs:<region>:<account>:<name>`.
fn is_queue_arn(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let [arn, partition, service, region, account, name] = parts.as_slice() else { return false };
    let is_region = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let is_name =
        |text: &str| chars_within(text, 1, 80) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    *arn == "arn"
        && is_partition(partition)
        && *service == "sqs"
        && is_region(region)
        && is_account(account)
        && is_name(name)
}

/// Returns whether the text is `/`, or names between slashes. IAM accepts any printable ASCII character in a path
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>). This accepts only the characters of a name,
/// which are valid in every ARN.
fn is_path(text: &str) -> bool {
    let inner = |part: &str| !part.is_empty() && part.chars().all(is_iam_name_char);
    let between = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    text == "/" || text.len() <= PATH_MAX && between.is_some_and(|parts| parts.split('/').all(inner))
}

fn is_ec2_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|id| {
        chars_within(id, 8, 17) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn is_subnet_id(text: &str) -> bool {
    is_ec2_id(text, "subnet-")
}

fn is_security_group_id(text: &str) -> bool {
    is_ec2_id(text, "sg-")
}

fn is_reserved_key(text: &str) -> bool {
    text.to_ascii_lowercase().starts_with("aws:") || text.starts_with(PREFIX)
}

/// Returns whether the text is a valid key of the discovery tag. Its limit is 126 characters, because a departing marker has the
/// value `=key=value`. With a value of at most 128 characters, that fits into the 256 characters of a tag value.
fn is_tag_key(text: &str) -> bool {
    chars_within(text, 1, 126) && !is_reserved_key(text) && !text.contains(|c: char| c == '=' || c.is_control())
}

fn is_tag_value(text: &str) -> bool {
    chars_within(text, 1, 128) && !text.chars().any(char::is_control)
}

fn is_iam_tag_key(text: &str) -> bool {
    chars_within(text, 1, 128) && !is_reserved_key(text) && text.chars().all(is_iam_tag_char)
}

fn is_iam_tag_value(text: &str) -> bool {
    chars_within(text, 0, 256) && text.chars().all(is_iam_tag_char)
}

fn is_iam_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}
