//! What the steps of EKS do to a snapshot.

use crate::desired::spec::Spec;
use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::Tags;
use crate::observed::{AccessEntry, Observed, PodIdentityAssociation};
use crate::plan::step::{EC2_LINUX, EksStep};
use jiff::Timestamp;

/// Does one step in the snapshot. A step on an object of another name, or of another cluster, changes nothing there.
pub(super) fn simulate(step: &EksStep, spec: &Spec, world: &mut Observed) {
    match step {
        EksStep::CreateAccessEntry { cluster_name, principal_arn, tags } => {
            if *cluster_name == spec.cluster_name && *principal_arn == spec.node_role_arn() {
                world.access_entry.get_or_insert_with(|| AccessEntry {
                    arn: String::new(),
                    kind: EC2_LINUX.to_owned(),
                    tags: tags.clone(),
                    created_at: Timestamp::MAX,
                });
            }
        }
        EksStep::DeleteAccessEntry { cluster_name, principal_arn, only_created_at } => {
            if *cluster_name == spec.cluster_name && *principal_arn == spec.node_role_arn() {
                world.access_entry.take_if(|entry| only_created_at.is_none_or(|at| entry.created_at == at));
            }
        }
        EksStep::TagEksResource { arn, tags } => on_tags(world, arn, |found| found.extend(tags.clone())),
        EksStep::UntagEksResource { arn, keys } => {
            on_tags(world, arn, |found| found.retain(|key, _| !keys.contains(key)));
        }
        EksStep::CreatePodIdentityAssociation { cluster_name, namespace, service_account, role_arn, tags } => {
            if *cluster_name == spec.cluster_name {
                let account = ServiceAccount { namespace: namespace.clone(), name: service_account.clone() };
                world.associations.entry(account).or_insert_with(|| PodIdentityAssociation {
                    id: String::new(),
                    arn: String::new(),
                    role_arn: role_arn.clone(),
                    has_session_tags: true,
                    tags: tags.clone(),
                });
            }
        }
        EksStep::UpdatePodIdentityAssociation { cluster_name: _, id, role_arn } => {
            for association in world.associations.values_mut().filter(|association| association.id == *id) {
                association.role_arn.clone_from(role_arn);
                association.has_session_tags = true;
            }
        }
        EksStep::DeletePodIdentityAssociation { cluster_name: _, id } => {
            world.associations.retain(|_, association| association.id != *id);
        }
    }
}

fn on_tags(world: &mut Observed, arn: &str, act: impl Fn(&mut Tags)) {
    let entry = world.access_entry.iter_mut().map(|entry| (&entry.arn, &mut entry.tags));
    let associations = world.associations.values_mut().map(|association| (&association.arn, &mut association.tags));
    entry.chain(associations).filter(|(found, _)| *found == arn).for_each(|(_, tags)| act(tags));
}
