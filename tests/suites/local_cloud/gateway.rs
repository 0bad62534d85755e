//! The gateway in front of `MiniStack`, tested with the AWS SDK and the signed calls of a role, over plain HTTP and TLS.
//!
//! Without a rule the gateway changes nothing. It records every call, and injects faults that the SDK handles like real ones.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_credential_types::{Credentials, provider::ProvideCredentials as _};
use aws_sdk_ec2::types::Tag;
use aws_sdk_eks::types::{AuthenticationMode, CreateAccessConfigRequest, VpcConfigRequest};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use local_cloud::{
    Cloud,
    cluster::{create_role, service_trust},
    gateway::{ClusterRewrite, Effect, When},
};

use super::{cloud_and_caller, create_subnet, through_gateway};

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
        let tag = Tag::builder().key("karpenter.sh/discovery").value("démo /+&").build();
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
        let session = config.credentials_provider().unwrap().provide_credentials().await.unwrap();
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
