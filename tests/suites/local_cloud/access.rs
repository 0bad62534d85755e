//! Access: the parts of the local cloud grant and deny access as the real services do.

use std::time::Duration;

use aws_credential_types::Credentials;
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Error, Stack,
    cluster::{create_role, service_trust},
    control_plane::Identity,
    stack::{function_key, upload_function},
};
use serde_json::json;

const NODE_ENTRY_GROUPS: [&str; 3] = ["system:authenticated", "system:bootstrappers", "system:nodes"];

async fn cloud_with_cluster(options: ClusterOptions) -> (Cloud, Cluster) {
    let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
    let cluster = cloud.create_cluster("demo", options).await.unwrap();
    (cloud, cluster)
}

/// Creates a role with this trust policy, and an instance profile of the same name that contains it. Returns the role's ARN.
async fn create_profile(cloud: &Cloud, name: &str, trust: &str) -> String {
    let admin = cloud.admin();
    let role_arn = create_role(&admin, name, trust).await.unwrap();
    let iam = aws_sdk_iam::Client::new(&admin);
    iam.create_instance_profile().instance_profile_name(name).send().await.unwrap();
    iam.add_role_to_instance_profile().instance_profile_name(name).role_name(name).send().await.unwrap();
    role_arn
}

fn node_entry(role_arn: &str) -> String {
    format!(
        "- rolearn: {role_arn}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups:\n  - \
         system:bootstrappers\n  - system:nodes\n"
    )
}

#[tokio::test]
async fn cluster_admits_aws_auth_roles_and_its_creator() {
    let (cloud, cluster) = cloud_with_cluster(ClusterOptions::default()).await;
    let creator = cluster.creator().await.unwrap();
    let as_creator = Identity {
        username: "kubernetes-admin".to_owned(),
        groups: vec!["system:authenticated".to_owned(), "system:masters".to_owned()],
    };
    assert_eq!(cluster.identity(&creator).await.unwrap().unwrap(), as_creator);

    // A node has no access without aws-auth, nor if aws-auth has only the entry of another role.
    let role_arn = create_profile(&cloud, "hand-made", &service_trust("ec2.amazonaws.com")).await;
    let node = cluster.run_node("hand-made").await.unwrap();
    let control_plane = cluster.control_plane();
    assert_eq!(control_plane.aws_auth().await.unwrap(), None);
    assert_eq!(cluster.identity(&node.credentials).await.unwrap(), None);
    let other = create_profile(&cloud, "other", &service_trust("ec2.amazonaws.com")).await;
    let other_node = cluster.run_node("other").await.unwrap();
    control_plane.set_aws_auth(&node_entry(&other)).await.unwrap();
    cluster.wait_admitted(&other_node.credentials).await.unwrap();
    assert_eq!(cluster.identity(&node.credentials).await.unwrap(), None);

    // With the entry of its role, the node has access under the DNS name that EC2 gave it.
    control_plane.set_aws_auth(&node_entry(&role_arn)).await.unwrap();
    let identity = cluster.wait_admitted(&node.credentials).await.unwrap();
    assert_eq!(identity.username, format!("system:node:{}", node.private_dns_name));
    assert!(node.private_dns_name.starts_with("ip-10-0-"), "{}", node.private_dns_name);
    assert_eq!(identity.groups, NODE_ENTRY_GROUPS);
    cluster.wait_refused(&other_node.credentials).await.unwrap();

    // A token is only valid for the cluster that it names, and only if it is signed with the secret.
    let foreign = local_cloud::token::eks_token(&node.credentials, "another", cloud.region()).unwrap();
    assert_eq!(control_plane.who_is(&foreign).await.unwrap(), None);
    let forged = Credentials::new(
        node.credentials.access_key_id(),
        "not the secret",
        node.credentials.session_token().map(str::to_owned),
        None,
        "forged",
    );
    assert_eq!(cluster.identity(&forged).await.unwrap(), None);

    // If mapRoles is not valid YAML, no node has access any more. The cluster's creator still has.
    control_plane.set_aws_auth(&format!("{}- {{", node_entry(&role_arn))).await.unwrap();
    cluster.wait_refused(&node.credentials).await.unwrap();
    assert_eq!(cluster.identity(&creator).await.unwrap().unwrap(), as_creator);

    control_plane.set_aws_auth(&node_entry(&role_arn)).await.unwrap();
    cluster.wait_admitted(&node.credentials).await.unwrap();
    control_plane.remove_aws_auth().await.unwrap();
    cluster.wait_refused(&node.credentials).await.unwrap();
}

