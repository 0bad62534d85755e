//! The rules by which an existing object may be used.

use crate::identity::aws_names::Scope;
use crate::identity::ownership::{OWNER_KEY, Tags};
use crate::plan::context::Context;
use crate::plan::problem::Problem;

/// Returns whether an object that exists may be used and changed: the stack created it, or the resource adopted it, or the
/// properties allow to adopt it. An object of a resource in another region belongs to that region's cluster and is not adopted.
pub(super) fn may_use(context: Context<'_>, tags: &Tags) -> bool {
    let is_adopted = tags.contains_key(context.generation.marker().key());
    let may_adopt = || context.spec.adopts_existing_objects && foreign_region(tags, &context.spec.scope).is_none();
    context.owner.is_same_stack(tags) || is_adopted || may_adopt()
}

/// Returns a problem if the object that IAM found has another path, or its name another letter case. IAM finds objects by their
/// name without regard to path and letter case.
pub(super) fn name_problem(
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

/// Returns the predicate of a sentence about the owner of an object. A stack of another region needs other names, because IAM
/// names are the same in all regions.
pub(super) fn owner_text(tags: &Tags, scope: &Scope) -> String {
    match (tags.get(OWNER_KEY), tags.get("aws:cloudformation:stack-name")) {
        (Some(owner), _) => match foreign_region(tags, scope) {
            Some(region) => format!(
                "belongs to the resource {owner} in {region}. IAM names are the same in all regions, so let NodeRoleName, ControllerRoleName and InstanceProfileName end in `-${{AWS::Region}}`"
            ),
            None => format!("belongs to the resource {owner}"),
        },
        (None, Some(stack)) => format!("belongs to the stack `{stack}`"),
        (None, None) => "has no owner tag".to_owned(),
    }
}

/// Returns the region of the stack that created an object, if it is another region. Returns `None` also if the owner tag is a
/// hash.
fn foreign_region(tags: &Tags, scope: &Scope) -> Option<String> {
    let owner = Scope::of_stack(tags.get(OWNER_KEY)?)?;
    (owner.region != scope.region).then_some(owner.region)
}
