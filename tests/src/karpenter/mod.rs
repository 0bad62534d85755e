//! The real Karpenter, on the role that a stack made, with the settings that its own chart makes of the stack's HelmValues.

mod chart;
mod objects;

use std::{path::Path, time::Duration};

pub use self::objects::Launched;
use self::{chart::Chart, objects::Objects};
use crate::{
    cloud::Cloud,
    cluster::Cluster,
    error::Error,
    ports,
    process::{Program, Running},
    tools,
};

/// What Karpenter is installed with.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// The namespace, as `helm install --namespace` has it.
    pub namespace: &'a str,
    /// The values file: the stack's output HelmValues.
    pub helm_values: &'a str,
    /// The instance profile that its nodes get.
    pub instance_profile: &'a str,
    /// The value of the discovery tag `karpenter.sh/discovery` by which it finds subnets and groups.
    pub discovery: &'a str,
}

/// A controller that runs as long as this value lives.
#[derive(Debug)]
pub struct Karpenter {
    running: Running,
    objects: Objects,
}

impl Karpenter {
    /// Renders the chart with the values, puts Karpenter's CustomResourceDefinitions into the cluster, and starts the
    /// controller as its pod would: with the environment of the chart's Deployment, and, for the role in the annotation of
    /// the chart's service account, with a token of that account. Waits until it is ready.
    ///
    /// # Errors
    /// When the chart refuses the values, the cluster the definitions, or the controller does not become ready:
    /// [`Error::Ended`] and [`Error::TimedOut`] with the end of its log.
    pub async fn start(cloud: &Cloud, cluster: &Cluster, release: &Release<'_>) -> Result<Self, Error> {
        let programs = tools::karpenter().await?;
        let folder = cloud.run_folder().subfolder("karpenter")?;
        let chart = Chart::render(&programs, &folder, release).await?;
        let objects = Objects::install(cluster, &programs.join("crds")).await?;
        let running = run(cloud, cluster, release, &programs, &folder, &chart).await?;
        let mut karpenter = Self { running, objects };
        karpenter.objects.configure(release).await?;
        let objects = &karpenter.objects;
        let ready = async || objects.is_ready().await.unwrap_or(false);
        karpenter.running.wait_until("the EC2NodeClass is Ready", READY, ready).await?;
        Ok(karpenter)
    }

    /// Asks for a node, and waits until Karpenter has launched an instance for it.
    ///
    /// # Errors
    /// [`Error::TimedOut`], with the end of Karpenter's log.
    pub async fn launch(&mut self, name: &str) -> Result<Launched, Error> {
        let objects = &self.objects;
        objects.claim(name).await?;
        let mut launched = None;
        let found = async || {
            launched = objects.launched(name).await.ok().flatten();
            launched.is_some()
        };
        self.running.wait_until("Karpenter has launched an instance", LAUNCHED, found).await?;
        launched.ok_or(Error::Incomplete { operation: "NodeClaim", field: "providerID" })
    }

    /// Gives a node back: Karpenter is to end its instance.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn give_back(&self, name: &str) -> Result<(), Error> {
        self.objects.unclaim(name).await
    }

    /// Waits until Karpenter has ended the instance of a node that was given back, and let go of the claim.
    ///
    /// # Errors
    /// [`Error::TimedOut`], with the end of Karpenter's log.
    pub async fn wait_released(&mut self, name: &str) -> Result<(), Error> {
        let objects = &self.objects;
        let gone = async || objects.is_gone(name).await.unwrap_or(false);
        self.running.wait_until("Karpenter has ended the instance", RELEASED, gone).await
    }

    /// Takes NodePool and EC2NodeClass away, as one does before the stack.
    ///
    /// # Errors
    /// [`Error::TimedOut`], with the end of Karpenter's log.
    pub async fn clear(&mut self) -> Result<(), Error> {
        let objects = &self.objects;
        objects.clear().await?;
        let cleared = async || objects.is_clear().await.unwrap_or(false);
        self.running.wait_until("Karpenter has let go of its EC2NodeClass", RELEASED, cleared).await
    }

    /// What it has logged.
    pub fn log(&self) -> &Path {
        self.running.log()
    }
}

async fn run(
    cloud: &Cloud,
    cluster: &Cluster,
    release: &Release<'_>,
    programs: &Path,
    folder: &Path,
    chart: &Chart,
) -> Result<Running, Error> {
    // That the API server signed it is beyond doubt here: it comes from there.
    let token =
        cluster.control_plane().service_account_token(release.namespace, &chart.service_account, AUDIENCE).await?;
    let token_file = folder.join("token");
    std::fs::write(&token_file, token).map_err(Error::file("write", &token_file))?;
    let (metrics, health) = (ports::free()?, ports::free()?);
    let mut program = Program::new("karpenter", programs.join("karpenter"), folder);
    for (name, value) in &chart.environment {
        program = program.env(name, value);
    }
    let mut running = program
        // What the pod's fields, EKS's webhook for IRSA and the node would add.
        .env("SYSTEM_NAMESPACE", release.namespace)
        .env("AWS_ROLE_ARN", &chart.role_arn)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", &token_file)
        .env("AWS_REGION", cloud.region())
        .env("KUBECONFIG", cluster.control_plane().kubeconfig())
        // This cloud.
        .env("AWS_ENDPOINT_URL", cloud.gateway().url())
        // For its credentials the Go SDK asks the real host of STS, whatever the endpoint.
        .env("HTTPS_PROXY", cloud.sts_proxy().url())
        .env("SSL_CERT_FILE", cloud.pki().ca_path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // There is no price list here, and nobody to be elected among.
        .env("ISOLATED_VPC", "true")
        .env("DISABLE_LEADER_ELECTION", "true")
        .env("METRICS_PORT", metrics.to_string())
        .env("HEALTH_PROBE_PORT", health.to_string())
        .start()?;
    let client = reqwest::Client::new();
    let ready = format!("http://127.0.0.1:{health}/readyz");
    let answers = async || client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success());
    running.wait_until("Karpenter is ready", READY, answers).await?;
    Ok(running)
}

/// The audience of STS in a service account's token.
const AUDIENCE: &str = "sts.amazonaws.com";

/// Karpenter looks at all instance types, images and subnets first.
const READY: Duration = Duration::from_mins(2);

const LAUNCHED: Duration = Duration::from_mins(2);

/// It looks after an instance that ends every few seconds.
const RELEASED: Duration = Duration::from_mins(3);
