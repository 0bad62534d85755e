//! Generates scalars in every style of YAML.

use super::{WORDS, end_of_line};
use crate::choices::Choices;

/// Returns a scalar below a node at column `parent`, with the line end.
pub(super) fn scalar(choices: &mut Choices<'_>, parent: usize) -> String {
    let word = choices.pick(&WORDS);
    let deeper = " ".repeat(parent + 1);
    let properties = choices.pick(&["", "", "", "", "", "", "", "!!str ", "!local ", "&s ", "&s !!str ", "! "]);
    let value = match choices.below(10) {
        0..=1 => format!("plain{}", end_of_line(choices)),
        2 => format!("'{}'{}", word.replace('\'', "''"), end_of_line(choices)),
        3 => format!("\"{word}\\n\\\"\\u00e9\\x41\\\\\"{}", end_of_line(choices)),
        4 => format!("plain\n{deeper} on\n"),
        5 => format!("\"quoted\n\n{deeper}on\"{}", end_of_line(choices)),
        6 => format!("'single\n{deeper}''on''\n\n{deeper}and on'{}", end_of_line(choices)),
        7 => format!("\"es\\\n{deeper}caped\"{}", end_of_line(choices)),
        _ => block_scalar(choices, parent),
    };
    properties.to_owned() + &value
}

fn block_scalar(choices: &mut Choices<'_>, parent: usize) -> String {
    let more = 1 + choices.below(4);
    let explicit = choices.one_in(3);
    let indicator = if explicit { more.to_string() } else { String::new() };
    let chomp = choices.pick(&["", "-", "+"]);
    let style = choices.pick(&["|", ">"]);
    let head = if choices.one_in(4) { format!("{chomp}{indicator}") } else { format!("{indicator}{chomp}") };
    let mut text = format!("{style}{head}{}", choices.pick(&["\n", "\n", " # header\n"]));
    // serde-saphyr rejects an empty scalar with an explicit indentation and a comment, and one that has only blanks.
    let lines = choices.below(4).max(usize::from(explicit));
    for _ in 0..lines {
        text += choices.pick(&["", "", "\n"]);
        text += &" ".repeat(parent + more);
        text += choices.pick(&WORDS);
        text += "\n";
    }
    text + choices.pick(if lines == 0 { &["", "\n"] } else { &["", "", "\n", "\n\n", " \n"] })
}
