//! Whether IAM lets the function pass the node role, asked by a simulation of its role's policies.

use super::Look;
use crate::aws::{Clients, iam};
use crate::error::AwsError;
use crate::log::millis;
use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use backon::{ExponentialBuilder, Retryable as _};
use karpenter_prereqs_core::names::{Scope, role_name_of_arn};
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

/// Of these node roles, which other generations' markers name, those that may be granted: this stack created them, or IAM lets the
/// function pass them. One that cannot be read is none: its own generation's next run grants it.
pub(super) async fn proven(clients: &Clients, look: Look<'_>, unproven: BTreeSet<String>) -> BTreeSet<String> {
    let checks = unproven.into_iter().map(async |arn| match is_proven(clients, look, &arn).await {
        Ok(is_proven) => is_proven.then_some(arn),
        Err(error) => {
            tracing::warn!(%error, arn, "the node role of another generation is not granted: it cannot be checked");
            None
        }
    });
    futures::future::join_all(checks).await.into_iter().flatten().collect()
}

async fn is_proven(clients: &Clients, look: Look<'_>, arn: &str) -> Result<bool, AwsError> {
    let scope = &look.spec.scope;
    let role = iam::role(&clients.iam, role_name_of_arn(arn), |_| None).await?;
    match role.filter(|role| scope.role_arn(&role.path, &role.name) == arn) {
        None => Ok(false),
        Some(role) if look.owner.is_same_stack(&role.tags) => Ok(true),
        Some(_) => {
            let decision = decide(clients, scope, arn).await?;
            Ok(matches!(decision, PassRoleDecision::Allowed | PassRoleDecision::Unknown))
        }
    }
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
    match decided {
        Ok(Decision::Allowed) => Ok(PassRoleDecision::Allowed),
        Ok(Decision::ExplicitDeny) => Ok(PassRoleDecision::Denied(PassRoleDenial::Explicit)),
        Ok(_) | Err(Undecided::NotAllowedYet) => Ok(PassRoleDecision::Denied(PassRoleDenial::Implicit)),
        Err(Undecided::Failed(error)) => Err(error),
    }
}
