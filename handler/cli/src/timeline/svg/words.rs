//! Text that must fit: how wide it is, how it is cut and wrapped, and how times are said.

use std::time::Duration;

/// The font size of most text.
pub(super) const SMALL: f64 = 11.0;

/// How much wider the same text is in a semibold weight.
pub(super) const BOLD: f64 = 1.12;

/// About how wide `text` is in a system's sans-serif at `size`: the font of who looks at it is not known, so that
/// this goes by a wide one.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' | ' ' | '·' | 'I' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.97,
        '+' | '=' | '<' | '>' | '~' | '#' | '&' => 0.84,
        'A'..='Z' => 0.72,
        // What XML cannot hold is replaced by a wide one.
        '\0'..='\x1f' => 1.1,
        _ if c < '\u{1100}' || ('\u{2000}'..'\u{2100}').contains(&c) => 0.62,
        _ => 1.1,
    }
}

/// `text`, or as much of it as fits, with an ellipsis.
pub(super) fn cut(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - width("…", size);
    let fits = |c: &char| {
        left -= em(*c) * size;
        left >= 0.0
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

/// `text` in lines no wider than `room`; where it would be more than `most`, the last one ends in an ellipsis. A word
/// that is wider than a line is broken.
pub(super) fn wrap(text: &str, size: f64, room: f64, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut line = lines.pop().unwrap_or_default();
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&joined, size) <= room {
            lines.push(joined);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            if !line.is_empty() && width(&line, size) + em(c) * size > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
        lines.push(line);
        if most < lines.len() {
            break;
        }
    }
    if most < lines.len() {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            while room < width(last, size) + width(" …", size) && last.pop().is_some() {}
            last.push_str(" …");
        }
    }
    lines
}

/// A length of time, in three digits or so: `3.1 ms`, `640 ms`, `12.3 s`, `3 min 20 s`.
pub(in super::super) fn length(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 0.00995 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 0.9995 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 99.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = time.as_secs() + u64::from(500 <= time.subsec_millis());
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

/// Milliseconds to the tenth, for columns of numbers.
pub(super) fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// `3 calls`, `1 call`.
pub(super) fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    let number = number.into();
    format!("{number} {}", if number == 1 { one } else { many })
}
