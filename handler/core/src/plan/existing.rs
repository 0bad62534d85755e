//! A creation failed because the object exists. The function reads the object, and what it finds decides the next step.
//!
//! It was not there when the plan was made. So the call's answer was lost, or another delivery of the event, or another
//! resource, was faster; and between the refusal and the read it may have been deleted again.

use super::objects::access_entry::EC2_LINUX;
use super::step::Step;
use crate::identity::ownership::{Mark, OWNER_KEY, Tags, is_marked, marks};
use crate::observed::{AccessEntry, InstanceProfile, OidcProvider, PodIdentityAssociation, Role};
use std::collections::BTreeSet;

/// What is found under the name of the object; `None` inside when there is nothing any more.
#[derive(Clone, Copy, Debug)]
pub enum Existing<'a> {
    /// For [`Step::CreateRole`].
    Role(Option<&'a Role>),
    /// For [`Step::CreateInstanceProfile`] and [`Step::AddRoleToInstanceProfile`].
    InstanceProfile(Option<&'a InstanceProfile>),
    /// For [`Step::CreateOpenIdConnectProvider`].
    OidcProvider(Option<&'a OidcProvider>),
    /// For [`Step::CreateAccessEntry`].
    AccessEntry(Option<&'a AccessEntry>),
    /// For [`Step::CreatePodIdentityAssociation`].
    PodIdentityAssociation(Option<&'a PodIdentityAssociation>),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// Nothing: it is what the step asks for.
    Done,
    /// The same call: what was in its way is gone.
    Retry,
    /// This step: with its tags the object serves this generation too. When the object is not found by then, it is read again.
    Tag(Step),
    /// To fail with the service's error: the object is not ours, and is not what the step asks for.
    Fail,
}

/// Decides for a creating step. `ours`: the markers of the generation that the plan is for.
pub fn resolve(step: &Step, existing: Existing<'_>, ours: &BTreeSet<Mark>) -> Resolution {
    let done_if = |is_done: bool| if is_done { Resolution::Done } else { Resolution::Fail };
    match (step, existing) {
        (Step::CreateRole { .. }, Existing::Role(Some(role))) => done_if(is_marked(&role.tags, ours)),
        (Step::CreateInstanceProfile { .. }, Existing::InstanceProfile(Some(profile))) => {
            done_if(is_marked(&profile.tags, ours))
        }
        (Step::AddRoleToInstanceProfile { role, .. }, Existing::InstanceProfile(Some(profile))) => {
            if profile.roles.is_empty() {
                return Resolution::Retry;
            }
            done_if(profile.roles.iter().any(|held| held.eq_ignore_ascii_case(role)))
        }
        (Step::CreateOpenIdConnectProvider { client_id_list, tags, .. }, Existing::OidcProvider(Some(found))) => {
            if !client_id_list.iter().all(|id| found.client_ids.contains(id)) {
                return Resolution::Fail;
            }
            // A provider without an owner tag is used unchanged.
            let is_used_as_it_is = !found.tags.contains_key(OWNER_KEY) || is_marked(&found.tags, ours);
            if is_used_as_it_is { Resolution::Done } else { tag_provider(found, tags, ours) }
        }
        (Step::CreateAccessEntry { tags, .. }, Existing::AccessEntry(Some(found))) => {
            if found.kind != EC2_LINUX {
                return Resolution::Fail;
            }
            tag_unless_used(&found.arn, &found.tags, tags, ours)
        }
        (Step::CreatePodIdentityAssociation { role_arn, tags, .. }, Existing::PodIdentityAssociation(Some(found))) => {
            if found.role_arn != *role_arn {
                return Resolution::Fail;
            }
            tag_unless_used(&found.arn, &found.tags, tags, ours)
        }
        (
            _,
            Existing::Role(None)
            | Existing::InstanceProfile(None)
            | Existing::OidcProvider(None)
            | Existing::AccessEntry(None)
            | Existing::PodIdentityAssociation(None),
        ) => Resolution::Retry,
        // What was read is not what the step is about.
        _ => Resolution::Fail,
    }
}

/// An object of EKS: used as it is when it bears our marker, or when no resource like this created or uses it. Else it bears our
/// marker too from now on, so that it stays when the others' generations go.
fn tag_unless_used(arn: &str, found: &Tags, wanted: &Tags, ours: &BTreeSet<Mark>) -> Resolution {
    let is_somebodys_own = !found.contains_key(OWNER_KEY) && marks(found).next().is_none();
    if is_somebodys_own || is_marked(found, ours) {
        return Resolution::Done;
    }
    Resolution::Tag(Step::TagEksResource { arn: arn.to_owned(), tags: own_markers(wanted, ours) })
}

fn tag_provider(found: &OidcProvider, wanted: &Tags, ours: &BTreeSet<Mark>) -> Resolution {
    Resolution::Tag(Step::TagOpenIdConnectProvider { arn: found.arn.clone(), tags: own_markers(wanted, ours) })
}

/// The markers of this generation among the tags that an object is created with.
fn own_markers(wanted: &Tags, ours: &BTreeSet<Mark>) -> Tags {
    let own = wanted.iter().filter(|(key, _)| ours.iter().any(|mark| mark.key() == *key));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}