#[tokio::test]
async fn service_account_token_assumes_only_trusting_role() {
    let audiences = ["sts.amazonaws.com", "another.example.com"].map(str::to_owned);
    let options = ClusterOptions { oidc_audiences: audiences.into(), ..ClusterOptions::default() };
    let (cloud, cluster) = cloud_with_cluster(options).await;
    let issuer = cluster.issuer.split_once("://").unwrap().1;
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": cluster.oidc_provider_arn.as_ref().unwrap() },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": {
                format!("{issuer}:aud"): "sts.amazonaws.com",
                format!("{issuer}:sub"): "system:serviceaccount:karpenter:karpenter",
            } },
        }],
    });
    let role_arn = create_role(&cloud.admin(), "controller", &trust.to_string()).await.unwrap();

    let token = async |namespace, name, audience| {
        cluster.control_plane().service_account_token(namespace, name, audience).await.unwrap()
    };
    let assume = async |token: &str| cluster.assume_role_with_web_identity(&role_arn, token).await;

    let right = token("karpenter", "karpenter", "sts.amazonaws.com").await;
    let session = cloud.sdk_config(assume(&right).await.unwrap());
    let identity = aws_sdk_sts::Client::new(&session).get_caller_identity().send().await.unwrap();
    let arn = "arn:aws:sts::111122223333:assumed-role/controller/web-identity";
    assert_eq!(identity.arn(), Some(arn));

    for (namespace, name, audience, code) in [
        ("karpenter", "another", "sts.amazonaws.com", "AccessDenied"),
        ("kube-system", "karpenter", "sts.amazonaws.com", "AccessDenied"),
        // The OIDC provider has the first of these audiences, but not the second. The trust policy has neither.
        ("karpenter", "karpenter", "another.example.com", "AccessDenied"),
        ("karpenter", "karpenter", "unknown.example.com", "InvalidIdentityToken"),
    ] {
        let wrong = token(namespace, name, audience).await;
        let error = assume(&wrong).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{namespace}/{name} for {audience}: {error:?}");
    }

    // A forged token: the claims of the valid token with the signature of another.
    let other = token("karpenter", "another", "sts.amazonaws.com").await;
    let claims = right.rsplit_once('.').unwrap().0;
    let forged = format!("{claims}.{}", other.rsplit_once('.').unwrap().1);
    let error = assume(&forged).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidIdentityToken"), "{error:?}");

    let iam = aws_sdk_iam::Client::new(&cloud.admin());
    let provider = cluster.oidc_provider_arn.as_deref().unwrap();
    iam.delete_open_id_connect_provider().open_id_connect_provider_arn(provider).send().await.unwrap();
    let error = assume(&right).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidIdentityToken"), "{error:?}");
}

#[tokio::test]
async fn instance_without_ec2_trust_gets_no_credentials() {
    let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
    create_profile(&cloud, "for-lambda", &service_trust("lambda.amazonaws.com")).await;
    let error = local_cloud::node::Node::run(&cloud.admin(), "for-lambda", "subnet-1").await.unwrap_err();
    assert!(error.to_string().contains("is not trusted by ec2.amazonaws.com"), "{error:?}");
}

