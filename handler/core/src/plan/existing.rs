//! A creation failed because the object exists. The function reads the object, and what it finds decides the next step.
//!
//! It was not there when the plan was made. So the call's answer was lost, or another delivery of the event, or another
//! resource, was faster; and between the problem and the read it may have been deleted again.

use super::step::{EC2_LINUX, EksStep, IamStep};
use crate::identity::ownership::{Marker, OWNER_KEY, Tags, is_marked, markers};
use crate::observed::{AccessEntry, InstanceProfile, OidcProvider, PodIdentityAssociation, Role};
use std::collections::BTreeSet;

/// What IAM has under the name of the object; `None` inside if the object does not exist any more.
#[derive(Clone, Copy, Debug)]
pub enum ExistingInIam<'a> {
    /// For [`IamStep::CreateRole`].
    Role(Option<&'a Role>),
    /// For [`IamStep::CreateInstanceProfile`] and [`IamStep::AddRoleToInstanceProfile`].
    InstanceProfile(Option<&'a InstanceProfile>),
    /// For [`IamStep::CreateOpenIdConnectProvider`].
    OidcProvider(Option<&'a OidcProvider>),
}

/// What EKS has under the name of the object; `None` inside if the object does not exist any more.
#[derive(Clone, Copy, Debug)]
pub enum ExistingInEks<'a> {
    /// For [`EksStep::CreateAccessEntry`].
    AccessEntry(Option<&'a AccessEntry>),
    /// For [`EksStep::CreatePodIdentityAssociation`].
    PodIdentityAssociation(Option<&'a PodIdentityAssociation>),
}

/// What to do next. `S`: the steps of the service.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution<S> {
    /// Nothing: the object is what the step asks for.
    Done,
    /// The same call: the object that failed it does not exist any more.
    Retry,
    /// This step: with its tags the object serves this generation too. If the object is not found by then, it is read again.
    Tag(S),
    /// To fail with the service's error: the object is not ours, and is not what the step asks for.
    Fail,
}

/// Decides for a step of IAM. `ours`: the markers of the generation that the plan is for.
pub fn resolve_in_iam(step: &IamStep, existing: ExistingInIam<'_>, ours: &BTreeSet<Marker>) -> Resolution<IamStep> {
    match (step, existing) {
        (IamStep::CreateRole { .. }, ExistingInIam::Role(Some(role))) => done_if(is_marked(&role.tags, ours)),
        (IamStep::CreateInstanceProfile { .. }, ExistingInIam::InstanceProfile(Some(profile))) => {
            done_if(is_marked(&profile.tags, ours))
        }
        (IamStep::AddRoleToInstanceProfile { role, .. }, ExistingInIam::InstanceProfile(Some(profile))) => {
            if profile.roles.is_empty() {
                return Resolution::Retry;
            }
            done_if(profile.roles.iter().any(|held| held.eq_ignore_ascii_case(role)))
        }
        (
            IamStep::CreateOpenIdConnectProvider { client_id_list, tags, .. },
            ExistingInIam::OidcProvider(Some(found)),
        ) => {
            if !client_id_list.iter().all(|id| found.client_ids.contains(id)) {
                return Resolution::Fail;
            }
            // A provider without an owner tag is used unchanged.
            if !found.tags.contains_key(OWNER_KEY) || is_marked(&found.tags, ours) {
                return Resolution::Done;
            }
            let (arn, tags) = (found.arn.clone(), markers_among(tags, ours));
            Resolution::Tag(IamStep::TagOpenIdConnectProvider { arn, tags })
        }
        (_, ExistingInIam::Role(None) | ExistingInIam::InstanceProfile(None) | ExistingInIam::OidcProvider(None)) => {
            Resolution::Retry
        }
        // The object is of another kind than the step's.
        _ => Resolution::Fail,
    }
}

/// Decides for a step of EKS. `ours`: the markers of the generation that the plan is for.
pub fn resolve_in_eks(step: &EksStep, existing: ExistingInEks<'_>, ours: &BTreeSet<Marker>) -> Resolution<EksStep> {
    match (step, existing) {
        (EksStep::CreateAccessEntry { tags, .. }, ExistingInEks::AccessEntry(Some(found))) => {
            if found.kind != EC2_LINUX {
                return Resolution::Fail;
            }
            tag_unless_used(&found.arn, &found.tags, tags, ours)
        }
        (
            EksStep::CreatePodIdentityAssociation { role_arn, tags, .. },
            ExistingInEks::PodIdentityAssociation(Some(found)),
        ) => {
            if found.role_arn != *role_arn {
                return Resolution::Fail;
            }
            tag_unless_used(&found.arn, &found.tags, tags, ours)
        }
        (_, ExistingInEks::AccessEntry(None) | ExistingInEks::PodIdentityAssociation(None)) => Resolution::Retry,
        // The object is of another kind than the step's.
        _ => Resolution::Fail,
    }
}

fn done_if<S>(is_done: bool) -> Resolution<S> {
    if is_done { Resolution::Done } else { Resolution::Fail }
}

/// An object of EKS is used unchanged if it has our marker, or if no resource of this kind created or uses it. Else it gets our
/// marker, so that it is kept when the generations of the other markers are torn down.
fn tag_unless_used(arn: &str, found: &Tags, wanted: &Tags, ours: &BTreeSet<Marker>) -> Resolution<EksStep> {
    let has_no_owner = !found.contains_key(OWNER_KEY) && markers(found).next().is_none();
    if has_no_owner || is_marked(found, ours) {
        return Resolution::Done;
    }
    Resolution::Tag(EksStep::TagEksResource { arn: arn.to_owned(), tags: markers_among(wanted, ours) })
}

/// The markers of this generation among the tags that an object is created with.
fn markers_among(wanted: &Tags, ours: &BTreeSet<Marker>) -> Tags {
    let own = wanted.iter().filter(|(key, _)| ours.iter().any(|marker| marker.key() == *key));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}
