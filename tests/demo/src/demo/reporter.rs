//! Prints the demo: headings, lines, tables, colours on a terminal, and the results of checks.

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use local_cloud::Error;

use super::Failure;

/// The maximum width of lines that can be broken.
pub(crate) const WIDTH: usize = 110;

/// Writes the output, and counts headings and checks.
pub(crate) struct Reporter {
    out: Box<dyn Write + Send>,
    colour: bool,
    checks: usize,
    headings: usize,
}

/// A text style on a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Bold,
    Dim,
    Green,
    Red,
}

impl Reporter {
    /// Writes to stdout. It uses colours if stdout is a terminal and `NO_COLOR` is not set, or if `CLICOLOR_FORCE` is set.
    pub(crate) fn stdout() -> Self {
        Self { out: Box::new(io::stdout()), colour: colour(), checks: 0, headings: 0 }
    }

    /// The number of checks that passed.
    pub(crate) fn checks(&self) -> usize {
        self.checks
    }

    /// Begins a numbered section.
    pub(crate) fn heading(&mut self, text: &str) -> Result<(), Failure> {
        self.headings += 1;
        let title = format!("{}  {text}", self.headings);
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 1));
        let (title, rule) = (self.paint(Style::Bold, &title), self.paint(Style::Dim, &rule));
        self.write(format_args!("\n{title} {rule}\n"))
    }

    /// Prints a line.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        self.write(format_args!("  {text}\n"))
    }

    /// Prints a dimmed line.
    pub(crate) fn dim_line(&mut self, text: impl Display) -> Result<(), Failure> {
        let text = self.paint(Style::Dim, &text.to_string());
        self.line(text)
    }

    /// Prints an empty line.
    pub(crate) fn blank_line(&mut self) -> Result<(), Failure> {
        self.write(format_args!("\n"))
    }

    /// Prints a table. The first row is the header.
    pub(crate) fn table<const N: usize>(&mut self, rows: &[[String; N]]) -> Result<(), Failure> {
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        for (index, row) in rows.iter().enumerate() {
            let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
            let line = cells.collect::<Vec<_>>().join("  ");
            if index == 0 { self.dim_line(line.trim_end())? } else { self.line(line.trim_end())? }
        }
        Ok(())
    }

    /// Prints what is done, does it, and prints how long it took.
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

    /// Prints an expectation that is met.
    ///
    /// # Errors
    /// [`Failure::CheckFailed`] with the actual state, if it is not met.
    pub(crate) fn check(
        &mut self,
        holds: bool,
        text: impl Display,
        otherwise: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if !holds {
            return Err(Failure::CheckFailed { check: text.to_string(), found: otherwise() });
        }
        self.checks += 1;
        let tick = self.paint(Style::Green, "✓");
        self.line(format_args!("{tick} {text}"))
    }

    /// Prints the lines of a difference: removed (`-`), added (`+`), or unchanged (a space).
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

    /// Returns the text with a style on a terminal, or unchanged elsewhere.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Red => 31,
            Style::Green => 32,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Writes a text without a newline.
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

/// Returns whether stdout gets colours.
pub(crate) fn colour() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || io::stdout().is_terminal())
}

/// Formats a duration for people.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Breaks words into lines of at most `width` characters, with `glue` between the words of a line.
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

/// Replaces the middle of a text that is wider than `width` with `…`.
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
    fn wrapped_lines_fit_the_width() {
        assert_eq!(wrapped(["aa", "bb", "cc"], " ", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped(["longer", "b"], "", 3), ["longer", "b"]);
        assert!(wrapped([], " ", 3).is_empty());
    }

    #[test]
    fn elided_text_keeps_its_ends() {
        assert_eq!(elided("abcdef", 6), "abcdef");
        assert_eq!(elided("abcdefg", 6), "ab…efg");
    }
}
