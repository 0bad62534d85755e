//! Texts of `mapRoles` as people and tools write them, and as nobody should: every one is YAML that the authenticator
//! takes for a list.

mod block;
mod flow;
mod large;
mod ours;
mod scalar;

use crate::choices::Choices;

/// A list, with entries for the role under test among the others if `ours`.
pub(super) fn map_roles(choices: &mut Choices<'_>, ours: bool) -> String {
    // First what counts for all of the text, since the bytes run out at its end.
    let newline = choices.pick(&["\n", "\n", "\n", "\n", "\n", "\r\n", "\r\n", "\r"]);
    let ended = !choices.rarely(3);
    let mut text = match choices.below(16) {
        15 if !ours => written_empty(choices),
        14 if !ours => empty(choices),
        9..=13 => flow::list(choices, ours),
        8 => large::list(choices, ours),
        _ => block::list(choices, ours),
    };
    if !ended && text.ends_with('\n') {
        text.pop();
    }
    if newline == "\n" { text } else { text.replace('\n', newline) }
}

/// An empty value that the entry takes the place of.
fn written_empty(choices: &mut Choices<'_>) -> String {
    let value = choices.pick(&["\"\"\n", "''\n", "``\n", "null\n", "~\n", "\t\n", " ``", "NULL # none\n"]);
    match value.trim() {
        "null" | "~" if choices.rarely(2) => prologue(choices) + value + &noise(choices, 0),
        _ => value.to_owned(),
    }
}

/// An empty list that the entry is written into.
fn empty(choices: &mut Choices<'_>) -> String {
    let list = choices.pick(&["[]\n", "[ ]\n", "[\n]\n", "[ # none\n]\n", "", " \n"]);
    prologue(choices) + list + &noise(choices, 0)
}

/// What may stand before a list: a byte order mark, comments, directives, the document's start.
fn prologue(choices: &mut Choices<'_>) -> String {
    let mark = if choices.rarely(16) { "\u{feff}" } else { "" };
    let noise_before = noise(choices, 0);
    let start = choices.pick(&[
        "",
        "",
        "",
        "",
        "---\n",
        "--- # roles\n",
        "%YAML 1.1\n---\n",
        "%TAG !x! tag:example.com,2026:\n---\n",
        "%YAML 1.2\n# directives end\n---\n",
    ]);
    format!("{mark}{noise_before}{start}{}", noise(choices, 0))
}

/// What may stand behind a list.
fn epilogue(choices: &mut Choices<'_>) -> String {
    let end = choices.pick(&["", "", "", "", "...\n", "... # the end\n# of all\n"]);
    noise(choices, 2) + end
}

/// Blank lines and comments, indented by 0 or `indent`.
fn noise(choices: &mut Choices<'_>, indent: usize) -> String {
    let mut lines = String::new();
    while choices.rarely(3) && lines.len() < 200 {
        let line = choices.pick(&[
            "\n",
            "# a comment\n",
            "# - rolearn: off\n",
            "#\n",
            "# größer – 名前 🚀\n",
            "# it's \"quoted\": [\n",
            "#\ttabs\t\n",
        ]);
        let indent = if line == "\n" { 0 } else { choices.pick(&[0, indent]) };
        lines.extend([&" ".repeat(indent), line]);
    }
    lines
}

const WORDS: [&str; 14] = [
    "arn:aws:iam::111122223333:role/a",
    "system:masters",
    "admin",
    "system:node:{{EC2PrivateDNSName}}",
    "it's",
    "größe",
    "名前",
    "🚀",
    "- no item",
    "# no comment",
    "a: b",
    "[x, y]",
    "true",
    "0123",
];

/// What may stand between a value and the end of its line.
fn end_of_line(choices: &mut Choices<'_>) -> &'static str {
    choices.pick(&["\n", "\n", "\n", " # why\n", "   \n", " #\n"])
}
