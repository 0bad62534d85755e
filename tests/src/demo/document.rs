//! IAM's documents, as lines that a person reads.

use serde_json::Value;

use super::page::wrapped;

/// The lines of a trust or permission document: a statement's effect, actions and whom or what it is about first,
/// its conditions below.
pub(crate) fn lines(document: &Value, width: usize) -> Vec<String> {
    many(&document["Statement"]).into_iter().flat_map(|statement| statement_lines(statement, width)).collect()
}

/// IAM writes a list of one as its only item.
pub(crate) fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn statement_lines(statement: &Value, width: usize) -> Vec<String> {
    let effect = statement["Effect"].as_str().unwrap_or_default();
    let mut lines = vec![match statement["Sid"].as_str() {
        Some(sid) => format!("{effect} ({sid})"),
        None => effect.to_owned(),
    }];
    let actions = many(&statement["Action"]);
    let actions = wrapped(actions.iter().filter_map(|action| action.as_str()), " ", width.saturating_sub(2));
    match actions.as_slice() {
        [one] => lines[0] = format!("{} {one}", lines[0]),
        more => lines.extend(more.iter().map(|line| format!("  {line}"))),
    }
    for (kind, principals) in statement["Principal"].as_object().into_iter().flatten() {
        lines.push(format!("  to {kind} {}", joined(principals)));
    }
    if !statement["Resource"].is_null() {
        lines.push(format!("  on {}", joined(&statement["Resource"])));
    }
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        let keys = keys.as_object().into_iter().flatten();
        for (key, values) in keys {
            let (condition, values) = (format!("  if {operator} {key}"), format!("= {}", joined(values)));
            if condition.chars().count() + 1 + values.chars().count() <= width {
                lines.push(format!("{condition} {values}"));
            } else {
                lines.extend([condition, format!("    {values}")]);
            }
        }
    }
    lines
}

fn joined(values: &Value) -> String {
    many(values).iter().filter_map(|value| value.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_statement_is_told_whole() {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {
                "Sid": "Two", "Effect": "Deny", "Action": ["a:One", "a:Two"], "Resource": ["x", "y"],
                "Condition": {"StringLike": {"k": ["v", "w"]}},
            },
        ]});
        let expected = [
            "Allow sts:AssumeRole",
            "  to Service ec2.amazonaws.com",
            "Deny (Two)",
            "  a:One",
            "  a:Two",
            "  on x, y",
            "  if StringLike k",
            "    = v, w",
        ];
        assert_eq!(lines(&document, 8), expected);
        assert!(lines(&Value::Null, 80).is_empty());
    }
}
