//! Trust policies: the principals that may assume a role.

use super::document::{Condition, OneOrMany, PolicyDocument, Principal, Statement};
use crate::identity::aws_names::{Partition, Scope, issuer_without_scheme};
use crate::identity::kubernetes::ServiceAccount;
use serde_json::Value;
use std::collections::BTreeSet;

/// The audience of a service account token for STS, in every partition
/// (<https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html>).
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// Kinds of principals, and the service principal of EKS Pod Identity.
const FEDERATED: &str = "Federated";
const SERVICE: &str = "Service";
const POD_IDENTITY: &str = "pods.eks.amazonaws.com";

/// The operator of all conditions here.
const EQUALS: &str = "StringEquals";

/// The session tags that EKS sends, and the prefix of their condition keys
/// (<https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>).
const REQUEST_TAG: &str = "aws:RequestTag/";
const CLUSTER_ARN: &str = "eks-cluster-arn";
const NAMESPACE: &str = "kubernetes-namespace";
const SERVICE_ACCOUNT: &str = "kubernetes-service-account";

/// The service accounts that a controller role trusts, and the way in which each of them assumes it.
#[derive(Clone, Debug)]
pub struct ControllerTrust<'a> {
    /// The partition, Region and account of the cluster.
    pub scope: &'a Scope,
    /// The name of the cluster.
    pub cluster_name: &'a str,
    /// The service account that uses IAM roles for service accounts. `None` for a role that trusts no OIDC provider.
    pub irsa: Option<Irsa<'a>>,
    /// The service accounts that use EKS Pod Identity, in the order of their statements.
    pub pod_identity: Vec<&'a ServiceAccount>,
}

/// A service account that assumes a role with a token of its cluster's OIDC issuer.
#[derive(Clone, Copy, Debug)]
pub struct Irsa<'a> {
    /// The URL of the issuer, with or without its scheme.
    pub issuer: &'a str,
    /// The service account.
    pub account: &'a ServiceAccount,
}

/// Returns the trust policy of the node role: EC2 may assume it.
pub fn ec2(partition: &Partition) -> Value {
    let statement = Statement {
        principal: Some(Principal::one(SERVICE, partition.ec2_principal())),
        ..Statement::allow(["sts:AssumeRole"])
    };
    PolicyDocument::new([statement]).to_json()
}

/// Returns the trust policy of a controller role: a statement for IRSA, then a statement for each Pod Identity association.
/// Without any of them, the policy has no statement, and IAM rejects it.
pub fn controller(trust: &ControllerTrust<'_>) -> Value {
    let cluster_arn = trust.scope.cluster_arn(trust.cluster_name);
    let irsa = trust.irsa.map(|irsa| irsa.statement(trust.scope));
    let pod_identity = trust.pod_identity.iter().map(|account| pod_identity(&cluster_arn, account));
    PolicyDocument::new(irsa.into_iter().chain(pod_identity)).to_json()
}

/// Returns whether a trust policy trusts this OIDC provider: a statement that allows has its ARN as a `Federated` principal.
/// Conditions and `Deny` statements are not evaluated. JSON that is not a policy trusts none.
pub fn trusts_provider(trust: &Value, provider_arn: &str) -> bool {
    let is_named = |statement: &Statement| statement.principals(FEDERATED).any(|arn| arn == provider_arn);
    PolicyDocument::read(trust).is_some_and(|document| document.allowing().any(is_named))
}

/// Returns the ARN of the first OIDC provider that a trust policy trusts, in the sense of [`trusts_provider`]. Returns `None` if
/// it trusts none. A SAML provider does not count, and neither does an identity provider without an ARN, such as
/// `accounts.google.com`.
pub fn trusted_provider(trust: &Value) -> Option<String> {
    let document = PolicyDocument::read(trust)?;
    let mut federated = document.allowing().flat_map(|statement| statement.principals(FEDERATED));
    federated.find(|arn| arn.contains(":oidc-provider/")).map(str::to_owned)
}

