//! The report for people: tables and a chart.

mod cell;
mod chart;
mod crowd;
mod growth;
mod operations;
pub(crate) mod page;
mod start;

use std::fmt::Write as _;

pub(crate) use self::chart::chart;
use crate::results::{Machine, Results};

/// Returns all tables of the results, in Markdown.
pub(crate) fn tables(results: &Results) -> String {
    let Machine { processor, cores, memory_gib } = &results.machine;
    let mut text = format!("Measured on {}: {processor}, {cores} cores, {memory_gib} GiB.\n", results.date);
    let parts = [
        start::table(&results.start),
        operations::tables(&results.operations),
        results.growth.as_ref().map(growth::tables).unwrap_or_default(),
        crowd::table(&results.crowd),
    ];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let _ = write!(text, "\n{part}");
    }
    let took: Vec<_> = results.took.iter().map(|(part, seconds)| format!("{part} {:.1} min", seconds / 60.0)).collect();
    let _ = writeln!(text, "\nTime taken: {}.", took.join(", "));
    text
}
