//! Shows and checks the whole runbook: a stack prepares a cluster for Karpenter, is updated and deleted, and the cluster is
//! as before.
//!
//! | Module | Content |
//! |---|---|
//! | `reporter` | Prints the output, and checks what it prints |
//! | `environment` | The cloud and the stack |
//! | `operation` | Runs an operation, and shows the stack's events and the function's calls |
//! | `created`, `access`, `changes` | Show the results |
//! | `timeline` | Shows where the time went |
//! | `background` | Keeps the cloud running |
//! | `next_steps` | Shows what to try in it |
//!
//! Everything that the demo shows is checked. The demo ends with an error at the first check that fails.

mod access;
pub(crate) mod background;
mod changes;
mod created;
mod document;
mod environment;
mod next_steps;
mod operation;
mod reporter;
mod timeline;

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

use local_cloud::Error;

pub(crate) use self::{
    environment::Environment,
    reporter::{Reporter, colour},
};
use self::{
    operation::Operation,
    reporter::{Style, seconds},
};

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A check failed.
    #[error("check failed: {check}\n{found}")]
    CheckFailed {
        /// The expectation.
        check: String,
        /// The actual state.
        found: String,
    },
    /// The local cloud failed.
    #[error("{0:?}")]
    Cloud(#[from] Error),
    /// The user interrupted the demo.
    #[error("interrupted: the cloud was stopped")]
    Interrupted,
    /// The output could not be written.
    #[error("cannot write to stdout: {0}")]
    Output(io::Error),
}

/// Runs the demo. With `keep`, it does not delete the stack. Returns the environment with the cloud, which ends when it is
/// dropped.
///
/// # Errors
/// The first failure.
pub(crate) async fn run(reporter: &mut Reporter, keep: bool) -> Result<Environment, Failure> {
    let begun = Instant::now();
    reporter
        .line("One CloudFormation stack prepares an EKS cluster for Karpenter. Its deletion restores the cluster.")?;
    reporter.dim_line(
        "Real: kube-apiserver, etcd, aws-iam-authenticator, the function. Emulated, with IAM enforced: AWS.",
    )?;

    let mut environment = Box::pin(Environment::start(reporter)).await?;
    let cloud = begun.elapsed();
    let mut times = run_sections(reporter, &mut environment, keep).await.inspect_err(|failure| {
        if matches!(failure, Failure::CheckFailed { .. } | Failure::Cloud(_)) {
            environment.cloud.keep_logs();
        }
    })?;

    times.insert(0, ("cloud", cloud));
    let times: Vec<_> = times.into_iter().map(|(what, time)| format!("{what} {}", seconds(time))).collect();
    let tick = reporter.paint(Style::Green, "✓");
    let (checks, total) = (reporter.checks(), seconds(begun.elapsed()));
    reporter.blank_line()?;
    reporter.line(format_args!("{tick} All {checks} checks passed. Times: {}, total {total}.", times.join(", ")))?;
    Ok(environment)
}

/// Runs the sections. Returns their names, and how long the stack operation of each took.
async fn run_sections(
    reporter: &mut Reporter,
    environment: &mut Environment,
    keep: bool,
) -> Result<Vec<(&'static str, Duration)>, Failure> {
    let mut times = vec![("create", Box::pin(create(reporter, environment)).await?)];
    times.push(("update", Box::pin(update(reporter, environment)).await?));
    times.push(("no-op", Box::pin(no_op_update(reporter, environment)).await?));
    if !keep {
        times.push(("delete", Box::pin(delete(reporter, environment)).await?));
    }
    Ok(times)
}

async fn create(reporter: &mut Reporter, environment: &Environment) -> Result<Duration, Failure> {
    reporter.heading("Create the stack from infra/template.yaml")?;
    let operation = Operation::run(reporter, environment, environment.deployment.create()).await?;
    operation.print_calls(reporter)?;
    created::outputs(reporter, environment).await?;
    timeline::draw(reporter, environment).await?;

    let world = environment.world().await?;
    reporter.heading("Roles, instance profile and policies")?;
    created::roles(reporter, environment, &world)?;
    reporter.heading("Discovery tags")?;
    created::tags(reporter, environment, &world)?;
    reporter.heading("aws-auth")?;
    access::aws_auth(reporter, environment, &world)?;
    reporter.heading("Access")?;
    access::node(reporter, environment).await?;
    access::controller(reporter, environment).await?;
    Ok(operation.took)
}

async fn update(reporter: &mut Reporter, environment: &mut Environment) -> Result<Duration, Failure> {
    reporter.heading("Update with changes: Tags {team: platform}, and one more policy for the nodes")?;
    environment.deployment.set_tags(&BTreeMap::from([("team", "platform")]))?;
    environment.deployment.set("NodePolicyArns", MORE_POLICY);
    let before = environment.world().await?;
    let operation = Operation::run(reporter, environment, environment.deployment.update()).await?;
    let after = environment.world().await?;
    operation.print_calls(reporter)?;
    operation.print_writes(reporter)?;
    changes::print(reporter, &before, &after)?;
    changes::check(
        reporter,
        &before,
        &after,
        &[
            ("instance-profile/KarpenterNodeInstanceProfile-demo", &["+team: platform"]),
            ("role/KarpenterControllerRole-demo", &["+team: platform"]),
            ("role/KarpenterNodeRole-demo", &[&format!("+- {MORE_POLICY}"), "+team: platform"]),
        ],
    )?;
    Ok(operation.took)
}

async fn no_op_update(reporter: &mut Reporter, environment: &mut Environment) -> Result<Duration, Failure> {
    reporter.heading("Update without changes: Revision 2")?;
    environment.deployment.set("Revision", "2");
    let before = environment.world().await?;
    let operation = Operation::run(reporter, environment, environment.deployment.update()).await?;
    operation.check_no_writes(reporter)?;
    changes::check_unchanged(reporter, &before, &environment.world().await?, "the account and aws-auth are unchanged")?;
    Ok(operation.took)
}

async fn delete(reporter: &mut Reporter, environment: &Environment) -> Result<Duration, Failure> {
    reporter.heading("Delete the stack")?;
    environment.end_node(reporter).await?;
    let operation = Operation::run(reporter, environment, environment.deployment.delete()).await?;
    operation.print_calls(reporter)?;
    let after = environment.world().await?;
    changes::check_unchanged(
        reporter,
        &environment.before,
        &after,
        "the account and aws-auth equal those before the stack, byte by byte",
    )?;
    changes::print_totals(reporter, &after)?;
    access::node_is_rejected(reporter, environment).await?;
    Ok(operation.took)
}

/// A policy of the nodes in addition to the four that all nodes get.
const MORE_POLICY: &str = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy";
