//! The table of the lifecycle at Lambda's share of a processor.

use std::fmt::Write as _;

use super::cell::{digits, millis};
use crate::{
    share::{DELAY, Lifecycle, MemorySize, SIZES},
    statistics::Spread,
    subject::{Operation, Subject},
};

/// Returns the table, or an empty text when nothing was measured.
pub(super) fn tables(measured: &[Lifecycle]) -> String {
    let Some(first) = measured.first() else { return String::new() };
    let runs = measured.iter().filter(|it| it.size == first.size && it.subject == first.subject).count();
    let mut text = format!(
        "### At Lambda's share of a processor\n\nA function of M MB gets M/1769 of a core. Here a control group gives the same share, in periods of 20 ms, and limits the memory. INIT has the share too. {runs} runs each, with {} ms added to every call. The Create follows its cold start at once, and the program is frozen before each of the other events. Times: median, and in parentheses the processor time. *GB-s*: INIT and the Create, in whole milliseconds, multiplied by the memory. This is what Lambda bills for a Create with a cold start. *Peak memory*: in the MB of MemorySize, which are 2^20 bytes. Lambda ends an INIT after 10 s and begins it again. Here it continues.\n\n\
         | MemorySize | | INIT |",
        DELAY.as_millis()
    );
    for operation in Operation::ALL {
        let _ = write!(text, " {} |", operation.name());
    }
    let _ = writeln!(text, " GB-s | Peak memory |\n|---|---|---|{}---|---|", "---|".repeat(Operation::ALL.len()));
    for size in SIZES {
        for subject in Subject::STARTED {
            let of_row = measured.iter().filter(|it| it.size == size && it.subject == subject);
            let row = Row { size, lifecycles: of_row.collect() };
            if row.lifecycles.is_empty() {
                continue;
            }
            let share = digits(size.share() * 100.0);
            let init = row.init().map_or_else(|| "–".to_owned(), |spread| millis(spread.median));
            let _ = write!(text, "| {} MB, {share} % | {} | {init} |", size.0, subject.name());
            for operation in Operation::ALL {
                let _ = write!(text, " {} |", row.cell(operation));
            }
            let cost = row.cost().map(|gb_seconds| format!("{gb_seconds:.3}"));
            let peak = row.peak().map(|bytes| format!("{} MB", digits(bytes / f64::from(1 << 20))));
            let [cost, peak] = [cost, peak].map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
            let _ = writeln!(text, " {cost} | {peak} |");
        }
    }
    text
}

/// All lifecycles of one subject at one size.
struct Row<'a> {
    size: MemorySize,
    lifecycles: Vec<&'a Lifecycle>,
}

impl Row<'_> {
    fn init(&self) -> Option<Spread> {
        Spread::of(self.lifecycles.iter().filter_map(|lifecycle| lifecycle.init_ms))
    }

    /// Returns the times and the processor times of an operation, if all lifecycles have it.
    fn of(&self, operation: Operation) -> Option<(Spread, Spread)> {
        let all = self.lifecycles.iter().flat_map(|lifecycle| &lifecycle.operations);
        let timed: Vec<_> = all.filter(|it| it.operation == operation).collect();
        if timed.len() < self.lifecycles.len() {
            return None;
        }
        Some((Spread::of(timed.iter().map(|it| it.ms))?, Spread::of(timed.iter().map(|it| it.processor_ms))?))
    }

    fn cell(&self, operation: Operation) -> String {
        let killed = self.lifecycles.iter().filter(|lifecycle| lifecycle.out_of_memory).count();
        match self.of(operation) {
            Some((ms, processor)) => format!("**{}** ({})", millis(ms.median), millis(processor.median)),
            None if 0 < killed => format!("out of memory, {killed} of {}", self.lifecycles.len()),
            None => "–".to_owned(),
        }
    }

    /// Returns the GB-seconds of INIT and a Create. Lambda bills whole milliseconds, and INIT too since August 2025
    /// (<https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/>).
    fn cost(&self) -> Option<f64> {
        let (create, _) = self.of(Operation::Create)?;
        let seconds = (self.init()?.median + create.median).ceil() / 1e3;
        Some(seconds * f64::from(self.size.0) / 1024.0)
    }

    #[allow(clippy::cast_precision_loss, reason = "bytes of one process")]
    fn peak(&self) -> Option<f64> {
        let peaks = self.lifecycles.iter().flat_map(|lifecycle| &lifecycle.operations).map(|it| it.peak);
        peaks.max().map(|peak| peak as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::Timed;

    fn lifecycle(subject: Subject, out_of_memory: bool) -> Lifecycle {
        let timed = |operation| Timed { operation, ms: 999.5, processor_ms: 30.0, peak: 12 << 20 };
        let operations = if out_of_memory { Vec::new() } else { Operation::ALL.map(timed).to_vec() };
        Lifecycle { size: MemorySize(512), subject, init_ms: Some(23.1), operations, out_of_memory }
    }

    #[test]
    fn cost_is_in_whole_milliseconds_and_includes_init() {
        let ours = lifecycle(Subject::Ours, false);
        let row = Row { size: MemorySize(512), lifecycles: vec![&ours] };
        // 23.1 + 999.5 = 1022.6 ms are billed as 1023 ms, of half a GB.
        assert!((row.cost().unwrap() - 0.5115).abs() < 1e-9);
        let text = tables(&[ours]);
        assert!(text.contains("| 512 MB, 28.9 % | ours | 23.1 ms | **1000 ms** (30.0 ms) |"), "{text}");
        assert!(text.contains("| 0.511 | 12.0 MB |"), "{text}");
    }

    #[test]
    fn lifecycle_without_enough_memory_has_no_cost() {
        let text = tables(&[lifecycle(Subject::Python, false), lifecycle(Subject::Python, true)]);
        assert!(text.contains("| 23.1 ms | out of memory, 1 of 2 | out of memory, 1 of 2 |"), "{text}");
        assert!(text.contains("| – | 12.0 MB |"), "{text}");
    }
}
