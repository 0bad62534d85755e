//! Delivers the events of an operation in each [`DeliveryMode`].

use std::{pin::pin, time::Duration};

use futures::{FutureExt as _, StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use local_cloud::{
    Error,
    cloudformation::{Delivered, Delivery, Request, Stack},
    gateway::When,
    scenario::CrashPoint,
    world::World,
};

use super::{
    super::{
        judge::{PREFIX, Violation},
        op::{DeliveryMode, Overlap},
        scoped_rules::ScopedRules,
    },
    Run,
};

/// The function's timeout. Each wait of the function is a fraction of it. The shortest is the wait for the stack's status, 3 s
/// for each attempt. On a busy machine the status takes more than 1 s. Without it, a late duplicate of a Create would create
/// its generation again.
const LIMIT: Duration = Duration::from_mins(1);

/// How long calls of a killed process may still take.
const MAX_IDLE_WAIT: Duration = Duration::from_secs(20);

/// A delivery in progress. If it is dropped, its process is killed.
type Delivering<'a> = LocalBoxFuture<'a, Result<Delivered, Error>>;

/// All deliveries in progress.
type InProgress<'a> = FuturesUnordered<Delivering<'a>>;

/// Returns the options with which most events are delivered.
pub(super) fn default_delivery() -> Delivery {
    Delivery { limit: LIMIT, ..Delivery::default() }
}

impl<'a> Run<'a> {
    /// Delivers the events of an operation and all that follow.
    pub(super) async fn carry_out(
        &mut self,
        at: usize,
        requests: Vec<Request>,
        mode: &DeliveryMode,
    ) -> Result<(), Violation> {
        match mode {
            DeliveryMode::Plain => self.deliver_all_with_plan(requests).await,
            DeliveryMode::Delivered { copies, by_sns, script } => {
                let (copies, by_sns, script) = (*copies, *by_sns, script.clone());
                self.deliver_last(requests, Delivery { copies, by_sns, script, ..default_delivery() }).await
            }
            DeliveryMode::PowerCut { nth, cut } => {
                let crash = Some((When::write().nth(*nth), *cut));
                self.deliver_last(requests, Delivery { crash, ..default_delivery() }).await
            }
            DeliveryMode::Fault { nth, fault } => {
                let _rules = ScopedRules::fault(&self.environment.cloud, When::any().nth(*nth), *fault);
                self.deliver_all(requests).await
            }
            DeliveryMode::NativeFails { straggler } => {
                self.on_stack(at, Stack::begin_native_resource);
                self.deliver_all_with_plan(requests).await?;
                let rollback = self.cancel(at);
                match straggler {
                    Some((nth, cut)) => self.deliver_with_straggler(rollback, *nth, *cut).await,
                    None => self.deliver_all_with_plan(rollback).await,
                }
            }
            DeliveryMode::Cancelled { nth, cut, overlap: overlap @ (Overlap::Killed | Overlap::Lost) } => {
                // Without an Update back, the function would never learn of a generation that it did not respond for. Its objects
                // would be left, so the event is not lost then.
                let is_lost = *overlap == Overlap::Lost && !self.sequence.delete_new;
                self.kill_and_cancel(at, requests, *nth, *cut, is_lost).await
            }
            DeliveryMode::Cancelled { nth, cut, overlap } => {
                self.cancel_during_call(at, requests, *nth, *cut, *overlap).await
            }
            DeliveryMode::Straggler { nth, cut } => self.deliver_with_straggler(requests, *nth, *cut).await,
        }
    }

    /// Delivers events and all that follow, at the same time.
    pub(super) async fn deliver_all(&mut self, requests: Vec<Request>) -> Result<(), Violation> {
        let mut in_progress = self.start_deliveries(requests);
        self.drain(&mut in_progress).await
    }

    /// Delivers all events but the last, then the last one with these options, and then the events that follow.
    async fn deliver_last(&mut self, requests: Vec<Request>, delivery: Delivery) -> Result<(), Violation> {
        let Some(last) = self.deliver_all_but_last(requests).await? else { return Ok(()) };
        let delivered = self.engine.deliver(last, &delivery).await?;
        let next = self.record(delivered, true)?;
        self.deliver_all(next).await
    }

    /// Cancels the operation while a call is in progress.
    async fn cancel_during_call(
        &mut self,
        at: usize,
        requests: Vec<Request>,
        nth: usize,
        cut: CrashPoint,
        overlap: Overlap,
    ) -> Result<(), Violation> {
        let held = ScopedRules::hold(&self.environment.cloud, When::any().nth(nth), cut);
        let mut in_progress = self.start_deliveries(requests);
        if self.continue_until_held(&held, &mut in_progress).await? {
            let rollback = self.cancel(at);
            in_progress.extend(self.start_deliveries(rollback));
            if overlap == Overlap::After {
                // The held delivery does not end, so the stack is at rest before all deliveries are complete.
                while !self.on_stack(at, |stack| stack.is_at_rest()) {
                    let Some(delivered) = in_progress.next().await else { break };
                    let next = self.record(delivered?, true)?;
                    in_progress.extend(self.start_deliveries(next));
                }
                self.trace.push(format!("  {} while the event still runs", self.status(at)));
            }
        }
        drop(held);
        self.drain(&mut in_progress).await
    }

    /// Kills the process at a call, cancels the operation, and delivers the event again after the rollback, unless `is_lost`.
    async fn kill_and_cancel(
        &mut self,
        at: usize,
        requests: Vec<Request>,
        nth: usize,
        cut: CrashPoint,
        is_lost: bool,
    ) -> Result<(), Violation> {
        let Some(last) = self.deliver_all_but_last(requests).await? else { return Ok(()) };
        let Some((held, killed)) = self.deliver_until_call(last.clone(), nth, cut).await? else { return Ok(()) };
        drop(killed);
        drop(held);
        self.environment.wait_until_idle(MAX_IDLE_WAIT).await?;
        self.trace.push("  its process is killed".to_owned());
        let rollback = self.cancel(at);
        self.deliver_all(rollback).await?;
        // A deletion cannot be cancelled. It waits for its Delete, which is delivered again.
        if is_lost && self.on_stack(at, |stack| stack.is_at_rest()) {
            return Ok(());
        }
        self.trace.push(format!("  {}, and the event is delivered again", self.status(at)));
        self.deliver_all(vec![last]).await
    }

    /// Delivers the last event twice. One delivery is held until the other has its response and the stack is at rest. The held
    /// delivery must change nothing then.
    async fn deliver_with_straggler(
        &mut self,
        requests: Vec<Request>,
        nth: usize,
        cut: CrashPoint,
    ) -> Result<(), Violation> {
        let Some(last) = self.deliver_all_but_last(requests).await? else { return Ok(()) };
        let Some((held, straggler)) = self.deliver_until_call(last.clone(), nth, cut).await? else { return Ok(()) };
        self.deliver_all(vec![last]).await?;
        // The function repeats a held call after its time-out. On a busy machine, both deliveries then write at the same time, and
        // the held one may not have deleted its previous-tag markers yet.
        let before = without_previous_tag_markers(&self.environment.world().await?);
        self.trace.push("  the other delivery continues".to_owned());
        drop(held);
        let delivered = straggler.await?;
        self.record(delivered, true)?;
        self.world = self.environment.world().await?;
        self.check_unchanged(&before, "after a delivery that was held")
    }

    /// Delivers an event up to its `nth` call, which is held.
    ///
    /// Returns `None` if the event has fewer calls. Then it is complete, with all that follow.
    async fn deliver_until_call(
        &mut self,
        request: Request,
        nth: usize,
        cut: CrashPoint,
    ) -> Result<Option<(ScopedRules, Delivering<'a>)>, Violation> {
        let held = ScopedRules::hold(&self.environment.cloud, When::any().nth(nth), cut);
        let mut delivering = self.deliver(request);
        let delivered = tokio::select! {
            () = held.reached() => None,
            delivered = &mut delivering => Some(delivered?),
        };
        let Some(delivered) = delivered else { return Ok(Some((held, delivering))) };
        drop(held);
        let next = self.record(delivered, true)?;
        self.deliver_all(next).await?;
        Ok(None)
    }

    /// Delivers all events but the last, and all that follow. Returns the last event.
    async fn deliver_all_but_last(&mut self, mut requests: Vec<Request>) -> Result<Option<Request>, Violation> {
        let last = requests.pop();
        self.deliver_all(requests).await?;
        Ok(last)
    }

    /// Continues the deliveries until a call is held. Returns false if all are complete before.
    async fn continue_until_held(
        &mut self,
        held: &ScopedRules,
        in_progress: &mut InProgress<'a>,
    ) -> Result<bool, Violation> {
        let mut reached = pin!(held.reached());
        loop {
            let delivered = tokio::select! {
                () = &mut reached => return Ok(true),
                delivered = in_progress.next() => delivered,
            };
            let Some(delivered) = delivered else { return Ok(false) };
            let next = self.record(delivered?, true)?;
            in_progress.extend(self.start_deliveries(next));
        }
    }

    /// Completes the deliveries, and all that follow.
    async fn drain(&mut self, in_progress: &mut InProgress<'a>) -> Result<(), Violation> {
        while let Some(delivered) = in_progress.next().await {
            let next = self.record(delivered?, true)?;
            in_progress.extend(self.start_deliveries(next));
        }
        Ok(())
    }

    fn start_deliveries(&self, requests: Vec<Request>) -> InProgress<'a> {
        requests.into_iter().map(|request| self.deliver(request)).collect()
    }

    pub(super) fn deliver(&self, request: Request) -> Delivering<'a> {
        let engine = self.engine;
        async move { engine.deliver(request, &default_delivery()).await }.boxed_local()
    }

    /// Makes another resource of the stack fail, if a creation or an update is in progress. Returns the events of the rollback.
    fn cancel(&self, at: usize) -> Vec<Request> {
        self.on_stack(at, |stack| match stack.status() {
            "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" => stack.cancel(),
            _ => Vec::new(),
        })
    }

    fn on_stack<T>(&self, at: usize, act: impl FnOnce(&mut Stack) -> T) -> T {
        let id = self.slots[at].id.as_deref().unwrap_or_default();
        self.engine.stack(id, act)
    }
}

/// Returns the world without the previous-tag markers on subnets and security groups. A run deletes its own at the end.
fn without_previous_tag_markers(world: &World) -> World {
    let is_previous_tag_marker =
        |key: &str| key.strip_prefix(PREFIX).is_some_and(|key| key.strip_suffix(".was").is_some());
    let tagged = world.names().filter(|name| name.starts_with("subnet-") || name.starts_with("sg-"));
    tagged.fold(world.clone(), |without, name| {
        let mut tags = world.json(name);
        tags.as_object_mut().into_iter().for_each(|tags| tags.retain(|key, _| !is_previous_tag_marker(key)));
        without.with(name, &tags)
    })
}
