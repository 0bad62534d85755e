//! The template in several accounts and Regions, as a stack set deploys it: one stack for each account and Region, at the same
//! time, with parameters that can differ.

use std::{collections::BTreeMap, env, path::PathBuf};

use aws_sdk_ec2::types::Tag;
use futures::future::join_all;
use local_cloud::{
    Cloud, CloudOptions, Error, Stack,
    cluster::Site,
    stack::write_function,
    tools::{self, Tools},
    world::World,
};
use tokio::process::Command;

const CLUSTER: &str = "platform";
const PREFIX: &str = "artifacts";
const ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "777788889999"];
/// The account with the buckets of the function's code.
const TOOLING: &str = "000011112222";
/// The AWS organization of all accounts.
const ORGANIZATION: &str = "o-karpenter00";
const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// A stack set: its accounts and Regions, and the parameters that all its stacks have.
struct StackSet {
    sites: Vec<Site>,
    parameters: BTreeMap<&'static str, String>,
}

impl StackSet {
    /// Returns the path of a file in `infra/`.
    fn file(name: &str) -> PathBuf {
        tools::checkout().join("infra").join(name)
    }

    fn stack(site: &Site) -> Stack {
        // CloudFormation adds a unique id to the name of a stack set's stack.
        Stack::new(&site.admin, &format!("StackSet-karpenter-prereqs-{}-{}", site.account, site.region))
    }

    fn parameters(&self, site: &Site) -> BTreeMap<&'static str, String> {
        let mut parameters = self.parameters.clone();
        parameters.insert("SubnetIds", site.subnet_ids.join(","));
        parameters.insert("SecurityGroupIds", site.security_group_id.clone());
        parameters
    }

    /// Creates all stacks at the same time, or updates those that exist if `update`. Returns the results in the order of the
    /// sites.
    async fn deploy(&self, update: bool) -> Vec<Result<(), Error>> {
        let template = Self::file("template.yaml");
        let all = self.sites.iter().map(async |site| {
            let parameters = self.parameters(site);
            let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let stack = Self::stack(site);
            if update && stack.status().await?.is_some_and(|status| status == "CREATE_COMPLETE") {
                Box::pin(stack.update(&template, &parameters)).await
            } else {
                Box::pin(stack.create(&template, &parameters)).await
            }
        });
        join_all(all).await
    }

    async fn worlds(&self) -> Vec<World> {
        join_all(self.sites.iter().map(async |site| site.world().await.unwrap())).await
    }

    /// Publishes a version of the function as `make publish` does, and sets its SHA-256 as the parameter of all stacks.
    ///
    /// `file` is the name of the zip file, as `make package` or a release names it. As in a release, the checksums have another
    /// file that was not downloaded.
    async fn publish(&mut self, cloud: &Cloud, version: &str, file: &str) {
        let package = cloud.folder().join(format!("packages-{version}"));
        std::fs::create_dir_all(package.join(file).parent().unwrap()).unwrap();
        let sha256 = write_function(&package.join(file), version).unwrap();
        let other = format!("{}  bootstrap-arm64.zip\n", "0".repeat(64));
        std::fs::write(package.join("SHA256SUMS"), format!("{other}{sha256}  {file}\n")).unwrap();
        let tools = Tools::locate().await.unwrap();
        let path = format!("{}:{}", tools.python.display(), env::var("PATH").unwrap());
        let mut command = Command::new(Self::file("package/publish.sh"));
        command.arg(&package).arg(PREFIX).args(REGIONS);
        command
            .env("PATH", path)
            .env("AWS_ACCESS_KEY_ID", TOOLING)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", REGIONS[0])
            .env("AWS_ENDPOINT_URL", cloud.aws_url());
        let done = command.output().await.unwrap();
        let output = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{output}\n{}", String::from_utf8_lossy(&done.stderr));
        for region in REGIONS {
            assert!(
                output.contains(&format!("publish: uploaded the zip file for x86_64 to {PREFIX}-{region}\n")),
                "{output}"
            );
        }
        assert!(output.contains(&format!("CodeBucketPrefix={PREFIX} CodeSha256={sha256}")), "{output}");
        self.parameters.insert("CodeSha256", sha256);
    }
}

/// Creates the bucket of each Region, in an account without a cluster.
async fn create_buckets(cloud: &Cloud) {
    let parameters = [("BucketPrefix", PREFIX), ("OrganizationId", ORGANIZATION)];
    for region in REGIONS {
        let stack = Stack::new(&cloud.admin_in(TOOLING, region), "artifacts");
        stack.create(&StackSet::file("stackset/bucket.yaml"), &parameters).await.unwrap();
    }
}

