//! How nodes join: the entry in aws-auth.

use super::iam::Roles;
use super::{Aim, Plan, Refusal, Step, StepId, Verb};
use crate::aws_auth::NodeEntry;
use crate::config_map::{self, Change, Edit};
use crate::names::without_path;
use crate::observed::{AuthenticationMode, AwsAuth, Observed};
use crate::ownership::Mark;
use crate::spec::{NodeAccess, NodeRole, Spec};
use std::collections::BTreeSet;

impl NodeAccess {
    /// Whether the ConfigMap must be read: an entry is wanted, and aws-auth counts in this mode.
    pub fn wants_aws_auth(self, mode: AuthenticationMode) -> bool {
        match self {
            Self::Auto | Self::AwsAuth => mode.has_aws_auth(),
            Self::None => false,
        }
    }
}

/// The entry for a spec's node role.
pub(super) fn entry(spec: &Spec) -> NodeEntry {
    NodeEntry::new(without_path(&spec.node_role_arn()))
}

/// Plans the entry; gives how nodes join.
pub(super) fn converge(
    aim: Aim<'_>,
    observed: &Observed,
    roles: Roles,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> &'static str {
    let Some(cluster) = &observed.cluster else { return "None" };
    let node_role_arn = aim.spec.node_role_arn();
    match aim.spec.node_access {
        NodeAccess::None => {
            let change =
                Change::Expel { marks: [aim.generation.mark()].into(), own: own_entry(aim.spec, &observed.aws_auth) };
            plan_edit(&observed.aws_auth, change, plan, &[], refusals);
            "None"
        }
        NodeAccess::Auto | NodeAccess::AwsAuth => {
            if !cluster.authentication_mode.has_aws_auth() {
                refusals.push(Refusal::NoAwsAuth { cluster: aim.spec.cluster_name.clone(), node_role_arn });
                return "None";
            }
            if let Some(found) = observed.access_entry_type.as_ref().filter(|found| *found != "EC2_LINUX") {
                let (cluster, found) = (aim.spec.cluster_name.clone(), found.clone());
                refusals.push(Refusal::OtherAccessEntry { cluster, found, node_role_arn });
            }
            let own = matches!(aim.spec.node_role, NodeRole::Made { .. });
            let change = Change::Admit { mark: aim.generation.mark(), entry: entry(aim.spec), own };
            // A node that comes while its role is still being made finds no role, not a refusal. And a release that
            // finds no mark on any role may take it that there is no entry: it need not reach the Kubernetes API.
            let needs: Vec<_> = roles.node_role_ready.into_iter().chain(roles.controller_role_ready).collect();
            plan_edit(&observed.aws_auth, change, plan, &needs, refusals);
            "AwsAuth"
        }
    }
}

/// Plans that these generations' entries go; gives the step, if there is one.
pub(super) fn release(
    spec: &Spec,
    observed: &Observed,
    ours: &BTreeSet<Mark>,
    role_goes: bool,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Option<StepId> {
    let own = if role_goes { own_entry(spec, &observed.aws_auth) } else { None };
    plan_edit(&observed.aws_auth, Change::Expel { marks: ours.clone(), own }, plan, &[], refusals)
}

/// The entry that is ours by its role, whether or not a note says so.
fn own_entry(spec: &Spec, aws_auth: &AwsAuth) -> Option<NodeEntry> {
    let made = matches!(spec.node_role, NodeRole::Made { .. });
    (made && aws_auth.config_map().is_some()).then(|| entry(spec))
}

fn plan_edit(
    aws_auth: &AwsAuth,
    change: Change,
    plan: &mut Plan,
    needs: &[StepId],
    refusals: &mut Vec<Refusal>,
) -> Option<StepId> {
    if *aws_auth == AwsAuth::NotRead {
        return None;
    }
    let verb = match config_map::edit(aws_auth.config_map(), &change) {
        Ok(Edit::None) => return None,
        Ok(Edit::Create(_)) => Verb::Create,
        Ok(Edit::Replace(_)) => Verb::Update,
        Ok(Edit::Delete) => Verb::Delete,
        Err(error) => {
            refusals.push(Refusal::AwsAuth(error.to_string()));
            return None;
        }
    };
    Some(plan.add(Step::EditAwsAuth { change, verb }, needs.iter().copied()))
}
