//! An error and its causes as one text.

use std::error::Error;
use std::fmt::Display;

/// Returns the error and its causes, from the outermost to the root, joined by `: `.
///
/// Many errors repeat their cause in their own text. A cause whose text is part of an earlier one is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    joined(Vec::new(), Some(error))
}

/// Returns `what`, what failed, and then the error and its causes, as `chain` joins them.
pub fn chain_after(what: impl Display, error: &dyn Error) -> String {
    joined(vec![what.to_string()], Some(error))
}

/// Returns the causes of an error that only wraps them; the error itself if it has none.
pub(crate) fn causes(error: &dyn Error) -> String {
    chain(error.source().unwrap_or(error))
}

fn joined(mut texts: Vec<String>, mut next: Option<&dyn Error>) -> String {
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.iter().any(|earlier| earlier.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("root")]
    struct Root;

    #[derive(Debug, thiserror::Error)]
    #[error("middle")]
    struct Middle(#[source] Root);

    #[derive(Debug, thiserror::Error)]
    #[error("outer, because of root")]
    struct Outer(#[source] Middle);

    #[test]
    fn chain_contains_each_cause_once() {
        assert_eq!(chain(&Root), "root");
        assert_eq!(chain(&Middle(Root)), "middle: root");
        assert_eq!(chain(&Outer(Middle(Root))), "outer, because of root: middle");
        assert_eq!(chain_after("read the root", &Middle(Root)), "read the root: middle");
    }

    #[test]
    fn causes_leave_the_wrapper_out() {
        assert_eq!(causes(&Outer(Middle(Root))), "middle: root");
        assert_eq!(causes(&Root), "root");
    }
}
