//! An existing object with tags, and the steps on its tags.

use super::{EksStep, IamStep, Plan, Step};
use crate::identity::ownership::Tags;
use std::collections::BTreeSet;

/// An existing object, by the name or ARN that the calls on its tags take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TaggedObject<'a> {
    Role(&'a str),
    InstanceProfile(&'a str),
    OidcProvider(&'a str),
    AccessEntry(&'a str),
    PodIdentityAssociation(&'a str),
}

impl TaggedObject<'_> {
    /// Returns the step that adds these tags.
    pub(crate) fn tag(self, tags: Tags) -> Step {
        match self {
            Self::Role(name) => Step::Iam(IamStep::TagRole { name: name.to_owned(), tags }),
            Self::InstanceProfile(name) => Step::Iam(IamStep::TagInstanceProfile { name: name.to_owned(), tags }),
            Self::OidcProvider(arn) => Step::Iam(IamStep::TagOpenIdConnectProvider { arn: arn.to_owned(), tags }),
            Self::AccessEntry(arn) | Self::PodIdentityAssociation(arn) => {
                Step::Eks(EksStep::TagEksResource { arn: arn.to_owned(), tags })
            }
        }
    }

    /// Returns the step that removes the tags with these keys.
    pub(crate) fn untag(self, keys: BTreeSet<String>) -> Step {
        match self {
            Self::Role(name) => Step::Iam(IamStep::UntagRole { name: name.to_owned(), keys }),
            Self::InstanceProfile(name) => Step::Iam(IamStep::UntagInstanceProfile { name: name.to_owned(), keys }),
            Self::OidcProvider(arn) => Step::Iam(IamStep::UntagOpenIdConnectProvider { arn: arn.to_owned(), keys }),
            Self::AccessEntry(arn) | Self::PodIdentityAssociation(arn) => {
                Step::Eks(EksStep::UntagEksResource { arn: arn.to_owned(), keys })
            }
        }
    }

    /// Returns whether the plan removes tags from the object.
    pub(crate) fn is_untagged_by(self, plan: &Plan) -> bool {
        plan.steps().any(|(_, step, _)| removed_keys(step).is_some_and(|keys| *step == self.untag(keys.clone())))
    }

    /// Returns the kind and the name for messages.
    pub(crate) fn kind_and_name(self) -> (&'static str, String) {
        let (kind, name) = match self {
            Self::Role(name) => ("role", name),
            Self::InstanceProfile(name) => ("instance profile", name),
            Self::OidcProvider(arn) => ("OIDC provider", arn),
            Self::AccessEntry(arn) => ("access entry", arn),
            Self::PodIdentityAssociation(arn) => ("Pod Identity association", arn),
        };
        (kind, name.to_owned())
    }
}

/// Returns the keys that a step of [`TaggedObject::untag`] removes. Returns `None` for any other step.
fn removed_keys(step: &Step) -> Option<&BTreeSet<String>> {
    match step {
        Step::Iam(
            IamStep::UntagRole { keys, .. }
            | IamStep::UntagInstanceProfile { keys, .. }
            | IamStep::UntagOpenIdConnectProvider { keys, .. },
        )
        | Step::Eks(EksStep::UntagEksResource { keys, .. }) => Some(keys),
        _ => None,
    }
}
