//! EKS's writes: what each does to the model, and when EKS rejects it.

use super::{CREATED_AT, check_tag_limit, insert_new};
use crate::generators::access_entry;
use crate::model::World;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::observed::{AccessEntry, PodIdentityAssociation, Role};
use karpenter_prereqs_core::plan::EksStep;

impl World {
    pub(super) fn apply_access_entry_step(&mut self, step: &EksStep) -> Result<(), String> {
        match step {
            EksStep::CreateAccessEntry { cluster_name, principal_arn, tags } => {
                check_tag_limit(tags)?;
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
                    return Err("the entry is not the one in the snapshot of the plan".to_owned());
                }
                eks.access_entries.remove(principal_arn).map(drop).ok_or_else(|| "ResourceNotFoundException".to_owned())
            }
            EksStep::TagEksResource { arn, tags } => {
                let found = self.eks_tags(arn)?;
                found.extend(tags.clone());
                check_tag_limit(found)
            }
            EksStep::UntagEksResource { arn, keys } => {
                self.eks_tags(arn)?.retain(|key, _| !keys.contains(key));
                Ok(())
            }
            _ => Err(format!("{step} is no step on an access entry")),
        }
    }

    pub(super) fn apply_association_step(&mut self, step: &EksStep) -> Result<(), String> {
        let is_role = |role_arn: &str, role: &Role| {
            format!("arn:aws:iam::111122223333:role{}{}", role.path, role.name) == role_arn
        };
        match step {
            EksStep::CreatePodIdentityAssociation { cluster_name, namespace, service_account, role_arn, tags } => {
                check_tag_limit(tags)?;
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
                let count = eks.associations.len();
                eks.associations.retain(|_, found| found.id != *id);
                if eks.associations.len() < count { Ok(()) } else { Err("ResourceNotFoundException".to_owned()) }
            }
            _ => Err(format!("{step} is no step on an association")),
        }
    }

    /// Returns the tags of the access entry or association with this ARN.
    fn eks_tags(&mut self, arn: &str) -> Result<&mut Tags, String> {
        let tags = self.clusters.values_mut().flat_map(|eks| {
            let entries = eks.access_entries.values_mut().map(|entry| (&entry.arn, &mut entry.tags));
            entries.chain(eks.associations.values_mut().map(|association| (&association.arn, &mut association.tags)))
        });
        let found = tags.into_iter().find(|(other, _)| *other == arn);
        found.map(|(_, tags)| tags).ok_or_else(|| "ResourceNotFoundException".to_owned())
    }
}
