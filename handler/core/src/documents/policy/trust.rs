//! Who may assume the roles.

use crate::desired::spec::{ControllerIdentity, Spec};
use crate::identity::aws_names::{Partition, issuer_without_scheme};
use crate::identity::kubernetes::ServiceAccount;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The audience of a service account token for STS, in every partition
/// (<https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html>).
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// The session tags that EKS gives, and the condition key that they are asked for by.
const REQUEST_TAG: &str = "aws:RequestTag/";
const CLUSTER_ARN: &str = "eks-cluster-arn";
const NAMESPACE: &str = "kubernetes-namespace";
const SERVICE_ACCOUNT: &str = "kubernetes-service-account";

/// The node role's trust: EC2 may assume it.
pub fn ec2(partition: &Partition) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": partition.ec2_principal()},
            "Action": "sts:AssumeRole",
        }],
    })
}

/// The controller role's trust: what each way that the controller comes by its role needs.
///
/// `issuer` is the cluster's, with or without its scheme, where the role is to trust it: for IRSA, or until what takes its
/// place stands. `leaving`: the service accounts whose associations stand until those that are wanted do.
pub fn controller<'a>(
    spec: &Spec,
    issuer: Option<&str>,
    leaving: impl IntoIterator<Item = &'a ServiceAccount>,
) -> Value {
    let cluster_arn = spec.scope.cluster_arn(&spec.cluster_name);
    let wanted = spec.has_identity(ControllerIdentity::PodIdentity).then(|| spec.controller_account());
    let irsa = issuer.map(|issuer| irsa(spec, issuer));
    let wanted = wanted.iter().map(|account| pod_identity(&cluster_arn, account));
    let leaving = leaving.into_iter().map(|account| pod_identity(&cluster_arn, account));
    let statements: Vec<_> = irsa.into_iter().chain(wanted).chain(leaving).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The OIDC provider that such a trust names: its ARN.
pub fn provider(trust: &Value) -> Option<&str> {
    trust["Statement"].as_array()?.iter().find_map(|statement| statement["Principal"]["Federated"].as_str())
}

/// The service accounts of this cluster for which EKS may assume a role that has such a trust.
pub fn associable(trust: &Value, cluster_arn: &str) -> BTreeSet<ServiceAccount> {
    let statements = trust["Statement"].as_array().into_iter().flatten();
    let accounts = statements.filter_map(|statement| {
        let tags = &statement["Condition"]["StringEquals"];
        let text = |tag: &str| tags[format!("{REQUEST_TAG}{tag}")].as_str();
        let (namespace, name) = (text(NAMESPACE)?.to_owned(), text(SERVICE_ACCOUNT)?.to_owned());
        (text(CLUSTER_ARN) == Some(cluster_arn)).then_some(ServiceAccount { namespace, name })
    });
    accounts.collect()
}

/// The service account's tokens from the cluster's issuer may assume it. The issuer stands in the condition's *keys*,
/// which is what CloudFormation cannot write.
fn irsa(spec: &Spec, issuer: &str) -> Value {
    let issuer = issuer_without_scheme(issuer);
    json!({
        "Effect": "Allow",
        "Principal": {"Federated": spec.scope.oidc_provider_arn(issuer)},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{issuer}:aud"): AUDIENCE,
            format!("{issuer}:sub"): format!("system:serviceaccount:{}:{}", spec.namespace, spec.service_account),
        }},
    })
}

/// EKS may assume it for a service account of this cluster, by the tags that it gives every such session
/// (<https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html>).
fn pod_identity(cluster_arn: &str, account: &ServiceAccount) -> Value {
    json!({
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {
            format!("{REQUEST_TAG}{CLUSTER_ARN}"): cluster_arn,
            format!("{REQUEST_TAG}{NAMESPACE}"): account.namespace,
            format!("{REQUEST_TAG}{SERVICE_ACCOUNT}"): account.name,
        }},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::aws_names::Scope;

    fn spec(more: Value) -> Spec {
        let Value::Object(mut raw) = more else { panic!("no map: {more}") };
        raw.insert("ClusterName".to_owned(), "demo".into());
        let scope = Scope::of_stack("arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a").unwrap();
        Spec::new(&raw, &scope).unwrap()
    }

    #[test]
    fn a_trust_names_the_service_accounts_of_its_cluster_that_may_have_an_association() {
        let spec = spec(json!({"ControllerIdentity": ["PodIdentity", "IRSA"]}));
        let before = ServiceAccount { namespace: "kube-system".to_owned(), name: "karpenter".to_owned() };
        let document = controller(&spec, Some("https://issuer"), [&before]);
        let arn = "arn:aws:eks:us-east-1:111122223333:cluster/demo";
        assert_eq!(associable(&document, arn), [before, spec.controller_account()].into());
        assert!(associable(&document, "arn:aws:eks:us-east-1:111122223333:cluster/other").is_empty());
        assert!(associable(&controller(&spec, None, [])["Statement"][0], arn).is_empty());
    }

    #[test]
    fn the_issuer_stands_in_the_keys_without_its_scheme() {
        let document = controller(&spec(json!({})), Some("https://oidc.eks.us-east-1.amazonaws.com/id/0A"), []);
        let expected = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/0A"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {
                    "oidc.eks.us-east-1.amazonaws.com/id/0A:aud": "sts.amazonaws.com",
                    "oidc.eks.us-east-1.amazonaws.com/id/0A:sub": "system:serviceaccount:karpenter:karpenter",
                }},
            }],
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn a_pod_of_this_cluster_and_service_account_alone_may_assume_the_role() {
        let document = controller(&spec(json!({"ControllerIdentity": "PodIdentity"})), None, []);
        let expected = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {"StringEquals": {
                    "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:us-east-1:111122223333:cluster/demo",
                    "aws:RequestTag/kubernetes-namespace": "karpenter",
                    "aws:RequestTag/kubernetes-service-account": "karpenter",
                }},
            }],
        });
        assert_eq!(document, expected);
        let both = spec(json!({"ControllerIdentity": ["PodIdentity", "IRSA"]}));
        let both = controller(&both, Some("https://issuer"), []);
        assert_eq!(both["Statement"].as_array().unwrap().len(), 2);
    }
}
