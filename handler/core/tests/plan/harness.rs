//! Applies CloudFormation's events to the model: resources that are reconciled and torn down, completely or interrupted.

use crate::consistency::{check_aws_auth_marker_recorded, check_consistency};
use crate::model::{Purpose, World};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::{Generation, Owner};
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::{
    self, Ec2Step, Plan, Problems, Recheck, ReconcilePlan, Step, Target, TeardownPlan, TornDown,
};
use proptest::test_runner::TestCaseError;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// The result of one case of a property: `true` if the case was checked to its end, `false` if a preflight problem ended it
/// early.
pub(crate) type PropResult = Result<bool, TestCaseError>;

/// A custom resource of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Resource(pub(crate) Owner);

/// How a plan is applied.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// Chooses the order. Of all steps whose dependencies are done, the step with the smallest byte is next. Every possible order
    /// is the result of some bytes.
    pub(crate) order: &'a [u8],
    /// Kills the process after this number of steps, modulo the number of steps plus 1. `None`: all steps are applied.
    pub(crate) interrupt_at: Option<u8>,
    /// A condition that must be true after every step.
    pub(crate) invariant: Option<&'a Invariant<'a>>,
}

/// A condition on the world. The error says why it is false.
type Invariant<'a> = dyn Fn(&World) -> Result<(), String> + 'a;

impl<'a> Run<'a> {
    /// Returns a run that applies all steps.
    pub(crate) fn complete(order: &'a [u8]) -> Self {
        Self { order, interrupt_at: None, invariant: None }
    }

    /// Returns a run whose process is killed, see [`Run::interrupt_at`].
    pub(crate) fn interrupted(order: &'a [u8], at: u8) -> Self {
        Self { order, interrupt_at: Some(at), invariant: None }
    }

    /// Returns the same run, with a condition that must be true after every step.
    pub(crate) fn with_invariant(self, invariant: &'a Invariant<'a>) -> Self {
        Self { invariant: Some(invariant), ..self }
    }
}

impl Resource {
    pub(crate) fn new(stack_id: &str, logical_resource_id: &str) -> Self {
        Self(Owner { stack_id: stack_id.to_owned(), logical_resource_id: logical_resource_id.to_owned() })
    }

    /// Returns the resource's generation that these properties describe.
    pub(crate) fn generation(&self, spec: &Spec) -> Generation {
        self.0.generation(&spec.identity())
    }

    /// Plans a Create, or an Update from `old`, for a snapshot of the world.
    pub(crate) fn plan(&self, world: &World, spec: &Spec, old: Option<&Spec>) -> Result<ReconcilePlan, Problems> {
        let own = [self.generation(spec).marker()].into();
        self.plan_from_snapshot(&world.observed(spec, &own, Purpose::Reconcile(old)), spec, old)
    }

    /// Plans the same for a snapshot that has values that the model does not have.
    pub(crate) fn plan_from_snapshot(
        &self,
        observed: &Observed,
        spec: &Spec,
        old: Option<&Spec>,
    ) -> Result<ReconcilePlan, Problems> {
        let generation = self.generation(spec);
        let bounds = Bounds::default();
        plan::reconcile(
            Target { spec, previous: old, owner: &self.0, generation: &generation, bounds: &bounds },
            observed,
        )
    }

    /// Plans the teardown of the generation of these properties.
    pub(crate) fn plan_teardown(&self, world: &World, spec: &Spec) -> Result<TeardownPlan, Problems> {
        self.plan_teardown_pass(world, spec, &[], Recheck::Everything)
    }

    /// Plans the recheck after `earlier` was carried out, for a snapshot of the objects that it reported as shared.
    pub(crate) fn plan_teardown_recheck(
        &self,
        world: &World,
        spec: &Spec,
        earlier: &Plan,
        recheck: Recheck,
    ) -> Result<TeardownPlan, Problems> {
        self.plan_teardown_pass(world, spec, std::slice::from_ref(earlier), recheck)
    }

