//! What there is of Pod Identity.

use super::{Look, Purpose};
use crate::clients::aws::{Clients, eks};
use crate::error::AwsError;
use karpenter_prereqs_core::desired::spec::{ControllerIdentity, Spec};
use karpenter_prereqs_core::documents::policy::trust;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::observed::{PodIdentityAssociation, Role};
use std::collections::{BTreeMap, BTreeSet};

/// The add-on that gives pods the credentials of their associations.
const AGENT: &str = "eks-pod-identity-agent";

#[derive(Default)]
pub(super) struct PodIdentity {
    associations: BTreeMap<ServiceAccount, PodIdentityAssociation>,
    /// The service accounts that were asked for.
    asked: BTreeSet<ServiceAccount>,
    /// Whether the cluster has the add-on; `false` where nobody wants to know.
    pub(super) has_agent: bool,
}

/// Reads the associations of the service accounts that the properties name, and whether there is an agent.
pub(super) async fn read(clients: &Clients, look: Look<'_>) -> Result<PodIdentity, AwsError> {
    let (eks, spec) = (&clients.eks, look.spec);
    let asked: BTreeSet<_> = look.old.into_iter().chain([spec]).map(Spec::controller_account).collect();
    let agent = async {
        let wanted = look.purpose == Purpose::Reconcile && spec.has_identity(ControllerIdentity::PodIdentity);
        Ok(wanted && eks::has_addon(eks, &spec.cluster_name, AGENT).await?)
    };
    let (associations, has_agent) = futures::try_join!(associations(clients, spec, asked.clone()), agent)?;
    Ok(PodIdentity { associations, asked, has_agent })
}

impl PodIdentity {
    /// The associations, with those of the service accounts that the controller role trusts: what an Update that was cut
    /// off has left.
    pub(super) async fn with_trusted(
        self,
        clients: &Clients,
        spec: &Spec,
        controller_role: Option<&Role>,
    ) -> Result<BTreeMap<ServiceAccount, PodIdentityAssociation>, AwsError> {
        let cluster_arn = spec.scope.cluster_arn(&spec.cluster_name);
        let trusted =
            controller_role.map(|role| trust::trusted_service_accounts(&role.trust, &cluster_arn)).unwrap_or_default();
        let further = trusted.difference(&self.asked).cloned().collect();
        let mut all = associations(clients, spec, further).await?;
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
