//! Who may assume the roles.

use crate::names::{Partition, Scope, issuer_without_scheme};
use serde_json::{Value, json};

/// The audience of a service account token for STS, in every partition
/// (<https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html>).
pub const AUDIENCE: &str = "sts.amazonaws.com";

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

/// The controller role's trust: the service account's tokens from the cluster's issuer may assume it (IRSA).
///
/// `issuer` is the cluster's, with or without its scheme; it stands in the condition's *keys*, which is what
/// CloudFormation cannot write.
pub fn service_account(scope: &Scope, issuer: &str, namespace: &str, service_account: &str) -> Value {
    let issuer = issuer_without_scheme(issuer);
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": scope.oidc_provider_arn(issuer)},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{issuer}:aud"): AUDIENCE,
                format!("{issuer}:sub"): format!("system:serviceaccount:{namespace}:{service_account}"),
            }},
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_stands_in_the_keys_without_its_scheme() {
        let scope = Scope::of_stack("arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a").unwrap();
        let document =
            service_account(&scope, "https://oidc.eks.us-east-1.amazonaws.com/id/0A", "karpenter", "karpenter");
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
}
