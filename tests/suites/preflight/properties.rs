//! Properties that are invalid independently of the account.

use local_cloud::scenario::{CLUSTER, Scenario};
use serde_json::json;

use super::{assert_create_fails, assert_fails, with};

const ROLE: &str = "arn:aws:iam::111122223333:role/nodes";

/// Each invalid property is reported with a description of valid values. An unknown property is reported with a similar name.
/// All problems are reported at once.
#[tokio::test]
async fn invalid_properties_are_reported_together() {
    let mut scenario = Scenario::start().await.unwrap();
    let required = "`ClusterName` is required. Set it to the name of an EKS cluster";
    let too_long = "r".repeat(65);
    let cases = [
        (json!({}), vec![required]),
        (json!({"ClusterName": ""}), vec![required]),
        (json!({"Cluster": CLUSTER}), vec!["unknown property `Cluster`. Did you mean `ClusterName`?", required]),
        (with(json!({"NodeRolName": "nodes"})), vec!["unknown property `NodeRolName`. Did you mean `NodeRoleName`?"]),
        (with(json!({"Karpenter": "1"})), vec!["unknown property `Karpenter`"]),
        (
            with(json!({"NodeAccess": "Sometimes"})),
            vec!["`NodeAccess` must be `Auto`, `AwsAuth`, `AccessEntry` or `None`, but it is \"Sometimes\""],
        ),
        (with(json!({"NodeRoleName": too_long})), vec!["`NodeRoleName` must be a role name: 1 to 64"]),
        (with(json!({"Namespace": "Karpenter"})), vec!["`Namespace` must be a Kubernetes namespace", "\"Karpenter\""]),
        (
            with(json!({"Tags": {"aws:owner": "me"}})),
            vec!["`Tags` must be at most 48 tags", "no key beginning with `aws:`"],
        ),
        (with(json!({"Tags": "team=platform"})), vec!["`Tags` must be", "a list of `Key` and `Value`"]),
        (with(json!({"SubnetIds": ["vpc-0123456789abcdef0"]})), vec!["`SubnetIds` must be a list of subnet ids"]),
        (with(json!({"SecurityGroupIds": "default"})), vec!["`SecurityGroupIds` must be a list of security group ids"]),
        (
            with(json!({"NodePolicyArns": "ReadOnlyAccess"})),
            vec!["`NodePolicyArns` must be a list of managed policies' ARNs"],
        ),
        (with(json!({"KubernetesRoleArn": "admin"})), vec!["`KubernetesRoleArn` must be the ARN of a role"]),
        (with(json!({"DiscoveryTagKey": "a=b"})), vec!["`DiscoveryTagKey` must be a tag key"]),
        (with(json!({"TagConflict": "Overwrite"})), vec!["`TagConflict` must be `Fail` or `Skip`"]),
        (
            with(json!({"NodeRoleArn": ROLE, "NodeRoleName": "nodes"})),
            vec!["`NodeRoleArn` and `NodeRoleName` exclude each other"],
        ),
        (
            with(json!({"NodeRoleArn": ROLE, "NodePolicyArns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})),
            vec!["`NodeRoleArn` and `NodePolicyArns` exclude each other"],
        ),
        (
            json!({"NodeRolName": "nodes", "NodeAccess": "auto", "TagConflict": "skip"}),
            vec!["`NodeRolName`", required, "`NodeAccess` must be", "`TagConflict` must be"],
        ),
    ];
    for (properties, words) in cases {
        let reason = assert_create_fails(&mut scenario, &properties, &words).await;
        assert!(reason.starts_with("nothing was changed: "), "{reason}");
    }
}

/// An Update to invalid properties does not change the resource or its id.
#[tokio::test]
async fn update_to_invalid_properties_changes_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let good = with(json!({}));
    let created = scenario.send(&scenario.resource.create(&good)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let update = scenario.resource.update(&id, &with(json!({"NodeRolName": "nodes"})), &good);
    assert_fails(&mut scenario, &update, &["`NodeRolName`"]).await;
    let again = scenario.send(&update).await.unwrap();
    assert_eq!(again.response.physical_resource_id, id, "another id would have CloudFormation delete the resource");
}
