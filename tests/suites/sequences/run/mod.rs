//! Plays one sequence, and judges the account after each step.

mod delivery;
mod expected_state;
mod leftovers;
mod plan_vs_actual;

use std::collections::{BTreeMap, BTreeSet};

use local_cloud::{
    Error,
    cloudformation::{Delivered, Delivery, Engine, Rollback, Stack},
    world::World,
};

use self::{expected_state::Slot, leftovers::Leftovers};
use super::{
    environment::Environment,
    judge::{JudgedState, Violation, ViolationKind},
    op::{DeliveryMode, Op, Sequence, TemplateChange},
    properties::{Compact, TestResource},
    scoped_rules::ScopedRules,
    third_party::ThirdParty,
};

/// One sequence in progress.
pub(super) struct Run<'a> {
    environment: &'a Environment,
    engine: &'a Engine,
    sequence: &'a Sequence,
    slots: Vec<Slot>,
    third_party: ThirdParty,
    /// The state of the account as read last.
    world: World,
    /// All delivered events.
    history: Vec<Delivered>,
    /// The attributes of the latest success, by physical id.
    data: BTreeMap<String, BTreeMap<String, String>>,
    /// Physical ids whose shared objects may have the configuration of another generation.
    may_differ: BTreeSet<String>,
    leftovers: Leftovers,
    /// Physical ids whose entry in aws-auth was lost with the cluster.
    without_entry: BTreeSet<String>,
    /// The rules that simulate a deleted cluster, while it is deleted.
    no_cluster: Option<ScopedRules>,
    /// Physical ids that the current operation replaced, with the ids that replaced them.
    replaced: BTreeMap<String, String>,
    trace: Vec<String>,
    pub(super) tally: Tally,
}

/// The results of a run, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Delivered events. Copies of an event count once.
    pub(super) events: u64,
    /// Events that succeeded.
    pub(super) successes: u64,
    /// Operations that were rolled back.
    pub(super) rollbacks: u64,
    /// Events that were compared with their plan.
    pub(super) planned: u64,
}

impl<'a> Run<'a> {
    /// Begins a sequence.
    ///
    /// # Errors
    /// As [`Environment::begin`].
    pub(super) async fn begin(environment: &'a Environment, sequence: &'a Sequence) -> Result<Self, Error> {
        let third_party = environment.begin(sequence).await?;
        let slots = if sequence.two_stacks {
            vec![Slot::new("one", &[TestResource::A]), Slot::new("two", &[TestResource::B])]
        } else {
            vec![Slot::new("one", &[TestResource::A, TestResource::B])]
        };
        let world = environment.world().await?;
        Ok(Self {
            environment,
            engine: environment.engine(sequence),
            sequence,
            slots,
            third_party,
            world,
            history: Vec::new(),
            data: BTreeMap::new(),
            may_differ: BTreeSet::new(),
            leftovers: Leftovers::default(),
            without_entry: BTreeSet::new(),
            no_cluster: None,
            replaced: BTreeMap::new(),
            trace: Vec::new(),
            tally: Tally::default(),
        })
    }

    /// Returns the trace of the run, with a line for each step and event.
    pub(super) fn trace(&self) -> String {
        self.trace.join("\n")
    }

    /// Plays the sequence, and deletes all stacks at the end.
    ///
    /// # Errors
    /// The first violation.
    pub(super) async fn play(&mut self) -> Result<(), Violation> {
        let sequence = self.sequence;
        for op in &sequence.ops {
            self.step(op).await?;
        }
        self.end().await
    }

