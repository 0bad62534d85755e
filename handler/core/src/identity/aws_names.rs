//! Names, ARNs and partitions: what AWS spells, spelled in one place.

use sha2::{Digest, Sha256};

/// The longest role name IAM takes, in characters
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const ROLE_NAME_MAX: usize = 64;

/// The longest instance profile name IAM takes, in characters (same page as [`ROLE_NAME_MAX`]).
pub const INSTANCE_PROFILE_NAME_MAX: usize = 128;

/// The longest managed policy name IAM takes, in characters (same page as [`ROLE_NAME_MAX`]).
pub const POLICY_NAME_MAX: usize = 128;

/// The longest path IAM takes, in characters, both slashes counted (same page as [`ROLE_NAME_MAX`]).
pub const PATH_MAX: usize = 512;

/// An AWS partition: the first part of every ARN, and what differs with it.
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
    /// The partition of that name, such as `aws`, `aws-cn` or `aws-us-gov`. Any name is taken.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// `aws`, `aws-cn`, …
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The DNS suffix of the partition's service endpoints; an unknown partition counts as `aws`
    /// (<https://docs.aws.amazon.com/general/latest/gr/rande.html>; the isolated partitions as the SDK's
    /// `partitions.json` lists them).
    pub fn dns_suffix(&self) -> &'static str {
        OTHER_SUFFIXES.iter().find(|(name, _)| *name == self.0).map_or("amazonaws.com", |(_, suffix)| suffix)
    }

    /// The partition that a service's host is in, by its DNS suffix; `aws` for any other host.
    pub fn of_host(host: &str) -> Self {
        let other =
            OTHER_SUFFIXES.iter().find(|(_, suffix)| host.strip_suffix(suffix).is_some_and(|head| head.ends_with('.')));
        Self::new(other.map_or("aws", |(name, _)| name))
    }

    /// The service principal of EC2, which a node role trusts.
    pub fn ec2_principal(&self) -> String {
        match self.0.as_str() {
            "aws-cn" => "ec2.amazonaws.com.cn".to_owned(),
            _ => "ec2.amazonaws.com".to_owned(),
        }
    }

    /// The ARN of the AWS managed policy of that name.
    pub fn managed_policy_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::aws:policy/{name}", self.0)
    }
}

/// Where a stack lives: what its `StackId` says, and every ARN in its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The partition.
    pub partition: Partition,
    /// The region, such as `eu-west-1`.
    pub region: String,
    /// The twelve-digit account id.
    pub account: String,
}

impl Scope {
    /// Reads the scope out of a `StackId`, `arn:<partition>:cloudformation:<region>:<account>:stack/<name>/<id>`.
    /// `None` when it has no such form.
    pub fn of_stack(stack_id: &str) -> Option<Self> {
        let mut parts = stack_id.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let sound = arn == "arn"
            && service == "cloudformation"
            && resource.starts_with("stack/")
            && [partition, region, account].iter().all(|part| !part.is_empty());
        sound.then(|| Self {
            partition: Partition::new(partition),
            region: region.to_owned(),
            account: account.to_owned(),
        })
    }

    /// The ARN of an IAM object of this account: `kind` is `role`, `instance-profile` or
    /// `oidc-provider`, `path_and_name` what follows the first slash.
    pub fn iam_arn(&self, kind: &str, path_and_name: &str) -> String {
        format!("arn:{}:iam::{}:{kind}/{path_and_name}", self.partition.name(), self.account)
    }

    /// The ARN of a role under a path (which begins and ends with `/`).
    pub fn role_arn(&self, path: &str, name: &str) -> String {
        self.iam_arn("role", &format!("{}{name}", path.trim_start_matches('/')))
    }

    /// The ARN of an instance profile under a path (which begins and ends with `/`).
    pub fn instance_profile_arn(&self, path: &str, name: &str) -> String {
        self.iam_arn("instance-profile", &format!("{}{name}", path.trim_start_matches('/')))
    }

    /// The ARN of the cluster of that name.
    pub fn cluster_arn(&self, cluster: &str) -> String {
        format!("arn:{}:eks:{}:{}:cluster/{cluster}", self.partition.name(), self.region, self.account)
    }

    /// Whether an SQS queue of that ARN is in this account and region.
    pub fn has_queue(&self, arn: &str) -> bool {
        arn.starts_with(&self.queue_arn(""))
    }

    /// The ARN of the SQS queue of that name.
    pub fn queue_arn(&self, name: &str) -> String {
        format!("arn:{}:sqs:{}:{}:{name}", self.partition.name(), self.region, self.account)
    }

    /// The ARN of the IAM OIDC provider for an issuer, given without its scheme.
    pub fn oidc_provider_arn(&self, issuer: &str) -> String {
        self.iam_arn("oidc-provider", issuer)
    }
}

/// An OIDC issuer without its scheme: the form of provider ARNs and of trust conditions' keys.
pub fn issuer_without_scheme(issuer: &str) -> &str {
    issuer.split_once("://").map_or(issuer, |(_, rest)| rest).trim_end_matches('/')
}

/// The last segment of a role's ARN: its bare name.
pub fn role_name_of_arn(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The role's ARN without its path, as STS, and therefore aws-auth, knows the role
/// (<https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/153>).
pub fn without_path(role_arn: &str) -> String {
    match role_arn.split_once(":role/") {
        Some((head, _)) => format!("{head}:role/{}", role_name_of_arn(role_arn)),
        None => role_arn.to_owned(),
    }
}

/// `<prefix><cluster>`, or, where that exceeds `max` characters, cut and ended with a hash of the
/// cluster name, so that two long names that begin alike stay apart.
pub fn default_name(prefix: &str, cluster: &str, max: usize) -> String {
    let whole = format!("{prefix}{cluster}");
    if whole.len() <= max {
        return whole;
    }
    let hash = &sha256_hex(cluster)[..8];
    let kept: String = whole.chars().take(max - hash.len() - 1).collect();
    format!("{}-{hash}", kept.trim_end_matches(['-', '_']))
}

/// SHA-256 in lower-case hexadecimal digits.
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
    fn a_stack_id_tells_partition_region_and_account() {
        let scope = Scope::of_stack("arn:aws-cn:cloudformation:cn-north-1:111122223333:stack/s/0a").unwrap();
        assert_eq!(scope.role_arn("/a/b/", "r"), "arn:aws-cn:iam::111122223333:role/a/b/r");
        assert_eq!(scope.cluster_arn("c"), "arn:aws-cn:eks:cn-north-1:111122223333:cluster/c");
        for bad in ["", "stack", "arn:aws:s3:::b", "arn:aws:cloudformation:us-east-1::stack/s/0a"] {
            assert_eq!(Scope::of_stack(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_default_name_fits_and_keeps_long_clusters_apart() {
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
    fn aws_auth_knows_a_role_without_its_path() {
        assert_eq!(without_path("arn:aws:iam::1:role/a/b/node"), "arn:aws:iam::1:role/node");
        assert_eq!(without_path("arn:aws:iam::1:role/node"), "arn:aws:iam::1:role/node");
    }
}
