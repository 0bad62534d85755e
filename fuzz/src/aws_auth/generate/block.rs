//! Generates block lists, whose items begin with a dash.

use super::scalar::scalar;
use super::{end_of_line, epilogue, flow, noise, prologue, target_entry};
use crate::choices::Choices;

pub(super) fn list(choices: &mut Choices<'_>, has_target_entry: bool) -> String {
    Block {
        indent: choices.pick(&[0, 0, 2, 4, 1]),
        gap: choices.pick(&[1, 1, 1, 3]),
        groups: choices.pick(&[0, 2, 4]),
        anchors: 0,
        has_target_entry,
    }
    .text(choices)
}

/// The layout of one block list. Some items differ from it.
struct Block {
    /// The indentation of the dashes.
    indent: usize,
    /// The number of spaces after a dash.
    gap: usize,
    /// The indentation of the groups, relative to their key.
    groups: usize,
    /// The number of anchors so far.
    anchors: usize,
    /// Whether some items are entries for the role under test.
    has_target_entry: bool,
}

impl Block {
    fn text(mut self, choices: &mut Choices<'_>) -> String {
        let mut text = prologue(choices);
        if choices.one_in(16) {
            text = without_start(text) + choices.pick(&["--- !!seq\n", "--- &root\n", "--- !!seq &root # roles\n"]);
        }
        for _ in 0..=choices.below(4) {
            text += &" ".repeat(self.indent);
            text += "-";
            text += &self.item(choices);
            text += &noise(choices, self.keys());
        }
        text + &epilogue(choices)
    }

    /// Returns the indentation of the keys.
    fn keys(&self) -> usize {
        self.indent + 1 + self.gap
    }

    fn item(&mut self, choices: &mut Choices<'_>) -> String {
        let gap = " ".repeat(self.gap);
        let keys = " ".repeat(self.keys());
        if self.has_target_entry && choices.one_in(3) {
            return gap + &target_entry::block(choices, &keys, self.groups);
        }
        match choices.below(16) {
            0 => format!("{}\n", choices.pick(&["", " ", " # nothing"])),
            1 => gap + &scalar(choices, self.indent),
            2 => format!("{gap}- nested\n{keys}- list\n"),
            3 => format!("{gap}{}{}", flow::mapping(choices), end_of_line(choices)),
            4 if self.anchors > 0 => format!(" *a{}\n", choices.below(self.anchors)),
            5 if self.anchors > 0 => format!(" [*a{}]\n", choices.below(self.anchors)),
            6 if self.anchors > 0 => format!("{gap}<<: *a{}\n{keys}username: merged\n", choices.below(self.anchors)),
            7 | 8 => {
                self.anchors += 1;
                format!(" &a{}\n{keys}", self.anchors - 1) + &self.mapping(choices)
            }
            9 => format!("{}\n{keys}", choices.pick(&["", " # below", " !!map"])) + &self.mapping(choices),
            10 => format!("{gap}{}deep\n", "- ".repeat(1 + choices.below(30))),
            11 => format!("{gap}{}{}", flow::nested(choices), end_of_line(choices)),
            _ => gap + &self.mapping(choices),
        }
    }

    /// Returns a mapping. The first key has no indentation, because the text before it ends at its column.
    fn mapping(&self, choices: &mut Choices<'_>) -> String {
        let mut names = ["rolearn", "username", "groups", "userid", "sso", "'a key'", "ümlaut", "\"q\\u00e9\"", "1"];
        let first = choices.below(names.len());
        names.rotate_left(first);
        let count = 1 + choices.below(4);
        let keys = " ".repeat(self.keys());
        let mut text = String::new();
        for name in &names[..count] {
            if !text.is_empty() {
                text += &noise_before_key(choices, self.keys());
                text += &keys;
            }
            let value = match *name {
                "groups" => self.groups(choices),
                "sso" => format!("\n{keys}  accountID: '1'\n{keys}  deep:\n{keys}  - {{x: [y]}}\n"),
                "userid" if choices.one_in(3) => "\n".to_owned(),
                _ => choices.pick(&[" ", " ", "   ", "\t"]).to_owned() + &scalar(choices, self.keys()),
            };
            let colon = choices.pick(&[":", ":", ":", " :"]);
            text.extend([*name, colon, &value]);
        }
        text
    }

    fn groups(&self, choices: &mut Choices<'_>) -> String {
        let dash = " ".repeat(self.keys() + self.groups) + "- ";
        match choices.below(6) {
            0 => " [system:masters, 'x']\n".to_owned(),
            1 => " []\n".to_owned(),
            2 => "\n".to_owned(),
            3 => format!(" # of them\n{dash}a # first\n  # between\n{dash}b\n"),
            _ => format!("\n{dash}{}{dash}{}", scalar(choices, dash.len() - 2), scalar(choices, dash.len() - 2)),
        }
    }
}

/// Returns comments and blank lines between two keys, in most cases none.
fn noise_before_key(choices: &mut Choices<'_>, keys: usize) -> String {
    if choices.one_in(4) { noise(choices, keys) } else { String::new() }
}

/// Returns an empty text if the prologue starts a document, because another start would begin a second document.
fn without_start(prologue: String) -> String {
    if prologue.contains("---") { String::new() } else { prologue }
}
