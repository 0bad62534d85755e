//! What an event would do, and nothing of it done.
//!
//! The world is read with the caller's own credentials, by the same reads as in a run, and the same plan is made. What a
//! run asks besides is left out: whether CloudFormation still wants it, what Kubernetes allows the function, which node role
//! IAM lets it pass, and what its own bounds are.

use crate::clients::aws::{Caller, Clients};
use crate::error::Error;
use crate::observe::{Aim, Look, World, observe};
use crate::retry::Retries;
use crate::telemetry::calls::Calls;
use aws_config::SdkConfig;
use futures::FutureExt as _;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::{Generation, Mark, Owner};
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::{self, Plan, Refusal};
use karpenter_prereqs_core::request::event::{Operation, RawProperties, Request};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long a call is made again: a person waits.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a service may break or say nothing.
const FAILING: Duration = Duration::from_secs(15);

/// The longest wait between two tries.
const PAUSE: Duration = Duration::from_secs(5);

/// Whoever runs the program.
const PERSON: Caller = Caller { who: "your AWS identity", instead: "take a profile that leads", writes: false };

/// What an event would do.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The id that a success would be answered with.
    pub physical_resource_id: String,
    /// What would be done, in this order.
    pub stages: Vec<Stage>,
    /// Whether it was looked at what goes in the clean-up that follows an Update that replaces the resource.
    pub has_clean_up: bool,
    /// What `Warnings` would say, and, on a Delete, what the log would.
    pub warnings: Vec<String>,
}

/// One plan, and the world that it was made for.
#[derive(Clone, Debug)]
pub struct Stage {
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
    /// The event: what is wanted is made; and, where it takes another look, what that finds.
    Converge,
    /// The event: a generation goes, the Delete's own, or, on an Update that is a rollback, the one that failed.
    Release,
    /// The Delete that CloudFormation sends after an Update that replaces the resource, seen from the world that the Update leaves.
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
) -> Result<(Spec, plan::Converged, Vec<Refusal>, Observed), String> {
    let looking = Looking::new(config, owner, scope);
    let spec = Spec::new(properties, scope).map_err(|errors| Error::Properties(errors).reason())?;
    let spec = Spec { adopts_existing_objects: true, ..own_way(spec) };
    let generation = owner.generation(&spec.identity());
    let observed = looking.observe(&spec, None, &generation, Aim::Converge).boxed_local().await;
    let observed = observed.map_err(|error| error.reason())?.observed;
    let bounds = Bounds::default();
    let aim = plan::Aim { spec: &spec, old: None, owner, generation: &generation, bounds: &bounds };
    let (converged, refusals) = plan::survey(aim, &observed);
    Ok((spec, converged, refusals, observed))
}

impl Preview {
    fn of(physical_resource_id: &str, stages: Vec<Stage>) -> Self {
        let physical_resource_id = physical_resource_id.to_owned();
        Self { physical_resource_id, stages, has_clean_up: false, warnings: Vec::new() }
    }
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
        match &request.operation {
            Operation::Create => {
                let spec = self.spec(&request.properties)?;
                self.converged(&spec, None).await
            }
            Operation::Update { physical_resource_id, old_properties } => {
                let spec = self.spec(&request.properties)?;
                let old = Spec::lenient(old_properties, self.scope).map(own_way);
                let mut preview = self.converged(&spec, old.as_ref()).await?;
                if let Some(old) = &old {
                    let former = self.owner.generation(&old.identity());
                    let (id, new) = (former.physical_resource_id(), &preview.physical_resource_id);
                    let part = if id == physical_resource_id { Part::CleanUp } else { Part::Release };
                    if id != new {
                        preview.has_clean_up = part == Part::CleanUp;
                        let released = self.released(part, old, &[former.mark()].into(), &preview.stages).await;
                        match released {
                            Ok((stage, notes)) => {
                                preview.stages.push(stage);
                                preview.warnings.extend(notes);
                            }
                            // The Update succeeds all the same, and the old generation stays until it can go.
                            Err(refused) if part == Part::CleanUp => {
                                let reason = refused.reason();
                                preview
                                    .warnings
                                    .push(format!("the clean-up that follows the Update would fail: {reason}"));
                            }
                            Err(refused) => return Err(refused),
                        }
                    }
                }
                Ok(preview)
            }
            Operation::Delete { physical_resource_id } => {
                let mut preview = Preview::of(physical_resource_id, Vec::new());
                if let Some(spec) = Spec::lenient(&request.properties, self.scope) {
                    let spec = own_way(spec);
                    let (asked, given) =
                        (self.owner.generation(&spec.identity()), Generation::from_id(physical_resource_id));
                    let marks =
                        [Some(asked), given].into_iter().flatten().map(|generation| generation.mark()).collect();
                    let (stage, notes) = self.released(Part::Release, &spec, &marks, &[]).await?;
                    preview.stages.push(stage);
                    preview.warnings = notes;
                }
                Ok(preview)
            }
        }
    }

    fn spec(&self, properties: &RawProperties) -> Result<Spec, Error> {
        Spec::new(properties, self.scope).map(own_way).map_err(Error::Properties)
    }

    async fn converged(&self, spec: &Spec, old: Option<&Spec>) -> Result<Preview, Error> {
        let generation = self.owner.generation(&spec.identity());
        let observed = self.observe(spec, old, &generation, Aim::Converge).await?.observed;
        let bounds = Bounds::default();
        let aim = plan::Aim { spec, old, owner: self.owner, generation: &generation, bounds: &bounds };
        let converged = plan::converge(aim, &observed).map_err(Error::Refused)?;
        let mut stages = vec![Stage { part: Part::Converge, plan: converged.plan, observed }];
        if converged.is_shared {
            let (plan, observed) = plan::again(aim, &stages[0].observed, &stages[0].plan);
            stages.push(Stage { part: Part::Converge, plan, observed });
        }
        Ok(Preview { warnings: converged.warnings, ..Preview::of(generation.physical_resource_id(), stages) })
    }

    async fn observe(
        &self,
        spec: &Spec,
        old: Option<&Spec>,
        generation: &Generation,
        aim: Aim,
    ) -> Result<World, Error> {
        let marks = [generation.mark()].into();
        observe(&self.clients, Look { spec, old, owner: self.owner, marks: &marks, aim }).await
    }

    /// What goes, once these stages are carried out: what the new generation uses too bears its mark by then.
    async fn released(
        &self,
        part: Part,
        spec: &Spec,
        marks: &BTreeSet<Mark>,
        before: &[Stage],
    ) -> Result<(Stage, Vec<String>), Error> {
        let look = Look { spec, old: None, owner: self.owner, marks, aim: Aim::Release };
        let observed = observe(&self.clients, look).await?.observed;
        let observed = before.iter().fold(observed, |world, stage| plan::simulate(&stage.plan, spec, &world));
        let leaving = plan::Leaving { ours: marks, owner: self.owner, again: false };
        let released = plan::release(spec, leaving, &observed).map_err(Error::Refused)?;
        Ok((Stage { part, plan: released.plan, observed }, released.notes))
    }
}

/// The way to Kubernetes is the caller's own, not the function's.
fn own_way(spec: Spec) -> Spec {
    Spec { kubernetes_role_arn: None, ..spec }
}
