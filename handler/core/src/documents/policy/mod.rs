//! IAM policies as JSON: what the controller may do, and who may assume the roles.
//!
//! [`document`] is the typed form, in which every policy is read, compared and built.

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

/// IAM's limit of all inline policies of a role together, in characters without white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const INLINE_MAX: usize = 10_240;

/// The action whose resources are the node roles.
const PASS_ROLE: &str = "iam:PassRole";

/// The statement that lets the controller read the queue.
const QUEUE_SID: &str = "AllowInterruptionQueueActions";

/// The objects that a controller's permissions are for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Partition, Region and account.
    pub scope: &'a Scope,
    /// The cluster.
    pub cluster_name: &'a str,
    /// The ARNs of the node roles of every generation on the controller role, so that none loses the right to pass its own.
    pub node_role_arns: &'a BTreeSet<String>,
    /// The ARN of the queue for interruption notices, if there is one.
    pub interruption_queue_arn: Option<&'a str>,
}

/// Returns the controller's permissions: what any of these Karpenter versions needs, each permission once.
pub fn controller(place: Place<'_>, karpenter_versions: &KarpenterVersions) -> Value {
    let grants = karpenter_versions.all().into_iter().rev().flat_map(|release| match release {
        KarpenterVersion::Baseline => baseline::statements(&place),
        KarpenterVersion::Scoped(minor) => scoped::statements(&place, minor),
    });
    let grants = grants.chain(interruption_queue(&place)).collect();
    PolicyDocument::new(union::union(grants).into_iter().map(Statement::from)).to_json()
}

/// Returns the resources on which a controller's permissions allow iam:PassRole: ARNs of node roles. JSON that is not a policy
/// allows none. Conditions, wildcards and `Deny` statements are not resolved.
pub fn pass_role_arns(document: &Value) -> BTreeSet<String> {
    let document = PolicyDocument::read(document);
    let passing = document.iter().flat_map(PolicyDocument::allowing).filter(|statement| passes_roles(statement));
    passing.flat_map(|statement| statement.resource.iter().flatten()).cloned().collect()
}

/// Returns a controller's permissions with iam:PassRole on these node roles alone, and everything else unchanged. `None`: the
/// JSON is not a policy.
///
/// Without any node role, the statement is removed, because IAM takes no statement without a resource. A document without a
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

/// Whether a controller's permissions let it read this queue. JSON that is not a policy does not.
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

/// Whether two policies hold the same, as [`PolicyDocument`] defines it. IAM returns a document as it was written, and a person
/// may write a single value as a list, and lists in any order. JSON that is not a policy is equivalent to itself alone.
pub fn equivalent(one: &Value, other: &Value) -> bool {
    // Most documents are as they were written, and need not be read for that.
    one == other || PolicyDocument::read(one).is_some_and(|one| PolicyDocument::read(other) == Some(one))
}

/// What the controller does with the queue, in every Karpenter version.
fn interruption_queue(place: &Place<'_>) -> Option<Grant> {
    const ACTIONS: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];
    place.interruption_queue_arn.map(|arn| Grant::new(QUEUE_SID, ACTIONS, [arn]))
}

fn passes_roles(statement: &Statement) -> bool {
    statement.effect == Effect::Allow && statement.lists_action(PASS_ROLE)
}
