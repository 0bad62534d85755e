//! Trust and permission documents, as JSON values.

mod baseline;
mod scoped;
mod statement;
pub mod trust;
mod union;

use crate::identity::aws_names::Scope;
use crate::identity::karpenter_version::{Release, Releases};
use serde_json::{Map, Value, json};
use statement::Statement;
use std::collections::BTreeSet;

/// IAM's limit of all inline policies of a role together, in characters that are no white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const INLINE_MAX: usize = 10_240;

/// The action whose resources are the node roles.
const PASS_ROLE: &str = "iam:PassRole";

/// The statement that lets the controller read the queue.
const QUEUE_SID: &str = "AllowInterruptionQueueActions";

/// What a controller's permissions are for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Partition, region and account.
    pub scope: &'a Scope,
    /// The cluster.
    pub cluster_name: &'a str,
    /// The node roles of every generation on the controller role, so that none loses the right to pass its own.
    pub node_role_arns: &'a BTreeSet<String>,
    /// The queue with the notices of interruptions, if there is one.
    pub interruption_queue_arn: Option<&'a str>,
}

/// The controller's permissions: what any of these releases needs, each said once.
pub fn controller(place: Place<'_>, releases: &Releases) -> Value {
    let statements = releases.all().into_iter().rev().flat_map(|release| match release {
        Release::Baseline => baseline::statements(&place),
        Release::Scoped(minor) => scoped::statements(&place, minor),
    });
    let statements = statements.chain(interruption_queue(&place));
    let statements: Vec<_> = union::union(statements.collect()).iter().map(Statement::document).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The node roles that a controller's permissions let it pass.
pub fn passed(document: &Value) -> BTreeSet<String> {
    let statements = document["Statement"].as_array().into_iter().flatten();
    let resources = statements.filter(|statement| is_passing(statement)).map(|statement| &statement["Resource"]);
    let arns = resources.flat_map(|resource| match resource {
        Value::Array(arns) => arns.as_slice(),
        arn => std::slice::from_ref(arn),
    });
    arns.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A controller's permissions with which these node roles alone may be passed, and all else as it stands. Without any, the
/// statement is left out: IAM takes none without a resource.
pub fn passing(document: &Value, node_role_arns: &BTreeSet<String>) -> Value {
    let mut document = document.clone();
    if let Some(statements) = document["Statement"].as_array_mut().filter(|_| node_role_arns.is_empty()) {
        statements.retain(|statement| !is_passing(statement));
    }
    for statement in document["Statement"].as_array_mut().into_iter().flatten() {
        if is_passing(statement) {
            statement["Resource"] = statement::one_or_all(node_role_arns.iter());
        }
    }
    document
}

/// Whether a controller's permissions let it read this queue.
pub fn reads_queue(document: &Value, queue_arn: &str) -> bool {
    let statements = document["Statement"].as_array().into_iter().flatten();
    statements.filter(|statement| statement["Sid"] == QUEUE_SID).any(|statement| statement["Resource"] == queue_arn)
}

/// What the controller does with the queue, in every release.
fn interruption_queue(place: &Place<'_>) -> Option<Statement> {
    const ACTIONS: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];
    place.interruption_queue_arn.map(|arn| Statement::new(QUEUE_SID, ACTIONS, [arn]))
}

fn is_passing(statement: &Value) -> bool {
    match &statement["Action"] {
        Value::Array(actions) => actions.iter().any(|action| action == PASS_ROLE),
        action => action == PASS_ROLE,
    }
}

/// The characters of a document that count against IAM's limits.
pub fn size(document: &Value) -> usize {
    document.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

/// Whether two policy documents say the same: IAM keeps a document as it was written, but a person who edits
/// one may write a single value as a list, and lists in any order.
pub fn same(one: &Value, other: &Value) -> bool {
    one == other || normal(one) == normal(other)
}

fn normal(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => normal(&items[0]),
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(normal).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), normal(value))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_the_same_whatever_the_order_of_their_lists() {
        let one = json!({"Statement": [{"Action": ["a", "b"], "Resource": "*"}]});
        assert!(same(&one, &json!({"Statement": {"Resource": ["*"], "Action": ["b", "a"]}})));
        assert!(!same(&one, &json!({"Statement": {"Resource": ["*"], "Action": ["b"]}})));
    }
}
