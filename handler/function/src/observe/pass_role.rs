//! Whether IAM lets the function pass the node role, asked by a simulation of its role's policies.

use crate::clients::aws::{Clients, iam};
use crate::error::AwsError;
use crate::telemetry::event::log_retry;
use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use backon::Retryable as _;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::observed::{PassRoleDecision, PassRoleDenial};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Why there is no decision yet that is final.
enum Undecided {
    /// IAM sees no statement that allows it, which may be on its way: a template changes the policies of the function's role
    /// seconds before it runs.
    NotAllowedYet,
    /// The call failed.
    Failed(AwsError),
}

/// Returns those of these node roles, which other generations' markers name, that IAM lets the function pass. IAM is asked once
/// for each: a permission that is late is for that generation's own run to wait for. Where IAM may not be asked, none is.
pub(super) async fn proven(
    clients: &Clients,
    scope: &Scope,
    arns: BTreeSet<String>,
) -> Result<BTreeSet<String>, AwsError> {
    let Some(principal) = clients.execution_role_arn.as_deref().filter(|_| clients.caller.writes) else {
        // A preview does not know the function's role.
        return Ok(if clients.caller.writes { BTreeSet::new() } else { arns });
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

/// Simulates `iam:PassRole` on a node role, to EC2, for the function's role. An `implicitDeny` is asked again for a tenth of
/// the run's time, at most half a minute; an `explicitDeny` is final at once.
pub(super) async fn decide(clients: &Clients, scope: &Scope, role_arn: &str) -> Result<PassRoleDecision, AwsError> {
    if !clients.caller.writes {
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
    let (retries, begun) = (clients.retries, Instant::now());
    let decided = simulate
        .retry(retries.simulation())
        .when(|why| matches!(why, Undecided::NotAllowedYet) && begun.elapsed() < retries.simulation_time())
        .notify(|_, after| log_retry("iam:PassRole is not allowed yet", None, after))
        .await;
    match decided {
        Ok(Decision::Allowed) => Ok(PassRoleDecision::Allowed),
        Ok(Decision::ExplicitDeny) => Ok(PassRoleDecision::Denied(PassRoleDenial::Explicit)),
        Ok(_) | Err(Undecided::NotAllowedYet) => Ok(PassRoleDecision::Denied(PassRoleDenial::Implicit)),
        Err(Undecided::Failed(error)) => Err(error),
    }
}