/// Returns the service accounts of this cluster for which EKS Pod Identity may assume a role with this trust policy. JSON that is
/// not a policy has none.
pub fn trusted_service_accounts(trust: &Value, cluster_arn: &str) -> BTreeSet<ServiceAccount> {
    let Some(document) = PolicyDocument::read(trust) else { return BTreeSet::new() };
    let mut accounts = BTreeSet::new();
    for statement in document.allowing().filter(|it| it.principals(SERVICE).any(|name| name == POD_IDENTITY)) {
        let tags = |tag: &str| statement.condition_values(EQUALS, &request_tag(tag));
        if !tags(CLUSTER_ARN).iter().any(|arn| arn == cluster_arn) {
            continue;
        }
        let names = tags(SERVICE_ACCOUNT);
        for namespace in tags(NAMESPACE) {
            let account = |name: &String| ServiceAccount { namespace: namespace.clone(), name: name.clone() };
            accounts.extend(names.iter().map(account));
        }
    }
    accounts
}

impl Irsa<'_> {
    /// Returns the statement that allows the tokens of the service account. A template cannot contain it, because the issuer is
    /// part of the condition keys (<https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>).
    fn statement(&self, scope: &Scope) -> Statement {
        let issuer = issuer_without_scheme(self.issuer);
        let ServiceAccount { namespace, name } = self.account;
        Statement {
            principal: Some(Principal::one(FEDERATED, scope.oidc_provider_arn(issuer))),
            condition: equals([
                (format!("{issuer}:aud"), AUDIENCE),
                (format!("{issuer}:sub"), &format!("system:serviceaccount:{namespace}:{name}")),
            ]),
            ..Statement::allow(["sts:AssumeRoleWithWebIdentity"])
        }
    }
}

/// Returns the statement that allows EKS Pod Identity for a service account of this cluster. The condition compares the session
/// tags (<https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html>).
fn pod_identity(cluster_arn: &str, account: &ServiceAccount) -> Statement {
    Statement {
        principal: Some(Principal::one(SERVICE, POD_IDENTITY)),
        condition: equals([
            (request_tag(CLUSTER_ARN), cluster_arn),
            (request_tag(NAMESPACE), &account.namespace),
            (request_tag(SERVICE_ACCOUNT), &account.name),
        ]),
        ..Statement::allow(["sts:AssumeRole", "sts:TagSession"])
    }
}

fn equals<const N: usize>(values: [(String, &str); N]) -> Condition {
    let values = values.map(|(key, value)| (key, OneOrMany::One(value.into())));
    [(EQUALS.to_owned(), values.into())].into()
}

