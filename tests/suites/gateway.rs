//! The gateway in front of `MiniStack`, tested with the AWS SDK and the signed calls of a role, over plain HTTP and TLS.
//!
//! Without a rule the gateway changes nothing. It records every call, rejects what AWS rejects, and injects faults that the
//! SDK handles like real ones.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ec2::types::Tag as Ec2Tag;
use aws_sdk_eks::types::{AuthenticationMode, CreateAccessConfigRequest, VpcConfigRequest};
use aws_sdk_iam::types::Tag as IamTag;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use local_cloud::{
    Cloud, CloudOptions, ClusterOptions,
    cluster::{create_role, service_trust},
    gateway::{ClusterRewrite, Consistency, Effect, Strictness, When},
};
use serde_json::json;

/// Starts a cloud. Returns it with the SDK configuration of a role that may do everything and calls AWS through the gateway.
async fn cloud_and_caller(tls: bool) -> (Cloud, SdkConfig) {
    let cloud = Cloud::start(CloudOptions { tls, ..CloudOptions::default() }).await.unwrap();
    let credentials = session(&cloud).await;
    let config = through_gateway(&cloud, credentials);
    (cloud, config)
}

/// Returns the credentials of a role's session. `MiniStack` checks the signatures of sessions, but not those of a root key.
async fn session(cloud: &Cloud) -> Credentials {
    let admin = cloud.admin();
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{}:root", cloud.account())},
    }]});
    let role_arn = create_role(&admin, "caller", &trust.to_string()).await.unwrap();
    let everything = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
    ]});
    aws_sdk_iam::Client::new(&admin)
        .put_role_policy()
        .role_name("caller")
        .policy_name("everything")
        .policy_document(everything.to_string())
        .send()
        .await
        .unwrap();
    let assumed = aws_sdk_sts::Client::new(&admin)
        .assume_role()
        .role_arn(role_arn)
        .role_session_name("suite")
        .send()
        .await
        .unwrap();
    let session = assumed.credentials().unwrap();
    Credentials::new(
        session.access_key_id(),
        session.secret_access_key(),
        Some(session.session_token().to_owned()),
        None,
        "session",
    )
}

fn through_gateway(cloud: &Cloud, credentials: Credentials) -> SdkConfig {
    let trust = TrustStore::empty().with_pem_certificate(cloud.pki().ca_pem().as_bytes());
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(trust).build().unwrap())
        .build_https();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(cloud.region().to_owned()))
        .endpoint_url(cloud.gateway().url())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(5)))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(20)).build())
        .build()
}

/// Returns the calls since the journal was cleared, as `service Operation status`.
fn recorded_calls(cloud: &Cloud) -> Vec<String> {
    let calls = cloud.gateway().journal().calls();
    calls
        .iter()
        .map(|call| {
            let status = call.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            format!("{} {} {status}", call.service, call.operation)
        })
        .collect()
}

async fn create_eks_cluster(cloud: &Cloud, name: &str, subnet: &str) {
    let admin = cloud.admin();
    let role_arn = create_role(&admin, "eks", &service_trust("eks.amazonaws.com")).await.unwrap();
    aws_sdk_eks::Client::new(&admin)
        .create_cluster()
        .name(name)
        .role_arn(role_arn)
        .resources_vpc_config(VpcConfigRequest::builder().subnet_ids(subnet).build())
        .access_config(CreateAccessConfigRequest::builder().authentication_mode(AuthenticationMode::Api).build())
        .send()
        .await
        .unwrap();
}

async fn create_subnet(cloud: &Cloud) -> String {
    let ec2 = aws_sdk_ec2::Client::new(&cloud.admin());
    let vpc = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap();
    let vpc_id = vpc.vpc().unwrap().vpc_id().unwrap();
    let created = ec2.create_subnet().vpc_id(vpc_id).cidr_block("10.9.1.0/24").send().await.unwrap();
    created.subnet().unwrap().subnet_id().unwrap().to_owned()
}

