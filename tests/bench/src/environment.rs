//! Where operations are measured: one cloud with a cluster of each authentication mode, and a role with all permissions, so
//! that permissions do not influence the result.
//!
//! Every call uses TLS, and each service has its own host name and port 443, as on AWS. So a program opens as many connections
//! as there. `isolate.sh` makes the names resolve to this machine, in a network namespace of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Error,
    cloudformation::Status,
    empty_account::EmptyAccount,
    gateway::{Effect, Installed, Strictness, When},
    lambda::{FunctionOptions, ResponseBucket},
    scenario::{AWS_AUTH, CLUSTER, function_options},
    world::World,
};

use crate::{
    hosts::Hosts,
    peers::Peers,
    programs::Programs,
    subject::{ACCESS_ENTRY_CLUSTER, Subject},
};

/// The cloud, its clusters and the alternatives.
pub(crate) struct Environment {
    /// The cloud.
    pub(crate) cloud: Cloud,
    /// The cluster of authentication mode `CONFIG_MAP`.
    pub(crate) cluster: Cluster,
    /// The receiver of responses, over TLS as S3.
    pub(crate) responses: ResponseBucket,
    /// The alternatives.
    pub(crate) peers: Peers,
    _access_entry_cluster: Cluster,
    empty: EmptyAccount,
    ca_file: PathBuf,
}

impl Environment {
    /// Starts all of it.
    ///
    /// # Errors
    /// Fails when a part cannot start.
    pub(crate) async fn start() -> Result<Self, Error> {
        let peers = Peers::locate().await?;
        let hosts = Hosts::read()?;
        let (address, names) = hosts.services;
        let options = CloudOptions { tls: true, address: Some(address), hosts: names, ..CloudOptions::default() };
        let cloud = Cloud::start(options).await?;
        // The checks ask MiniStack before each call, and this would count as time of the function.
        cloud.gateway().set_strictness(Strictness { resources: false, consistency: None });
        let cluster = cloud.create_cluster(CLUSTER, ClusterOptions::default()).await?;
        let options =
            ClusterOptions { authentication_mode: AuthenticationMode::ApiAndConfigMap, ..ClusterOptions::default() };
        let access_entry_cluster = cloud.create_cluster(ACCESS_ENTRY_CLUSTER, options).await?;
        grant_everything(&cloud, &cluster.creator_role_arn).await?;
        cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
        let (address, host) = hosts.responses;
        let tls = cloud.pki().server("responses", &[&host])?.server_config()?;
        let responses = ResponseBucket::start_at(address, &host, tls).await;
        let responses = responses.map_err(Error::file("bind", "the port for responses"))?;
        let empty = EmptyAccount::new(&cloud, &cluster).await?;
        let ca_file = write_ca_bundle(&cloud)?;
        Ok(Self { cloud, cluster, responses, peers, _access_entry_cluster: access_entry_cluster, empty, ca_file })
    }

    /// Returns the options to start the program of a subject.
    ///
    /// # Errors
    /// As [`function_options`](Self::function_options), and [`Error::Unusable`] for a subject without a program.
    pub(crate) async fn subject_options(
        &self,
        programs: &Programs,
        subject: Subject,
    ) -> Result<FunctionOptions, Error> {
        let no_program = || Error::Unusable(format!("{} has no program", subject.name()));
        let options = self.function_options(programs.program(subject).ok_or_else(no_program)?).await?;
        Ok(if subject == Subject::Python { self.peers.as_python(options) } else { options })
    }

    /// Returns the options to start a program as a function, in a folder of its own.
    ///
    /// # Errors
    /// As [`function_options`].
    pub(crate) async fn function_options(&self, program: PathBuf) -> Result<FunctionOptions, Error> {
        let options = function_options(&self.cloud, &self.cluster.creator_role_arn).await?;
        Ok(FunctionOptions { bootstrap: program, endpoint_url: None, ca_file: Some(self.ca_file.clone()), ..options })
    }

    /// The file of the certificate authorities that a program trusts: those of this machine, as on Lambda, and the cloud's own.
    pub(crate) fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Creates a folder in the cloud's folder.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn folder(&self, prefix: &str) -> Result<PathBuf, Error> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(self.cloud.folder());
        Ok(folder.map_err(Error::file("create a folder in", self.cloud.folder()))?.keep())
    }

    /// Delays every call to AWS and to the Kubernetes API, until the rule is removed.
    pub(crate) fn delay(&self, delay: Duration) -> Installed {
        self.cloud.gateway().rules().add(When::any(), Effect::Delay(delay))
    }

    /// Makes CloudFormation return this status for stack and resource, until the rules are removed.
    pub(crate) fn show_status(&self, status: &str) -> [Installed; 2] {
        Status::new(status, status).show_all(self.cloud.gateway().rules())
    }

    /// Restores the account and the cluster of authentication mode `CONFIG_MAP`.
    ///
    /// # Errors
    /// Fails when AWS or the API server rejects a call.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        let current = World::read(&self.cloud, Some(&self.cluster)).await?;
        self.empty.wipe(&self.cloud, &self.cluster, &current).await?;
        self.cluster.control_plane().set_aws_auth(AWS_AUTH).await.map(drop)
    }
}

/// Where Debian and its relatives have their certificate authorities.
const SYSTEM_CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

fn write_ca_bundle(cloud: &Cloud) -> Result<PathBuf, Error> {
    let system = fs::read_to_string(SYSTEM_CA_FILE).map_err(Error::file("read", SYSTEM_CA_FILE))?;
    let path = cloud.folder().join("ca-bundle.pem");
    fs::write(&path, system + "\n" + &cloud.pki().ca_pem()).map_err(Error::file("write", &path))?;
    Ok(path)
}

/// Gives a role all permissions, because their cost is not measured here.
pub(crate) async fn grant_everything(cloud: &Cloud, role_arn: &str) -> Result<(), Error> {
    const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let role = role_arn.rsplit('/').next().unwrap_or_default();
    let iam = aws_sdk_iam::Client::new(&cloud.admin());
    let put = iam.put_role_policy().role_name(role).policy_name("everything").policy_document(EVERYTHING);
    put.send().await.map(drop).map_err(Error::aws("PutRolePolicy"))
}
