//! The tables of growth.

use std::fmt::Write as _;

use super::cell::{count, digits, megabytes, millis, ratio, spread};
use crate::{
    growth::{Axis, Edited, Growth, Point, SIZES},
    statistics::{as_f64, exponent},
};

/// Returns the tables.
pub(super) fn tables(growth: &Growth) -> String {
    let mut text = "### Growth\n\nA Create, by the size of its input. *Processor time*: of the function's process. *Between calls*: the time without a call under way. Most of the total time is the local cloud's. *Exponent*: of the size, in the cost beyond the first line, by least squares of the logarithms. 1 is linear.\n".to_owned();
    for (axis, _) in SIZES {
        let points: Vec<_> = growth.points.iter().filter(|point| point.axis == axis).collect();
        let Some(first) = points.first() else { continue };
        let _ = write!(
            text,
            "\n| {} | Processor time | Between calls | Total | Peak memory | Calls | Further pages | Resources per CreateTags |\n|---|---|---|---|---|---|---|---|\n",
            name(axis)
        );
        for Point { size, processor_ms, between_ms, wall_ms, peak, calls, batches, pages, .. } in points.iter().copied()
        {
            let batches: Vec<_> = batches.iter().map(|size| count(*size)).collect();
            #[allow(clippy::cast_precision_loss, reason = "bytes of one process")]
            let peak = megabytes(*peak as f64);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {peak} | {} | {pages} | {} |",
                count(*size),
                spread(processor_ms),
                millis(between_ms.median),
                millis(wall_ms.median),
                calls.values().sum::<usize>(),
                batches.join(" + ")
            );
        }
        let beyond = points
            .iter()
            .skip(1)
            .map(|point| (as_f64(point.size), point.processor_ms.median - first.processor_ms.median));
        if let Some(exponent) = exponent(&beyond.collect::<Vec<_>>()) {
            let _ = writeln!(text, "\nExponent of the processor time: {}.", digits(exponent));
        }
        if let Some(last) = points.last() {
            let most: Vec<_> = last
                .calls
                .iter()
                .filter(|(_, times)| 1 < **times)
                .map(|(call, times)| format!("{call} {times}"))
                .collect();
            let _ = writeln!(text, "\nCalls more than once at {}: {}.", count(last.size), most.join(", "));
        }
    }
    text + &edits(&growth.edits)
}

fn edits(edits: &[Edited]) -> String {
    let mut text = "\nThe edit of aws-auth alone, in the release profile:\n\n| Entries | Bytes | Add the entry | Remove it | Baseline adds | Baseline removes | Faster by |\n|---|---|---|---|---|---|---|\n".to_owned();
    for Edited { entries, bytes, add_ms, remove_ms, baseline_ms, .. } in edits {
        let baseline = baseline_ms.as_ref().map_or_else(
            || "– | – | –".to_owned(),
            |(add, remove)| {
                let faster = [ratio(add.median, add_ms.median), ratio(remove.median, remove_ms.median)].join(" and ");
                format!("{} | {} | {faster}", spread(add), spread(remove))
            },
        );
        let (entries, bytes) = (count(*entries), count(*bytes));
        let _ = writeln!(text, "| {entries} | {bytes} | {} | {} | {baseline} |", spread(add_ms), spread(remove_ms));
    }
    let points: Vec<_> = edits.iter().map(|edit| (as_f64(edit.entries), edit.add_ms.median)).collect();
    if let Some(exponent) = exponent(&points) {
        let _ = writeln!(text, "\nExponent of the addition: {}.", digits(exponent));
    }
    if let Some(last) = edits.last().filter(|last| !last.passes_ms.is_empty()) {
        let _ = writeln!(
            text,
            "\nThe passes of an addition to {} entries, each over the whole text:\n\n| Pass | Time |\n|---|---|",
            count(last.entries)
        );
        for (name, pass) in PASSES {
            let found = last.passes_ms.get(name).map_or_else(|| "–".to_owned(), spread);
            let _ = writeln!(text, "| {pass} | {found} |");
        }
    }
    text
}

/// The passes by their names in `handler/aws-auth`, in order, and what each does.
const PASSES: [(&str, &str); 7] = [
    ("ReadOld", "The authenticator's parser reads the old text"),
    ("Decode", "Each entry is compared with the function's"),
    ("GuardOld", "The guard's parser reads the old text"),
    ("Edit", "The place of the new entry is found, and the new text is made"),
    ("ReadNew", "The authenticator's parser reads the new text, and the lists are compared"),
    ("GuardNew", "The guard's parser reads the new text, and the lists are compared"),
    ("Undo", "The entry is removed from the new text, and the result is compared with the old text"),
];

const fn name(axis: Axis) -> &'static str {
    match axis {
        Axis::Resources => "Subnets, and as many security groups",
        Axis::Entries => "Entries in aws-auth",
        Axis::NodeGroups => "Node groups",
    }
}
