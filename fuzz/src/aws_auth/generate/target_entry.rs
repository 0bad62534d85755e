//! Generates entries for the role under test, as others write them. Some equal the entry that the handler writes, and some do
//! not.

use super::super::judge::{ARN, USERNAME};
use crate::choices::Choices;

/// Returns a mapping below a dash. `keys`: its indentation. `groups`: the indentation of its groups, relative to their key.
pub(super) fn block(choices: &mut Choices<'_>, keys: &str, groups: usize) -> String {
    let quote = choices.pick(&["", "", "'", "\""]);
    let dash = format!("\n{keys}{}- ", " ".repeat(groups));
    let list = match choices.below(4) {
        0 => " [system:nodes, 'system:bootstrappers']\n".to_owned(),
        1 => format!(" # two{dash}system:bootstrappers # one{dash}system:nodes\n"),
        _ => format!("{dash}system:bootstrappers{dash}system:nodes\n"),
    };
    let username = match choices.below(3) {
        0 => format!(">-\n{keys}  {USERNAME}"),
        _ => format!("{quote}{USERNAME}{quote}"),
    };
    let mut fields = vec![
        format!("{}: {quote}{}{quote}\n", key(choices, "rolearn"), arn(choices)),
        format!("{}: {username}\n", key(choices, "username")),
        format!("{}:{list}", key(choices, "groups")),
    ];
    if has_extra_field(choices) {
        fields.push("userid: AROA\n".to_owned());
    }
    let first = choices.below(fields.len());
    fields.rotate_left(first);
    fields.join(&(choices.pick(&["", "", "  # inside\n", "\n"]).to_owned() + keys))
}

/// Returns a mapping in a flow list.
pub(super) fn flow(choices: &mut Choices<'_>, json: bool) -> String {
    let groups = choices.pick(&[
        r#"["system:bootstrappers", "system:nodes"]"#,
        r#"["system:nodes", "system:bootstrappers", "system:nodes"]"#,
    ]);
    let mut fields = vec![
        format!(r#""{}": "{}""#, key(choices, "rolearn"), arn(choices)),
        format!(r#""{}": "{USERNAME}""#, key(choices, "username")),
        format!(r#""{}": {groups}"#, key(choices, "groups")),
    ];
    if has_extra_field(choices) {
        fields.push(r#""userid": "AROA""#.to_owned());
    }
    let first = choices.below(fields.len());
    fields.rotate_left(first);
    let fields = fields.join(", ");
    match choices.below(4) {
        0 if !json => format!("{{ {} }}", fields.replace('"', "'")),
        1 => format!("{{{}}}", fields.replace(", ", ",").replace(": ", ":")),
        _ => format!("{{{fields}}}"),
    }
}

fn arn(choices: &mut Choices<'_>) -> String {
    match choices.below(8) {
        7 => ARN.to_uppercase(),
        6 => format!("{ARN}-other"),
        _ => ARN.to_owned(),
    }
}

/// Returns the key, sometimes in upper case, because Go's decoder accepts keys in any letter case.
fn key(choices: &mut Choices<'_>, name: &str) -> String {
    if choices.one_in(8) { name.to_uppercase() } else { name.to_owned() }
}

/// Returns whether the entry gets a field that the handler does not write.
fn has_extra_field(choices: &mut Choices<'_>) -> bool {
    choices.one_in(6)
}
