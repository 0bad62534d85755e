//! The steps on roles and instance profiles.

use super::Apply;
use crate::aws::iam;
use crate::error::{AwsError, Error};
use crate::log::millis;
use backon::Retryable as _;
use karpenter_prereqs_core::ownership::{Mark, OWNER_KEY, Tags, keys_of, marked_by_others};
use karpenter_prereqs_core::plan::Step;
use std::time::Duration;

/// Carries one step out. What is there already and ours, or gone already, is done.
pub(super) async fn step(apply: &Apply<'_>, step: &Step, fresh: bool) -> Result<(), Error> {
    let removes = is_removal(step);
    let call = || async {
        match call(apply, step).await {
            // The execution role may remove what bears the owner tag. What is gone bears none: IAM denies that it be removed
            // before it looks for it.
            Err(error) if removes && error.is_denied() && is_gone(apply, step).await => Ok(()),
            result => result,
        }
    };
    // IAM's copies agree after a while: a role that was just made may not be there for the next call, nor may the
    // permission that its tags give.
    let heals = |error: &AwsError| {
        error.is(iam::UNSETTLED)
            || fresh && (error.is(iam::NOT_FOUND) || error.is_denied())
            || removes && error.is_denied() && apply.progress.is_own_work()
    };
    let notify = |error: &AwsError, after: Duration| {
        tracing::info!(step = %step, %error, after_ms = millis(after), "not settled yet: tried again");
    };
    let result = call.retry(apply.budget.settling()).when(heals).notify(notify).await;
    match result {
        Err(error) if removes && error.is(iam::NOT_FOUND) => Ok(()),
        Err(error) if error.is(iam::EXISTS) || error.is(iam::FULL) => {
            if is_there(apply, step).await.map_err(Error::Aws)? { Ok(()) } else { Err(Error::Aws(error)) }
        }
        other => other.map_err(Error::Aws),
    }
}

/// The step's one call.
async fn call(apply: &Apply<'_>, step: &Step) -> Result<(), AwsError> {
    let client = &apply.clients.iam;
    // The SDK's calls differ in type and not in shape.
    macro_rules! send {
        ($call:expr) => {
            $call.send().await.map(drop).map_err(|error| AwsError::new(step, &error))
        };
    }
    match step {
        Step::CreateRole { name, path, trust, permissions_boundary, tags, .. } => {
            send!(
                client
                    .create_role()
                    .role_name(name)
                    .path(path)
                    .assume_role_policy_document(trust.to_string())
                    .set_permissions_boundary(permissions_boundary.clone())
                    .set_tags(Some(iam::pairs(tags)?))
            )
        }
        Step::TagRole { name, tags } => send!(client.tag_role().role_name(name).set_tags(Some(iam::pairs(tags)?))),
        Step::UntagRole { name, keys } => {
            send!(client.untag_role().role_name(name).set_tag_keys(Some(keys.iter().cloned().collect())))
        }
        Step::UpdateAssumeRolePolicy { name, trust } => {
            send!(client.update_assume_role_policy().role_name(name).policy_document(trust.to_string()))
        }
        Step::PutRolePermissionsBoundary { name, permissions_boundary } => {
            send!(client.put_role_permissions_boundary().role_name(name).permissions_boundary(permissions_boundary))
        }
        Step::DeleteRolePermissionsBoundary { name } => {
            send!(client.delete_role_permissions_boundary().role_name(name))
        }
        Step::AttachRolePolicy { name, policy_arn } => {
            send!(client.attach_role_policy().role_name(name).policy_arn(policy_arn))
        }
        Step::DetachRolePolicy { name, policy_arn } => {
            send!(client.detach_role_policy().role_name(name).policy_arn(policy_arn))
        }
        Step::PutRolePolicy { name, policy_name, document } => {
            send!(
                client.put_role_policy().role_name(name).policy_name(policy_name).policy_document(document.to_string())
            )
        }
        Step::DeleteRolePolicy { name, policy_name } => {
            send!(client.delete_role_policy().role_name(name).policy_name(policy_name))
        }
        Step::DeleteRole { name } => send!(client.delete_role().role_name(name)),
        Step::CreateInstanceProfile { name, path, tags } => {
            send!(
                client
                    .create_instance_profile()
                    .instance_profile_name(name)
                    .path(path)
                    .set_tags(Some(iam::pairs(tags)?))
            )
        }
        Step::TagInstanceProfile { name, tags } => {
            send!(client.tag_instance_profile().instance_profile_name(name).set_tags(Some(iam::pairs(tags)?)))
        }
        Step::UntagInstanceProfile { name, keys } => {
            send!(
                client
                    .untag_instance_profile()
                    .instance_profile_name(name)
                    .set_tag_keys(Some(keys.iter().cloned().collect()))
            )
        }
        Step::AddRoleToInstanceProfile { name, role } => {
            send!(client.add_role_to_instance_profile().instance_profile_name(name).role_name(role))
        }
        Step::RemoveRoleFromInstanceProfile { name, role } => {
            send!(client.remove_role_from_instance_profile().instance_profile_name(name).role_name(role))
        }
        Step::DeleteInstanceProfile { name } => send!(client.delete_instance_profile().instance_profile_name(name)),
        Step::CreateOpenIdConnectProvider { url, client_id_list, tags, .. } => {
            send!(
                client
                    .create_open_id_connect_provider()
                    .url(url)
                    .set_client_id_list(Some(client_id_list.clone()))
                    .set_tags(Some(iam::pairs(tags)?))
            )
        }
        Step::TagOpenIdConnectProvider { arn, tags } => {
            send!(
                client
                    .tag_open_id_connect_provider()
                    .open_id_connect_provider_arn(arn)
                    .set_tags(Some(iam::pairs(tags)?))
            )
        }
        Step::UntagOpenIdConnectProvider { arn, keys } => {
            send!(
                client
                    .untag_open_id_connect_provider()
                    .open_id_connect_provider_arn(arn)
                    .set_tag_keys(Some(keys.iter().cloned().collect()))
            )
        }
        Step::DeleteOpenIdConnectProvider { arn } => {
            // It goes last of all, perhaps minutes after it was looked at: another may have come to rely on it.
            let found = iam::oidc_provider(client, arn).await?;
            match found.filter(|found| marked_by_others(&found.tags, apply.marks)) {
                Some(found) => {
                    let keys = keys_of(apply.marks, &found.tags);
                    // IAM takes no empty list.
                    if keys.is_empty() {
                        return Ok(());
                    }
                    let untag = Step::UntagOpenIdConnectProvider { arn: arn.clone(), keys };
                    tracing::info!(step = %untag, "in place of its deletion: another has come to rely on it");
                    Box::pin(call(apply, &untag)).await
                }
                None => send!(client.delete_open_id_connect_provider().open_id_connect_provider_arn(arn)),
            }
        }
        Step::CreateTags { .. }
        | Step::DeleteTags { .. }
        | Step::ConfirmTags { .. }
        | Step::MarkLeaving { .. }
        | Step::LeaveTags { .. }
        | Step::EditAwsAuth { .. }
        | Step::CreateAccessEntry { .. }
        | Step::TagEksResource { .. }
        | Step::UntagEksResource { .. }
        | Step::DeleteAccessEntry { .. }
        | Step::CreatePodIdentityAssociation { .. }
        | Step::UpdatePodIdentityAssociation { .. }
        | Step::DeletePodIdentityAssociation { .. } => Ok(()),
    }
}

