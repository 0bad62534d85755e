//! Block lists: an item a dash.

use super::{WORDS, end_of_line, epilogue, flow_mapping, noise, prologue};
use crate::choices::Choices;

/// How the items of one block list are laid out, more or less.
pub(super) struct Block {
    indent: usize,
    gap: usize,
    groups: usize,
    anchors: usize,
}

impl Block {
    pub(super) fn new(choices: &mut Choices<'_>) -> Self {
        Self {
            indent: choices.pick(&[0, 0, 2, 4, 1]),
            gap: choices.pick(&[1, 1, 1, 3]),
            groups: choices.pick(&[0, 2, 4]),
            anchors: 0,
        }
    }

    pub(super) fn text(mut self, choices: &mut Choices<'_>) -> String {
        let mut text = prologue(choices);
        for _ in 0..=choices.below(4) {
            text += &" ".repeat(self.indent);
            text += "-";
            text += &self.item(choices);
            text += &noise(choices, self.keys());
        }
        text + &epilogue(choices)
    }

    fn keys(&self) -> usize {
        self.indent + 1 + self.gap
    }

    fn item(&mut self, choices: &mut Choices<'_>) -> String {
        let gap = " ".repeat(self.gap);
        match choices.below(12) {
            0 => format!("{}\n", choices.pick(&["", " ", " # nothing"])),
            1 => gap + &scalar(choices, self.indent),
            2 => format!("{gap}- nested\n{}- list\n", " ".repeat(self.keys())),
            3 => format!("{gap}{}{}", flow_mapping(choices), end_of_line(choices)),
            4 if self.anchors > 0 => format!(" *a{}\n", choices.below(self.anchors)),
            5 if self.anchors > 0 => format!(" [*a{}]\n", choices.below(self.anchors)),
            6 => {
                self.anchors += 1;
                let head = format!(" &a{}\n{}", self.anchors - 1, " ".repeat(self.keys()));
                head + &self.mapping(choices)
            }
            7 => {
                format!("{}\n{}", choices.pick(&["", " # below", " !!map"]), " ".repeat(self.keys()))
                    + &self.mapping(choices)
            }
            _ => gap + &self.mapping(choices),
        }
    }

    /// A mapping whose first key stands where the text is.
    fn mapping(&self, choices: &mut Choices<'_>) -> String {
        let mut names = ["rolearn", "username", "groups", "userid", "sso", "'a key'", "ümlaut"];
        let first = choices.below(names.len());
        names.rotate_left(first);
        let count = 1 + choices.below(4);
        let keys = " ".repeat(self.keys());
        let fields = names[..count].iter().map(|name| {
            let value = match *name {
                "groups" => self.groups(choices),
                "sso" => format!("\n{keys}  accountID: '1'\n{keys}  deep:\n{keys}  - {{x: [y]}}\n"),
                _ => choices.pick(&[" ", " ", "   "]).to_owned() + &scalar(choices, self.keys()),
            };
            format!("{name}:{value}")
        });
        fields.collect::<Vec<_>>().join(&keys)
    }

    fn groups(&self, choices: &mut Choices<'_>) -> String {
        let dash = " ".repeat(self.keys() + self.groups) + "- ";
        match choices.below(5) {
            0 => " [system:masters, 'x']\n".to_owned(),
            1 => " []\n".to_owned(),
            2 => "\n".to_owned(),
            _ => format!("\n{dash}{}{dash}{}", scalar(choices, dash.len() - 2), scalar(choices, dash.len() - 2)),
        }
    }
}

/// A scalar below a node that stands at column `parent`, with the line's end.
fn scalar(choices: &mut Choices<'_>, parent: usize) -> String {
    let word = choices.pick(&WORDS);
    match choices.below(8) {
        0..=1 => format!("plain{}", end_of_line(choices)),
        2 => format!("'{}'{}", word.replace('\'', "''"), end_of_line(choices)),
        3 => format!("\"{word}\\n\\\"\\u00e9\"{}", end_of_line(choices)),
        4 => format!("plain\n{}on\n", " ".repeat(parent + 2)),
        5 => format!("\"quoted\n\n{}on\"{}", " ".repeat(parent + 1), end_of_line(choices)),
        _ => block_scalar(choices, parent),
    }
}

fn block_scalar(choices: &mut Choices<'_>, parent: usize) -> String {
    let more = 1 + choices.below(4);
    let explicit = choices.rarely(3);
    let indicator = if explicit { more.to_string() } else { String::new() };
    let chomp = choices.pick(&["", "-", "+"]);
    let style = choices.pick(&["|", ">"]);
    let mut text = format!("{style}{indicator}{chomp}{}", choices.pick(&["\n", "\n", " # header\n"]));
    // serde-saphyr refuses a comment behind an explicit indentation of nothing.
    for _ in 0..choices.below(4).max(usize::from(explicit)) {
        text += choices.pick(&["", "", "\n"]);
        text += &" ".repeat(parent + more);
        text += choices.pick(&WORDS);
        text += "\n";
    }
    text + choices.pick(&["", "", "\n", "\n\n", " \n"])
}
