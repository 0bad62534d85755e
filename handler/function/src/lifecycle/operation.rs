//! Create, Update and Delete: which generations are made and which go, and what a failure takes back.

use super::Run;
use super::guard::guarded;
use super::still_wanted::Cause;
use crate::apply::Apply;
use crate::clients::aws::Clients;
use crate::clients::kubernetes::Kubernetes;
use crate::error::Error;
use crate::observe::{Aim, Look, World, observe, observe_oidc_provider};
use crate::retry::is_permission_pending;
use crate::telemetry::log::millis;
use backon::{BackoffBuilder as _, Retryable as _};
use futures::FutureExt as _;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::{Generation, Mark};
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::{self, Plan, Shared};
use karpenter_prereqs_core::request::event::{Operation, RawProperties, Request};
use karpenter_prereqs_core::response::Attributes;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How often the world is looked at again after writes to what others write too. One look finds what they did
/// meanwhile, and nearly always nothing.
const LOOKS_AGAIN: usize = 3;

/// How long a look stands for the world while something else is waited for.
const LOOK_FRESH: Duration = Duration::from_secs(5);

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
        let made = guarded(self.progress, self.deadlines.work, self.converge(&spec, None, &generation)).await;
        let why = match &made {
            Err(Error::Withdrawn { why }) => Some(why.clone()),
            _ => self.withdrawn_since().await,
        };
        // The Delete that comes with a cancellation does not wait for the Create, nor for another delivery of it: what
        // either made after that one looked is for this run to take back.
        if let Some(why) = why {
            let gone = self.release(&spec, &[generation.mark()].into()).await?;
            let has_changed = gone || self.progress.has_begun();
            return Err(if has_changed {
                Error::Overtaken { did: "what had been made was taken back", why }
            } else {
                Error::Withdrawn { why }
            });
        }
        Ok((generation.physical_resource_id().to_owned(), Some(made?)))
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
        let made = guarded(self.progress, self.deadlines.work, self.converge(&spec, old.as_ref(), &generation)).await;
        let undone = async {
            if let Some(why) = self.withdrawn_since().await {
                let put_back = match &before {
                    Some((old, formerly)) => self.converge_unasked(old, Some(&spec), formerly).await.map(drop),
                    None => Ok(()),
                };
                // Whatever came of that: CloudFormation never deletes the id of an Update that it does not want.
                if replacing && self.progress.is_own_work() {
                    self.release(&spec, &[generation.mark()].into()).await?;
                }
                return put_back.map(|()| Some(why));
            }
            // CloudFormation never deletes the id of a replacement that failed.
            if let Err(failure) = &made
                && replacing
                && self.progress.is_own_work()
            {
                tracing::warn!(failure = failure.reason(), "the replacement failed: what it made is taken back");
                self.release(&spec, &[generation.mark()].into()).await?;
            }
            Ok(None)
        };
        // Under a guard of its own, so that the answer tells what there was no time to take back.
        let made = match (guarded(self.progress, self.deadlines.undo, undone).await, made) {
            (Ok(Some(why)), _) => return Err(Error::Overtaken { did: "the old properties were put back", why }),
            (Ok(None), made) => made?,
            (Err(source), Err(failure)) if replacing && self.progress.is_own_work() => {
                return Err(Error::NotTakenBack { failure: failure.reason(), source: Box::new(source) });
            }
            (Err(source), _) => return Err(source),
        };
        // A rollback's Update comes with the old id and properties, and with the properties that failed as old ones:
        // their generation is nobody's any more.
        if let Some((old, formerly)) =
            before.filter(|(_, formerly)| formerly.physical_resource_id() != id && *formerly != generation)
        {
            self.release(old, &[formerly.mark()].into()).await?;
        }
        Ok((generation.physical_resource_id().to_owned(), Some(made)))
    }

    async fn delete(&self, properties: &RawProperties, id: &str) -> Result<Served, Error> {
        // Without a cluster's name nothing was ever made.
        if let Some(spec) = Spec::lenient(properties, &self.envelope.scope) {
            let (asked, given) = (self.generation(&spec), Generation::from_id(id));
            // An id that CloudFormation made up, for a Create that was cancelled, names what the properties do: that
            // may stand by now, under its own id.
            let named = given.as_ref().unwrap_or(&asked).physical_resource_id().to_owned();
            let named = Operation::Delete { physical_resource_id: named };
            let marks = [Some(asked), given].into_iter().flatten().map(|generation| generation.mark()).collect();
            let wanted = async { self.still_wanted(&named).await.map(drop) };
            self.release_if(&spec, &marks, wanted).await?;
        }
        Ok((id.to_owned(), None))
    }

    /// Brings the world to what the spec wants, unless CloudFormation no longer wants it.
    async fn converge(&self, spec: &Spec, old: Option<&Spec>, generation: &Generation) -> Result<Attributes, Error> {
        self.stale()?;
        self.progress.set("reading the cluster, IAM and EC2");
        let marks = [generation.mark()].into();
        let look = Look { spec, old, owner: self.owner, marks: &marks, aim: Aim::Converge };
        let (world, wanted) = futures::join!(self.observe(look), self.still_wanted(self.operation));
        let is_rollback = wanted? == Cause::Rollback;
        let world = world?;
        self.progress.set_stood(world.stands);
        let aim = plan::Aim { spec, old, owner: self.owner, generation, bounds: self.bounds };
        if is_rollback {
            self.put_back(self.clients, aim, &world).await
        } else {
            self.make_so(self.clients, aim, &world).await
        }
    }

    /// Puts properties back that nobody asks for anew, as [`plan::put_back`] reads them.
    async fn put_back(&self, clients: &Clients, aim: plan::Aim<'_>, world: &World) -> Result<Attributes, Error> {
        let spec = plan::put_back(aim, &world.observed);
        if spec.interruption_queue_arn != aim.spec.interruption_queue_arn {
            tracing::warn!(
                queue = aim.spec.interruption_queue_arn,
                "left out: it is out of the function's bounds by now"
            );
        }
        let unbounded = Bounds::default();
        self.make_so(clients, plan::Aim { spec: &spec, bounds: &unbounded, ..aim }, world).await
    }

    /// Brings the world to what the spec wants without asking anybody: to put the old properties back.
    async fn converge_unasked(
        &self,
        spec: &Spec,
        old: Option<&Spec>,
        generation: &Generation,
    ) -> Result<Attributes, Error> {
        let clients = self.clients_to_undo();
        let aim = plan::Aim { spec, old, owner: self.owner, generation, bounds: self.bounds };
        let world = look_again(&clients, aim).await?;
        self.put_back(&clients, aim, &world).await
    }

    /// Brings the world to what the spec wants. Two resources that tag at the same moment both remove their tag, and both
    /// fail with [`Error::LostRace`]. So each waits for a random time, and plans again from a new look: the first writes its
    /// tag, and the second finds it there.
    async fn make_so(&self, clients: &Clients, aim: plan::Aim<'_>, world: &World) -> Result<Attributes, Error> {
        let mut waits = self.deadlines.lost_race().build();
        let mut made = self.make_so_once(clients, aim, world).await;
        while let Err(Error::LostRace { .. }) = made
            && let Some(wait) = waits.next()
        {
            tracing::info!(after_ms = millis(wait), "another resource tagged at the same moment: planned again");
            tokio::time::sleep(wait).await;
            let world = look_again(clients, aim).await?;
            match self.make_so_once(clients, aim, &world).await {
                // The other's tag: the race was lost for good.
                Err(Error::Refused(_)) => break,
                again => made = again,
            }
        }
        made
    }

    async fn make_so_once(&self, clients: &Clients, aim: plan::Aim<'_>, world: &World) -> Result<Attributes, Error> {
        let marks = [aim.generation.mark()].into();
        let mut converged = plan::converge(aim, &world.observed).map_err(Error::Refused)?;
        for warning in &converged.warnings {
            tracing::warn!(warning, "the user is told");
        }
        self.carry_out(clients, &converged.plan, &marks, world.kubernetes.as_ref()).await?;
        let attributes = Attributes::new(aim.spec, &world.observed, &converged);
        for _ in 0..LOOKS_AGAIN {
            if !converged.is_shared {
                break;
            }
            let world = look_again(clients, aim).await?;
            converged = plan::converge(aim, &world.observed).map_err(Error::Refused)?;
            self.carry_out(clients, &converged.plan, &marks, world.kubernetes.as_ref()).await?;
        }
        Ok(attributes)
    }

    /// Takes the generations of these marks away; gives whether there was anything to take.
    async fn release(&self, spec: &Spec, marks: &BTreeSet<Mark>) -> Result<bool, Error> {
        self.release_if(spec, marks, async { Ok(()) }).await
    }

    /// The same, if it is wanted: that is asked beside the first look, and has the first say.
    async fn release_if(
        &self,
        spec: &Spec,
        marks: &BTreeSet<Mark>,
        wanted: impl Future<Output = Result<(), Error>>,
    ) -> Result<bool, Error> {
        self.progress.set("reading what is to go");
        let clients = self.clients_to_undo();
        let look = Look { spec, old: None, owner: self.owner, marks, aim: Aim::Release };
        let mut leaving = plan::Leaving { ours: marks, owner: self.owner, again: false };
        let looked = async { (observe(&clients, look).await, Instant::now()) };
        let ((world, looked_at), wanted) = futures::join!(looked.boxed_local(), wanted.boxed_local());
        wanted?;
        // While CloudFormation's word was waited for, others may have come to rely on what was seen.
        let is_fresh = looked_at.elapsed() <= LOOK_FRESH;
        let mut world = if is_fresh { world? } else { observe(&clients, look).boxed_local().await? };
        let mut gone = false;
        for looks in 0..=LOOKS_AGAIN {
            let released = plan::release(spec, leaving, &world.observed).map_err(Error::Refused)?;
            for note in &released.notes {
                tracing::warn!(note, "going too");
            }
            self.carry_out(&clients, &released.plan, marks, world.kubernetes.as_ref()).await?;
            gone |= !released.plan.is_empty();
            if looks == LOOKS_AGAIN {
                break;
            }
            world = match released.shared {
                Shared::Nothing => break,
                Shared::OidcProvider => {
                    observe_oidc_provider(&clients, look, world, &released.plan).boxed_local().await?
                }
                Shared::More => observe(&clients, look).boxed_local().await?,
            };
            leaving.again = true;
        }
        Ok(gone)
    }

    /// For a Delete, and for what takes back or goes back after the time for work.
    fn clients_to_undo(&self) -> Clients {
        self.clients.with(self.deadlines.retries(self.deadlines.undo))
    }

    async fn carry_out(
        &self,
        clients: &Clients,
        plan: &Plan,
        marks: &BTreeSet<Mark>,
        kubernetes: Option<&Kubernetes>,
    ) -> Result<(), Error> {
        let steps: Vec<_> = plan.steps().map(|(_, step, _)| step.to_string()).collect();
        tracing::info!(steps = plan.len(), plan = ?steps, "plan");
        if let Some(kubernetes) = kubernetes {
            self.progress.set("asking the Kubernetes API what is allowed");
            let reviews = plan.kubernetes_verbs().into_iter().map(|verb| kubernetes.may(verb));
            futures::future::try_join_all(reviews).await.map_err(Error::Kubernetes)?;
        }
        self.progress.set("carrying out the plan");
        let apply = Apply { clients, kubernetes, deadlines: self.deadlines, marks, progress: self.progress };
        apply.run(plan).await
    }

    /// Reads the world. Fresh permissions take a while: on a Create, the first calls are tried again when they are
    /// denied, and nothing else is.
    async fn observe(&self, look: Look<'_>) -> Result<World, Error> {
        let settle_time =
            if *self.operation == Operation::Create { self.deadlines.settle_time } else { Duration::ZERO };
        let begun = Instant::now();
        let observe = || observe(self.clients, look);
        observe
            .retry(self.deadlines.permissions())
            .when(|error: &Error| is_permission_pending(error) && begun.elapsed() < settle_time)
            .notify(|error, after| {
                tracing::info!(
                    error = error.reason(),
                    after_ms = millis(after),
                    "permissions may still be on their way: tried again"
                );
            })
            .await
    }
}

/// Reads the world for a generation that is reconciled, after the run's first look.
async fn look_again(clients: &Clients, aim: plan::Aim<'_>) -> Result<World, Error> {
    let marks = [aim.generation.mark()].into();
    let look = Look { spec: aim.spec, old: aim.old, owner: aim.owner, marks: &marks, aim: Aim::Converge };
    observe(clients, look).boxed_local().await
}
