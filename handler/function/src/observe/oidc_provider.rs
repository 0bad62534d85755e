//! IAM's OIDC provider for the cluster's issuer, and who trusts it.

use super::Look;
use crate::clients::aws::{Clients, iam};
use crate::error::AwsError;
use karpenter_prereqs_core::desired::spec::ControllerIdentity;
use karpenter_prereqs_core::documents::policy::trust;
use karpenter_prereqs_core::identity::aws_names::issuer_without_scheme;
use karpenter_prereqs_core::identity::ownership::{OWNER_KEY, Tags, has_foreign_marker};
use karpenter_prereqs_core::observed::{Cluster, OidcProvider, Role};
use std::collections::BTreeSet;

/// The provider of an issuer.
#[derive(Default)]
pub(super) struct ObservedProvider {
    /// Absent when IAM does not have it.
    pub(super) provider: Option<OidcProvider>,
    /// The names of the roles that trust it. They are read only where the provider may be deleted.
    pub(super) trusting_roles: BTreeSet<String>,
}

/// What is to be there: the provider of the cluster's issuer; and, where it is relied on no more and so may go, who else
/// trusts it.
pub(super) async fn of_cluster(
    clients: &Clients,
    look: Look<'_>,
    cluster: Option<&Cluster>,
) -> Result<ObservedProvider, AwsError> {
    let Some(issuer) = cluster.and_then(|cluster| cluster.issuer.as_deref()) else {
        return Ok(ObservedProvider::default());
    };
    let arn = look.spec.scope.oidc_provider_arn(issuer_without_scheme(issuer));
    if look.spec.has_identity(ControllerIdentity::Irsa) {
        let provider = iam::oidc_provider(&clients.iam, &arn).await?;
        Ok(ObservedProvider { provider, ..ObservedProvider::default() })
    } else {
        of_arn(clients, look, &arn).await
    }
}

/// What is to go: the provider that the controller role trusts, the cluster's, which may have gone; and who else trusts it,
/// where no other resource like this relies on it. The roles of an account are many pages: they are read for no less.
pub(super) async fn of_release(
    clients: &Clients,
    look: Look<'_>,
    cluster: Option<&Cluster>,
    controller_role: Option<&Role>,
) -> Result<ObservedProvider, AwsError> {
    let of_cluster = cluster.and_then(|cluster| cluster.issuer.as_deref()).map(issuer_without_scheme);
    let of_cluster = of_cluster.map(|issuer| look.spec.scope.oidc_provider_arn(issuer));
    let trusted = controller_role.and_then(|role| trust::trusted_provider(&role.trust));
    match of_cluster.or(trusted) {
        Some(arn) => of_arn(clients, look, &arn).await,
        None => Ok(ObservedProvider::default()),
    }
}

/// The provider of that ARN; and, where it may go, who trusts it.
pub(super) async fn of_arn(clients: &Clients, look: Look<'_>, arn: &str) -> Result<ObservedProvider, AwsError> {
    let provider = iam::oidc_provider(&clients.iam, arn).await?;
    let trusting_roles = roles_that_trust(clients, look, provider.as_ref()).await?;
    Ok(ObservedProvider { provider, trusting_roles })
}

/// The roles whose trust names the provider, where it goes with us: a resource like this made it, and no other relies on it.
async fn roles_that_trust(
    clients: &Clients,
    look: Look<'_>,
    provider: Option<&OidcProvider>,
) -> Result<BTreeSet<String>, AwsError> {
    let goes_with_us = |tags: &Tags| tags.contains_key(OWNER_KEY) && !has_foreign_marker(tags, look.markers);
    match provider.filter(|found| goes_with_us(&found.tags)) {
        Some(found) => iam::roles_that_trust(&clients.iam, &found.arn).await,
        None => Ok(BTreeSet::new()),
    }
}
