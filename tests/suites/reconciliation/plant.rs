//! Objects and tags of others in the account, and changes by hand.

use aws_sdk_ec2::types::Tag;
use aws_sdk_iam::types::Tag as IamTag;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use local_cloud::{
    scenario::{AWS_AUTH, CLUSTER, Scenario},
    world::World,
};

use super::case::Case;

/// A node role that exists before the resource.
pub(super) const EXISTING_ROLE: &str = "existing-nodes";

/// Texts of `mapRoles`. `None` means that there is no ConfigMap.
pub(super) const AWS_AUTHS: [Option<&str>; 9] = [
    Some(AWS_AUTH),
    None,
    Some(""),
    Some("[]\n"),
    Some("# no roles yet\n"),
    Some(r#"[{"rolearn":"arn:aws:iam::111122223333:role/Admins","username":"admin","groups":["system:masters"]}]"#),
    Some("- rolearn: arn:aws:iam::111122223333:role/Admins\r\n  username: admin\r\n  groups: [system:masters]\r\n"),
    Some("- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin"),
    // The entry of the existing role, added by hand.
    Some(
        "- rolearn: arn:aws:iam::111122223333:role/existing-nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes, system:bootstrappers]\n",
    ),
];

/// Tags of others on a subnet or a security group.
#[derive(Clone, Copy, Debug)]
pub(super) enum Foreign {
    None,
    /// The same discovery tag that the resource would write, added by hand.
    SameDiscovery,
    OtherTags,
    /// The discovery tag of another cluster.
    OtherCluster,
}

/// A change by hand to an object of the resource. Nothing changes if the object does not exist.
#[derive(Clone, Copy, Debug)]
pub(super) enum Drift {
    DetachNodePolicy,
    AttachToController,
    InlineOnController,
    ControllerTrust,
    ControllerPolicyDeleted,
    ProfileEmptied,
    ProfileDeleted,
    RoleTags,
    DiscoveryTagGone,
    AllTagsGone,
    AnnotationGone,
    EntryGone,
}

impl Drift {
    pub(super) const ALL: &[Self] = &[
        Self::DetachNodePolicy,
        Self::AttachToController,
        Self::InlineOnController,
        Self::ControllerTrust,
        Self::ControllerPolicyDeleted,
        Self::ProfileEmptied,
        Self::ProfileDeleted,
        Self::RoleTags,
        Self::DiscoveryTagGone,
        Self::AllTagsGone,
        Self::AnnotationGone,
        Self::EntryGone,
    ];
}

/// Creates the tags and the ConfigMap of others that the case asks for.
pub(super) async fn plant(scenario: &Scenario, case: &Case) {
    let ec2 = aws_sdk_ec2::Client::new(&scenario.cloud.admin());
    for (id, foreign) in scenario.cluster.tagged().into_iter().zip(&case.tags) {
        let tags: &[(&str, &str)] = match foreign {
            Foreign::None => continue,
            Foreign::SameDiscovery => &[("karpenter.sh/discovery", CLUSTER)],
            Foreign::OtherTags => &[("team", "network"), ("kubernetes.io/role/internal-elb", "1")],
            Foreign::OtherCluster => &[("karpenter.sh/discovery", "production")],
        };
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
        ec2.create_tags().resources(id).set_tags(Some(tags)).send().await.unwrap();
    }
    if let Some(text) = AWS_AUTHS[case.aws_auth] {
        scenario.cluster.control_plane().set_aws_auth(text).await.unwrap();
    }
}

/// Changes one object of the resource by hand. `planted` is the state before the resource.
pub(super) async fn drift(scenario: &Scenario, case: &Case, drift: Drift, planted: &World) {
    let admin = scenario.cloud.admin();
    let (iam, ec2) = (aws_sdk_iam::Client::new(&admin), aws_sdk_ec2::Client::new(&admin));
    let node = case.desired.name("NodeRoleName", "KarpenterNodeRole-demo");
    let controller = case.desired.name("ControllerRoleName", "KarpenterControllerRole-demo");
    let by_role = case.desired.name("NodeRoleName", "KarpenterNodeInstanceProfile-demo");
    let profile = case.desired.name("InstanceProfileName", &by_role);
    let held = if case.desired.creates_node_role() { node.as_str() } else { EXISTING_ROLE };
    // A call may find no object, because the run may have been killed before it created the object.
    match drift {
        Drift::DetachNodePolicy => {
            let arn = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy";
            let _ = iam.detach_role_policy().role_name(node).policy_arn(arn).send().await;
        }
        Drift::AttachToController => {
            let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
            let _ = iam.attach_role_policy().role_name(controller).policy_arn(arn).send().await;
        }
        Drift::InlineOnController => {
            let _ = iam.put_role_policy().role_name(controller).policy_name("more").policy_document(DENY).send().await;
        }
        Drift::ControllerTrust => {
            let trust = local_cloud::cluster::service_trust("ec2.amazonaws.com");
            let _ = iam.update_assume_role_policy().role_name(controller).policy_document(trust).send().await;
        }
        Drift::ControllerPolicyDeleted => {
            let policy = format!("KarpenterControllerPolicy-{CLUSTER}");
            let _ = iam.delete_role_policy().role_name(controller).policy_name(policy).send().await;
        }
        Drift::ProfileEmptied => {
            let _ = iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(held).send().await;
        }
        Drift::ProfileDeleted => {
            let _ =
                iam.remove_role_from_instance_profile().instance_profile_name(&profile).role_name(held).send().await;
            let _ = iam.delete_instance_profile().instance_profile_name(profile).send().await;
        }
        Drift::RoleTags => {
            for (key, value) in [("team", "network"), ("note", "by hand")] {
                let tag = IamTag::builder().key(key).value(value).build().unwrap();
                let _ = iam.tag_role().role_name(&controller).tags(tag).send().await;
            }
        }
        Drift::DiscoveryTagGone | Drift::AllTagsGone => {
            let id = &scenario.cluster.tagged()[1];
            let world = scenario.world().await.unwrap();
            let before = planted.json(id);
            let ours: Vec<_> = world
                .json(id)
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| before.get(key.as_str()).is_none())
                .cloned()
                .collect();
            let removed =
                ours.iter().filter(|key| matches!(drift, Drift::AllTagsGone) || !key.starts_with("karpenter-prereqs/"));
            let tags: Vec<_> = removed.map(|key| Tag::builder().key(key).build()).collect();
            if !tags.is_empty() {
                ec2.delete_tags().resources(id).set_tags(Some(tags)).send().await.unwrap();
            }
        }
        Drift::AnnotationGone if case.desired.creates_node_role() && case.old.is_none() => {
            let kept = planted
                .get("aws-auth/metadata")
                .map(|_| planted.json("aws-auth/metadata")["annotations"].clone())
                .unwrap_or_default();
            let is_marker = |key: &str| key.len() == "karpenter-prereqs/".len() + 16 && kept.get(key).is_none();
            change_aws_auth(scenario, |map| {
                map.metadata.annotations.get_or_insert_default().retain(|key, _| !is_marker(key));
            })
            .await;
        }
        Drift::EntryGone => {
            if let Some(text) = planted.get("aws-auth/mapRoles") {
                change_aws_auth(scenario, |map| {
                    map.data.get_or_insert_default().insert("mapRoles".to_owned(), text.to_owned());
                })
                .await;
            }
        }
        Drift::AnnotationGone => {}
    }
}

async fn change_aws_auth(scenario: &Scenario, change: impl FnOnce(&mut ConfigMap)) {
    let maps: Api<ConfigMap> = Api::namespaced(scenario.cluster.control_plane().client(), "kube-system");
    if let Some(mut map) = maps.get_opt("aws-auth").await.unwrap() {
        change(&mut map);
        maps.replace("aws-auth", &PostParams::default(), &map).await.unwrap();
    }
}

const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
