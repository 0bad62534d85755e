//! ([`Spec`], [`Observed`]) → [`Plan`]: the steps that are missing, and what each of them needs first.
//!
//! One path serves Create, Update and an event that is delivered again: [`converge`] compares what is wanted with
//! what is there and plans the difference, so a second run plans nothing. [`release`] takes one or more
//! generations away. Neither does anything, and both look at everything before they plan anything: what
//! can be refused is refused here, before the first write.

mod access;
mod after;
pub mod bounds;
mod controller_policy;
mod existing;
mod iam;
mod identity;
mod leftovers;
mod object;
mod oidc_provider;
mod pass_role;
mod profile;
mod put_back;
mod refusal;
mod release;
mod step;
mod tagged;
mod tags;
mod writes;

pub use access::{EC2_LINUX, Way, foreseen_verb};
pub use after::after;
pub use existing::{Existing, Resolution, resolve};
pub use pass_role::{needs_simulation, unproven_node_roles};
pub use put_back::put_back;
pub use refusal::{Refusal, Refused};
pub use release::{Leaving, Released, Shared, release};
pub use step::{Plan, RoleKind, Step, StepId, Verb};
pub use tagged::{Claim, is_nobodys};
pub use tags::leavings;
pub use writes::{Effect, Write, writes};

use crate::desired::spec::Spec;
use crate::identity::ownership::{Generation, OWNER_KEY, Owner, Tags};
use crate::observed::{Cluster, Observed};
use crate::plan::bounds::Bounds;
use std::collections::BTreeSet;
use tags::Tagged;

/// What the plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct Aim<'a> {
    /// What is wanted.
    pub spec: &'a Spec,
    /// What was wanted before, on an Update.
    pub old: Option<&'a Spec>,
    /// The stack and the resource.
    pub owner: &'a Owner,
    /// The generation of `spec`.
    pub generation: &'a Generation,
    /// What the function lets a stack ask for.
    pub bounds: &'a Bounds,
}

/// A plan, and what is to be told when it has been carried out.
#[derive(Clone, Debug)]
pub struct Converged {
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
    pub node_access: Way,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Plans what is missing.
///
/// # Errors
/// Everything that stands in the way, before any change.
pub fn converge(aim: Aim<'_>, observed: &Observed) -> Result<Converged, Refused> {
    let (converged, refusals) = survey(aim, observed);
    if refusals.is_empty() { Ok(converged) } else { Err(Refused(refusals)) }
}

/// What is missing, and what stands in the way of it. Where something does, the plan is what could be planned all the
/// same: to be looked at, and not to be carried out.
pub fn survey(aim: Aim<'_>, observed: &Observed) -> (Converged, Vec<Refusal>) {
    let mut refusals = Vec::new();
    let mut plan = Plan::default();
    let mut warnings = aim.spec.releases.warnings(aim.old.map(|old| &old.releases), &aim.spec.namespace);
    if let Some(refusal) = unusable(aim.spec, observed) {
        // What else could be said would only follow from that.
        let (subnet_ids, security_group_ids, node_access) = (BTreeSet::new(), BTreeSet::new(), Way::None);
        let none = Converged { plan, is_shared: false, subnet_ids, security_group_ids, node_access, warnings };
        return (none, vec![refusal]);
    }
    refusals.extend(aim.bounds.problems(aim.spec));
    refusals.extend(pass_role::problem(aim, observed));
    let issuer = identity::issuer(aim.spec, observed, &mut refusals);
    let provider = issuer
        .ok()
        .flatten()
        .and_then(|issuer| oidc_provider::converge(aim, observed, issuer, &mut plan, &mut refusals));
    let ready = iam::converge(aim, observed, issuer, provider, &mut plan, &mut refusals);
    let issuer = issuer.ok().flatten();
    let trusting = identity::converge(aim, observed, issuer, &ready, &mut plan, &mut refusals, &mut warnings);
    oidc_provider::leave(aim, observed, &mut plan, &trusting);
    refusals.extend(unknown_policies(aim.spec, observed));
    let tags = tags::converge(aim, &observed.discovery, &mut plan, &mut refusals, &mut warnings);
    let node_access = access::converge(aim, observed, &ready, &mut plan, &mut refusals);
    let Tagged { subnet_ids, security_group_ids, gives_up } = tags;
    let is_shared = gives_up || iam::writes_what_is_shared(aim, observed, &plan);
    (Converged { plan, is_shared, subnet_ids, security_group_ids, node_access, warnings }, refusals)
}

/// What another look finds to do once the plan for this world is carried out, if nobody else does anything: discovery tags
/// that were given up for others go. With the world as it is then, as far as that depends on it.
pub fn again(aim: Aim<'_>, observed: &Observed, plan: &Plan) -> (Plan, Observed) {
    let observed = after(plan, observed);
    let mut found = Plan::default();
    tags::converge(aim, &observed.discovery, &mut found, &mut Vec::new(), &mut Vec::new());
    (found, observed)
}

/// The tags that an object is made with: the user's, the owner's and the mark.
fn made_with(aim: Aim<'_>, mark_value: &str) -> Tags {
    let mut tags = aim.spec.tags.clone();
    tags.insert(OWNER_KEY.to_owned(), aim.owner.tag_value());
    tags.insert(aim.generation.mark().key().to_owned(), mark_value.to_owned());
    tags
}

/// Why there is no cluster to make ready.
fn unusable(spec: &Spec, observed: &Observed) -> Option<Refusal> {
    let cluster = spec.cluster_name.clone();
    match &observed.cluster {
        None => {
            let (region, account) = (spec.scope.region.clone(), spec.scope.account.clone());
            Some(Refusal::NoCluster { cluster, region, account })
        }
        Some(found) if !is_usable(found) => Some(Refusal::ClusterNotReady { cluster, status: found.status.clone() }),
        Some(_) => None,
    }
}

/// A policy that does not exist fails its attachment, after the role was made.
fn unknown_policies(spec: &Spec, observed: &Observed) -> impl Iterator<Item = Refusal> {
    observed.unknown_policies.iter().map(move |arn| Refusal::UnknownPolicy {
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
