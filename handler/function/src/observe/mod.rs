//! Takes a snapshot of the account and the cluster. A read waits for another one only if it needs the other's result.
//!
//! | Module | Reads |
//! |---|---|
//! | this one | `DescribeCluster`, `DescribeAccessEntry` |
//! | `discovery` | `ListNodegroups`, `DescribeNodegroup`, `DescribeLaunchTemplateVersions`, `DescribeSubnets`, `DescribeSecurityGroups` |
//! | `roles` | for each role `GetRole`, `ListAttachedRolePolicies`, `ListRolePolicies` and `GetRolePolicy`; `GetInstanceProfile`; `GetPolicy` for managed policies that a role does not have yet |
//! | `oidc_provider` | `GetOpenIDConnectProvider`; for a teardown `ListRoles` |
//! | `pod_identity` | `ListPodIdentityAssociations`, `DescribePodIdentityAssociation`, `DescribeAddon` |
//! | `config_map` | from the Kubernetes API, if nodes join with aws-auth: get `ConfigMap`; in a run, a dry run of the write |
//! | `pass_role` | `SimulatePrincipalPolicy`, for a node role that the stack did not create |
//! | `leftovers` | for a teardown `ListInstanceProfilesForRole`, `GetInstanceProfile`, `DescribeInstances`, `DescribeLaunchTemplates` |
//!
//! A run also queries the stack status at the same time (`lifecycle/still_wanted.rs`).

mod config_map;
mod discovery;
mod leftovers;
mod oidc_provider;
mod pass_role;
mod pod_identity;
mod roles;

use crate::clients::aws::{Clients, eks};
use crate::clients::kubernetes::{self, Kubernetes};
use crate::error::chain::chain;
use crate::error::{Error, KubernetesError};
use config_map::{ObservedConfigMap, PendingCredentials};
use futures::{FutureExt as _, future};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::{Marker, Owner};
use karpenter_prereqs_core::observed::{AccessEntry, AwsAuth, Cluster, Discovery, Observed, PassRoleDecision, Role};
use karpenter_prereqs_core::plan::{self, Plan};
use oidc_provider::ObservedProvider;
use pod_identity::PodIdentity;
use std::collections::BTreeSet;

/// The parameters of a snapshot.
#[derive(Clone, Copy)]
pub(crate) struct SnapshotQuery<'a> {
    /// The properties that name the objects.
    pub(crate) spec: &'a Spec,
    /// The properties in force before: the old properties of an Update, or the properties of the Update that is undone.
    pub(crate) previous: Option<&'a Spec>,
    /// The stack and the resource.
    pub(crate) owner: &'a Owner,
    /// The markers of the generations that are reconciled or torn down.
    pub(crate) markers: &'a BTreeSet<Marker>,
    /// The purpose of the plan.
    pub(crate) purpose: Purpose,
}

/// The purpose of a plan. A teardown reads less of the cluster, and more of what uses the node role.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Reconcile,
    /// The plan is not carried out. It shows what a reconciliation would change, even if the Kubernetes API cannot be used.
    Survey,
    TearDown,
}

/// A snapshot of the account and the cluster.
pub(crate) struct Snapshot {
    pub(crate) observed: Observed,
    /// The connection for the edit of aws-auth; absent if the plan does not depend on aws-auth.
    pub(crate) kubernetes: Option<Kubernetes>,
    /// Why aws-auth was not read, on a survey. The plan then has no step on aws-auth.
    pub(crate) kubernetes_error: Option<KubernetesError>,
    /// Whether a role or the instance profile has a marker of the query.
    pub(crate) has_own_markers: bool,
}

