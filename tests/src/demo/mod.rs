//! The whole runbook, shown and checked: a cluster is made ready for Karpenter by a stack, changed, and left as it
//! was.
//!
//! `page` is what it writes on; `stage` the cloud that it plays in; `operation` drives the stack and shows its events
//! and the function's calls; `made`, `access` and `changes` show what came of it, `timeline` where the time went; `background` lets the
//! cloud stay. All that is shown is checked: what
//! is not so ends the demo, with an error that says it.

mod access;
pub(crate) mod background;
mod changes;
mod document;
mod made;
mod operation;
mod page;
mod stage;
mod timeline;

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

use local_cloud::Error;

use self::{
    operation::Operation,
    page::{Style, seconds},
};
pub(crate) use self::{
    page::{Page, colour},
    stage::Stage,
};

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What it wanted to show is not so.
    #[error("not so: {claim}\n{found}")]
    NotSo {
        /// What was to be shown.
        claim: String,
        /// What is so instead.
        found: String,
    },
    /// The local cloud failed.
    #[error("{0:?}")]
    Cloud(#[from] Error),
    /// The user had enough.
    #[error("interrupted; the cloud is gone")]
    Interrupted,
    /// Nobody reads.
    #[error("cannot write to stdout: {0}")]
    Output(io::Error),
}

/// Plays all of it; with `keep`, all but the stack's deletion. Gives the stage, with the cloud that goes when it is
/// dropped.
///
/// # Errors
/// The first thing that is not so, or that failed.
pub(crate) async fn play(page: &mut Page, keep: bool) -> Result<Stage, Failure> {
    let begun = Instant::now();
    page.line("An EKS cluster is made ready for Karpenter by one CloudFormation stack, and left as it was.")?;
    page.note("Real: kube-apiserver, etcd, aws-iam-authenticator, the function. Emulated, with IAM enforced: AWS.")?;

    let mut stage = Box::pin(Stage::set(page)).await?;
    let cloud = begun.elapsed();
    let mut times = acts(page, &mut stage, keep).await.inspect_err(|failure| {
        if matches!(failure, Failure::NotSo { .. } | Failure::Cloud(_)) {
            stage.cloud.keep_logs();
        }
    })?;

    times.insert(0, ("cloud", cloud));
    let times: Vec<_> = times.into_iter().map(|(what, time)| format!("{what} {}", seconds(time))).collect();
    let tick = page.paint(Style::Green, "✓");
    let (claims, all) = (page.claims(), seconds(begun.elapsed()));
    page.gap()?;
    page.line(format_args!("{tick} All {claims} claims hold. {}; all of it {all}.", times.join(", ")))?;
    Ok(stage)
}

/// The acts, by name, and how long the stack took in each.
async fn acts(page: &mut Page, stage: &mut Stage, keep: bool) -> Result<Vec<(&'static str, Duration)>, Failure> {
    let mut times = vec![("create", Box::pin(create(page, stage)).await?)];
    times.push(("update", Box::pin(update(page, stage)).await?));
    times.push(("no-op", Box::pin(revise(page, stage)).await?));
    if !keep {
        times.push(("delete", Box::pin(delete(page, stage)).await?));
    }
    Ok(times)
}

async fn create(page: &mut Page, stage: &Stage) -> Result<Duration, Failure> {
    page.heading("Create the stack from infra/template.yaml")?;
    let operation = Operation::run(page, stage, stage.deployment.create()).await?;
    operation.tell_calls(page)?;
    made::outputs(page, stage).await?;
    timeline::draw(page, stage).await?;

    let world = stage.world().await?;
    page.heading("Roles, instance profile and policies")?;
    made::roles(page, stage, &world)?;
    page.heading("Discovery tags")?;
    made::tags(page, stage, &world)?;
    page.heading("aws-auth")?;
    access::aws_auth(page, stage, &world)?;
    page.heading("Who gets in")?;
    access::node(page, stage).await?;
    access::controller(page, stage).await?;
    Ok(operation.took)
}

async fn update(page: &mut Page, stage: &mut Stage) -> Result<Duration, Failure> {
    page.heading("Update that changes something: Tags {team: platform} and one more policy for the nodes")?;
    stage.deployment.set_tags(&BTreeMap::from([("team", "platform")]))?;
    stage.deployment.set("NodePolicyArns", MORE_POLICY);
    let before = stage.world().await?;
    let operation = Operation::run(page, stage, stage.deployment.update()).await?;
    let after = stage.world().await?;
    operation.tell_calls(page)?;
    operation.tell_writes(page)?;
    changes::show(page, &before, &after)?;
    changes::are(
        page,
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

async fn revise(page: &mut Page, stage: &mut Stage) -> Result<Duration, Failure> {
    page.heading("Update that changes nothing: Revision 2")?;
    stage.deployment.set("Revision", "2");
    let before = stage.world().await?;
    let operation = Operation::run(page, stage, stage.deployment.update()).await?;
    operation.wrote_nothing(page)?;
    changes::none(page, &before, &stage.world().await?, "the account and aws-auth are as before that update")?;
    Ok(operation.took)
}

async fn delete(page: &mut Page, stage: &Stage) -> Result<Duration, Failure> {
    page.heading("Delete the stack")?;
    if let Some(node) = stage.node.get() {
        page.step("the instance ends: while it runs, nothing would be deleted", stage.cluster.end_node(node)).await?;
    }
    let operation = Operation::run(page, stage, stage.deployment.delete()).await?;
    operation.tell_calls(page)?;
    let after = stage.world().await?;
    changes::none(page, &stage.before, &after, "the account and aws-auth are as before the stack, byte for byte")?;
    changes::compared(page, &after)?;
    access::refused(page, stage).await?;
    Ok(operation.took)
}

/// What the nodes get beside the four policies that all get.
const MORE_POLICY: &str = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy";
