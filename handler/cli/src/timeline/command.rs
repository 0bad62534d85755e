//! The command `timeline`: selects a run in a log, and writes its SVG.

use super::{Run, read};
use crate::arguments;
use crate::failure::Failure;
use crate::{input, print};
use std::path::Path;

/// Draws one run, or lists all runs.
///
/// # Errors
/// Returns an error if the log cannot be read, has no run, or does not have the selected run, or if the SVG cannot be written.
pub(crate) fn run(options: &arguments::Timeline) -> Result<(), Failure> {
    let log = input::display_name(&options.log);
    let runs =
        read(&input::read(&options.log)?).map_err(|error| Failure::chain(format!("cannot read {log}"), &error))?;
    if options.list {
        let rows: Vec<_> = runs.iter().enumerate().map(|(index, run)| format!("{:>3}  {run}\n", index + 1)).collect();
        return print(&rows.concat());
    }
    let number = options.run.unwrap_or(runs.len());
    let Some(run) = number.checked_sub(1).and_then(|index| runs.get(index)) else {
        return Err(Failure::new(format!("{log} has {} runs, but no run {number}: list them with --list", runs.len())));
    };
    if options.output == Path::new("-") {
        return print(&run.svg());
    }
    let output = options.output.display();
    std::fs::write(&options.output, run.svg()).map_err(|error| Failure::file("write", &output, &error))?;
    print(&summary(run, number, runs.len(), &output.to_string()))
}

fn summary(run: &Run, number: usize, count: usize, output: &str) -> String {
    let which = if count == 1 { String::new() } else { format!(" (run {number} of {count})") };
    format!("{run}\nwrote {output}{which}\n")
}
