//! The sweep's judge reports a planted leak of every kind of object.

use aws_sdk_ec2::types::Tag;
use aws_sdk_iam::types::Tag as IamTag;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use local_cloud::{
    cluster::{create_role, service_trust},
    scenario::CLUSTER,
};
use sweep::{Operation, SweepRunner};

use super::harmless;

/// An object that a faulty function could leave behind.
#[derive(Clone, Copy, Debug)]
enum Leak {
    Role,
    InstanceProfile,
    RoleInProfile,
    AttachedPolicy,
    InlinePolicy,
    RoleTag,
    ProfileTag,
    OidcProvider,
    ProviderTag,
    Boundary,
    AccessEntry,
    EntryTag,
    Association,
    SubnetTag,
    SecurityGroupTag,
    AwsAuthEntry,
    AwsAuthAnnotation,
    AwsAuthKey,
}

impl Leak {
    /// All leaks, in an order in which each is visible beside the earlier ones, which are not removed.
    const ALL: [Self; 18] = [
        Self::Role,
        Self::InstanceProfile,
        Self::RoleInProfile,
        Self::AttachedPolicy,
        Self::InlinePolicy,
        Self::RoleTag,
        Self::ProfileTag,
        Self::OidcProvider,
        Self::ProviderTag,
        Self::Boundary,
        Self::AccessEntry,
        Self::EntryTag,
        Self::Association,
        Self::SubnetTag,
        Self::SecurityGroupTag,
        Self::AwsAuthEntry,
        Self::AwsAuthAnnotation,
        Self::AwsAuthKey,
    ];

    /// Returns the name of the object that the judge reports, and the text in the details that is new.
    const fn expected_report(self) -> (&'static str, &'static str) {
        match self {
            Self::Role => ("role/leaked", "ec2.amazonaws.com"),
            Self::InstanceProfile => ("instance-profile/leaked", "\"roles\": []"),
            Self::RoleInProfile => ("instance-profile/leaked", "+    \"demo-managed-nodes\""),
            Self::AttachedPolicy => ("role/demo-managed-nodes", "AmazonS3ReadOnlyAccess"),
            Self::InlinePolicy => ("role/demo-cluster", "leaked-inline-policy"),
            Self::RoleTag => ("role/demo-creator", "leaked-role-tag"),
            Self::ProfileTag => ("instance-profile/leaked", "leaked-profile-tag"),
            Self::OidcProvider => ("oidc-provider/", "leaked.example.com"),
            Self::ProviderTag => ("oidc-provider/", "leaked-provider-tag"),
            Self::Boundary => ("role/demo-creator", "PowerUserAccess"),
            Self::AccessEntry => ("access-entry/", "EC2_LINUX"),
            Self::EntryTag => ("access-entry/", "leaked-entry-tag"),
            Self::Association => ("pod-identity/", "pod-identity/leaked/leaked"),
            Self::SubnetTag => ("subnet-", "leaked-subnet-tag"),
            Self::SecurityGroupTag => ("sg-", "leaked-group-tag"),
            Self::AwsAuthEntry => ("aws-auth/mapRoles", "role/leaked-entry"),
            Self::AwsAuthAnnotation => ("aws-auth/metadata", "leaked-annotation"),
            Self::AwsAuthKey => ("aws-auth/mapUsers", "leaked-users"),
        }
    }

