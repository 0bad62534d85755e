//! Runs a plan along its needs, side by side where it may.

mod aws_auth;
mod eks;
mod iam;
mod once;
mod tags;

use crate::clients::aws::Clients;
use crate::clients::kubernetes::Kubernetes;
use crate::error::Error;
use crate::retry::Deadlines;
use crate::telemetry::calls::ms;
use crate::telemetry::event::{LogEvent, StepLine};
use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use karpenter_prereqs_core::identity::ownership::Marker;
use karpenter_prereqs_core::plan::{Plan, Step, StepId};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many steps run at once: IAM's throttles allow some twenty writes in a burst.
const AT_ONCE: usize = 16;

/// What a run of steps works with.
pub(crate) struct Apply<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) kubernetes: Option<&'a Kubernetes>,
    pub(crate) deadlines: Deadlines,
    /// The markers of the generation that the plan is for: an object that is there already and carries one is ours, made
    /// by a call whose answer was lost, or by another run of the same event.
    pub(crate) markers: &'a BTreeSet<Marker>,
    pub(crate) progress: &'a Progress,
}

/// What is going on, for the message when time runs out; and what a failure may take back.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Going>);

#[derive(Debug, Default)]
struct Going {
    on: Vec<String>,
    begun: bool,
    stood: bool,
}

impl Progress {
    /// One thing is going on, instead of all before.
    pub(crate) fn set(&self, what: &str) {
        self.lock().on = vec![what.to_owned()];
    }

    /// What is going on, in words.
    pub(crate) fn shown(&self) -> String {
        self.lock().on.join(", ")
    }

    /// The generation that the run is for stood before it: by an earlier event, or an earlier run of this one.
    pub(crate) fn set_stood(&self, stood: bool) {
        self.lock().stood = stood;
    }

    /// Whether what stands of the generation by now is this run's own work, and goes again when it fails. One that
    /// stood before may be the very one that a rollback goes back to.
    pub(crate) fn is_own_work(&self) -> bool {
        let going = self.lock();
        going.begun && !going.stood
    }

    /// Whether any step was begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.lock().begun
    }

    fn begin(&self, step: &Step) {
        let mut going = self.lock();
        going.begun = true;
        going.on.push(step.to_string());
    }

    fn end(&self, step: &Step) {
        let step = step.to_string();
        self.lock().on.retain(|on| *on != step);
    }

    fn lock(&self) -> MutexGuard<'_, Going> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Apply<'_> {
    /// Carries the plan out. After a failure no step is begun; those under way are waited for, so that nothing
    /// happens behind the answer's back.
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
                    let ready = running.len() < AT_ONCE && needs.iter().all(|need| done.contains(need));
                    if ready {
                        let fresh =
                            needs.iter().any(|need| steps.iter().any(|(id, step, _)| id == need && is_creation(step)));
                        running.push(self.timed(step, fresh).map(|result| (*id, result)).boxed_local());
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

    async fn timed(&self, step: &Step, fresh: bool) -> Result<(), Error> {
        let begun = Instant::now();
        self.progress.begin(step);
        let result = self.step(step, fresh).await;
        self.progress.end(step);
        let (at_ms, ms) = (self.clients.calls.at_ms(begun), ms(begun.elapsed()));
        let line = |error| StepLine { step: step.to_string(), at_ms, ms, error };
        match &result {
            Ok(()) => LogEvent::Done(line(None)),
            Err(error) => LogEvent::Failed(line(Some(error.reason()))),
        }
        .write();
        result
    }

    /// One step. `fresh`: it is about an object that this very run made, which may not be everywhere yet.
    async fn step(&self, step: &Step, fresh: bool) -> Result<(), Error> {
        match step {
            Step::Iam(step) => iam::step(self, step, fresh).await,
            Step::Ec2(step) => tags::step(self, step).await,
            Step::Eks(step) => eks::step(self, step, fresh).await,
            Step::AwsAuth(step) => aws_auth::edit(self, &step.change).await,
        }
    }
}

fn is_creation(step: &Step) -> bool {
    matches!(step, Step::Iam(step) if step.is_creation())
}
