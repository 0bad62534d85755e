//! Writes XML. All text is escaped, because a log can contain anything.

use std::fmt::{self, Display, Write as _};

/// The attributes of an element. Values are escaped.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a dyn Display)];

/// A document, or a part of one.
#[derive(Default)]
pub(super) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

impl Xml {
    /// Opens an element.
    pub(super) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, ">\n");
        self.open.push(name);
    }

    /// Closes the element that was opened last. Does nothing if none is open.
    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.write(format_args!("</{name}>\n"));
        }
    }

    /// Adds an element without content.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, "/>\n");
    }

    /// Adds an element that contains only text.
    pub(super) fn text(&mut self, name: &'static str, attributes: Attributes<'_>, content: &str) {
        self.tag(name, attributes, ">");
        self.write(format_args!("{}</{name}>\n", Escaped(content)));
    }

    /// Adds another part. Its open elements are closed.
    pub(super) fn append(&mut self, part: Self) {
        self.text.push_str(&part.finish());
    }

    /// Closes all open elements, and returns the text.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    /// Returns text as it is written in a document.
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
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(arguments);
    }
}

/// Text, escaped for an element and for an attribute in double quotes.
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
                // XML 1.0 does not allow these characters, not even escaped.
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => f.write_char(char::REPLACEMENT_CHARACTER)?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A coordinate in pixels. It is printed with at most two decimals, so that the file is small and equal on all machines.
#[derive(Clone, Copy)]
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if text == "-0" { "0" } else { text })
    }
}
