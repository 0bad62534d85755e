//! Texts of `mapRoles`: whatever they are, an edit changes no foreign byte and no foreign value, and can be taken back.

mod constructs;
mod damage;
mod generate;
mod judge;

use crate::choices::Choices;
use crate::target::{Constructs, Expected, Fate, Target};

/// Texts by a generator that knows the grammar.
pub static AWS_AUTH: Target = Target {
    name: "aws_auth",
    unit: "texts",
    zero: "foreign bytes changed",
    long: 4_000_000,
    bytes: 200,
    fates: &[
        Expected { fate: "edited", most: 1000 },
        Expected { fate: "edited: an empty value gave way", most: 100 },
        Expected { fate: "edited, though the judge does not read it", most: 20 },
        Expected { fate: "had the entry", most: 200 },
        Expected { fate: judge::HAS_TO_STAY, most: 1 },
        Expected { fate: "refused: another entry for the role", most: 200 },
        Expected { fate: "refused: no YAML", most: 300 },
        Expected { fate: "refused: no list", most: 100 },
        Expected { fate: "refused: no list to the judge, for another reason", most: 30 },
        Expected { fate: "refused: a character that parsers read differently", most: 20 },
        Expected { fate: judge::STRICTER, most: 10 },
        Expected { fate: judge::NO_EDIT, most: 1 },
    ],
    show: |bytes| format!("{:?}", text(bytes).0),
    case,
};

fn case(bytes: &[u8], constructs: Option<&mut Constructs>) -> Result<Fate, String> {
    let (text, sound) = text(bytes);
    if let Some(constructs) = constructs {
        for (name, is_in) in constructs::CONSTRUCTS {
            constructs.note(name, is_in(&text));
        }
    }
    judge::judged(&text, sound)
}

/// What became of any text.
///
/// # Errors
/// The first thing that is not as it must be.
pub fn judged(text: &str) -> Result<Fate, String> {
    judge::judged(text, false)
}

/// The text that `bytes` choose, and whether it is a list beyond doubt.
fn text(bytes: &[u8]) -> (String, bool) {
    let mut choices = Choices::new(bytes);
    let kind = choices.below(16);
    let mut slips = choices.apart(if kind < 10 { 0 } else { 16 });
    match kind {
        0..=7 => (generate::map_roles(&mut choices, false), true),
        8..=9 => (generate::map_roles(&mut choices, true), true),
        10..=13 => (damage::damaged(generate::map_roles(&mut choices, false), &mut slips), false),
        14 => (damage::damaged(generate::map_roles(&mut choices, true), &mut slips), false),
        _ => (damage::soup(&mut slips), false),
    }
}
