//! What good values are, by AWS's and Kubernetes' own limits.

use crate::names::{INSTANCE_PROFILE_NAME_MAX, PATH_MAX, POLICY_NAME_MAX, ROLE_NAME_MAX, role_name_of_arn};
use crate::ownership::PREFIX;

pub(super) fn chars_within(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count())
}

pub(super) fn is_cluster_name(text: &str) -> bool {
    chars_within(text, 1, 100)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    chars_within(text, 1, 63) && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

pub(super) fn is_dns_subdomain(text: &str) -> bool {
    chars_within(text, 1, 253) && text.split('.').all(is_dns_label)
}

fn is_iam_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

pub(super) fn is_role_name(text: &str) -> bool {
    chars_within(text, 1, ROLE_NAME_MAX) && text.chars().all(is_iam_name_char)
}

pub(super) fn is_instance_profile_name(text: &str) -> bool {
    chars_within(text, 1, INSTANCE_PROFILE_NAME_MAX) && text.chars().all(is_iam_name_char)
}

/// `arn:<partition>:iam::<account>:<rest>`, giving account and rest.
fn iam_arn(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.splitn(6, ':');
    let sound =
        parts.next()? == "arn" && is_partition(parts.next()?) && parts.next()? == "iam" && parts.next()?.is_empty();
    let (account, rest) = (parts.next()?, parts.next()?);
    let plain = rest.chars().all(|c| is_iam_name_char(c) || c == '/');
    (sound && plain).then_some((account, rest))
}

/// `aws`, `aws-cn`, `aws-us-gov` and the like, also such as are yet to come.
fn is_partition(text: &str) -> bool {
    text.len() <= 16 && text.starts_with("aws") && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A name of up to `most` characters behind a path, of which an ARN lacks the first slash.
fn is_path_and_name(text: &str, most: usize) -> bool {
    let name = role_name_of_arn(text);
    let path = 1 + text.len() - name.len();
    (1..=most).contains(&name.len()) && path <= PATH_MAX
}

pub(super) fn is_role_arn(text: &str) -> bool {
    iam_arn(text).is_some_and(|(account, rest)| {
        is_account(account) && rest.strip_prefix("role/").is_some_and(|role| is_path_and_name(role, ROLE_NAME_MAX))
    })
}

pub(super) fn is_policy_arn(text: &str) -> bool {
    iam_arn(text).is_some_and(|(account, rest)| {
        (account == "aws" || is_account(account))
            && rest.strip_prefix("policy/").is_some_and(|policy| is_path_and_name(policy, POLICY_NAME_MAX))
    })
}

pub(super) fn is_identity(text: &str) -> bool {
    matches!(text, "IRSA" | "PodIdentity")
}

/// `arn:<partition>:sqs:<region>:<account>:<name>`.
pub(super) fn is_queue_arn(text: &str) -> bool {
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

/// `/`, or names between slashes, of which IAM takes any printable ASCII character
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>); those of a name are what every ARN takes.
pub(super) fn is_path(text: &str) -> bool {
    let inner = |part: &str| !part.is_empty() && part.chars().all(is_iam_name_char);
    let between = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    text == "/" || text.len() <= PATH_MAX && between.is_some_and(|parts| parts.split('/').all(inner))
}

fn is_ec2_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|id| {
        chars_within(id, 8, 17) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

pub(super) fn is_subnet_id(text: &str) -> bool {
    is_ec2_id(text, "subnet-")
}

pub(super) fn is_security_group_id(text: &str) -> bool {
    is_ec2_id(text, "sg-")
}

pub(super) fn is_free_key(text: &str) -> bool {
    !text.to_ascii_lowercase().starts_with("aws:") && !text.starts_with(PREFIX)
}

/// With a value, `=` between them and another before them, it is a tag value of at most 256 characters.
pub(super) fn is_tag_key(text: &str) -> bool {
    chars_within(text, 1, 126) && is_free_key(text) && !text.contains(|c: char| c == '=' || c.is_control())
}

pub(super) fn is_tag_value(text: &str) -> bool {
    chars_within(text, 1, 128) && !text.chars().any(char::is_control)
}

pub(super) fn is_iam_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}
