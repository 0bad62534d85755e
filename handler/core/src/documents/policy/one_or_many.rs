//! A value or a list of values: IAM accepts either form nearly everywhere in a policy.
//!
//! Source: "The policy language and JSON" in
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use serde::{Deserialize, Serialize};

/// One value without brackets, or a list of any length.
///
/// A value is written in the form in which it was read. A value that is collected from an iterator has the form that this project
/// writes: one value without brackets, and none or several values as a list.
///
/// Two of these are equal if they have the same values. Form, order and repetition do not count, because they do not change the
/// meaning of a policy.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One value, without brackets.
    One(T),
    /// A list, which may be empty or have one value.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// Returns the values in the order in which they are written.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// Returns the values, to change them in place.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(value) => std::slice::from_mut(value),
            Self::Many(values) => values,
        }
    }

    /// Iterates over the values in the order in which they are written.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// Removes the values for which `keep` is false. If no value remains, the result is an empty list.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        match self {
            Self::One(value) if keep(value) => {}
            Self::One(_) => *self = Self::Many(Vec::new()),
            Self::Many(values) => values.retain(keep),
        }
    }
}

impl<'a, T> IntoIterator for &'a OneOrMany<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> FromIterator<T> for OneOrMany<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        match values.pop() {
            Some(one) if values.is_empty() => Self::One(one),
            last => {
                values.extend(last);
                Self::Many(values)
            }
        }
    }
}

impl<T: PartialEq> PartialEq for OneOrMany<T> {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.as_slice(), other.as_slice());
        ours.iter().all(|value| theirs.contains(value)) && theirs.iter().all(|value| ours.contains(value))
    }
}

impl<T: Eq> Eq for OneOrMany<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn collected_single_value_has_no_brackets() {
        let written = |values: &[&str]| json!(values.iter().collect::<OneOrMany<_>>());
        assert_eq!(written(&[]), json!([]));
        assert_eq!(written(&["a"]), json!("a"));
        assert_eq!(written(&["b", "a", "b"]), json!(["b", "a", "b"]));
    }

    #[test]
    fn read_form_is_written_unchanged() {
        for value in [json!("a"), json!(["a"]), json!([]), json!(["b", "a"])] {
            let read: OneOrMany<String> = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(json!(read), value);
        }
    }

    #[test]
    fn values_are_equal_in_any_form_order_and_repetition() {
        let (one, two, three) = (OneOrMany::One(1), OneOrMany::Many(vec![1, 2]), OneOrMany::Many(vec![2, 1, 2]));
        assert_eq!(one, OneOrMany::Many(vec![1]));
        assert_eq!(two, three);
        assert_ne!(one, two);
        assert_ne!(two, one);
        assert_ne!(one, OneOrMany::Many(Vec::new()));
    }

    #[test]
    fn removal_of_the_only_value_gives_an_empty_list() {
        let mut one = OneOrMany::One(1);
        one.retain(|value| *value == 1);
        assert_eq!(one.as_slice(), [1]);
        one.retain(|_| false);
        assert_eq!(json!(one), json!([]));
    }
}
