//! Damage as a slip of an editor does it.

use crate::choices::Choices;

const PIECES: [&str; 44] = [
    " ", "\n", "\r\n", "\r", "\t", "-", "- ", ":", ": ", "#", " #", "[", "]", "{", "}", ",", "&a", "&a ", "*a", "*a ",
    "!", "!!str ", "|", ">", "|+", "'", "\"", "%", "@", "`", "?", "? ", "~", "---\n", "...", "<<: ", "\u{85}",
    "\u{2028}", "\u{feff}", "é", "\0", "0", "\\", "null",
];

/// `text` with one to three pieces put in, taken out or cut off, or lines doubled.
pub(super) fn damaged(mut text: String, choices: &mut Choices<'_>) -> String {
    for _ in 0..=choices.below(3) {
        let position = choices.below(256) * 256 + choices.below(256);
        let mut at = position % (text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        match choices.below(8) {
            0 => text.truncate(at),
            1..=3 => {
                if at < text.len() {
                    text.remove(at);
                }
            }
            4 => text = with_line_twice(&text, at),
            _ => text.insert_str(at, choices.pick(&PIECES)),
        }
    }
    text
}

/// `text` with the line that `at` is in twice: mostly a key twice.
fn with_line_twice(text: &str, at: usize) -> String {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
    format!("{}{}{}", &text[..end], &text[start..end], &text[end..])
}

/// Pieces and characters in any order.
pub(super) fn soup(choices: &mut Choices<'_>) -> String {
    let mut text = String::new();
    while !choices.is_spent() {
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
