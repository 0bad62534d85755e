//! Carries out a plan along its dependencies. Independent steps run at the same time.

mod aws_auth;
mod ec2;
mod eks;
mod iam;
mod once;

use crate::clients::aws::Clients;
use crate::clients::kubernetes::{Kubernetes, WriteMode};
use crate::error::Error;
use crate::retry::Deadlines;
use crate::telemetry::calls::ms;
use crate::telemetry::event::{LogEvent, StepLine};
use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use karpenter_prereqs_core::documents::config_map::Change;
use karpenter_prereqs_core::identity::ownership::Marker;
use karpenter_prereqs_core::plan::{EditAwsAuth, Plan, Step, StepId};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The most steps that run at the same time. IAM's throttles allow about 20 writes in a burst.
const MAX_PARALLEL_STEPS: usize = 16;

/// The clients and the state that the steps of a plan use.
pub(crate) struct Apply<'a> {
    pub(crate) clients: &'a Clients,
    /// The Kubernetes API. If absent, no step changes aws-auth.
    pub(crate) kubernetes: Option<&'a Kubernetes>,
    pub(crate) deadlines: Deadlines,
    /// The markers of the generations that the plan is for. If a creation finds that its object exists with one of them, the
    /// object is ours: a call whose response was lost created it, or another run of the same event.
    pub(crate) markers: &'a BTreeSet<Marker>,
    pub(crate) progress: &'a Progress,
}

/// The progress of a run. Errors name the work in progress, and an undo depends on what this run has created.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<ProgressState>);

#[derive(Debug, Default)]
struct ProgressState {
    /// The work in progress.
    in_progress: Vec<String>,
    has_begun: bool,
    is_preexisting: bool,
}

impl Progress {
    /// Sets the work in progress. It replaces all earlier work.
    pub(crate) fn set(&self, work: &str) {
        self.lock().in_progress = vec![work.to_owned()];
    }

    /// Returns the work in progress, for error messages.
    pub(crate) fn description(&self) -> String {
        self.lock().in_progress.join(", ")
    }

    /// Records whether the generation existed before this run. An earlier event, or an earlier run of the same event, may have
    /// created it. The first snapshot of a reconciliation decides.
    pub(crate) fn set_preexisting(&self, is_preexisting: bool) {
        self.lock().is_preexisting = is_preexisting;
    }

    /// Returns whether this run created all objects that the generation has now, so that they are deleted if the run fails. A
    /// generation that existed before is kept, because a rollback may return to it.
    pub(crate) fn has_created_generation(&self) -> bool {
        let state = self.lock();
        state.has_begun && !state.is_preexisting
    }

    /// Returns whether a step has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.lock().has_begun
    }

    fn begin(&self, step: &Step) {
        let mut state = self.lock();
        state.has_begun = true;
        state.in_progress.push(step.to_string());
    }

    fn end(&self, step: &Step) {
        let step = step.to_string();
        self.lock().in_progress.retain(|work| *work != step);
    }

    fn lock(&self) -> MutexGuard<'_, ProgressState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Apply<'_> {
    /// Carries out the plan. After a failure no further step begins. Steps in progress are finished, so that nothing changes
    /// after the response is sent.
    ///
    /// # Errors
    /// The first failure.
    pub(crate) async fn run(&self, plan: &Plan) -> Result<(), Error> {
        let steps: Vec<(StepId, &Step, &[StepId])> = plan.steps().collect();
        let mut waiting: Vec<_> = steps.iter().collect();
        let mut done = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        let mut failure = None;
        loop {
            if failure.is_none() {
                waiting.retain(|(id, step, needs)| {
                    let ready = running.len() < MAX_PARALLEL_STEPS && needs.iter().all(|need| done.contains(need));
                    if ready {
                        let is_on_new_object =
                            needs.iter().any(|need| steps.iter().any(|(id, step, _)| id == need && is_creation(step)));
                        running.push(self.run_step(step, is_on_new_object).map(|result| (*id, result)).boxed_local());
                    }
                    !ready
                });
            }
            match running.next().await {
                Some((id, Ok(()))) => {
                    done.insert(id);
                }
                Some((_, Err(error))) => {
                    failure.get_or_insert(error);
                }
                None => return failure.map_or(Ok(()), Err),
            }
        }
    }

    /// Tries the first write of the plan to aws-auth as a dry run. Later writes of the plan have the same verb, and depend on what
    /// the first one has stored.
    ///
    /// # Errors
    /// The API server would refuse the write: RBAC, an admission webhook or policy, a ConfigMap that is immutable or too large. Or
    /// the call failed.
    pub(crate) async fn try_edit_of_aws_auth(&self, plan: &Plan) -> Result<(), Error> {
        match plan.aws_auth_edits().next() {
            Some(edit) => self.edit_aws_auth(&edit.change, WriteMode::DryRun).await,
            None => Ok(()),
        }
    }

    /// Carries out a step on aws-auth.
    async fn carry_out_aws_auth(&self, step: &EditAwsAuth) -> Result<(), Error> {
        self.edit_aws_auth(&step.change, WriteMode::Store).await?;
        // The plan may lack this step, because another writer changed the ConfigMap after the snapshot. If the plan has the step
        // too, it finds nothing to do.
        let is_updated =
            matches!(step.change, Change::RemoveEntry { .. }) && self.kubernetes.is_some_and(Kubernetes::has_snapshot);
        if is_updated { self.edit_aws_auth(&Change::ReleaseFields, WriteMode::Store).await } else { Ok(()) }
    }

    /// Edits aws-auth. Without a connection to the Kubernetes API it does nothing.
    async fn edit_aws_auth(&self, change: &Change, mode: WriteMode) -> Result<(), Error> {
        let Some(kubernetes) = self.kubernetes else { return Ok(()) };
        aws_auth::edit(kubernetes, self.deadlines, self.clients.retries.deadline, change, mode).boxed_local().await
    }

    /// Carries out one step and logs it.
    async fn run_step(&self, step: &Step, is_on_new_object: bool) -> Result<(), Error> {
        let started_at = Instant::now();
        self.progress.begin(step);
        let result = self.dispatch(step, is_on_new_object).await;
        self.progress.end(step);
        let (at_ms, ms) = (self.clients.calls.at_ms(started_at), ms(started_at.elapsed()));
        let line = |error| StepLine { step: step.to_string(), at_ms, ms, error };
        match &result {
            Ok(()) => LogEvent::Done(line(None)),
            Err(error) => LogEvent::Failed(line(Some(error.reason()))),
        }
        .write();
        result
    }

    /// Carries out one step. `is_on_new_object`: the step needs an object that this run created, and that not every copy of the
    /// service has yet.
    async fn dispatch(&self, step: &Step, is_on_new_object: bool) -> Result<(), Error> {
        match step {
            Step::Iam(step) => iam::step(self, step, is_on_new_object).await,
            Step::Ec2(step) => ec2::step(self, step).await,
            Step::Eks(step) => eks::step(self, step, is_on_new_object).await,
            Step::AwsAuth(step) => self.carry_out_aws_auth(step).await,
        }
    }
}

fn is_creation(step: &Step) -> bool {
    matches!(step, Step::Iam(step) if step.is_creation())
}
