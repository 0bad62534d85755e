//! The steps on roles and instance profiles.

use super::Apply;
use super::once;
use crate::clients::aws::iam;
use crate::error::{AwsError, Error};
use crate::retry::{StepFacts, is_retried_in_iam};
use crate::telemetry::event::log_step_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::identity::ownership::{has_foreign_marker, marker_keys};
use karpenter_prereqs_core::plan::{self, ExistingInIam, IamStep, Resolution};
use std::time::Duration;

/// Carries out one step. A creation succeeds if the object exists and is ours, and a removal succeeds if the object does not
/// exist.
///
/// `is_on_new_object`: the step needs an object that this run created.
///
/// # Errors
/// The error of the last call, or of a read.
pub(super) async fn step(apply: &Apply<'_>, step: &IamStep, is_on_new_object: bool) -> Result<(), Error> {
    // An instance profile has a quota of one role, so IAM reports a role that it already holds as an exceeded quota.
    let adds_role = matches!(step, IamStep::AddRoleToInstanceProfile { .. });
    let exists = |error: &AwsError| error.already_exists() || adds_role && error.is_role_quota();
    let call = async |step: &IamStep| call_with_retries(apply, step, is_on_new_object).await;
    once::call_or_resolve(apply, step, exists, call, async |step| resolve(apply, step).await).await.map_err(Error::Aws)
}

/// Makes the call of a step, and retries the errors that go away with time. A removal of an object that does not exist succeeds.
async fn call_with_retries(apply: &Apply<'_>, step: &IamStep, is_on_new_object: bool) -> Result<(), AwsError> {
    let is_removal = step.is_removal();
    let call = || async {
        match call(apply, step).await {
            // IAM checks permissions before it looks for the object. The execution role may delete only objects with the owner
            // tag, and an object that does not exist has no tag. So IAM returns "denied" for it.
            Err(error) if is_removal && error.is_denied() && is_missing(apply, step).await => Ok(()),
            result => result,
        }
    };
    let facts =
        StepFacts { is_on_new_object, is_removal, has_created_generation: apply.progress.has_created_generation() };
    let notify = |error: &AwsError, after: Duration| {
        log_step_retry("not consistent yet", Some(step), Some(error), after);
    };
    match call.retry(apply.deadlines.settling()).when(|error| is_retried_in_iam(error, facts)).notify(notify).await {
        Err(error) if is_removal && error.is_not_found() => Ok(()),
        other => other,
    }
}

