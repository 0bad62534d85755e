//! The state of IRSA and Pod Identity in the snapshot, for the planners of the controller role, the association and the OIDC
//! provider. Nothing here plans a step.

use crate::desired::spec::ControllerIdentity;
use crate::documents::policy::trust::{self, AUDIENCE};
use crate::identity::aws_names::issuer_without_scheme;
use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::Tags;
use crate::observed::PodIdentityAssociation;
use crate::plan::context::{Context, Draft};
use crate::plan::problem::Problem;

/// The OIDC issuer of the cluster, if the properties ask for IRSA.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Issuer<'a> {
    /// The properties do not ask for IRSA.
    NotWanted,
    /// The URL of the issuer.
    Known(&'a str),
    /// The cluster has no issuer, which is a problem.
    Missing,
}

impl<'a> Issuer<'a> {
    /// Returns the URL, if the properties ask for IRSA and the cluster has an issuer.
    pub(crate) fn url(self) -> Option<&'a str> {
        match self {
            Self::Known(url) => Some(url),
            Self::NotWanted | Self::Missing => None,
        }
    }
}

/// Returns the issuer, and reports a problem for each object that IRSA needs and that is missing. The caller continues to plan,
/// so that all problems are found at once.
pub(crate) fn issuer<'a>(context: Context<'a>, draft: &mut Draft) -> Issuer<'a> {
    let Context { spec, observed, .. } = context;
    if !spec.has_controller_identity(ControllerIdentity::Irsa) {
        return Issuer::NotWanted;
    }
    let cluster = spec.cluster_name.clone();
    let Some(url) = observed.cluster.as_ref().and_then(|cluster| cluster.issuer.as_deref()) else {
        draft.report(Problem::NoIssuer { cluster });
        return Issuer::Missing;
    };
    draft.report(match &observed.oidc_provider {
        None if spec.creates_oidc_provider => None,
        None => Some(Problem::NoOidcProvider { cluster, issuer: url.to_owned() }),
        Some(provider) if provider.client_ids.iter().any(|id| id == AUDIENCE) => None,
        Some(provider) => Some(Problem::NoAudience { provider: provider.arn.clone() }),
    });
    Issuer::Known(url)
}

/// Returns the associations that have this generation's marker and are no longer desired. They belong to other service accounts,
/// or the properties ask for IRSA alone.
pub(crate) fn stale_associations(
    context: Context<'_>,
) -> impl Iterator<Item = (&ServiceAccount, &PodIdentityAssociation)> {
    let wanted = context
        .spec
        .has_controller_identity(ControllerIdentity::PodIdentity)
        .then(|| context.spec.controller_account());
    let torn_down = context.torn_down();
    let is_ours = move |tags: &Tags| !torn_down.keys(tags).is_empty();
    context
        .observed
        .associations
        .iter()
        .filter(move |(account, found)| wanted.as_ref() != Some(account) && is_ours(&found.tags))
}

/// Returns the cluster's issuer if the controller role must still trust it, although the properties ask for Pod Identity alone.
/// Until the association exists, the running controller uses IRSA.
pub(crate) fn previous_issuer(context: Context<'_>) -> Option<&str> {
    let Context { spec, observed, .. } = context;
    let issuer = observed.cluster.as_ref()?.issuer.as_deref()?;
    let role = observed.controller_role.as_ref()?;
    let wants_pod_identity_alone = !spec.has_controller_identity(ControllerIdentity::Irsa)
        && spec.has_controller_identity(ControllerIdentity::PodIdentity);
    let provider_arn = spec.scope.oidc_provider_arn(issuer_without_scheme(issuer));
    let trusts_issuer = trust::trusts_provider(&role.trust, &provider_arn);
    let association = observed.associations.get(&spec.controller_account());
    let has_association = association.is_some_and(|found| found.role_arn == spec.controller_role_arn());
    (wants_pod_identity_alone && trusts_issuer && !has_association).then_some(issuer)
}
