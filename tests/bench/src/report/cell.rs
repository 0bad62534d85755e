//! Formats figures for the cells of a table.

use crate::statistics::Spread;

/// Formats milliseconds with three digits: `12.3 ms`, `1.23 s`.
pub(super) fn millis(ms: f64) -> String {
    if 1000.0 <= ms { format!("{} s", digits(ms / 1e3)) } else { format!("{} ms", digits(ms)) }
}

/// Formats a spread of times: the median, and minimum and maximum in parentheses.
pub(super) fn spread(spread: &Spread) -> String {
    format!("**{}** ({} to {})", millis(spread.median), millis(spread.min), millis(spread.max))
}

/// Formats a size in bytes: `9.4 MB`.
pub(super) fn megabytes(bytes: f64) -> String {
    format!("{} MB", digits(bytes / 1e6))
}

/// Formats a ratio: `1.2×`; `–` when `to` is 0.
pub(super) fn ratio(of: f64, to: f64) -> String {
    if 0.0 < to { format!("{}×", digits(of / to)) } else { "–".to_owned() }
}

/// Formats a number with about three digits, and at most two decimals.
pub(super) fn digits(value: f64) -> String {
    match value.abs() {
        size if 100.0 <= size => format!("{value:.0}"),
        size if 10.0 <= size => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Formats a count, with commas between thousands.
pub(super) fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if 0 < index && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_about_three_digits() {
        assert_eq!(millis(4.567), "4.57 ms");
        assert_eq!(millis(45.67), "45.7 ms");
        assert_eq!(millis(456.7), "457 ms");
        assert_eq!(millis(4567.0), "4.57 s");
        assert_eq!(megabytes(9_437_184.0), "9.44 MB");
        assert_eq!(ratio(3.0, 2.0), "1.50×");
        assert_eq!(ratio(3.0, 0.0), "–");
        assert_eq!((count(5), count(1000), count(1_234_567)), ("5".into(), "1,000".into(), "1,234,567".into()));
    }
}
