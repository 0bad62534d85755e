//! A Delete leaves nothing, in any state of the account, and with any id and properties in the event.

use std::time::Duration;

use local_cloud::{
    gateway::{ClusterRewrite, When},
    process::wait_until,
    scenario::{CLUSTER, CrashPoint, Scenario},
};
use serde_json::{Value, json};

use super::{create, delete, properties};

/// CloudFormation generates an id if a Create was cancelled or its response was lost. Then the Delete finds the objects by
/// the properties. With invalid properties, it finds them by the id and by the valid ones of the properties.
#[tokio::test]
async fn delete_finds_objects_by_properties_or_id() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let good = properties(&json!({"NodeRoleName": "workers", "ControllerRoleName": "controllers"}));
    let mut bad = good.clone();
    for (name, value) in [
        ("NodeAccess", "Sometimes"),
        ("RevisionNumber", "3"),
        ("TagConflict", "Overwrite"),
        ("Namespace", "Not A Name"),
    ] {
        bad[name] = json!(value);
    }
    let generated_id = "platform-Prereqs-1TN5JDHRMUAIP".to_owned();
    for (id, properties) in [(Some(&generated_id), &good), (Some(&generated_id), &bad), (None, &bad)] {
        let own_id = create(&mut scenario, &good).await;
        delete(&mut scenario, id.unwrap_or(&own_id), properties).await;
        before.assert_same(&scenario.world().await.unwrap(), &format!("after the Delete of {id:?} with {properties}"));
    }
    // There are no objects, or the properties name no existing cluster: nothing to do.
    for properties in [&good, &bad, &json!({}), &json!({"ClusterName": ""}), &json!({"ClusterName": "no-such-cluster"})]
    {
        let event = scenario.resource.delete(&generated_id, properties);
        scenario.send(&event).await.unwrap().wrote_nothing().succeeded();
    }
    before.assert_same(&scenario.world().await.unwrap(), "after Deletes of nothing");
}

/// A Delete succeeds if some of the objects were deleted by hand. It also succeeds if further policies were attached to the
/// roles, and removes these.
#[tokio::test]
async fn delete_with_missing_or_foreign_attachments_succeeds() {
    let mut scenario = Scenario::start().await.unwrap();
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let before = scenario.world().await.unwrap();
    let properties = properties(&json!({}));
    for round in ["the profile", "the node role", "aws-auth", "more on the roles"] {
        let id = create(&mut scenario, &properties).await;
        let (profile, node, controller) =
            ("KarpenterNodeInstanceProfile-demo", "KarpenterNodeRole-demo", "KarpenterControllerRole-demo");
        match round {
            "the profile" | "the node role" => {
                iam.remove_role_from_instance_profile()
                    .instance_profile_name(profile)
                    .role_name(node)
                    .send()
                    .await
                    .unwrap();
                iam.delete_instance_profile().instance_profile_name(profile).send().await.unwrap();
                if round == "the node role" {
                    let role: Value = scenario.world().await.unwrap().json(&format!("role/{node}"));
                    for arn in role["attached"].as_array().unwrap() {
                        iam.detach_role_policy()
                            .role_name(node)
                            .policy_arn(arn.as_str().unwrap())
                            .send()
                            .await
                            .unwrap();
                    }
                    iam.delete_role().role_name(node).send().await.unwrap();
                }
            }
            "aws-auth" => scenario.cluster.control_plane().remove_aws_auth().await.unwrap(),
            _ => {
                let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
                let document =
                    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
                for role in [node, controller] {
                    iam.attach_role_policy().role_name(role).policy_arn(arn).send().await.unwrap();
                    iam.put_role_policy()
                        .role_name(role)
                        .policy_name("more")
                        .policy_document(document)
                        .send()
                        .await
                        .unwrap();
                }
            }
        }
        delete(&mut scenario, &id, &properties).await;
        let after = scenario.world().await.unwrap();
        if round == "aws-auth" {
            before.without("aws-auth/").assert_same(&after, "after aws-auth was deleted");
            scenario.cluster.control_plane().set_aws_auth(local_cloud::scenario::AWS_AUTH).await.unwrap();
        } else {
            before.assert_same(&after, &format!("after {round}"));
        }
    }
}