/// Makes the call of a step once.
async fn call(apply: &Apply<'_>, step: &IamStep) -> Result<(), AwsError> {
    let client = &apply.clients.iam;
    // A macro, because each call of the SDK has its own type.
    macro_rules! send {
        ($call:expr) => {
            $call.send().await.map(drop).map_err(|error| AwsError::new(step, &error))
        };
    }
    match step {
        IamStep::CreateRole { name, path, trust, permissions_boundary, tags, .. } => {
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
        IamStep::TagRole { name, tags } => send!(client.tag_role().role_name(name).set_tags(Some(iam::pairs(tags)?))),
        IamStep::UntagRole { name, keys } => {
            send!(client.untag_role().role_name(name).set_tag_keys(Some(keys.iter().cloned().collect())))
        }
        IamStep::UpdateAssumeRolePolicy { name, trust } => {
            send!(client.update_assume_role_policy().role_name(name).policy_document(trust.to_string()))
        }
        IamStep::PutRolePermissionsBoundary { name, permissions_boundary } => {
            send!(client.put_role_permissions_boundary().role_name(name).permissions_boundary(permissions_boundary))
        }
        IamStep::DeleteRolePermissionsBoundary { name } => {
            send!(client.delete_role_permissions_boundary().role_name(name))
        }
        IamStep::AttachRolePolicy { name, policy_arn } => {
            send!(client.attach_role_policy().role_name(name).policy_arn(policy_arn))
        }
        IamStep::DetachRolePolicy { name, policy_arn } => {
            send!(client.detach_role_policy().role_name(name).policy_arn(policy_arn))
        }
        IamStep::PutRolePolicy { name, policy_name, document } => {
            send!(
                client.put_role_policy().role_name(name).policy_name(policy_name).policy_document(document.to_string())
            )
        }
        IamStep::DeleteRolePolicy { name, policy_name } => {
            send!(client.delete_role_policy().role_name(name).policy_name(policy_name))
        }
        IamStep::DeleteRole { name } => send!(client.delete_role().role_name(name)),
        IamStep::CreateInstanceProfile { name, path, tags } => {
            send!(
                client
                    .create_instance_profile()
                    .instance_profile_name(name)
                    .path(path)
                    .set_tags(Some(iam::pairs(tags)?))
            )
        }
        IamStep::TagInstanceProfile { name, tags } => {
            send!(client.tag_instance_profile().instance_profile_name(name).set_tags(Some(iam::pairs(tags)?)))
        }
        IamStep::UntagInstanceProfile { name, keys } => {
            send!(
                client
                    .untag_instance_profile()
                    .instance_profile_name(name)
                    .set_tag_keys(Some(keys.iter().cloned().collect()))
            )
        }
        IamStep::AddRoleToInstanceProfile { name, role } => {
            send!(client.add_role_to_instance_profile().instance_profile_name(name).role_name(role))
        }
        IamStep::RemoveRoleFromInstanceProfile { name, role } => {
            send!(client.remove_role_from_instance_profile().instance_profile_name(name).role_name(role))
        }
        IamStep::DeleteInstanceProfile { name } => send!(client.delete_instance_profile().instance_profile_name(name)),
        IamStep::CreateOpenIdConnectProvider { url, client_id_list, tags, .. } => {
            send!(
                client
                    .create_open_id_connect_provider()
                    .url(url)
                    .set_client_id_list(Some(client_id_list.clone()))
                    .set_tags(Some(iam::pairs(tags)?))
            )
        }
        IamStep::TagOpenIdConnectProvider { arn, tags } => {
            send!(
                client
                    .tag_open_id_connect_provider()
                    .open_id_connect_provider_arn(arn)
                    .set_tags(Some(iam::pairs(tags)?))
            )
        }
        IamStep::UntagOpenIdConnectProvider { arn, keys } => {
            send!(
                client
                    .untag_open_id_connect_provider()
                    .open_id_connect_provider_arn(arn)
                    .set_tag_keys(Some(keys.iter().cloned().collect()))
            )
        }
        IamStep::DeleteOpenIdConnectProvider { arn } => {
            // This is the last step of a teardown, perhaps minutes after the snapshot. Another resource may use the provider by
            // now.
            let found = iam::oidc_provider(client, arn).await?;
            match found.filter(|found| has_foreign_marker(&found.tags, apply.markers)) {
                Some(found) => {
                    let keys = marker_keys(apply.markers, &found.tags);
                    // IAM rejects an empty list.
                    if keys.is_empty() {
                        return Ok(());
                    }
                    let untag = IamStep::UntagOpenIdConnectProvider { arn: arn.clone(), keys };
                    tracing::info!(step = %untag, "the OIDC provider is untagged and not deleted: another resource uses it");
                    Box::pin(call(apply, &untag)).await
                }
                None => send!(client.delete_open_id_connect_provider().open_id_connect_provider_arn(arn)),
            }
        }
    }
}

/// Reads the object that exists under the name of the object that the step creates, and decides.
async fn resolve(apply: &Apply<'_>, step: &IamStep) -> Result<Resolution<IamStep>, AwsError> {
    let (client, ours) = (&apply.clients.iam, apply.markers);
    Ok(match step {
        IamStep::CreateRole { name, .. } => {
            let role = iam::role(client, name, |_| None).await?;
            plan::resolve_in_iam(step, ExistingInIam::Role(role.as_ref()), ours)
        }
        IamStep::CreateInstanceProfile { name, .. } | IamStep::AddRoleToInstanceProfile { name, .. } => {
            let profile = iam::instance_profile(client, name).await?;
            plan::resolve_in_iam(step, ExistingInIam::InstanceProfile(profile.as_ref()), ours)
        }
        IamStep::CreateOpenIdConnectProvider { arn, .. } => {
            let provider = iam::oidc_provider(client, arn).await?;
            plan::resolve_in_iam(step, ExistingInIam::OidcProvider(provider.as_ref()), ours)
        }
        _ => Resolution::Fail,
    })
}

/// Returns whether the object of a removal does not exist. `false` if it cannot be read.
async fn is_missing(apply: &Apply<'_>, step: &IamStep) -> bool {
    let client = &apply.clients.iam;
    let exists = match step {
        IamStep::DeleteRole { name } | IamStep::DetachRolePolicy { name, .. } => iam::has_role(client, name).await,
        IamStep::DeleteInstanceProfile { name } => {
            iam::instance_profile(client, name).await.map(|profile| profile.is_some())
        }
        IamStep::DeleteOpenIdConnectProvider { arn } => {
            iam::oidc_provider(client, arn).await.map(|provider| provider.is_some())
        }
        _ => return false,
    };
    matches!(exists, Ok(false))
}