#[tokio::test]
async fn signed_calls_pass_and_are_recorded() {
    for tls in [false, true] {
        let (cloud, config) = cloud_and_caller(tls).await;
        let subnet = create_subnet(&cloud).await;
        create_eks_cluster(&cloud, "demo", &subnet).await;
        cloud
            .gateway()
            .set_cluster("demo", ClusterRewrite { ca_pem: Some(cloud.pki().ca_pem()), ..ClusterRewrite::default() });

        create_role(&config, "created", "{\"Version\":\"2012-10-17\",\"Statement\":[]}").await.unwrap();
        let iam = aws_sdk_iam::Client::new(&config);
        iam.get_role().role_name("created").send().await.unwrap();
        let ec2 = aws_sdk_ec2::Client::new(&config);
        let tag = Ec2Tag::builder().key("karpenter.sh/discovery").value("démo /+&").build();
        ec2.create_tags().resources(&subnet).tags(tag).send().await.unwrap();
        let eks = aws_sdk_eks::Client::new(&config);
        let described = eks.describe_cluster().name("demo").send().await.unwrap();
        eks.list_nodegroups().cluster_name("demo").send().await.unwrap();
        eks.list_access_entries().cluster_name("demo").send().await.unwrap();
        aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
        aws_sdk_cloudformation::Client::new(&config).list_stacks().send().await.unwrap();

        assert_eq!(
            recorded_calls(&cloud),
            [
                "iam CreateRole 200",
                "iam GetRole 200",
                "ec2 CreateTags 200",
                "eks DescribeCluster 200",
                "eks ListNodegroups 200",
                "eks ListAccessEntries 200",
                "sts GetCallerIdentity 200",
                "cloudformation ListStacks 200",
            ],
            "TLS: {tls}"
        );
        let writes = cloud.gateway().journal().writes();
        assert_eq!(writes.len(), 2);
        assert_eq!(writes[1].list("ResourceId"), [subnet.as_str()]);
        assert_eq!(writes[1].param("Tag.1.Value"), Some("démo /+&"));
        let authority = described.cluster().unwrap().certificate_authority().unwrap();
        assert!(!authority.data().unwrap().is_empty());

        // MiniStack still checks the signature.
        let session = config.credentials_provider().unwrap();
        let session = aws_credential_types::provider::ProvideCredentials::provide_credentials(&session).await.unwrap();
        let forged = Credentials::new(
            session.access_key_id(),
            "another secret",
            session.session_token().map(str::to_owned),
            None,
            "forged",
        );
        let forged = aws_sdk_iam::Client::new(&through_gateway(&cloud, forged));
        let rejected = forged.get_role().role_name("created").send().await.unwrap_err();
        assert_eq!(rejected.code(), Some("SignatureDoesNotMatch"));
        let last = cloud.gateway().journal().calls().pop().unwrap();
        assert_eq!(last.error_code.as_deref(), Some("SignatureDoesNotMatch"));
    }
}

