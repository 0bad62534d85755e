//! Texts of `mapRoles`. For any text, an edit changes no byte and no value of others, and can be undone.

mod authenticator;
mod constructs;
mod generate;
mod judge;
mod mutate;
mod parse_map;

pub use authenticator::{AUTHENTICATOR, check_text as check_text_by_authenticator};

use crate::choices::Choices;
use crate::target::{CaseOutcome, Constructs, ExpectedOutcome, Target};

/// Texts from a generator that knows the grammar.
pub static AWS_AUTH: Target = Target {
    name: "aws_auth",
    unit: "texts",
    violations: "foreign bytes changed",
    min_full_run: 4_000_000,
    max_bytes: 200,
    outcomes: &[
        ExpectedOutcome { outcome: "edited", max_permille: 1000 },
        ExpectedOutcome { outcome: "edited: an empty value was replaced", max_permille: 100 },
        ExpectedOutcome { outcome: "edited, although the judge rejects the text", max_permille: 20 },
        ExpectedOutcome { outcome: "had the entry", max_permille: 200 },
        ExpectedOutcome { outcome: judge::ENTRY_KEPT, max_permille: 1 },
        ExpectedOutcome { outcome: "rejected: another entry for the role", max_permille: 200 },
        ExpectedOutcome { outcome: "rejected: not YAML", max_permille: 300 },
        ExpectedOutcome { outcome: "rejected: not a list", max_permille: 100 },
        ExpectedOutcome { outcome: "rejected: the judge rejects the text too, for another reason", max_permille: 30 },
        ExpectedOutcome { outcome: "rejected: a character that parsers read differently", max_permille: 20 },
        ExpectedOutcome { outcome: judge::STRICTER_PARSER, max_permille: 10 },
        ExpectedOutcome { outcome: judge::NO_EDIT, max_permille: 1 },
    ],
    show: |bytes| format!("{:?}", text(bytes).0),
    case,
};

fn case(bytes: &[u8], constructs: Option<&mut Constructs>) -> Result<CaseOutcome, String> {
    let (text, is_valid) = text(bytes);
    if let Some(constructs) = constructs {
        for (name, has_construct) in constructs::CONSTRUCTS {
            constructs.record(name, has_construct(&text));
        }
    }
    judge::check_text(&text, is_valid)
}

/// Checks the edits of any text, and returns the outcome.
///
/// # Errors
/// The first violation.
pub fn check_text(text: &str) -> Result<CaseOutcome, String> {
    judge::check_text(text, false)
}

/// Returns the text that `bytes` choose, and whether it is certainly a valid list.
fn text(bytes: &[u8]) -> (String, bool) {
    let mut choices = Choices::new(bytes);
    let kind = choices.below(16);
    let mut mutations = choices.split_off(if kind < 10 { 0 } else { 16 });
    match kind {
        0..=7 => (generate::map_roles(&mut choices, false), true),
        8..=9 => (generate::map_roles(&mut choices, true), true),
        10..=13 => (mutate::mutated(generate::map_roles(&mut choices, false), &mut mutations), false),
        14 => (mutate::mutated(generate::map_roles(&mut choices, true), &mut mutations), false),
        _ => (mutate::random_pieces(&mut mutations), false),
    }
}
