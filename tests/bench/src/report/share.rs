//! The table of lives at Lambda's share of a processor.

use std::fmt::Write as _;

use super::cell::{digits, megabytes, millis};
use crate::{
    share::{DELAY, Life, MemorySize, SIZES},
    statistics::Spread,
    subject::{Operation, Subject},
};

/// Returns the table, or an empty text when nothing was measured.
pub(super) fn tables(lives: &[Life]) -> String {
    if lives.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "### At Lambda's share of a processor\n\nA function of M MB gets M/1769 of a core. Here a control group gives the same share, in periods of 20 ms, and limits the memory. Each life begins with a new process, which is frozen before each event, as Lambda freezes it. With {} ms added to every call. Medians, and in parentheses the processor time of an operation. *GB-s*: INIT and a Create, in whole milliseconds, times the memory: what Lambda bills for a Create with a cold start. Lambda ends an INIT after 10 s and begins it again. Here it continues.\n\n\
         | MemorySize | | INIT |",
        DELAY.as_millis()
    );
    for operation in Operation::ALL {
        let _ = write!(text, " {} |", operation.name());
    }
    let _ = writeln!(text, " GB-s | Peak memory |\n|---|---|---|{}---|---|", "---|".repeat(Operation::ALL.len()));
    for size in SIZES {
        for subject in Subject::STARTED {
            let row = Row { size, lives: lives.iter().filter(|it| it.size == size && it.subject == subject).collect() };
            if row.lives.is_empty() {
                continue;
            }
            let share = digits(size.share() * 100.0);
            let init = row.init().map_or_else(|| "–".to_owned(), |spread| millis(spread.median));
            let _ = write!(text, "| {} MB, {share} % | {} | {init} |", size.0, subject.name());
            for operation in Operation::ALL {
                let _ = write!(text, " {} |", row.cell(operation));
            }
            let (cost, peak) = (row.cost().map(digits), row.peak().map(megabytes));
            let [cost, peak] = [cost, peak].map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
            let _ = writeln!(text, " {cost} | {peak} |");
        }
    }
    text
}

/// All lives of one subject at one size.
struct Row<'a> {
    size: MemorySize,
    lives: Vec<&'a Life>,
}

impl Row<'_> {
    fn init(&self) -> Option<Spread> {
        Spread::of(self.lives.iter().filter_map(|life| life.init_ms))
    }

    fn of(&self, operation: Operation) -> (Option<Spread>, Option<Spread>) {
        let timed = || self.lives.iter().flat_map(|life| &life.operations).filter(move |it| it.operation == operation);
        (Spread::of(timed().map(|it| it.ms)), Spread::of(timed().map(|it| it.processor_ms)))
    }

    fn cell(&self, operation: Operation) -> String {
        match self.of(operation) {
            (Some(ms), Some(processor)) => format!("**{}** ({})", millis(ms.median), millis(processor.median)),
            _ if self.lives.iter().any(|life| life.out_of_memory) => "out of memory".to_owned(),
            _ => "–".to_owned(),
        }
    }

    /// Returns the GB-seconds of INIT and a Create. Lambda bills whole milliseconds, and INIT too since August 2025.
    fn cost(&self) -> Option<f64> {
        let create = self.of(Operation::Create).0?;
        let seconds = (self.init()?.median.ceil() + create.median.ceil()) / 1e3;
        Some(seconds * f64::from(self.size.0) / 1024.0)
    }

    #[allow(clippy::cast_precision_loss, reason = "bytes of one process")]
    fn peak(&self) -> Option<f64> {
        self.lives.iter().flat_map(|life| &life.operations).map(|it| it.peak).max().map(|peak| peak as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::Timed;

    fn life(subject: Subject, out_of_memory: bool) -> Life {
        let timed = |operation| Timed { operation, ms: 999.5, processor_ms: 30.0, peak: 12_000_000 };
        let operations = if out_of_memory { Vec::new() } else { Operation::ALL.map(timed).to_vec() };
        Life { size: MemorySize(512), subject, init_ms: Some(23.5), operations, out_of_memory }
    }

    #[test]
    fn cost_has_init_and_whole_milliseconds() {
        let text = tables(&[life(Subject::Ours, false)]);
        // (24 + 1000) ms of half a GB.
        assert!(text.contains("| 512 MB, 28.9 % | ours | 23.5 ms | **1000 ms** (30.0 ms) |"), "{text}");
        assert!(text.contains("| 0.51 | 12.0 MB |"), "{text}");
    }

    #[test]
    fn program_without_enough_memory_is_said() {
        let text = tables(&[life(Subject::Python, true)]);
        assert!(text.contains("| Python function | 23.5 ms | out of memory | out of memory |"), "{text}");
    }
}
