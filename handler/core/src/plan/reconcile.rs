//! (properties, world) → the steps that are missing.

use super::context::{Context, Draft, IamSteps};
use super::karpenter_version;
use super::objects::controller_identity::Issuer;
use super::objects::controller_role::{self, Prerequisites};
use super::objects::discovery_tags::{self, Tagged};
use super::objects::node_access::{self, JoinMethod};
use super::objects::{controller_identity, instance_profile, node_role, oidc_provider, pass_role, pod_identity};
use super::problem::{Problem, Problems};
use super::simulate::simulate;
use super::step::{Plan, StepId};
use super::target::Target;
use super::warning::Warning;
use crate::desired::spec::Spec;
use crate::observed::{Cluster, Observed};
use std::collections::BTreeSet;

/// A plan, and what is to be told when it has been carried out.
#[derive(Clone, Debug)]
pub struct ReconcilePlan {
    /// The missing steps.
    pub plan: Plan,
    /// Whether the plan goes by what others rely on, who may change just then: the controller's PassRole, a discovery
    /// tag that is given up. Then another look must find nothing missing.
    pub is_shared: bool,
    /// The subnets that carry the discovery tag because of this resource or before it.
    pub subnet_ids: BTreeSet<String>,
    /// The security groups likewise.
    pub security_group_ids: BTreeSet<String>,
    /// How nodes join.
    pub node_access: JoinMethod,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Plans what is missing.
///
/// # Errors
/// Everything that stands in the way, before any change.
pub fn reconcile(target: Target<'_>, observed: &Observed) -> Result<ReconcilePlan, Problems> {
    let (plan, problems) = reconcile_with_problems(target, observed);
    if problems.is_empty() { Ok(plan) } else { Err(Problems(problems)) }
}

/// What is missing, and what stands in the way of it. Where something does, the plan is what could be planned all the
/// same: to be looked at, and not to be carried out.
pub fn reconcile_with_problems(target: Target<'_>, observed: &Observed) -> (ReconcilePlan, Vec<Problem>) {
    let markers = [target.generation.marker()].into();
    let context = target.context(&markers, observed);
    let spec = target.spec;
    let warnings = karpenter_version::warnings(spec, target.old);
    let mut draft = Draft { warnings, ..Draft::default() };
    if let Some(problem) = cluster_problem(spec, observed) {
        // What else could be said would only follow from that.
        draft.report(problem);
        return finished(draft, Tagged::default(), JoinMethod::None, false);
    }
    draft.problems.extend(target.bounds.problems(spec));
    draft.report(pass_role::problem(context));
    let issuer = controller_identity::issuer(context, &mut draft);
    let iam_steps = roles(context, issuer, &mut draft);
    let trusting = pod_identity::reconcile(context, issuer, &iam_steps, &mut draft);
    oidc_provider::stop_using(context, &trusting, &mut draft);
    draft.problems.extend(unknown_policies(spec, observed));
    let tags = discovery_tags::reconcile(context, &mut draft);
    let node_access = node_access::reconcile(context, &iam_steps, &mut draft);
    let is_shared = tags.keeps_previous_tag || controller_role::updates_shared_policy(context, &draft.plan);
    finished(draft, tags, node_access, is_shared)
}

fn finished(draft: Draft, tags: Tagged, node_access: JoinMethod, is_shared: bool) -> (ReconcilePlan, Vec<Problem>) {
    let Draft { plan, problems, warnings } = draft;
    let Tagged { subnet_ids, security_group_ids, .. } = tags;
    (ReconcilePlan { plan, is_shared, subnet_ids, security_group_ids, node_access, warnings }, problems)
}

/// Plans the OIDC provider, the two roles and the profile.
fn roles(context: Context<'_>, issuer: Issuer<'_>, draft: &mut Draft) -> IamSteps {
    let spec = context.spec;
    let provider = issuer.url().and_then(|url| oidc_provider::reconcile(context, url, draft));
    if spec.node_role_name().eq_ignore_ascii_case(&spec.controller_role_name) {
        draft.report(Problem::OneRoleForBoth { name: spec.controller_role_name.clone() });
    }
    let node_role = node_role::reconcile(context, draft);
    let profile = instance_profile::reconcile(context, node_role, draft);
    let is_foreign = |_: &StepId| pass_role::is_foreign(spec, context.owner, context.observed);
    let passed = profile.role_added.filter(is_foreign);
    let node_role = passed.or(node_role);
    let controller = controller_role::reconcile(context, issuer, Prerequisites { provider, passed, node_role }, draft);
    IamSteps {
        node_role,
        instance_profile: profile.claimed,
        controller_role: controller.claimed,
        trust: controller.trust,
    }
}

/// What another look finds to do once the plan for this world is carried out, if nobody else does anything: discovery tags
/// that were given up for others go. With the world as it is then, as far as that depends on it.
pub fn second_pass(target: Target<'_>, observed: &Observed, plan: &Plan) -> (Plan, Observed) {
    let observed = simulate(plan, target.spec, observed);
    let markers = [target.generation.marker()].into();
    let mut draft = Draft::default();
    discovery_tags::reconcile(target.context(&markers, &observed), &mut draft);
    (draft.plan, observed)
}

/// Why there is no cluster to make iam_steps.
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

/// A policy that does not exist fails its attachment, after the role was made.
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

/// A cluster that is being updated serves on: its API, its roles and its tags are there.
fn is_usable(cluster: &Cluster) -> bool {
    matches!(cluster.status.as_str(), "ACTIVE" | "UPDATING")
}
