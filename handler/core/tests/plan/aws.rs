//! The services' own rules: what each write does, and what each service refuses.

use crate::model::World;
use crate::properties::scope;
use crate::worlds::access_entry;
use jiff::Timestamp;
use karpenter_prereqs_core::documents::config_map::{self, Change, Edit};
use karpenter_prereqs_core::identity::aws_names::issuer_without_scheme;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::observed::{AccessEntry, InstanceProfile, OidcProvider, PodIdentityAssociation, Role};
use karpenter_prereqs_core::plan::{Claim, Ec2Step, EditAwsAuth, EksStep, IamStep, Step, Verb, tags_to_delete};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Tags on an object of IAM or a resource of EC2, where those of AWS itself do not count.
const TAGS_MAX: usize = 50;

/// Managed policies on a role.
const POLICIES_MAX: usize = 10;

/// When each object is created. What existed before is older.
const CREATED_AT: Timestamp = Timestamp::constant(1, 0);

/// Resources in one call of CreateTags or DeleteTags.
const IDS_MAX: usize = 1000;

/// Why an edit of aws-auth is a fault.
pub(crate) const NOTHING_TO_EDIT: &str = "the edit changes nothing";

/// What exists stays as it is.
fn insert_new<K: Ord, V>(objects: &mut BTreeMap<K, V>, name: K, object: V, code: &str) -> Result<(), String> {
    match objects.entry(name) {
        Entry::Occupied(_) => Err(code.to_owned()),
        Entry::Vacant(free) => {
            free.insert(object);
            Ok(())
        }
    }
}

impl World {
    /// Carries one step out.
    ///
    /// # Errors
    /// The service's error code.
    pub(crate) fn carry_out(&mut self, step: &Step, cluster: &str) -> Result<(), String> {
        match step {
            Step::Ec2(step) => self.on_tags(step),
            Step::AwsAuth(EditAwsAuth { change, verb }) => self.edit_aws_auth(cluster, change, *verb),
            Step::Iam(step) => match step {
                IamStep::CreateInstanceProfile { .. }
                | IamStep::TagInstanceProfile { .. }
                | IamStep::UntagInstanceProfile { .. }
                | IamStep::AddRoleToInstanceProfile { .. }
                | IamStep::RemoveRoleFromInstanceProfile { .. }
                | IamStep::DeleteInstanceProfile { .. } => self.on_profile(step),
                IamStep::CreateOpenIdConnectProvider { .. }
                | IamStep::TagOpenIdConnectProvider { .. }
                | IamStep::UntagOpenIdConnectProvider { .. }
                | IamStep::DeleteOpenIdConnectProvider { .. } => self.on_provider(step),
                _ => self.on_role(step),
            },
            Step::Eks(step) => match step {
                EksStep::CreatePodIdentityAssociation { .. }
                | EksStep::UpdatePodIdentityAssociation { .. }
                | EksStep::DeletePodIdentityAssociation { .. } => self.on_association(step),
                _ => self.on_access_entry(step),
            },
        }
    }

    fn on_tags(&mut self, step: &Ec2Step) -> Result<(), String> {
        match step {
            Ec2Step::CreateTags { ids, tags } | Ec2Step::AnnounceTagRemoval { ids, tags } => {
                self.create_tags(ids, tags)
            }
            Ec2Step::DeleteTags { ids, tags } => self.delete_tags(ids, tags),
            Ec2Step::VerifyTags { ids, claim: Claim { tag, marker, .. } } => {
                let is_there = |tags: &Tags| tag.is_among(tags) && tags.get(marker.key()) == Some(&tag.marker_value());
                let all = ids.iter().all(|id| self.resources.get(id).is_some_and(is_there));
                if all { Ok(()) } else { Err("the tags that were made are not there".to_owned()) }
            }
            Ec2Step::RemoveUnclaimedTags { ids, markers } => {
                let there = self.resources.iter().filter(|(id, _)| ids.contains(id));
                let tags_to_delete = tags_to_delete(there, markers);
                tags_to_delete.iter().try_for_each(|(tags, ids)| self.delete_tags(ids, tags))
            }
        }
    }

