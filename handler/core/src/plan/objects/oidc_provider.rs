//! The IAM OIDC provider of the cluster's issuer: created if it is missing and the properties ask for it, and kept if other roles
//! trust it.

use super::tag_sync::{TagSync, sync_tags};
use crate::desired::spec::ControllerIdentity;
use crate::documents::policy::trust::AUDIENCE;
use crate::identity::aws_names::issuer_without_scheme;
use crate::identity::ownership::{OWNER_KEY, Tags, has_foreign_marker, markers};
use crate::observed::{Cluster, Observed, OidcProvider};
use crate::plan::context::{Context, Draft, Recheck, Teardown};
use crate::plan::step::{IamStep, StepId, TaggedObject};
use crate::plan::warning::Warning;
use std::collections::BTreeSet;

/// Plans the provider of this issuer. Returns the step that creates it, if it is planned.
///
/// A provider that a resource of this kind created gets the marker of every generation that uses it, even if its `OidcProvider`
/// is `Require`. Any other provider is used unchanged.
pub(crate) fn reconcile(context: Context<'_>, issuer: &str, draft: &mut Draft) -> Option<StepId> {
    let Context { spec, generation, owner, .. } = context;
    let mut tags = context.tags(generation.physical_resource_id());
    let Some(found) = &context.observed.oidc_provider else {
        // `controller_identity::issuer` has reported the problem.
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
    let object = TaggedObject::OidcProvider(&found.arn);
    let tags = TagSync { object, wanted: &tags, found: &found.tags, removes_stale_tags: is_ours, needs: None };
    sync_tags(context, tags, draft);
    None
}

/// Plans the same as [`tear_down`] if the properties no longer ask for IRSA. `needs` are the steps after which the controller
/// role does not trust the provider.
pub(crate) fn stop_using(context: Context<'_>, needs: &[StepId], draft: &mut Draft) {
    let Context { spec, observed, .. } = context;
    let is_marked = |found: &&OidcProvider| !context.torn_down().keys(&found.tags).is_empty();
    let found = observed.oidc_provider.as_ref().filter(is_marked);
    if let Some(found) = found.filter(|_| !spec.has_controller_identity(ControllerIdentity::Irsa)) {
        let others = trusting_roles(observed, Some(&spec.controller_role_name));
        remove(context.teardown(), (found, &others), needs, draft);
    }
}

/// Plans the deletion of the provider, or the removal of its markers. The provider is deleted with its last marker, if no other
/// role trusts it or the cluster is deleted. A provider that is kept for other roles loses its owner tag too, so no resource of
/// this kind deletes it later.
pub(crate) fn tear_down(teardown: Teardown<'_>, needs: &[StepId], draft: &mut Draft) -> Recheck {
    let Teardown { torn_down, observed, .. } = teardown;
    let Some(found) = observed.oidc_provider.as_ref().filter(|found| found.tags.contains_key(OWNER_KEY)) else {
        return Recheck::Nothing;
    };
    // A provider without any marker may be left over: the process that removed the last marker was killed before it deleted the
    // provider.
    let may_be_left_over = torn_down.is_recheck() || torn_down.owner.is_same_stack(&found.tags);
    let is_shared = has_foreign_marker(&found.tags, torn_down.markers);
    if torn_down.keys(&found.tags).is_empty() && (is_shared || !may_be_left_over) {
        return Recheck::Nothing;
    }
    // The trust of a controller role of this kind does not count, because a generation that uses the provider has a marker on it.
    // The trust of an adopted role counts, because its owner keeps the role.
    let is_of_this_kind = |tags: &Tags| tags.contains_key(OWNER_KEY) || markers(tags).next().is_some();
    let role = observed.controller_role.as_ref().filter(|role| is_of_this_kind(&role.tags));
    let excluded = role.filter(|role| !torn_down.keeps_adopted(&role.tags)).map(|role| &role.name);
    let removed = remove(teardown, (found, &trusting_roles(observed, excluded)), needs, draft);
    draft.warnings.extend(removed.warning);
    removed.recheck
}

/// The result of the removal of a provider.
#[derive(Debug, Default)]
struct ProviderTeardown {
    /// [`Recheck::OidcProvider`] if the provider is kept for other generations.
    recheck: Recheck,
    /// The warning for the log if the provider is kept for other roles.
    warning: Option<Warning>,
}

/// Plans the deletion of the provider, or the removal of its markers. `others` has the names of the other roles that trust it.
fn remove(
    Teardown { torn_down, observed, .. }: Teardown<'_>,
    (found, others): (&OidcProvider, &BTreeSet<&str>),
    needs: &[StepId],
    draft: &mut Draft,
) -> ProviderTeardown {
    let mut keys = torn_down.keys(&found.tags);
    let (arn, needs) = (found.arn.clone(), needs.iter().copied());
    if has_foreign_marker(&found.tags, torn_down.markers) {
        draft.add(IamStep::UntagOpenIdConnectProvider { arn, keys }, needs);
        return ProviderTeardown { recheck: Recheck::OidcProvider, warning: None };
    }
    if others.is_empty() || observed.cluster.as_ref().is_none_or(is_deleting) {
        draft.add(IamStep::DeleteOpenIdConnectProvider { arn }, needs);
        return ProviderTeardown::default();
    }
    let others = others.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let warning = Some(Warning::OidcProviderKept { arn: arn.clone(), roles: others });
    keys.insert(OWNER_KEY.to_owned());
    draft.add(IamStep::UntagOpenIdConnectProvider { arn, keys }, needs);
    ProviderTeardown { recheck: Recheck::Nothing, warning }
}

/// Returns the names of the roles that trust the issuer, except for `excluded`.
fn trusting_roles<'a>(observed: &'a Observed, excluded: Option<&String>) -> BTreeSet<&'a str> {
    let counts = |name: &&String| excluded.is_none_or(|it| !name.eq_ignore_ascii_case(it));
    observed.roles_that_trust_issuer.iter().filter(counts).map(String::as_str).collect()
}

fn is_deleting(cluster: &Cluster) -> bool {
    cluster.status == "DELETING"
}
