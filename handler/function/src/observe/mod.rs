//! Reads the world side by side: only what must follow another read waits for it.

mod discovery;
mod identity;
mod leftovers;
mod oidc_provider;

use crate::aws::{Clients, eks, iam};
use crate::cluster::{self, ClusterError, Kubernetes};
use crate::error::{AwsError, Error, chain};
use aws_credential_types::Credentials;
use futures::FutureExt as _;
use identity::PodIdentity;
use karpenter_prereqs_core::observed::{
    AccessEntry, AuthenticationMode, AwsAuth, Cluster, Discovery, InstanceProfile, Observed, OidcProvider, Role,
};
use karpenter_prereqs_core::ownership::{self, Mark, Tags};
use karpenter_prereqs_core::plan;
use karpenter_prereqs_core::spec::Spec;
use leftovers::Leftovers;
use std::collections::BTreeSet;

/// What is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    /// Names the objects.
    pub(crate) spec: &'a Spec,
    /// What was wanted before, on an Update.
    pub(crate) old: Option<&'a Spec>,
    /// The generations whose traces are looked for.
    pub(crate) marks: &'a BTreeSet<Mark>,
    /// Whether it is to be there or to go.
    pub(crate) aim: Aim,
}

/// Whether the resource is to be there or to go: to go needs less of the cluster, and more of the node role.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    Converge,
    Release,
}

/// The world, and the way to its ConfigMap.
pub(crate) struct World {
    pub(crate) observed: Observed,
    /// Absent when nothing depends on the ConfigMap.
    pub(crate) kubernetes: Option<Kubernetes>,
    /// Whether a role or the profile carries a mark of the generations that are looked for.
    pub(crate) stands: bool,
}

/// Reads everything that the plan depends on.
pub(crate) async fn observe(clients: &Clients, look: Look<'_>) -> Result<World, Error> {
    let cluster = async {
        let cluster = eks::cluster(&clients.eks, &look.spec.cluster_name);
        let node_groups = discovery::node_groups(clients, look);
        let (cluster, node_groups, ahead) = futures::join!(cluster, node_groups, credentials_ahead(clients, look.spec));
        // Where both are denied, the cluster is named, whichever answer came first.
        let (cluster, node_groups) = (cluster.map_err(Error::Aws)?, node_groups.map_err(Error::Aws)?);
        of_cluster(clients, look, cluster, &node_groups, ahead).boxed_local().await
    };
    // Boxed: the calls side by side are a future of 50 KB.
    let (cluster, roles) = (cluster.boxed_local(), roles(clients, look).boxed_local());
    let (found, roles) = futures::try_join!(cluster, roles)?;
    let config_map = match &found.cluster {
        // Not asked for, but there may be an entry from before.
        Some(cluster) if roles.is_in_aws_auth(look.marks) && is_serving(cluster) => match found.config_map {
            Ok((AwsAuth::NotRead, _)) => read_config_map(clients, look, cluster, None).boxed_local().await,
            read => read,
        },
        _ => found.config_map,
    };
    let (aws_auth, kubernetes) = match config_map {
        Ok(read) => read,
        // A Create that failed before its first write left nothing; its Delete must not fail for the same reason. The
        // entry is written after the roles are marked and goes before they do, so without a mark there is none.
        Err(error) if look.aim == Aim::Release && !roles.is_marked(look.marks) => {
            tracing::warn!(error = chain(&error), "aws-auth is left unread: nothing that is to go stands");
            (AwsAuth::NotRead, None)
        }
        Err(error) => return Err(Error::Cluster(error)),
    };
    let (stands, has_pod_identity_agent) = (roles.is_marked(look.marks), found.identity.has_agent);
    let trusted = roles.controller_role.as_ref().filter(|_| found.cluster.as_ref().is_some_and(is_serving));
    let trusted = found.identity.with_trusted(clients, look.spec, trusted).boxed_local().await;
    let associations = trusted.map_err(Error::Aws)?;
    let has_issuer = found.cluster.as_ref().is_some_and(|cluster| cluster.issuer.is_some());
    let (oidc_provider, roles_that_trust_issuer) = if look.aim == Aim::Release && !has_issuer {
        let role = roles.controller_role.as_ref();
        let read = oidc_provider::of_release(clients, look, None, role).boxed_local();
        read.await.map_err(Error::Aws)?
    } else {
        found.oidc_provider
    };
    let observed = Observed {
        cluster: found.cluster,
        oidc_provider,
        roles_that_trust_issuer,
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
        unknown_policies: roles.unknown_policies,
    };
    Ok(World { observed, kubernetes, stands })
}

