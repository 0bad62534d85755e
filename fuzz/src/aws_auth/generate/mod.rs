//! Generates texts of `mapRoles`, as people and tools write them, and unusual ones. Each is YAML that aws-iam-authenticator reads
//! as a list.

mod block;
mod flow;
mod large;
mod scalar;
mod target_entry;

use crate::choices::Choices;

/// Returns a list. With `has_target_entry`, some entries are for the role under test.
pub(super) fn map_roles(choices: &mut Choices<'_>, has_target_entry: bool) -> String {
    // The choices for the whole text come first, because the bytes may run out before its end.
    let newline = choices.pick(&["\n", "\n", "\n", "\n", "\n", "\r\n", "\r\n", "\r"]);
    let has_final_newline = !choices.one_in(3);
    let mut text = match choices.below(16) {
        15 if !has_target_entry => empty_value(choices),
        14 if !has_target_entry => empty_list(choices),
        9..=13 => flow::list(choices, has_target_entry),
        8 => large::list(choices, has_target_entry),
        _ => block::list(choices, has_target_entry),
    };
    if !has_final_newline && text.ends_with('\n') {
        text.pop();
    }
    if newline == "\n" { text } else { text.replace('\n', newline) }
}

/// Returns a text with an empty value, which an edit replaces by the entry.
fn empty_value(choices: &mut Choices<'_>) -> String {
    let value = choices.pick(&["\"\"\n", "''\n", "``\n", "null\n", "~\n", "\t\n", " ``", "NULL # none\n"]);
    match value.trim() {
        "null" | "~" if choices.one_in(2) => prologue(choices) + value + &noise(choices, 0),
        _ => value.to_owned(),
    }
}

/// Returns a text with an empty list, into which an edit inserts the entry.
fn empty_list(choices: &mut Choices<'_>) -> String {
    let list = choices.pick(&["[]\n", "[ ]\n", "[\n]\n", "[ # none\n]\n", "", " \n"]);
    prologue(choices) + list + &noise(choices, 0)
}

/// Returns a text that may precede a list: a byte order mark, comments, directives and the start of the document.
fn prologue(choices: &mut Choices<'_>) -> String {
    let byte_order_mark = if choices.one_in(16) { "\u{feff}" } else { "" };
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
        "%YAML 1.1\n# directives end\n---\n",
    ]);
    format!("{byte_order_mark}{noise_before}{start}{}", noise(choices, 0))
}

/// Returns a text that may follow a list.
fn epilogue(choices: &mut Choices<'_>) -> String {
    let end = choices.pick(&["", "", "", "", "...\n", "... # the end\n# of all\n"]);
    noise(choices, 2) + end
}

/// Returns blank lines and comments, indented by 0 or `indent`.
fn noise(choices: &mut Choices<'_>, indent: usize) -> String {
    let mut lines = String::new();
    while choices.one_in(3) && lines.len() < 200 {
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

/// Returns a text that may follow a value on its line, with the line end.
fn end_of_line(choices: &mut Choices<'_>) -> &'static str {
    choices.pick(&["\n", "\n", "\n", " # why\n", "   \n", " #\n"])
}
