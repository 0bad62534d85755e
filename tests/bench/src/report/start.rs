//! The table of cold starts, memory and size.

use std::fmt::Write as _;

use super::cell::{megabytes, ratio, spread};
use crate::{start::Started, subject::Subject};

/// Returns the table, or an empty text when nothing was measured.
pub(super) fn table(started: &[Started]) -> String {
    let Some(runs) = started.first().map(|started| started.cold_ms.runs) else { return String::new() };
    let mut text = format!(
        "### Start\n\nTime from the start of the process to its first poll of the Runtime API, {runs} runs each, alternating: median (minimum to maximum).\n\n\
         | | Cold start | Idle memory | Peak, after a Create | Unpacked | Zipped |\n|---|---|---|---|---|---|\n"
    );
    for Started { subject, cold_ms, idle, peak, unpacked, zipped } in started {
        let peak = peak.map_or_else(|| "–".to_owned(), |bytes| megabytes(as_f64(bytes)));
        let idle = megabytes(idle.median);
        let (unpacked, zipped) = (megabytes(as_f64(*unpacked)), megabytes(as_f64(*zipped)));
        let name = subject.name();
        let _ = writeln!(text, "| {name} | {} | {idle} | {peak} | {unpacked} | {zipped} |", spread(cold_ms));
    }
    let median = |subject| started.iter().find(|it| it.subject == subject).map(|it| it.cold_ms.median);
    if let [Some(ours), Some(hello), Some(python)] = [Subject::Ours, Subject::Hello, Subject::Python].map(median) {
        let (to_hello, to_python) = (ratio(ours, hello), ratio(python, ours));
        let _ = writeln!(
            text,
            "\nOurs takes {to_hello} of the time of hello-world (budget: 1.3×), and the Python function {to_python} of the time of ours (budget: 50×). The zip file of the Python function does not contain boto3 and the runtime client, which Lambda's Python runtime has."
        );
    }
    text
}

#[allow(clippy::cast_precision_loss, reason = "bytes of a file or a process")]
const fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}
