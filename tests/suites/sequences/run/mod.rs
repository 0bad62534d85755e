//! One sequence, played and judged step by step.

mod as_before;
mod books;
mod foretold;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

use local_cloud::{
    Error,
    cloudformation::{Delivered, Delivery, Engine, Rollback, Stack},
    world::World,
};

use self::{as_before::LeftBehind, books::Slot};
use super::{
    bench::Bench,
    foreign::Foreign,
    in_force::InForce,
    judge::{Broken, Kind, Scene},
    op::{Op, Sequence, To, Way},
    wanted::{InShort, Who},
};

/// One sequence under way.
pub(super) struct Run<'a> {
    bench: &'a Bench,
    engine: &'a Engine,
    sequence: &'a Sequence,
    slots: Vec<Slot>,
    foreign: Foreign,
    /// As it was read last.
    world: World,
    history: Vec<Delivered>,
    /// The attributes of the latest success, by physical id.
    data: BTreeMap<String, BTreeMap<String, String>>,
    /// Physical ids whose objects another generation may have left otherwise.
    unsettled: BTreeSet<String>,
    left_behind: LeftBehind,
    /// Physical ids whose entry in aws-auth went with the cluster.
    without_entry: BTreeSet<String>,
    no_cluster: Option<InForce>,
    /// Physical ids that were replaced in the operation under way, with what took their place.
    replaced: BTreeMap<String, String>,
    story: Vec<String>,
    pub(super) tally: Tally,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Events that were delivered, copies not counted.
    pub(super) events: u64,
    /// Those that succeeded.
    pub(super) successes: u64,
    /// Operations that were rolled back.
    pub(super) rollbacks: u64,
    /// Events of which `karpenter-prereqs plan` told beforehand what came of them.
    pub(super) foretold: u64,
}

impl<'a> Run<'a> {
    /// Begins a sequence.
    pub(super) async fn begin(bench: &'a Bench, sequence: &'a Sequence) -> Result<Self, Error> {
        let foreign = bench.begin(sequence).await?;
        let slots = if sequence.two_stacks {
            vec![Slot::new("one", &[Who::A]), Slot::new("two", &[Who::B])]
        } else {
            vec![Slot::new("one", &[Who::A, Who::B])]
        };
        let world = bench.world().await?;
        Ok(Self {
            bench,
            engine: bench.engine(sequence),
            sequence,
            slots,
            foreign,
            world,
            history: Vec::new(),
            data: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            left_behind: LeftBehind::default(),
            without_entry: BTreeSet::new(),
            no_cluster: None,
            replaced: BTreeMap::new(),
            story: Vec::new(),
            tally: Tally::default(),
        })
    }

    /// What happened, a line each.
    pub(super) fn story(&self) -> String {
        self.story.join("\n")
    }

    /// Plays it to its end: when all stacks are deleted, the world is what others have.
    pub(super) async fn play(&mut self) -> Result<(), Broken> {
        let sequence = self.sequence;
        for op in &sequence.ops {
            self.step(op).await?;
        }
        self.end().await
    }

    async fn step(&mut self, op: &Op) -> Result<(), Broken> {
        match op {
            Op::Change { second, to, way } => self.change(usize::from(*second), to, way).await,
            Op::Delete { second, way } => self.delete(usize::from(*second), way).await,
            Op::Late { which, harmful, copies, by_sns } => {
                let harmful = if *harmful { self.deletes_of_what_stands() } else { Vec::new() };
                let some = if harmful.is_empty() { (0..self.history.len()).collect() } else { harmful };
                if some.is_empty() {
                    return Ok(());
                }
                let delivery = Delivery { copies: *copies, by_sns: *by_sns, ..ways::delivery() };
                self.late(some[which.index(some.len())], &delivery).await
            }
            Op::EditMap(edit) if self.no_cluster.is_none() => {
                self.story.push(format!("somebody edits aws-auth: {edit:?}"));
                self.foreign.edit_map(&self.bench.cluster, *edit).await?;
                self.look().await
            }
            Op::EditMap(_) => Ok(()),
            Op::Tag(edit) => {
                let ours = self.roles_of_ours();
                let name = self.foreign.tag(&self.bench.cloud, *edit, &ours).await?;
                self.story.push(format!("somebody {} {name}", if edit.off { "takes the note off" } else { "tags" }));
                self.look().await
            }
            Op::Cluster if self.no_cluster.is_none() => {
                self.story.push("the cluster is deleted".to_owned());
                self.no_cluster = Some(self.bench.without_cluster(&self.world).await?);
                self.look().await
            }
            Op::Cluster => self.make_cluster().await,
        }
    }

    async fn change(&mut self, slot: usize, to: &[To; 2], way: &Way) -> Result<(), Broken> {
        let at = slot % self.slots.len();
        let Some(template) = self.template(at, to) else { return Ok(()) };
        let verb = if self.slots[at].id.is_some() { "update" } else { "create" };
        let asked: Vec<_> = template.iter().map(|(id, properties)| format!("{id} {}", InShort(properties))).collect();
        self.story.push(format!("{verb} stack {}: {} [{way:?}]", self.slots[at].name, asked.join(", ")));
        let requests = if let Some(id) = &self.slots[at].id {
            self.engine.stack(id, |stack| stack.update(&template))
        } else {
            let cloud = &self.bench.cloud;
            let mut stack = Stack::new(cloud.account(), cloud.region(), self.slots[at].name);
            if self.sequence.delete_new {
                stack = stack.rolled_back_by(Rollback::DeleteNew);
            }
            if self.sequence.reuses_request_ids {
                stack = stack.reusing_request_ids();
            }
            let requests = stack.create(&template);
            self.slots[at].id = Some(stack.id().to_owned());
            self.engine.add(stack);
            requests
        };
        self.operation(at, requests, way).await
    }