async fn start(cloud: &Cloud) -> StackSet {
    let mut sites = Vec::new();
    for account in ACCOUNTS {
        for region in REGIONS {
            sites.push(Site::create(cloud, account, region, CLUSTER).await.unwrap());
        }
    }
    let parameters = BTreeMap::from([
        ("ClusterName", CLUSTER.to_owned()),
        ("KarpenterVersion", "1.14.1".to_owned()),
        ("ControllerIdentity", "PodIdentity".to_owned()),
        ("NamesByRegion", "Yes".to_owned()),
        ("CodeBucketPrefix", PREFIX.to_owned()),
        ("Architecture", "x86_64".to_owned()),
        ("CaBundleFile", cloud.pki().ca_path().to_string_lossy().into_owned()),
    ]);
    StackSet { sites, parameters }
}

/// Three accounts have a cluster of the same name in each of two Regions. Five of the six stacks succeed, with role names that
/// contain the Region. In the sixth account and Region, a subnet has the discovery tag of another cluster. That stack fails
/// without a change, and the others are not affected. A new version of the function runs in all stacks and writes nothing. When
/// all stacks are deleted, the accounts are as before.
#[tokio::test]
async fn failing_account_does_not_affect_others() {
    let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
    let mut set = start(&cloud).await;
    create_buckets(&cloud).await;
    set.publish(&cloud, "1", "x86_64/bootstrap.zip").await;
    let failing = 3;
    let subnet = set.sites[failing].subnet_ids[0].clone();
    let tag = Tag::builder().key("karpenter.sh/discovery").value("another").build();
    let ec2 = aws_sdk_ec2::Client::new(&set.sites[failing].admin);
    ec2.create_tags().resources(&subnet).tags(tag).send().await.unwrap();
    let before = set.worlds().await;

    for (index, (site, outcome)) in set.sites.iter().zip(set.deploy(false).await).enumerate() {
        let (account, region) = (&site.account, &site.region);
        if index == failing {
            let error = outcome.unwrap_err();
            let Error::Stack { status, reasons, .. } = &error else { panic!("{error:?}") };
            assert_eq!(status, "ROLLBACK_COMPLETE");
            assert!(
                reasons.iter().any(|reason| reason.contains(&subnet) && reason.contains("TagConflict")),
                "{reasons:?}"
            );
            continue;
        }
        outcome.unwrap_or_else(|error| panic!("{account} {region}: {error}"));
        let outputs = StackSet::stack(site).outputs().await.unwrap();
        let expected = format!("arn:aws:iam::{account}:role/KarpenterNodeRole-{CLUSTER}-{region}");
        assert_eq!(outputs["NodeRoleArn"], expected);
        assert_eq!(outputs["NodeAccess"], "AccessEntry");
        assert!(outputs["SubnetIds"].contains(&site.subnet_ids[0]), "{}", outputs["SubnetIds"]);
        let world = site.world().await.unwrap();
        assert!(world.get(&format!("role/KarpenterControllerRole-{CLUSTER}-{region}")).is_some());
    }
    let failed = &set.sites[failing];
    let role = format!("role/KarpenterNodeRole-{CLUSTER}-{}", failed.region);
    let after = failed.world().await.unwrap();
    assert!(after.get(&role).is_none(), "{role} exists");
    assert_eq!(after.json(&subnet), before[failing].json(&subnet));
    StackSet::stack(failed).delete().await.unwrap();

    // The other discovery tag is removed. Then a new version of the function is deployed to all, also to the failed one.
    let key = Tag::builder().key("karpenter.sh/discovery").build();
    ec2.delete_tags().resources(&subnet).tags(key).send().await.unwrap();
    let before: Vec<_> = before
        .into_iter()
        .enumerate()
        .map(|(index, world)| if index == failing { None } else { Some(world) })
        .collect();
    set.publish(&cloud, "2", "bootstrap-x86_64.zip").await;
    let deployed = set.worlds().await;
    let mark = cloud.gateway().journal().position();
    for (site, outcome) in set.sites.iter().zip(set.deploy(true).await) {
        outcome.unwrap_or_else(|error| panic!("{} {}: {error}", site.account, site.region));
    }
    let calls = cloud.gateway().journal().since(mark);
    let runs = calls.iter().filter(|call| call.operation == "DescribeCluster").count();
    assert!(set.sites.len() <= runs, "{runs} runs");
    // Existing objects are unchanged. The failed stack exists too now, in the same account as another stack.
    for (index, (before, after)) in deployed.iter().zip(set.worlds().await).enumerate() {
        if index == failing {
            assert!(after.get(&role).is_some(), "{role} does not exist");
            assert_eq!(after.json(&subnet)["karpenter.sh/discovery"], CLUSTER);
        } else {
            before.names().for_each(|name| assert_eq!(before.get(name), after.get(name), "{name}"));
        }
    }

    let deleted = join_all(set.sites.iter().map(async |site| StackSet::stack(site).delete().await)).await;
    deleted.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    for (site, (world, before)) in set.sites.iter().zip(set.worlds().await.into_iter().zip(before)) {
        if let Some(before) = before {
            before.assert_same(&world, &format!("after the deletion in {} {}", site.account, site.region));
        } else {
            assert!(world.json(&subnet).get("karpenter.sh/discovery").is_none(), "{}", world.json(&subnet));
        }
    }
}
