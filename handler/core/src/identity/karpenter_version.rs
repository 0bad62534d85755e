//! Karpenter's releases: which there are, and what of the property `KarpenterVersion` names which.

use crate::identity::ownership::Tags;
use std::collections::BTreeSet;
use std::fmt;

/// A release as far as its permissions go: no patch has changed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(pub u32, pub u32);

/// The first release that tags what it makes with `karpenter.sh/nodepool`, so that permissions can go by that tag
/// (<https://karpenter.sh/docs/upgrading/upgrade-guide/>).
pub const FIRST_SCOPED: Minor = Minor(0, 32);

/// The last release before 1.0.
const LAST_BEFORE_ONE: Minor = Minor(0, 37);

/// The newest release whose permissions are known here.
pub const NEWEST: Minor = Minor(1, 15);

/// The first release whose guide installs into `kube-system`.
const FIRST_IN_KUBE_SYSTEM: Minor = Minor(0, 33);

/// The first release whose guide gives nodes the narrower policy for pulling images.
const FIRST_PULL_ONLY: Minor = Minor(1, 4);

/// The word for the permissions of Karpenter's first days.
pub const BASELINE: &str = "baseline";

/// What the user of the baseline alone should know, in one line.
const BASELINE_ALONE: &str = "the baseline controller policy is of Karpenter's v1alpha5 days: a Karpenter of v0.32 or later launches nodes with it but may not terminate them (ec2:TerminateInstances wants `karpenter` in the Name tag) and is denied ec2:DescribeInstanceStatus; set KarpenterVersion to the release that you run";

/// What the controller is given permissions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Everything before [`FIRST_SCOPED`], and where no version is named.
    Baseline,
    /// One whose permissions go by tags: from [`FIRST_SCOPED`] to [`NEWEST`].
    Scoped(Minor),
}

/// What `KarpenterVersion` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Releases {
    /// As it was given, in order; empty when it was not.
    asked: Vec<String>,
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Whether `text` names a release: `1.14.1`, `v1.0`, `0.37`, or [`BASELINE`]. A bare `1.1` or `1.2` does not: unquoted
/// YAML makes them of `1.10` and `1.20`.
pub fn is_release(text: &str) -> bool {
    release(text).is_some()
}

/// A release that a text names.
#[derive(Debug, PartialEq)]
struct Named {
    release: Release,
    /// It is newer than [`NEWEST`], whose permissions it is given.
    is_newer: bool,
}

/// Reads the release that `text` names.
fn release(text: &str) -> Option<Named> {
    let known = |release| Some(Named { release, is_newer: false });
    if text == BASELINE {
        return known(Release::Baseline);
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
        _ if minor < FIRST_SCOPED => known(Release::Baseline),
        _ if LAST_BEFORE_ONE < minor && minor < Minor(1, 0) => None,
        _ if NEWEST < minor => Some(Named { release: Release::Scoped(NEWEST), is_newer: true }),
        _ => known(Release::Scoped(minor)),
    }
}

/// Whether an instance profile with these tags is one that Karpenter made for this cluster: for the `role` of an
/// EC2NodeClass (<https://karpenter.sh/docs/concepts/nodeclasses/#specrole>).
pub fn is_its_profile(tags: &Tags, cluster_name: &str, region: &str) -> bool {
    let is_of_cluster =
        tags.get(&format!("kubernetes.io/cluster/{cluster_name}")).is_some_and(|value| value == "owned");
    let is_of_region = tags.get("topology.kubernetes.io/region").is_none_or(|found| found == region);
    is_of_cluster && is_of_region && tags.contains_key("karpenter.k8s.aws/ec2nodeclass")
}

impl Releases {
    /// What the property lists; what is no release is left out.
    pub fn new(asked: &[String]) -> Self {
        Self { asked: asked.iter().filter(|text| is_release(text)).cloned().collect() }
    }

    /// The releases, each once: [`Release::Baseline`] alone when none is named.
    pub fn all(&self) -> BTreeSet<Release> {
        let all: BTreeSet<_> = self.asked.iter().filter_map(|text| release(text)).map(|named| named.release).collect();
        if all.is_empty() { [Release::Baseline].into() } else { all }
    }

