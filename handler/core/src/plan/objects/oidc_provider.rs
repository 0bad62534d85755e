//! IAM's OIDC provider for the cluster's issuer: made where it is missing and that is wanted, and left to those who have
//! come to trust it.

use super::tagging::{Object, TagSync, sync_tags};
use crate::desired::spec::ControllerIdentity;
use crate::documents::policy::trust::AUDIENCE;
use crate::identity::aws_names::issuer_without_scheme;
use crate::identity::ownership::{OWNER_KEY, Tags, has_foreign_marker, markers};
use crate::observed::{Cluster, Observed, OidcProvider};
use crate::plan::context::{Context, Draft, Recheck, Teardown};
use crate::plan::step::{IamStep, StepId};
use crate::plan::warning::Warning;
use std::collections::BTreeSet;

/// Plans the provider of this issuer; gives the step that makes it, if there is one. One that a resource like this has made
/// is marked by all that rely on it, whether they would have made it or not; any other is used as it is.
pub(crate) fn reconcile(context: Context<'_>, issuer: &str, draft: &mut Draft) -> Option<StepId> {
    let Context { spec, generation, owner, .. } = context;
    let mut tags = context.tags(generation.physical_resource_id());
    let Some(found) = &context.observed.oidc_provider else {
        // Where it is not to be made, that was refused.
        if !spec.creates_oidc_provider {
            return None;
        }
        let arn = spec.scope.oidc_provider_arn(issuer_without_scheme(issuer));
        let (url, client_id_list) = (issuer.to_owned(), vec![AUDIENCE.to_owned()]);
        return Some(draft.add(IamStep::CreateOpenIdConnectProvider { arn, url, client_id_list, tags }, None));
    };
    if !found.tags.contains_key(OWNER_KEY) {
        return None;
    }
    let is_ours = owner.is_creator(&found.tags);
    if !is_ours {
        tags.retain(|key, _| key == generation.marker().key());
    }
    let object = Object::OidcProvider(&found.arn);
    let tags = TagSync { object, wanted: &tags, found: &found.tags, removes_stale_tags: is_ours, needs: None };
    sync_tags(context, tags, draft);
    None
}

/// Plans that this generation leaves a provider that it relied on, since it does not want IRSA any more: as [`tear_down`] does,
/// once the controller role trusts it no more.
pub(crate) fn stop_using(context: Context<'_>, needs: &[StepId], draft: &mut Draft) {
    let Context { spec, observed, .. } = context;
    let is_marked = |found: &&OidcProvider| !context.departing().keys(&found.tags).is_empty();
    let found = observed.oidc_provider.as_ref().filter(is_marked);
    if let Some(found) = found.filter(|_| !spec.has_identity(ControllerIdentity::Irsa)) {
        let others = trusting(observed, Some(&spec.controller_role_name));
        remove(context.teardown(), (found, &others), needs, draft);
    }
}

/// Plans that these generations leave the provider: with the last marker it goes, if nobody else trusts it or the cluster has
/// gone. Where it stays for others' roles, it is nobody's from then on.
pub(crate) fn tear_down(teardown: Teardown<'_>, needs: &[StepId], draft: &mut Draft) -> Recheck {
    let Teardown { departing, observed, .. } = teardown;
    let Some(found) = observed.oidc_provider.as_ref().filter(|found| found.tags.contains_key(OWNER_KEY)) else {
        return Recheck::Nothing;
    };
    // Without any marker: those who left it at the same time did not live to see that they were the last.
    let is_unclaimed = departing.is_recheck || departing.owner.is_same_stack(&found.tags);
    if departing.keys(&found.tags).is_empty() && (has_foreign_marker(&found.tags, departing.markers) || !is_unclaimed) {
        return Recheck::Nothing;
    }
    // A generation that stays and relies on the provider markers it, whatever its role still trusts. An adopted role is its
    // owner's again.
    let is_of_ours = |tags: &Tags| tags.contains_key(OWNER_KEY) || markers(tags).next().is_some();
    let role = observed.controller_role.as_ref().filter(|role| is_of_ours(&role.tags));
    let ours = role.filter(|role| !departing.keeps_adopted(&role.tags)).map(|role| &role.name);
    let left = remove(teardown, (found, &trusting(observed, ours)), needs, draft);
    draft.warnings.extend(left.warning);
    left.shared
}

/// What becomes of a provider that is left.
#[derive(Debug, Default)]
struct ProviderTeardown {
    /// Whether it stays with others like this: then whoever looks again last removes it.
    shared: Recheck,
    /// What the log of a teardown says.
    warning: Option<Warning>,
}

/// Plans the provider's end, or its markers', where these other roles trust it.
fn remove(
    Teardown { departing, observed, .. }: Teardown<'_>,
    (found, others): (&OidcProvider, &BTreeSet<&str>),
    needs: &[StepId],
    draft: &mut Draft,
) -> ProviderTeardown {
    let mut keys = departing.keys(&found.tags);
    let (arn, needs) = (found.arn.clone(), needs.iter().copied());
    if has_foreign_marker(&found.tags, departing.markers) {
        draft.add(IamStep::UntagOpenIdConnectProvider { arn, keys }, needs);
        return ProviderTeardown { shared: Recheck::OidcProvider, warning: None };
    }
    if others.is_empty() || observed.cluster.as_ref().is_none_or(is_going) {
        draft.add(IamStep::DeleteOpenIdConnectProvider { arn }, needs);
        return ProviderTeardown::default();
    }
    let others = others.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let warning = Some(Warning::OidcProviderKept { arn: arn.clone(), roles: others });
    keys.insert(OWNER_KEY.to_owned());
    draft.add(IamStep::UntagOpenIdConnectProvider { arn, keys }, needs);
    ProviderTeardown { shared: Recheck::Nothing, warning }
}

/// The roles that trust the issuer, but for one.
fn trusting<'a>(observed: &'a Observed, but_for: Option<&String>) -> BTreeSet<&'a str> {
    let counts = |name: &&String| but_for.is_none_or(|it| !name.eq_ignore_ascii_case(it));
    observed.roles_that_trust_issuer.iter().filter(counts).map(String::as_str).collect()
}

fn is_going(cluster: &Cluster) -> bool {
    cluster.status == "DELETING"
}