    fn plan_teardown_pass(
        &self,
        world: &World,
        spec: &Spec,
        earlier: &[Plan],
        snapshot_of: Recheck,
    ) -> Result<TeardownPlan, Problems> {
        let own = [self.generation(spec).marker()].into();
        let torn_down = TornDown { markers: &own, owner: &self.0, earlier };
        let observed = world.observed(spec, &own, Purpose::TearDown);
        let observed = match snapshot_of {
            Recheck::Everything => observed,
            Recheck::OidcProvider => observed.oidc_provider_alone(),
            Recheck::Nothing => Observed::default(),
        };
        plan::tear_down(spec, torn_down, &observed)
    }

    /// Reconciles. Returns `None` if the plan reports problems.
    pub(crate) fn try_reconcile(
        &self,
        world: &World,
        spec: &Spec,
        old: Option<&Spec>,
        run: Run<'_>,
    ) -> Result<Option<World>, TestCaseError> {
        match self.plan(world, spec, old) {
            Err(problems) if problems.0.is_empty() => Err(failure("the plan fails without a problem", world)),
            Err(_) => Ok(None),
            Ok(planned) => self.apply_and_verify(&planned, world, spec, old, run).map(Some),
        }
    }

    /// Reconciles in a world where the plan must not report problems.
    pub(crate) fn reconcile(
        &self,
        world: &World,
        spec: &Spec,
        old: Option<&Spec>,
        run: Run<'_>,
    ) -> Result<World, TestCaseError> {
        let planned = self
            .plan(world, spec, old)
            .map_err(|problems| failure(&format!("the plan reports problems: {problems}"), world))?;
        self.apply_and_verify(&planned, world, spec, old, run)
    }

    /// Rolls an Update to `failed` back to `spec`, as the rollback's own Update or a cancelled Update does. The plan must not
    /// report problems.
    pub(crate) fn roll_back(
        &self,
        world: &World,
        spec: &Spec,
        failed: &Spec,
        run: Run<'_>,
    ) -> Result<World, TestCaseError> {
        let (generation, bounds) = (self.generation(spec), Bounds::default());
        let target = Target { spec, previous: Some(failed), owner: &self.0, generation: &generation, bounds: &bounds };
        let observed = world.observed(spec, &[generation.marker()].into(), Purpose::Reconcile(Some(failed)));
        self.reconcile(world, &plan::properties_to_restore(target, &observed), Some(failed), run)
    }

    /// Applies the plan, with the second pass that a shared object needs. A complete run must leave a consistent world, in which
    /// a second run writes nothing.
    fn apply_and_verify(
        &self,
        planned: &ReconcilePlan,
        world: &World,
        spec: &Spec,
        old: Option<&Spec>,
        run: Run<'_>,
    ) -> Result<World, TestCaseError> {
        let mut after = self.apply_plan(&planned.plan, world, spec, run)?;
        if run.interrupt_at.is_none() {
            let replan = |after: &World| {
                self.plan(after, spec, old)
                    .map_err(|problems| failure(&format!("a second run reports problems: {problems}"), after))
            };
            if planned.needs_second_pass {
                after = self.apply_plan(&replan(&after)?.plan, &after, spec, run)?;
            }
            check_consistency(&after).map_err(|reason| failure(&reason, &after))?;
            let second = replan(&after)?;
            expect_no_steps(&second.plan, &after)?;
        }
        Ok(after)
    }

    /// Tears the generation of these properties down. The plan must not report problems.
    pub(crate) fn tear_down(&self, world: &World, spec: &Spec, run: Run<'_>) -> Result<World, TestCaseError> {
        let planned = self
            .plan_teardown(world, spec)
            .map_err(|problems| failure(&format!("the teardown reports problems: {problems}"), world))?;
        let after = self.apply_plan(&planned.plan, world, spec, run)?;
        if run.interrupt_at.is_none() {
            check_consistency(&after).map_err(|reason| failure(&reason, &after))?;
            let second = self
                .plan_teardown_recheck(&after, spec, &planned.plan, Recheck::Everything)
                .map_err(|problems| failure(&format!("a second teardown reports problems: {problems}"), &after))?;
            expect_no_steps(&second.plan, &after)?;
        }
        Ok(after)
    }

