//! Formats IAM policy documents as lines for people.

use serde_json::Value;

use super::reporter::wrapped;

/// Returns the lines of a trust or permission policy. Each statement begins with its effect, actions, and principals or
/// resources. Its conditions follow.
pub(crate) fn lines(document: &Value, width: usize) -> Vec<String> {
    as_list(&document["Statement"]).into_iter().flat_map(|statement| statement_lines(statement, width)).collect()
}

/// Returns a list. IAM returns a list with one item as this item.
pub(crate) fn as_list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn statement_lines(statement: &Value, width: usize) -> Vec<String> {
    let effect = statement["Effect"].as_str().unwrap_or_default();
    let head = match statement["Sid"].as_str() {
        Some(sid) => format!("{effect} ({sid})"),
        None => effect.to_owned(),
    };
    let actions = as_list(&statement["Action"]);
    let actions = wrapped(actions.iter().filter_map(|action| action.as_str()), " ", width.saturating_sub(2));
    let mut lines = vec![head];
    for action in actions {
        add(&mut lines, &action, width);
    }
    for (kind, principals) in statement["Principal"].as_object().into_iter().flatten() {
        add(&mut lines, &format!("to {kind} {}", joined(principals)), width);
    }
    if !statement["Resource"].is_null() {
        add(&mut lines, &format!("on {}", joined(&statement["Resource"])), width);
    }
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            lines.push(format!("  if {operator} {key}"));
            add(&mut lines, &format!("= {}", joined(values)), width);
        }
    }
    lines
}

/// Appends a clause to the last line. If it does not fit, it starts a new, indented line.
fn add(lines: &mut Vec<String>, clause: &str, width: usize) {
    match lines.last_mut() {
        Some(line) if line.chars().count() + 1 + clause.chars().count() <= width => {
            line.push(' ');
            line.push_str(clause);
        }
        last => {
            let deeper = last.is_some_and(|line| line.starts_with("  if "));
            lines.push(format!("{}{clause}", if deeper { "    " } else { "  " }));
        }
    }
}

fn joined(values: &Value) -> String {
    as_list(values).iter().filter_map(|value| value.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statement_has_all_its_parts() {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {
                "Sid": "Two", "Effect": "Deny", "Action": ["a:One", "a:Two"], "Resource": ["x", "y"],
                "Condition": {"StringLike": {"k": ["v", "w"]}},
            },
        ]});
        let expected = [
            "Allow sts:AssumeRole to Service ec2.amazonaws.com",
            "Deny (Two) a:One a:Two on x, y",
            "  if StringLike k = v, w",
        ];
        assert_eq!(lines(&document, 80), expected);
        let narrow = [
            "Allow",
            "  sts:AssumeRole",
            "  to Service ec2.amazonaws.com",
            "Deny (Two)",
            "  a:One",
            "  a:Two",
            "  on x, y",
            "  if StringLike k",
            "    = v, w",
        ];
        assert_eq!(lines(&document, 10), narrow);
        assert!(lines(&Value::Null, 80).is_empty());
    }
}