#[tokio::test]
async fn invalid_requests_get_aws_error_codes() {
    let (cloud, config) = cloud_and_caller(false).await;
    let subnet = create_subnet(&cloud).await;
    let iam = aws_sdk_iam::Client::new(&config);
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let ec2_tag = |key: &str| Ec2Tag::builder().key(key).value("v").build();
    let iam_tag = |key: String| IamTag::builder().key(key).value("v").build().unwrap();

    let long = iam.get_role().role_name("r".repeat(65)).send().await.unwrap_err();
    assert_eq!(long.code(), Some("ValidationError"));

    create_role(&config, "r", "{\"Version\":\"2012-10-17\",\"Statement\":[]}").await.unwrap();
    let attach = |policy: &str| {
        let arn = format!("arn:aws:iam::aws:policy/{policy}");
        iam.attach_role_policy().role_name("r").policy_arn(arn).send()
    };
    assert_eq!(attach("AmazonEKSCniPolicy").await.unwrap_err().code(), Some("NoSuchEntity"));
    attach("AmazonEKS_CNI_Policy").await.unwrap();

    let fifty = (1..=50).map(|n| iam_tag(format!("k{n}"))).collect();
    iam.tag_role().role_name("r").set_tags(Some(fifty)).send().await.unwrap();
    let again = iam.tag_role().role_name("r").tags(iam_tag("k50".to_owned())).send().await;
    again.expect("an existing tag does not count again");
    let more = iam.tag_role().role_name("r").tags(iam_tag("k51".to_owned())).send().await.unwrap_err();
    assert_eq!(more.code(), Some("LimitExceeded"));

    for (resource, key, code) in [
        ("subnet-0123456789abcdef0", "k", Some("InvalidSubnetID.NotFound")),
        ("sg-0123456789abcdef0", "k", Some("InvalidGroup.NotFound")),
        (subnet.as_str(), "aws:k", Some("InvalidParameterValue")),
        (subnet.as_str(), "k", None),
    ] {
        let created = ec2.create_tags().resources(resource).tags(ec2_tag(key)).send().await;
        assert_eq!(created.as_ref().err().and_then(ProvideErrorMetadata::code), code, "{resource} {key}");
    }
    let forty_nine = (1..=49).map(|n| ec2_tag(&format!("k{n}"))).collect();
    ec2.create_tags().resources(&subnet).set_tags(Some(forty_nine)).send().await.unwrap();
    let more = ec2.create_tags().resources(&subnet).tags(ec2_tag("last")).send().await.unwrap_err();
    assert_eq!(more.code(), Some("TagLimitExceeded"));
}

/// With the option `consistency` the gateway simulates IAM's eventual consistency: the next calls do not find a new role.
#[tokio::test]
async fn new_role_is_not_found_at_first() {
    let (cloud, config) = cloud_and_caller(false).await;
    let iam = aws_sdk_iam::Client::new(&config);
    let iam_tag = |key: String| IamTag::builder().key(key).value("v").build().unwrap();
    let consistency = Some(Consistency { calls: 2, within: Duration::from_mins(1) });
    cloud.gateway().set_strictness(Strictness { consistency, ..Strictness::default() });
    create_role(&config, "fresh", "{\"Version\":\"2012-10-17\",\"Statement\":[]}").await.unwrap();
    let tag = || iam.tag_role().role_name("fresh").tags(iam_tag("k".to_owned())).send();
    for _ in 0..2 {
        assert_eq!(tag().await.unwrap_err().code(), Some("NoSuchEntity"));
    }
    tag().await.unwrap();
}

/// A role accepts at most ten managed policies, which must exist. An instance profile accepts one role.
#[tokio::test]
async fn iam_quotas_are_enforced() {
    let (_cloud, config) = cloud_and_caller(false).await;
    let iam = aws_sdk_iam::Client::new(&config);
    let trust = service_trust("ec2.amazonaws.com");
    for role in ["r", "s"] {
        create_role(&config, role, &trust).await.unwrap();
    }
    let attach = |arn: &str| iam.attach_role_policy().role_name("r").policy_arn(arn).send();
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]});
    for number in 1..=11 {
        let make = iam.create_policy().policy_name(format!("p{number}")).policy_document(document.to_string());
        make.send().await.unwrap();
        let attached = attach(&format!("arn:aws:iam::111122223333:policy/p{number}")).await;
        let code = attached.as_ref().err().and_then(ProvideErrorMetadata::code);
        assert_eq!(code, (10 < number).then_some("LimitExceeded"), "{number}");
    }
    attach("arn:aws:iam::111122223333:policy/p1").await.expect("an attached policy does not count again");
    let missing = attach("arn:aws:iam::111122223333:policy/missing").await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchEntity"));

    iam.create_instance_profile().instance_profile_name("p").send().await.unwrap();
    for (role, code) in [("r", None), ("s", Some("LimitExceeded"))] {
        let added = iam.add_role_to_instance_profile().instance_profile_name("p").role_name(role).send().await;
        assert_eq!(added.as_ref().err().and_then(ProvideErrorMetadata::code), code, "{role}");
    }
}

