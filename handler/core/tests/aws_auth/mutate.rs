//! Damage as a slip of an editor does it.

use crate::choices::Choices;

const PIECES: [&str; 38] = [
    " ", "\n", "\r\n", "\r", "\t", "-", "- ", ":", ": ", "#", " #", "[", "]", "{", "}", ",", "&a", "*a", "!", "|", ">",
    "|+", "'", "\"", "%", "@", "`", "?", "~", "---\n", "...", "<<: ", "\u{85}", "\u{2028}", "\u{feff}", "é", "\0", "0",
];

/// `text` with one to three pieces put in, taken out or cut off.
pub(crate) fn damage(mut text: String, choices: &mut Choices<'_>) -> String {
    for _ in 0..=choices.below(3) {
        let position = choices.below(256) * 256 + choices.below(256);
        let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
        let at = starts.get(position % (starts.len() + 1)).copied().unwrap_or(text.len());
        match choices.below(8) {
            0 => text.truncate(at),
            1..=3 => {
                if at < text.len() {
                    text.remove(at);
                }
            }
            _ => text.insert_str(at, choices.pick(&PIECES)),
        }
    }
    text
}
