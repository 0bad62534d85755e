//! Where operations are measured: one cloud with a cluster of the runbook's days and one of today, and a role that may do
//! everything, so that nobody is held up by a permission.

use std::{path::PathBuf, time::Duration};

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Error,
    bare::Bare,
    execution_role,
    gateway::{Effect, Installed, Strictness, When},
    lambda::{Answers, FunctionOptions},
    node::assume_role,
    scenario::{AWS_AUTH, CLUSTER},
    world::World,
};

use crate::{peers::Peers, subject::TODAY};

/// The cloud and what is in it.
pub(crate) struct Stage {
    /// The cloud.
    pub(crate) cloud: Cloud,
    /// The cluster of authentication mode `CONFIG_MAP`.
    pub(crate) cluster: Cluster,
    /// Where answers go, over TLS, as S3 takes them.
    pub(crate) answers: Answers,
    /// The others.
    pub(crate) peers: Peers,
    _today: Cluster,
    bare: Bare,
}

impl Stage {
    /// Brings all of it up.
    ///
    /// # Errors
    /// Whatever keeps a part from coming up.
    pub(crate) async fn start() -> Result<Self, Error> {
        let peers = Peers::locate().await?;
        let cloud = Cloud::start(CloudOptions::default()).await?;
        // Questions to MiniStack beside each call would be the local cloud's time, not the function's.
        cloud.gateway().set_strictness(Strictness { resources: false, consistency: None });
        let cluster = cloud.create_cluster(CLUSTER, ClusterOptions::default()).await?;
        let options =
            ClusterOptions { authentication_mode: AuthenticationMode::ApiAndConfigMap, ..ClusterOptions::default() };
        let today = cloud.create_cluster(TODAY, options).await?;
        grant_everything(&cloud, &cluster.creator_role_arn).await?;
        cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
        let tls = cloud.pki().server("answers", &["localhost"])?.server_config()?;
        let answers = Answers::start(Some(tls)).await.map_err(Error::file("bind", "the port for answers"))?;
        let bare = Bare::new(&cloud, &cluster).await?;
        Ok(Self { cloud, cluster, answers, peers, _today: today, bare })
    }

    /// What a program of this path is started with as a function, in a folder of its own.
    ///
    /// # Errors
    /// When there is no session of the role.
    pub(crate) async fn function_options(&self, program: PathBuf) -> Result<FunctionOptions, Error> {
        let session = assume_role(&self.cloud.admin(), &self.cluster.creator_role_arn, "function").await?;
        Ok(FunctionOptions {
            account: self.cloud.account().to_owned(),
            region: self.cloud.region().to_owned(),
            credentials: (
                session.access_key_id().to_owned(),
                session.secret_access_key().to_owned(),
                session.session_token().map(str::to_owned),
            ),
            endpoint_url: Some(self.cloud.gateway().url().to_owned()),
            ca_file: Some(self.cloud.pki().ca_path()),
            environment: execution_role::environment(&self.cluster.creator_role_arn),
            ..FunctionOptions::new(program, self.folder("function-")?)
        })
    }

    /// A new folder among those of the cloud.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn folder(&self, prefix: &str) -> Result<PathBuf, Error> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(self.cloud.folder());
        Ok(folder.map_err(Error::file("make a folder in", self.cloud.folder()))?.keep())
    }

    /// Has every call to AWS and to the Kubernetes API wait this long before it goes on, until the rule is removed.
    pub(crate) fn delay(&self, delay: Duration) -> Installed {
        self.cloud.gateway().rules().add(When::any(), Effect::Delay(delay))
    }

    /// Brings account and cluster back to what they were, whatever somebody has left.
    ///
    /// # Errors
    /// Any refusal.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        let standing = World::read(&self.cloud, Some(&self.cluster)).await?;
        self.bare.wipe(&self.cloud, &self.cluster, &standing).await?;
        self.cluster.control_plane().set_aws_auth(AWS_AUTH).await.map(drop)
    }
}

/// Lets a role do everything: what a permission costs is not measured here.
pub(crate) async fn grant_everything(cloud: &Cloud, role_arn: &str) -> Result<(), Error> {
    const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let role = role_arn.rsplit('/').next().unwrap_or_default();
    let iam = aws_sdk_iam::Client::new(&cloud.admin());
    let put = iam.put_role_policy().role_name(role).policy_name("everything").policy_document(EVERYTHING);
    put.send().await.map(drop).map_err(Error::aws("PutRolePolicy"))
}