/// Reads anew what a release saw of the OIDC provider, and who trusts it.
pub(crate) async fn observe_oidc_provider(clients: &Clients, look: Look<'_>, before: World) -> Result<World, Error> {
    let mut observed = before.observed.oidc_provider_alone();
    if let Some(found) = observed.oidc_provider {
        let read = oidc_provider::of_arn(clients, look, &found.arn).await.map_err(Error::Aws)?;
        (observed.oidc_provider, observed.roles_that_trust_issuer) = read;
    }
    Ok(World { observed, kubernetes: None, stands: before.stands })
}

/// What can be read once the cluster is known.
struct OfCluster {
    cluster: Option<Cluster>,
    /// The issuer's provider, and who trusts it where it may go.
    oidc_provider: (Option<OidcProvider>, BTreeSet<String>),
    discovery: Discovery,
    /// Kept as it came: whether a failure matters is seen when the roles are known.
    config_map: Result<(AwsAuth, Option<Kubernetes>), ClusterError>,
    access_entry: Option<AccessEntry>,
    identity: PodIdentity,
}

async fn of_cluster(
    clients: &Clients,
    look: Look<'_>,
    cluster: Option<Cluster>,
    node_groups: &[String],
    ahead: Option<Result<Credentials, ClusterError>>,
) -> Result<OfCluster, Error> {
    let serving = cluster.as_ref().filter(|cluster| is_serving(cluster));
    let provider = async {
        let read = match look.aim {
            Aim::Converge => oidc_provider::of_cluster(clients, look, serving).boxed_local().await,
            // Of a cluster that has gone, the controller role tells.
            Aim::Release => oidc_provider::of_release(clients, look, cluster.as_ref(), None).boxed_local().await,
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
    let config_map = async { Ok(config_map(clients, look, serving, ahead).await) };
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

/// The credentials for the Kubernetes API, where another role's are asked for and an entry may be too: STS is asked while EKS
/// tells of the cluster.
async fn credentials_ahead(clients: &Clients, spec: &Spec) -> Option<Result<Credentials, ClusterError>> {
    let may_be_needed =
        spec.kubernetes_role_arn.is_some() && spec.node_access.wants_aws_auth(AuthenticationMode::ConfigMap);
    if may_be_needed { Some(cluster::credentials(clients, spec).await) } else { None }
}

/// Reads the ConfigMap, if an entry in it is asked for.
async fn config_map(
    clients: &Clients,
    look: Look<'_>,
    serving: Option<&Cluster>,
    ahead: Option<Result<Credentials, ClusterError>>,
) -> Result<(AwsAuth, Option<Kubernetes>), ClusterError> {
    let wants = |cluster: &&Cluster| look.spec.node_access.wants_aws_auth(cluster.authentication_mode);
    match serving.filter(wants) {
        Some(cluster) => read_config_map(clients, look, cluster, ahead).await,
        None => Ok((AwsAuth::NotRead, None)),
    }
}

/// Reads it, and asks, beside the other reads, whether the write is allowed that will most likely be planned.
async fn read_config_map(
    clients: &Clients,
    look: Look<'_>,
    cluster: &Cluster,
    ahead: Option<Result<Credentials, ClusterError>>,
) -> Result<(AwsAuth, Option<Kubernetes>), ClusterError> {
    let credentials = match ahead {
        Some(credentials) => credentials?,
        None => cluster::credentials(clients, look.spec).await?,
    };
    let mut kubernetes = Kubernetes::connect(clients, look.spec, cluster, &credentials)?;
    let read = kubernetes.get_patiently().await?;
    let aws_auth = read.as_ref().map_or(AwsAuth::Missing, |read| AwsAuth::Present(read.observed()));
    let admits = look.aim == Aim::Converge && look.spec.node_access.wants_aws_auth(cluster.authentication_mode);
    let foreseen = plan::foreseen_verb(look.spec, look.marks, admits, &aws_auth).filter(|_| clients.caller.writes);
    kubernetes.have_seen(read, foreseen).await;
    Ok((aws_auth, Some(kubernetes)))
}

/// What IAM holds under the spec's names.
struct Roles {
    node_role: Option<Role>,
    leftovers: Leftovers,
    controller_role: Option<Role>,
    instance_profile: Option<InstanceProfile>,
    unknown_policies: BTreeSet<String>,
}

async fn roles(clients: &Clients, look: Look<'_>) -> Result<Roles, Error> {
    let (iam, spec) = (&clients.iam, look.spec);
    let policy = spec.controller_policy_name();
    let asked = |arns| if look.aim == Aim::Converge { arns } else { Vec::new() };
    let (of_nodes, of_controller) =
        (asked(spec.further_node_policy_arns()), asked(spec.controller_policy_arns.clone()));
    let boundary = async {
        let asked = spec.permissions_boundary.as_ref().filter(|_| look.aim == Aim::Converge);
        match asked {
            Some(arn) => Ok((!iam::has_policy(iam, arn).await?).then(|| arn.clone())),
            None => Ok(None),
        }
    };
    // Of a role that goes, what its policies say does not matter; of one that others keep, it does. A preview may be of a world
    // in which others will by then.
    let is_kept = |tags: &Tags| ownership::marked_by_others(tags, look.marks);
    let reads_document = |tags: &Tags| look.aim == Aim::Converge || !clients.caller.writes || is_kept(tags);
    let document_of = |tags: &Tags| reads_document(tags).then_some(policy.as_str());
    let ((node_role, unknown), leftovers, (controller_role, unknown_too), instance_profile, unknown_boundary) =
        futures::try_join!(
            role(iam, spec.node_role_name(), |_| None, of_nodes).boxed_local(),
            leftovers::read(clients, look).boxed_local(),
            role(iam, &spec.controller_role_name, document_of, of_controller).boxed_local(),
            iam::instance_profile(iam, &spec.instance_profile_name),
            boundary,
        )
        .map_err(Error::Aws)?;
    let own = instance_profile.iter().filter(|_| leftovers.holds_own);
    let leftovers = Leftovers {
        profiles_of_node_role: leftovers.profiles_of_node_role.iter().chain(own).cloned().collect(),
        ..leftovers
    };
    let unknown_policies = unknown.into_iter().chain(unknown_too).chain(unknown_boundary).collect();
    Ok(Roles { node_role, leftovers, controller_role, instance_profile, unknown_policies })
}

/// A role, and which of the policies that it is to carry and does not yet are none.
async fn role<'a>(
    iam: &aws_sdk_iam::Client,
    name: &str,
    document_of: impl FnOnce(&Tags) -> Option<&'a str>,
    asked: Vec<String>,
) -> Result<(Option<Role>, Vec<String>), AwsError> {
    let role = iam::role(iam, name, document_of).await?;
    let attached = |arn: &String| role.as_ref().is_some_and(|role| role.attached.contains(arn));
    let unknown = asked.into_iter().filter(|arn| !attached(arn)).map(async |arn| {
        let known = iam::has_policy(iam, &arn).await?;
        Ok((!known).then_some(arn))
    });
    let unknown = futures::future::try_join_all(unknown).await?;
    Ok((role, unknown.into_iter().flatten().collect()))
}

impl Roles {
    /// Whether the node role or the profile says that aws-auth may hold an entry of these generations.
    fn is_in_aws_auth(&self, marks: &BTreeSet<Mark>) -> bool {
        let role = self.node_role.iter().map(|role| &role.tags);
        let mut tags = role.chain(self.instance_profile.iter().map(|profile| &profile.tags));
        tags.any(|tags| ownership::is_in_aws_auth(tags, marks))
    }

    /// Whether any of these marks is on a role or the profile.
    fn is_marked(&self, marks: &BTreeSet<Mark>) -> bool {
        let roles = self.node_role.iter().chain(&self.controller_role).map(|role| &role.tags);
        let mut tags = roles.chain(self.instance_profile.iter().map(|profile| &profile.tags));
        tags.any(|tags| ownership::marks(tags).any(|(mark, _)| marks.contains(&mark)))
    }
}

/// A cluster whose API server is there; one that goes takes its ConfigMap along.
fn is_serving(cluster: &Cluster) -> bool {
    !cluster.endpoint.is_empty() && cluster.status != "DELETING" && cluster.status != "CREATING"
}
