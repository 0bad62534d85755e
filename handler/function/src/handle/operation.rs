//! Create, Update and Delete: which generations are made and which go, and what a failure takes back.

use super::Run;
use crate::apply::Apply;
use crate::aws::cloudformation;
use crate::cluster::Kubernetes;
use crate::error::Error;
use crate::guard::guarded;
use crate::log::millis;
use crate::observe::{Aim, Look, World, observe};
use backon::{ExponentialBuilder, Retryable as _};
use futures::FutureExt as _;
use karpenter_prereqs_core::answer::Attributes;
use karpenter_prereqs_core::event::{Operation, RawProperties, Request};
use karpenter_prereqs_core::overtaken;
use karpenter_prereqs_core::ownership::{Generation, Mark};
use karpenter_prereqs_core::plan::{self, Converged, Plan};
use karpenter_prereqs_core::spec::Spec;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// A request's result: the id, and the attributes of what stands.
type Served = (String, Option<Attributes>);

impl Run<'_> {
    pub(super) async fn serve(&self, request: &Request) -> Result<Served, Error> {
        match &request.operation {
            Operation::Create => self.create(&request.properties).await,
            Operation::Update { physical_resource_id, old_properties } => {
                self.update(&request.properties, physical_resource_id, old_properties).await
            }
            Operation::Delete { physical_resource_id } => self.delete(&request.properties, physical_resource_id).await,
        }
    }

    async fn create(&self, properties: &RawProperties) -> Result<Served, Error> {
        let spec = Spec::new(properties, &self.envelope.scope).map_err(Error::Properties)?;
        let generation = self.generation(&spec);
        let made = guarded(self.progress, self.budget.work, self.converge(&spec, None, &generation)).await?;
        if made.changed
            && let Some(why) = self.overtaken().await
        {
            self.release(&spec, &[generation.mark()].into()).await?;
            return Err(Error::Overtaken { did: "what had been made was taken back", why });
        }
        Ok((generation.physical_resource_id().to_owned(), Some(made.attributes)))
    }

    async fn update(
        &self,
        properties: &RawProperties,
        id: &str,
        old_properties: &RawProperties,
    ) -> Result<Served, Error> {
        let spec = Spec::new(properties, &self.envelope.scope).map_err(Error::Properties)?;
        let old = Spec::lenient(old_properties, &self.envelope.scope);
        let generation = self.generation(&spec);
        let before = old.as_ref().map(|old| (old, self.generation(old)));
        let replacing = generation.physical_resource_id() != id;
        let made = match guarded(self.progress, self.budget.work, self.converge(&spec, old.as_ref(), &generation)).await
        {
            Ok(made) => made,
            // CloudFormation never deletes the id of a replacement that failed.
            Err(failure) if replacing && self.progress.is_own_work() => {
                tracing::warn!(failure = failure.reason(), "the replacement failed: what it made is taken back");
                return Err(
                    match guarded(self.progress, self.budget.undo, self.release(&spec, &[generation.mark()].into()))
                        .await
                    {
                        Ok(()) => failure,
                        Err(source) => Error::NotTakenBack { failure: failure.reason(), source: Box::new(source) },
                    },
                );
            }
            Err(failure) => return Err(failure),
        };
        if made.changed
            && let Some(why) = self.overtaken().await
        {
            if let Some((old, formerly)) = &before {
                self.converge_unasked(old, Some(&spec), formerly).await?;
            }
            if replacing && self.progress.is_own_work() {
                self.release(&spec, &[generation.mark()].into()).await?;
            }
            return Err(Error::Overtaken { did: "the old properties were put back", why });
        }
        // A rollback's Update comes with the old id and properties, and with the properties that failed as old ones:
        // their generation is nobody's any more.
        if let Some((old, formerly)) =
            before.filter(|(_, formerly)| formerly.physical_resource_id() != id && *formerly != generation)
        {
            self.release(old, &[formerly.mark()].into()).await?;
        }
        Ok((generation.physical_resource_id().to_owned(), Some(made.attributes)))
    }

    async fn delete(&self, properties: &RawProperties, id: &str) -> Result<Served, Error> {
        // Without a cluster's name nothing was ever made.
        if let Some(spec) = Spec::lenient(properties, &self.envelope.scope) {
            if let Some(why) = self.overtaken().await {
                return Err(Error::Overtaken { did: "nothing was changed", why });
            }
            let marks = [Some(self.generation(&spec)), Generation::from_id(id)]
                .into_iter()
                .flatten()
                .map(|generation| generation.mark())
                .collect();
            self.release(&spec, &marks).await?;
        }
        Ok((id.to_owned(), None))
    }

    /// Brings the world to what the spec wants, unless CloudFormation no longer wants it.
    async fn converge(&self, spec: &Spec, old: Option<&Spec>, generation: &Generation) -> Result<Made, Error> {
        self.stale()?;
        self.progress.set("reading the cluster, IAM and EC2");
        let marks = [generation.mark()].into();
        let look = Look { spec, old, marks: &marks, aim: Aim::Converge };
        let (world, overtaken) = futures::join!(self.observe(look), self.overtaken());
        if let Some(why) = overtaken {
            return Err(Error::Overtaken { did: "nothing was changed", why });
        }
        let world = world?;
        self.progress.set_stood(world.stands);
        self.make_so(spec, old, generation, &world).await
    }

    /// Brings the world to what the spec wants without asking anybody: to put the old properties back.
    async fn converge_unasked(&self, spec: &Spec, old: Option<&Spec>, generation: &Generation) -> Result<Made, Error> {
        let marks = [generation.mark()].into();
        let world = observe(self.clients, Look { spec, old, marks: &marks, aim: Aim::Converge }).boxed_local().await?;
        self.make_so(spec, old, generation, &world).await
    }

    async fn make_so(
        &self,
        spec: &Spec,
        old: Option<&Spec>,
        generation: &Generation,
        world: &World,
    ) -> Result<Made, Error> {
        let aim = plan::Aim { spec, old, owner: self.owner, generation };
        let converged = plan::converge(aim, &world.observed).map_err(Error::Refused)?;
        for warning in &converged.warnings {
            tracing::warn!(warning, "the user is told");
        }
        self.carry_out(&converged.plan, &[generation.mark()].into(), world.kubernetes.as_ref()).await?;
        Ok(Made::new(spec, world, &converged))
    }

    /// Takes the generations of these marks away.
    async fn release(&self, spec: &Spec, marks: &BTreeSet<Mark>) -> Result<(), Error> {
        self.progress.set("reading what is to go");
        let world = observe(self.clients, Look { spec, old: None, marks, aim: Aim::Release }).boxed_local().await?;
        let released = plan::release(spec, marks, &world.observed).map_err(Error::Refused)?;
        for note in &released.notes {
            tracing::warn!(note, "going too");
        }
        self.carry_out(&released.plan, marks, world.kubernetes.as_ref()).await
    }

    async fn carry_out(
        &self,
        plan: &Plan,
        marks: &BTreeSet<Mark>,
        kubernetes: Option<&Kubernetes>,
    ) -> Result<(), Error> {
        let steps: Vec<_> = plan.steps().map(|(_, step, _)| step.to_string()).collect();
        tracing::info!(steps = plan.len(), plan = ?steps, "plan");
        if let Some(kubernetes) = kubernetes {
            self.progress.set("asking the Kubernetes API what is allowed");
            let reviews = plan.kubernetes_verbs().into_iter().map(|verb| kubernetes.may(verb));
            futures::future::try_join_all(reviews).await.map_err(Error::Cluster)?;
        }
        self.progress.set("carrying out the plan");
        let apply = Apply { clients: self.clients, kubernetes, budget: self.budget, marks, progress: self.progress };
        apply.run(plan).await
    }

    /// Reads the world. Fresh permissions take a while: on a Create, the first calls are tried again when they are
    /// denied, and nothing else is.
    async fn observe(&self, look: Look<'_>) -> Result<World, Error> {
        let patience = if *self.operation == Operation::Create { self.budget.patience } else { Duration::ZERO };
        let begun = Instant::now();
        let backoff = ExponentialBuilder::new()
            .with_min_delay(patience / 60)
            .with_max_delay(patience / 6)
            .without_max_times()
            .with_jitter();
        let observe = || observe(self.clients, look);
        observe
            .retry(backoff)
            .when(|error: &Error| error.is_denied() && begun.elapsed() < patience)
            .notify(|error, after| {
                tracing::info!(
                    error = error.reason(),
                    after_ms = millis(after),
                    "permissions may still be on their way: tried again"
                );
            })
            .await
    }

    /// Why CloudFormation no longer wants this. When it cannot be asked, that is logged, and the event's date decides
    /// alone.
    async fn overtaken(&self) -> Option<String> {
        let shown = cloudformation::shown(&self.clients.cloudformation, self.envelope, self.operation).boxed_local();
        let unknown = match tokio::time::timeout(self.budget.question, shown).await {
            Ok(Ok(shown)) => return overtaken::verdict(self.operation, &shown, self.envelope.response_url.issued_at()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", self.budget.question),
        };
        tracing::warn!(
            error = unknown,
            "CloudFormation cannot be asked whether this is still wanted: the event's date decides"
        );
        None
    }
}

/// What stands after a plan was carried out.
struct Made {
    attributes: Attributes,
    changed: bool,
}

impl Made {
    fn new(spec: &Spec, world: &World, converged: &Converged) -> Self {
        Self { attributes: Attributes::new(spec, &world.observed, converged), changed: !converged.plan.is_empty() }
    }
}
