//! What a rollback puts back.

use super::target::Target;
use crate::desired::spec::{ControllerIdentity, Spec};
use crate::observed::Observed;

/// The properties that a rollback's own Update carries out, and an Update that is cancelled on its way back: `target.spec`, which
/// stood before, after `target.old`, which failed. Nobody asks for them anew, so that two of them are read in another way:
///
/// - `InterruptionQueueArn` is left out where it is out of the function's bounds by now and the controller's policy does not
///   grant it: so the rollback neither fails for it nor grants anything.
/// - `OidcProvider` is `Create` where the Update that failed did without IRSA: such an Update deletes a provider that a resource
///   like this has made, though `Require` relied on it by then, and nobody else would make it again.
pub fn put_back(target: Target<'_>, observed: &Observed) -> Spec {
    let role = observed.controller_role.as_ref();
    let granted = role.and_then(|role| role.inline_document(&target.spec.controller_policy_name()));
    let mut spec = target.bounds.without_excess(target.spec, granted);
    spec.creates_oidc_provider |= target.old.is_some_and(|failed| !failed.has_identity(ControllerIdentity::Irsa));
    spec
}
