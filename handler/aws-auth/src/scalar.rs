//! What a scalar means to the authenticator: the types of YAML 1.1, by the rules of `resolve.go` of `go.yaml.in/yaml/v2` 2.4.4.

const PREFIX: &str = "tag:yaml.org,2002:";

/// The value of a scalar.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer above the largest signed one.
    Unsigned,
    /// A number with a fraction or an exponent, as it is written.
    Float(String),
    /// Infinity, or no number, as it is written.
    NotFinite(String),
    Text(String),
}

impl Resolved {
    /// Returns the short name of the value's own tag.
    const fn tag(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Unsigned => "int",
            Self::Float(_) | Self::NotFinite(_) => "float",
            Self::Text(_) => "str",
        }
    }
}

/// Returns the value of a scalar with this tag. `is_plain`: it has no quotes, and does not follow `|` or `>`.
///
/// # Errors
/// The value does not fit the tag, or the tag is one whose values are not checked here (`!!binary`, `!!timestamp`). The message
/// says which.
pub(super) fn resolve(tag: Option<&str>, is_plain: bool, text: &str) -> Result<Resolved, String> {
    let as_text = || Ok(Resolved::Text(text.to_owned()));
    let wanted = match tag {
        None if !is_plain => return as_text(),
        None => return Ok(by_value(text)),
        Some(tag) => match tag.strip_prefix(PREFIX) {
            Some(name @ ("bool" | "int" | "float" | "null")) => name,
            Some(name @ ("binary" | "timestamp")) => {
                return Err(format!("the tag !!{name} is not supported in mapRoles"));
            }
            _ => return as_text(),
        },
    };
    match (wanted, by_value(text)) {
        ("float", Resolved::Int(_)) => Ok(Resolved::Float(text.to_owned())),
        (wanted, value) if value.tag() == wanted => Ok(value),
        (wanted, value) => Err(format!("cannot decode !!{} `{text}` as a !!{wanted}", value.tag())),
    }
}

/// Returns the value of a scalar without a tag.
fn by_value(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Resolved::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Resolved::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => return Resolved::NotFinite(text.to_owned()),
        _ => {}
    }
    let number = match text.as_bytes()[0] {
        b'.' if is_float(text) => Some(Resolved::Float(text.to_owned())),
        b'0'..=b'9' | b'+' | b'-' => number(&text.replace('_', "")),
        _ => None,
    };
    number.unwrap_or_else(|| Resolved::Text(text.to_owned()))
}

/// Returns the number that `text` is, if it is one. Its underscores are removed already.
fn number(text: &str) -> Option<Resolved> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (&text[..1], digits),
        None => ("", text),
    };
    let (radix, digits) = radix(digits);
    // `from_str_radix` accepts a sign, which cannot follow a sign or a prefix.
    if !digits.starts_with(['+', '-']) {
        if let Ok(value) = i64::from_str_radix(&format!("{sign}{digits}"), radix) {
            return Some(Resolved::Int(value));
        }
        if sign.is_empty() && u64::from_str_radix(digits, radix).is_ok() {
            return Some(Resolved::Unsigned);
        }
    }
    is_float(text).then(|| Resolved::Float(text.to_owned()))
}

/// Returns the radix of an integer, and its digits: `0x`, `0o`, `0b`, or `0` for octal.
fn radix(text: &str) -> (u32, &str) {
    let Some(rest) = text.strip_prefix('0').filter(|rest| !rest.is_empty()) else {
        return (10, text);
    };
    if rest.len() >= 2 {
        for (prefix, radix) in [(['x', 'X'], 16), (['o', 'O'], 8), (['b', 'B'], 2)] {
            if let Some(digits) = rest.strip_prefix(prefix) {
                return (radix, digits);
            }
        }
    }
    (8, rest)
}

/// Returns whether `text` is a decimal number that is not too large: an optional sign, digits with an optional point, and an
/// optional exponent.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let are_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    are_digits(whole)
        && are_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && are_digits(exponent))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_have_the_types_of_yaml_1_1() {
        let plain = |text| resolve(None, true, text).unwrap();
        for text in ["", "~", "null"] {
            assert_eq!(plain(text), Resolved::Null, "{text}");
        }
        for (text, value) in
            [("0", 0), ("-1", -1), ("+0x1F", 31), ("017", 15), ("0o17", 15), ("1_000", 1000), ("0b11", 3)]
        {
            assert_eq!(plain(text), Resolved::Int(value), "{text}");
        }
        assert_eq!(plain("18446744073709551615"), Resolved::Unsigned);
        for text in ["1.5", ".5", "1e3", "08", "-1.", "99999999999999999999"] {
            assert!(matches!(plain(text), Resolved::Float(_)), "{text}");
        }
        for text in [".nan", "-.inf"] {
            assert!(matches!(plain(text), Resolved::NotFinite(_)), "{text}");
        }
        for text in ["arn:aws", "1e999", "0x", ".", "-", "+-1", "0x-1", "2001-01-01", "yEs", "<<", "1:20"] {
            assert_eq!(plain(text), Resolved::Text(text.to_owned()));
        }
        assert_eq!(resolve(None, false, "5"), Ok(Resolved::Text("5".to_owned())));
    }

    #[test]
    fn tag_must_fit_its_value() {
        let tagged = |tag: &str, text| resolve(Some(tag), true, text);
        assert_eq!(tagged("!", "5"), Ok(Resolved::Text("5".to_owned())));
        assert_eq!(tagged("!Sub", "5"), Ok(Resolved::Text("5".to_owned())));
        assert_eq!(tagged("tag:yaml.org,2002:str", "5"), Ok(Resolved::Text("5".to_owned())));
        assert!(matches!(tagged("tag:yaml.org,2002:float", "5"), Ok(Resolved::Float(_))));
        assert_eq!(tagged("tag:yaml.org,2002:null", ""), Ok(Resolved::Null));
        for (tag, text) in [("int", "a"), ("bool", "1"), ("null", "a"), ("int", "1.5"), ("binary", "YQ==")] {
            assert!(tagged(&format!("tag:yaml.org,2002:{tag}"), text).is_err(), "{tag} {text}");
        }
    }
}
