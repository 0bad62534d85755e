//! What the objects that are made have in common: whose they are, where they stand, and their tags.

use super::{Aim, Plan, Refusal, Step, StepId};
use crate::identity::aws_names::Scope;
use crate::identity::ownership::{OWNER_KEY, Tags};
use std::collections::BTreeSet;

/// The limit of tags on an object, of IAM and of EKS alike.
const TAGS_MAX: usize = 50;

/// Whether an object that was found may be brought into line: it is the stack's own, or was adopted, or is to be. One of
/// another region's resource serves that region's cluster, and is not for adoption.
pub(super) fn is_admitted(aim: Aim<'_>, tags: &Tags) -> bool {
    let is_adopted = tags.contains_key(aim.generation.mark().key());
    let may_adopt = || aim.spec.adopts_existing_objects && foreign_region(tags, &aim.spec.scope).is_none();
    aim.owner.is_same_stack(tags) || is_adopted || may_adopt()
}

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
            Self::Role(name) => Step::TagRole { name: name.to_owned(), tags },
            Self::InstanceProfile(name) => Step::TagInstanceProfile { name: name.to_owned(), tags },
            Self::OidcProvider(arn) => Step::TagOpenIdConnectProvider { arn: arn.to_owned(), tags },
            Self::AccessEntry(arn) | Self::PodIdentityAssociation(arn) => {
                Step::TagEksResource { arn: arn.to_owned(), tags }
            }
        }
    }

    fn untag(self, keys: BTreeSet<String>) -> Step {
        match self {
            Self::Role(name) => Step::UntagRole { name: name.to_owned(), keys },
            Self::InstanceProfile(name) => Step::UntagInstanceProfile { name: name.to_owned(), keys },
            Self::OidcProvider(arn) => Step::UntagOpenIdConnectProvider { arn: arn.to_owned(), keys },
            Self::AccessEntry(arn) | Self::PodIdentityAssociation(arn) => {
                Step::UntagEksResource { arn: arn.to_owned(), keys }
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
pub(super) struct Retag<'a> {
    pub(super) object: Object<'a>,
    pub(super) wanted: &'a Tags,
    pub(super) found: &'a Tags,
    /// Whether what the old properties asked for and the new ones do not is removed.
    pub(super) takes_away: bool,
    /// What comes before any tag is added.
    pub(super) needs: Option<StepId>,
}

/// Plans the tags of an object that is there, and gives the step that adds some, if there is one.
///
/// The owner tag stays its maker's: another resource of the stack uses the object beside it.
pub(super) fn retag(
    aim: Aim<'_>,
    Retag { object, wanted, found, takes_away, needs }: Retag<'_>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Option<StepId> {
    let add = wanted.iter().filter(|(key, value)| key.as_str() != OWNER_KEY && found.get(*key) != Some(value));
    let add: Tags = add.map(|(key, value)| (key.clone(), value.clone())).collect();
    let asked_before = aim.old.filter(|_| takes_away).map(|old| &old.tags).into_iter().flatten();
    let remove = asked_before.filter(|(key, value)| !wanted.contains_key(*key) && found.get(*key) == Some(value));
    let remove: BTreeSet<String> = remove.map(|(key, _)| key.clone()).collect();
    let count = found.keys().chain(add.keys()).collect::<BTreeSet<_>>().len() - remove.len();
    if !add.is_empty() && TAGS_MAX < count {
        let (kind, name) = object.told();
        refusals.push(Refusal::TooManyObjectTags { kind, name, count });
    }
    // A full object takes a tag only when another has gone.
    let untagged = (!remove.is_empty()).then(|| plan.add(object.untag(remove), None));
    (!add.is_empty()).then(|| plan.add(object.tag(add), untagged.into_iter().chain(needs)))
}

/// Why an object, found by a name that IAM holds equal to the wanted one, is not the one that is wanted.
pub(super) fn elsewhere(
    kind: &'static str,
    (path, name): (&str, &str),
    wanted: (&str, &str),
    property: &'static str,
) -> Option<Refusal> {
    if path != wanted.0 {
        let (name, found, wanted) = (name.to_owned(), path.to_owned(), wanted.0.to_owned());
        return Some(Refusal::OtherPath { kind, name, found, wanted, property });
    }
    (name != wanted.1).then(|| Refusal::OtherSpelling {
        kind,
        found: name.to_owned(),
        wanted: wanted.1.to_owned(),
        property,
    })
}

/// Whose an object is, in words; and how to keep out of the way of another region, whose names IAM holds too.
pub(super) fn owner_of(tags: &Tags, scope: &Scope) -> String {
    match (tags.get(OWNER_KEY), tags.get("aws:cloudformation:stack-name")) {
        (Some(owner), _) => match foreign_region(tags, scope) {
            Some(region) => format!(
                "the resource {owner}'s in {region} (IAM's names are the same in all regions: let NodeRoleName, ControllerRoleName and InstanceProfileName end in `-${{AWS::Region}}`)"
            ),
            None => format!("the resource {owner}'s"),
        },
        (None, Some(stack)) => format!("the stack `{stack}`'s"),
        (None, None) => "nobody's that its tags name".to_owned(),
    }
}

/// The region of the stack that made an object, where that is another. `None` too where the owner is hashed.
fn foreign_region(tags: &Tags, scope: &Scope) -> Option<String> {
    let owner = Scope::of_stack(tags.get(OWNER_KEY)?)?;
    (owner.region != scope.region).then_some(owner.region)
}
