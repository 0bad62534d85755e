//! How the events of an operation are delivered, and what comes between them.

use std::{pin::pin, time::Duration};

use futures::{FutureExt as _, StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use local_cloud::{
    Error,
    cloudformation::{Delivered, Delivery, Request, Stack},
    gateway::When,
    scenario::CrashPoint,
};

use super::{
    super::{
        in_force::InForce,
        judge::Broken,
        op::{Overlap, Way},
    },
    Run,
};

/// The function's time-out, of which each wait is a fraction. The shortest is for CloudFormation's answer, 3 s a try: on a busy
/// machine it takes more than 1 s, and without it a late duplicate of a Create creates its generation again.
const LIMIT: Duration = Duration::from_mins(1);

/// How long AWS may take to end what a killed function had asked for.
const SETTLE: Duration = Duration::from_secs(20);

/// A delivery under way. Dropped, its process is killed.
type Delivering<'a> = LocalBoxFuture<'a, Result<Delivered, Error>>;

/// Deliveries under way.
type UnderWay<'a> = FuturesUnordered<Delivering<'a>>;

/// As most events are delivered.
pub(super) fn delivery() -> Delivery {
    Delivery { limit: LIMIT, ..Delivery::default() }
}

impl<'a> Run<'a> {
    /// Brings an operation to its end.
    pub(super) async fn carry_out(&mut self, at: usize, requests: Vec<Request>, way: &Way) -> Result<(), Broken> {
        match way {
            Way::Plain => self.settle_foretold(requests).await,
            Way::Delivered { copies, by_sns, script } => {
                let (copies, by_sns, script) = (*copies, *by_sns, script.clone());
                self.last(requests, Delivery { copies, by_sns, script, ..delivery() }).await
            }
            Way::PowerCut { nth, cut } => {
                let crash = Some((When::write().nth(*nth), *cut));
                self.last(requests, Delivery { crash, ..delivery() }).await
            }
            Way::Fault { nth, fault } => {
                let _in_force = InForce::fault(&self.bench.cloud, When::any().nth(*nth), *fault);
                self.settle(requests).await
            }
            Way::NativeFails { straggler } => {
                self.on_stack(at, Stack::begin_native_resource);
                self.settle_foretold(requests).await?;
                let backs = self.cancel(at);
                match straggler {
                    Some((nth, cut)) => self.straggled(backs, *nth, *cut).await,
                    None => self.settle_foretold(backs).await,
                }
            }
            Way::Cancelled { nth, cut, overlap: overlap @ (Overlap::Killed | Overlap::Lost) } => {
                // Without an Update back, nobody would tell the function of a generation that it never answered for.
                let is_lost = *overlap == Overlap::Lost && !self.sequence.delete_new;
                self.killed(at, requests, *nth, *cut, is_lost).await
            }
            Way::Cancelled { nth, cut, overlap } => self.cancelled(at, requests, *nth, *cut, *overlap).await,
            Way::Straggler { nth, cut } => self.straggled(requests, *nth, *cut).await,
        }
    }

    /// Delivers events and all that comes of them, side by side.
    pub(super) async fn settle(&mut self, requests: Vec<Request>) -> Result<(), Broken> {
        let mut under_way = self.under_way(requests);
        self.drain(&mut under_way).await
    }

    /// Delivers all but the last; then that one so; then what comes of it.
    async fn last(&mut self, requests: Vec<Request>, delivery: Delivery) -> Result<(), Broken> {
        let Some(last) = self.all_but_one(requests).await? else { return Ok(()) };
        let delivered = self.engine.deliver(last, &delivery).await?;
        let next = self.took(delivered, true)?;
        self.settle(next).await
    }

    /// The operation is cancelled while a call is under way.
    async fn cancelled(
        &mut self,
        at: usize,
        requests: Vec<Request>,
        nth: usize,
        cut: CrashPoint,
        overlap: Overlap,
    ) -> Result<(), Broken> {
        let held = InForce::hold(&self.bench.cloud, When::any().nth(nth), cut);
        let mut under_way = self.under_way(requests);
        if self.until_reached(&held, &mut under_way).await? {
            let backs = self.cancel(at);
            under_way.extend(self.under_way(backs));
            if overlap == Overlap::After {
                // The one that is held does not end, so that the stack comes to rest before all have.
                while !self.on_stack(at, |stack| stack.is_at_rest()) {
                    let Some(delivered) = under_way.next().await else { break };
                    let next = self.took(delivered?, true)?;
                    under_way.extend(self.under_way(next));
                }
                self.story.push(format!("  {} while the event still runs", self.status(at)));
            }
        }
        drop(held);
        self.drain(&mut under_way).await
    }

    /// A process is killed in the middle, the operation cancelled, and the event delivered again when that is over, if
    /// it is not lost.
    async fn killed(
        &mut self,
        at: usize,
        requests: Vec<Request>,
        nth: usize,
        cut: CrashPoint,
        is_lost: bool,
    ) -> Result<(), Broken> {
        let Some(last) = self.all_but_one(requests).await? else { return Ok(()) };
        let Some((held, dies)) = self.held_up(last.clone(), nth, cut).await? else { return Ok(()) };
        drop(dies);
        drop(held);
        self.bench.settled(SETTLE).await?;
        self.story.push("  its process is killed".to_owned());
        let backs = self.cancel(at);
        self.settle(backs).await?;
        // A deletion is not cancelled: it waits for its Delete, which comes again.
        if is_lost && self.on_stack(at, |stack| stack.is_at_rest()) {
            return Ok(());
        }
        self.story.push(format!("  {}, and the event comes again", self.status(at)));
        self.settle(vec![last]).await
    }

    /// Of two deliveries, one is held up until the other was answered and the stack has come to rest.
    async fn straggled(&mut self, requests: Vec<Request>, nth: usize, cut: CrashPoint) -> Result<(), Broken> {
        let Some(last) = self.all_but_one(requests).await? else { return Ok(()) };
        let Some((held, goes_on)) = self.held_up(last.clone(), nth, cut).await? else { return Ok(()) };
        self.settle(vec![last]).await?;
        let before = self.bench.world().await?;
        self.story.push("  the other delivery goes on".to_owned());
        drop(held);
        let delivered = goes_on.await?;
        self.took(delivered, true)?;
        self.world = self.bench.world().await?;
        self.unchanged(&before, "after a delivery that was held up")
    }

    /// Delivers an event up to its `nth` call. `None`: it has fewer, and is over, with all that came of it.
    async fn held_up(
        &mut self,
        request: Request,
        nth: usize,
        cut: CrashPoint,
    ) -> Result<Option<(InForce, Delivering<'a>)>, Broken> {
        let held = InForce::hold(&self.bench.cloud, When::any().nth(nth), cut);
        let mut delivering = self.deliver(request);
        let delivered = tokio::select! {
            () = held.reached() => None,
            delivered = &mut delivering => Some(delivered?),
        };
        let Some(delivered) = delivered else { return Ok(Some((held, delivering))) };
        drop(held);
        let next = self.took(delivered, true)?;
        self.settle(next).await?;
        Ok(None)
    }

    /// Delivers all but the last of several events, and what comes of them.
    async fn all_but_one(&mut self, mut requests: Vec<Request>) -> Result<Option<Request>, Broken> {
        let last = requests.pop();
        self.settle(requests).await?;
        Ok(last)
    }

    /// Goes on until a call stands at the door; false when all ends without one.
    async fn until_reached(&mut self, held: &InForce, under_way: &mut UnderWay<'a>) -> Result<bool, Broken> {
        let mut reached = pin!(held.reached());
        loop {
            let delivered = tokio::select! {
                () = &mut reached => return Ok(true),
                delivered = under_way.next() => delivered,
            };
            let Some(delivered) = delivered else { return Ok(false) };
            let next = self.took(delivered?, true)?;
            under_way.extend(self.under_way(next));
        }
    }

    async fn drain(&mut self, under_way: &mut UnderWay<'a>) -> Result<(), Broken> {
        while let Some(delivered) = under_way.next().await {
            let next = self.took(delivered?, true)?;
            under_way.extend(self.under_way(next));
        }
        Ok(())
    }

    fn under_way(&self, requests: Vec<Request>) -> UnderWay<'a> {
        requests.into_iter().map(|request| self.deliver(request)).collect()
    }

    pub(super) fn deliver(&self, request: Request) -> Delivering<'a> {
        let engine = self.engine;
        async move { engine.deliver(request, &delivery()).await }.boxed_local()
    }

    /// Something else in the stack fails, where an operation is under way that this would end.
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