    /// Creates the leak.
    async fn plant(self, runner: &SweepRunner) {
        let admin = runner.cloud.admin();
        let (iam, ec2) = (aws_sdk_iam::Client::new(&admin), aws_sdk_ec2::Client::new(&admin));
        let eks = aws_sdk_eks::Client::new(&admin);
        let iam_tag = |key: &str| IamTag::builder().key(key).value("").build().unwrap();
        let profile = "leaked";
        match self {
            Self::Role => drop(create_role(&admin, "leaked", &service_trust("ec2.amazonaws.com")).await.unwrap()),
            Self::InstanceProfile => {
                iam.create_instance_profile().instance_profile_name(profile).send().await.unwrap();
            }
            Self::RoleInProfile => {
                let call = iam.add_role_to_instance_profile().instance_profile_name(profile);
                call.role_name("demo-managed-nodes").send().await.unwrap();
            }
            Self::AttachedPolicy => {
                let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
                iam.attach_role_policy().role_name("demo-managed-nodes").policy_arn(arn).send().await.unwrap();
            }
            Self::InlinePolicy => {
                let call = iam.put_role_policy().role_name("demo-cluster").policy_name("leaked-inline-policy");
                call.policy_document(DENY).send().await.unwrap();
            }
            Self::RoleTag => {
                let tag = iam_tag("leaked-role-tag");
                iam.tag_role().role_name("demo-creator").tags(tag).send().await.unwrap();
            }
            Self::ProfileTag => {
                let tag = iam_tag("leaked-profile-tag");
                iam.tag_instance_profile().instance_profile_name(profile).tags(tag).send().await.unwrap();
            }
            Self::OidcProvider => {
                let call = iam.create_open_id_connect_provider().url("https://leaked.example.com");
                call.client_id_list("sts.amazonaws.com").send().await.unwrap();
            }
            Self::ProviderTag => {
                let arn = "arn:aws:iam::111122223333:oidc-provider/leaked.example.com";
                let call = iam.tag_open_id_connect_provider().open_id_connect_provider_arn(arn);
                call.tags(iam_tag("leaked-provider-tag")).send().await.unwrap();
            }
            Self::Boundary => {
                let arn = "arn:aws:iam::aws:policy/PowerUserAccess";
                let call = iam.put_role_permissions_boundary().role_name("demo-creator").permissions_boundary(arn);
                call.send().await.unwrap();
            }
            Self::AccessEntry => {
                let call = eks.create_access_entry().cluster_name(CLUSTER).principal_arn(NODE_ROLE);
                call.r#type("EC2_LINUX").send().await.unwrap();
            }
            Self::EntryTag => {
                let entry = eks.describe_access_entry().cluster_name(CLUSTER).principal_arn(NODE_ROLE).send().await;
                let arn = entry.unwrap().access_entry.unwrap().access_entry_arn.unwrap();
                eks.tag_resource().resource_arn(arn).tags("leaked-entry-tag", "").send().await.unwrap();
            }
            Self::Association => {
                let call = eks.create_pod_identity_association().cluster_name(CLUSTER).namespace("leaked");
                let call = call.service_account("leaked").role_arn("arn:aws:iam::111122223333:role/demo-cluster");
                call.send().await.unwrap();
            }
            Self::SubnetTag | Self::SecurityGroupTag => {
                let (id, key) = match self {
                    Self::SubnetTag => (&runner.cluster.subnet_ids[0], "leaked-subnet-tag"),
                    _ => (&runner.cluster.cluster_security_group_id, "leaked-group-tag"),
                };
                ec2.create_tags().resources(id).tags(Tag::builder().key(key).build()).send().await.unwrap();
            }
            Self::AwsAuthEntry => {
                let entry = "- rolearn: arn:aws:iam::111122223333:role/leaked-entry\n";
                let add = |map: &mut ConfigMap| map.data.as_mut().unwrap().get_mut("mapRoles").unwrap().push_str(entry);
                change_aws_auth(runner, add).await;
            }
            Self::AwsAuthAnnotation => {
                let add = |map: &mut ConfigMap| {
                    let annotations = map.metadata.annotations.get_or_insert_default();
                    annotations.insert("leaked-annotation".to_owned(), String::new());
                };
                change_aws_auth(runner, add).await;
            }
            Self::AwsAuthKey => {
                let add = |map: &mut ConfigMap| {
                    map.data.as_mut().unwrap().insert("mapUsers".to_owned(), "# leaked-users\n".to_owned());
                };
                change_aws_auth(runner, add).await;
            }
        }
    }
}

/// After a good case, each planted leak is reported as a leak, and as nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn every_planted_leak_is_reported() {
    let mut runner = SweepRunner::start().await.unwrap();
    let case = harmless(&mut runner, Operation::Create, "error-500-once").await;
    let trace = runner.run_to_end(&case).await.unwrap();
    let mut before = runner.judge(&case, &trace).await.unwrap();
    assert!(before.is_good(), "{before:#?}");
    for leak in Leak::ALL {
        leak.plant(&runner).await;
        let verdict = runner.judge(&case, &trace).await.unwrap();
        let (name, what) = leak.expected_report();
        assert!(verdict.leaks.iter().any(|leak| leak.starts_with(name)), "{leak:?}: {verdict:#?}");
        assert!(!before.details.contains(what) && verdict.details.contains(what), "{leak:?}: {verdict:#?}");
        assert!(verdict.violations.is_empty() && verdict.no_response.is_empty(), "{leak:?}: {verdict:#?}");
        before = verdict;
    }
}

/// The role of the managed node groups.
const NODE_ROLE: &str = "arn:aws:iam::111122223333:role/demo-managed-nodes";

const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;

async fn change_aws_auth(runner: &SweepRunner, change: impl FnOnce(&mut ConfigMap)) {
    let maps: Api<ConfigMap> = Api::namespaced(runner.cluster.control_plane().client(), "kube-system");
    let mut map = maps.get("aws-auth").await.unwrap();
    change(&mut map);
    maps.replace("aws-auth", &PostParams::default(), &map).await.unwrap();
}
