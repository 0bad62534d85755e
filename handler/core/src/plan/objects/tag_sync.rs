//! The tags of an existing object.

use crate::identity::ownership::{OWNER_KEY, Tags};
use crate::plan::context::{Context, Draft};
use crate::plan::problem::Problem;
use crate::plan::step::{StepId, TaggedObject};
use std::collections::BTreeSet;

/// The limit of tags on an object. It is the same for IAM and EKS.
const TAGS_MAX: usize = 50;

/// The current and the desired tags of an existing object.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagSync<'a> {
    pub(super) object: TaggedObject<'a>,
    pub(super) wanted: &'a Tags,
    pub(super) found: &'a Tags,
    /// Whether tags that only the previous properties have are removed.
    pub(super) removes_stale_tags: bool,
    /// The step on which the addition of tags depends.
    pub(super) needs: Option<StepId>,
}

/// Plans the tags of an existing object. Returns the step that adds tags, if one is needed.
///
/// An object that gets the first marker of this generation beside those of others is read again after the plan
/// ([`Draft::joins_others`]).
///
/// The owner tag does not change, because another resource of the stack may have created the object.
pub(super) fn sync_tags(
    context: Context<'_>,
    TagSync { object, wanted, found, removes_stale_tags, needs }: TagSync<'_>,
    draft: &mut Draft,
) -> Option<StepId> {
    let add = wanted.iter().filter(|(key, value)| key.as_str() != OWNER_KEY && found.get(*key) != Some(value));
    let add: Tags = add.map(|(key, value)| (key.clone(), value.clone())).collect();
    let previous = context.previous.filter(|_| removes_stale_tags).map(|previous| &previous.tags);
    let remove = previous
        .into_iter()
        .flatten()
        .filter(|(key, value)| !wanted.contains_key(*key) && found.get(*key) == Some(value));
    let remove: BTreeSet<String> = remove.map(|(key, _)| key.clone()).collect();
    let count = found.keys().chain(add.keys()).collect::<BTreeSet<_>>().len() - remove.len();
    if !add.is_empty() && TAGS_MAX < count {
        let (kind, name) = object.kind_and_name();
        draft.report(Problem::TooManyObjectTags { kind, name, count });
    }
    let is_marked = found.contains_key(context.generation.marker().key());
    // The function reads the OIDC provider again immediately before it deletes it.
    let is_provider = matches!(object, TaggedObject::OidcProvider(_));
    draft.joins_others |= !is_marked && !is_provider && context.has_foreign_marker(found);
    // An object at the limit accepts a new tag only after another tag is removed.
    let untagged = (!remove.is_empty()).then(|| draft.add(object.untag(remove), None));
    (!add.is_empty()).then(|| draft.add(object.tag(add), untagged.into_iter().chain(needs)))
}