/// Whether what the step was to make is there, and ours: the call's answer was lost, or the event was delivered
/// twice and the other run was first.
async fn is_there(apply: &Apply<'_>, step: &Step) -> Result<bool, AwsError> {
    let client = &apply.clients.iam;
    Ok(match step {
        Step::CreateRole { name, .. } => {
            iam::role(client, name, |_| None).await?.is_some_and(|role| apply.is_marked(&role.tags))
        }
        Step::CreateInstanceProfile { name, .. } => {
            iam::instance_profile(client, name).await?.is_some_and(|profile| apply.is_marked(&profile.tags))
        }
        Step::AddRoleToInstanceProfile { name, role } => iam::instance_profile(client, name)
            .await?
            .is_some_and(|profile| profile.roles.iter().any(|held| held.eq_ignore_ascii_case(role))),
        Step::CreateOpenIdConnectProvider { arn, client_id_list, tags, .. } => {
            provider_serves(apply, arn, client_id_list, tags).await?
        }
        _ => false,
    })
}

/// Whether the OIDC provider that another has just made serves as well: one of another resource like this bears our mark
/// too from now on.
async fn provider_serves(apply: &Apply<'_>, arn: &str, client_ids: &[String], tags: &Tags) -> Result<bool, AwsError> {
    let client = &apply.clients.iam;
    let Some(found) = iam::oidc_provider(client, arn).await? else { return Ok(false) };
    let mut mark = tags.clone();
    mark.retain(|key, _| Mark::from_key(key).is_some() && !found.tags.contains_key(key));
    if found.tags.contains_key(OWNER_KEY) && !mark.is_empty() {
        let tag = Step::TagOpenIdConnectProvider { arn: arn.to_owned(), tags: mark };
        Box::pin(call(apply, &tag)).await?;
    }
    Ok(client_ids.iter().all(|id| found.client_ids.contains(id)))
}

/// Whether the object of a removal is not there any more; a look that fails tells nothing.
async fn is_gone(apply: &Apply<'_>, step: &Step) -> bool {
    let client = &apply.clients.iam;
    let there = match step {
        Step::DeleteRole { name } | Step::DetachRolePolicy { name, .. } => iam::has_role(client, name).await,
        Step::DeleteInstanceProfile { name } => {
            iam::instance_profile(client, name).await.map(|profile| profile.is_some())
        }
        Step::DeleteOpenIdConnectProvider { arn } => {
            iam::oidc_provider(client, arn).await.map(|provider| provider.is_some())
        }
        _ => return false,
    };
    matches!(there, Ok(false))
}

fn is_removal(step: &Step) -> bool {
    matches!(
        step,
        Step::UntagRole { .. }
            | Step::DeleteRolePermissionsBoundary { .. }
            | Step::DetachRolePolicy { .. }
            | Step::DeleteRolePolicy { .. }
            | Step::DeleteRole { .. }
            | Step::UntagInstanceProfile { .. }
            | Step::RemoveRoleFromInstanceProfile { .. }
            | Step::DeleteInstanceProfile { .. }
            | Step::UntagOpenIdConnectProvider { .. }
            | Step::DeleteOpenIdConnectProvider { .. }
    )
}
