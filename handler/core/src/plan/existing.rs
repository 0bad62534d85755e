//! The reaction to a creation that fails because the object already exists.
//!
//! The object did not exist in the snapshot. So the response of the call was lost, or another delivery of the event or another
//! resource created the object first. The function reads the object again, and this module decides what to do. The object may
//! have been deleted again between the failure and the read.

use super::step::{EC2_LINUX, EksStep, IamStep};
use crate::identity::ownership::{Marker, OWNER_KEY, Tags, is_marked, markers};
use crate::observed::{AccessEntry, InstanceProfile, OidcProvider, PodIdentityAssociation, Role};
use std::collections::BTreeSet;

/// The object that IAM has under the name in the step. `None` if the object no longer exists.
#[derive(Clone, Copy, Debug)]
pub enum ExistingInIam<'a> {
    /// The object of [`IamStep::CreateRole`].
    Role(Option<&'a Role>),
    /// The object of [`IamStep::CreateInstanceProfile`] and [`IamStep::AddRoleToInstanceProfile`].
    InstanceProfile(Option<&'a InstanceProfile>),
    /// The object of [`IamStep::CreateOpenIdConnectProvider`].
    OidcProvider(Option<&'a OidcProvider>),
}

/// The object that EKS has under the name in the step. `None` if the object no longer exists.
#[derive(Clone, Copy, Debug)]
pub enum ExistingInEks<'a> {
    /// The object of [`EksStep::CreateAccessEntry`].
    AccessEntry(Option<&'a AccessEntry>),
    /// The object of [`EksStep::CreatePodIdentityAssociation`].
    PodIdentityAssociation(Option<&'a PodIdentityAssociation>),
}

/// The next action. `S` is the type of the service's steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution<S> {
    /// The step counts as done, because the object is what the step asks for.
    Done,
    /// The same call is repeated, because the object no longer exists.
    Retry,
    /// This step follows. Its tags contain this generation's marker, so that the object serves this generation too. If the object
    /// no longer exists then, it is read again.
    Tag(S),
    /// The step fails with the service's error, because the object does not belong to this generation and is not what the step
    /// asks for.
    Fail,
}

/// Decides for a step of IAM. `ours` has the markers of the generation for which the plan is.
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
            done_if(profile.roles.iter().any(|found| found.eq_ignore_ascii_case(role)))
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
        // The caller read an object of another kind than the step's.
        _ => Resolution::Fail,
    }
}

/// Decides for a step of EKS. `ours` has the markers of the generation for which the plan is.
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
        // The caller read an object of another kind than the step's.
        _ => Resolution::Fail,
    }
}

fn done_if<S>(is_done: bool) -> Resolution<S> {
    if is_done { Resolution::Done } else { Resolution::Fail }
}

/// Decides on an object of EKS that is what the step asks for. It is used unchanged if it has our marker, or if no resource of
/// this kind created or uses it. Otherwise it gets our marker, so that it is kept when the generations of the other markers are
/// torn down.
fn tag_unless_used(arn: &str, found: &Tags, wanted: &Tags, ours: &BTreeSet<Marker>) -> Resolution<EksStep> {
    let has_no_owner = !found.contains_key(OWNER_KEY) && markers(found).next().is_none();
    if has_no_owner || is_marked(found, ours) {
        return Resolution::Done;
    }
    Resolution::Tag(EksStep::TagEksResource { arn: arn.to_owned(), tags: markers_among(wanted, ours) })
}

/// Returns the markers of this generation among the tags of the step.
fn markers_among(wanted: &Tags, ours: &BTreeSet<Marker>) -> Tags {
    let own = wanted.iter().filter(|(key, _)| ours.iter().any(|marker| marker.key() == *key));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}
