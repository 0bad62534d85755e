//! Mutations, as a person makes them by mistake in an editor.

use crate::choices::Choices;

const PIECES: [&str; 44] = [
    " ", "\n", "\r\n", "\r", "\t", "-", "- ", ":", ": ", "#", " #", "[", "]", "{", "}", ",", "&a", "&a ", "*a", "*a ",
    "!", "!!str ", "|", ">", "|+", "'", "\"", "%", "@", "`", "?", "? ", "~", "---\n", "...", "<<: ", "\u{85}",
    "\u{2028}", "\u{feff}", "é", "\0", "0", "\\", "null",
];

/// Returns the text after one to three mutations: a piece inserted, a character removed, the end cut off, or a line duplicated.
pub(super) fn mutated(mut text: String, choices: &mut Choices<'_>) -> String {
    for _ in 0..=choices.below(3) {
        let position = choices.below(256) * 256 + choices.below(256);
        let mut index = position % (text.len() + 1);
        while !text.is_char_boundary(index) {
            index -= 1;
        }
        match choices.below(8) {
            0 => text.truncate(index),
            1..=3 => {
                if index < text.len() {
                    text.remove(index);
                }
            }
            4 => text = with_duplicated_line(&text, index),
            _ => text.insert_str(index, choices.pick(&PIECES)),
        }
    }
    text
}

/// Returns the text with the line at `index` duplicated. In most cases this duplicates a key.
fn with_duplicated_line(text: &str, index: usize) -> String {
    let start = text[..index].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[index..].find('\n').map_or(text.len(), |length| index + length + 1);
    format!("{}{}{}", &text[..end], &text[start..end], &text[end..])
}

/// Returns pieces and characters in random order.
pub(super) fn random_pieces(choices: &mut Choices<'_>) -> String {
    let mut text = String::new();
    while !choices.is_empty() {
        match choices.below(4) {
            0 => text += choices.pick(&["a", "rolearn", "x y", "1", "  ", "- a\n"]),
            1 => {
                text.extend(u32::try_from(256 * choices.below(256) + choices.below(256)).ok().and_then(char::from_u32));
            }
            _ => text += choices.pick(&PIECES),
        }
    }
    text
}
