//! Warnings about the property `KarpenterVersion`.

use super::warning::Warning;
use crate::desired::spec::Spec;
use crate::identity::karpenter_version::{BASELINE, FIRST_IN_KUBE_SYSTEM, FIRST_SCOPED, KarpenterVersion, NEWEST};

/// Returns the warnings about the chosen versions. `previous` has the properties in force before.
pub(super) fn warnings(spec: &Spec, previous: Option<&Spec>) -> Vec<Warning> {
    let (versions, namespace) = (spec.karpenter_versions.all(), &spec.namespace);
    let mut warnings = Vec::new();
    if versions.iter().all(|version| *version == KarpenterVersion::Baseline) {
        warnings.push(Warning::BaselinePolicyAlone);
    }
    for requested in spec.karpenter_versions.unknown() {
        warnings.push(Warning::NewerKarpenter { requested: requested.to_owned(), known: NEWEST.to_string() });
    }
    if let Some(KarpenterVersion::Scoped(newest)) = versions.last()
        && FIRST_IN_KUBE_SYSTEM <= *newest
        && namespace != "kube-system"
    {
        warnings.push(Warning::OtherNamespace { version: newest.to_string(), namespace: namespace.clone() });
    }
    let had_baseline =
        previous.is_some_and(|previous| previous.karpenter_versions.all().contains(&KarpenterVersion::Baseline));
    if had_baseline && !versions.contains(&KarpenterVersion::Baseline) {
        warnings.push(Warning::NodesOfBaseline { first_scoped: FIRST_SCOPED.to_string(), baseline: BASELINE });
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::aws_names::Scope;
    use serde_json::json;

    #[test]
    fn versions_and_namespace_give_their_warnings() {
        let scope = Scope::of_stack("arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a").unwrap();
        let spec = |versions: &[&str], namespace: &str| {
            let properties = json!({"ClusterName": "demo", "KarpenterVersion": versions, "Namespace": namespace});
            Spec::new(properties.as_object().unwrap(), &scope).unwrap()
        };
        let codes = |versions: &[&str], previous: Option<&[&str]>, namespace: &str| -> Vec<_> {
            let previous = previous.map(|versions| spec(versions, namespace));
            warnings(&spec(versions, namespace), previous.as_ref()).iter().map(Warning::code).collect()
        };
        assert_eq!(codes(&["1.14.1"], Some(&["1.13"]), "kube-system"), [""; 0]);
        assert_eq!(codes(&["1.15.2"], Some(&["1.14"]), "kube-system"), [""; 0]);
        assert_eq!(codes(&["0.32"], None, "karpenter"), [""; 0]);
        assert_eq!(codes(&[], None, "karpenter"), ["KP0301"]);
        assert_eq!(codes(&["1.16"], None, "kube-system"), ["KP0302"]);
        assert_eq!(codes(&["0.33"], None, "karpenter"), ["KP0303"]);
        assert_eq!(codes(&["1.0"], Some(&[]), "kube-system"), ["KP0304"]);
        assert_eq!(codes(&["1.0", "baseline"], Some(&[]), "kube-system"), [""; 0]);
    }
}
