//! The texts that a run prints.

use super::{SAMPLE_INTERVAL, Summary};
use crate::target::Target;
use std::collections::BTreeMap;
use std::time::Duration;

/// Returns the last line of a run without violations.
pub fn closing_line(target: &Target, summary: &Summary, duration: Duration) -> String {
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for (outcome, count) in &summary.outcomes {
        *outcomes.entry(outcome.split([',', ':']).next().unwrap_or_default()).or_default() += count;
    }
    let outcomes: Vec<String> =
        outcomes.iter().map(|(outcome, count)| format!("{} {outcome}", with_separators(*count))).collect();
    format!(
        "fuzz: {} {} {} ({}), 0 {}, 0 panics, in {} s",
        target.name,
        with_separators(summary.cases),
        target.unit,
        outcomes.join(", "),
        target.violations,
        duration.as_secs(),
    )
}

/// Returns the number of cases with each outcome and with each construct, one line each.
pub fn details(target: &Target, summary: &Summary) -> Vec<String> {
    let outcomes = target.outcomes.iter().map(|expected| (expected.outcome, cases_with(summary, expected.outcome)));
    let mut lines = vec![format!("{}: outcomes of the {}", target.name, target.unit)];
    lines.extend(outcomes.map(|(outcome, count)| format!("{:>12}  {outcome}", with_separators(count))));
    lines.push(format!("{}: constructs, in one of {SAMPLE_INTERVAL}", target.name));
    lines.extend(summary.constructs.iter().map(|(name, count)| format!("{:>12}  {name}", with_separators(count))));
    let (duration, number) = summary.slowest;
    lines.push(format!("{}: the slowest is number {number}, {} ms", target.name, duration.as_millis()));
    lines
}

/// Returns what a full run did not see, or saw too often. Such a run did not check what it is for. A shorter run has no gaps.
pub fn coverage_gaps(target: &Target, summary: &Summary) -> Vec<String> {
    if summary.cases < target.min_full_run {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for expected in target.outcomes {
        let count = cases_with(summary, expected.outcome);
        if count == 0 {
            lines.push(format!("no case was `{}`", expected.outcome));
        } else if count * 1_000 > summary.cases * expected.max_permille {
            lines.push(format!(
                "{} cases were `{}`, more than {} ‰",
                with_separators(count),
                expected.outcome,
                expected.max_permille
            ));
        }
    }
    for (name, _) in summary.constructs.iter().filter(|(_, count)| *count == 0) {
        lines.push(format!("no case had `{name}`"));
    }
    lines
}

/// Returns the number with a comma before every three digits.
pub fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn cases_with(summary: &Summary, outcome: &str) -> u64 {
    summary.outcomes.get(outcome).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SPEC;

    #[test]
    fn closing_line_adds_outcomes_by_first_words() {
        let summary = Summary {
            cases: 1_234_567,
            outcomes: [("rejected", 4), ("rejected, and sufficient for a Delete", 5), ("accepted", 1_000)].into(),
            ..Summary::default()
        };
        assert_eq!(
            closing_line(&SPEC, &summary, Duration::from_millis(1_900)),
            "fuzz: spec 1,234,567 maps of properties (1,000 accepted, 9 rejected), 0 wrong specs, 0 panics, in 1 s"
        );
    }

    #[test]
    fn full_run_reports_unseen_outcomes_and_constructs() {
        let mut summary = Summary {
            cases: SPEC.min_full_run,
            outcomes: [("accepted", SPEC.min_full_run)].into(),
            ..Summary::default()
        };
        summary.constructs.record("an invalid Tags", false);
        let gaps = coverage_gaps(&SPEC, &summary).join("\n");
        for expected in ["100,000 cases were `accepted`", "no case was `rejected`", "no case had `an invalid Tags`"] {
            assert!(gaps.contains(expected), "{gaps}");
        }
        assert!(coverage_gaps(&SPEC, &Summary { cases: SPEC.min_full_run - 1, ..summary }).is_empty());
    }
}