    /// Applies a plan in one of the orders that its dependencies allow. Every step must succeed, and must change something unless
    /// it only verifies.
    pub(crate) fn apply_plan(
        &self,
        plan: &Plan,
        world: &World,
        spec: &Spec,
        run: Run<'_>,
    ) -> Result<World, TestCaseError> {
        let (mut world, marker) = (world.clone(), self.generation(spec).marker());
        let mut pending: Vec<_> = plan.steps().collect();
        let not_applied = run.interrupt_at.map_or(0, |at| pending.len() - usize::from(at) % (pending.len() + 1));
        let mut done = BTreeSet::new();
        let priority = |index: usize| run.order.get(index % run.order.len().max(1)).copied();
        let all_ids: Vec<_> = pending.iter().map(|(id, _, _)| *id).collect();
        while not_applied < pending.len() {
            let ready = pending
                .iter()
                .enumerate()
                .filter(|(_, (_, _, dependencies))| dependencies.iter().all(|id| done.contains(id)));
            let next = ready.min_by_key(|(_, (id, _, _))| {
                priority(all_ids.iter().position(|other| other == id).unwrap_or_default())
            });
            let Some((index, _)) = next else { return Err(failure("the steps depend on each other", &world)) };
            let (id, step, dependencies) = pending.remove(index);
            if dependencies.iter().any(|dependency| id <= *dependency) {
                return Err(failure(&format!("the plan lists `{step}` before one of its dependencies"), &world));
            }
            let before = world.clone();
            world
                .apply_step(step, &spec.cluster_name)
                .map_err(|code| failure(&format!("`{step}` fails: {code}"), &before))?;
            if world == before && !matches!(step, Step::Ec2(Ec2Step::VerifyTags { .. })) {
                return Err(failure(&format!("`{step}` changes nothing"), &world));
            }
            check_aws_auth_marker_recorded(&world, &marker)
                .map_err(|reason| failure(&format!("after `{step}`: {reason}"), &before))?;
            if let Some(invariant) = run.invariant {
                invariant(&world).map_err(|reason| failure(&format!("after `{step}`: {reason}"), &before))?;
            }
            done.insert(id);
        }
        Ok(world)
    }
}

fn expect_no_steps(plan: &Plan, world: &World) -> Result<(), TestCaseError> {
    let steps: Vec<_> = plan.steps().map(|(_, step, _)| step.to_string()).collect();
    if steps.is_empty() {
        Ok(())
    } else {
        Err(failure(&format!("a second run would apply {}", steps.join(", ")), world))
    }
}

/// Checks that two worlds are equal, with aws-auth byte for byte. `when` says at which point of the case, for the message.
pub(crate) fn expect_equal(found: &World, expected: &World, when: &str) -> Result<(), TestCaseError> {
    let mut differences = map_differences(&found.roles, &expected.roles);
    differences.extend(map_differences(&found.profiles, &expected.profiles));
    differences.extend(map_differences(&found.oidc_providers, &expected.oidc_providers));
    differences.extend(map_differences(&found.resources, &expected.resources));
    differences.extend(map_differences(&found.clusters, &expected.clusters));
    let message = || format!("{when} the world differs:\n{}", differences.join("\n"));
    if found == expected { Ok(()) } else { Err(TestCaseError::fail(message())) }
}

fn map_differences<T: Debug + PartialEq>(found: &BTreeMap<String, T>, expected: &BTreeMap<String, T>) -> Vec<String> {
    let names: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let different = names.into_iter().filter(|name| found.get(*name) != expected.get(*name));
    different.map(|name| format!("{name}: found {:?}\nexpected {:?}", found.get(name), expected.get(name))).collect()
}

/// Fails the case with a reason and the world in which it occurred.
pub(crate) fn failure(reason: &str, world: &World) -> TestCaseError {
    TestCaseError::fail(format!("{reason}\nin {world:?}"))
}