    async fn delete(&mut self, slot: usize, way: &Way) -> Result<(), Broken> {
        let at = slot % self.slots.len();
        let Some(id) = self.slots[at].id.clone().filter(|_| !self.is_stuck(at)) else { return Ok(()) };
        self.story.push(format!("delete stack {} [{way:?}]", self.slots[at].name));
        let requests = self.engine.stack(&id, Stack::delete);
        self.operation(at, requests, way).await
    }

    /// Brings an operation to its end, and judges what stands then.
    async fn operation(
        &mut self,
        at: usize,
        requests: Vec<local_cloud::cloudformation::Request>,
        way: &Way,
    ) -> Result<(), Broken> {
        let before = self.world.clone();
        let stood = self.standing_ids();
        // A rollback's Update puts right what was not, and that is no return to what was before.
        let was_right = self.unsettled.is_empty() && self.without_entry.is_empty() && !self.has_left_out();
        self.replaced.clear();
        self.carry_out(at, requests, way).await?;
        let status = self.status(at);
        let was_rolled_back = status.contains("ROLLBACK");
        self.tally.rollbacks += u64::from(was_rolled_back);
        self.story.push(format!("  → {status}"));
        self.recover(at).await?;
        let is_undone_alone = was_rolled_back && self.sequence.delete_new && !self.replaced.is_empty();
        if is_undone_alone {
            self.unsettled.extend(self.replaced.keys().cloned());
        }
        self.prune(&stood);
        self.look().await?;
        if was_rolled_back && was_right && self.unsettled.is_empty() && !self.is_stuck(at) {
            let expected = self.left_behind.as_before(&before, &self.world);
            self.unchanged(&expected, "after the operation was rolled back")?;
        }
        if is_undone_alone {
            self.left_behind.add(&before, &self.world);
        }
        self.left_behind.prune(&self.world);
        Ok(())
    }

    /// The cluster is made again, with the aws-auth of others; what was stuck without it goes on.
    async fn make_cluster(&mut self) -> Result<(), Broken> {
        self.story.push("the cluster is made again".to_owned());
        self.no_cluster = None;
        self.foreign.put_map_back(&self.bench.cluster).await?;
        self.without_entry = self.standing_ids();
        for at in 0..self.slots.len() {
            self.recover(at).await?;
        }
        self.look().await
    }

    /// An event once more, when it was answered long ago and everything rests: it changes nothing.
    async fn late(&mut self, at: usize, delivery: &Delivery) -> Result<(), Broken> {
        let before = self.world.clone();
        let earlier = &self.history[at];
        let (kind, id) = (earlier.request.kind, earlier.request.physical_resource_id.clone());
        self.story.push(format!(
            "event {}, a {kind:?} of {} {}, is delivered {} times more",
            at + 1,
            earlier.request.logical_resource_id(),
            id.unwrap_or_default(),
            delivery.copies
        ));
        let delivered = self.engine.deliver_late(earlier, delivery).await?;
        self.took(delivered, false)?;
        self.look().await?;
        self.unchanged(&before, "after a late duplicate")
    }

    /// Reads the world, and judges it.
    async fn look(&mut self) -> Result<(), Broken> {
        self.world = self.bench.world().await?;
        let standing = self.standing();
        let scene = Scene {
            world: &self.world,
            foreign: &self.foreign,
            standing: &standing,
            cluster_is_gone: self.no_cluster.is_some(),
        };
        Self::none_of(&scene.judged())
    }

    fn none_of(broken: &[Broken]) -> Result<(), Broken> {
        let Some(worst) = broken.iter().map(|broken| broken.kind).min() else { return Ok(()) };
        let texts: Vec<_> = broken.iter().map(|broken| format!("{:?}: {}", broken.kind, broken.text)).collect();
        Err(Broken { kind: worst, text: texts.join("\n") })
    }

    fn unchanged(&self, before: &World, when: &str) -> Result<(), Broken> {
        let (mut before, mut after) = (before.clone(), self.world.clone());
        if self.no_cluster.is_some() {
            (before, after) = (before.without("aws-auth/"), after.without("aws-auth/"));
        }
        let difference = before.difference(&after);
        if difference.is_empty() {
            return Ok(());
        }
        Err(Broken::wrong(format!("the world is not as before {when}:\n{difference}")))
    }

    /// All stacks are deleted, and the world is what others have.
    async fn end(&mut self) -> Result<(), Broken> {
        if self.no_cluster.is_some() && (0..self.slots.len()).any(|at| self.is_stuck(at)) {
            self.make_cluster().await?;
        }
        for at in 0..self.slots.len() {
            self.delete(at, &Way::Plain).await?;
        }
        let difference = self.foreign.difference(&self.world, self.no_cluster.is_none());
        if difference.is_empty() {
            return Ok(());
        }
        Err(Broken { kind: Kind::Leak, text: format!("not clean when all stacks were deleted:\n{difference}") })
    }
}

impl From<Error> for Broken {
    /// What the cloud refuses to the test itself.
    fn from(error: Error) -> Self {
        Self::wrong(format!("the local cloud: {error}"))
    }
}
