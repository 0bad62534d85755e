//! The properties that a rollback or a cancelled Update restores.

use super::target::Target;
use crate::desired::spec::{ControllerIdentity, Spec};
use crate::observed::Observed;

/// Returns the properties to restore after an Update that failed or was cancelled. `target.spec` is the state before that Update,
/// and `target.previous` is the state that the Update asked for. The user does not ask for the restored state again, so two
/// properties differ:
///
/// - `InterruptionQueueArn` is left out if it is out of the function's bounds and the controller's policy does not grant access
///   to the queue. So the rollback neither fails nor grants anything.
/// - `OidcProvider` is `Create` if the Update did not use IRSA. Such an Update deletes a provider that a resource of this kind
///   created, even if the properties before it had `Require`. No other resource would create it again.
pub fn properties_to_restore(target: Target<'_>, observed: &Observed) -> Spec {
    let role = observed.controller_role.as_ref();
    let granted = role.and_then(|role| role.inline_document(&target.spec.controller_policy_name()));
    let mut spec = target.bounds.without_excess(target.spec, granted);
    spec.creates_oidc_provider |=
        target.previous.is_some_and(|failed| !failed.has_controller_identity(ControllerIdentity::Irsa));
    spec
}
