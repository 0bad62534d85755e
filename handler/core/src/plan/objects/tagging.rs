//! The tags of an object that exists.

use crate::identity::ownership::{OWNER_KEY, Tags};
use crate::plan::context::{Context, Draft};
use crate::plan::problem::Problem;
use crate::plan::step::{EksStep, IamStep, Step, StepId};
use std::collections::BTreeSet;

/// The limit of tags on an object, of IAM and of EKS alike.
const TAGS_MAX: usize = 50;

/// An object that is there, as its service tags it: by name or by ARN.
#[derive(Clone, Copy, Debug)]
pub(super) enum Object<'a> {
    Role(&'a str),
    InstanceProfile(&'a str),
    OidcProvider(&'a str),
    AccessEntry(&'a str),
    PodIdentityAssociation(&'a str),
}

impl Object<'_> {
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

    /// What it is, and which one, in words.
    fn told(self) -> (&'static str, String) {
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

/// The tags of an object that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagSync<'a> {
    pub(super) object: Object<'a>,
    pub(super) wanted: &'a Tags,
    pub(super) found: &'a Tags,
    /// Whether what the old properties asked for and the new ones do not is removed.
    pub(super) removes_stale_tags: bool,
    /// What comes before any tag is added.
    pub(super) needs: Option<StepId>,
}

/// Plans the tags of an object that exists, and returns the step that adds some, if there is one.
///
/// The owner tag stays its maker's: another resource of the stack uses the object beside it.
pub(super) fn sync_tags(
    context: Context<'_>,
    TagSync { object, wanted, found, removes_stale_tags, needs }: TagSync<'_>,
    draft: &mut Draft,
) -> Option<StepId> {
    let add = wanted.iter().filter(|(key, value)| key.as_str() != OWNER_KEY && found.get(*key) != Some(value));
    let add: Tags = add.map(|(key, value)| (key.clone(), value.clone())).collect();
    let asked_before = context.old.filter(|_| removes_stale_tags).map(|old| &old.tags).into_iter().flatten();
    let remove = asked_before.filter(|(key, value)| !wanted.contains_key(*key) && found.get(*key) == Some(value));
    let remove: BTreeSet<String> = remove.map(|(key, _)| key.clone()).collect();
    let count = found.keys().chain(add.keys()).collect::<BTreeSet<_>>().len() - remove.len();
    if !add.is_empty() && TAGS_MAX < count {
        let (kind, name) = object.told();
        draft.report(Problem::TooManyObjectTags { kind, name, count });
    }
    // A full object takes a tag only when another has gone.
    let untagged = (!remove.is_empty()).then(|| draft.add(object.untag(remove), None));
    (!add.is_empty()).then(|| draft.add(object.tag(add), untagged.into_iter().chain(needs)))
}