    fn on_role(&mut self, step: &IamStep) -> Result<(), String> {
        match step {
            IamStep::CreateRole { name, path, trust, permissions_boundary, tags, .. } => {
                limited(tags)?;
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
                let held = self
                    .profiles
                    .values()
                    .any(|profile| profile.roles.iter().any(|role| role.eq_ignore_ascii_case(name)));
                let role = self.roles.remove(&name.to_lowercase()).ok_or("NoSuchEntity")?;
                let empty = role.attached.is_empty() && role.inline.is_empty() && !held;
                return if empty { Ok(()) } else { Err("DeleteConflict".to_owned()) };
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
            return Err("no step on a role".to_owned());
        };
        let role = self.roles.get_mut(&name.to_lowercase()).ok_or("NoSuchEntity")?;
        match step {
            IamStep::TagRole { tags, .. } => {
                role.tags.extend(tags.clone());
                limited(&role.tags)?;
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
            }
            IamStep::DeleteRolePolicy { policy_name, .. } => {
                role.inline.remove(policy_name).ok_or("NoSuchEntity")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn on_access_entry(&mut self, step: &EksStep) -> Result<(), String> {
        match step {
            EksStep::CreateAccessEntry { cluster_name, principal_arn, tags } => {
                limited(tags)?;
                let is_principal =
                    |role: &Role| format!("arn:aws:iam::111122223333:role{}{}", role.path, role.name) == *principal_arn;
                if !self.roles.values().any(is_principal) {
                    return Err("InvalidParameterException".to_owned());
                }
                let eks = self.clusters.get_mut(cluster_name).ok_or("ResourceNotFoundException")?;
                if eks.access_entries.contains_key(principal_arn) {
                    return Err("ResourceInUseException".to_owned());
                }
                let entry = AccessEntry {
                    tags: tags.clone(),
                    created_at: CREATED_AT,
                    ..access_entry(cluster_name, principal_arn, "EC2_LINUX")
                };
                eks.access_entries.insert(principal_arn.clone(), entry);
                Ok(())
            }
            EksStep::DeleteAccessEntry { cluster_name, principal_arn, only_created_at } => {
                let eks = self.clusters.get_mut(cluster_name).ok_or("ResourceNotFoundException")?;
                let found = eks.access_entries.get(principal_arn);
                if only_created_at.is_some_and(|at| found.is_none_or(|found| found.created_at != at)) {
                    return Err("the entry is not the one that was to be deleted".to_owned());
                }
                eks.access_entries.remove(principal_arn).map(drop).ok_or_else(|| "ResourceNotFoundException".to_owned())
            }
            EksStep::TagEksResource { arn, tags } => {
                let found = self.eks_tags(arn)?;
                found.extend(tags.clone());
                limited(found)
            }
            EksStep::UntagEksResource { arn, keys } => {
                self.eks_tags(arn)?.retain(|key, _| !keys.contains(key));
                Ok(())
            }
            _ => Err("no step on an access entry".to_owned()),
        }
    }

    fn on_provider(&mut self, step: &IamStep) -> Result<(), String> {
        match step {
            IamStep::CreateOpenIdConnectProvider { url, client_id_list, tags, .. } => {
                limited(tags)?;
                let arn = scope().oidc_provider_arn(issuer_without_scheme(url));
                let provider =
                    OidcProvider { arn: arn.clone(), client_ids: client_id_list.clone(), tags: tags.clone() };
                insert_new(&mut self.oidc_providers, arn, provider, "EntityAlreadyExists")
            }
            IamStep::TagOpenIdConnectProvider { arn, tags } => {
                let provider = self.oidc_providers.get_mut(arn).ok_or("NoSuchEntity")?;
                provider.tags.extend(tags.clone());
                limited(&provider.tags)
            }
            IamStep::UntagOpenIdConnectProvider { arn, keys } => {
                let provider = self.oidc_providers.get_mut(arn).ok_or("NoSuchEntity")?;
                provider.tags.retain(|key, _| !keys.contains(key));
                Ok(())
            }
            IamStep::DeleteOpenIdConnectProvider { arn } => {
                self.oidc_providers.remove(arn).map(drop).ok_or_else(|| "NoSuchEntity".to_owned())
            }
            _ => Err("no step on an OIDC provider".to_owned()),
        }
    }

    fn on_association(&mut self, step: &EksStep) -> Result<(), String> {
        let is_role = |role_arn: &str, role: &Role| {
            format!("arn:aws:iam::111122223333:role{}{}", role.path, role.name) == role_arn
        };
        match step {
            EksStep::CreatePodIdentityAssociation { cluster_name, namespace, service_account, role_arn, tags } => {
                limited(tags)?;
                if !self.roles.values().any(|role| is_role(role_arn, role)) {
                    return Err("InvalidParameterException".to_owned());
                }
                let eks = self.clusters.get_mut(cluster_name).ok_or("ResourceNotFoundException")?;
                let account = ServiceAccount { namespace: namespace.clone(), name: service_account.clone() };
                let id = format!("{namespace}/{service_account}");
                let arn = format!("arn:aws:eks:eu-west-1:111122223333:podidentityassociation/{cluster_name}/{id}");
                let (role_arn, tags) = (role_arn.clone(), tags.clone());
                let association = PodIdentityAssociation { id, arn, role_arn, has_session_tags: true, tags };
                insert_new(&mut eks.associations, account, association, "ResourceInUseException")
            }
            EksStep::UpdatePodIdentityAssociation { cluster_name, id, role_arn } => {
                if !self.roles.values().any(|role| is_role(role_arn, role)) {
                    return Err("InvalidParameterException".to_owned());
                }
                let eks = self.clusters.get_mut(cluster_name).ok_or("ResourceNotFoundException")?;
                let found = eks.associations.values_mut().find(|found| found.id == *id);
                let found = found.ok_or("ResourceNotFoundException")?;
                found.role_arn.clone_from(role_arn);
                found.has_session_tags = true;
                Ok(())
            }
            EksStep::DeletePodIdentityAssociation { cluster_name, id } => {
                let eks = self.clusters.get_mut(cluster_name).ok_or("ResourceNotFoundException")?;
                let before = eks.associations.len();
                eks.associations.retain(|_, found| found.id != *id);
                if eks.associations.len() < before { Ok(()) } else { Err("ResourceNotFoundException".to_owned()) }
            }
            _ => Err("no step on an association".to_owned()),
        }
    }

    /// The tags of an object of EKS.
    fn eks_tags(&mut self, arn: &str) -> Result<&mut Tags, String> {
        let tags = self.clusters.values_mut().flat_map(|eks| {
            let entries = eks.access_entries.values_mut().map(|entry| (&entry.arn, &mut entry.tags));
            entries.chain(eks.associations.values_mut().map(|association| (&association.arn, &mut association.tags)))
        });
        let found = tags.into_iter().find(|(found, _)| *found == arn);
        found.map(|(_, tags)| tags).ok_or_else(|| "ResourceNotFoundException".to_owned())
    }

    fn on_profile(&mut self, step: &IamStep) -> Result<(), String> {
        if let IamStep::CreateInstanceProfile { name, path, tags } = step {
            limited(tags)?;
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
            return Err("no step on a profile".to_owned());
        };
        let profile = self.profiles.get_mut(&name.to_lowercase()).ok_or("NoSuchEntity")?;
        match step {
            IamStep::TagInstanceProfile { tags, .. } => {
                profile.tags.extend(tags.clone());
                limited(&profile.tags)?;
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
                let at = profile.roles.iter().position(|held| held.eq_ignore_ascii_case(role)).ok_or("NoSuchEntity")?;
                profile.roles.remove(at);
            }
            _ if !profile.roles.is_empty() => return Err("DeleteConflict".to_owned()),
            _ => {
                self.profiles.remove(&name.to_lowercase());
            }
        }
        Ok(())
    }

    fn create_tags(&mut self, ids: &[String], tags: &Tags) -> Result<(), String> {
        self.each(ids, |found| {
            found.extend(tags.clone());
            limited(found)
        })
    }

    fn delete_tags(&mut self, ids: &[String], tags: &Tags) -> Result<(), String> {
        self.each(ids, |found| {
            found.retain(|key, value| tags.get(key) != Some(value));
            Ok(())
        })
    }

    /// One call on many resources. That it changes each of them is a rule of this project's.
    fn each(&mut self, ids: &[String], write: impl Fn(&mut Tags) -> Result<(), String>) -> Result<(), String> {
        if IDS_MAX < ids.len() {
            return Err("InvalidParameterValue".to_owned());
        }
        for id in ids {
            let tags = self.resources.get_mut(id).ok_or("InvalidID.NotFound")?;
            let before = tags.clone();
            write(tags)?;
            if *tags == before {
                return Err(format!("{id} is written to and does not change"));
            }
        }
        Ok(())
    }

    fn edit_aws_auth(&mut self, cluster: &str, change: &Change, planned: Verb) -> Result<(), String> {
        let eks = self.clusters.get_mut(cluster).ok_or("no such cluster")?;
        let (verb, map) = match config_map::edit(eks.aws_auth.as_ref(), change).map_err(|error| error.to_string())? {
            Edit::None => return Err(NOTHING_TO_EDIT.to_owned()),
            Edit::Create(map) => (Verb::Create, Some(map)),
            Edit::Replace(map) => (Verb::Update, Some(map)),
            Edit::Delete => (Verb::Delete, None),
        };
        if verb != planned {
            return Err(format!("{} is planned and {} is done", planned.name(), verb.name()));
        }
        eks.aws_auth = map;
        Ok(())
    }
}

pub(crate) fn limited(tags: &Tags) -> Result<(), String> {
    let count = tags.keys().filter(|key| !key.starts_with("aws:")).count();
    if count <= TAGS_MAX { Ok(()) } else { Err("TagLimitExceeded".to_owned()) }
}
