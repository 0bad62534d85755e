//! The remedy of a finding: an AWS CLI command if that is enough, otherwise the advice to deploy the resource.

use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::aws_auth::NodeEntry;
use karpenter_prereqs_core::documents::config_map::Change;
use karpenter_prereqs_core::observed::{AuthenticationMode, Observed};
use karpenter_prereqs_core::plan::{EC2_LINUX, Ec2Step, EditAwsAuth, EksStep, IamStep, Step};

/// Returns a command with the effect of the step, without owner tags and markers, or the advice to deploy the resource.
pub(super) fn of_step(spec: &Spec, step: &Step, observed: &Observed) -> String {
    let cluster = &spec.cluster_name;
    match step {
        Step::Iam(IamStep::AttachRolePolicy { name, policy_arn }) => {
            format!("aws iam attach-role-policy --role-name {name} --policy-arn {policy_arn}")
        }
        Step::Iam(IamStep::PutRolePermissionsBoundary { name, permissions_boundary }) => format!(
            "aws iam put-role-permissions-boundary --role-name {name} --permissions-boundary {permissions_boundary}"
        ),
        Step::Iam(IamStep::CreateInstanceProfile { name, path, .. }) => {
            format!("aws iam create-instance-profile --instance-profile-name {name} --path {path}")
        }
        Step::Iam(IamStep::AddRoleToInstanceProfile { name, role }) => {
            format!("aws iam add-role-to-instance-profile --instance-profile-name {name} --role-name {role}")
        }
        Step::Ec2(Ec2Step::CreateTags { ids, .. }) => format!(
            "aws ec2 create-tags --resources {} --tags Key={},Value={}",
            ids.join(" "),
            spec.discovery_tag.key,
            spec.discovery_tag.value
        ),
        Step::Eks(EksStep::CreateAccessEntry { principal_arn, .. }) => {
            let names = format!("--cluster-name {cluster} --principal-arn {principal_arn}");
            let create = format!("aws eks create-access-entry {names} --type {EC2_LINUX}");
            let mode = observed.cluster.as_ref().map(|cluster| cluster.authentication_mode);
            if observed.access_entry.is_some() {
                format!("aws eks delete-access-entry {names} && {create}")
            } else if mode.is_some_and(AuthenticationMode::has_aws_auth) {
                format!("{create}. If nodes join with aws-auth, check with -p NodeAccess=AwsAuth")
            } else {
                create
            }
        }
        Step::Eks(EksStep::CreatePodIdentityAssociation { namespace, service_account, role_arn, .. }) => format!(
            "aws eks create-pod-identity-association --cluster-name {cluster} --namespace {namespace} --service-account {service_account} --role-arn {role_arn}"
        ),
        Step::Eks(EksStep::UpdatePodIdentityAssociation { id, role_arn, .. }) => format!(
            "aws eks update-pod-identity-association --cluster-name {cluster} --association-id {id} --role-arn {role_arn} --no-disable-session-tags"
        ),
        Step::Iam(IamStep::CreateOpenIdConnectProvider { url, client_id_list, .. }) => format!(
            "aws iam create-open-id-connect-provider --url {url} --client-id-list {}",
            client_id_list.join(" ")
        ),
        Step::AwsAuth(EditAwsAuth { change: Change::AddEntry { entry, .. }, .. }) => {
            let groups = NodeEntry::groups().join(", ");
            format!(
                "Deploy the resource, or add to mapRoles: {{rolearn: \"{}\", username: \"{}\", groups: [{groups}]}}",
                entry.rolearn(),
                NodeEntry::username()
            )
        }
        _ => "Deploy the resource, or change its Revision if it is deployed. `karpenter-prereqs plan --json` shows the document".to_owned(),
    }
}
