//! Trust and permission documents, as JSON values.

pub mod baseline;
pub mod trust;

use serde_json::{Map, Value};

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
