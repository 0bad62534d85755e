//! What the controller's ways to its role ask of the cluster: read-only questions, for the role, the association and the provider.

use crate::desired::spec::ControllerIdentity;
use crate::documents::policy::trust::{self, AUDIENCE};
use crate::identity::aws_names::issuer_without_scheme;
use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::Tags;
use crate::observed::PodIdentityAssociation;
use crate::plan::context::{Context, Draft};
use crate::plan::problem::Problem;

/// The cluster's OIDC issuer, as far as IRSA is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Issuer<'a> {
    /// IRSA is not wanted.
    NotWanted,
    /// Its URL.
    Known(&'a str),
    /// The cluster has none. A problem says so.
    Missing,
}

impl<'a> Issuer<'a> {
    /// The URL, if it is wanted and known.
    pub(crate) fn url(self) -> Option<&'a str> {
        match self {
            Self::Known(url) => Some(url),
            Self::NotWanted | Self::Missing => None,
        }
    }
}

/// Returns the issuer, and refuses what IRSA needs and does not find. The rest is planned all the same, so that all problems are
/// found at once.
pub(crate) fn issuer<'a>(context: Context<'a>, draft: &mut Draft) -> Issuer<'a> {
    let Context { spec, observed, .. } = context;
    if !spec.has_identity(ControllerIdentity::Irsa) {
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

/// The associations of ours that are not wanted any more: of other service accounts, or of this one where IRSA alone is
/// wanted.
pub(crate) fn stale_associations(
    context: Context<'_>,
) -> impl Iterator<Item = (&ServiceAccount, &PodIdentityAssociation)> {
    let wanted = context.spec.has_identity(ControllerIdentity::PodIdentity).then(|| context.spec.controller_account());
    let departing = context.departing();
    let is_ours = move |tags: &Tags| !departing.keys(tags).is_empty();
    context
        .observed
        .associations
        .iter()
        .filter(move |(account, found)| wanted.as_ref() != Some(account) && is_ours(&found.tags))
}

/// The cluster's issuer where the controller role trusts it still, and is to trust Pod Identity alone, whose association is
/// yet to be made: until then a controller that runs comes by its role in the former way.
pub(crate) fn previous_issuer(context: Context<'_>) -> Option<&str> {
    let Context { spec, observed, .. } = context;
    let issuer = observed.cluster.as_ref()?.issuer.as_deref()?;
    let role = observed.controller_role.as_ref()?;
    let is_left = !spec.has_identity(ControllerIdentity::Irsa) && spec.has_identity(ControllerIdentity::PodIdentity);
    let provider_arn = spec.scope.oidc_provider_arn(issuer_without_scheme(issuer));
    let is_its = trust::trusts_provider(&role.trust, &provider_arn);
    let association = observed.associations.get(&spec.controller_account());
    let stands = association.is_some_and(|found| found.role_arn == spec.controller_role_arn());
    (is_left && is_its && !stands).then_some(issuer)
}
