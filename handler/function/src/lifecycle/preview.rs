//! What an event would do, and nothing of it done.
//!
//! The world is read with the caller's own credentials, by the same reads as in a run, and the same plan is made. What a
//! run asks besides is left out: whether CloudFormation still wants it, what Kubernetes allows the function, which node role
//! IAM lets it pass, and what its own bounds are.

use super::reconcile::snapshot;
use crate::clients::aws::{Caller, Clients};
use crate::error::Error;
use crate::observe::{Look, Purpose, observe};
use crate::retry::Retries;
use crate::telemetry::calls::Calls;
use aws_config::SdkConfig;
use futures::FutureExt as _;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::Owner;
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::lifecycle::{Lifecycle, Reconciliation, Removal, Stage};
use karpenter_prereqs_core::plan::{self, Plan, Problem, Warning};
use karpenter_prereqs_core::request::event::{RawProperties, Request};
use std::time::Duration;
use tokio::time::Instant;

/// How long a call is made again: a person waits.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a service may break or say nothing.
const FAILING: Duration = Duration::from_secs(15);

/// The longest wait between two tries.
const PAUSE: Duration = Duration::from_secs(5);

/// Whoever runs the program.
const PERSON: Caller = Caller { who: "your AWS identity", instead: "use a profile that leads", writes: false };

/// What an event would do.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// The id that a success would be answered with.
    pub physical_resource_id: String,
    /// What would be done, in this order.
    pub stages: Vec<PlannedStage>,
    /// Whether it was looked at what goes in the clean-up that follows an Update that replaces the resource.
    pub has_clean_up: bool,
    /// What `Warnings` would say, and, on a Delete, what the log would.
    pub warnings: Vec<Warning>,
}

/// One plan, and the world that it was made for.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    /// What it is part of.
    pub part: Part,
    /// The steps.
    pub plan: Plan,
    /// The world.
    pub observed: Observed,
}

/// What a plan is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The event: a generation is reconciled. Where a second snapshot follows, its plan is another stage.
    Reconcile,
    /// The event: a generation is torn down, the Delete's own, or, in a rollback, the one that failed.
    TearDown,
    /// The Delete that CloudFormation sends after an Update that replaces the resource, in the account as the Update leaves it.
    CleanUp,
}

/// Reads the world and plans what the request would do there. `config` has the caller's credentials, and the scope's
/// region.
///
/// # Errors
/// What the answer's Reason would say: bad properties, what stands in the way, or what could not be read.
pub async fn preview(config: &SdkConfig, request: &Request, owner: &Owner, scope: &Scope) -> Result<Preview, String> {
    let looking = Looking::new(config, owner, scope);
    looking.at(request).boxed_local().await.map_err(|error| error.reason())
}

/// Reads the world, and gives what is missing of what these properties want, what stands in the way, and the world.
/// Objects of the wanted names are looked at whoever made them.
///
/// # Errors
/// Bad properties, or what could not be read.
pub async fn survey(
    config: &SdkConfig,
    properties: &RawProperties,
    owner: &Owner,
    scope: &Scope,
) -> Result<(Spec, plan::ReconcilePlan, Vec<Problem>, Observed), String> {
    let looking = Looking::new(config, owner, scope);
    let spec = Spec::new(properties, scope).map_err(|errors| Error::Properties(errors).reason())?;
    let spec = Spec { adopts_existing_objects: true, ..own_way(spec) };
    let generation = owner.generation(&spec.identity());
    let bounds = Bounds::default();
    let target = plan::Target { spec: &spec, old: None, owner, generation: &generation, bounds: &bounds };
    let observed = snapshot(&looking.clients, target).await.map_err(|error| error.reason())?.observed;
    let (converged, problems) = plan::reconcile_with_problems(target, &observed);
    Ok((spec, converged, problems, observed))
}

/// Who looks, and for whom.
struct Looking<'a> {
    clients: Clients,
    owner: &'a Owner,
    scope: &'a Scope,
}

impl<'a> Looking<'a> {
    fn new(config: &SdkConfig, owner: &'a Owner, scope: &'a Scope) -> Self {
        let retries = Retries { deadline: Instant::now() + PATIENCE, settle_time: FAILING, max_backoff: PAUSE };
        let clients = Clients { caller: PERSON, ..Clients::new(config, retries, &Calls::new()) };
        Self { clients, owner, scope }
    }

    async fn at(&self, request: &Request) -> Result<Preview, Error> {
        let lifecycle = Lifecycle::of(request, self.owner, self.scope).map_err(Error::Properties)?;
        let mut preview = Preview { physical_resource_id: lifecycle.physical_resource_id, ..Preview::default() };
        for stage in &lifecycle.stages {
            match stage {
                Stage::Reconcile(stage) => self.reconcile(stage, &mut preview).await?,
                Stage::TearDown(stage) => self.tear_down(Part::TearDown, stage, &mut preview).await?,
                Stage::CleanUp(stage) => {
                    preview.has_clean_up = true;
                    // The Update succeeds all the same, and the old generation stays until it can be torn down.
                    if let Err(failure) = self.tear_down(Part::CleanUp, stage, &mut preview).await {
                        let reason = failure.reason();
                        preview.warnings.push(Warning::CleanUpFails { reason });
                    }
                }
            }
        }
        Ok(preview)
    }

    async fn reconcile(&self, stage: &Reconciliation, preview: &mut Preview) -> Result<(), Error> {
        let (spec, old) = (own_way(stage.spec.clone()), stage.old.clone().map(own_way));
        let generation = &stage.generation;
        let bounds = Bounds::default();
        let target = plan::Target { spec: &spec, old: old.as_ref(), owner: self.owner, generation, bounds: &bounds };
        let observed = snapshot(&self.clients, target).await?.observed;
        let converged = plan::reconcile(target, &observed).map_err(Error::Problems)?;
        let again = converged.is_shared.then(|| plan::second_pass(target, &observed, &converged.plan));
        preview.stages.push(PlannedStage { part: Part::Reconcile, plan: converged.plan, observed });
        preview.stages.extend(again.map(|(plan, observed)| PlannedStage { part: Part::Reconcile, plan, observed }));
        preview.warnings.extend(converged.warnings);
        Ok(())
    }

    /// Plans a teardown in the account as it is after the stages before: objects that the new generation uses too have its marker by
    /// then.
    async fn tear_down(&self, part: Part, stage: &Removal, preview: &mut Preview) -> Result<(), Error> {
        let (spec, markers) = (own_way(stage.spec.clone()), &stage.markers);
        let look = Look { spec: &spec, old: None, owner: self.owner, markers, purpose: Purpose::TearDown };
        let observed = observe(&self.clients, look).await?.observed;
        let observed = preview.stages.iter().fold(observed, |world, stage| plan::simulate(&stage.plan, &spec, &world));
        let departing = plan::Departing { markers, owner: self.owner, is_recheck: false };
        let released = plan::tear_down(&spec, departing, &observed).map_err(Error::Problems)?;
        preview.stages.push(PlannedStage { part, plan: released.plan, observed });
        preview.warnings.extend(released.warnings);
        Ok(())
    }
}

/// The way to Kubernetes is the caller's own, not the function's.
fn own_way(spec: Spec) -> Spec {
    Spec { kubernetes_role_arn: None, ..spec }
}
