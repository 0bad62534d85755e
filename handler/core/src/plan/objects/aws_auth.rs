//! The entry in aws-auth, and the note on the node role and the profile that there may be one.

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
use std::collections::BTreeSet;

/// The entry for a spec's node role.
fn entry(spec: &Spec) -> NodeEntry {
    NodeEntry::new(without_path(&spec.node_role_arn()))
}

/// Plans the entry; gives the step that writes it, if one is needed.
pub(super) fn reconcile(context: Context<'_>, iam_steps: &IamSteps, draft: &mut Draft) -> Option<StepId> {
    let own = is_node_role_made(context);
    let change = Change::AddEntry { marker: context.generation.marker(), entry: entry(context.spec), own };
    // A node that comes while its role is still being made finds no role, not a problem. And a release that finds no
    // marker on any role, or no note of an entry, may take it that there is none: it need not reach the Kubernetes API.
    let needs: Vec<_> =
        [iam_steps.node_role, iam_steps.controller_role, iam_steps.instance_profile].into_iter().flatten().collect();
    edit(&context.observed.aws_auth, change, &needs, draft).map(|edited| edited.step)
}

/// Plans that the entry goes, after `new_access`, and the note of it after that.
pub(super) fn stop_using(context: Context<'_>, new_access: Option<StepId>, draft: &mut Draft) {
    let Context { spec, observed, generation, markers, .. } = context;
    let own = is_node_role_made(context).then(|| entry(spec));
    let change = Change::RemoveEntry { markers: markers.clone(), own };
    let edited = edit(&observed.aws_auth, change, new_access.as_slice(), draft);
    let expelled = edited.map(|edited| edited.step).or(new_access);
    let tags = Tags::from([(generation.marker().key().to_owned(), generation.marker_value(false))]);
    if let Some(role) = node_role::created(context.teardown()).filter(|role| is_in_aws_auth(&role.tags, markers)) {
        draft.add(IamStep::TagRole { name: role.name.clone(), tags: tags.clone() }, expelled);
    }
    if let Some(profile) = observed.instance_profile.as_ref().filter(|it| is_in_aws_auth(&it.tags, markers)) {
        draft.add(IamStep::TagInstanceProfile { name: profile.name.clone(), tags }, expelled);
    }
}

/// A step that writes the ConfigMap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edited {
    pub(super) step: StepId,
    /// Whether `mapRoles` changes, and not the notes alone.
    pub(super) in_map_roles: bool,
}

/// Plans that these generations' entries go. `deletes_role`: so does the node role, and an entry for it with it, whether or not a
/// note says that it is markers.
pub(super) fn tear_down(teardown: Teardown<'_>, deletes_role: bool, draft: &mut Draft) -> Option<Edited> {
    let Teardown { spec, departing, observed } = teardown;
    let change = Change::RemoveEntry { markers: departing.markers.clone(), own: deletes_role.then(|| entry(spec)) };
    edit(&observed.aws_auth, change, &[], draft)
}

/// The verb of the write that a plan will most likely need, told by the ConfigMap alone, before the roles are known: the
/// node role's own entry comes (`adds_entry`), or goes with the role. `None`: no write.
pub fn likely_verb(spec: &Spec, markers: &BTreeSet<Marker>, adds_entry: bool, aws_auth: &AwsAuth) -> Option<Verb> {
    let own = matches!(spec.node_role, NodeRole::Managed { .. });
    let change = if adds_entry {
        Change::AddEntry { marker: markers.first()?.clone(), entry: entry(spec), own }
    } else {
        Change::RemoveEntry { markers: markers.clone(), own: own.then(|| entry(spec)) }
    };
    verb_of(&config_map::edit(aws_auth.config_map(), &change).ok()?)
}

fn verb_of(edit: &Edit) -> Option<Verb> {
    match edit {
        Edit::None => None,
        Edit::Create(_) => Some(Verb::Create),
        Edit::Replace(_) => Some(Verb::Update),
        Edit::Delete => Some(Verb::Delete),
    }
}

/// Whether a stack of this kind has made the node role, or is about to: then an entry for it is markers, whether or not a note
/// says so. One that was adopted may have had its entry before.
fn is_node_role_made(Context { spec, observed, .. }: Context<'_>) -> bool {
    let is_made = |role: &Role| role.tags.contains_key(OWNER_KEY);
    matches!(spec.node_role, NodeRole::Managed { .. }) && observed.node_role.as_ref().is_none_or(is_made)
}

fn edit(aws_auth: &AwsAuth, change: Change, needs: &[StepId], draft: &mut Draft) -> Option<Edited> {
    if *aws_auth == AwsAuth::NotRead {
        return None;
    }
    let before = aws_auth.config_map().and_then(|map| map.map_roles.as_ref());
    let edit = match config_map::edit(aws_auth.config_map(), &change) {
        Ok(edit) => edit,
        Err(error) => {
            draft.report(Problem::AwsAuth(error));
            return None;
        }
    };
    let verb = verb_of(&edit)?;
    let in_map_roles = match &edit {
        Edit::Replace(map) => map.map_roles.as_ref() != before,
        _ => true,
    };
    let step = draft.add(EditAwsAuth { change, verb }, needs.iter().copied());
    Some(Edited { step, in_map_roles })
}
