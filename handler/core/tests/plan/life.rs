//! What CloudFormation's events do to the world: a resource that converges and goes, whole or cut off on the way.

use crate::model::{Look, World};
use karpenter_prereqs_core::desired::spec::CONTROLLER_POLICY_PREFIX;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::config_map::BEFORE_KEY;
use karpenter_prereqs_core::documents::policy::pass_role_arns;
use karpenter_prereqs_core::identity::ownership::{
    Generation, Marker, OWNER_KEY, Owner, PREFIX, is_in_aws_auth, markers,
};
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::{
    self, Departing, Ec2Step, Plan, Problems, Recheck, ReconcilePlan, Step, Target, TeardownPlan,
};
use proptest::test_runner::TestCaseError;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// A property's outcome: whether the case came to its end, or was refused on the way as it may be.
pub(crate) type Outcome = Result<bool, TestCaseError>;

/// A resource of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Resource(pub(crate) Owner);

/// How a plan is carried out.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// Of the steps that are ready, the one whose byte is smallest comes next: some bytes for every order there is.
    pub(crate) order: &'a [u8],
    /// The power is cut after so many steps, modulo the steps there are and one more.
    pub(crate) cut: Option<u8>,
    /// What must be so after every step.
    pub(crate) always: Option<&'a Condition<'a>>,
}

/// Something that must be so, and why it is not.
type Condition<'a> = dyn Fn(&World) -> Result<(), String> + 'a;

impl<'a> Run<'a> {
    pub(crate) fn whole(order: &'a [u8]) -> Self {
        Self { order, cut: None, always: None }
    }

    pub(crate) fn cut(order: &'a [u8], at: u8) -> Self {
        Self { order, cut: Some(at), always: None }
    }

    pub(crate) fn always(self, always: &'a Condition<'a>) -> Self {
        Self { always: Some(always), ..self }
    }
}

impl Resource {
    pub(crate) fn of(stack_id: &str, logical_resource_id: &str) -> Self {
        Self(Owner { stack_id: stack_id.to_owned(), logical_resource_id: logical_resource_id.to_owned() })
    }

    pub(crate) fn generation(&self, spec: &Spec) -> Generation {
        self.0.generation(&spec.identity())
    }

    pub(crate) fn plan(&self, world: &World, spec: &Spec, old: Option<&Spec>) -> Result<ReconcilePlan, Problems> {
        let ours = [self.generation(spec).marker()].into();
        self.plan_for(&world.observed(spec, &ours, Look::Reconcile(old)), spec, old)
    }

    /// The plan for what was read, where that is not all in the world.
    pub(crate) fn plan_for(
        &self,
        observed: &Observed,
        spec: &Spec,
        old: Option<&Spec>,
    ) -> Result<ReconcilePlan, Problems> {
        let generation = self.generation(spec);
        let bounds = Bounds::default();
        plan::reconcile(Target { spec, old, owner: &self.0, generation: &generation, bounds: &bounds }, observed)
    }

    pub(crate) fn plan_release(&self, world: &World, spec: &Spec) -> Result<TeardownPlan, Problems> {
        self.plan_leaving(world, spec, false, Recheck::Everything)
    }

    /// Another look when the generation has gone, at what a release has said to be shared.
    pub(crate) fn plan_release_again(
        &self,
        world: &World,
        spec: &Spec,
        shared: Recheck,
    ) -> Result<TeardownPlan, Problems> {
        self.plan_leaving(world, spec, true, shared)
    }

    fn plan_leaving(&self, world: &World, spec: &Spec, again: bool, shared: Recheck) -> Result<TeardownPlan, Problems> {
        let ours = [self.generation(spec).marker()].into();
        let departing = Departing { markers: &ours, owner: &self.0, is_recheck: again };
        let observed = world.observed(spec, &ours, Look::TearDown);
        let observed = match shared {
            Recheck::Everything => observed,
            Recheck::OidcProvider => observed.oidc_provider_alone(),
            Recheck::Nothing => Observed::default(),
        };
        plan::tear_down(spec, departing, &observed)
    }

    /// Converges; `None` when that is refused.
    pub(crate) fn try_converge(
        &self,
        world: &World,
        spec: &Spec,
        old: Option<&Spec>,
        run: Run<'_>,
    ) -> Result<Option<World>, TestCaseError> {
        match self.plan(world, spec, old) {
            Err(refused) if refused.0.is_empty() => Err(fault("a problem says nothing", world)),
            Err(_) => Ok(None),
            Ok(converged) => self.converged(&converged, world, spec, old, run).map(Some),
        }
    }

