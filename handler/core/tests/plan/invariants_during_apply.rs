//! What must be true after every step of a run, not only at its end.

use crate::generators::worlds;
use crate::harness::{Resource, Run};
use crate::model::World;
use crate::properties::{STACK, in_place, replacing, spec};
use crate::{check_property, orders};
use karpenter_prereqs_core::desired::spec::{NODE_POLICIES, NodeAccess, NodeRole, Spec};
use karpenter_prereqs_core::documents::policy::pass_role_arns;
use karpenter_prereqs_core::identity::aws_names::without_path;
use std::collections::BTreeSet;

/// Something that Karpenter or its nodes need from a generation.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Capability {
    /// Karpenter discovers the subnet or security group.
    Tag { id: String },
    /// Nodes join the cluster.
    NodeAccess,
    /// The node role has the policy.
    NodeRole { policy: &'static str },
    /// The instance profile contains the node role.
    InstanceProfile,
    /// The controller may pass the node role.
    PassRole,
}

/// Returns the capabilities that exist. A resource of `ids` is discovered if it has the discovery tag of one of `tag_specs`.
fn capabilities(world: &World, spec: &Spec, ids: &BTreeSet<String>, tag_specs: &[&Spec]) -> BTreeSet<Capability> {
    let mut capabilities = BTreeSet::new();
    for (id, found) in world.resources.iter().filter(|(id, _)| ids.contains(*id)) {
        if tag_specs.iter().any(|spec| found.get(&spec.discovery_tag.key) == Some(&spec.discovery_tag.value)) {
            capabilities.insert(Capability::Tag { id: id.clone() });
        }
    }
    let arn = spec.node_role_arn();
    let map_roles = world.clusters.get(&spec.cluster_name).and_then(|eks| eks.aws_auth.as_ref()?.map_roles.as_ref());
    let has_aws_auth_entry = map_roles.is_some_and(|text| text.contains(&without_path(&arn)));
    let has_access_entry =
        world.clusters.get(&spec.cluster_name).is_some_and(|eks| eks.access_entries.contains_key(&arn));
    if spec.node_access != NodeAccess::None && (has_aws_auth_entry || has_access_entry) {
        capabilities.insert(Capability::NodeAccess);
    }
    if let (NodeRole::Managed { .. }, Some(role)) = (&spec.node_role, world.role(spec.node_role_name())) {
        // One of the two ECR policies is enough to pull images.
        let policies = NODE_POLICIES.into_iter().chain(["AmazonEC2ContainerRegistry"]);
        let attached = policies.filter(|policy| role.attached.iter().any(|arn| arn.contains(policy)));
        capabilities.extend(attached.map(|policy| Capability::NodeRole { policy }));
    }
    let profile = world.profiles.get(&spec.instance_profile_name.to_lowercase());
    if profile.is_some_and(|profile| profile.roles.iter().any(|role| role == spec.node_role_name())) {
        capabilities.insert(Capability::InstanceProfile);
    }
    let controller = world.role(&spec.controller_role_name);
    let policy = controller.and_then(|role| role.inline.get(&spec.controller_policy_name())?.as_ref());
    if policy.is_some_and(|policy| pass_role_arns(policy).contains(&arn)) {
        capabilities.insert(Capability::PassRole);
    }
    capabilities
}

fn expect_all(needed: &BTreeSet<Capability>, existing: &BTreeSet<Capability>) -> Result<(), String> {
    let missing: Vec<_> = needed.difference(existing).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} is missing")) }
}

/// Returns the subnets and security groups that have the discovery tag of a generation.
fn tagged_ids(resource: &Resource, world: &World, spec: &Spec) -> BTreeSet<String> {
    let planned = resource.plan(world, spec, None).map(|planned| (planned.subnet_ids, planned.security_group_ids));
    let (subnet_ids, security_group_ids) = planned.unwrap_or_default();
    subnet_ids.into_iter().chain(security_group_ids).collect()
}

/// Capabilities of both the old and the new properties exist at every moment. While one discovery tag replaces another, a
/// resource always has at least one of them.
#[test]
fn update_in_place_keeps_capabilities_of_both_specs() {
    check_property(&(in_place(), worlds(), orders(), orders()), 25, |((old, new), world, order, other_order)| {
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_reconcile(&world, &old, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Some(after) = resource.try_reconcile(&before, &new, Some(&old), Run::complete(&other_order))? else {
            return Ok(false);
        };
        let ids = tagged_ids(&resource, &after, &new);
        let of_new = capabilities(&after, &new, &ids, &[&new]);
        let of_old = capabilities(&before, &old, &ids, &[&old]);
        let needed: BTreeSet<_> = of_old.into_iter().filter(|capability| of_new.contains(capability)).collect();
        let invariant = |world: &World| expect_all(&needed, &capabilities(world, &new, &ids, &[&old, &new]));
        let run = Run::complete(&other_order).with_invariant(&invariant);
        resource.reconcile(&before, &new, Some(&old), run)?;
        Ok(true)
    });
}

/// A new generation is created while the old one exists. Then either of them is deleted.
#[test]
fn replacement_keeps_capabilities_of_other_generation() {
    check_property(&(replacing(), worlds(), orders(), orders()), 15, |((old, new), world, order, other_order)| {
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_reconcile(&world, &old, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Some(both) = resource.try_reconcile(&before, &new, Some(&old), Run::complete(&other_order))? else {
            return Ok(false);
        };
        let (ids_of_old, ids_of_new) = (tagged_ids(&resource, &before, &old), tagged_ids(&resource, &both, &new));
        let of_old = capabilities(&before, &old, &ids_of_old, &[&old]);
        let of_new = capabilities(&both, &new, &ids_of_new, &[&new]);
        let old_works = |world: &World| expect_all(&of_old, &capabilities(world, &old, &ids_of_old, &[&old]));
        let new_works = |world: &World| expect_all(&of_new, &capabilities(world, &new, &ids_of_new, &[&new]));
        resource.reconcile(&before, &new, Some(&old), Run::complete(&other_order).with_invariant(&old_works))?;
        resource.tear_down(&both, &old, Run::complete(&order).with_invariant(&new_works))?;
        resource.tear_down(&both, &new, Run::complete(&order).with_invariant(&old_works))?;
        Ok(true)
    });
}
