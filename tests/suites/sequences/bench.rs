//! One cloud and one cluster for many sequences, and the functions that serve them.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Error,
    empty_account::EmptyAccount,
    cli::Cli,
    cloudformation::Engine,
    cluster::{create_role, service_trust},
    execution_role,
    scenario::CLUSTER,
    world::World,
};
use std::time::Duration;

use super::foreign::{EXISTING_ROLE, Foreign, SOMEBODYS_ROLE};
use super::in_force::InForce;
use super::op::Sequence;

/// How long AWS may take to end what an earlier run has asked of it.
const SETTLE: Duration = Duration::from_secs(30);

/// What the sequences of one thread share.
pub(super) struct Bench {
    pub(super) cloud: Cloud,
    pub(super) cluster: Cluster,
    /// Whether a story has the function's log in it.
    pub(super) tells_all: bool,
    /// A function that logs what it does always, and one that logs all that it can.
    engines: [Engine; 2],
    bare: EmptyAccount,
    /// Tells beforehand what an event will do.
    pub(super) cli: Cli,
}

impl Bench {
    /// Brings all of it up.
    pub(super) async fn start() -> Result<Self, Error> {
        let cloud = Cloud::start(CloudOptions::default()).await?;
        // Both ways in count here.
        let options =
            ClusterOptions { authentication_mode: AuthenticationMode::ApiAndConfigMap, ..ClusterOptions::default() };
        let cluster = cloud.create_cluster(CLUSTER, options).await?;
        execution_role::grant(&cloud, &format!("{CLUSTER}-creator")).await?;
        for role in [EXISTING_ROLE, SOMEBODYS_ROLE] {
            create_role(&cloud.admin(), role, &service_trust("ec2.amazonaws.com")).await?;
        }
        cluster.control_plane().remove_aws_auth().await?;
        let bare = EmptyAccount::new(&cloud, &cluster).await?;
        let usual = Engine::start(&cloud, &cluster.creator_role_arn, |_| {}).await?;
        let verbose =
            Engine::start(&cloud, &cluster.creator_role_arn, |options| "TRACE".clone_into(&mut options.log_level))
                .await?;
        let cli = Cli::for_cluster(&cloud, &cluster).await?;
        let tells_all = std::env::var_os("SEQUENCES_LOG").is_some();
        Ok(Self { cloud, cluster, tells_all, engines: [usual, verbose], bare, cli })
    }

    /// Begins a sequence: nothing of an earlier one is left, and what others have is planted.
    pub(super) async fn begin(&self, sequence: &Sequence) -> Result<Foreign, Error> {
        self.settled(SETTLE).await?;
        self.cloud.gateway().journal().clear();
        let standing = self.world().await?;
        self.bare.wipe(&self.cloud, &self.cluster, &standing).await?;
        let left = self.bare.world().difference(&self.world().await?);
        if !left.is_empty() {
            return Err(Error::Unusable(format!("the world is not as before after it was wiped:\n{left}")));
        }
        Foreign::plant(&self.cloud, &self.cluster, &sequence.tags, sequence.aws_auth).await
    }

    /// The function that serves a sequence.
    pub(super) const fn engine(&self, sequence: &Sequence) -> &Engine {
        &self.engines[sequence.trace as usize]
    }

    /// Waits until AWS has ended all that it was asked for.
    pub(super) async fn settled(&self, bound: Duration) -> Result<(), Error> {
        if self.cloud.gateway().journal().settled(bound).await {
            return Ok(());
        }
        Err(Error::Unusable(format!("calls are still under way after {bound:?}")))
    }

    /// The cluster goes, with all that hangs on it.
    pub(super) async fn without_cluster(&self, standing: &World) -> Result<InForce, Error> {
        self.bare.wipe_cluster(&self.cloud, &self.cluster, standing).await?;
        Ok(InForce::no_cluster(&self.cloud))
    }

    /// Everything that stands.
    pub(super) async fn world(&self) -> Result<World, Error> {
        World::read(&self.cloud, Some(&self.cluster)).await
    }
}
