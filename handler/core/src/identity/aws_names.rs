//! Names, ARNs and partitions of AWS. No other module builds an ARN.

use sha2::{Digest, Sha256};

/// IAM's limit of a role name, in characters (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const ROLE_NAME_MAX: usize = 64;

/// IAM's limit of an instance profile name, in characters (same page as [`ROLE_NAME_MAX`]).
pub const INSTANCE_PROFILE_NAME_MAX: usize = 128;

/// IAM's limit of a managed policy name, in characters (same page as [`ROLE_NAME_MAX`]).
pub const POLICY_NAME_MAX: usize = 128;

/// IAM's limit of a path, in characters with both slashes (same page as [`ROLE_NAME_MAX`]).
pub const PATH_MAX: usize = 512;

/// An AWS partition: the second part of every ARN, and the names that depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition(String);

/// The partitions whose DNS suffix is not `amazonaws.com`.
const OTHER_SUFFIXES: [(&str, &str); 6] = [
    ("aws-cn", "amazonaws.com.cn"),
    ("aws-iso", "c2s.ic.gov"),
    ("aws-iso-b", "sc2s.sgov.gov"),
    ("aws-iso-e", "cloud.adc-e.uk"),
    ("aws-iso-f", "csp.hci.ic.gov"),
    ("aws-eusc", "amazonaws.eu"),
];

impl Partition {
    /// Creates the partition of a name, such as `aws`, `aws-cn` or `aws-us-gov`. Accepts any name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name: `aws`, `aws-cn`, …
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Returns the DNS suffix of the partition's service endpoints. An unknown partition counts as `aws`.
    ///
    /// Sources: <https://docs.aws.amazon.com/general/latest/gr/rande.html>, and the SDK's `partitions.json` for the isolated
    /// partitions.
    pub fn dns_suffix(&self) -> &'static str {
        OTHER_SUFFIXES.iter().find(|(name, _)| *name == self.0).map_or("amazonaws.com", |(_, suffix)| suffix)
    }

    /// Returns the partition of a service's host, by its DNS suffix. Any other host counts as `aws`.
    pub fn of_host(host: &str) -> Self {
        let other =
            OTHER_SUFFIXES.iter().find(|(_, suffix)| host.strip_suffix(suffix).is_some_and(|head| head.ends_with('.')));
        Self::new(other.map_or("aws", |(name, _)| name))
    }

    /// Returns the service principal of EC2, which a node role trusts.
    pub fn ec2_principal(&self) -> String {
        match self.0.as_str() {
            "aws-cn" => "ec2.amazonaws.com.cn".to_owned(),
            _ => "ec2.amazonaws.com".to_owned(),
        }
    }

    /// Returns the ARN of the AWS managed policy of that name.
    pub fn managed_policy_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::aws:policy/{name}", self.0)
    }
}

/// The partition, Region and account of a stack. It builds the ARNs of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The partition.
    pub partition: Partition,
    /// The Region, such as `eu-west-1`.
    pub region: String,
    /// The twelve-digit account id.
    pub account: String,
}

impl Scope {
    /// Reads the scope from a `StackId`, `arn:<partition>:cloudformation:<region>:<account>:stack/<name>/<id>`. Returns `None`
    /// for a text of another form.
    pub fn of_stack(stack_id: &str) -> Option<Self> {
        let mut parts = stack_id.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let is_stack_arn = arn == "arn"
            && service == "cloudformation"
            && resource.starts_with("stack/")
            && [partition, region, account].iter().all(|part| !part.is_empty());
        is_stack_arn.then(|| Self {
            partition: Partition::new(partition),
            region: region.to_owned(),
            account: account.to_owned(),
        })
    }

    /// Returns the ARN of an IAM object in this account. `kind` is `role`, `instance-profile` or `oidc-provider`. `path_and_name`
    /// is the text after the first slash.
    pub fn iam_arn(&self, kind: &str, path_and_name: &str) -> String {
        format!("arn:{}:iam::{}:{kind}/{path_and_name}", self.partition.name(), self.account)
    }

    /// Returns the ARN of a role. `path` begins and ends with `/`.
    pub fn role_arn(&self, path: &str, name: &str) -> String {
        self.iam_arn("role", &format!("{}{name}", path.trim_start_matches('/')))
    }

