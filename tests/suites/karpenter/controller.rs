//! Runs the real Karpenter, with the role that a stack created, and with the settings of its chart for the stack's
//! HelmValues.

use std::{path::Path, time::Duration};

use local_cloud::{
    Cloud, Cluster, Error, ports,
    process::{Program, Running},
    tools,
};

use super::{
    chart::Chart,
    objects::{Launched, Objects},
};

/// The inputs of an installation of Karpenter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Installation<'a> {
    /// The namespace, as in `helm install --namespace`.
    pub(super) namespace: &'a str,
    /// The values file: the stack's output HelmValues.
    pub(super) helm_values: &'a str,
    /// The instance profile of its nodes.
    pub(super) instance_profile: &'a str,
    /// The value of the discovery tag `karpenter.sh/discovery` of its subnets and security groups.
    pub(super) discovery: &'a str,
}

/// A running controller. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Karpenter {
    running: Running,
    objects: Objects,
}

impl Karpenter {
    /// Renders the chart with the values, creates Karpenter's CustomResourceDefinitions in the cluster, and starts the
    /// controller as its pod would run. The environment comes from the chart's Deployment. The credentials come from a token
    /// of the chart's service account, for the role in its annotation. Waits until the controller is ready.
    ///
    /// # Errors
    /// Fails when the chart rejects the values, the cluster rejects the definitions, or the controller does not become ready:
    /// [`Error::Ended`] and [`Error::TimedOut`] with the end of its log.
    pub(super) async fn start(
        cloud: &Cloud,
        cluster: &Cluster,
        installation: &Installation<'_>,
    ) -> Result<Self, Error> {
        let programs = tools::karpenter().await?;
        let folder = cloud.folder().join("karpenter");
        std::fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        let chart = Chart::render(&programs, &folder, installation).await?;
        let objects = Objects::install(cluster, &programs.join("crds")).await?;
        let running = run(cloud, cluster, installation, &programs, &folder, &chart).await?;
        let mut karpenter = Self { running, objects };
        karpenter.objects.configure(installation).await?;
        let objects = &karpenter.objects;
        let ready = async || objects.is_ready().await.unwrap_or(false);
        karpenter.running.wait_until("the EC2NodeClass is Ready", READY, ready).await?;
        Ok(karpenter)
    }

    /// Requests a node, and waits until Karpenter has launched an instance for it.
    ///
    /// # Errors
    /// [`Error::TimedOut`], with the end of Karpenter's log.
    pub(super) async fn launch(&mut self, name: &str) -> Result<Launched, Error> {
        let objects = &self.objects;
        objects.create_claim(name).await?;
        let mut launched = None;
        let found = async || {
            launched = objects.launched(name).await.ok().flatten();
            launched.is_some()
        };
        self.running.wait_until("Karpenter has launched an instance", LAUNCHED, found).await?;
        launched.ok_or(Error::Incomplete { operation: "NodeClaim", field: "providerID" })
    }

    /// Deletes the request for a node, so that Karpenter terminates its instance.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub(super) async fn terminate(&self, name: &str) -> Result<(), Error> {
        self.objects.delete_claim(name).await
    }

    /// Waits until Karpenter has terminated the instance, and has removed its finalizer from the `NodeClaim`.
    ///
    /// # Errors
    /// [`Error::TimedOut`], with the end of Karpenter's log.
    pub(super) async fn wait_terminated(&mut self, name: &str) -> Result<(), Error> {
        let objects = &self.objects;
        let deleted = async || objects.is_claim_deleted(name).await.unwrap_or(false);
        self.running.wait_until("Karpenter has terminated the instance", TERMINATED, deleted).await
    }

    /// Deletes NodePool and EC2NodeClass, as a user does before the deletion of the stack.
    ///
    /// # Errors
    /// [`Error::TimedOut`], with the end of Karpenter's log.
    pub(super) async fn delete_config(&mut self) -> Result<(), Error> {
        let objects = &self.objects;
        objects.delete_config().await?;
        let deleted = async || objects.is_config_deleted().await.unwrap_or(false);
        self.running.wait_until("Karpenter has removed the finalizer of its EC2NodeClass", TERMINATED, deleted).await
    }
}

async fn run(
    cloud: &Cloud,
    cluster: &Cluster,
    installation: &Installation<'_>,
    programs: &Path,
    folder: &Path,
    chart: &Chart,
) -> Result<Running, Error> {
    // The API server itself returns this token, so its signature is valid.
    let token =
        cluster.control_plane().service_account_token(installation.namespace, &chart.service_account, AUDIENCE).await?;
    let token_file = folder.join("token");
    std::fs::write(&token_file, token).map_err(Error::file("write", &token_file))?;
    let (metrics, health) = (ports::free()?, ports::free()?);
    let mut program = Program::new("karpenter", programs.join("karpenter"), folder);
    for (name, value) in &chart.environment {
        program = program.env(name, value);
    }
    let mut running = program
        // The values that the pod's fields, EKS's webhook for IRSA and the node would add.
        .env("SYSTEM_NAMESPACE", installation.namespace)
        .env("AWS_ROLE_ARN", &chart.role_arn)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", &token_file)
        .env("AWS_REGION", cloud.region())
        .env("KUBECONFIG", cluster.control_plane().kubeconfig())
        // The endpoints of this cloud.
        .env("AWS_ENDPOINT_URL", cloud.gateway().url())
        // The Go SDK calls the real host of STS for its credentials, regardless of the endpoint.
        .env("HTTPS_PROXY", cloud.sts_proxy().url())
        .env("SSL_CERT_FILE", cloud.pki().ca_path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // This cloud has no price list, and only one controller.
        .env("ISOLATED_VPC", "true")
        .env("DISABLE_LEADER_ELECTION", "true")
        .env("METRICS_PORT", metrics.to_string())
        .env("HEALTH_PROBE_PORT", health.to_string())
        .start()?;
    let client = reqwest::Client::new();
    let ready = format!("http://127.0.0.1:{health}/readyz");
    let is_ready = async || client.get(&ready).send().await.is_ok_and(|response| response.status().is_success());
    running.wait_until("Karpenter is ready", READY, is_ready).await?;
    Ok(running)
}

/// The audience of STS in a service account token.
const AUDIENCE: &str = "sts.amazonaws.com";

/// Karpenter first reads all instance types, images and subnets.
const READY: Duration = Duration::from_mins(2);

const LAUNCHED: Duration = Duration::from_mins(2);

/// It checks an instance that is terminating every few seconds.
const TERMINATED: Duration = Duration::from_mins(3);
