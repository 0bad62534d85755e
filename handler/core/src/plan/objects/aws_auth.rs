//! The entry in aws-auth, and the record of it in the marker values on the node role and the instance profile.

use super::node_role;
use crate::desired::spec::{NodeRole, Spec};
use crate::documents::aws_auth::NodeEntry;
use crate::documents::config_map::{self, Change, Edit};
use crate::identity::aws_names::without_path;
use crate::identity::ownership::{Marker, OWNER_KEY, Tags, is_in_aws_auth};
use crate::observed::{AwsAuth, Role};
use crate::plan::context::{Context, Draft, IamSteps, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{EditAwsAuth, IamStep, StepId, Verb};
use crate::plan::warning::Warning;
use std::collections::BTreeSet;

/// Returns the entry for the node role.
fn entry(spec: &Spec) -> NodeEntry {
    NodeEntry::new(without_path(&spec.node_role_arn()))
}

/// Plans the entry. Returns the step that writes it, if one is needed.
pub(super) fn reconcile(context: Context<'_>, iam_steps: &IamSteps, draft: &mut Draft) -> Option<StepId> {
    let own = is_node_role_created(context);
    let change = Change::AddEntry { marker: context.generation.marker(), entry: entry(context.spec), own };
    // The entry is written after the markers. If no marker value records an entry, a teardown does not need the Kubernetes API.
    // No node needs the entry earlier, because it cannot run without the role.
    let needs: Vec<_> =
        [iam_steps.node_role, iam_steps.controller_role, iam_steps.instance_profile].into_iter().flatten().collect();
    edit(&context.observed.aws_auth, change, &needs, draft).map(|edited| edited.step)
}

/// Plans the removal of the entry after `new_access`. The marker values record it until it is removed.
pub(super) fn stop_using(context: Context<'_>, new_access: Option<StepId>, draft: &mut Draft) {
    let Context { spec, observed, generation, markers, .. } = context;
    let own = is_node_role_created(context).then(|| entry(spec));
    let change = Change::RemoveEntry { markers: markers.clone(), own };
    let edited = edit(&observed.aws_auth, change, new_access.as_slice(), draft);
    let entry_removed = edited.map(|edited| edited.step).or(new_access);
    let tags = Tags::from([(generation.marker().key().to_owned(), generation.marker_value(false))]);
    if let Some(role) = node_role::managed(context.teardown()).filter(|role| is_in_aws_auth(&role.tags, markers)) {
        draft.add(IamStep::TagRole { name: role.name.clone(), tags: tags.clone() }, entry_removed);
    }
    if let Some(profile) = observed.instance_profile.as_ref().filter(|it| is_in_aws_auth(&it.tags, markers)) {
        draft.add(IamStep::TagInstanceProfile { name: profile.name.clone(), tags }, entry_removed);
    }
}

/// The last step that writes the ConfigMap.
#[derive(Clone, Copy, Debug)]
pub(super) struct EditStep {
    pub(super) step: StepId,
    /// Whether `mapRoles` changes. Otherwise, only annotations change.
    pub(super) in_map_roles: bool,
}

/// Plans the removal of these generations' entries. With `deletes_role`, the node role is deleted, and its entry is removed even
/// if no annotation records it.
pub(super) fn tear_down(teardown: Teardown<'_>, deletes_role: bool, draft: &mut Draft) -> Option<EditStep> {
    let Teardown { spec, torn_down, observed } = teardown;
    let change = Change::RemoveEntry { markers: torn_down.markers.clone(), own: deletes_role.then(|| entry(spec)) };
    edit(&observed.aws_auth, change, &[], draft)
}

/// Returns the write that a plan will probably need. The caller knows only the ConfigMap, because it has not read the roles yet.
/// With `adds_entry`, the node role gets an entry. Otherwise, its entry is removed. Returns `None` if no write is needed, or if the
/// text cannot be edited.
pub fn likely_edit(
    spec: &Spec,
    markers: &BTreeSet<Marker>,
    adds_entry: bool,
    aws_auth: &AwsAuth,
) -> Option<(Change, Edit)> {
    let own = matches!(spec.node_role, NodeRole::Managed { .. });
    let change = if adds_entry {
        Change::AddEntry { marker: markers.first()?.clone(), entry: entry(spec), own }
    } else {
        Change::RemoveEntry { markers: markers.clone(), own: own.then(|| entry(spec)) }
    };
    let edit = config_map::edit(aws_auth.config_map(), &change).ok()?;
    (edit != Edit::None).then_some((change, edit))
}

fn verb_of(edit: &Edit) -> Option<Verb> {
    match edit {
        Edit::None => None,
        Edit::Create(_) => Some(Verb::Create),
        Edit::Replace(_) => Some(Verb::Update),
        Edit::Delete => Some(Verb::Delete),
    }
}

/// Returns whether a resource of this kind created the node role, or will create it. An entry for such a role is ours, even if no
/// annotation records it. An adopted role may have had its entry before.
fn is_node_role_created(Context { spec, observed, .. }: Context<'_>) -> bool {
    let has_owner = |role: &Role| role.tags.contains_key(OWNER_KEY);
    matches!(spec.node_role, NodeRole::Managed { .. }) && observed.node_role.as_ref().is_none_or(has_owner)
}

/// Plans an edit of the ConfigMap, if it was read and the change needs a write. An edit that fails is a problem. If no generation
/// uses the ConfigMap afterwards, a further write removes the function from `managedFields`.
fn edit(aws_auth: &AwsAuth, change: Change, needs: &[StepId], draft: &mut Draft) -> Option<EditStep> {
    if *aws_auth == AwsAuth::NotRead {
        return None;
    }
    let current = aws_auth.config_map();
    let (edit, remarks) = match config_map::edit_with_remarks(current, &change) {
        Ok(edited) => edited,
        Err(error) => {
            draft.report(Problem::AwsAuth(error));
            return None;
        }
    };
    draft.warnings.extend(remarks.into_iter().map(Warning::AwsAuth));
    let edited = verb_of(&edit).map(|verb| draft.add(EditAwsAuth { change, verb }, needs.iter().copied()));
    let after = match &edit {
        Edit::None => current,
        Edit::Create(map) | Edit::Replace(map) => Some(map),
        Edit::Delete => None,
    };
    let release = config_map::edit(after, &Change::ReleaseFields).ok().and_then(|edit| verb_of(&edit));
    let released = release.map(|verb| {
        let needs = edited.map_or_else(|| needs.to_vec(), |step| vec![step]);
        draft.add(EditAwsAuth { change: Change::ReleaseFields, verb }, needs)
    });
    let in_map_roles = edit != Edit::None && after.map(|map| &map.map_roles) != current.map(|map| &map.map_roles);
    Some(EditStep { step: released.or(edited)?, in_map_roles })
}
