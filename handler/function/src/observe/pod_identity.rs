//! Pod Identity: the associations, and the add-on that serves them.

use super::{Purpose, SnapshotQuery};
use crate::clients::aws::{Clients, eks};
use crate::error::AwsError;
use karpenter_prereqs_core::desired::spec::{ControllerIdentity, Spec};
use karpenter_prereqs_core::documents::policy::trust;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::observed::{PodIdentityAssociation, Role};
use std::collections::{BTreeMap, BTreeSet};

/// The add-on that gives pods the credentials of their associations.
const AGENT_ADDON: &str = "eks-pod-identity-agent";

/// The objects of Pod Identity, as they were read.
#[derive(Default)]
pub(super) struct PodIdentity {
    associations: BTreeMap<ServiceAccount, PodIdentityAssociation>,
    /// The service accounts whose associations were read.
    queried: BTreeSet<ServiceAccount>,
    /// Whether the cluster has the add-on; `false` if the properties do not need it.
    pub(super) has_agent: bool,
}

/// Reads the associations of the service accounts of the new and the previous properties, and whether the cluster has the
/// add-on.
///
/// # Errors
/// A call failed.
pub(super) async fn read(clients: &Clients, query: SnapshotQuery<'_>) -> Result<PodIdentity, AwsError> {
    let (eks, spec) = (&clients.eks, query.spec);
    let accounts: BTreeSet<_> = query.previous.into_iter().chain([spec]).map(Spec::controller_account).collect();
    let agent = async {
        let needs_agent =
            query.purpose != Purpose::TearDown && spec.has_controller_identity(ControllerIdentity::PodIdentity);
        Ok(needs_agent && eks::has_addon(eks, &spec.cluster_name, AGENT_ADDON).await?)
    };
    let (associations, has_agent) = futures::try_join!(associations(clients, spec, accounts.clone()), agent)?;
    Ok(PodIdentity { associations, queried: accounts, has_agent })
}

impl PodIdentity {
    /// Reads the associations of the service accounts that the controller role trusts, and adds those read before. An Update that
    /// was killed may have left an association whose service account only the role's trust policy still names.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn with_trusted(
        self,
        clients: &Clients,
        spec: &Spec,
        controller_role: Option<&Role>,
    ) -> Result<BTreeMap<ServiceAccount, PodIdentityAssociation>, AwsError> {
        let cluster_arn = spec.scope.cluster_arn(&spec.cluster_name);
        let trusted =
            controller_role.map(|role| trust::trusted_service_accounts(&role.trust, &cluster_arn)).unwrap_or_default();
        let not_queried = trusted.difference(&self.queried).cloned().collect();
        let mut all = associations(clients, spec, not_queried).await?;
        all.extend(self.associations);
        Ok(all)
    }
}

async fn associations(
    clients: &Clients,
    spec: &Spec,
    accounts: BTreeSet<ServiceAccount>,
) -> Result<BTreeMap<ServiceAccount, PodIdentityAssociation>, AwsError> {
    let found = accounts.into_iter().map(async |account| {
        let found = eks::pod_identity_association(&clients.eks, &spec.cluster_name, &account).await?;
        Ok(found.map(|found| (account, found)))
    });
    let found = futures::future::try_join_all(found).await?;
    Ok(found.into_iter().flatten().collect())
}
