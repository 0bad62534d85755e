//! A simulated snapshot against the snapshot that a run takes after the plan is carried out.

use crate::life::{Outcome, Resource, Run, fault};
use crate::model::{Look, World};
use crate::properties::{STACK, history, spec};
use crate::worlds::worlds;
use crate::{orders, prove};
use jiff::Timestamp;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::{AwsAuth, Observed};
use karpenter_prereqs_core::plan::{Plan, simulate};
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::test_runner::TestCaseError;
use std::collections::BTreeMap;

#[test]
fn simulated_snapshot_is_the_snapshot_after_the_plan() {
    prove(&(history(3), worlds(), orders()), 30, |(history, world, order)| {
        create_update_delete(&history, world, &order)
    });
}

/// A Create, an Update to each of the other properties, and the Delete of each generation that is replaced.
fn create_update_delete(history: &[RawProperties], mut world: World, order: &[u8]) -> Outcome {
    let (resource, run) = (Resource::of(STACK, "Prereqs"), Run::whole(order));
    let mut before: Option<Spec> = None;
    for spec in history.iter().map(spec) {
        let Ok(planned) = resource.plan(&world, &spec, before.as_ref()) else {
            // An Update that has problems changes nothing.
            if before.is_some() {
                continue;
            }
            return Ok(false);
        };
        let stage = Stage { resource: &resource, spec: &spec, look: Look::Reconcile(before.as_ref()) };
        world = stage.carried_out(&planned.plan, &world, run)?;
        if let Some(old) = before.filter(|old| resource.generation(old) != resource.generation(&spec)) {
            world = torn_down(&resource, &old, &world, run)?;
        }
        before = Some(spec);
    }
    let last = before.unwrap_or_else(|| spec(&history[0]));
    torn_down(&resource, &last, &world, run)?;
    Ok(true)
}

fn torn_down(resource: &Resource, spec: &Spec, world: &World, run: Run<'_>) -> Result<World, TestCaseError> {
    let planned = resource.plan_release(world, spec).map_err(|problems| fault(&problems.to_string(), world))?;
    Stage { resource, spec, look: Look::TearDown }.carried_out(&planned.plan, world, run)
}

/// One plan, and what its snapshots are taken for.
struct Stage<'a> {
    resource: &'a Resource,
    spec: &'a Spec,
    look: Look<'a>,
}

impl Stage<'_> {
    /// Carries the plan out, and compares both snapshots.
    fn carried_out(&self, plan: &Plan, world: &World, run: Run<'_>) -> Result<World, TestCaseError> {
        let snapshot = |world: &World| {
            let ours = [self.resource.generation(self.spec).marker()].into();
            world.observed(self.spec, &ours, self.look)
        };
        let after = self.resource.carried_out(plan, world, self.spec, run)?;
        let read = snapshot(&after);
        let simulated = as_far_as_read(simulate(plan, self.spec, &snapshot(world)), &read);
        let read = without_assigned_values(read);
        if simulated != read {
            let steps: Vec<_> = plan.steps().map(|(_, step, _)| step.to_string()).collect();
            return Err(fault(&format!("{steps:#?}\nsimulated {simulated:#?}\nread {read:#?}"), world));
        }
        Ok(after)
    }
}

/// What the later snapshot does not read is left out: which objects it reads depends on their markers. What the services were asked
/// is no state of the account.
fn as_far_as_read(mut simulated: Observed, read: &Observed) -> Observed {
    if read.aws_auth == AwsAuth::NotRead {
        simulated.aws_auth = AwsAuth::NotRead;
    }
    simulated.associations.retain(|account, _| read.associations.contains_key(account));
    simulated.discovery.subnets.retain(|id, _| read.discovery.subnets.contains_key(id));
    simulated.discovery.security_groups.retain(|id, _| read.discovery.security_groups.contains_key(id));
    let serves = |observed: &Observed| observed.cluster.as_ref().is_some_and(|it| it.status == "ACTIVE");
    if !serves(read) {
        // Only the controller role says which provider it is.
        simulated.oidc_provider.clone_from(&read.oidc_provider);
        simulated.roles_that_trust_issuer.clone_from(&read.roles_that_trust_issuer);
    }
    simulated.proven_node_roles.clone_from(&read.proven_node_roles);
    without_assigned_values(simulated)
}

/// Without the times, ids and ARNs that a service assigns.
fn without_assigned_values(mut observed: Observed) -> Observed {
    for role in observed.node_role.iter_mut().chain(&mut observed.controller_role) {
        role.created_at = Timestamp::UNIX_EPOCH;
    }
    if let Some(entry) = &mut observed.access_entry {
        (entry.arn, entry.created_at) = (String::new(), Timestamp::UNIX_EPOCH);
    }
    let associations = std::mem::take(&mut observed.associations).into_iter().map(|(account, mut association)| {
        (association.id, association.arn) = (String::new(), String::new());
        (account, association)
    });
    observed.associations = associations.collect::<BTreeMap<_, _>>();
    observed
}
