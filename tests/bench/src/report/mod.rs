//! The report for people: tables and a chart.

mod cell;
mod chart;
mod crowd;
mod growth;
mod instructions;
mod operations;
pub(crate) mod page;
mod share;
mod start;

use std::fmt::Write as _;

pub(crate) use self::chart::chart;
use crate::results::{Machine, Results};

/// Returns all tables of the results, in Markdown.
pub(crate) fn tables(results: &Results) -> String {
    let Machine { processor, cores, memory_gib } = &results.machine;
    let mut text = format!("Measured on {}: {processor}, {cores} cores, {memory_gib} GiB.", results.date);
    if let Some(baseline) = &results.baseline {
        let _ = write!(text, " *Baseline*: the function of commit {baseline}, built as that commit defines.");
    }
    text.push('\n');
    for (part, reason) in &results.skipped {
        let _ = writeln!(text, "\n**Not measured: {part}.** {reason}");
    }
    let parts = [
        start::table(&results.start),
        share::tables(&results.share),
        instructions::table(&results.instructions),
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
