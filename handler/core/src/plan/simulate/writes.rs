//! Which calls a plan comes to, told before any is made: for who wants to see them.

use crate::documents::config_map;
use crate::identity::ownership::Tags;
use crate::observed::Discovery;
use crate::plan::objects::discovery_tags::leavings;
use crate::plan::step::{Plan, Step, StepId, Verb};
use serde::Serialize;
use std::collections::BTreeMap;

/// One call that changes something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Write {
    /// The service as IAM names it in actions (`iam`, `ec2`, `eks`); `kubernetes`.
    pub service: &'static str,
    /// The operation as the service names it (`CreateRole`); for Kubernetes the verb.
    pub operation: &'static str,
    /// The objects that it is about, by the name, id or ARN that the call takes: several for tags of EC2.
    pub objects: Vec<String>,
}

/// What a step does to the account, as a person counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Something is there that was not.
    Add,
    /// Something is otherwise than it was.
    Change,
    /// Something is gone.
    Remove,
    /// Nothing: it is looked at again.
    Check,
}

/// The calls of a plan that change something, each with the step that makes it, in the plan's order. Those of
/// [`Step::LeaveTags`] depend on what is there by then; told here is what comes if nobody else comes or goes meanwhile.
/// `discovery` is the world that the plan was made for.
pub fn writes(plan: &Plan, discovery: &Discovery) -> Vec<(StepId, Write)> {
    carried_out(plan, discovery).0
}

/// The subnets and security groups once the plan is carried out, if nobody else does anything.
pub(super) fn after(plan: &Plan, discovery: &Discovery) -> Discovery {
    let (_, tags) = carried_out(plan, discovery);
    let mut after = discovery.clone();
    for (id, had) in after.subnets.iter_mut().chain(&mut after.security_groups) {
        if let Some(has) = tags.get(id) {
            had.clone_from(has);
        }
    }
    after
}

/// The calls, and the tags that come of them.
fn carried_out<'a>(plan: &Plan, discovery: &'a Discovery) -> (Vec<(StepId, Write)>, BTreeMap<&'a String, Tags>) {
    let there = discovery.subnets.iter().chain(&discovery.security_groups);
    let mut tags: BTreeMap<&String, Tags> = there.map(|(id, tags)| (id, tags.clone())).collect();
    let mut writes = Vec::new();
    for (id, step, _) in plan.steps() {
        match step {
            Step::LeaveTags { ids, marks } => {
                let left = tags.iter().filter(|(id, _)| ids.contains(id)).map(|(id, tags)| (*id, tags));
                for (gone, ids) in leavings(left, marks) {
                    take_off(&mut tags, &ids, &gone);
                    writes.push((id, Write { service: "ec2", operation: "DeleteTags", objects: ids }));
                }
            }
            step => {
                match step {
                    Step::CreateTags { ids, tags: put } | Step::MarkLeaving { ids, tags: put } => {
                        for (_, tags) in tags.iter_mut().filter(|(id, _)| ids.contains(id)) {
                            tags.extend(put.clone());
                        }
                    }
                    Step::DeleteTags { ids, tags: gone } => take_off(&mut tags, ids, gone),
                    _ => {}
                }
                writes.extend(step.write().map(|write| (id, write)));
            }
        }
    }
    (writes, tags)
}

/// As DeleteTags does: a tag goes where it has just this value.
fn take_off(tags: &mut BTreeMap<&String, Tags>, ids: &[String], gone: &Tags) {
    for (_, tags) in tags.iter_mut().filter(|(id, _)| ids.contains(id)) {
        tags.retain(|key, value| gone.get(key) != Some(value));
    }
}

impl Step {
    /// What the step does, as a person counts it. What replaces a document changes it, also where there was none.
    pub fn effect(&self) -> Effect {
        match self {
            Self::CreateRole { .. }
            | Self::TagRole { .. }
            | Self::AttachRolePolicy { .. }
            | Self::CreateInstanceProfile { .. }
            | Self::TagInstanceProfile { .. }
            | Self::AddRoleToInstanceProfile { .. }
            | Self::CreateTags { .. }
            | Self::EditAwsAuth { change: config_map::Change::Admit { .. }, .. }
            | Self::CreateAccessEntry { .. }
            | Self::TagEksResource { .. }
            | Self::CreateOpenIdConnectProvider { .. }
            | Self::TagOpenIdConnectProvider { .. }
            | Self::CreatePodIdentityAssociation { .. } => Effect::Add,
            Self::PutRolePermissionsBoundary { .. }
            | Self::UpdateAssumeRolePolicy { .. }
            | Self::PutRolePolicy { .. }
            | Self::MarkLeaving { .. }
            | Self::UpdatePodIdentityAssociation { .. } => Effect::Change,
            Self::DeleteRolePermissionsBoundary { .. }
            | Self::UntagRole { .. }
            | Self::DetachRolePolicy { .. }
            | Self::DeleteRolePolicy { .. }
            | Self::DeleteRole { .. }
            | Self::UntagInstanceProfile { .. }
            | Self::RemoveRoleFromInstanceProfile { .. }
            | Self::DeleteInstanceProfile { .. }
            | Self::DeleteTags { .. }
            | Self::LeaveTags { .. }
            | Self::EditAwsAuth { change: config_map::Change::Expel { .. }, .. }
            | Self::UntagEksResource { .. }
            | Self::DeleteAccessEntry { .. }
            | Self::UntagOpenIdConnectProvider { .. }
            | Self::DeleteOpenIdConnectProvider { .. }
            | Self::DeletePodIdentityAssociation { .. } => Effect::Remove,
            Self::ConfirmTags { .. } => Effect::Check,
        }
    }

