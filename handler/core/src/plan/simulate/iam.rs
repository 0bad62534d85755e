//! The simulation of IAM steps.

use crate::desired::spec::{ControllerIdentity, Spec};
use crate::documents::policy::trust;
use crate::identity::aws_names::issuer_without_scheme;
use crate::identity::ownership::Tags;
use crate::observed::{InstanceProfile, Observed, OidcProvider, Role};
use crate::plan::step::IamStep;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Simulates one step. The snapshot has only the objects of `spec`, so a step on another object changes nothing.
pub(super) fn simulate(step: &IamStep, spec: &Spec, snapshot: &mut Observed) {
    match step {
        IamStep::CreateRole { name, path, trust, permissions_boundary, tags, .. } => {
            update_trusting_roles(snapshot, spec, name, trust);
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
                snapshot.node_role.get_or_insert_with(role);
            }
            if name.eq_ignore_ascii_case(&spec.controller_role_name) {
                snapshot.controller_role.get_or_insert_with(role);
            }
        }
        IamStep::DeleteRole { name } => {
            let is_deleted = |role: &mut Role| role.name.eq_ignore_ascii_case(name);
            snapshot.node_role.take_if(is_deleted);
            snapshot.controller_role.take_if(is_deleted);
            snapshot.roles_that_trust_issuer.remove(name);
        }
        IamStep::TagRole { name, tags } => on_role(snapshot, name, |role| role.tags.extend(tags.clone())),
        IamStep::UntagRole { name, keys } => on_role(snapshot, name, |role| untag(&mut role.tags, keys)),
        IamStep::UpdateAssumeRolePolicy { name, trust } => {
            update_trusting_roles(snapshot, spec, name, trust);
            on_role(snapshot, name, |role| role.trust.clone_from(trust));
        }
        IamStep::PutRolePermissionsBoundary { name, permissions_boundary } => {
            on_role(snapshot, name, |role| role.permissions_boundary = Some(permissions_boundary.clone()));
        }
        IamStep::DeleteRolePermissionsBoundary { name } => {
            on_role(snapshot, name, |role| role.permissions_boundary = None);
        }
        IamStep::AttachRolePolicy { name, policy_arn } => {
            on_role(snapshot, name, |role| role.attached.extend([policy_arn.clone()]));
        }
        IamStep::DetachRolePolicy { name, policy_arn } => {
            on_role(snapshot, name, |role| role.attached.retain(|arn| arn != policy_arn));
        }
        IamStep::PutRolePolicy { name, policy_name, document } => {
            let policy = (policy_name.clone(), Some(document.clone()));
            on_role(snapshot, name, |role| role.inline.extend([policy.clone()]));
        }
        IamStep::DeleteRolePolicy { name, policy_name } => {
            on_role(snapshot, name, |role| role.inline.retain(|name, _| name != policy_name));
        }
        IamStep::CreateInstanceProfile { name, path, tags } => {
            if name.eq_ignore_ascii_case(&spec.instance_profile_name) {
                snapshot.instance_profile.get_or_insert_with(|| InstanceProfile {
                    name: name.clone(),
                    path: path.clone(),
                    roles: Vec::new(),
                    tags: tags.clone(),
                });
            }
        }
        IamStep::TagInstanceProfile { name, tags } => on_profile(snapshot, name, |it| it.tags.extend(tags.clone())),
        IamStep::UntagInstanceProfile { name, keys } => on_profile(snapshot, name, |it| untag(&mut it.tags, keys)),
        IamStep::AddRoleToInstanceProfile { name, role } => {
            on_profile(snapshot, name, |it| it.roles.push(role.clone()));
        }
        IamStep::RemoveRoleFromInstanceProfile { name, role } => {
            on_profile(snapshot, name, |profile| profile.roles.retain(|it| !it.eq_ignore_ascii_case(role)));
            // The list has only profiles that contain the node role.
            snapshot.profiles_of_node_role.retain(|profile| !profile.roles.is_empty());
        }
        IamStep::DeleteInstanceProfile { name } => {
            snapshot.instance_profile.take_if(|profile| profile.name.eq_ignore_ascii_case(name));
            snapshot.profiles_of_node_role.retain(|profile| !profile.name.eq_ignore_ascii_case(name));
        }
        IamStep::CreateOpenIdConnectProvider { arn, url: _, client_id_list, tags } => {
            let issuer = snapshot.cluster.as_ref().and_then(|cluster| cluster.issuer.as_deref());
            if issuer.is_some_and(|issuer| spec.scope.oidc_provider_arn(issuer_without_scheme(issuer)) == *arn) {
                let (arn, client_ids, tags) = (arn.clone(), client_id_list.clone(), tags.clone());
                snapshot.oidc_provider.get_or_insert(OidcProvider { arn, client_ids, tags });
            }
        }
        IamStep::TagOpenIdConnectProvider { arn, tags } => {
            on_provider(snapshot, arn, |it| it.tags.extend(tags.clone()));
        }
        IamStep::UntagOpenIdConnectProvider { arn, keys } => on_provider(snapshot, arn, |it| untag(&mut it.tags, keys)),
        IamStep::DeleteOpenIdConnectProvider { arn } => {
            snapshot.oidc_provider.take_if(|provider| provider.arn == *arn);
        }
    }
}

/// Updates the roles that trust the issuer after a write of this trust policy. The function reads that list only if the provider
/// may be deleted. So if the spec has IRSA, an empty list was not read, and stays empty.
fn update_trusting_roles(snapshot: &mut Observed, spec: &Spec, name: &str, trust: &Value) {
    let Some(provider) = &snapshot.oidc_provider else { return };
    if !trust::trusts_provider(trust, &provider.arn) {
        snapshot.roles_that_trust_issuer.remove(name);
    } else if !spec.has_controller_identity(ControllerIdentity::Irsa) || !snapshot.roles_that_trust_issuer.is_empty() {
        snapshot.roles_that_trust_issuer.insert(name.to_owned());
    }
}

fn untag(tags: &mut Tags, keys: &BTreeSet<String>) {
    tags.retain(|key, _| !keys.contains(key));
}

/// Changes the role of this name. IAM compares names without regard to letter case.
fn on_role(snapshot: &mut Observed, name: &str, act: impl Fn(&mut Role)) {
    let roles = [&mut snapshot.node_role, &mut snapshot.controller_role].into_iter().flatten();
    roles.filter(|role| role.name.eq_ignore_ascii_case(name)).for_each(act);
}

/// Changes the instance profile of this name, also in the list of the node role's profiles.
fn on_profile(snapshot: &mut Observed, name: &str, act: impl Fn(&mut InstanceProfile)) {
    let profiles = snapshot.instance_profile.iter_mut().chain(&mut snapshot.profiles_of_node_role);
    profiles.filter(|profile| profile.name.eq_ignore_ascii_case(name)).for_each(act);
}

/// Changes the OIDC provider with this ARN.
fn on_provider(snapshot: &mut Observed, arn: &str, act: impl FnOnce(&mut OidcProvider)) {
    snapshot.oidc_provider.as_mut().filter(|provider| provider.arn == arn).map(act);
}