fn request_tag(tag: &str) -> String {
    format!("{REQUEST_TAG}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ISSUER: &str = "https://oidc.eks.us-east-1.amazonaws.com/id/0A";
    const DEMO: &str = "arn:aws:eks:us-east-1:111122223333:cluster/demo";

    fn account(namespace: &str) -> ServiceAccount {
        ServiceAccount { namespace: namespace.to_owned(), name: "karpenter".to_owned() }
    }

    fn of_demo(issuer: Option<&str>, pod_identity: &[&ServiceAccount]) -> Value {
        let scope = Scope::of_stack("arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a").unwrap();
        let account = account("karpenter");
        let irsa = issuer.map(|issuer| Irsa { issuer, account: &account });
        let pod_identity = pod_identity.to_vec();
        controller(&ControllerTrust { scope: &scope, cluster_name: "demo", irsa, pod_identity })
    }

    #[test]
    fn trusted_service_accounts_are_those_of_the_cluster() {
        let (one, other) = (account("karpenter"), account("kube-system"));
        let document = of_demo(Some(ISSUER), &[&one, &other]);
        assert_eq!(trusted_service_accounts(&document, DEMO), [one, other].into());
        let of_other_cluster = trusted_service_accounts(&document, "arn:aws:eks:us-east-1:111122223333:cluster/other");
        assert!(of_other_cluster.is_empty());
        assert!(trusted_service_accounts(&of_demo(Some(ISSUER), &[]), DEMO).is_empty());
        assert!(trusted_service_accounts(&document["Statement"][1], DEMO).is_empty());
    }

    #[test]
    fn trusted_service_accounts_need_allow_and_pod_identity() {
        let accounts = |effect: &str, service: &str| {
            let document = json!({"Statement": {
                "Effect": effect,
                "Principal": {"Service": ["ec2.amazonaws.com", service]},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {
                    "aws:RequestTag/eks-cluster-arn": [DEMO],
                    "aws:RequestTag/kubernetes-namespace": ["a", "b"],
                    "aws:RequestTag/kubernetes-service-account": "karpenter",
                }},
            }});
            trusted_service_accounts(&document, DEMO)
        };
        assert_eq!(accounts("Allow", "pods.eks.amazonaws.com"), [account("a"), account("b")].into());
        assert!(accounts("Deny", "pods.eks.amazonaws.com").is_empty());
        assert!(accounts("Allow", "lambda.amazonaws.com").is_empty());
    }

    #[test]
    fn trusted_provider_is_the_first_allowed_oidc_provider() {
        let arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/0A";
        assert_eq!(trusted_provider(&of_demo(Some(ISSUER), &[])).as_deref(), Some(arn));
        assert_eq!(trusted_provider(&of_demo(None, &[&account("karpenter")])), None);
        let federated = |effect: &str, of: Value| json!({"Effect": effect, "Principal": {"Federated": of}});
        let mixed = json!({"Statement": [
            federated("Deny", json!("arn:aws:iam::111122223333:oidc-provider/denied")),
            federated("Allow", json!("cognito-identity.amazonaws.com")),
            federated("Allow", json!(["arn:aws:iam::111122223333:saml-provider/a", arn])),
        ]});
        assert_eq!(trusted_provider(&mixed).as_deref(), Some(arn));
        assert_eq!(trusted_provider(&Value::Null), None);
    }

    #[test]
    fn provider_is_trusted_as_allowed_federated_principal() {
        let arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/0A";
        let longer = format!("{arn}B");
        let federated = |effect: &str, principal: Value| json!({"Effect": effect, "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity"});
        let conditional = |principal: Value| {
            let mut statement = federated("Allow", principal);
            statement["Condition"] = json!({"StringEquals": {"aws:PrincipalArn": arn}});
            statement
        };
        let other =
            json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
        let plain = federated("Allow", json!({"Federated": arn}));
        let excepted = json!({"Effect": "Allow", "NotPrincipal": {"Federated": arn}, "Action": "sts:AssumeRole"});
        let cases = [
            (true, "one statement without brackets", plain.clone()),
            (true, "second statement", json!([other, plain])),
            (true, "list of principals", federated("Allow", json!({"Federated": [longer, arn]}))),
            (true, "denied in another statement", json!([federated("Deny", json!({"Federated": arn})), plain])),
            (false, "prefix of another ARN", federated("Allow", json!({"Federated": longer}))),
            (false, "prefix of another ARN, as a list", federated("Allow", json!({"Federated": [longer]}))),
            (false, "Deny", json!([federated("Deny", json!({"Federated": arn}))])),
            (false, "principal of another kind", federated("Allow", json!({"AWS": arn}))),
            (false, "ARN in a condition", conditional(json!({"AWS": "111122223333"}))),
            (false, "principal *, ARN in a condition", conditional(json!("*"))),
            (false, "principal *", federated("Allow", json!("*"))),
            (false, "NotPrincipal", excepted),
            (false, "no statement", json!(arn)),
        ];
        let wrong: Vec<_> = cases
            .into_iter()
            .filter(|(expected, _, statement)| {
                trusts_provider(&json!({"Version": "2012-10-17", "Statement": statement}), arn) != *expected
            })
            .map(|(_, case, _)| case)
            .collect();
        assert_eq!(wrong, Vec::<&str>::new());
        assert!(!trusts_provider(&Value::Null, arn));
    }

    #[test]
    fn irsa_condition_keys_have_the_issuer_without_scheme() {
        let document = of_demo(Some(ISSUER), &[]);
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
    fn pod_identity_statement_has_one_account_and_cluster() {
        let document = of_demo(None, &[&account("karpenter")]);
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
    }
}