    /// The service that the step is about, as [`Write::service`] has it.
    pub fn service(&self) -> &'static str {
        // What only looks, or looks first, looks at tags.
        self.write().map_or("ec2", |write| write.service)
    }

    /// The step's one call; `None` for a step that only looks, or looks first.
    fn write(&self) -> Option<Write> {
        let (service, operation, objects) = match self {
            Self::CreateRole { name, .. } => ("iam", "CreateRole", vec![name.clone()]),
            Self::PutRolePermissionsBoundary { name, .. } => ("iam", "PutRolePermissionsBoundary", vec![name.clone()]),
            Self::DeleteRolePermissionsBoundary { name } => {
                ("iam", "DeleteRolePermissionsBoundary", vec![name.clone()])
            }
            Self::TagRole { name, .. } => ("iam", "TagRole", vec![name.clone()]),
            Self::UntagRole { name, .. } => ("iam", "UntagRole", vec![name.clone()]),
            Self::UpdateAssumeRolePolicy { name, .. } => ("iam", "UpdateAssumeRolePolicy", vec![name.clone()]),
            Self::AttachRolePolicy { name, .. } => ("iam", "AttachRolePolicy", vec![name.clone()]),
            Self::DetachRolePolicy { name, .. } => ("iam", "DetachRolePolicy", vec![name.clone()]),
            Self::PutRolePolicy { name, .. } => ("iam", "PutRolePolicy", vec![name.clone()]),
            Self::DeleteRolePolicy { name, .. } => ("iam", "DeleteRolePolicy", vec![name.clone()]),
            Self::DeleteRole { name } => ("iam", "DeleteRole", vec![name.clone()]),
            Self::CreateInstanceProfile { name, .. } => ("iam", "CreateInstanceProfile", vec![name.clone()]),
            Self::TagInstanceProfile { name, .. } => ("iam", "TagInstanceProfile", vec![name.clone()]),
            Self::UntagInstanceProfile { name, .. } => ("iam", "UntagInstanceProfile", vec![name.clone()]),
            Self::AddRoleToInstanceProfile { name, .. } => ("iam", "AddRoleToInstanceProfile", vec![name.clone()]),
            Self::RemoveRoleFromInstanceProfile { name, .. } => {
                ("iam", "RemoveRoleFromInstanceProfile", vec![name.clone()])
            }
            Self::DeleteInstanceProfile { name } => ("iam", "DeleteInstanceProfile", vec![name.clone()]),
            Self::CreateTags { ids, .. } | Self::MarkLeaving { ids, .. } => ("ec2", "CreateTags", ids.clone()),
            Self::DeleteTags { ids, .. } => ("ec2", "DeleteTags", ids.clone()),
            Self::EditAwsAuth { verb, .. } => ("kubernetes", Verb::name(*verb), vec!["aws-auth".to_owned()]),
            Self::CreateAccessEntry { principal_arn, .. } => ("eks", "CreateAccessEntry", vec![principal_arn.clone()]),
            Self::TagEksResource { arn, .. } => ("eks", "TagResource", vec![arn.clone()]),
            Self::UntagEksResource { arn, .. } => ("eks", "UntagResource", vec![arn.clone()]),
            Self::DeleteAccessEntry { principal_arn, .. } => ("eks", "DeleteAccessEntry", vec![principal_arn.clone()]),
            Self::CreateOpenIdConnectProvider { url, .. } => ("iam", "CreateOpenIDConnectProvider", vec![url.clone()]),
            Self::TagOpenIdConnectProvider { arn, .. } => ("iam", "TagOpenIDConnectProvider", vec![arn.clone()]),
            Self::UntagOpenIdConnectProvider { arn, .. } => ("iam", "UntagOpenIDConnectProvider", vec![arn.clone()]),
            Self::DeleteOpenIdConnectProvider { arn } => ("iam", "DeleteOpenIDConnectProvider", vec![arn.clone()]),
            Self::CreatePodIdentityAssociation { namespace, service_account, .. } => {
                ("eks", "CreatePodIdentityAssociation", vec![format!("{namespace}/{service_account}")])
            }
            Self::UpdatePodIdentityAssociation { id, .. } => ("eks", "UpdatePodIdentityAssociation", vec![id.clone()]),
            Self::DeletePodIdentityAssociation { id, .. } => ("eks", "DeletePodIdentityAssociation", vec![id.clone()]),
            Self::ConfirmTags { .. } | Self::LeaveTags { .. } => return None,
        };
        Some(Write { service, operation, objects })
    }
}
