//! Whether IAM lets the function pass a node role, found by a simulation of the policies of the execution role.

use crate::clients::aws::{Clients, iam};
use crate::error::AwsError;
use crate::telemetry::event::log_retry;
use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use backon::Retryable as _;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::observed::{PassRoleDecision, PassRoleDenial};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Why there is no final decision.
enum Undecided {
    /// No statement allows it yet. One may be on its way, because a template changes the policies of the execution role seconds
    /// before the function runs.
    NotAllowedYet,
    /// The call failed.
    Failed(AwsError),
}

/// Returns those of these node roles that IAM lets the function pass. The markers of other generations name these roles.
///
/// Each is simulated once: a permission that arrives later is for the run of that generation to wait for. If the simulation is
/// denied, the node role is left out. A preview does not know the execution role, and returns all of them.
///
/// # Errors
/// A call failed, other than a denied simulation.
pub(super) async fn proven(
    clients: &Clients,
    scope: &Scope,
    arns: BTreeSet<String>,
) -> Result<BTreeSet<String>, AwsError> {
    let Some(principal) = clients.execution_role_arn.as_deref().filter(|_| clients.caller.applies_plan) else {
        return Ok(if clients.caller.applies_plan { BTreeSet::new() } else { arns });
    };
    let ec2 = scope.partition.ec2_principal();
    let checks =
        arns.into_iter().map(async |arn| match iam::simulate_pass_role(&clients.iam, principal, &arn, &ec2).await {
            Ok(decision) => Ok((decision == Decision::Allowed).then_some(arn)),
            Err(error) if error.is_denied() => {
                tracing::warn!(%error, arn, "the controller policy does not pass the node role of another generation");
                Ok(None)
            }
            Err(error) => Err(error),
        });
    Ok(futures::future::try_join_all(checks).await?.into_iter().flatten().collect())
}

/// Simulates `iam:PassRole` on a node role, to EC2, for the execution role. `implicitDeny` is retried for half of the settle
/// time, which is at most 30 seconds. `explicitDeny` is final at once. A preview does not know the execution role, and simulates
/// nothing.
///
/// # Errors
/// A call failed.
pub(super) async fn decide(clients: &Clients, scope: &Scope, role_arn: &str) -> Result<PassRoleDecision, AwsError> {
    if !clients.caller.applies_plan {
        return Ok(PassRoleDecision::Unknown);
    }
    let Some(principal) = &clients.execution_role_arn else {
        return Ok(PassRoleDecision::Denied(PassRoleDenial::UnknownRole));
    };
    let ec2 = scope.partition.ec2_principal();
    let simulate = || async {
        match iam::simulate_pass_role(&clients.iam, principal, role_arn, &ec2).await {
            Ok(Decision::ImplicitDeny) => Err(Undecided::NotAllowedYet),
            decided => decided.map_err(Undecided::Failed),
        }
    };
    let (retries, started_at) = (clients.retries, Instant::now());
    let decided = simulate
        .retry(retries.simulation())
        .when(|why| matches!(why, Undecided::NotAllowedYet) && started_at.elapsed() < retries.simulation_time())
        .notify(|_, after| log_retry("iam:PassRole is not allowed yet", None, after))
        .await;
    match decided {
        Ok(Decision::Allowed) => Ok(PassRoleDecision::Allowed),
        Ok(Decision::ExplicitDeny) => Ok(PassRoleDecision::Denied(PassRoleDenial::Explicit)),
        Ok(_) | Err(Undecided::NotAllowedYet) => Ok(PassRoleDecision::Denied(PassRoleDenial::Implicit)),
        Err(Undecided::Failed(error)) => Err(error),
    }
}