    /// Returns the ARN of an instance profile. `path` begins and ends with `/`.
    pub fn instance_profile_arn(&self, path: &str, name: &str) -> String {
        self.iam_arn("instance-profile", &format!("{}{name}", path.trim_start_matches('/')))
    }

    /// Returns the ARN of the cluster of that name.
    pub fn cluster_arn(&self, cluster: &str) -> String {
        format!("arn:{}:eks:{}:{}:cluster/{cluster}", self.partition.name(), self.region, self.account)
    }

    /// Returns whether an SQS queue with that ARN is in this account and Region.
    pub fn has_queue(&self, arn: &str) -> bool {
        arn.starts_with(&self.queue_arn(""))
    }

    /// Returns the ARN of the SQS queue of that name.
    pub fn queue_arn(&self, name: &str) -> String {
        format!("arn:{}:sqs:{}:{}:{name}", self.partition.name(), self.region, self.account)
    }

    /// Returns the ARN of the IAM OIDC provider for an issuer. `issuer` has no scheme, see [`issuer_without_scheme`].
    pub fn oidc_provider_arn(&self, issuer: &str) -> String {
        self.iam_arn("oidc-provider", issuer)
    }
}

/// Returns an OIDC issuer without its scheme and without a slash at the end. Provider ARNs and condition keys contain this form.
pub fn issuer_without_scheme(issuer: &str) -> &str {
    issuer.split_once("://").map_or(issuer, |(_, rest)| rest).trim_end_matches('/')
}

/// Returns the last segment of a role's ARN, which is the name without the path.
pub fn role_name_of_arn(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Returns the role's ARN without its path. STS returns a role without its path, so aws-auth must have this form
/// (<https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/153>).
pub fn without_path(role_arn: &str) -> String {
    match role_arn.split_once(":role/") {
        Some((head, _)) => format!("{head}:role/{}", role_name_of_arn(role_arn)),
        None => role_arn.to_owned(),
    }
}

/// Returns `<prefix><cluster>`. A name of more than `max` characters is cut and ends in a hash of the cluster name. So two long
/// cluster names with the same beginning get different names. `max` is at least 9.
pub fn default_name(prefix: &str, cluster: &str, max: usize) -> String {
    let whole = format!("{prefix}{cluster}");
    if whole.len() <= max {
        return whole;
    }
    let hash = &sha256_hex(cluster)[..8];
    let head: String = whole.chars().take(max - hash.len() - 1).collect();
    format!("{}-{hash}", head.trim_end_matches(['-', '_']))
}

/// Returns the SHA-256 of a text as 64 lower-case hexadecimal digits.
pub fn sha256_hex(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_id_has_partition_region_and_account() {
        let scope = Scope::of_stack("arn:aws-cn:cloudformation:cn-north-1:111122223333:stack/s/0a").unwrap();
        assert_eq!(scope.role_arn("/a/b/", "r"), "arn:aws-cn:iam::111122223333:role/a/b/r");
        assert_eq!(scope.cluster_arn("c"), "arn:aws-cn:eks:cn-north-1:111122223333:cluster/c");
        for bad in ["", "stack", "arn:aws:s3:::b", "arn:aws:cloudformation:us-east-1::stack/s/0a"] {
            assert_eq!(Scope::of_stack(bad), None, "{bad}");
        }
    }

    #[test]
    fn long_default_names_fit_and_differ() {
        assert_eq!(default_name("KarpenterNodeRole-", "demo", ROLE_NAME_MAX), "KarpenterNodeRole-demo");
        let (a, b) = (format!("{}a", "c".repeat(99)), format!("{}b", "c".repeat(99)));
        let (a, b) = (
            default_name("KarpenterNodeRole-", &a, ROLE_NAME_MAX),
            default_name("KarpenterNodeRole-", &b, ROLE_NAME_MAX),
        );
        assert_ne!(a, b);
        assert_eq!(a.len(), ROLE_NAME_MAX);
        assert_eq!(default_name("KarpenterNodeInstanceProfile-", &"c".repeat(100), 128).len(), 128);
    }

    #[test]
    fn role_arn_without_path_keeps_account_and_name() {
        assert_eq!(without_path("arn:aws:iam::1:role/a/b/node"), "arn:aws:iam::1:role/node");
        assert_eq!(without_path("arn:aws:iam::1:role/node"), "arn:aws:iam::1:role/node");
    }
}
