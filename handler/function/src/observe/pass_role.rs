//! Whether IAM lets the function pass the node role, asked by a simulation of its role's policies.

use crate::aws::{Clients, iam};
use crate::error::AwsError;
use crate::log::millis;
use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use backon::{ExponentialBuilder, Retryable as _};
use karpenter_prereqs_core::observed::PassRoleDecision;
use karpenter_prereqs_core::spec::Spec;
use tokio::time::Instant;

/// Why there is no decision yet that is final.
enum Undecided {
    /// IAM sees no statement that allows it, which may be on its way: a template changes the policies of the function's role
    /// seconds before it runs.
    NotAllowedYet,
    /// The call failed.
    Failed(AwsError),
}

/// Simulates `iam:PassRole` on the node role, to EC2, for the function's role. An `implicitDeny` is asked again for a tenth of
/// the run's time, at most half a minute; an `explicitDeny` is final at once.
pub(super) async fn decide(clients: &Clients, spec: &Spec) -> Result<PassRoleDecision, AwsError> {
    if !clients.caller.writes {
        return Ok(PassRoleDecision::Unknown);
    }
    let Some(principal) = &clients.execution_role_arn else {
        let why = "the function's environment has no EXECUTION_ROLE_ARN to ask IAM with".to_owned();
        return Ok(PassRoleDecision::Denied { why });
    };
    let (role_arn, ec2) = (spec.node_role_arn(), spec.scope.partition.ec2_principal());
    let simulate = || async {
        match iam::simulate_pass_role(&clients.iam, principal, &role_arn, &ec2).await {
            Ok(Decision::ImplicitDeny) => Err(Undecided::NotAllowedYet),
            decided => decided.map_err(Undecided::Failed),
        }
    };
    let (patience, begun) = (clients.retries.failing / 2, Instant::now());
    let backoff = ExponentialBuilder::new()
        .with_min_delay(patience / 60)
        .with_max_delay(patience / 6)
        .without_max_times()
        .with_jitter();
    let decided = simulate
        .retry(backoff)
        .when(|why| matches!(why, Undecided::NotAllowedYet) && begun.elapsed() < patience)
        .notify(|_, after| tracing::info!(after_ms = millis(after), "iam:PassRole is not allowed yet: simulated again"))
        .await;
    let decision = match decided {
        Ok(Decision::Allowed) => return Ok(PassRoleDecision::Allowed),
        Ok(other) => other,
        Err(Undecided::NotAllowedYet) => Decision::ImplicitDeny,
        Err(Undecided::Failed(error)) => return Err(error),
    };
    Ok(PassRoleDecision::Denied { why: format!("iam:SimulatePrincipalPolicy decided {decision}") })
}
