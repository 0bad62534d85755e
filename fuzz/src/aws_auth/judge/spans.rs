//! Compares texts before and after an edit, byte for byte.

/// Returns whether `after` is `before` with one insertion, and every other byte is unchanged.
pub(super) fn is_one_insertion(before: &str, after: &str) -> bool {
    cuts(after, before).next().is_some()
}

/// Returns the texts whose removal from `text` results in `rest`. If a text repeats itself, there are several.
pub(super) fn cuts<'a>(text: &'a str, rest: &str) -> impl Iterator<Item = &'a str> {
    let bytes = text.as_bytes();
    let length = text.len().saturating_sub(rest.len());
    let start = text.bytes().zip(rest.bytes()).take_while(|(a, b)| a == b).count();
    let is_cut = length > 0 && bytes.get(start + length..) == rest.as_bytes().get(start..);
    let further_left = (0..start).rev().take_while(move |left| bytes[*left] == bytes[left + length]);
    let starts = [start].into_iter().chain(further_left).take_while(move |_| is_cut);
    // A cut cannot be inside of a character.
    starts.filter_map(move |start| text.get(start..start + length))
}

/// Returns whether `rest` is `text` without some of its bytes.
pub(super) fn is_subsequence(text: &str, rest: &str) -> bool {
    let mut bytes = text.bytes();
    rest.bytes().all(|byte| bytes.any(|other| other == byte))
}

/// Returns whether a text without entries has an explicit empty value, which an edit replaces by the entry. That is anything but
/// blanks, comments, document markers, directives, tags, anchors and `[]`.
pub(super) fn has_value(text: &str) -> bool {
    let mut lines = text.split(['\n', '\r']).map(|line| line.split('#').next().unwrap_or_default());
    lines.any(|line| {
        let line = line.trim_start_matches('\u{feff}');
        let line = line.strip_prefix("---").or_else(|| line.strip_prefix("...")).unwrap_or(line);
        let is_no_value = |word: &str| word.starts_with(['!', '&']) || word.chars().all(|c| matches!(c, '[' | ']'));
        !line.starts_with('%') && !line.split(' ').all(is_no_value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_cut_is_distinguished_from_two() {
        let all = |text, rest| cuts(text, rest).collect::<Vec<_>>();
        assert_eq!(all("- a\n- b\n", "- a\n"), ["- b\n", "\n- b"]);
        assert_eq!(all("äöü", "äü"), ["ö"]);
        assert!(all("abcd", "bd").is_empty() && all("a", "a").is_empty() && all("a", "ab").is_empty());
        assert!(is_subsequence("abcd", "bd") && !is_subsequence("abcd", "db"));
    }

    #[test]
    fn explicit_value_is_distinguished_from_none() {
        for text in ["", "# null", "\u{feff}--- !!seq &root # ~\n[ ]\n...", "%YAML 1.2\n---\n", " \r\n"] {
            assert!(!has_value(text), "{text:?}");
        }
        for text in ["null", "--- ~", "''", "\t", "# a\n``", "---\nNull # none"] {
            assert!(has_value(text), "{text:?}");
        }
    }
}
