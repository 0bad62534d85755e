//! The totals of a sweep.

use std::fmt;

use crate::judge::Verdict;

/// The totals of a sweep, with a line for each failed case.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// The number of cases.
    pub cases: usize,
    /// The number of cases without a response in time.
    pub no_response: usize,
    /// The number of cases with remaining objects.
    pub leaks: usize,
    /// The number of cases with wrong responses.
    pub violations: usize,
    failures: Vec<String>,
}

impl Summary {
    /// Adds a case.
    pub fn add(&mut self, id: &str, verdict: &Verdict) {
        self.cases += 1;
        self.no_response += usize::from(!verdict.no_response.is_empty());
        self.leaks += usize::from(!verdict.leaks.is_empty());
        self.violations += usize::from(!verdict.violations.is_empty());
        if !verdict.is_good() {
            let kinds =
                [("no response", &verdict.no_response), ("leak", &verdict.leaks), ("violation", &verdict.violations)];
            let what: Vec<_> = kinds
                .into_iter()
                .filter(|(_, found)| !found.is_empty())
                .map(|(kind, found)| format!("{kind}: {}", found.join("; ")))
                .collect();
            self.failures.push(format!("{id}: {}. Reason: {}", what.join(". "), verdict.reason));
        }
    }

    /// Returns one line for each failed case.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Returns whether there were cases, and none failed.
    pub const fn is_good(&self) -> bool {
        0 < self.cases && self.failures.is_empty()
    }
}

/// The last line of a sweep.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, no_response, leaks, violations, .. } = self;
        write!(
            f,
            "sweep: {cases} cases, {no_response} without a response, {leaks} with leaks, {violations} with violations"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_counts_once_for_each_kind_of_violation() {
        let mut summary = Summary::default();
        assert!(!summary.is_good(), "no case proves nothing");
        summary.add("good", &Verdict::default());
        assert!(summary.is_good());
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let verdict = Verdict { leaks: texts(&["role/r remains", "sg-1 remains"]), ..Verdict::default() };
        summary.add("leaky", &Verdict { violations: texts(&["it lies"]), reason: "because".to_owned(), ..verdict });
        let verdict = Verdict { no_response: texts(&["the event got no response"]), ..Verdict::default() };
        summary.add("silent", &Verdict { reason: "none".to_owned(), ..verdict });
        assert!(!summary.is_good());
        assert_eq!(summary.to_string(), "sweep: 3 cases, 1 without a response, 1 with leaks, 1 with violations");
        assert_eq!(
            summary.failures(),
            [
                "leaky: leak: role/r remains; sg-1 remains. violation: it lies. Reason: because",
                "silent: no response: the event got no response. Reason: none"
            ]
        );
    }
}
