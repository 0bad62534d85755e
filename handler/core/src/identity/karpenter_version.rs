//! The versions of Karpenter that the property `KarpenterVersion` names.

use crate::identity::ownership::Tags;
use std::collections::BTreeSet;
use std::fmt;

/// A minor version, as major and minor number. No patch version has changed the permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(pub u32, pub u32);

/// The first version that tags its resources with `karpenter.sh/nodepool`. Permissions can be limited by that tag
/// (<https://karpenter.sh/docs/upgrading/upgrade-guide/>).
pub const FIRST_SCOPED: Minor = Minor(0, 32);

/// The last version before 1.0.
const LAST_BEFORE_ONE: Minor = Minor(0, 37);

/// The newest version whose permissions this function knows.
pub const NEWEST: Minor = Minor(1, 15);

/// The first version whose guide installs Karpenter into `kube-system`.
pub const FIRST_IN_KUBE_SYSTEM: Minor = Minor(0, 33);

/// The first version whose guide gives nodes the narrower policy for pulling images.
const FIRST_PULL_ONLY: Minor = Minor(1, 4);

/// The word in `KarpenterVersion` for the permissions of versions before [`FIRST_SCOPED`].
pub const BASELINE: &str = "baseline";

/// A version, as far as its permissions differ from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KarpenterVersion {
    /// Every version before [`FIRST_SCOPED`]. Also the default.
    Baseline,
    /// A version with permissions that are limited by tags: from [`FIRST_SCOPED`] to [`NEWEST`].
    Scoped(Minor),
}

/// The value of the property `KarpenterVersion`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KarpenterVersions {
    /// The texts of the template that name a version, in order. Empty without the property.
    requested: Vec<String>,
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Returns whether `text` names a version: `1.14.1`, `v1.0`, `0.37`, or [`BASELINE`]. `1.1` and `1.2` name none, because YAML
/// reads an unquoted `1.10` or `1.20` as `1.1` or `1.2`.
pub fn is_karpenter_version(text: &str) -> bool {
    parse(text).is_some()
}

/// The version that a text names.
#[derive(Debug, PartialEq)]
struct Named {
    version: KarpenterVersion,
    /// The text names a version after [`NEWEST`], and gets the permissions of [`NEWEST`].
    is_newer: bool,
}

/// Reads the version that `text` names. Returns `None` if it names none.
fn parse(text: &str) -> Option<Named> {
    let known = |version| Some(Named { version, is_newer: false });
    if text == BASELINE {
        return known(KarpenterVersion::Baseline);
    }
    let number = |part: &str| {
        let is_plain = part == "0" || !part.starts_with('0') && part.len() <= 9;
        (is_plain && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<u32>().ok()).flatten()
    };
    let parts: Vec<_> = text.strip_prefix('v').unwrap_or(text).split('.').map(number).collect::<Option<_>>()?;
    let minor = match *parts.as_slice() {
        [1, 1 | 2] => return None,
        [major, minor] | [major, minor, _] => Minor(major, minor),
        _ => return None,
    };
    match minor {
        _ if minor < FIRST_SCOPED => known(KarpenterVersion::Baseline),
        _ if LAST_BEFORE_ONE < minor && minor < Minor(1, 0) => None,
        _ if NEWEST < minor => Some(Named { version: KarpenterVersion::Scoped(NEWEST), is_newer: true }),
        _ => known(KarpenterVersion::Scoped(minor)),
    }
}

/// Returns whether Karpenter created an instance profile with these tags for this cluster, for the `role` of an EC2NodeClass
/// (<https://karpenter.sh/docs/concepts/nodeclasses/#specrole>).
pub fn is_karpenter_profile(tags: &Tags, cluster_name: &str, region: &str) -> bool {
    let is_of_cluster =
        tags.get(&format!("kubernetes.io/cluster/{cluster_name}")).is_some_and(|value| value == "owned");
    let is_of_region = tags.get("topology.kubernetes.io/region").is_none_or(|found| found == region);
    is_of_cluster && is_of_region && tags.contains_key("karpenter.k8s.aws/ec2nodeclass")
}

impl KarpenterVersions {
    /// Reads the property's list. A text that names no version is left out.
    pub fn new(requested: &[String]) -> Self {
        Self { requested: requested.iter().filter(|text| is_karpenter_version(text)).cloned().collect() }
    }

    /// Returns each version once; [`KarpenterVersion::Baseline`] if the list is empty.
    pub fn all(&self) -> BTreeSet<KarpenterVersion> {
        let all: BTreeSet<_> =
            self.requested.iter().filter_map(|text| parse(text)).map(|named| named.version).collect();
        if all.is_empty() { [KarpenterVersion::Baseline].into() } else { all }
    }

    /// Returns the texts that name a version after [`NEWEST`].
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.requested.iter().map(String::as_str).filter(|text| parse(text).is_some_and(|named| named.is_newer))
    }

    /// Returns the names of the AWS managed policies with which nodes pull images from ECR. They are those of each version's
    /// guide.
    pub fn node_image_policies(&self) -> BTreeSet<&'static str> {
        let policy = |version: &KarpenterVersion| match version {
            KarpenterVersion::Scoped(minor) if FIRST_PULL_ONLY <= *minor => "AmazonEC2ContainerRegistryPullOnly",
            KarpenterVersion::Scoped(_) | KarpenterVersion::Baseline => "AmazonEC2ContainerRegistryReadOnly",
        };
        self.all().iter().map(policy).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(requested: &[&str]) -> KarpenterVersions {
        KarpenterVersions::new(&requested.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn text_in_known_form_names_a_version() {
        let known = |version| Some(Named { version, is_newer: false });
        let scoped = |major, minor| known(KarpenterVersion::Scoped(Minor(major, minor)));
        for (text, expected) in [
            ("0.32", scoped(0, 32)),
            ("0.37.8", scoped(0, 37)),
            ("1.0", scoped(1, 0)),
            ("v1.1.0", scoped(1, 1)),
            ("1.2.3", scoped(1, 2)),
            ("1.10", scoped(1, 10)),
            ("1.14.1", scoped(1, 14)),
            ("0.31.4", known(KarpenterVersion::Baseline)),
            ("0.5.0", known(KarpenterVersion::Baseline)),
            ("baseline", known(KarpenterVersion::Baseline)),
            ("1.15.2", scoped(1, 15)),
            ("1.16.0", Some(Named { version: KarpenterVersion::Scoped(NEWEST), is_newer: true })),
            ("2.0", Some(Named { version: KarpenterVersion::Scoped(NEWEST), is_newer: true })),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "",
            "1",
            "1.1",
            "1.2",
            "v1.2",
            "0.38",
            "0.40.1",
            "latest",
            "Baseline",
            "1.x",
            "1.0.0.0",
            "1.05",
            "01.1.1",
            "1.",
            "1.4294967296",
            "-1.0",
            "1.0.0-rc.1",
            "1,0",
            "1.0 ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn version_list_defaults_to_baseline_and_has_each_once() {
        assert_eq!(versions(&[]).all(), [KarpenterVersion::Baseline].into());
        let both = versions(&["1.14.1", "0.31", "1.14.0"]);
        assert_eq!(both.all(), [KarpenterVersion::Baseline, KarpenterVersion::Scoped(Minor(1, 14))].into());
        assert_eq!(both.node_image_policies().len(), 2);
        assert_eq!(versions(&["1.3"]).node_image_policies(), ["AmazonEC2ContainerRegistryReadOnly"].into());
        assert_eq!(versions(&["1.4"]).node_image_policies(), ["AmazonEC2ContainerRegistryPullOnly"].into());
    }
}