    /// Converges where nothing may stand in the way.
    pub(crate) fn converge(
        &self,
        world: &World,
        spec: &Spec,
        old: Option<&Spec>,
        run: Run<'_>,
    ) -> Result<World, TestCaseError> {
        let converged = self.plan(world, spec, old).map_err(|refused| fault(&format!("refused: {refused}"), world))?;
        self.converged(&converged, world, spec, old, run)
    }

    /// Rolls an Update to `failed` back, or cancels it; nothing may stand in the way.
    pub(crate) fn put_back(
        &self,
        world: &World,
        spec: &Spec,
        failed: &Spec,
        run: Run<'_>,
    ) -> Result<World, TestCaseError> {
        let (generation, bounds) = (self.generation(spec), Bounds::default());
        let aim = Target { spec, old: Some(failed), owner: &self.0, generation: &generation, bounds: &bounds };
        let observed = world.observed(spec, &[generation.marker()].into(), Look::Reconcile(Some(failed)));
        self.converge(world, &plan::put_back(aim, &observed), Some(failed), run)
    }

    /// Carries out, looks again where others rely on the same, and whether a second run would do anything.
    fn converged(
        &self,
        converged: &ReconcilePlan,
        world: &World,
        spec: &Spec,
        old: Option<&Spec>,
        run: Run<'_>,
    ) -> Result<World, TestCaseError> {
        let mut after = self.carried_out(&converged.plan, world, spec, run)?;
        if run.cut.is_none() {
            let look = |after: &World| {
                self.plan(after, spec, old)
                    .map_err(|refused| fault(&format!("what was made is refused: {refused}"), after))
            };
            if converged.is_shared {
                after = self.carried_out(&look(&after)?.plan, &after, spec, run)?;
            }
            sound(&after).map_err(|why| fault(&why, &after))?;
            let again = look(&after)?;
            nothing_left(&again.plan, &after)?;
        }
        Ok(after)
    }

    /// Takes the generation of that spec away; nothing may stand in the way.
    pub(crate) fn release(&self, world: &World, spec: &Spec, run: Run<'_>) -> Result<World, TestCaseError> {
        let released = self
            .plan_release(world, spec)
            .map_err(|refused| fault(&format!("the release is refused: {refused}"), world))?;
        let after = self.carried_out(&released.plan, world, spec, run)?;
        if run.cut.is_none() {
            sound(&after).map_err(|why| fault(&why, &after))?;
            let again = self
                .plan_release_again(&after, spec, Recheck::Everything)
                .map_err(|refused| fault(&format!("a second release is refused: {refused}"), &after))?;
            nothing_left(&again.plan, &after)?;
        }
        Ok(after)
    }

    /// Carries a plan out in one of the orders that its needs allow. A step that is refused or changes nothing is a fault.
    pub(crate) fn carried_out(
        &self,
        plan: &Plan,
        world: &World,
        spec: &Spec,
        run: Run<'_>,
    ) -> Result<World, TestCaseError> {
        let (mut world, marker) = (world.clone(), self.generation(spec).marker());
        let mut waiting: Vec<_> = plan.steps().collect();
        let until = run.cut.map_or(0, |cut| waiting.len() - usize::from(cut) % (waiting.len() + 1));
        let mut done = BTreeSet::new();
        let turn = |index: usize| run.order.get(index % run.order.len().max(1)).copied();
        let places: Vec<_> = waiting.iter().map(|(id, _, _)| *id).collect();
        while until < waiting.len() {
            let ready =
                waiting.iter().enumerate().filter(|(_, (_, _, needs))| needs.iter().all(|need| done.contains(need)));
            let next = ready
                .min_by_key(|(_, (id, _, _))| turn(places.iter().position(|place| place == id).unwrap_or_default()));
            let Some((at, _)) = next else { return Err(fault("the steps wait for each other", &world)) };
            let (id, step, needs) = waiting.remove(at);
            if needs.iter().any(|need| id <= *need) {
                return Err(fault(&format!("`{step}` stands before what it needs"), &world));
            }
            let before = world.clone();
            world.carry_out(step, &spec.cluster_name).map_err(|code| fault(&format!("`{step}`: {code}"), &before))?;
            if world == before && !matches!(step, Step::Ec2(Ec2Step::VerifyTags { .. })) {
                return Err(fault(&format!("`{step}` changes nothing"), &world));
            }
            admitted_under_a_mark(&world, &marker).map_err(|why| fault(&format!("after `{step}`: {why}"), &before))?;
            if let Some(always) = run.always {
                always(&world).map_err(|why| fault(&format!("after `{step}`: {why}"), &before))?;
            }
            done.insert(id);
        }
        Ok(world)
    }
}

