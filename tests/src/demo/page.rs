//! What the demo writes, and how: headings, lines, tables, colours on a terminal, and the claims that it checks.

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use local_cloud::Error;

use super::Failure;

/// How wide lines may be that can be broken.
pub(crate) const WIDTH: usize = 110;

/// The page that the demo is written on.
pub(crate) struct Page {
    out: Box<dyn Write + Send>,
    colour: bool,
    claims: usize,
    headings: usize,
}

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Bold,
    Dim,
    Green,
    Red,
}

impl Page {
    /// Stdout. It has colours if it is a terminal and `NO_COLOR` is not set, or if `CLICOLOR_FORCE` is.
    pub(crate) fn stdout() -> Self {
        Self { out: Box::new(io::stdout()), colour: colour(), claims: 0, headings: 0 }
    }

    /// How many claims were checked.
    pub(crate) fn claims(&self) -> usize {
        self.claims
    }

    /// Begins a numbered part.
    pub(crate) fn heading(&mut self, text: &str) -> Result<(), Failure> {
        self.headings += 1;
        let title = format!("{}  {text}", self.headings);
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 1));
        let (title, rule) = (self.paint(Style::Bold, &title), self.paint(Style::Dim, &rule));
        self.write(format_args!("\n{title} {rule}\n"))
    }

    /// One line.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        self.write(format_args!("  {text}\n"))
    }

    /// One line that matters less.
    pub(crate) fn note(&mut self, text: impl Display) -> Result<(), Failure> {
        let text = self.paint(Style::Dim, &text.to_string());
        self.line(text)
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> Result<(), Failure> {
        self.write(format_args!("\n"))
    }

    /// Columns as wide as their widest cell; with more than one row, the first is the heads of the columns.
    pub(crate) fn table<const N: usize>(&mut self, rows: &[[String; N]]) -> Result<(), Failure> {
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        for (index, row) in rows.iter().enumerate() {
            let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
            let line = cells.collect::<Vec<_>>().join("  ");
            if index == 0 { self.note(line.trim_end())? } else { self.line(line.trim_end())? }
        }
        Ok(())
    }

    /// Does work that takes a moment: says so first, and how long it took afterwards.
    pub(crate) async fn step<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        self.write(format_args!("  {what} …"))?;
        let begun = Instant::now();
        let result = work.await;
        let took = if result.is_ok() { seconds(begun.elapsed()) } else { "failed".to_owned() };
        let took = self.paint(Style::Dim, &took);
        self.write(format_args!(" {took}\n"))?;
        Ok(result?)
    }

    /// Says what is so.
    ///
    /// # Errors
    /// [`Failure::NotSo`] with what is found instead, if it is not.
    pub(crate) fn claim(
        &mut self,
        holds: bool,
        text: impl Display,
        otherwise: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if !holds {
            return Err(Failure::NotSo { claim: text.to_string(), found: otherwise() });
        }
        self.claims += 1;
        let tick = self.paint(Style::Green, "✓");
        self.line(format_args!("{tick} {text}"))
    }

    /// Lines of a difference: taken away, added, or (with a blank) as before.
    pub(crate) fn diff<'a>(&mut self, lines: impl IntoIterator<Item = (char, &'a str)>) -> Result<(), Failure> {
        for (sign, line) in lines {
            let line = format!("  {sign} {line}");
            match sign {
                '+' => self.styled(Style::Green, &line)?,
                '-' => self.styled(Style::Red, &line)?,
                _ => self.line(line)?,
            }
        }
        Ok(())
    }

    /// The text as it looks on a terminal; as it is anywhere else.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Red => 31,
            Style::Green => 32,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Writes something that is no line of its own.
    pub(crate) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        self.write(format_args!("{text}"))
    }

    fn styled(&mut self, style: Style, text: &str) -> Result<(), Failure> {
        let text = self.paint(style, text);
        self.line(text)
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), Failure> {
        self.out.write_fmt(text).and_then(|()| self.out.flush()).map_err(Failure::Output)
    }
}

/// Whether stdout gets colours.
pub(crate) fn colour() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || io::stdout().is_terminal())
}

/// A time as people read it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Words in lines that are no wider than `width`, with `glue` between those of a line.
pub(crate) fn wrapped<'a>(words: impl IntoIterator<Item = &'a str>, glue: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + glue.len() + word.chars().count() <= width => {
                line.push_str(glue);
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text with its middle left out where it is wider than `width`.
pub(crate) fn elided(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let head = width.saturating_sub(1) / 2;
    let tail = width.saturating_sub(1 + head);
    text.chars().take(head).chain(['…']).chain(text.chars().skip(count - tail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_broken_into_lines_that_fit() {
        assert_eq!(wrapped(["aa", "bb", "cc"], " ", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped(["longer", "b"], "", 3), ["longer", "b"]);
        assert!(wrapped([], " ", 3).is_empty());
    }

    #[test]
    fn a_long_text_keeps_its_ends() {
        assert_eq!(elided("abcdef", 6), "abcdef");
        assert_eq!(elided("abcdefg", 6), "ab…efg");
    }
}
