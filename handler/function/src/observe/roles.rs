//! The roles and the instance profile in IAM.

use super::leftovers::{self, Leftovers};
use super::{Purpose, SnapshotQuery};
use crate::clients::aws::{Clients, iam};
use crate::error::{AwsError, Error};
use futures::FutureExt as _;
use karpenter_prereqs_core::identity::ownership::{self, Marker, Tags};
use karpenter_prereqs_core::observed::{InstanceProfile, Role};
use std::collections::BTreeSet;

/// The roles and the instance profile with the names of the spec, and what depends on them.
pub(super) struct Roles {
    pub(super) node_role: Option<Role>,
    pub(super) leftovers: Leftovers,
    pub(super) controller_role: Option<Role>,
    pub(super) instance_profile: Option<InstanceProfile>,
    /// The ARNs of policies that the spec names and that do not exist. Empty for a teardown.
    pub(super) unknown_policies: BTreeSet<String>,
}

/// Reads the roles and the instance profile.
///
/// # Errors
/// A call failed.
pub(super) async fn read(clients: &Clients, query: SnapshotQuery<'_>) -> Result<Roles, Error> {
    let (iam, spec) = (&clients.iam, query.spec);
    let policy = spec.controller_policy_name();
    let if_reconciling = |arns| if query.purpose == Purpose::TearDown { Vec::new() } else { arns };
    let (node_policies, controller_policies) =
        (if_reconciling(spec.further_node_policy_arns()), if_reconciling(spec.controller_policy_arns.clone()));
    let boundary = async {
        let wanted = spec.permissions_boundary.as_ref().filter(|_| query.purpose != Purpose::TearDown);
        match wanted {
            Some(arn) => Ok((!iam::has_policy(iam, arn).await?).then(|| arn.clone())),
            None => Ok(None),
        }
    };
    // A teardown needs the policy document only if the role is kept, because other generations use it. A preview of a teardown
    // always reads it, because the stages before may add another generation's marker.
    let is_kept = |tags: &Tags| ownership::has_foreign_marker(tags, query.markers);
    let reads_document =
        |tags: &Tags| query.purpose != Purpose::TearDown || !clients.caller.applies_plan || is_kept(tags);
    let document_of = |tags: &Tags| reads_document(tags).then_some(policy.as_str());
    let (node, mut leftovers, mut controller, mut instance_profile, unknown_boundary) = futures::try_join!(
        role(iam, spec.node_role_name(), |_| None, node_policies).boxed_local(),
        leftovers::read(clients, query).boxed_local(),
        role(iam, &spec.controller_role_name, document_of, controller_policies).boxed_local(),
        iam::instance_profile(iam, &spec.instance_profile_name),
        boundary,
    )
    .map_err(Error::Aws)?;
    // IAM limits the total of all inline policies. Most controller roles have only the resource's own.
    if let Some(role) = controller.role.as_mut().filter(|_| query.purpose != Purpose::TearDown) {
        iam::read_inline_policies(iam, role).boxed_local().await.map_err(Error::Aws)?;
    }
    if leftovers.includes_own_profile {
        // The list of profiles may already have a profile that the read a moment before did not find.
        if instance_profile.is_none() {
            let found = iam::instance_profile(iam, &spec.instance_profile_name).await;
            instance_profile = found.map_err(Error::Aws)?;
        }
        leftovers.profiles_of_node_role.extend(instance_profile.clone());
    }
    let unknown_policies = node.unknown.into_iter().chain(controller.unknown).chain(unknown_boundary).collect();
    Ok(Roles { node_role: node.role, leftovers, controller_role: controller.role, instance_profile, unknown_policies })
}

/// A role, and the ARNs of the wanted policies that do not exist.
struct RoleAndUnknown {
    role: Option<Role>,
    unknown: Vec<String>,
}

/// Reads a role, and checks that the wanted policies exist that are not attached to it yet. `document_of` selects the inline
/// policy whose document is read, as in [`iam::role`].
async fn role<'a>(
    iam: &aws_sdk_iam::Client,
    name: &str,
    document_of: impl FnOnce(&Tags) -> Option<&'a str>,
    wanted: Vec<String>,
) -> Result<RoleAndUnknown, AwsError> {
    let role = iam::role(iam, name, document_of).await?;
    let is_attached = |arn: &String| role.as_ref().is_some_and(|role| role.attached.contains(arn));
    let unknown = wanted.into_iter().filter(|arn| !is_attached(arn)).map(async |arn| {
        let exists = iam::has_policy(iam, &arn).await?;
        Ok((!exists).then_some(arn))
    });
    let unknown = futures::future::try_join_all(unknown).await?;
    Ok(RoleAndUnknown { role, unknown: unknown.into_iter().flatten().collect() })
}

impl Roles {
    /// Returns whether aws-auth may have an entry of these generations: their marker on the node role or the instance profile
    /// says so.
    pub(super) fn is_in_aws_auth(&self, markers: &BTreeSet<Marker>) -> bool {
        let role = self.node_role.iter().map(|role| &role.tags);
        let mut tags = role.chain(self.instance_profile.iter().map(|profile| &profile.tags));
        tags.any(|tags| ownership::is_in_aws_auth(tags, markers))
    }

    /// Returns whether a role or the instance profile has one of these markers.
    pub(super) fn is_marked(&self, markers: &BTreeSet<Marker>) -> bool {
        let roles = self.node_role.iter().chain(&self.controller_role).map(|role| &role.tags);
        let mut tags = roles.chain(self.instance_profile.iter().map(|profile| &profile.tags));
        tags.any(|tags| ownership::is_marked(tags, markers))
    }
}
