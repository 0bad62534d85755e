//! Generates flow lists: JSON, and its extensions in YAML.

use super::{WORDS, end_of_line, epilogue, noise, prologue, target_entry};
use crate::choices::Choices;

pub(super) fn list(choices: &mut Choices<'_>, has_target_entry: bool) -> String {
    let pretty = choices.one_in(2);
    let indent = choices.pick(&["  ", "    ", "\t", ""]);
    let json = choices.one_in(2);
    let comma = choices.pick(&[",", ", ", " , "]);
    let count = 1 + choices.below(4);
    let items: Vec<String> = (0..count).map(|_| item(choices, json, has_target_entry)).collect();
    let mut text = prologue(choices);
    if text.ends_with("---\n") {
        text.truncate(text.len() - 1);
        text += choices.pick(&["\n", " ", " !!seq ", " &root\n"]);
    }
    text += "[";
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let comma = match last {
            true if json || !choices.one_in(4) => "",
            true => ",",
            false => comma,
        };
        if pretty {
            let comment = if json { "" } else { choices.pick(&["", "", "", " # why"]) };
            text.extend(["\n", indent, item, comma.trim_end(), comment]);
            if !json && choices.one_in(6) {
                text += "\n  # between";
            }
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

fn item(choices: &mut Choices<'_>, json: bool, has_target_entry: bool) -> String {
    if has_target_entry && choices.one_in(3) {
        return target_entry::flow(choices, json);
    }
    if json { json_object(choices) } else { yaml_item(choices) }
}

fn json_object(choices: &mut Choices<'_>) -> String {
    let word = serde_json::Value::from(choices.pick(&WORDS));
    let object = format!(r#"{{"rolearn": {word}, "groups": ["a", {word}], "sso": {{"x": null}}, "n": 1.5}}"#);
    match choices.below(3) {
        0 => object,
        1 => object.replace(": ", ":").replace(", ", ","),
        _ => object.replace(", ", ",\n  ").replace('{', "{\n  ").replace('}', "\n  }"),
    }
}

fn yaml_item(choices: &mut Choices<'_>) -> String {
    match choices.below(16) {
        0 => "plain text".to_owned(),
        1 => "'quoted'".to_owned(),
        2 => "\"é\\\"\"".to_owned(),
        3 => "[nested, [list]]".to_owned(),
        4 => "a: pair".to_owned(),
        5 => "~".to_owned(),
        6 => "!!str 12".to_owned(),
        7 => "&f {a: b}".to_owned(),
        8 => "plain\n  over lines".to_owned(),
        9 => "\"over\n  lines\"".to_owned(),
        10 => nested(choices),
        11 => "{a: 1, # inside\n  b: [x, # deep inside\n  y]}".to_owned(),
        _ => mapping(choices),
    }
}

/// Returns lists or mappings in each other, up to 40 levels.
pub(super) fn nested(choices: &mut Choices<'_>) -> String {
    let depth = 1 + choices.below(40);
    let (open, close) = choices.pick(&[("[", "]"), ("{a: ", "}"), ("[ ", " ]")]);
    format!("{}x{}", open.repeat(depth), close.repeat(depth))
}

/// Returns a mapping.
pub(super) fn mapping(choices: &mut Choices<'_>) -> String {
    choices
        .pick(&[
            "{rolearn: a, username: b}",
            "{}",
            "{ 'rolearn': \"a: b\", groups: [ x, 'y' ] }",
            "{rolearn: 'a', sso: {x: [1, 2]},}",
            "{\"rolearn\":\"a\",\"n\":1}",
            "{rolearn, username: }",
            "!!map {a: !!int \"1\"}",
            "&m {a: &n b, c: *n}",
        ])
        .to_owned()
}
