//! What a step changes in a document or in aws-auth, line by line, and what a policy grants by then and did not before.

use karpenter_prereqs_core::documents::config_map::{self, Edit};
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

/// What a policy grants by then, told by the statements' Sids: `+ Sid` for a new one, `- Sid` for one that goes, and for one
/// that changes the actions that come and go, or that its resources or conditions do.
pub(crate) fn statements(before: Option<&Value>, after: &Value) -> Vec<(Grants, String)> {
    let (before, after) = (before.map(listed).unwrap_or_default(), listed(after));
    let mut told = Vec::new();
    for statement in &after {
        let sid = sid(statement);
        let Some(former) = named(&before, &statement["Sid"]) else {
            told.push((Grants::More, format!("+ {sid}: {}", joined(&actions(statement)))));
            continue;
        };
        let (now, then) = (actions(statement), actions(former));
        let (come, gone): (BTreeSet<_>, BTreeSet<_>) = (&now - &then, &then - &now);
        if !come.is_empty() {
            told.push((Grants::More, format!("~ {sid}: + {}", joined(&come))));
        }
        if !gone.is_empty() {
            told.push((Grants::Less, format!("~ {sid}: - {}", joined(&gone))));
        }
        if come.is_empty() && gone.is_empty() && former != *statement {
            told.push((Grants::Otherwise, format!("~ {sid}: other resources or conditions")));
        }
    }
    let gone = before.iter().filter(|former| named(&after, &former["Sid"]).is_none());
    told.extend(gone.map(|former| (Grants::Less, format!("- {}", sid(former)))));
    told
}

/// The document of an inline policy as it stands.
pub(crate) fn inline<'a>(observed: &'a Observed, role_name: &str, policy_name: &str) -> Option<&'a Value> {
    role(observed, role_name)?.inline.get(policy_name)?.as_ref()
}

fn role<'a>(observed: &'a Observed, name: &str) -> Option<&'a Role> {
    let roles = [&observed.node_role, &observed.controller_role].into_iter().flatten();
    roles.into_iter().find(|role| role.name == name)
}

/// IAM takes one statement for a list of one, and one action likewise.
fn listed(document: &Value) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(statements) => statements.iter().collect(),
        one => vec![one],
    }
}

fn sid(statement: &Value) -> &str {
    statement["Sid"].as_str().unwrap_or("a statement without Sid")
}

fn named<'a>(statements: &[&'a Value], sid: &Value) -> Option<&'a Value> {
    statements.iter().find(|one| one["Sid"] == *sid).copied()
}

fn actions(statement: &Value) -> BTreeSet<String> {
    match &statement["Action"] {
        Value::Array(actions) => actions.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    }
}

fn joined(actions: &BTreeSet<String>) -> String {
    actions.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
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

    #[test]
    fn statements_are_told_by_what_comes_and_goes() {
        let before = document(&json!([
            {"Sid": "A", "Action": ["x:1", "x:2"], "Resource": "*"},
            {"Sid": "B", "Action": "x:3", "Resource": "*"},
            {"Sid": "C", "Action": "x:4", "Resource": "*"},
        ]));
        let after = document(&json!([
            {"Sid": "A", "Action": ["x:2", "x:5"], "Resource": "*"},
            {"Sid": "B", "Action": "x:3", "Resource": "arn"},
            {"Sid": "D", "Action": ["x:6"], "Resource": "*"},
        ]));
        let told = |before, after: &Value| {
            statements(before, after).into_iter().map(|(grants, line)| format!("{grants:?} {line}")).collect::<Vec<_>>()
        };
        assert_eq!(
            told(Some(&before), &after),
            [
                "More ~ A: + x:5",
                "Less ~ A: - x:1",
                "Otherwise ~ B: other resources or conditions",
                "More + D: x:6",
                "Less - C"
            ]
        );
        assert_eq!(told(Some(&after), &after), Vec::<String>::new());
        assert_eq!(told(None, &document(&json!({"Sid": "D", "Action": "x:6"}))), ["More + D: x:6"]);
    }
}
