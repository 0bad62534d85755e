//! The steps on the access entry and the Pod Identity association.

use super::Apply;
use super::once;
use crate::clients::aws::eks;
use crate::error::{AwsError, Error};
use crate::retry::is_retried_in_eks;
use crate::telemetry::event::log_step_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::plan::{self, EC2_LINUX, EksStep, ExistingInEks, Resolution};

/// Carries out one step. A creation succeeds if the object exists and is ours, and a removal succeeds if the object does not
/// exist.
///
/// `is_on_new_object`: the step is about a role that this run created.
///
/// # Errors
/// The error of the last call, or of a read.
pub(super) async fn step(apply: &Apply<'_>, step: &EksStep, is_on_new_object: bool) -> Result<(), Error> {
    let call = async |step: &EksStep| call_with_retries(apply, step, is_on_new_object).await;
    match once::call_or_resolve(apply, step, AwsError::already_exists, call, async |step| resolve(apply, step).await)
        .await
    {
        Err(error)
            if step.is_removal() && (error.is_not_found() || error.is_denied() && is_missing(apply, step).await) =>
        {
            Ok(())
        }
        result => result.map_err(Error::Aws),
    }
}

/// Makes the call of a step, and retries the errors that go away with time.
async fn call_with_retries(apply: &Apply<'_>, step: &EksStep, is_on_new_object: bool) -> Result<(), AwsError> {
    (|| call(apply, step))
        .retry(apply.deadlines.settling())
        .when(|error: &AwsError| is_retried_in_eks(error, is_on_new_object))
        .notify(|error, after| {
            log_step_retry("not consistent yet", Some(step), Some(error), after);
        })
        .await
}

/// Reads the object that exists under the name of the object that the step creates, and decides.
async fn resolve(apply: &Apply<'_>, step: &EksStep) -> Result<Resolution<EksStep>, AwsError> {
    let (client, ours) = (&apply.clients.eks, apply.markers);
    Ok(match step {
        EksStep::CreateAccessEntry { cluster_name, principal_arn, .. } => {
            let entry = eks::access_entry(client, cluster_name, principal_arn).await?;
            plan::resolve_in_eks(step, ExistingInEks::AccessEntry(entry.as_ref()), ours)
        }
        EksStep::CreatePodIdentityAssociation { cluster_name, namespace, service_account, .. } => {
            let account = ServiceAccount { namespace: namespace.clone(), name: service_account.clone() };
            let association = eks::pod_identity_association(client, cluster_name, &account).await?;
            plan::resolve_in_eks(step, ExistingInEks::PodIdentityAssociation(association.as_ref()), ours)
        }
        _ => Resolution::Fail,
    })
}

/// Makes the call of a step once.
async fn call(apply: &Apply<'_>, step: &EksStep) -> Result<(), AwsError> {
    let client = &apply.clients.eks;
    // A macro, because each call of the SDK has its own type.
    macro_rules! send {
        ($call:expr) => {
            $call.send().await.map(drop).map_err(|error| AwsError::new(step, &error))
        };
    }
    match step {
        EksStep::CreateAccessEntry { cluster_name, principal_arn, tags } => {
            send!(
                client
                    .create_access_entry()
                    .cluster_name(cluster_name)
                    .principal_arn(principal_arn)
                    .r#type(EC2_LINUX)
                    .set_tags(Some(tags.clone().into_iter().collect()))
            )
        }
        EksStep::TagEksResource { arn, tags } => {
            send!(client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone().into_iter().collect())))
        }
        EksStep::UntagEksResource { arn, keys } => {
            send!(client.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.iter().cloned().collect())))
        }
        EksStep::DeleteAccessEntry { cluster_name, principal_arn, only_created_at } => {
            if let Some(at) = only_created_at {
                let found = eks::access_entry(client, cluster_name, principal_arn).await?;
                if found.is_none_or(|found| found.created_at != *at) {
                    tracing::info!(step = %step, "skipped: the access entry is not the one that was read");
                    return Ok(());
                }
            }
            send!(client.delete_access_entry().cluster_name(cluster_name).principal_arn(principal_arn))
        }
        EksStep::CreatePodIdentityAssociation { cluster_name, namespace, service_account, role_arn, tags } => {
            send!(
                client
                    .create_pod_identity_association()
                    .cluster_name(cluster_name)
                    .namespace(namespace)
                    .service_account(service_account)
                    .role_arn(role_arn)
                    .set_tags(Some(tags.clone().into_iter().collect()))
            )
        }
        EksStep::UpdatePodIdentityAssociation { cluster_name, id, role_arn } => {
            send!(
                client
                    .update_pod_identity_association()
                    .cluster_name(cluster_name)
                    .association_id(id)
                    .role_arn(role_arn)
                    .disable_session_tags(false)
            )
        }
        EksStep::DeletePodIdentityAssociation { cluster_name, id } => {
            send!(client.delete_pod_identity_association().cluster_name(cluster_name).association_id(id))
        }
    }
}

/// Returns whether the object of a removal does not exist. `false` if it cannot be read.
///
/// EKS checks permissions before it looks for the object. The execution role may delete only objects with the owner tag, and an
/// object that does not exist has no tag. So EKS returns "denied" for it.
async fn is_missing(apply: &Apply<'_>, step: &EksStep) -> bool {
    let client = &apply.clients.eks;
    match step {
        EksStep::DeleteAccessEntry { cluster_name, principal_arn, .. } => {
            matches!(eks::access_entry(client, cluster_name, principal_arn).await, Ok(None))
        }
        EksStep::DeletePodIdentityAssociation { cluster_name, id } => {
            matches!(eks::association(client, cluster_name, id).await, Ok(None))
        }
        _ => false,
    }
}