#[tokio::test]
async fn described_cluster_is_reachable() {
    let (cloud, cluster) = cloud_with_cluster(ClusterOptions::default()).await;
    let gateway = cloud.admin().into_builder().endpoint_url(cloud.gateway().url()).build();
    let seen = aws_sdk_eks::Client::new(&gateway)
        .describe_cluster()
        .name(&cluster.name)
        .send()
        .await
        .unwrap()
        .cluster
        .unwrap();

    // The security group is one that EC2 knows, in the cluster's VPC.
    let group = seen.resources_vpc_config().unwrap().cluster_security_group_id().unwrap();
    assert_eq!(group, cluster.cluster_security_group_id);
    let groups = aws_sdk_ec2::Client::new(&gateway).describe_security_groups().group_ids(group).send().await.unwrap();
    assert_eq!(groups.security_groups()[0].vpc_id(), Some(cluster.vpc_id.as_str()));

    // The endpoint responds over TLS, with a certificate of the cluster's certificate authority.
    let ca = seen.certificate_authority().unwrap().data().unwrap();
    let ca = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, ca).unwrap();
    let client =
        reqwest::Client::builder().tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()]).build().unwrap();
    let version = client.get(format!("{}/version", seen.endpoint().unwrap())).send().await.unwrap();
    let version: serde_json::Value = serde_json::from_str(&version.text().await.unwrap()).unwrap();
    assert_eq!(version["major"], "1", "{version}");

    // The gateway's journal has the calls to AWS and to the Kubernetes API.
    let calls: Vec<_> = cloud.gateway().journal().calls();
    let operations: Vec<_> = calls.iter().map(|call| format!("{} {}", call.service, call.operation)).collect();
    assert_eq!(operations, ["eks DescribeCluster", "ec2 DescribeSecurityGroups", "kubernetes get"]);
}

#[tokio::test]
async fn stack_create_update_delete_works() {
    let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.yaml");
    std::fs::write(
        &template,
        "Parameters: {Name: {Type: String}}\n\
         Resources: {Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Ref Name}}}\n\
         Outputs: {Bucket: {Value: !Ref Bucket}}\n",
    )
    .unwrap();
    let stack = Stack::new(&cloud.admin(), "buckets").within(Duration::from_secs(30));
    assert_eq!(stack.status().await.unwrap(), None);

    stack.create(&template, &[("Name", "one")]).await.unwrap();
    assert_eq!(stack.outputs().await.unwrap()["Bucket"], "one");
    stack.update(&template, &[("Name", "two")]).await.unwrap();
    assert_eq!(stack.outputs().await.unwrap()["Bucket"], "two");
    let resources = stack.resources().await.unwrap();
    assert_eq!(resources[0].physical_resource_id(), Some("two"));
    let statuses: Vec<_> = stack.events().await.unwrap();
    assert_eq!(statuses[0].resource_status().unwrap().as_str(), "CREATE_IN_PROGRESS");

    stack.delete().await.unwrap();
    stack.delete().await.unwrap();
    let buckets = aws_sdk_s3::Client::new(&cloud.admin()).list_buckets().send().await.unwrap();
    assert!(buckets.buckets().is_empty());
}

#[tokio::test]
async fn function_is_uploaded_as_executable_zip() {
    let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
    let executable = local_cloud::tools::bootstrap().unwrap();
    for _ in 0..2 {
        let key = function_key(&upload_function(&cloud.admin(), "code").await.unwrap());
        let config = aws_sdk_s3::config::Builder::from(&cloud.admin()).force_path_style(true).build();
        let object = aws_sdk_s3::Client::from_conf(config).get_object().bucket("code-us-east-1").key(key);
        let archive = object.send().await.unwrap().body.collect().await.unwrap().into_bytes();
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
        let entry = archive.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o755);
        assert_eq!(entry.size(), executable.metadata().unwrap().len());
    }
}

#[tokio::test]
async fn failed_stack_reports_reasons() {
    let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.yaml");
    std::fs::write(
        &template,
        "Resources: {Custom: {Type: 'Custom::Nothing', Properties: {ServiceToken: \
         'arn:aws:lambda:us-east-1:111122223333:function:missing'}}}\n",
    )
    .unwrap();
    let stack = Stack::new(&cloud.admin(), "broken").within(Duration::from_secs(30));
    let error = stack.create(&template, &[]).await.unwrap_err();
    let Error::Stack { status, reasons, .. } = &error else { panic!("{error:?}") };
    assert_eq!(status, "ROLLBACK_COMPLETE");
    assert!(reasons.iter().any(|reason| reason.starts_with("Custom: ")), "{error:?}");
    stack.delete().await.unwrap();
}
