//! The tags of an existing object.

use crate::identity::ownership::{OWNER_KEY, Tags};
use crate::plan::context::{Context, Draft};
use crate::plan::problem::Problem;
use crate::plan::step::{EksStep, IamStep, Step, StepId};
use std::collections::BTreeSet;

/// The limit of tags on an object. It is the same for IAM and EKS.
const TAGS_MAX: usize = 50;

/// An existing object, by the name or ARN that the calls on its tags take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Object<'a> {
    Role(&'a str),
    InstanceProfile(&'a str),
    OidcProvider(&'a str),
    AccessEntry(&'a str),
    PodIdentityAssociation(&'a str),
}

impl Object<'_> {
    /// Returns the step that adds these tags.
    fn tag(self, tags: Tags) -> Step {
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
    fn untag(self, keys: BTreeSet<String>) -> Step {
        match self {
            Self::Role(name) => Step::Iam(IamStep::UntagRole { name: name.to_owned(), keys }),
            Self::InstanceProfile(name) => Step::Iam(IamStep::UntagInstanceProfile { name: name.to_owned(), keys }),
            Self::OidcProvider(arn) => Step::Iam(IamStep::UntagOpenIdConnectProvider { arn: arn.to_owned(), keys }),
            Self::AccessEntry(arn) | Self::PodIdentityAssociation(arn) => {
                Step::Eks(EksStep::UntagEksResource { arn: arn.to_owned(), keys })
            }
        }
    }

    /// Returns the kind and the name for messages.
    fn kind_and_name(self) -> (&'static str, String) {
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

/// The current and the desired tags of an existing object.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagSync<'a> {
    pub(super) object: Object<'a>,
    pub(super) wanted: &'a Tags,
    pub(super) found: &'a Tags,
    /// Whether tags that only the old properties have are removed.
    pub(super) removes_stale_tags: bool,
    /// The step on which the addition of tags depends.
    pub(super) needs: Option<StepId>,
}

/// Plans the tags of an existing object. Returns the step that adds tags, if one is needed.
///
/// The owner tag does not change, because another resource of the stack may have created the object.
pub(super) fn sync_tags(
    context: Context<'_>,
    TagSync { object, wanted, found, removes_stale_tags, needs }: TagSync<'_>,
    draft: &mut Draft,
) -> Option<StepId> {
    let add = wanted.iter().filter(|(key, value)| key.as_str() != OWNER_KEY && found.get(*key) != Some(value));
    let add: Tags = add.map(|(key, value)| (key.clone(), value.clone())).collect();
    let previous = context.old.filter(|_| removes_stale_tags).map(|old| &old.tags).into_iter().flatten();
    let remove = previous.filter(|(key, value)| !wanted.contains_key(*key) && found.get(*key) == Some(value));
    let remove: BTreeSet<String> = remove.map(|(key, _)| key.clone()).collect();
    let count = found.keys().chain(add.keys()).collect::<BTreeSet<_>>().len() - remove.len();
    if !add.is_empty() && TAGS_MAX < count {
        let (kind, name) = object.kind_and_name();
        draft.report(Problem::TooManyObjectTags { kind, name, count });
    }
    // An object at the limit accepts a new tag only after another tag is removed.
    let untagged = (!remove.is_empty()).then(|| draft.add(object.untag(remove), None));
    (!add.is_empty()).then(|| draft.add(object.tag(add), untagged.into_iter().chain(needs)))
}
