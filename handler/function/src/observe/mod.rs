//! Reads the world side by side: only what must follow another read waits for it.

mod config_map;
mod discovery;
mod identity;
mod leftovers;
mod oidc_provider;
mod pass_role;
mod roles;

use crate::clients::aws::{Clients, eks};
use crate::clients::kubernetes::{self, Kubernetes};
use crate::error::chain::chain;
use crate::error::{Error, KubernetesError};
use config_map::{Fetching, ObservedConfigMap};
use futures::{FutureExt as _, future};
use identity::PodIdentity;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::{Marker, Owner};
use karpenter_prereqs_core::observed::{AccessEntry, AwsAuth, Cluster, Discovery, Observed, PassRoleDecision, Role};
use karpenter_prereqs_core::plan::{self, Plan};
use oidc_provider::ObservedProvider;
use std::collections::BTreeSet;

/// What is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    /// Names the objects.
    pub(crate) spec: &'a Spec,
    /// What was wanted before, on an Update.
    pub(crate) old: Option<&'a Spec>,
    /// The stack and the resource.
    pub(crate) owner: &'a Owner,
    /// The generations whose traces are looked for.
    pub(crate) markers: &'a BTreeSet<Marker>,
    /// Whether it is to be there or to go.
    pub(crate) purpose: Purpose,
}

/// Whether the resource is to be there or to go: to go needs less of the cluster, and more of the node role.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Reconcile,
    TearDown,
}

/// The world, and the way to its ConfigMap.
pub(crate) struct World {
    pub(crate) observed: Observed,
    /// Absent when nothing depends on the ConfigMap.
    pub(crate) kubernetes: Option<Kubernetes>,
    /// Whether a role or the profile carries a marker of the generations that are looked for.
    pub(crate) stands: bool,
}

/// Reads everything that the plan depends on.
pub(crate) async fn observe(clients: &Clients, look: Look<'_>) -> Result<World, Error> {
    let mut credentials = kubernetes::credentials(clients, look.spec).boxed_local();
    let cluster = async {
        let cluster = eks::cluster(&clients.eks, &look.spec.cluster_name);
        let asked = future::join(cluster, discovery::node_groups(clients, look));
        let (cluster, node_groups) = config_map::beside(asked, look.spec, &mut credentials).await;
        // Where both are denied, the cluster is named, whichever answer came first.
        let (cluster, node_groups) = (cluster.map_err(Error::Aws)?, node_groups.map_err(Error::Aws)?);
        of_cluster(clients, look, cluster, &node_groups, &mut credentials).boxed_local().await
    };
    // Boxed: the calls side by side are a future of 50 KB.
    let (cluster, roles) = (cluster.boxed_local(), roles::read(clients, look).boxed_local());
    let (found, roles) = futures::try_join!(cluster, roles)?;
    let config_map = match &found.cluster {
        // Not asked for, but there may be an entry from before.
        Some(cluster) if roles.is_in_aws_auth(look.markers) && is_serving(cluster) => match found.config_map {
            Ok(ObservedConfigMap { aws_auth: AwsAuth::NotRead, .. }) => {
                config_map::read(clients, look, cluster, &mut credentials).boxed_local().await
            }
            read => read,
        },
        _ => found.config_map,
    };
    let ObservedConfigMap { aws_auth, kubernetes } = match config_map {
        Ok(read) => read,
        // A Create that failed before its first write left nothing; its Delete must not fail for the same reason. The
        // entry is written after the roles are marked and goes before they do, so without a marker there is none.
        Err(error) if look.purpose == Purpose::TearDown && !roles.is_marked(look.markers) => {
            tracing::warn!(error = chain(&error), "aws-auth was not read: no object of this resource exists");
            ObservedConfigMap::not_read()
        }
        Err(error) => return Err(Error::Kubernetes(error)),
    };
    let (stands, has_pod_identity_agent) = (roles.is_marked(look.markers), found.identity.has_agent);
    let trusted = roles.controller_role.as_ref().filter(|_| found.cluster.as_ref().is_some_and(is_serving));
    let trusted = found.identity.with_trusted(clients, look.spec, trusted).boxed_local().await;
    let associations = trusted.map_err(Error::Aws)?;
    let has_issuer = found.cluster.as_ref().is_some_and(|cluster| cluster.issuer.is_some());
    let issuer = if look.purpose == Purpose::TearDown && !has_issuer {
        let role = roles.controller_role.as_ref();
        let read = oidc_provider::of_release(clients, look, None, role).boxed_local();
        read.await.map_err(Error::Aws)?
    } else {
        found.oidc_provider
    };
    let mut observed = Observed {
        cluster: found.cluster,
        oidc_provider: issuer.provider,
        roles_that_trust_issuer: issuer.trusting_roles,
        node_role: roles.node_role,
        profiles_of_node_role: roles.leftovers.profiles_of_node_role,
        running: roles.leftovers.running,
        launch_templates: roles.leftovers.launch_templates,
        controller_role: roles.controller_role,
        instance_profile: roles.instance_profile,
        discovery: found.discovery,
        aws_auth,
        access_entry: found.access_entry,
        associations,
        has_pod_identity_agent,
        pass_role: PassRoleDecision::NotAsked,
        proven_node_roles: BTreeSet::new(),
        unknown_policies: roles.unknown_policies,
    };
    if look.purpose == Purpose::Reconcile && plan::needs_simulation(look.spec, look.owner, &observed) {
        let (scope, arn) = (&look.spec.scope, look.spec.node_role_arn());
        observed.pass_role = pass_role::decide(clients, scope, &arn).boxed_local().await.map_err(Error::Aws)?;
    }
    // A teardown writes no policy where there is none.
    let policy = look.spec.controller_policy_name();
    let has_policy = |role: &&Role| look.purpose == Purpose::Reconcile || role.inline.contains_key(&policy);
    let controller_role = observed.controller_role.as_ref().filter(has_policy);
    let unproven = plan::unproven_node_roles(look.spec, look.markers, controller_role);
    if !unproven.is_empty() {
        let proven = pass_role::proven(clients, &look.spec.scope, unproven).boxed_local().await;
        observed.proven_node_roles = proven.map_err(Error::Aws)?;
    }
    Ok(World { observed, kubernetes, stands })
}

