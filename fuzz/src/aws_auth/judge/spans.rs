//! What of a text is another's, byte for byte.

/// Whether one insertion made `after` of `before`: every other byte stands as it stood.
pub(super) fn is_one_insertion(before: &str, after: &str) -> bool {
    cuts(after, before).next().is_some()
}

/// What may have been cut out of `text` where one cut made `rest` of it: where a text repeats itself, the cut may have
/// been made at several places.
pub(super) fn cuts<'a>(text: &'a str, rest: &str) -> impl Iterator<Item = &'a str> {
    let bytes = text.as_bytes();
    let length = text.len().saturating_sub(rest.len());
    let start = text.bytes().zip(rest.bytes()).take_while(|(a, b)| a == b).count();
    let is_cut = length > 0 && bytes.get(start + length..) == rest.as_bytes().get(start..);
    let further_left = (0..start).rev().take_while(move |left| bytes[*left] == bytes[left + length]);
    let starts = [start].into_iter().chain(further_left).take_while(move |_| is_cut);
    // No cut stands inside a character.
    starts.filter_map(move |start| text.get(start..start + length))
}

/// Whether `rest` is `text` with some bytes taken out.
pub(super) fn is_left_of(text: &str, rest: &str) -> bool {
    let mut bytes = text.bytes();
    rest.bytes().all(|byte| bytes.any(|other| other == byte))
}

/// Whether `text`, which holds no entry, writes an empty value out, which an entry takes the place of: has anything
/// but blanks, comments, markers, directives, tags, anchors and `[]`.
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
    fn one_cut_is_told_from_two() {
        let all = |text, rest| cuts(text, rest).collect::<Vec<_>>();
        assert_eq!(all("- a\n- b\n", "- a\n"), ["- b\n", "\n- b"]);
        assert_eq!(all("äöü", "äü"), ["ö"]);
        assert!(all("abcd", "bd").is_empty() && all("a", "a").is_empty() && all("a", "ab").is_empty());
        assert!(is_left_of("abcd", "bd") && !is_left_of("abcd", "db"));
    }

    #[test]
    fn a_written_value_is_told_from_none() {
        for text in ["", "# null", "\u{feff}--- !!seq &root # ~\n[ ]\n...", "%YAML 1.2\n---\n", " \r\n"] {
            assert!(!has_value(text), "{text:?}");
        }
        for text in ["null", "--- ~", "''", "\t", "# a\n``", "---\nNull # none"] {
            assert!(has_value(text), "{text:?}");
        }
    }
}