/// Takes a snapshot: reads everything that the plan depends on.
///
/// # Errors
/// A call to AWS failed, or the Kubernetes API could not be used. A teardown does not fail because of the Kubernetes API if no
/// object has a marker of the query, and a survey does not fail because of it at all.
pub(crate) async fn observe(clients: &Clients, query: SnapshotQuery<'_>) -> Result<Snapshot, Error> {
    let mut credentials = kubernetes::credentials(clients, query.spec).boxed_local();
    let cluster = async {
        let cluster = eks::cluster(&clients.eks, &query.spec.cluster_name);
        let reads = future::join(cluster, discovery::node_groups(clients, query));
        let (cluster, node_groups) = config_map::fetch_credentials_during(reads, query.spec, &mut credentials).await;
        // If both calls are denied, the error names the cluster, whichever call ended first.
        let (cluster, node_groups) = (cluster.map_err(Error::Aws)?, node_groups.map_err(Error::Aws)?);
        read_cluster_dependents(clients, query, cluster, &node_groups, &mut credentials).boxed_local().await
    };
    // Boxed, because the future of all parallel calls has 50 KB.
    let (cluster, roles) = (cluster.boxed_local(), roles::read(clients, query).boxed_local());
    let (found, roles) = futures::try_join!(cluster, roles)?;
    let config_map = match &found.cluster {
        // The spec wants no entry, but an entry of these generations may exist.
        Some(cluster) if roles.is_in_aws_auth(query.markers) && is_serving(cluster) => match found.config_map {
            Ok(ObservedConfigMap { aws_auth: AwsAuth::NotRead, .. }) => {
                config_map::read(clients, query, cluster, &mut credentials).boxed_local().await
            }
            read => read,
        },
        _ => found.config_map,
    };
    let mut kubernetes_error = None;
    let ObservedConfigMap { aws_auth, kubernetes } = match config_map {
        Ok(read) => read,
        Err(error) if query.purpose == Purpose::Survey => {
            kubernetes_error = Some(error);
            ObservedConfigMap::not_read()
        }
        // A Create that failed before its first write left no object, and its Delete must not fail for the same reason. The entry
        // is created after the roles have their markers, and removed before the markers. So without a marker no entry exists.
        Err(error) if query.purpose == Purpose::TearDown && !roles.is_marked(query.markers) => {
            tracing::warn!(error = chain(&error), "aws-auth was not read: no object of this resource exists");
            ObservedConfigMap::not_read()
        }
        Err(error) => return Err(Error::Kubernetes(error)),
    };
    let (has_own_markers, has_pod_identity_agent) = (roles.is_marked(query.markers), found.pod_identity.has_agent);
    let controller_role = roles.controller_role.as_ref().filter(|_| found.cluster.as_ref().is_some_and(is_serving));
    let associations = found.pod_identity.with_trusted(clients, query.spec, controller_role).boxed_local().await;
    let associations = associations.map_err(Error::Aws)?;
    let has_issuer = found.cluster.as_ref().is_some_and(|cluster| cluster.issuer.is_some());
    let issuer = if query.purpose == Purpose::TearDown && !has_issuer {
        let role = roles.controller_role.as_ref();
        let read = oidc_provider::read_for_teardown(clients, query, None, role).boxed_local();
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
    if query.purpose != Purpose::TearDown && plan::needs_simulation(query.spec, query.owner, &observed) {
        let (scope, arn) = (&query.spec.scope, query.spec.node_role_arn());
        observed.pass_role = pass_role::decide(clients, scope, &arn).boxed_local().await.map_err(Error::Aws)?;
    }
    // A teardown changes the controller policy only if it exists.
    let policy = query.spec.controller_policy_name();
    let has_policy = |role: &&Role| query.purpose != Purpose::TearDown || role.inline.contains_key(&policy);
    let controller_role = observed.controller_role.as_ref().filter(has_policy);
    let unproven = plan::unproven_node_roles(query.spec, query.markers, controller_role);
    if !unproven.is_empty() {
        let proven = pass_role::proven(clients, &query.spec.scope, unproven).boxed_local().await;
        observed.proven_node_roles = proven.map_err(Error::Aws)?;
    }
    Ok(Snapshot { observed, kubernetes, kubernetes_error, has_own_markers })
}

/// Takes the next snapshot of a teardown that reads only the OIDC provider, the roles that trust it, and the cluster.
///
/// `previous` is the snapshot before, and `done` is the plan that was carried out since.
///
/// # Errors
/// A call failed.
pub(crate) async fn observe_oidc_provider(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    previous: Snapshot,
    done: &Plan,
) -> Result<Snapshot, Error> {
    let mut observed = previous.observed.oidc_provider_alone();
    if let Some(found) = observed.oidc_provider {
        let cluster = eks::cluster(&clients.eks, &query.spec.cluster_name);
        let provider = oidc_provider::read_by_arn(clients, query, &found.arn);
        let (cluster, issuer) = futures::try_join!(cluster, provider).map_err(Error::Aws)?;
        observed.cluster = cluster;
        observed.oidc_provider = issuer.provider;
        observed.roles_that_trust_issuer = issuer.trusting_roles;
        // IAM's list of roles still has roles that were deleted a short time ago.
        observed.roles_that_trust_issuer.retain(|role| !done.deletes_role(role));
    }
    Ok(Snapshot { observed, kubernetes: None, kubernetes_error: None, has_own_markers: previous.has_own_markers })
}

/// The results of the reads that depend on the cluster.
struct ClusterDependents {
    cluster: Option<Cluster>,
    oidc_provider: ObservedProvider,
    discovery: Discovery,
    /// A result, because whether an error matters depends on the markers of the roles.
    config_map: Result<ObservedConfigMap, KubernetesError>,
    access_entry: Option<AccessEntry>,
    pod_identity: PodIdentity,
}

/// Makes the reads that depend on the cluster: the OIDC provider, the access entry, aws-auth, the subnets and security groups,
/// and Pod Identity.
async fn read_cluster_dependents(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    cluster: Option<Cluster>,
    node_groups: &[String],
    credentials: &mut PendingCredentials<'_>,
) -> Result<ClusterDependents, Error> {
    let serving = cluster.as_ref().filter(|cluster| is_serving(cluster));
    let provider = async {
        let read = match query.purpose {
            Purpose::Reconcile | Purpose::Survey => {
                oidc_provider::read_for_reconcile(clients, query, serving).boxed_local().await
            }
            // Without a cluster, `observe` reads the provider that the controller role trusts.
            Purpose::TearDown => {
                oidc_provider::read_for_teardown(clients, query, cluster.as_ref(), None).boxed_local().await
            }
        };
        read.map_err(Error::Aws)
    };
    let entry = async {
        match serving.filter(|cluster| cluster.authentication_mode.has_access_entries()) {
            Some(_) => eks::access_entry(&clients.eks, &query.spec.cluster_name, &query.spec.node_role_arn())
                .await
                .map_err(Error::Aws),
            None => Ok(None),
        }
    };
    let config_map = async { Ok(config_map::read_if_wanted(clients, query, serving, credentials).await) };
    let discovery = async { discovery::discover(clients, query, serving, node_groups).await.map_err(Error::Aws) };
    let pod_identity = async {
        match serving {
            Some(_) => pod_identity::read(clients, query).await.map_err(Error::Aws),
            None => Ok(PodIdentity::default()),
        }
    };
    let (oidc_provider, access_entry, config_map, discovery, pod_identity) =
        futures::try_join!(provider, entry, config_map, discovery, pod_identity.boxed_local())?;
    Ok(ClusterDependents { cluster, oidc_provider, discovery, config_map, access_entry, pod_identity })
}

/// Returns whether the cluster's API server can be used. A cluster that is being deleted needs no teardown of aws-auth, because
/// EKS deletes the ConfigMap with the cluster.
fn is_serving(cluster: &Cluster) -> bool {
    !cluster.endpoint.is_empty() && cluster.status != "DELETING" && cluster.status != "CREATING"
}
