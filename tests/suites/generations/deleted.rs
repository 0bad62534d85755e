//! Delete ends clean, whatever was there and whatever CloudFormation says of it.

use std::time::Duration;

use local_cloud::{
    gateway::{ClusterRewrite, When},
    process::wait_until,
    scenario::{CLUSTER, CrashPoint, Scenario},
};
use serde_json::{Value, json};

use super::{create, delete, properties};

/// When a Create was cancelled or its answer was lost, CloudFormation makes an id up: the Delete goes by the
/// properties. With properties that are wrong, it goes by the id and by what is right of them.
#[tokio::test]
async fn a_delete_works_from_the_properties_or_from_the_id() {
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
    let made_up = "platform-Prereqs-1TN5JDHRMUAIP".to_owned();
    for (id, properties) in [(Some(&made_up), &good), (Some(&made_up), &bad), (None, &bad)] {
        let own_id = create(&mut scenario, &good).await;
        delete(&mut scenario, id.unwrap_or(&own_id), properties).await;
        before.assert_same(&scenario.world().await.unwrap(), &format!("after the Delete of {id:?} with {properties}"));
    }
    // What never was, and what nobody can tell: nothing to do.
    for properties in [&good, &bad, &json!({}), &json!({"ClusterName": ""}), &json!({"ClusterName": "no-such-cluster"})]
    {
        let event = scenario.resource.delete(&made_up, properties);
        scenario.send(&event).await.unwrap().wrote_nothing().succeeded();
    }
    before.assert_same(&scenario.world().await.unwrap(), "after Deletes of nothing");
}

/// What a person has deleted by hand is gone, and the rest goes without a complaint; so does all that somebody else
/// has hung on the roles since.
#[tokio::test]
async fn what_is_gone_or_came_since_is_no_obstacle() {
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
            before.without("aws-auth/").assert_same(&after, "after aws-auth was gone");
            scenario.cluster.control_plane().set_aws_auth(local_cloud::scenario::AWS_AUTH).await.unwrap();
        } else {
            before.assert_same(&after, &format!("after {round}"));
        }
    }
}

/// A cluster that is being deleted, or is gone, takes its aws-auth along: the rest goes, and nobody calls its API.
#[tokio::test]
async fn a_cluster_that_is_gone_or_goes_is_no_obstacle() {
    let mut scenario = Scenario::start().await.unwrap();
    let properties = properties(&json!({}));
    let before = scenario.world().await.unwrap().without("aws-auth/");
    for gone in [false, true] {
        let id = create(&mut scenario, &properties).await;
        if gone {
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

/// A Create whose process dies at some write, and the Delete that CloudFormation sends when it has waited in vain,
/// under an id that it made up; and a Delete that dies likewise and is delivered again.
#[tokio::test]
async fn a_run_that_was_cut_off_leaves_nothing_that_a_delete_does_not_find() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let properties = properties(&json!({"Tags": {"team": "platform"}}));
    let made_up = "platform-Prereqs-1TN5JDHRMUAIP";
    let mut creates = 0;
    let id = loop {
        let cut = if creates % 2 == 0 { CrashPoint::After } else { CrashPoint::Before };
        let event = scenario.resource.create(&properties);
        if !scenario.send_and_crash(&event, When::write().nth(creates + 1), cut).await.unwrap() {
            break create(&mut scenario, &properties).await;
        }
        creates += 1;
        delete(&mut scenario, made_up, &properties).await;
        before.assert_same(
            &scenario.world().await.unwrap(),
            &format!("after a Create that was cut {cut:?} write {creates}"),
        );
    };
    assert!(10 < creates, "only {creates} writes");

    // Each cut leaves the rest of the same resource to the next one.
    let mut deletes = 0;
    loop {
        let cut = if deletes % 2 == 0 { CrashPoint::Before } else { CrashPoint::After };
        let event = scenario.resource.delete(&id, &properties);
        if !scenario.send_and_crash(&event, When::write().nth(2), cut).await.unwrap() {
            break;
        }
        deletes += 1;
    }
    // A write takes those that are under way beside it along, so few cuts may do.
    assert!(1 < deletes, "only {deletes} Deletes were cut");
    delete(&mut scenario, &id, &properties).await;
    before.assert_same(&scenario.world().await.unwrap(), &format!("after {deletes} Deletes that were cut"));
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
