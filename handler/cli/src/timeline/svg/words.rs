//! Text: estimated width, cut and wrapped lines, and times as text.

use std::time::Duration;

/// The font size of most text, in pixels.
pub(super) const SMALL: f64 = 11.0;

/// The width of semibold text, relative to normal text.
pub(super) const BOLD: f64 = 1.12;

/// Estimates the width of `text` in pixels, in a sans-serif font of the system. The estimate is for a wide font, because the font
/// of the viewer is not known.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// Estimates the width of a character, relative to the font size.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' | ' ' | '·' | 'I' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.97,
        '+' | '=' | '<' | '>' | '~' | '#' | '&' => 0.84,
        'A'..='Z' => 0.72,
        // XML does not allow these. They are printed as a wide replacement character.
        '\0'..='\x1f' => 1.1,
        _ if c < '\u{1100}' || ('\u{2000}'..'\u{2100}').contains(&c) => 0.62,
        _ => 1.1,
    }
}

/// Returns `text`, or as much of it as fits into `room` pixels with an ellipsis.
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

/// Divides `text` into at most `most` lines of at most `room` pixels. If it does not fit, the last line ends with an ellipsis. A
/// word that is wider than a line is broken.
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

/// Returns a duration with about three digits: `3.1 ms`, `640 ms`, `12.3 s`, `3 min 20 s`.
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

/// Returns milliseconds with one decimal and without the unit, for columns of numbers.
pub(super) fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// Returns a number with the matching noun: `1 call`, `3 calls`.
pub(super) fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    let number = number.into();
    format!("{number} {}", if number == 1 { one } else { many })
}
