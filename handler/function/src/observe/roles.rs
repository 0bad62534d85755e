//! What IAM holds under the spec's names.

use super::leftovers::{self, Leftovers};
use super::{Look, Purpose};
use crate::clients::aws::{Clients, iam};
use crate::error::{AwsError, Error};
use futures::FutureExt as _;
use karpenter_prereqs_core::identity::ownership::{self, Marker, Tags};
use karpenter_prereqs_core::observed::{InstanceProfile, Role};
use std::collections::BTreeSet;

/// What IAM holds under the spec's names.
pub(super) struct Roles {
    pub(super) node_role: Option<Role>,
    pub(super) leftovers: Leftovers,
    pub(super) controller_role: Option<Role>,
    pub(super) instance_profile: Option<InstanceProfile>,
    pub(super) unknown_policies: BTreeSet<String>,
}

pub(super) async fn read(clients: &Clients, look: Look<'_>) -> Result<Roles, Error> {
    let (iam, spec) = (&clients.iam, look.spec);
    let policy = spec.controller_policy_name();
    let asked = |arns| if look.purpose == Purpose::Reconcile { arns } else { Vec::new() };
    let (of_nodes, of_controller) =
        (asked(spec.further_node_policy_arns()), asked(spec.controller_policy_arns.clone()));
    let boundary = async {
        let asked = spec.permissions_boundary.as_ref().filter(|_| look.purpose == Purpose::Reconcile);
        match asked {
            Some(arn) => Ok((!iam::has_policy(iam, arn).await?).then(|| arn.clone())),
            None => Ok(None),
        }
    };
    // Of a role that goes, what its policies say does not matter; of one that others keep, it does. A preview may be of a world
    // in which others will by then.
    let is_kept = |tags: &Tags| ownership::has_foreign_marker(tags, look.markers);
    let reads_document = |tags: &Tags| look.purpose == Purpose::Reconcile || !clients.caller.writes || is_kept(tags);
    let document_of = |tags: &Tags| reads_document(tags).then_some(policy.as_str());
    let (node, mut leftovers, controller, mut instance_profile, unknown_boundary) = futures::try_join!(
        role(iam, spec.node_role_name(), |_| None, of_nodes).boxed_local(),
        leftovers::read(clients, look).boxed_local(),
        role(iam, &spec.controller_role_name, document_of, of_controller).boxed_local(),
        iam::instance_profile(iam, &spec.instance_profile_name),
        boundary,
    )
    .map_err(Error::Aws)?;
    if leftovers.holds_own {
        // The list may have it already where it was not there a moment before.
        if instance_profile.is_none() {
            let found = iam::instance_profile(iam, &spec.instance_profile_name).await;
            instance_profile = found.map_err(Error::Aws)?;
        }
        leftovers.profiles_of_node_role.extend(instance_profile.clone());
    }
    let unknown_policies = node.unknown.into_iter().chain(controller.unknown).chain(unknown_boundary).collect();
    Ok(Roles { node_role: node.role, leftovers, controller_role: controller.role, instance_profile, unknown_policies })
}

/// A role, and the ARNs of policies that it shall have and that do not exist.
struct RoleAndUnknown {
    role: Option<Role>,
    unknown: Vec<String>,
}

/// Reads a role, and whether the policies exist that it does not have yet.
async fn role<'a>(
    iam: &aws_sdk_iam::Client,
    name: &str,
    document_of: impl FnOnce(&Tags) -> Option<&'a str>,
    asked: Vec<String>,
) -> Result<RoleAndUnknown, AwsError> {
    let role = iam::role(iam, name, document_of).await?;
    let attached = |arn: &String| role.as_ref().is_some_and(|role| role.attached.contains(arn));
    let unknown = asked.into_iter().filter(|arn| !attached(arn)).map(async |arn| {
        let known = iam::has_policy(iam, &arn).await?;
        Ok((!known).then_some(arn))
    });
    let unknown = futures::future::try_join_all(unknown).await?;
    Ok(RoleAndUnknown { role, unknown: unknown.into_iter().flatten().collect() })
}

impl Roles {
    /// Whether the node role or the profile says that aws-auth may hold an entry of these generations.
    pub(super) fn is_in_aws_auth(&self, markers: &BTreeSet<Marker>) -> bool {
        let role = self.node_role.iter().map(|role| &role.tags);
        let mut tags = role.chain(self.instance_profile.iter().map(|profile| &profile.tags));
        tags.any(|tags| ownership::is_in_aws_auth(tags, markers))
    }

    /// Whether any of these markers is on a role or the profile.
    pub(super) fn is_marked(&self, markers: &BTreeSet<Marker>) -> bool {
        let roles = self.node_role.iter().chain(&self.controller_role).map(|role| &role.tags);
        let mut tags = roles.chain(self.instance_profile.iter().map(|profile| &profile.tags));
        tags.any(|tags| ownership::is_marked(tags, markers))
    }
}