/// A release that finds no marker on any role, and cannot reach the cluster, takes it that there is no entry.
fn admitted_under_a_mark(world: &World, marker: &Marker) -> Result<(), String> {
    let standing = world.clusters.values().filter(|eks| eks.cluster.status != "DELETING");
    let mut maps = standing.filter_map(|eks| eks.aws_auth.as_ref());
    let admitted = maps.any(|map| map.annotations.contains_key(marker.key()));
    let ours = [marker.clone()].into();
    let roles = world.roles.values().map(|role| &role.tags);
    let marker_value = roles.chain(world.profiles.values().map(|it| &it.tags)).any(|tags| is_in_aws_auth(tags, &ours));
    if admitted && !marker_value { Err(format!("{marker} stands in aws-auth and nothing says so")) } else { Ok(()) }
}

/// What holds between two runs, whatever they were for.
fn sound(world: &World) -> Result<(), String> {
    // What was adopted and left is as its last user had it.
    for role in world.roles.values().filter(|role| role.tags.keys().any(|key| key.starts_with(PREFIX))) {
        let passable: BTreeSet<_> = markers(&role.tags).map(|(_, arn)| arn.to_owned()).collect();
        let passable: BTreeSet<_> = passable.difference(&world.unpassable).cloned().collect();
        for (name, document) in role.inline.iter().filter(|(name, _)| name.starts_with(CONTROLLER_POLICY_PREFIX)) {
            let listed = document.as_ref().map(pass_role_arns).unwrap_or_default();
            if listed != passable {
                return Err(format!(
                    "`{name}` of `{}` passes {listed:?}, and its markers are for {passable:?}",
                    role.name
                ));
            }
        }
    }
    for (id, tags) in &world.resources {
        let has = |note: &str| tags.iter().any(|(key, value)| format!("{key}={value}") == note);
        if let Some((marker, note)) = markers(tags).find(|(_, note)| !has(note)) {
            return Err(format!("{marker} on {id} stands for `{note}`, which is not there"));
        }
        let is_of_ours = |key: &&String| key.starts_with(PREFIX) && Marker::from_key(key).is_none();
        if let Some(key) = tags.keys().find(is_of_ours) {
            return Err(format!("{key} on {id} was left behind"));
        }
    }
    for eks in world.clusters.values() {
        let made = eks.access_entries.values().filter(|entry| entry.tags.contains_key(OWNER_KEY));
        if let Some(entry) = made.clone().find(|entry| markers(&entry.tags).next().is_none()) {
            return Err(format!("{} was left behind", entry.arn));
        }
        let annotations = eks.aws_auth.iter().map(|map| &map.annotations);
        if annotations
            .clone()
            .any(|annotations| annotations.contains_key(BEFORE_KEY) && markers(annotations).next().is_none())
        {
            return Err("what stood in aws-auth before is marker_value, and nobody is there to put it back".to_owned());
        }
    }
    Ok(())
}

fn nothing_left(plan: &Plan, world: &World) -> Result<(), TestCaseError> {
    let left: Vec<_> = plan.steps().map(|(_, step, _)| step.to_string()).collect();
    if left.is_empty() { Ok(()) } else { Err(fault(&format!("a second run would {}", left.join(", ")), world)) }
}

/// That two worlds are one, to the byte.
pub(crate) fn same(found: &World, expected: &World, what: &str) -> Result<(), TestCaseError> {
    let mut differences = differing(&found.roles, &expected.roles);
    differences.extend(differing(&found.profiles, &expected.profiles));
    differences.extend(differing(&found.oidc_providers, &expected.oidc_providers));
    differences.extend(differing(&found.resources, &expected.resources));
    differences.extend(differing(&found.clusters, &expected.clusters));
    let told = || format!("{what} the world is another:\n{}", differences.join("\n"));
    if found == expected { Ok(()) } else { Err(TestCaseError::fail(told())) }
}

fn differing<T: Debug + PartialEq>(found: &BTreeMap<String, T>, expected: &BTreeMap<String, T>) -> Vec<String> {
    let names: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differ = names.into_iter().filter(|name| found.get(*name) != expected.get(*name));
    differ.map(|name| format!("{name}: found {:?}\nexpected {:?}", found.get(name), expected.get(name))).collect()
}

pub(crate) fn fault(why: &str, world: &World) -> TestCaseError {
    TestCaseError::fail(format!("{why}\nin {world:?}"))
}
