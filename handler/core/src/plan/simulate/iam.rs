//! What IAM's steps do to a snapshot.

use crate::desired::spec::{ControllerIdentity, Spec};
use crate::documents::policy::trust;
use crate::identity::aws_names::issuer_without_scheme;
use crate::identity::ownership::Tags;
use crate::observed::{InstanceProfile, Observed, OidcProvider, Role};
use crate::plan::step::IamStep;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Does one step in the snapshot. A step on an object of another name changes nothing there.
pub(super) fn simulate(step: &IamStep, spec: &Spec, world: &mut Observed) {
    match step {
        IamStep::CreateRole { name, path, trust, permissions_boundary, tags, .. } => {
            trust_written(world, spec, name, trust);
            let role = || Role {
                name: name.clone(),
                path: path.clone(),
                trust: trust.clone(),
                tags: tags.clone(),
                attached: BTreeSet::new(),
                inline: BTreeMap::new(),
                created_at: Timestamp::MAX,
                permissions_boundary: permissions_boundary.clone(),
            };
            if name.eq_ignore_ascii_case(spec.node_role_name()) {
                world.node_role.get_or_insert_with(role);
            }
            if name.eq_ignore_ascii_case(&spec.controller_role_name) {
                world.controller_role.get_or_insert_with(role);
            }
        }
        IamStep::DeleteRole { name } => {
            let is_deleted = |role: &mut Role| role.name.eq_ignore_ascii_case(name);
            world.node_role.take_if(is_deleted);
            world.controller_role.take_if(is_deleted);
            world.roles_that_trust_issuer.remove(name);
        }
        IamStep::TagRole { name, tags } => on_role(world, name, |role| role.tags.extend(tags.clone())),
        IamStep::UntagRole { name, keys } => on_role(world, name, |role| untag(&mut role.tags, keys)),
        IamStep::UpdateAssumeRolePolicy { name, trust } => {
            trust_written(world, spec, name, trust);
            on_role(world, name, |role| role.trust.clone_from(trust));
        }
        IamStep::PutRolePermissionsBoundary { name, permissions_boundary } => {
            on_role(world, name, |role| role.permissions_boundary = Some(permissions_boundary.clone()));
        }
        IamStep::DeleteRolePermissionsBoundary { name } => {
            on_role(world, name, |role| role.permissions_boundary = None);
        }
        IamStep::AttachRolePolicy { name, policy_arn } => {
            on_role(world, name, |role| role.attached.extend([policy_arn.clone()]));
        }
        IamStep::DetachRolePolicy { name, policy_arn } => {
            on_role(world, name, |role| role.attached.retain(|arn| arn != policy_arn));
        }
        IamStep::PutRolePolicy { name, policy_name, document } => {
            let policy = (policy_name.clone(), Some(document.clone()));
            on_role(world, name, |role| role.inline.extend([policy.clone()]));
        }
        IamStep::DeleteRolePolicy { name, policy_name } => {
            on_role(world, name, |role| role.inline.retain(|name, _| name != policy_name));
        }
        IamStep::CreateInstanceProfile { name, path, tags } => {
            if name.eq_ignore_ascii_case(&spec.instance_profile_name) {
                world.instance_profile.get_or_insert_with(|| InstanceProfile {
                    name: name.clone(),
                    path: path.clone(),
                    roles: Vec::new(),
                    tags: tags.clone(),
                });
            }
        }
        IamStep::TagInstanceProfile { name, tags } => on_profile(world, name, |it| it.tags.extend(tags.clone())),
        IamStep::UntagInstanceProfile { name, keys } => on_profile(world, name, |it| untag(&mut it.tags, keys)),
        IamStep::AddRoleToInstanceProfile { name, role } => on_profile(world, name, |it| it.roles.push(role.clone())),
        IamStep::RemoveRoleFromInstanceProfile { name, role } => {
            on_profile(world, name, |profile| profile.roles.retain(|held| !held.eq_ignore_ascii_case(role)));
            // The list has the profiles that hold the node role.
            let holds = |profile: &InstanceProfile| !profile.roles.is_empty();
            world.profiles_of_node_role.retain(holds);
        }
        IamStep::DeleteInstanceProfile { name } => {
            world.instance_profile.take_if(|profile| profile.name.eq_ignore_ascii_case(name));
            world.profiles_of_node_role.retain(|profile| !profile.name.eq_ignore_ascii_case(name));
        }
        IamStep::CreateOpenIdConnectProvider { arn, url: _, client_id_list, tags } => {
            let issuer = world.cluster.as_ref().and_then(|cluster| cluster.issuer.as_deref());
            if issuer.is_some_and(|issuer| spec.scope.oidc_provider_arn(issuer_without_scheme(issuer)) == *arn) {
                let (arn, client_ids, tags) = (arn.clone(), client_id_list.clone(), tags.clone());
                world.oidc_provider.get_or_insert(OidcProvider { arn, client_ids, tags });
            }
        }
        IamStep::TagOpenIdConnectProvider { arn, tags } => on_provider(world, arn, |it| it.tags.extend(tags.clone())),
        IamStep::UntagOpenIdConnectProvider { arn, keys } => on_provider(world, arn, |it| untag(&mut it.tags, keys)),
        IamStep::DeleteOpenIdConnectProvider { arn } => {
            world.oidc_provider.take_if(|provider| provider.arn == *arn);
        }
    }
}

/// Keeps the roles that trust the issuer up to date. They are read only where the provider may be deleted, so that an empty list of
/// a spec with IRSA was not read.
fn trust_written(world: &mut Observed, spec: &Spec, name: &str, trust: &Value) {
    let Some(provider) = &world.oidc_provider else { return };
    if !trust::trusts_provider(trust, &provider.arn) {
        world.roles_that_trust_issuer.remove(name);
    } else if !spec.has_identity(ControllerIdentity::Irsa) || !world.roles_that_trust_issuer.is_empty() {
        world.roles_that_trust_issuer.insert(name.to_owned());
    }
}

fn untag(tags: &mut Tags, keys: &BTreeSet<String>) {
    tags.retain(|key, _| !keys.contains(key));
}

/// IAM's names are equal in any letter case.
fn on_role(world: &mut Observed, name: &str, act: impl Fn(&mut Role)) {
    let roles = [&mut world.node_role, &mut world.controller_role].into_iter().flatten();
    roles.filter(|role| role.name.eq_ignore_ascii_case(name)).for_each(act);
}

fn on_profile(world: &mut Observed, name: &str, act: impl Fn(&mut InstanceProfile)) {
    let profiles = world.instance_profile.iter_mut().chain(&mut world.profiles_of_node_role);
    profiles.filter(|profile| profile.name.eq_ignore_ascii_case(name)).for_each(act);
}

fn on_provider(world: &mut Observed, arn: &str, act: impl FnOnce(&mut OidcProvider)) {
    world.oidc_provider.as_mut().filter(|provider| provider.arn == arn).map(act);
}
