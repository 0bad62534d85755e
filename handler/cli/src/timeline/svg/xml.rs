//! Writes XML so that no text can break out of it.

use std::fmt::{self, Display, Write as _};

/// An element's attributes; values are escaped.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a dyn Display)];

/// A document, or a part of one, that is being written.
#[derive(Default)]
pub(super) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

impl Xml {
    /// Begins an element with children.
    pub(super) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, ">\n");
        self.open.push(name);
    }

    /// Ends the element that was begun last.
    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.write(format_args!("</{name}>\n"));
        }
    }

    /// An element without content.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, "/>\n");
    }

    /// An element with nothing but text in it.
    pub(super) fn text(&mut self, name: &'static str, attributes: Attributes<'_>, content: &str) {
        self.tag(name, attributes, ">");
        self.write(format_args!("{}</{name}>\n", Escaped(content)));
    }

    /// A part that was written elsewhere.
    pub(super) fn append(&mut self, part: Self) {
        self.text.push_str(&part.finish());
    }

    /// The text, with every element closed.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    /// Text as it stands in a document.
    #[cfg(test)]
    pub(super) fn escaped(text: &str) -> String {
        Escaped(text).to_string()
    }

    fn tag(&mut self, name: &str, attributes: Attributes<'_>, end: &str) {
        self.write(format_args!("<{name}"));
        for (name, value) in attributes {
            self.write(format_args!(" {name}=\"{}\"", Escaped(&value.to_string())));
        }
        self.text.push_str(end);
    }

    fn write(&mut self, arguments: fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.text.write_fmt(arguments);
    }
}

/// Text as XML has it, in an element or between double quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\n' | '\t' => f.write_char(c)?,
                // XML 1.0 cannot hold them, not even escaped.
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => f.write_char(char::REPLACEMENT_CHARACTER)?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A coordinate: two decimals at most, so that the file stays small and the same everywhere.
#[derive(Clone, Copy)]
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if text == "-0" { "0" } else { text })
    }
}