    async fn step(&mut self, op: &Op) -> Result<(), Violation> {
        match op {
            Op::Change { second, changes, mode } => self.change(usize::from(*second), changes, mode).await,
            Op::Delete { second, mode } => self.delete(usize::from(*second), mode).await,
            Op::LateDuplicate { which, harmful, copies, by_sns } => {
                let harmful = if *harmful { self.deletes_of_current_ids() } else { Vec::new() };
                let candidates = if harmful.is_empty() { (0..self.history.len()).collect() } else { harmful };
                if candidates.is_empty() {
                    return Ok(());
                }
                let delivery = Delivery { copies: *copies, by_sns: *by_sns, ..delivery::default_delivery() };
                self.deliver_late_duplicate(candidates[which.index(candidates.len())], &delivery).await
            }
            Op::EditAwsAuth(edit) if self.no_cluster.is_none() => {
                self.trace.push(format!("a third party edits aws-auth: {edit:?}"));
                self.third_party.edit_aws_auth(&self.environment.cluster, *edit).await?;
                self.judge().await
            }
            Op::EditAwsAuth(_) => Ok(()),
            Op::Tag(edit) => {
                let own_roles = self.own_roles();
                let name = self.third_party.tag(&self.environment.cloud, *edit, &own_roles).await?;
                let verb = if edit.removes { "removes the tag of" } else { "tags" };
                self.trace.push(format!("a third party {verb} {name}"));
                self.judge().await
            }
            Op::Cluster if self.no_cluster.is_none() => {
                self.trace.push("the cluster is deleted".to_owned());
                self.no_cluster = Some(self.environment.delete_cluster(&self.world).await?);
                self.judge().await
            }
            Op::Cluster => self.recreate_cluster().await,
        }
    }