/// Reads anew what a release saw of the OIDC provider, of who trusts it and of the cluster. `done`: what was carried out since.
pub(crate) async fn observe_oidc_provider(
    clients: &Clients,
    look: Look<'_>,
    before: World,
    done: &Plan,
) -> Result<World, Error> {
    let mut observed = before.observed.oidc_provider_alone();
    if let Some(found) = observed.oidc_provider {
        let cluster = eks::cluster(&clients.eks, &look.spec.cluster_name);
        let provider = oidc_provider::of_arn(clients, look, &found.arn);
        let (cluster, issuer) = futures::try_join!(cluster, provider).map_err(Error::Aws)?;
        observed.cluster = cluster;
        observed.oidc_provider = issuer.provider;
        observed.roles_that_trust_issuer = issuer.trusting_roles;
        // IAM's list shows what has just been deleted for a while.
        observed.roles_that_trust_issuer.retain(|role| !done.deletes_role(role));
    }
    Ok(World { observed, kubernetes: None, stands: before.stands })
}

/// What can be read once the cluster is known.
struct OfCluster {
    cluster: Option<Cluster>,
    oidc_provider: ObservedProvider,
    discovery: Discovery,
    /// Kept as it came: whether a failure matters is seen when the roles are known.
    config_map: Result<ObservedConfigMap, KubernetesError>,
    access_entry: Option<AccessEntry>,
    identity: PodIdentity,
}

async fn of_cluster(
    clients: &Clients,
    look: Look<'_>,
    cluster: Option<Cluster>,
    node_groups: &[String],
    credentials: &mut Fetching<'_>,
) -> Result<OfCluster, Error> {
    let serving = cluster.as_ref().filter(|cluster| is_serving(cluster));
    let provider = async {
        let read = match look.purpose {
            Purpose::Reconcile => oidc_provider::of_cluster(clients, look, serving).boxed_local().await,
            // Of a cluster that has gone, the controller role tells.
            Purpose::TearDown => oidc_provider::of_release(clients, look, cluster.as_ref(), None).boxed_local().await,
        };
        read.map_err(Error::Aws)
    };
    let entry = async {
        match serving.filter(|cluster| cluster.authentication_mode.has_access_entries()) {
            Some(_) => eks::access_entry(&clients.eks, &look.spec.cluster_name, &look.spec.node_role_arn())
                .await
                .map_err(Error::Aws),
            None => Ok(None),
        }
    };
    let config_map = async { Ok(config_map::wanted(clients, look, serving, credentials).await) };
    let discovery = async { discovery::discover(clients, look, serving, node_groups).await.map_err(Error::Aws) };
    let identity = async {
        match serving {
            Some(_) => identity::read(clients, look).await.map_err(Error::Aws),
            None => Ok(PodIdentity::default()),
        }
    };
    let (oidc_provider, access_entry, config_map, discovery, identity) =
        futures::try_join!(provider, entry, config_map, discovery, identity.boxed_local())?;
    Ok(OfCluster { cluster, oidc_provider, discovery, config_map, access_entry, identity })
}

/// A cluster whose API server is there; one that goes takes its ConfigMap along.
fn is_serving(cluster: &Cluster) -> bool {
    !cluster.endpoint.is_empty() && cluster.status != "DELETING" && cluster.status != "CREATING"
}
