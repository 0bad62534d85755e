//! The world once a plan is carried out, as far as another plan for it may depend on that: for who wants to see both before
//! either is begun.

mod writes;

pub use writes::{Effect, Write, writes};

use super::step::{Plan, Step};
use crate::documents::config_map::{self, Edit};
use crate::observed::{AwsAuth, Observed, Role};

/// The world as this plan leaves it, if nobody else does anything. What the plan makes anew under names that the world was not
/// looked at for is not in it.
pub fn after(plan: &Plan, observed: &Observed) -> Observed {
    let mut world = Observed { discovery: writes::after(plan, &observed.discovery), ..observed.clone() };
    for (_, step, _) in plan.steps() {
        carry_out(step, &mut world);
    }
    world
}

fn carry_out(step: &Step, world: &mut Observed) {
    match step {
        Step::TagRole { name, tags } => on_role(world, name, |role| role.tags.extend(tags.clone())),
        Step::UntagRole { name, keys } => on_role(world, name, |role| role.tags.retain(|key, _| !keys.contains(key))),
        Step::UpdateAssumeRolePolicy { name, trust } => on_role(world, name, |role| role.trust = trust.clone()),
        Step::AttachRolePolicy { name, policy_arn } => {
            on_role(world, name, |role| {
                role.attached.insert(policy_arn.clone());
            });
        }
        Step::DetachRolePolicy { name, policy_arn } => {
            on_role(world, name, |role| {
                role.attached.remove(policy_arn);
            });
        }
        Step::PutRolePolicy { name, policy_name, document } => {
            on_role(world, name, |role| {
                role.inline.insert(policy_name.clone(), Some(document.clone()));
            });
        }
        Step::TagInstanceProfile { name, tags } => {
            if let Some(profile) = world.instance_profile.as_mut().filter(|profile| profile.name == *name) {
                profile.tags.extend(tags.clone());
            }
        }
        Step::TagEksResource { arn, tags } => {
            if let Some(entry) = world.access_entry.as_mut().filter(|entry| entry.arn == *arn) {
                entry.tags.extend(tags.clone());
            }
            for association in world.associations.values_mut().filter(|association| association.arn == *arn) {
                association.tags.extend(tags.clone());
            }
        }
        Step::TagOpenIdConnectProvider { arn, tags } => {
            if let Some(provider) = world.oidc_provider.as_mut().filter(|provider| provider.arn == *arn) {
                provider.tags.extend(tags.clone());
            }
        }
        Step::EditAwsAuth { change, .. } => {
            if let AwsAuth::Present(map) = &world.aws_auth
                && let Ok(Edit::Replace(edited)) = config_map::edit(Some(map), change)
            {
                world.aws_auth = AwsAuth::Present(edited);
            }
        }
        _ => {}
    }
}

fn on_role(world: &mut Observed, name: &str, act: impl Fn(&mut Role)) {
    let roles = [&mut world.node_role, &mut world.controller_role].into_iter().flatten();
    roles.filter(|role| role.name == name).for_each(act);
}