/// An access entry needs an existing role and a cluster whose authentication mode has access entries. Its type cannot change,
/// and settings that its type forbids are rejected.
#[tokio::test]
async fn access_entry_rules_are_enforced() {
    let (cloud, config) = cloud_and_caller(false).await;
    let options = |authentication_mode| ClusterOptions { authentication_mode, ..ClusterOptions::default() };
    let _with = cloud.create_cluster("with", options(AuthenticationMode::Api)).await.unwrap();
    let _without = cloud.create_cluster("without", options(AuthenticationMode::ConfigMap)).await.unwrap();
    create_role(&config, "r", &service_trust("ec2.amazonaws.com")).await.unwrap();
    let eks = aws_sdk_eks::Client::new(&config);
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    let make = |cluster: &str, role: String, kind: &str| {
        eks.create_access_entry().cluster_name(cluster).principal_arn(role).r#type(kind)
    };
    let invalid = [
        (make("without", role("r"), "EC2_LINUX"), "InvalidRequestException"),
        (make("with", role("missing"), "EC2_LINUX"), "InvalidParameterException"),
        (make("with", role("r"), "EC2_LINUX").kubernetes_groups("nodes"), "InvalidParameterException"),
        (make("with", role("r"), "STANDARD").kubernetes_groups("system:masters"), "InvalidParameterException"),
    ];
    for (call, code) in invalid {
        assert_eq!(call.send().await.unwrap_err().code(), Some(code));
    }
    make("with", role("r"), "EC2_LINUX").send().await.unwrap();
    let again = make("with", role("r"), "STANDARD").send().await.unwrap_err();
    assert_eq!(again.code(), Some("ResourceInUseException"));
}

#[tokio::test]
async fn injected_faults_are_seen_as_real_by_the_sdk() {
    for tls in [false, true] {
        let (cloud, config) = cloud_and_caller(tls).await;
        let iam = aws_sdk_iam::Client::new(&config);
        let (rules, journal) = (cloud.gateway().rules(), cloud.gateway().journal());
        let list_roles = When::call("iam", "ListRoles");

        for fault in [Effect::Throttle, Effect::Error500, Effect::CutBefore, Effect::CutAfter, Effect::Reset] {
            rules.clear();
            journal.clear();
            let rule = rules.add(list_roles.clone().once(), fault.clone());
            iam.list_roles().send().await.unwrap();
            assert_eq!(rule.hits(), 1);
            assert_eq!(journal.calls().len(), 2, "one retry after {fault:?}:\n{journal}");
        }

        rules.clear();
        journal.clear();
        rules.add(list_roles.clone(), Effect::Throttle);
        assert_eq!(iam.list_roles().send().await.unwrap_err().code(), Some("Throttling"));
        assert_eq!(journal.calls().len(), 3, "the SDK gives up:\n{journal}");

        rules.clear();
        journal.clear();
        rules.add(list_roles.clone(), Effect::refuse(403, "AccessDenied", "not you"));
        let denied = iam.list_roles().send().await.unwrap_err();
        assert_eq!((denied.code(), denied.message()), (Some("AccessDenied"), Some("not you")));
        assert_eq!(journal.calls().len(), 1, "a denial is final:\n{journal}");

        rules.clear();
        rules.add(list_roles.once(), Effect::Hang);
        let impatient = TimeoutConfig::builder().operation_timeout(Duration::from_millis(300)).build();
        let impatient = aws_sdk_iam::config::Builder::from(&config).timeout_config(impatient).build();
        let hung = aws_sdk_iam::Client::from_conf(impatient).list_roles().send().await.unwrap_err();
        assert!(matches!(hung, aws_sdk_iam::error::SdkError::TimeoutError(_)), "{hung:?}");
    }
}
