//! The reconciliation of one generation: compares the desired state with a snapshot, and plans the missing steps.

use super::context::{Context, Draft, IamSteps};
use super::objects::controller_identity::Issuer;
use super::objects::controller_role::{self, Prerequisites};
use super::objects::discovery_tags::{self, Tagged};
use super::objects::node_access::{self, JoinMethod};
use super::objects::{controller_identity, instance_profile, node_role, oidc_provider, pass_role, pod_identity};
use super::problem::{Problem, Problems};
use super::simulate::simulate;
use super::step::{Plan, StepId};
use super::target::Target;
use super::version_warnings;
use super::warning::Warning;
use crate::desired::spec::Spec;
use crate::observed::{Cluster, Observed};
use std::collections::BTreeSet;

/// The plan of a reconciliation, and the results for the response after it is carried out.
#[derive(Clone, Debug)]
pub struct ReconcilePlan {
    /// The missing steps.
    pub plan: Plan,
    /// Whether the plan depends on the policy of a shared controller role, or on a previous discovery tag. Other generations may
    /// change these at the same moment. So the function reads another snapshot after the plan and plans again, until no step is
    /// missing.
    pub needs_second_pass: bool,
    /// The ids of the subnets that have the discovery tag after the plan.
    pub subnet_ids: BTreeSet<String>,
    /// The ids of the security groups that have the discovery tag after the plan.
    pub security_group_ids: BTreeSet<String>,
    /// The way by which nodes join.
    pub node_access: JoinMethod,
    /// The warnings for the attribute `Warnings`.
    pub warnings: Vec<Warning>,
}

/// Plans the missing steps.
///
/// # Errors
/// Returns every problem that the preflight checks find. Nothing is changed then.
pub fn reconcile(target: Target<'_>, observed: &Observed) -> Result<ReconcilePlan, Problems> {
    let (plan, problems) = reconcile_with_problems(target, observed);
    if problems.is_empty() { Ok(plan) } else { Err(Problems(problems)) }
}

/// Plans the missing steps, and returns them with every problem. If there is a problem, the plan is incomplete. It is then only
/// for display, and must not be carried out.
pub fn reconcile_with_problems(target: Target<'_>, observed: &Observed) -> (ReconcilePlan, Vec<Problem>) {
    let markers = [target.generation.marker()].into();
    let context = target.context(&markers, observed);
    let spec = target.spec;
    let warnings = version_warnings::warnings(spec, target.previous);
    let mut draft = Draft { warnings, ..Draft::default() };
    if let Some(problem) = cluster_problem(spec, observed) {
        // Any other problem would only follow from this one.
        draft.report(problem);
        return finish(draft, Tagged::default(), JoinMethod::None, false);
    }
    draft.problems.extend(target.bounds.problems(spec));
    draft.report(pass_role::problem(context));
    let issuer = controller_identity::issuer(context, &mut draft);
    let iam_steps = reconcile_iam(context, issuer, &mut draft);
    let trust_steps = pod_identity::reconcile(context, issuer, &iam_steps, &mut draft);
    oidc_provider::stop_using(context, &trust_steps, &mut draft);
    draft.problems.extend(unknown_policies(spec, observed));
    let tags = discovery_tags::reconcile(context, &mut draft);
    let node_access = node_access::reconcile(context, &iam_steps, &mut draft);
    let needs_second_pass =
        tags.keeps_previous_tag || draft.joins_others || controller_role::updates_shared_policy(context, &draft.plan);
    finish(draft, tags, node_access, needs_second_pass)
}

fn finish(
    draft: Draft,
    tags: Tagged,
    node_access: JoinMethod,
    needs_second_pass: bool,
) -> (ReconcilePlan, Vec<Problem>) {
    let Draft { plan, problems, warnings, joins_others: _ } = draft;
    let Tagged { subnet_ids, security_group_ids, .. } = tags;
    (ReconcilePlan { plan, needs_second_pass, subnet_ids, security_group_ids, node_access, warnings }, problems)
}

/// Plans the OIDC provider, the two roles and the instance profile.
fn reconcile_iam(context: Context<'_>, issuer: Issuer<'_>, draft: &mut Draft) -> IamSteps {
    let spec = context.spec;
    let provider = issuer.url().and_then(|url| oidc_provider::reconcile(context, url, draft));
    if spec.node_role_name().eq_ignore_ascii_case(&spec.controller_role_name) {
        draft.report(Problem::OneRoleForBoth { name: spec.controller_role_name.clone() });
    }
    let node_role = node_role::reconcile(context, draft);
    let profile = instance_profile::reconcile(context, node_role, draft);
    let is_foreign = |_: &StepId| pass_role::is_foreign(spec, context.owner, context.observed);
    let pass_role_checked = profile.role_added.filter(is_foreign);
    let node_role = pass_role_checked.or(node_role);
    let prerequisites = Prerequisites { provider, pass_role_checked, node_role };
    let controller = controller_role::reconcile(context, issuer, prerequisites, draft);
    IamSteps {
        node_role,
        instance_profile: profile.claimed,
        controller_role: controller.claimed,
        trust: controller.trust,
    }
}

/// Returns the plan for the next snapshot, and that snapshot, if nothing but this plan changes the account. The next plan deletes
/// the previous discovery tags.
pub fn second_pass(target: Target<'_>, observed: &Observed, plan: &Plan) -> (Plan, Observed) {
    let observed = simulate(plan, target.spec, observed);
    let markers = [target.generation.marker()].into();
    let mut draft = Draft::default();
    discovery_tags::reconcile(target.context(&markers, &observed), &mut draft);
    (draft.plan, observed)
}

/// Returns a problem if the cluster does not exist or cannot be used yet.
fn cluster_problem(spec: &Spec, observed: &Observed) -> Option<Problem> {
    let cluster = spec.cluster_name.clone();
    match &observed.cluster {
        None => {
            let (region, account) = (spec.scope.region.clone(), spec.scope.account.clone());
            Some(Problem::NoCluster { cluster, region, account })
        }
        Some(found) if !is_usable(found) => Some(Problem::ClusterNotReady { cluster, status: found.status.clone() }),
        Some(_) => None,
    }
}

/// Returns a problem for each managed policy that does not exist. Without this check, its attachment would fail after the role
/// was created.
fn unknown_policies(spec: &Spec, observed: &Observed) -> impl Iterator<Item = Problem> {
    observed.unknown_policies.iter().map(move |arn| Problem::UnknownPolicy {
        arn: arn.clone(),
        property: if spec.permissions_boundary.as_ref() == Some(arn) {
            "PermissionsBoundary"
        } else if spec.controller_policy_arns.contains(arn) {
            "ControllerPolicyArns"
        } else {
            "NodePolicyArns"
        },
    })
}

/// Returns whether the cluster can be used. A cluster that is being updated can: its API, roles and tags exist.
fn is_usable(cluster: &Cluster) -> bool {
    matches!(cluster.status.as_str(), "ACTIVE" | "UPDATING")
}
