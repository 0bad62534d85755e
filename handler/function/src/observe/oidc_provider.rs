//! The OIDC provider in IAM for the issuer of the cluster, and the roles that trust it.

use super::SnapshotQuery;
use crate::clients::aws::{Clients, iam};
use crate::error::AwsError;
use karpenter_prereqs_core::desired::spec::ControllerIdentity;
use karpenter_prereqs_core::documents::policy::trust;
use karpenter_prereqs_core::identity::aws_names::issuer_without_scheme;
use karpenter_prereqs_core::identity::ownership::{OWNER_KEY, Tags, has_foreign_marker};
use karpenter_prereqs_core::observed::{Cluster, OidcProvider, Role};
use std::collections::BTreeSet;

/// The OIDC provider of an issuer.
#[derive(Default)]
pub(super) struct ObservedProvider {
    /// The provider; absent if IAM does not have it.
    pub(super) provider: Option<OidcProvider>,
    /// The names of the roles that trust the provider. They are read only if the provider may be deleted.
    pub(super) trusting_roles: BTreeSet<String>,
}

/// Reads the provider for a reconciliation: that of the cluster's issuer. If the spec does not use IRSA, the provider may be
/// deleted, so the roles that trust it are read too.
///
/// # Errors
/// A call failed.
pub(super) async fn read_for_reconcile(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    cluster: Option<&Cluster>,
) -> Result<ObservedProvider, AwsError> {
    let Some(issuer) = cluster.and_then(|cluster| cluster.issuer.as_deref()) else {
        return Ok(ObservedProvider::default());
    };
    let arn = query.spec.scope.oidc_provider_arn(issuer_without_scheme(issuer));
    if query.spec.has_controller_identity(ControllerIdentity::Irsa) {
        let provider = iam::oidc_provider(&clients.iam, &arn).await?;
        Ok(ObservedProvider { provider, ..ObservedProvider::default() })
    } else {
        read_by_arn(clients, query, &arn).await
    }
}

/// Reads the provider for a teardown: that of the cluster's issuer, or the one that `controller_role` trusts if the cluster does
/// not exist any more. Reads the roles that trust it only if the provider may be deleted, because the roles of an account are
/// many pages.
///
/// # Errors
/// A call failed.
pub(super) async fn read_for_teardown(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    cluster: Option<&Cluster>,
    controller_role: Option<&Role>,
) -> Result<ObservedProvider, AwsError> {
    let issuer = cluster.and_then(|cluster| cluster.issuer.as_deref()).map(issuer_without_scheme);
    let cluster_provider = issuer.map(|issuer| query.spec.scope.oidc_provider_arn(issuer));
    let trusted_provider = controller_role.and_then(|role| trust::trusted_provider(&role.trust));
    match cluster_provider.or(trusted_provider) {
        Some(arn) => read_by_arn(clients, query, &arn).await,
        None => Ok(ObservedProvider::default()),
    }
}

/// Reads the provider with this ARN and, if the provider may be deleted, the roles that trust it.
///
/// # Errors
/// A call failed.
pub(super) async fn read_by_arn(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    arn: &str,
) -> Result<ObservedProvider, AwsError> {
    let provider = iam::oidc_provider(&clients.iam, arn).await?;
    let trusting_roles = roles_that_trust(clients, query, provider.as_ref()).await?;
    Ok(ObservedProvider { provider, trusting_roles })
}

/// Reads the roles whose trust policy names the provider. Empty if the provider is kept anyway: it has no owner tag, or another
/// generation uses it.
async fn roles_that_trust(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    provider: Option<&OidcProvider>,
) -> Result<BTreeSet<String>, AwsError> {
    let may_be_deleted = |tags: &Tags| tags.contains_key(OWNER_KEY) && !has_foreign_marker(tags, query.markers);
    match provider.filter(|found| may_be_deleted(&found.tags)) {
        Some(found) => iam::roles_that_trust(&clients.iam, &found.arn).await,
        None => Ok(BTreeSet::new()),
    }
}
