//! The table of instructions.

use std::fmt::Write as _;

use super::cell::{digits, ratio};
use crate::{
    instructions::Counted,
    statistics::Spread,
    subject::{Operation, Subject},
};

/// Returns the table, or an empty text when nothing was measured.
pub(super) fn table(counted: &[Counted]) -> String {
    let runs = counted.iter().filter(|life| life.subject == Subject::Ours).count();
    if runs == 0 {
        return String::new();
    }
    let mut text = format!(
        "### Instructions\n\nMillions of instructions of recorded operations, counted by callgrind, {runs} runs each: median (minimum to maximum). They differ less than times do, on a busy machine too. INIT is until the process waits for its first event. The Create opens all connections.\n\n\
         | | INIT |"
    );
    for operation in Operation::ALL {
        let _ = write!(text, " {} |", operation.name());
    }
    let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(Operation::ALL.len()));
    for subject in [Subject::Ours, Subject::Baseline] {
        if let Some(row) = row(counted, subject) {
            let cells: Vec<_> = row.iter().map(cell).collect();
            let _ = writeln!(text, "| {} | {} |", subject.name(), cells.join(" | "));
        }
    }
    if let (Some(ours), Some(baseline)) = (row(counted, Subject::Ours), row(counted, Subject::Baseline)) {
        let ratios: Vec<_> = ours.iter().zip(&baseline).map(|(ours, of)| ratio(ours.median, of.median)).collect();
        let _ = writeln!(text, "| ours to baseline | {} |", ratios.join(" | "));
    }
    text
}

/// Returns INIT and the operations, in millions; `None` when they were not measured.
fn row(counted: &[Counted], subject: Subject) -> Option<Vec<Spread>> {
    let lives: Vec<&Counted> = counted.iter().filter(|life| life.subject == subject).collect();
    let init = Spread::of(lives.iter().map(|life| millions(life.init)))?;
    let operations = Operation::ALL.into_iter().map(|operation| {
        let counts = lives.iter().flat_map(|life| &life.operations);
        Spread::of(counts.filter(|(of, _)| *of == operation).map(|(_, count)| millions(*count)))
    });
    std::iter::once(Some(init)).chain(operations).collect()
}

fn cell(spread: &Spread) -> String {
    format!("**{}** ({} to {})", digits(spread.median), digits(spread.min), digits(spread.max))
}

#[allow(clippy::cast_precision_loss, reason = "a count of instructions is far below 2^52")]
fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(subject: Subject, create: u64) -> Counted {
        let operations = Operation::ALL.into_iter().map(|operation| (operation, create)).collect();
        Counted { subject, init: 10_000_000, operations }
    }

    #[test]
    fn baseline_is_compared_if_there_is_one() {
        assert_eq!(table(&[]), "");
        let ours = life(Subject::Ours, 90_000_000);
        assert!(table(&[ours.clone()]).contains("| ours | **10.0** (10.0 to 10.0) | **90.0** (90.0 to 90.0) |"));
        assert!(!table(&[ours.clone()]).contains("baseline"));
        let both = table(&[ours, life(Subject::Baseline, 100_000_000)]);
        assert!(both.contains("| ours to baseline | 1.00× | 0.90× |"), "{both}");
    }
}
