//! The steps on the access entry and the Pod Identity association.

use super::Apply;
use crate::aws::eks;
use crate::error::{AwsError, Error};
use crate::log::millis;
use backon::Retryable as _;
use karpenter_prereqs_core::observed::ServiceAccount;
use karpenter_prereqs_core::ownership::{Tags, marks};
use karpenter_prereqs_core::plan::{EC2_LINUX, Step};

/// Carries one step out. What is there already and ours, or gone already, is done. `fresh`: it is about a role that this
/// very run made.
pub(super) async fn step(apply: &Apply<'_>, step: &Step, fresh: bool) -> Result<(), Error> {
    let result = (|| call(apply, step))
        .retry(apply.budget.settling())
        .when(|error: &AwsError| is_unseen_principal(error) || fresh && error.is(eks::INVALID))
        .notify(|error, after| {
            tracing::info!(step = %step, %error, after_ms = millis(after), "not settled yet: tried again");
        })
        .await;
    match (result, step) {
        (
            Err(error),
            Step::UntagEksResource { .. } | Step::DeleteAccessEntry { .. } | Step::DeletePodIdentityAssociation { .. },
        ) if error.is(eks::NOT_FOUND) || error.is_denied() && is_gone(apply, step).await => Ok(()),
        (Err(error), Step::CreateAccessEntry { cluster_name, principal_arn, tags }) if error.is(eks::EXISTS) => {
            joined(apply, cluster_name, principal_arn, tags, error).await.map_err(Error::Aws)
        }
        (Err(error), Step::CreatePodIdentityAssociation { cluster_name, namespace, service_account, role_arn, .. })
            if error.is(eks::EXISTS) =>
        {
            // The call's answer was lost, or another delivery of the event was first.
            let client = &apply.clients.eks;
            let account = ServiceAccount { namespace: namespace.clone(), name: service_account.clone() };
            let found = eks::pod_identity_association(client, cluster_name, &account).await;
            let found = found.map_err(Error::Aws)?;
            let is_ours = found.is_some_and(|found| found.role_arn == *role_arn && apply.is_marked(&found.tags));
            if is_ours { Ok(()) } else { Err(Error::Aws(error)) }
        }
        (result, _) => result.map_err(Error::Aws),
    }
}

async fn call(apply: &Apply<'_>, step: &Step) -> Result<(), AwsError> {
    let client = &apply.clients.eks;
    // The SDK's calls differ in type and not in shape.
    macro_rules! send {
        ($call:expr) => {
            $call.send().await.map(drop).map_err(|error| AwsError::new(step, &error))
        };
    }
    match step {
        Step::CreateAccessEntry { cluster_name, principal_arn, tags } => {
            send!(
                client
                    .create_access_entry()
                    .cluster_name(cluster_name)
                    .principal_arn(principal_arn)
                    .r#type(EC2_LINUX)
                    .set_tags(Some(tags.clone().into_iter().collect()))
            )
        }
        Step::TagEksResource { arn, tags } => {
            send!(client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone().into_iter().collect())))
        }
        Step::UntagEksResource { arn, keys } => {
            send!(client.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.iter().cloned().collect())))
        }
        Step::DeleteAccessEntry { cluster_name, principal_arn } => {
            send!(client.delete_access_entry().cluster_name(cluster_name).principal_arn(principal_arn))
        }
        Step::CreatePodIdentityAssociation { cluster_name, namespace, service_account, role_arn, tags } => {
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
        Step::UpdatePodIdentityAssociation { cluster_name, id, role_arn } => {
            send!(
                client
                    .update_pod_identity_association()
                    .cluster_name(cluster_name)
                    .association_id(id)
                    .role_arn(role_arn)
                    .disable_session_tags(false)
            )
        }
        Step::DeletePodIdentityAssociation { cluster_name, id } => {
            send!(client.delete_pod_identity_association().cluster_name(cluster_name).association_id(id))
        }
        _ => Ok(()),
    }
}

/// Whether the object of a removal is not there any more; a look that fails tells nothing. The execution role may remove
/// what bears the owner tag, and what is gone bears none: EKS denies that it be removed before it looks for it.
async fn is_gone(apply: &Apply<'_>, step: &Step) -> bool {
    let client = &apply.clients.eks;
    match step {
        Step::DeleteAccessEntry { cluster_name, principal_arn } => {
            matches!(eks::access_entry(client, cluster_name, principal_arn).await, Ok(None))
        }
        Step::DeletePodIdentityAssociation { cluster_name, id } => {
            matches!(eks::association(client, cluster_name, id).await, Ok(None))
        }
        _ => false,
    }
}

/// Whether EKS does not know the role, which IAM has, yet.
fn is_unseen_principal(error: &AwsError) -> bool {
    error.is(eks::INVALID) && error.message().contains("invalid principal")
}

/// The entry is there though it was not when the world was read: the call's answer was lost, or somebody else made it.
/// One that another generation marks is marked for this one too, so that it stays when the other goes.
async fn joined(
    apply: &Apply<'_>,
    cluster_name: &str,
    principal_arn: &str,
    tags: &Tags,
    refused: AwsError,
) -> Result<(), AwsError> {
    let client = &apply.clients.eks;
    let Some(entry) = eks::access_entry(client, cluster_name, principal_arn).await? else { return Err(refused) };
    if entry.kind != EC2_LINUX {
        return Err(refused);
    }
    if apply.is_marked(&entry.tags) || marks(&entry.tags).next().is_none() {
        return Ok(());
    }
    let ours = tags.iter().filter(|(key, _)| apply.marks.iter().any(|mark| mark.key() == *key));
    let tags = ours.map(|(key, value)| (key.clone(), value.clone())).collect();
    call(apply, &Step::TagEksResource { arn: entry.arn, tags }).await
}
