//! What must be so at every moment of a run, not only at its end.

use crate::life::{Resource, Run};
use crate::model::World;
use crate::properties::{STACK, in_place, replacing, spec};
use crate::worlds::worlds;
use crate::{orders, prove};
use karpenter_prereqs_core::desired::spec::{NODE_POLICIES, NodeAccess, NodeRole, Spec};
use karpenter_prereqs_core::documents::policy::pass_role_arns;
use karpenter_prereqs_core::identity::aws_names::without_path;
use std::collections::BTreeSet;

/// What a generation lives by, as far as it stands.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Support {
    Tag { id: String },
    Entry,
    NodeRole { policy: &'static str },
    Profile,
    PassRole,
}

/// What stands of a generation. Of these resources each counts that has the tag of one of `tags`.
fn support(world: &World, spec: &Spec, ids: &BTreeSet<String>, tags: &[&Spec]) -> BTreeSet<Support> {
    let mut support = BTreeSet::new();
    for (id, found) in world.resources.iter().filter(|(id, _)| ids.contains(*id)) {
        if tags.iter().any(|spec| found.get(&spec.discovery_tag.key) == Some(&spec.discovery_tag.value)) {
            support.insert(Support::Tag { id: id.clone() });
        }
    }
    let arn = spec.node_role_arn();
    let map_roles = world.clusters.get(&spec.cluster_name).and_then(|eks| eks.aws_auth.as_ref()?.map_roles.as_ref());
    let is_mapped = map_roles.is_some_and(|text| text.contains(&without_path(&arn)));
    let may_use = world.clusters.get(&spec.cluster_name).is_some_and(|eks| eks.access_entries.contains_key(&arn));
    if spec.node_access != NodeAccess::None && (is_mapped || may_use) {
        support.insert(Support::Entry);
    }
    if let (NodeRole::Managed { .. }, Some(role)) = (&spec.node_role, world.role(spec.node_role_name())) {
        // Either of those that let images be pulled will do.
        let own = NODE_POLICIES.into_iter().chain(["AmazonEC2ContainerRegistry"]);
        let own = own.filter(|policy| role.attached.iter().any(|arn| arn.contains(policy)));
        support.extend(own.map(|policy| Support::NodeRole { policy }));
    }
    let profile = world.profiles.get(&spec.instance_profile_name.to_lowercase());
    if profile.is_some_and(|profile| profile.roles.iter().any(|role| role == spec.node_role_name())) {
        support.insert(Support::Profile);
    }
    let controller = world.role(&spec.controller_role_name);
    let policy = controller.and_then(|role| role.inline.get(&spec.controller_policy_name())?.as_ref());
    if policy.is_some_and(|policy| pass_role_arns(policy).contains(&arn)) {
        support.insert(Support::PassRole);
    }
    support
}

fn all_of(needed: &BTreeSet<Support>, there: &BTreeSet<Support>) -> Result<(), String> {
    let missing: Vec<_> = needed.difference(there).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} is gone")) }
}

/// The subnets and security groups that carry the tag of a generation that stands.
fn carrying(resource: &Resource, world: &World, spec: &Spec) -> BTreeSet<String> {
    let stands = resource.plan(world, spec, None).map(|converged| (converged.subnet_ids, converged.security_group_ids));
    let (subnet_ids, security_group_ids) = stands.unwrap_or_default();
    subnet_ids.into_iter().chain(security_group_ids).collect()
}

/// What both the old and the new properties want is never gone, and a discovery tag never missing between the two.
#[test]
fn an_update_in_place_cuts_nobody_off() {
    prove(&(in_place(), worlds(), orders(), orders()), 25, |((old, new), world, one, other)| {
        let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_converge(&world, &old, None, Run::whole(&one))? else { return Ok(false) };
        let Some(after) = resource.try_converge(&before, &new, Some(&old), Run::whole(&other))? else {
            return Ok(false);
        };
        let ids = carrying(&resource, &after, &new);
        let wanted = support(&after, &new, &ids, &[&new]);
        let needed: BTreeSet<_> =
            support(&before, &old, &ids, &[&old]).into_iter().filter(|it| wanted.contains(it)).collect();
        let always = |world: &World| all_of(&needed, &support(world, &new, &ids, &[&old, &new]));
        resource.converge(&before, &new, Some(&old), Run::whole(&other).always(&always))?;
        Ok(true)
    });
}

/// One generation comes beside the other and goes again, or stays when the other goes.
#[test]
fn one_generation_never_takes_what_the_other_lives_by() {
    prove(&(replacing(), worlds(), orders(), orders()), 15, |((old, new), world, one, other)| {
        let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_converge(&world, &old, None, Run::whole(&one))? else { return Ok(false) };
        let Some(both) = resource.try_converge(&before, &new, Some(&old), Run::whole(&other))? else {
            return Ok(false);
        };
        let (ids_of_old, ids_of_new) = (carrying(&resource, &before, &old), carrying(&resource, &both, &new));
        let (of_old, of_new) =
            (support(&before, &old, &ids_of_old, &[&old]), support(&both, &new, &ids_of_new, &[&new]));
        let old_stands = |world: &World| all_of(&of_old, &support(world, &old, &ids_of_old, &[&old]));
        let new_stands = |world: &World| all_of(&of_new, &support(world, &new, &ids_of_new, &[&new]));
        resource.converge(&before, &new, Some(&old), Run::whole(&other).always(&old_stands))?;
        resource.release(&both, &old, Run::whole(&one).always(&new_stands))?;
        resource.release(&both, &new, Run::whole(&one).always(&old_stands))?;
        Ok(true)
    });
}
