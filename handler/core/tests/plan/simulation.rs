//! Compares the simulated snapshot of a plan with the snapshot that a run reads after the plan is applied.

use crate::generators::worlds;
use crate::harness::{PropResult, Resource, Run, failure};
use crate::model::{Purpose, World};
use crate::properties::{STACK, history, spec};
use crate::{check_property, orders};
use jiff::Timestamp;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::{AwsAuth, Observed};
use karpenter_prereqs_core::plan::{Plan, simulate};
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::test_runner::TestCaseError;
use std::collections::BTreeMap;

#[test]
fn simulated_snapshot_equals_snapshot_after_apply() {
    check_property(&(history(3), worlds(), orders()), 30, |(history, world, order)| {
        create_update_delete(&history, world, &order)
    });
}

/// Creates the resource, updates it to each of the other properties, and deletes each replaced generation and the last one.
fn create_update_delete(history: &[RawProperties], mut world: World, order: &[u8]) -> PropResult {
    let (resource, run) = (Resource::new(STACK, "Prereqs"), Run::complete(order));
    let mut current: Option<Spec> = None;
    for spec in history.iter().map(spec) {
        let Ok(planned) = resource.plan(&world, &spec, current.as_ref()) else {
            // An Update with problems changes nothing.
            if current.is_some() {
                continue;
            }
            return Ok(false);
        };
        let stage = Stage { resource: &resource, spec: &spec, purpose: Purpose::Reconcile(current.as_ref()) };
        world = stage.apply_and_compare(&planned.plan, &world, run)?;
        if let Some(old) = current.filter(|old| resource.generation(old) != resource.generation(&spec)) {
            world = tear_down_and_compare(&resource, &old, &world, run)?;
        }
        current = Some(spec);
    }
    let last = current.unwrap_or_else(|| spec(&history[0]));
    tear_down_and_compare(&resource, &last, &world, run)?;
    Ok(true)
}

fn tear_down_and_compare(
    resource: &Resource,
    spec: &Spec,
    world: &World,
    run: Run<'_>,
) -> Result<World, TestCaseError> {
    let planned = resource.plan_teardown(world, spec).map_err(|problems| failure(&problems.to_string(), world))?;
    Stage { resource, spec, purpose: Purpose::TearDown }.apply_and_compare(&planned.plan, world, run)
}

/// One plan, and the purpose of its snapshots.
struct Stage<'a> {
    resource: &'a Resource,
    spec: &'a Spec,
    purpose: Purpose<'a>,
}

impl Stage<'_> {
    /// Applies the plan and compares both snapshots.
    fn apply_and_compare(&self, plan: &Plan, world: &World, run: Run<'_>) -> Result<World, TestCaseError> {
        let snapshot = |world: &World| {
            let own = [self.resource.generation(self.spec).marker()].into();
            world.observed(self.spec, &own, self.purpose)
        };
        let after = self.resource.apply_plan(plan, world, self.spec, run)?;
        let read = snapshot(&after);
        let simulated = restricted_to(simulate(plan, self.spec, &snapshot(world)), &read);
        let read = without_assigned_values(read);
        if simulated != read {
            let steps: Vec<_> = plan.steps().map(|(_, step, _)| step.to_string()).collect();
            return Err(failure(&format!("{steps:#?}\nsimulated {simulated:#?}\nread {read:#?}"), world));
        }
        Ok(after)
    }
}

/// Removes what the later snapshot does not contain: the markers decide which objects it reads. Copies the decisions of IAM on
/// `iam:PassRole`, because they are no state of the account.
fn restricted_to(mut simulated: Observed, read: &Observed) -> Observed {
    if read.aws_auth == AwsAuth::NotRead {
        simulated.aws_auth = AwsAuth::NotRead;
    }
    simulated.associations.retain(|account, _| read.associations.contains_key(account));
    simulated.discovery.subnets.retain(|id, _| read.discovery.subnets.contains_key(id));
    simulated.discovery.security_groups.retain(|id, _| read.discovery.security_groups.contains_key(id));
    let is_active = read.cluster.as_ref().is_some_and(|cluster| cluster.status == "ACTIVE");
    if !is_active {
        // Without the cluster's issuer, only the controller role names the provider.
        simulated.oidc_provider.clone_from(&read.oidc_provider);
        simulated.roles_that_trust_issuer.clone_from(&read.roles_that_trust_issuer);
    }
    simulated.proven_node_roles.clone_from(&read.proven_node_roles);
    without_assigned_values(simulated)
}

/// Removes the times, ids and ARNs that a service assigns.
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
