//! What several releases allow, written once.
//!
//! Releases differ little, and most of what one allows another does too. Whatever of a statement another statement
//! covers is left out, so that the permissions of two releases, and no more than these, fit into what a role may hold.

use super::statement::Statement;
use std::collections::BTreeMap;

/// All that the statements allow, without what they say twice. Of two that say the same, the first stays.
pub(super) fn union(mut statements: Vec<Statement>) -> Vec<Statement> {
    for at in 0..statements.len() {
        statements[at] = narrowed(&statements, at);
    }
    statements.retain(|statement| !statement.actions.is_empty() && !statement.resources.is_empty());
    with_names_apart(statements)
}

/// One of the statements without the resources, then without the actions, that the others cover.
fn narrowed(statements: &[Statement], at: usize) -> Statement {
    let statement = &statements[at];
    let is_covered = |action: &str, resource: &str| {
        statements.iter().enumerate().any(|(other, wider)| {
            // Of two that say the same the first stays.
            let says_the_same =
                wider.conditions == statement.conditions && wider.resources.iter().any(|it| it == resource);
            other != at && statement.is_covered(action, resource, wider) && !(at < other && says_the_same)
        })
    };
    let mut narrowed = statement.clone();
    narrowed.resources.retain(|resource| !statement.actions.iter().all(|action| is_covered(action, resource)));
    let left = &narrowed.resources;
    narrowed.actions.retain(|action| !left.iter().all(|resource| is_covered(action, resource)));
    narrowed
}

/// IAM takes a `Sid` once in a document.
fn with_names_apart(mut statements: Vec<Statement>) -> Vec<Statement> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for statement in &mut statements {
        let count = seen.entry(statement.sid.clone()).or_default();
        *count += 1;
        if 1 < *count {
            statement.sid = format!("{}{count}", statement.sid);
        }
    }
    statements
}