    /// The names of AWS's managed policies that let nodes pull images from ECR, by these releases' guides.
    pub fn node_image_policies(&self) -> BTreeSet<&'static str> {
        let policy = |release: &Release| match release {
            Release::Scoped(minor) if FIRST_PULL_ONLY <= *minor => "AmazonEC2ContainerRegistryPullOnly",
            Release::Scoped(_) | Release::Baseline => "AmazonEC2ContainerRegistryReadOnly",
        };
        self.all().iter().map(policy).collect()
    }

    /// What the user should know of the choice. `old`: what was chosen before, on an Update.
    pub fn warnings(&self, old: Option<&Self>, namespace: &str) -> Vec<String> {
        let all = self.all();
        let mut warnings = Vec::new();
        if all.iter().all(|release| *release == Release::Baseline) {
            warnings.push(BASELINE_ALONE.to_owned());
        }
        for newer in self.asked.iter().filter(|text| release(text).is_some_and(|named| named.is_newer)) {
            warnings.push(format!(
                "Karpenter {newer} is newer than this function knows: the permissions are those of {NEWEST}; compare them with that release's guide, or deploy a newer function"
            ));
        }
        let newest = all.iter().next_back().copied();
        if let Some(Release::Scoped(minor)) = newest.filter(|_| namespace != "kube-system")
            && FIRST_IN_KUBE_SYSTEM <= minor
        {
            warnings.push(format!(
                "the guide of Karpenter {minor} installs into the namespace kube-system, and the controller role trusts the service account in `{namespace}`: set Namespace to where Karpenter runs"
            ));
        }
        let had_baseline = old.is_some_and(|old| old.all().contains(&Release::Baseline));
        if had_baseline && !all.contains(&Release::Baseline) {
            warnings.push(format!(
                "the controller may no longer end nodes that a Karpenter before {FIRST_SCOPED} launched, whose tags are others: while there are any, set KarpenterVersion to a list of both releases (`{BASELINE}` counts as one)"
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn releases(asked: &[&str]) -> Releases {
        Releases::new(&asked.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_version_names_the_release_whose_permissions_it_has() {
        let known = |release| Some(Named { release, is_newer: false });
        let scoped = |major, minor| known(Release::Scoped(Minor(major, minor)));
        for (text, expected) in [
            ("0.32", scoped(0, 32)),
            ("0.37.8", scoped(0, 37)),
            ("1.0", scoped(1, 0)),
            ("v1.1.0", scoped(1, 1)),
            ("1.2.3", scoped(1, 2)),
            ("1.10", scoped(1, 10)),
            ("1.14.1", scoped(1, 14)),
            ("0.31.4", known(Release::Baseline)),
            ("0.5.0", known(Release::Baseline)),
            ("baseline", known(Release::Baseline)),
            ("1.15.2", scoped(1, 15)),
            ("1.16.0", Some(Named { release: Release::Scoped(NEWEST), is_newer: true })),
            ("2.0", Some(Named { release: Release::Scoped(NEWEST), is_newer: true })),
        ] {
            assert_eq!(release(text), expected, "{text}");
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
            assert_eq!(release(text), None, "{text}");
        }
    }

    #[test]
    fn without_a_version_it_is_the_baseline_and_a_list_is_all_of_them() {
        assert_eq!(releases(&[]).all(), [Release::Baseline].into());
        let both = releases(&["1.14.1", "0.31", "1.14.0"]);
        assert_eq!(both.all(), [Release::Baseline, Release::Scoped(Minor(1, 14))].into());
        assert_eq!(both.node_image_policies().len(), 2);
        assert_eq!(releases(&["1.3"]).node_image_policies(), ["AmazonEC2ContainerRegistryReadOnly"].into());
        assert_eq!(releases(&["1.4"]).node_image_policies(), ["AmazonEC2ContainerRegistryPullOnly"].into());
    }

    #[test]
    fn the_user_is_told_what_a_choice_brings_along() {
        let told = |asked: &[&str], old: Option<&[&str]>, namespace| {
            releases(asked).warnings(old.map(releases).as_ref(), namespace)
        };
        assert!(told(&["1.14.1"], Some(&["1.13"]), "kube-system").is_empty());
        assert!(told(&["1.15.2"], Some(&["1.14"]), "kube-system").is_empty());
        assert!(told(&["0.32"], None, "karpenter").is_empty());
        assert!(told(&[], None, "karpenter")[0].contains("set KarpenterVersion to the release that you run"));
        assert!(told(&["1.16"], None, "kube-system")[0].contains("newer than this function knows"));
        assert!(told(&["0.33"], None, "karpenter")[0].contains("kube-system"));
        assert!(told(&["1.0"], Some(&[]), "kube-system")[0].contains("list of both"));
        assert!(told(&["1.0", "baseline"], Some(&[]), "kube-system").is_empty());
    }
}
