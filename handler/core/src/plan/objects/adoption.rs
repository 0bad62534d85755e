//! Whether an object that exists may be used: whose it is, and whether it is the one that is wanted.

use crate::identity::aws_names::Scope;
use crate::identity::ownership::{OWNER_KEY, Tags};
use crate::plan::context::Context;
use crate::plan::problem::Problem;

/// Whether an object that was found may be brought into line: it is the stack's own, or was adopted, or is to be. One of
/// another region's resource serves that region's cluster, and is not for adoption.
pub(super) fn is_admitted(context: Context<'_>, tags: &Tags) -> bool {
    let is_adopted = tags.contains_key(context.generation.mark().key());
    let may_adopt = || context.spec.adopts_existing_objects && foreign_region(tags, &context.spec.scope).is_none();
    context.owner.is_same_stack(tags) || is_adopted || may_adopt()
}

/// Why an object, found by a name that IAM holds equal to the wanted one, is not the one that is wanted.
pub(super) fn elsewhere(
    kind: &'static str,
    (path, name): (&str, &str),
    wanted: (&str, &str),
    property: &'static str,
) -> Option<Problem> {
    if path != wanted.0 {
        let (name, found, wanted) = (name.to_owned(), path.to_owned(), wanted.0.to_owned());
        return Some(Problem::OtherPath { kind, name, found, wanted, property });
    }
    (name != wanted.1).then(|| Problem::OtherSpelling {
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
