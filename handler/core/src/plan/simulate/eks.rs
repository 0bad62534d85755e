//! The simulation of EKS steps.

use crate::desired::spec::Spec;
use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::Tags;
use crate::observed::{AccessEntry, Observed, PodIdentityAssociation};
use crate::plan::step::{EC2_LINUX, EksStep};
use jiff::Timestamp;

/// Simulates one step. The snapshot has only the objects of `spec`, so a step on another object changes nothing.
pub(super) fn simulate(step: &EksStep, spec: &Spec, snapshot: &mut Observed) {
    match step {
        EksStep::CreateAccessEntry { cluster_name, principal_arn, tags } => {
            if *cluster_name == spec.cluster_name && *principal_arn == spec.node_role_arn() {
                snapshot.access_entry.get_or_insert_with(|| AccessEntry {
                    arn: String::new(),
                    kind: EC2_LINUX.to_owned(),
                    tags: tags.clone(),
                    created_at: Timestamp::MAX,
                });
            }
        }
        EksStep::DeleteAccessEntry { cluster_name, principal_arn, only_created_at } => {
            if *cluster_name == spec.cluster_name && *principal_arn == spec.node_role_arn() {
                snapshot.access_entry.take_if(|entry| only_created_at.is_none_or(|at| entry.created_at == at));
            }
        }
        EksStep::TagEksResource { arn, tags } => on_tags(snapshot, arn, |found| found.extend(tags.clone())),
        EksStep::UntagEksResource { arn, keys } => {
            on_tags(snapshot, arn, |found| found.retain(|key, _| !keys.contains(key)));
        }
        EksStep::CreatePodIdentityAssociation { cluster_name, namespace, service_account, role_arn, tags } => {
            if *cluster_name == spec.cluster_name {
                let account = ServiceAccount { namespace: namespace.clone(), name: service_account.clone() };
                snapshot.associations.entry(account).or_insert_with(|| PodIdentityAssociation {
                    id: String::new(),
                    arn: String::new(),
                    role_arn: role_arn.clone(),
                    has_session_tags: true,
                    tags: tags.clone(),
                });
            }
        }
        EksStep::UpdatePodIdentityAssociation { cluster_name: _, id, role_arn } => {
            for association in snapshot.associations.values_mut().filter(|association| association.id == *id) {
                association.role_arn.clone_from(role_arn);
                association.has_session_tags = true;
            }
        }
        EksStep::DeletePodIdentityAssociation { cluster_name: _, id } => {
            snapshot.associations.retain(|_, association| association.id != *id);
        }
    }
}

/// Changes the tags of the access entry or the associations with this ARN.
fn on_tags(snapshot: &mut Observed, arn: &str, act: impl Fn(&mut Tags)) {
    let entry = snapshot.access_entry.iter_mut().map(|entry| (&entry.arn, &mut entry.tags));
    let associations = snapshot.associations.values_mut().map(|association| (&association.arn, &mut association.tags));
    entry.chain(associations).filter(|(found, _)| *found == arn).for_each(|(_, tags)| act(tags));
}
