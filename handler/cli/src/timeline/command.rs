//! The command: which run of which log, and where the picture goes.

use super::{Run, read};
use crate::arguments;
use crate::failure::Failure;
use crate::{input, print};
use std::path::Path;

/// Draws a run, or lists all.
///
/// # Errors
/// A log that cannot be read or has no run, a run that it has not, a picture that cannot be written.
pub(crate) fn run(asked: &arguments::Timeline) -> Result<(), Failure> {
    let log = input::named(&asked.log);
    let runs = read(&input::read(&asked.log)?).map_err(|error| Failure::chain(format!("read {log}"), &error))?;
    if asked.list {
        let rows: Vec<_> = runs.iter().enumerate().map(|(place, run)| format!("{:>3}  {run}\n", place + 1)).collect();
        return print(&rows.concat());
    }
    let number = asked.run.unwrap_or(runs.len());
    let Some(run) = number.checked_sub(1).and_then(|place| runs.get(place)) else {
        return Err(Failure::new(format!("{log} has {} runs, and no run {number}: --list shows them", runs.len())));
    };
    if asked.output == Path::new("-") {
        return print(&run.svg());
    }
    let output = asked.output.display();
    std::fs::write(&asked.output, run.svg()).map_err(|error| Failure::file("write", &output, &error))?;
    print(&told(run, number, runs.len(), &output.to_string()))
}

fn told(run: &Run, number: usize, of: usize, output: &str) -> String {
    let which = if of == 1 { String::new() } else { format!(", run {number} of {of}") };
    format!("{run}\ndrawn into {output}{which}\n")
}
