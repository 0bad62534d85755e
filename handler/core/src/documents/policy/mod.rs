//! IAM policies as JSON: the permissions of the controller, and the trust policies of the roles.
//!
//! [`document`] has the typed form in which every policy is read, compared and built.

mod baseline;
pub mod document;
mod grant;
mod one_or_many;
mod scoped;
#[cfg(test)]
mod tests;
pub mod trust;
mod union;

use crate::identity::aws_names::Scope;
use crate::identity::karpenter_version::{KarpenterVersion, KarpenterVersions};
use document::{Effect, PolicyDocument, Statement};
use grant::Grant;
use serde_json::Value;
use std::collections::BTreeSet;

/// IAM's limit for the sum of all inline policies of a role, in characters without white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const INLINE_MAX: usize = 10_240;

/// The action whose resources are the node roles.
const PASS_ROLE: &str = "iam:PassRole";

/// The name of the statement that allows the controller to read the interruption queue.
const QUEUE_SID: &str = "AllowInterruptionQueueActions";

/// The AWS resources to which the permissions of a controller apply.
#[derive(Clone, Copy, Debug)]
pub struct PolicyResources<'a> {
    /// The partition, Region and account.
    pub scope: &'a Scope,
    /// The name of the cluster.
    pub cluster_name: &'a str,
    /// The ARNs of the node roles of all generations that share the controller role.
    pub node_role_arns: &'a BTreeSet<String>,
    /// The ARN of the interruption queue, if there is one.
    pub interruption_queue_arn: Option<&'a str>,
}

/// Returns the controller's permissions: all that these Karpenter versions need, each permission once.
pub fn controller(resources: PolicyResources<'_>, karpenter_versions: &KarpenterVersions) -> Value {
    let grants = karpenter_versions.all().into_iter().rev().flat_map(|version| match version {
        KarpenterVersion::Baseline => baseline::statements(&resources),
        KarpenterVersion::Scoped(minor) => scoped::statements(&resources, minor),
    });
    let grants = grants.chain(interruption_queue(&resources)).collect();
    PolicyDocument::new(union::union(grants).into_iter().map(Statement::from)).to_json()
}

/// Returns the resources on which a controller's permissions allow iam:PassRole: ARNs of node roles. JSON that is not a policy
/// allows none. Conditions, wildcards and `Deny` statements are not evaluated.
pub fn pass_role_arns(document: &Value) -> BTreeSet<String> {
    let document = PolicyDocument::read(document);
    let passing = document.iter().flat_map(PolicyDocument::allowing).filter(|statement| passes_roles(statement));
    passing.flat_map(|statement| statement.resource.iter().flatten()).cloned().collect()
}

/// Returns a controller's permissions with iam:PassRole on these node roles alone, and everything else unchanged. Returns `None`
/// if the JSON is not a policy.
///
/// Without a node role, the statement is removed, because IAM rejects a statement without a resource. A document without a
/// statement that allows iam:PassRole does not get one.
pub fn with_pass_role_arns(document: &Value, node_role_arns: &BTreeSet<String>) -> Option<Value> {
    let mut document = PolicyDocument::read(document)?;
    if node_role_arns.is_empty() {
        document.statements.retain(|statement| !passes_roles(statement));
    }
    for statement in document.statements.as_mut_slice().iter_mut().filter(|statement| passes_roles(statement)) {
        statement.resource = Some(node_role_arns.iter().cloned().collect());
    }
    Some(document.to_json())
}

/// Returns whether a controller's permissions allow it to read this queue. JSON that is not a policy allows nothing.
pub fn reads_queue(document: &Value, queue_arn: &str) -> bool {
    let reads = |statement: &Statement| {
        statement.sid.as_deref() == Some(QUEUE_SID) && statement.resource.iter().flatten().any(|arn| arn == queue_arn)
    };
    PolicyDocument::read(document).is_some_and(|document| document.allowing().any(reads))
}

/// Returns the characters of a document that count against IAM's limits: all but white space (same page as [`INLINE_MAX`]).
pub fn size(document: &Value) -> usize {
    document.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

/// Returns whether two policies are equal in the sense of [`PolicyDocument`]. IAM returns a document as it was written, and a
/// person may write a single value as a list, and a list in any order. JSON that is not a policy is equivalent only to itself.
pub fn equivalent(one: &Value, other: &Value) -> bool {
    // Most documents are identical, and the comparison of JSON is cheaper.
    one == other || PolicyDocument::read(one).is_some_and(|one| PolicyDocument::read(other) == Some(one))
}

/// Returns the permissions on the interruption queue. They are the same for every Karpenter version.
fn interruption_queue(resources: &PolicyResources<'_>) -> Option<Grant> {
    const ACTIONS: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];
    resources.interruption_queue_arn.map(|arn| Grant::new(QUEUE_SID, ACTIONS, [arn]))
}

fn passes_roles(statement: &Statement) -> bool {
    statement.effect == Effect::Allow && statement.lists_action(PASS_ROLE)
}
