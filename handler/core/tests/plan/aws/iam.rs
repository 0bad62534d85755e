//! IAM's writes: what each does to the model, and when IAM rejects it.

use super::{CREATED_AT, check_tag_limit, insert_new};
use crate::model::World;
use crate::properties::scope;
use karpenter_prereqs_core::documents::policy::{INLINE_MAX, size};
use karpenter_prereqs_core::identity::aws_names::issuer_without_scheme;
use karpenter_prereqs_core::observed::{InstanceProfile, OidcProvider, Role};
use karpenter_prereqs_core::plan::IamStep;
use std::collections::{BTreeMap, BTreeSet};

/// The number of managed policies that a role can have
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICIES_MAX: usize = 10;

impl World {
    pub(super) fn apply_role_step(&mut self, step: &IamStep) -> Result<(), String> {
        match step {
            IamStep::CreateRole { name, path, trust, permissions_boundary, tags, .. } => {
                check_tag_limit(tags)?;
                let role = Role {
                    name: name.clone(),
                    path: path.clone(),
                    trust: trust.clone(),
                    tags: tags.clone(),
                    attached: BTreeSet::new(),
                    inline: BTreeMap::new(),
                    created_at: CREATED_AT,
                    permissions_boundary: permissions_boundary.clone(),
                };
                return insert_new(&mut self.roles, name.to_lowercase(), role, "EntityAlreadyExists");
            }
            IamStep::DeleteRole { name } => {
                let is_in_profile = self
                    .profiles
                    .values()
                    .any(|profile| profile.roles.iter().any(|role| role.eq_ignore_ascii_case(name)));
                let role = self.roles.remove(&name.to_lowercase()).ok_or("NoSuchEntity")?;
                let is_empty = role.attached.is_empty() && role.inline.is_empty() && !is_in_profile;
                return if is_empty { Ok(()) } else { Err("DeleteConflict".to_owned()) };
            }
            _ => {}
        }
        let (IamStep::TagRole { name, .. }
        | IamStep::UntagRole { name, .. }
        | IamStep::UpdateAssumeRolePolicy { name, .. }
        | IamStep::PutRolePermissionsBoundary { name, .. }
        | IamStep::DeleteRolePermissionsBoundary { name }
        | IamStep::AttachRolePolicy { name, .. }
        | IamStep::DetachRolePolicy { name, .. }
        | IamStep::PutRolePolicy { name, .. }
        | IamStep::DeleteRolePolicy { name, .. }) = step
        else {
            return Err(format!("{step} is no step on a role"));
        };
        let role = self.roles.get_mut(&name.to_lowercase()).ok_or("NoSuchEntity")?;
        match step {
            IamStep::TagRole { tags, .. } => {
                role.tags.extend(tags.clone());
                check_tag_limit(&role.tags)?;
            }
            IamStep::UntagRole { keys, .. } => role.tags.retain(|key, _| !keys.contains(key)),
            IamStep::UpdateAssumeRolePolicy { trust, .. } => role.trust = trust.clone(),
            IamStep::PutRolePermissionsBoundary { permissions_boundary, .. } => {
                role.permissions_boundary = Some(permissions_boundary.clone());
            }
            IamStep::DeleteRolePermissionsBoundary { .. } => {
                role.permissions_boundary.take().ok_or("NoSuchEntity")?;
            }
            IamStep::AttachRolePolicy { policy_arn, .. } => {
                role.attached.insert(policy_arn.clone());
                if POLICIES_MAX < role.attached.len() {
                    return Err("LimitExceeded".to_owned());
                }
            }
            IamStep::DetachRolePolicy { policy_arn, .. } if !role.attached.remove(policy_arn) => {
                return Err("NoSuchEntity".to_owned());
            }
            IamStep::PutRolePolicy { policy_name, document, .. } => {
                let statements = document["Statement"].as_array().cloned().unwrap_or_default();
                if statements.iter().any(|statement| statement["Resource"].as_array().is_some_and(Vec::is_empty)) {
                    return Err("MalformedPolicyDocument".to_owned());
                }
                role.inline.insert(policy_name.clone(), Some(document.clone()));
                if INLINE_MAX < role.inline.values().flatten().map(size).sum() {
                    return Err("LimitExceeded".to_owned());
                }
            }
            IamStep::DeleteRolePolicy { policy_name, .. } => {
                role.inline.remove(policy_name).ok_or("NoSuchEntity")?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn apply_profile_step(&mut self, step: &IamStep) -> Result<(), String> {
        if let IamStep::CreateInstanceProfile { name, path, tags } = step {
            check_tag_limit(tags)?;
            let profile =
                InstanceProfile { name: name.clone(), path: path.clone(), roles: Vec::new(), tags: tags.clone() };
            return insert_new(&mut self.profiles, name.to_lowercase(), profile, "EntityAlreadyExists");
        }
        let (IamStep::TagInstanceProfile { name, .. }
        | IamStep::UntagInstanceProfile { name, .. }
        | IamStep::AddRoleToInstanceProfile { name, .. }
        | IamStep::RemoveRoleFromInstanceProfile { name, .. }
        | IamStep::DeleteInstanceProfile { name }) = step
        else {
            return Err(format!("{step} is no step on an instance profile"));
        };
        let profile = self.profiles.get_mut(&name.to_lowercase()).ok_or("NoSuchEntity")?;
        match step {
            IamStep::TagInstanceProfile { tags, .. } => {
                profile.tags.extend(tags.clone());
                check_tag_limit(&profile.tags)?;
            }
            IamStep::UntagInstanceProfile { keys, .. } => profile.tags.retain(|key, _| !keys.contains(key)),
            IamStep::AddRoleToInstanceProfile { role, .. } => {
                let role = self.roles.get(&role.to_lowercase()).ok_or("NoSuchEntity")?;
                if !profile.roles.is_empty() {
                    return Err("LimitExceeded".to_owned());
                }
                profile.roles.push(role.name.clone());
            }
            IamStep::RemoveRoleFromInstanceProfile { role, .. } => {
                let index =
                    profile.roles.iter().position(|name| name.eq_ignore_ascii_case(role)).ok_or("NoSuchEntity")?;
                profile.roles.remove(index);
            }
            _ if !profile.roles.is_empty() => return Err("DeleteConflict".to_owned()),
            _ => {
                self.profiles.remove(&name.to_lowercase());
            }
        }
        Ok(())
    }

    pub(super) fn apply_oidc_provider_step(&mut self, step: &IamStep) -> Result<(), String> {
        match step {
            IamStep::CreateOpenIdConnectProvider { url, client_id_list, tags, .. } => {
                check_tag_limit(tags)?;
                let arn = scope().oidc_provider_arn(issuer_without_scheme(url));
                let provider =
                    OidcProvider { arn: arn.clone(), client_ids: client_id_list.clone(), tags: tags.clone() };
                insert_new(&mut self.oidc_providers, arn, provider, "EntityAlreadyExists")
            }
            IamStep::TagOpenIdConnectProvider { arn, tags } => {
                let provider = self.oidc_providers.get_mut(arn).ok_or("NoSuchEntity")?;
                provider.tags.extend(tags.clone());
                check_tag_limit(&provider.tags)
            }
            IamStep::UntagOpenIdConnectProvider { arn, keys } => {
                let provider = self.oidc_providers.get_mut(arn).ok_or("NoSuchEntity")?;
                provider.tags.retain(|key, _| !keys.contains(key));
                Ok(())
            }
            IamStep::DeleteOpenIdConnectProvider { arn } => {
                self.oidc_providers.remove(arn).map(drop).ok_or_else(|| "NoSuchEntity".to_owned())
            }
            _ => Err(format!("{step} is no step on an OIDC provider")),
        }
    }
}