    async fn change(
        &mut self,
        slot: usize,
        changes: &[TemplateChange; 2],
        mode: &DeliveryMode,
    ) -> Result<(), Violation> {
        let at = slot % self.slots.len();
        let Some(template) = self.template(at, changes) else { return Ok(()) };
        let verb = if self.slots[at].id.is_some() { "update" } else { "create" };
        let requested: Vec<_> =
            template.iter().map(|(id, properties)| format!("{id} {}", Compact(properties))).collect();
        self.trace.push(format!("{verb} stack {}: {} [{mode:?}]", self.slots[at].name, requested.join(", ")));
        let requests = if let Some(id) = &self.slots[at].id {
            self.engine.stack(id, |stack| stack.update(&template))
        } else {
            let cloud = &self.environment.cloud;
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
        self.operation(at, requests, mode).await
    }

    async fn delete(&mut self, slot: usize, mode: &DeliveryMode) -> Result<(), Violation> {
        let at = slot % self.slots.len();
        let Some(id) = self.slots[at].id.clone().filter(|_| !self.is_stuck(at)) else { return Ok(()) };
        self.trace.push(format!("delete stack {} [{mode:?}]", self.slots[at].name));
        let requests = self.engine.stack(&id, Stack::delete);
        self.operation(at, requests, mode).await
    }

    /// Delivers the events of an operation and all that follow, recovers the stack, and judges the account.
    async fn operation(
        &mut self,
        at: usize,
        requests: Vec<local_cloud::cloudformation::Request>,
        mode: &DeliveryMode,
    ) -> Result<(), Violation> {
        let before = self.world.clone();
        let previous = self.current_ids();
        // If the account was not in line before the operation, a rollback's Update corrects that too. Then the state after the
        // rollback differs from the state before.
        let was_in_line = self.may_differ.is_empty() && self.without_entry.is_empty() && !self.has_skipped_tags();
        self.replaced.clear();
        self.carry_out(at, requests, mode).await?;
        let status = self.status(at);
        let was_rolled_back = status.contains("ROLLBACK");
        self.tally.rollbacks += u64::from(was_rolled_back);
        self.trace.push(format!("  → {status}"));
        self.recover(at).await?;
        let is_undone_by_delete = was_rolled_back && self.sequence.delete_new && !self.replaced.is_empty();
        if is_undone_by_delete {
            self.may_differ.extend(self.replaced.keys().cloned());
        }
        self.prune(&previous);
        self.judge().await?;
        if was_rolled_back && was_in_line && self.may_differ.is_empty() && !self.is_stuck(at) {
            let expected = self.leftovers.expected_after_rollback(&before, &self.world);
            self.check_unchanged(&expected, "after the operation was rolled back")?;
        }
        if is_undone_by_delete {
            self.leftovers.add(&before, &self.world);
        }
        self.leftovers.prune(&self.world);
        Ok(())
    }

    /// Creates the cluster again with the aws-auth of others, and continues rollbacks that waited for it.
    async fn recreate_cluster(&mut self) -> Result<(), Violation> {
        self.trace.push("the cluster is created again".to_owned());
        self.no_cluster = None;
        self.third_party.restore_aws_auth(&self.environment.cluster).await?;
        self.without_entry = self.current_ids();
        for at in 0..self.slots.len() {
            self.recover(at).await?;
        }
        self.judge().await
    }

    /// Delivers an event once more, while all stacks are at rest. It must change nothing. `at` is its index in the history.
    async fn deliver_late_duplicate(&mut self, at: usize, delivery: &Delivery) -> Result<(), Violation> {
        let before = self.world.clone();
        let earlier = &self.history[at];
        let (kind, id) = (earlier.request.kind, earlier.request.physical_resource_id.clone());
        self.trace.push(format!(
            "event {}, a {kind:?} of {} {}, is delivered {} more times",
            at + 1,
            earlier.request.logical_resource_id(),
            id.unwrap_or_default(),
            delivery.copies
        ));
        let delivered = self.engine.deliver_late(earlier, delivery).await?;
        self.record(delivered, false)?;
        self.judge().await?;
        self.check_unchanged(&before, "after a late duplicate")
    }

    /// Reads the state of the account, and judges it.
    async fn judge(&mut self) -> Result<(), Violation> {
        self.world = self.environment.world().await?;
        let expected = self.expected_resources();
        let state = JudgedState {
            world: &self.world,
            third_party: &self.third_party,
            expected: &expected,
            cluster_is_deleted: self.no_cluster.is_some(),
        };
        Self::combine(&state.violations())
    }

    /// Returns an error with the worst kind and the texts of all violations, if there are any.
    fn combine(violations: &[Violation]) -> Result<(), Violation> {
        let Some(worst) = violations.iter().map(|violation| violation.kind).min() else { return Ok(()) };
        let texts: Vec<_> =
            violations.iter().map(|violation| format!("{:?}: {}", violation.kind, violation.text)).collect();
        Err(Violation { kind: worst, text: texts.join("\n") })
    }

    fn check_unchanged(&self, before: &World, when: &str) -> Result<(), Violation> {
        let (mut before, mut after) = (before.clone(), self.world.clone());
        if self.no_cluster.is_some() {
            (before, after) = (before.without("aws-auth/"), after.without("aws-auth/"));
        }
        let difference = before.difference(&after);
        if difference.is_empty() {
            return Ok(());
        }
        Err(Violation::wrong(format!("the world is not as before {when}:\n{difference}")))
    }

    /// Deletes all stacks. Only the objects of others may be left.
    async fn end(&mut self) -> Result<(), Violation> {
        if self.no_cluster.is_some() && (0..self.slots.len()).any(|at| self.is_stuck(at)) {
            self.recreate_cluster().await?;
        }
        for at in 0..self.slots.len() {
            self.delete(at, &DeliveryMode::Plain).await?;
        }
        let difference = self.third_party.difference(&self.world, self.no_cluster.is_none());
        if difference.is_empty() {
            return Ok(());
        }
        Err(Violation {
            kind: ViolationKind::Leak,
            text: format!("not clean after all stacks were deleted:\n{difference}"),
        })
    }
}

impl From<Error> for Violation {
    /// Converts an error of the local cloud, which the function did not cause.
    fn from(error: Error) -> Self {
        Self::wrong(format!("the local cloud: {error}"))
    }
}
