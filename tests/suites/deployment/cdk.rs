//! Deploys, updates and destroys the example app of the CDK construct with the `cdk` command.

use std::{path::PathBuf, time::Duration};

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{Cloud, CloudOptions, Cluster, ClusterOptions, Stack, stack::write_function, tools, world::World};
use tokio::{process::Command, time::timeout};

const STACK: &str = "KarpenterPrereqsExample";

/// The time limit of one `cdk` command, which starts Node and waits for MiniStack to create the stack.
const LIMIT: Duration = Duration::from_mins(5);

struct Cdk {
    cluster: Cluster,
    cloud: Cloud,
    code: PathBuf,
}

impl Cdk {
    async fn start() -> Self {
        let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
        let options = ClusterOptions { authentication_mode: AuthenticationMode::Api, ..ClusterOptions::default() };
        let cluster = cloud.create_cluster("demo", options).await.unwrap();
        let code = cloud.folder().join("bootstrap.zip");
        write_function(&code, "").unwrap();
        Self { cluster, cloud, code }
    }

    /// Runs `cdk` in the folder of the construct, which `make cdk` must have built. Panics if the command fails.
    async fn run(&self, arguments: &[&str]) {
        let folder = tools::checkout().join("infra/cdk");
        let program = folder.join("node_modules/.bin/cdk");
        assert!(program.exists(), "{} does not exist: run make cdk first", program.display());
        let context = [
            format!("code={}", self.code.display()),
            format!("ca={}", self.cloud.pki().ca_path().display()),
            "architecture=x86_64".to_owned(),
            "cluster=demo".to_owned(),
        ];
        let mut command = Command::new(program);
        command.current_dir(&folder).args(arguments);
        command
            .args(context.iter().flat_map(|pair| ["--context", pair]))
            .args(["--output", &self.cloud.folder().join("cdk.out").to_string_lossy()])
            .env("AWS_ACCESS_KEY_ID", self.cloud.account())
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", self.cloud.region())
            .env("AWS_ENDPOINT_URL", self.cloud.aws_url())
            .env("AWS_ENDPOINT_URL_S3", self.cloud.aws_url())
            .env("CDK_DISABLE_VERSION_CHECK", "1")
            .env("CI", "true")
            .kill_on_drop(true);
        let done = timeout(LIMIT, command.output()).await.expect("cdk exceeded its time limit").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(done.status.success(), "cdk {arguments:?}: {}\n{}", text(&done.stdout), text(&done.stderr));
    }

    async fn world(&self) -> World {
        World::read(&self.cloud, Some(&self.cluster)).await.unwrap()
    }
}

/// After `cdk deploy` a node can join the cluster. A second deployment changes the permissions to those of another Karpenter
/// version. `cdk destroy` restores the account.
#[tokio::test]
#[ignore = "needs the construct built: make cdk-deploy"]
async fn example_app_deploy_update_destroy_restores_account() {
    let cdk = Cdk::start().await;
    cdk.run(&["bootstrap"]).await;
    let before = cdk.world().await;

    cdk.run(&["deploy", "--require-approval", "never"]).await;
    let outputs = Stack::new(&cdk.cloud.admin(), STACK).outputs().await.unwrap();
    assert_eq!(outputs["NodeRole"], "KarpenterNodeRole-demo");
    assert!(outputs["HelmValues"].contains("clusterName: \"demo\""), "{}", outputs["HelmValues"]);
    let node = cdk.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
    cdk.cluster.wait_admitted(&node.credentials).await.unwrap();
    cdk.cluster.end_node(&node).await.unwrap();
    let deployed = cdk.world().await;

    cdk.run(&["deploy", "--require-approval", "never", "--context", "karpenter=1.0.0"]).await;
    let updated = cdk.world().await;
    let policies = |world: &World| world.json("role/KarpenterControllerRole-demo")["inline"].clone();
    assert_ne!(policies(&deployed), policies(&updated));

    cdk.run(&["destroy", "--force"]).await;
    before.assert_same(&cdk.world().await, "after cdk destroy");
}
