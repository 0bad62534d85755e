//! What a step changes: the lines of a document or of aws-auth, and the permissions of a policy.

use karpenter_prereqs_core::documents::config_map::{self, Edit};
use karpenter_prereqs_core::documents::policy::document::{PolicyDocument, Statement};
use karpenter_prereqs_core::observed::{Observed, Role};
use karpenter_prereqs_core::plan::{EditAwsAuth, IamStep, Step};
use serde_json::Value;
use similar::TextDiff;
use std::collections::BTreeSet;

/// The number of unchanged lines before and after a change.
const CONTEXT: usize = 3;

/// Returns the change as a unified diff. A document that does not exist counts as empty. `None` if the step changes no document.
pub(super) fn of_step(step: &Step, observed: &Observed) -> Option<String> {
    let (name, before, after) = match step {
        Step::Iam(IamStep::CreateRole { name, trust, .. }) => {
            (format!("trust policy of {name}"), String::new(), pretty(trust))
        }
        Step::Iam(IamStep::UpdateAssumeRolePolicy { name, trust }) => {
            let before = role(observed, name).map(|role| pretty(&role.trust)).unwrap_or_default();
            (format!("trust policy of {name}"), before, pretty(trust))
        }
        Step::Iam(IamStep::PutRolePolicy { name, policy_name, document }) => {
            let before = inline_policy(observed, name, policy_name).map(pretty).unwrap_or_default();
            (format!("inline policy {policy_name} of {name}"), before, pretty(document))
        }
        Step::AwsAuth(EditAwsAuth { change, .. }) => {
            let before = observed.aws_auth.config_map();
            let after = match config_map::edit(before, change).ok()? {
                Edit::None => return None,
                Edit::Create(map) | Edit::Replace(map) => map.map_roles.unwrap_or_default(),
                Edit::Delete => String::new(),
            };
            let before = before.and_then(|map| map.map_roles.clone()).unwrap_or_default();
            ("mapRoles of kube-system/aws-auth".to_owned(), before, after)
        }
        _ => return None,
    };
    let diff = TextDiff::from_lines(&before, &after);
    let diff = diff.unified_diff().context_radius(CONTEXT).header(&name, &name).to_string();
    (!diff.is_empty()).then_some(diff)
}

/// How the permissions of a policy change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermissionChange {
    /// A statement or an action is new.
    Added,
    /// A statement or an action is removed.
    Removed,
    /// Resources or conditions differ. Which of them allow more is not computed.
    Modified,
}

/// Compares two versions of a policy, and returns one line for each change. Statements are compared by their `Sid`:
///
/// - `+ Sid: actions` for a new statement, `- Sid` for a removed statement,
/// - `~ Sid: + actions` and `~ Sid: - actions` for new and removed actions,
/// - `~ Sid: other resources or conditions` if only those differ.
///
/// JSON that is not a policy allows nothing. The order of a list does not matter.
pub(crate) fn permission_changes(before: Option<&Value>, after: &Value) -> Vec<(PermissionChange, String)> {
    let (before, after) = (before.and_then(PolicyDocument::read), PolicyDocument::read(after));
    let (before, after) = (statements(before.as_ref()), statements(after.as_ref()));
    let mut changes = Vec::new();
    for statement in after {
        let sid = sid(statement);
        let Some(previous) = with_same_sid(before, statement) else {
            changes.push((PermissionChange::Added, format!("+ {sid}: {}", joined(&actions(statement)))));
            continue;
        };
        let (now, then) = (actions(statement), actions(previous));
        let (added, removed): (BTreeSet<_>, BTreeSet<_>) = (&now - &then, &then - &now);
        if !added.is_empty() {
            changes.push((PermissionChange::Added, format!("~ {sid}: + {}", joined(&added))));
        }
        if !removed.is_empty() {
            changes.push((PermissionChange::Removed, format!("~ {sid}: - {}", joined(&removed))));
        }
        if added.is_empty() && removed.is_empty() && previous != statement {
            changes.push((PermissionChange::Modified, format!("~ {sid}: other resources or conditions")));
        }
    }
    let removed = before.iter().filter(|previous| with_same_sid(after, previous).is_none());
    changes.extend(removed.map(|previous| (PermissionChange::Removed, format!("- {}", sid(previous)))));
    changes
}

/// Returns the document of an inline policy in the snapshot. `None` if the role or the policy does not exist, or if the document
/// was not read.
pub(crate) fn inline_policy<'a>(observed: &'a Observed, role_name: &str, policy_name: &str) -> Option<&'a Value> {
    role(observed, role_name)?.inline.get(policy_name)?.as_ref()
}

fn role<'a>(observed: &'a Observed, name: &str) -> Option<&'a Role> {
    let roles = [&observed.node_role, &observed.controller_role].into_iter().flatten();
    roles.into_iter().find(|role| role.name == name)
}

fn statements(document: Option<&PolicyDocument>) -> &[Statement] {
    document.map(|document| document.statements.as_slice()).unwrap_or_default()
}

fn sid(statement: &Statement) -> &str {
    statement.sid.as_deref().unwrap_or("a statement without Sid")
}

/// Returns the first statement whose `Sid` equals that of `other`. A statement without `Sid` equals one without.
fn with_same_sid<'a>(statements: &'a [Statement], other: &Statement) -> Option<&'a Statement> {
    statements.iter().find(|statement| statement.sid == other.sid)
}

fn actions(statement: &Statement) -> BTreeSet<&str> {
    statement.action.iter().flatten().map(String::as_str).collect()
}

fn joined(actions: &BTreeSet<&str>) -> String {
    actions.iter().copied().collect::<Vec<_>>().join(", ")
}

fn pretty(document: &Value) -> String {
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(statements: &Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    fn allow(sid: &str, actions: &Value, resources: &Value) -> Value {
        json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources})
    }

    #[test]
    fn permission_changes_compare_statements_by_sid_and_action() {
        let before = document(&json!([
            allow("A", &json!(["x:1", "x:2"]), &json!("*")),
            allow("B", &json!("x:3"), &json!("*")),
            allow("C", &json!("x:4"), &json!("*")),
        ]));
        let after = document(&json!([
            allow("A", &json!(["x:2", "x:5"]), &json!("*")),
            allow("B", &json!("x:3"), &json!("arn")),
            allow("D", &json!(["x:6"]), &json!("*")),
        ]));
        let changes = |before, after: &Value| {
            permission_changes(before, after)
                .into_iter()
                .map(|(change, line)| format!("{change:?} {line}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            changes(Some(&before), &after),
            [
                "Added ~ A: + x:5",
                "Removed ~ A: - x:1",
                "Modified ~ B: other resources or conditions",
                "Added + D: x:6",
                "Removed - C"
            ]
        );
        assert_eq!(changes(Some(&after), &after), Vec::<String>::new());
        let one = document(&allow("D", &json!("x:6"), &json!(["arn", "*"])));
        let reordered = document(&json!([allow("D", &json!(["x:6"]), &json!(["*", "arn"]))]));
        assert_eq!(changes(Some(&one), &reordered), Vec::<String>::new());
        assert_eq!(changes(None, &one), ["Added + D: x:6"]);
        assert_eq!(changes(Some(&Value::Null), &one), ["Added + D: x:6"]);
    }
}
