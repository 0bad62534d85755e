//! The table of instructions.

use std::fmt::Write as _;

use super::cell::{digits, ratio};
use crate::{
    instructions::{Counted, SUBJECTS},
    statistics::Spread,
    subject::{Operation, Subject},
};

/// Returns the table, or an empty text when nothing was measured.
pub(super) fn table(counted: &[Counted]) -> String {
    let runs = counted.iter().filter(|it| it.subject == Subject::Ours).count();
    if runs == 0 {
        return String::new();
    }
    let mut text = format!(
        "### Instructions\n\nMillions of instructions of recorded operations, counted by callgrind, {runs} runs each: minimum to maximum, and in parentheses the number of connections that the program opened to AWS. A connection has a TLS handshake, and their number depends on the moment at which calls end. All else is the same in each run, so compare minima with the same number of connections. INIT is until the program is idle.\n\n\
         | | INIT |"
    );
    for operation in Operation::ALL {
        let _ = write!(text, " {} |", operation.name());
    }
    let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(Operation::ALL.len()));
    let rows = SUBJECTS.map(|subject| row(counted, subject));
    for (subject, row) in SUBJECTS.iter().zip(&rows) {
        if let Some(row) = row {
            let cells: Vec<_> = row.iter().map(Cell::text).collect();
            let _ = writeln!(text, "| {} | {} |", subject.name(), cells.join(" | "));
        }
    }
    if let [Some(ours), Some(baseline)] = &rows {
        let ratios: Vec<_> = ours.iter().zip(baseline).map(|(ours, of)| ratio(ours.count.min, of.count.min)).collect();
        let _ = writeln!(text, "| ours to baseline | {} |", ratios.join(" | "));
    }
    text
}

/// INIT, or one operation, of one subject.
struct Cell {
    /// The instructions, in millions.
    count: Spread,
    /// The connections. `None` for INIT, which opens none.
    connections: Option<Spread>,
}

impl Cell {
    fn text(&self) -> String {
        let range = |spread: &Spread| match (digits(spread.min), digits(spread.max)) {
            (min, max) if min == max => min,
            (min, max) => format!("{min} to {max}"),
        };
        let whole = |spread: &Spread| match (spread.min, spread.max) {
            (min, max) if min < max => format!(" ({min:.0} to {max:.0})"),
            (min, _) => format!(" ({min:.0})"),
        };
        range(&self.count) + &self.connections.as_ref().map(whole).unwrap_or_default()
    }
}

/// Returns INIT and the operations; `None` when they were not measured.
fn row(counted: &[Counted], subject: Subject) -> Option<Vec<Cell>> {
    let of_subject: Vec<&Counted> = counted.iter().filter(|it| it.subject == subject).collect();
    let init = Spread::of(of_subject.iter().map(|it| millions(it.init)))?;
    let operations = Operation::ALL.into_iter().map(|operation| {
        let counts = || of_subject.iter().flat_map(|it| &it.operations).filter(move |it| it.operation == operation);
        Some(Cell {
            count: Spread::of(counts().map(|it| millions(it.count)))?,
            connections: Spread::of(counts().map(|it| crate::statistics::as_f64(it.connections))),
        })
    });
    std::iter::once(Some(Cell { count: init, connections: None })).chain(operations).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a count of instructions is far below 2^52")]
fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::Instructions;

    fn counted(subject: Subject, count: u64, connections: usize) -> Counted {
        let operations = Operation::ALL.map(|operation| Instructions { operation, count, connections });
        Counted { subject, init: 10_000_000, operations: operations.to_vec() }
    }

    #[test]
    fn baseline_is_compared_if_there_is_one() {
        assert_eq!(table(&[]), "");
        let ours = [counted(Subject::Ours, 90_000_000, 9), counted(Subject::Ours, 93_000_000, 10)];
        let alone = table(&ours);
        assert!(alone.contains("| ours | 10.0 | 90.0 to 93.0 (9 to 10) |"), "{alone}");
        assert!(!alone.contains("baseline"));
        let both = table(&[&ours[..], &[counted(Subject::Baseline, 100_000_000, 9)]].concat());
        assert!(both.contains("| baseline | 10.0 | 100 (9) |"), "{both}");
        assert!(both.contains("| ours to baseline | 1.00× | 0.90× |"), "{both}");
    }
}
