//! The trust policy of the controller role.

use crate::desired::spec::{ControllerIdentity, Spec};
use crate::documents::policy::trust::{self, ControllerTrust, Irsa};
use crate::identity::kubernetes::ServiceAccount;
use serde_json::Value;

/// Returns the trust policy for the identities that the properties ask for.
///
/// `issuer` is the OIDC issuer that the role trusts, if any. `stale_accounts` are the service accounts whose associations still
/// exist and will be deleted.
pub(super) fn controller_trust<'a>(
    spec: &Spec,
    issuer: Option<&str>,
    stale_accounts: impl IntoIterator<Item = &'a ServiceAccount>,
) -> Value {
    let account = spec.controller_account();
    let wanted = spec.has_controller_identity(ControllerIdentity::PodIdentity).then_some(&account);
    let stale_accounts: Vec<&ServiceAccount> = stale_accounts.into_iter().collect();
    trust::controller(&ControllerTrust {
        scope: &spec.scope,
        cluster_name: &spec.cluster_name,
        irsa: issuer.map(|issuer| Irsa { issuer, account: &account }),
        pod_identity: wanted.into_iter().chain(stale_accounts).collect(),
    })
}