/// If the cluster is deleted or has the status DELETING, its aws-auth is deleted with it. The Delete removes everything else,
/// and does not call the Kubernetes API.
#[tokio::test]
async fn delete_with_deleted_cluster_succeeds() {
    let mut scenario = Scenario::start().await.unwrap();
    let properties = properties(&json!({}));
    let before = scenario.world().await.unwrap().without("aws-auth/");
    for is_deleted in [false, true] {
        let id = create(&mut scenario, &properties).await;
        if is_deleted {
            delete_cluster(&scenario).await;
        } else {
            let deleting = ClusterRewrite { status: Some("DELETING".to_owned()), ..scenario.cluster.rewrite() };
            scenario.cloud.gateway().set_cluster(CLUSTER, deleting);
        }
        let deleted = scenario.send(&scenario.resource.delete(&id, &properties)).await.unwrap();
        deleted.succeeded();
        assert!(deleted.calls.iter().all(|call| call.service != "kubernetes"));
        before.assert_same(&scenario.world().await.unwrap().without("aws-auth/"), "after the cluster");
        scenario.cloud.gateway().set_cluster(CLUSTER, scenario.cluster.rewrite());
    }
}

/// The process of a Create is killed at one of its writes, for each write in turn. CloudFormation gets no response, and sends
/// a Delete with a generated id. The process of a Delete is killed too, and the Delete is delivered again. Nothing is left.
#[tokio::test]
async fn delete_after_interrupted_run_leaves_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let properties = properties(&json!({"Tags": {"team": "platform"}}));
    let generated_id = "platform-Prereqs-1TN5JDHRMUAIP";
    let mut creates = 0;
    let id = loop {
        let cut = if creates % 2 == 0 { CrashPoint::After } else { CrashPoint::Before };
        let event = scenario.resource.create(&properties);
        if !scenario.send_and_crash(&event, When::write().nth(creates + 1), cut).await.unwrap() {
            break create(&mut scenario, &properties).await;
        }
        creates += 1;
        delete(&mut scenario, generated_id, &properties).await;
        before.assert_same(
            &scenario.world().await.unwrap(),
            &format!("after a Create that was killed {cut:?} write {creates}"),
        );
    };
    assert!(10 < creates, "only {creates} writes");

    // Each Delete continues where the killed one stopped.
    let mut deletes = 0;
    loop {
        let cut = if deletes % 2 == 0 { CrashPoint::Before } else { CrashPoint::After };
        let event = scenario.resource.delete(&id, &properties);
        if !scenario.send_and_crash(&event, When::write().nth(2), cut).await.unwrap() {
            break;
        }
        deletes += 1;
    }
    // AWS completes all writes that run at the same time as the held one, so few Deletes may be enough.
    assert!(1 < deletes, "only {deletes} Deletes were killed");
    delete(&mut scenario, &id, &properties).await;
    before.assert_same(&scenario.world().await.unwrap(), &format!("after {deletes} Deletes that were killed"));
}

/// Deletes the cluster and its node groups from EKS.
async fn delete_cluster(scenario: &Scenario) {
    let eks = aws_sdk_eks::Client::new(&scenario.cloud.admin());
    for group in &scenario.cluster.node_groups {
        eks.delete_nodegroup().cluster_name(CLUSTER).nodegroup_name(&group.name).send().await.unwrap();
    }
    let bound = Duration::from_secs(20);
    wait_until("the node groups are gone", bound, async || {
        let groups = eks.list_nodegroups().cluster_name(CLUSTER).send().await.ok()?;
        groups.nodegroups().is_empty().then_some(())
    })
    .await
    .unwrap();
    eks.delete_cluster().name(CLUSTER).send().await.unwrap();
    wait_until("the cluster is gone", bound, async || {
        eks.describe_cluster().name(CLUSTER).send().await.is_err().then_some(())
    })
    .await
    .unwrap();
}
