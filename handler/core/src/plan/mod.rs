//! ([`Spec`], [`Observed`]) → [`Plan`]: the steps that are missing, and what each of them needs first.
//!
//! One path serves Create, Update and an event that is delivered again: [`converge`] compares what is wanted with
//! what is there and plans the difference, so a second run plans nothing. [`release`] takes one or more
//! generations away. Neither does anything, and both look at everything before they plan anything: what
//! can be refused is refused here, before the first write.

mod access;
mod iam;
mod object;
mod profile;
mod refusal;
mod release;
mod step;
mod tagged;
mod tags;

pub use refusal::{Refusal, Refused};
pub use release::{Leaving, Released, release};
pub use step::{Plan, RoleKind, Step, StepId, Verb};
pub use tagged::{Claim, is_nobodys};
pub use tags::leavings;

use crate::observed::{Cluster, Observed};
use crate::ownership::{Generation, OWNER_KEY, Owner, Tags};
use crate::policy::{baseline, trust::AUDIENCE};
use crate::spec::Spec;
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
    /// How nodes join: `AwsAuth` or `None`.
    pub node_access: &'static str,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Plans what is missing.
///
/// # Errors
/// Everything that stands in the way, before any change.
pub fn converge(aim: Aim<'_>, observed: &Observed) -> Result<Converged, Refused> {
    let mut refusals = Vec::new();
    let mut plan = Plan::default();
    let mut warnings = vec![baseline::WARNING.to_owned()];
    let issuer = sound_issuer(aim.spec, observed, &mut refusals);
    if !observed.cluster.as_ref().is_some_and(is_usable) {
        // What else could be said would only follow from that.
        return Err(Refused(refusals));
    }
    let roles = iam::converge(aim, observed, issuer, &mut plan, &mut refusals);
    refusals.extend(unknown_policies(aim.spec, observed));
    let tags = tags::converge(aim, &observed.discovery, &mut plan, &mut refusals, &mut warnings);
    let node_access = access::converge(aim, observed, roles, &mut plan, &mut refusals);
    if refusals.is_empty() {
        let Tagged { subnet_ids, security_group_ids, gives_up } = tags;
        let is_shared = gives_up || iam::writes_what_is_shared(aim, observed, &plan);
        Ok(Converged { plan, is_shared, subnet_ids, security_group_ids, node_access, warnings })
    } else {
        Err(Refused(refusals))
    }
}

/// The tags that an object is made with: the user's, the owner's and the mark.
fn made_with(aim: Aim<'_>, mark_value: &str) -> Tags {
    let mut tags = aim.spec.tags.clone();
    tags.insert(OWNER_KEY.to_owned(), aim.owner.tag_value());
    tags.insert(aim.generation.mark().key().to_owned(), mark_value.to_owned());
    tags
}

/// The cluster's issuer, when cluster and OIDC provider are fit for IRSA.
fn sound_issuer<'a>(spec: &Spec, observed: &'a Observed, refusals: &mut Vec<Refusal>) -> Option<&'a str> {
    let cluster_name = || spec.cluster_name.clone();
    let Some(cluster) = &observed.cluster else {
        refusals.push(Refusal::NoCluster {
            cluster: cluster_name(),
            region: spec.scope.region.clone(),
            account: spec.scope.account.clone(),
        });
        return None;
    };
    if !is_usable(cluster) {
        refusals.push(Refusal::ClusterNotReady { cluster: cluster_name(), status: cluster.status.clone() });
        return None;
    }
    let Some(issuer) = cluster.issuer.as_deref() else {
        refusals.push(Refusal::NoIssuer { cluster: cluster_name() });
        return None;
    };
    match &observed.oidc_provider {
        None => {
            refusals.push(Refusal::NoOidcProvider { cluster: cluster_name(), issuer: issuer.to_owned() });
            None
        }
        Some(provider) if !provider.client_ids.iter().any(|id| id == AUDIENCE) => {
            refusals.push(Refusal::NoAudience { provider: provider.arn.clone() });
            None
        }
        Some(_) => Some(issuer),
    }
}

/// A policy that does not exist fails its attachment, after the role was made.
fn unknown_policies(spec: &Spec, observed: &Observed) -> impl Iterator<Item = Refusal> {
    let of_controller = |arn: &String| spec.controller_policy_arns.contains(arn);
    observed.unknown_policies.iter().map(move |arn| Refusal::UnknownPolicy {
        arn: arn.clone(),
        property: if of_controller(arn) { "ControllerPolicyArns" } else { "NodePolicyArns" },
    })
}

/// A cluster that is being updated serves on: its API, its roles and its tags are there.
fn is_usable(cluster: &Cluster) -> bool {
    matches!(cluster.status.as_str(), "ACTIVE" | "UPDATING")
}
