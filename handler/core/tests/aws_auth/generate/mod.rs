//! Texts of `mapRoles` as people and tools write them, and as nobody should: every one is YAML
//! that the authenticator takes for a list, and none has an entry for the role under test.

mod block;

use block::Block;

use crate::choices::Choices;

/// A text, and what is left of it after the entry was added and removed.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) text: String,
    /// The text holds an empty value that an entry replaces.
    pub(crate) replaced: bool,
}

pub(crate) fn map_roles(choices: &mut Choices<'_>) -> Sample {
    // First what counts for all of the text, since the bytes run out at its end.
    let crlf = choices.rarely(4);
    let unended = choices.rarely(3);
    let replaced = choices.rarely(16);
    let mut text = match choices.below(10) {
        _ if replaced => written_empty(choices),
        0 => empty(choices),
        1..=3 => flow(choices),
        _ => Block::new(choices).text(choices),
    };
    if unended && text.ends_with('\n') {
        text.pop();
    }
    if crlf {
        text = text.replace('\n', "\r\n");
    }
    Sample { text, replaced }
}

fn written_empty(choices: &mut Choices<'_>) -> String {
    let value = choices.pick(&["\"\"\n", "''\n", "``\n", "null\n", "~\n", "\t\n", " ``", "NULL # none\n"]);
    match value.trim() {
        "null" | "~" if choices.rarely(2) => prologue(choices) + value + &noise(choices, 0),
        _ => value.to_owned(),
    }
}

fn empty(choices: &mut Choices<'_>) -> String {
    let list = choices.pick(&["[]\n", "[ ]\n", "[\n]\n", "[ # none\n]\n", "", " \n"]);
    prologue(choices) + list + &noise(choices, 0)
}

fn prologue(choices: &mut Choices<'_>) -> String {
    let mark = if choices.rarely(16) { "\u{feff}" } else { "" };
    let noise_before = noise(choices, 0);
    let start = choices.pick(&["", "", "", "---\n", "--- # roles\n", "%YAML 1.1\n---\n"]);
    format!("{mark}{noise_before}{start}{}", noise(choices, 0))
}

fn epilogue(choices: &mut Choices<'_>) -> String {
    let end = choices.pick(&["", "", "", "", "...\n", "... # the end\n# of all\n"]);
    noise(choices, 2) + end
}

/// Blank lines and comments, indented by 0 or `indent`.
fn noise(choices: &mut Choices<'_>, indent: usize) -> String {
    let mut lines = String::new();
    while choices.rarely(3) && lines.len() < 200 {
        lines += &" ".repeat(choices.pick(&[0, indent]));
        lines += choices.pick(&[
            "\n",
            "# a comment\n",
            "# - rolearn: off\n",
            "#\n",
            "# größer – 名前 🚀\n",
            "# it's \"quoted\": [\n",
        ]);
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

fn end_of_line(choices: &mut Choices<'_>) -> &'static str {
    choices.pick(&["\n", "\n", "\n", " # why\n", "   \n", " #\n"])
}

fn flow(choices: &mut Choices<'_>) -> String {
    let pretty = choices.rarely(2);
    let indent = choices.pick(&["  ", "    ", "\t", ""]);
    let json = choices.rarely(2);
    let comma = choices.pick(&[",", ", ", " , "]);
    let item = if json { json_object } else { flow_item };
    let items: Vec<String> = (0..=choices.below(4)).map(|_| item(choices)).collect();
    let mut text = prologue(choices) + "[";
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let comma = match last {
            true if json || !choices.rarely(4) => "",
            true => ",",
            false => comma,
        };
        let comment = if json { "" } else { choices.pick(&["", "", "", " # why"]) };
        if pretty {
            text.extend(["\n", indent, item, comma.trim_end(), comment]);
        } else {
            text.extend([item.as_str(), comma]);
        }
    }
    if pretty {
        text += "\n";
        if !json {
            text += &noise(choices, 2);
        }
    }
    text + "]" + end_of_line(choices) + &epilogue(choices)
}

fn json_object(choices: &mut Choices<'_>) -> String {
    let word = serde_json::Value::from(choices.pick(&WORDS));
    let spaced = choices.rarely(2);
    let object = format!(r#"{{"rolearn": {word}, "groups": ["a", {word}], "sso": {{"x": null}}, "n": 1.5}}"#);
    if spaced { object } else { object.replace(": ", ":").replace(", ", ",") }
}

fn flow_item(choices: &mut Choices<'_>) -> String {
    match choices.below(8) {
        0 => "plain text".to_owned(),
        1 => "'quoted'".to_owned(),
        2 => "\"é\\\"\"".to_owned(),
        3 => "[nested, [list]]".to_owned(),
        4 => "a: pair".to_owned(),
        5 => "~".to_owned(),
        _ => flow_mapping(choices),
    }
}

fn flow_mapping(choices: &mut Choices<'_>) -> String {
    choices
        .pick(&[
            "{rolearn: a, username: b}",
            "{}",
            "{ 'rolearn': \"a: b\", groups: [ x, 'y' ] }",
            "{rolearn: 'a', sso: {x: [1, 2]},}",
            "{\"rolearn\":\"a\",\"n\":1}",
            "{rolearn, username: }",
        ])
        .to_owned()
}
