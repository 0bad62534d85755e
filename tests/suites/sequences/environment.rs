//! One cloud and one cluster for many sequences, and the function's processes that serve them.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Error,
    cloudformation::Engine,
    cluster::{create_role, service_trust},
    empty_account::EmptyAccount,
    execution_role,
    scenario::CLUSTER,
    world::World,
};
use std::time::Duration;

use super::op::Sequence;
use super::scoped_rules::ScopedRules;
use super::third_party::{EXISTING_ROLE, FOREIGN_ROLE, ThirdParty};
use crate::program::Cli;

/// How long calls of an earlier run may still take.
const MAX_IDLE_WAIT: Duration = Duration::from_secs(30);

/// The cloud, cluster and processes that all sequences of one thread share.
pub(super) struct Environment {
    pub(super) cloud: Cloud,
    pub(super) cluster: Cluster,
    /// Whether the trace of a failed sequence includes the function's log (environment variable `SEQUENCES_LOG`).
    pub(super) logs_in_trace: bool,
    /// An engine whose function logs at the usual level, and one whose function logs at TRACE.
    engines: [Engine; 2],
    bare: EmptyAccount,
    /// Plans events before they are delivered.
    pub(super) cli: Cli,
}

impl Environment {
    /// Starts everything.
    ///
    /// # Errors
    /// A part does not start.
    pub(super) async fn start() -> Result<Self, Error> {
        let cloud = Cloud::start(CloudOptions::default()).await?;
        // The sequences use aws-auth and access entries.
        let options =
            ClusterOptions { authentication_mode: AuthenticationMode::ApiAndConfigMap, ..ClusterOptions::default() };
        let cluster = cloud.create_cluster(CLUSTER, options).await?;
        execution_role::grant(&cloud, &format!("{CLUSTER}-creator")).await?;
        for role in [EXISTING_ROLE, FOREIGN_ROLE] {
            create_role(&cloud.admin(), role, &service_trust("ec2.amazonaws.com")).await?;
        }
        cluster.control_plane().remove_aws_auth().await?;
        let bare = EmptyAccount::new(&cloud, &cluster).await?;
        let usual = Engine::start(&cloud, &cluster.creator_role_arn, |_| {}).await?;
        let verbose =
            Engine::start(&cloud, &cluster.creator_role_arn, |options| "TRACE".clone_into(&mut options.log_level))
                .await?;
        let cli = Cli::for_cluster(&cloud, &cluster).await?;
        let logs_in_trace = std::env::var_os("SEQUENCES_LOG").is_some();
        Ok(Self { cloud, cluster, logs_in_trace, engines: [usual, verbose], bare, cli })
    }

    /// Begins a sequence: deletes everything of an earlier one, and plants the objects of others.
    ///
    /// # Errors
    /// Calls are still in progress, or something is left after the deletion.
    pub(super) async fn begin(&self, sequence: &Sequence) -> Result<ThirdParty, Error> {
        self.wait_until_idle(MAX_IDLE_WAIT).await?;
        self.cloud.gateway().journal().clear();
        let world = self.world().await?;
        self.bare.wipe(&self.cloud, &self.cluster, &world).await?;
        let left = self.bare.world().difference(&self.world().await?);
        if !left.is_empty() {
            return Err(Error::Unusable(format!("the world is not as before after the wipe:\n{left}")));
        }
        ThirdParty::plant(&self.cloud, &self.cluster, &sequence.tags, sequence.aws_auth).await
    }

    /// Returns the engine whose function serves a sequence.
    pub(super) const fn engine(&self, sequence: &Sequence) -> &Engine {
        &self.engines[sequence.log_at_trace as usize]
    }

    /// Waits until no call is in progress.
    ///
    /// # Errors
    /// A call is still in progress after `bound`.
    pub(super) async fn wait_until_idle(&self, bound: Duration) -> Result<(), Error> {
        if self.cloud.gateway().journal().wait_until_idle(bound).await {
            return Ok(());
        }
        Err(Error::Unusable(format!("calls are still in progress after {bound:?}")))
    }

    /// Simulates the deletion of the cluster, until the returned rules are dropped: deletes aws-auth, access entries and Pod
    /// Identity associations, and makes EKS and the Kubernetes API unavailable. `world` is the current state.
    ///
    /// # Errors
    /// As [`EmptyAccount::wipe_cluster`].
    pub(super) async fn delete_cluster(&self, world: &World) -> Result<ScopedRules, Error> {
        self.bare.wipe_cluster(&self.cloud, &self.cluster, world).await?;
        Ok(ScopedRules::no_cluster(&self.cloud))
    }

    /// Reads the state of the account and of aws-auth.
    ///
    /// # Errors
    /// As [`World::read`].
    pub(super) async fn world(&self) -> Result<World, Error> {
        World::read(&self.cloud, Some(&self.cluster)).await
    }
}
