//! What a step changes in a document or in aws-auth, line by line, and what a policy grants by then and did not before.

use karpenter_prereqs_core::documents::config_map::{self, Edit};
use karpenter_prereqs_core::documents::policy::document::{PolicyDocument, Statement};
use karpenter_prereqs_core::observed::{Observed, Role};
use karpenter_prereqs_core::plan::{EditAwsAuth, IamStep, Step};
use serde_json::Value;
use similar::TextDiff;
use std::collections::BTreeSet;

/// The lines around a change.
const CONTEXT: usize = 3;

/// The change as a unified diff; `None` for a step that changes no text. What was not there is empty.
pub(super) fn of(step: &Step, observed: &Observed) -> Option<String> {
    let (name, before, after) = match step {
        Step::Iam(IamStep::CreateRole { name, trust, .. }) => {
            (format!("trust policy of {name}"), String::new(), pretty(trust))
        }
        Step::Iam(IamStep::UpdateAssumeRolePolicy { name, trust }) => {
            let before = role(observed, name).map(|role| pretty(&role.trust)).unwrap_or_default();
            (format!("trust policy of {name}"), before, pretty(trust))
        }
        Step::Iam(IamStep::PutRolePolicy { name, policy_name, document }) => {
            let before = inline(observed, name, policy_name).map(pretty).unwrap_or_default();
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

/// What a change does to what a policy grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    More,
    Less,
    /// Other resources or conditions: which of them is wider is not told.
    Otherwise,
}

/// Returns what a policy will grant and did not grant before, by the `Sid` of its statements: `+ Sid` for a new statement, `- Sid`
/// for one that is removed, and for a changed one its new and its removed actions, or that its resources or conditions differ.
///
/// JSON that is not a policy grants nothing. Lists in another order are no change.
pub(crate) fn statements(before: Option<&Value>, after: &Value) -> Vec<(Grants, String)> {
    let (before, after) = (before.and_then(PolicyDocument::read), PolicyDocument::read(after));
    let (before, after) = (listed(before.as_ref()), listed(after.as_ref()));
    let mut changes = Vec::new();
    for statement in after {
        let sid = sid(statement);
        let Some(former) = named(before, statement) else {
            changes.push((Grants::More, format!("+ {sid}: {}", joined(&actions(statement)))));
            continue;
        };
        let (now, then) = (actions(statement), actions(former));
        let (added, removed): (BTreeSet<_>, BTreeSet<_>) = (&now - &then, &then - &now);
        if !added.is_empty() {
            changes.push((Grants::More, format!("~ {sid}: + {}", joined(&added))));
        }
        if !removed.is_empty() {
            changes.push((Grants::Less, format!("~ {sid}: - {}", joined(&removed))));
        }
        if added.is_empty() && removed.is_empty() && former != statement {
            changes.push((Grants::Otherwise, format!("~ {sid}: other resources or conditions")));
        }
    }
    let removed = before.iter().filter(|former| named(after, former).is_none());
    changes.extend(removed.map(|former| (Grants::Less, format!("- {}", sid(former)))));
    changes
}

/// The document of an inline policy as it stands.
pub(crate) fn inline<'a>(observed: &'a Observed, role_name: &str, policy_name: &str) -> Option<&'a Value> {
    role(observed, role_name)?.inline.get(policy_name)?.as_ref()
}

fn role<'a>(observed: &'a Observed, name: &str) -> Option<&'a Role> {
    let roles = [&observed.node_role, &observed.controller_role].into_iter().flatten();
    roles.into_iter().find(|role| role.name == name)
}

fn listed(document: Option<&PolicyDocument>) -> &[Statement] {
    document.map(|document| document.statements.as_slice()).unwrap_or_default()
}

fn sid(statement: &Statement) -> &str {
    statement.sid.as_deref().unwrap_or("a statement without Sid")
}

/// Returns the first statement with the `Sid` of another one, or without any like that one.
fn named<'a>(statements: &'a [Statement], other: &Statement) -> Option<&'a Statement> {
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
    fn statements_are_compared_by_sid_and_action() {
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
            statements(before, after).into_iter().map(|(grants, line)| format!("{grants:?} {line}")).collect::<Vec<_>>()
        };
        assert_eq!(
            changes(Some(&before), &after),
            [
                "More ~ A: + x:5",
                "Less ~ A: - x:1",
                "Otherwise ~ B: other resources or conditions",
                "More + D: x:6",
                "Less - C"
            ]
        );
        assert_eq!(changes(Some(&after), &after), Vec::<String>::new());
        let one = document(&allow("D", &json!("x:6"), &json!(["arn", "*"])));
        let reordered = document(&json!([allow("D", &json!(["x:6"]), &json!(["*", "arn"]))]));
        assert_eq!(changes(Some(&one), &reordered), Vec::<String>::new());
        assert_eq!(changes(None, &one), ["More + D: x:6"]);
        assert_eq!(changes(Some(&Value::Null), &one), ["More + D: x:6"]);
    }
}
