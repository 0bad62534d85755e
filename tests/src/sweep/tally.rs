//! What the cases of a sweep add up to.

use std::fmt;

use super::judge::Verdict;

/// The totals of a sweep, with a line for each case that is not as it should be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// How many cases were judged.
    pub cases: usize,
    /// In how many CloudFormation got no answer in time.
    pub unanswered: usize,
    /// In how many something was left in the end.
    pub leaks: usize,
    /// In how many an answer was not what the world shows.
    pub wrong: usize,
    bad: Vec<String>,
}

impl Tally {
    /// Counts a case.
    pub fn add(&mut self, id: &str, verdict: &Verdict) {
        self.cases += 1;
        self.unanswered += usize::from(!verdict.unanswered.is_empty());
        self.leaks += usize::from(!verdict.leaks.is_empty());
        self.wrong += usize::from(!verdict.wrong.is_empty());
        if !verdict.is_good() {
            let kinds = [("unanswered", &verdict.unanswered), ("leak", &verdict.leaks), ("wrong", &verdict.wrong)];
            let what: Vec<_> = kinds
                .into_iter()
                .filter(|(_, found)| !found.is_empty())
                .map(|(kind, found)| format!("{kind}: {}", found.join("; ")))
                .collect();
            self.bad.push(format!("{id}: {}. Reason: {}", what.join(". "), verdict.reason));
        }
    }

    /// One line a case that is not as it should be.
    pub fn bad(&self) -> &[String] {
        &self.bad
    }

    /// Whether there were cases, and all are as they should be.
    pub const fn is_good(&self) -> bool {
        0 < self.cases && self.bad.is_empty()
    }
}

/// The closing line.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, unanswered, leaks, wrong, .. } = self;
        write!(f, "sweep: {cases} cases, {unanswered} unanswered, {leaks} leaks, {wrong} wrong answers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_counts_once_for_each_of_its_faults() {
        let mut tally = Tally::default();
        assert!(!tally.is_good(), "no case proves nothing");
        tally.add("good", &Verdict::default());
        assert!(tally.is_good());
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let verdict = Verdict { leaks: texts(&["role/r is left", "sg-1 is left"]), ..Verdict::default() };
        tally.add("leaky", &Verdict { wrong: texts(&["it lies"]), reason: "because".to_owned(), ..verdict });
        let verdict = Verdict { unanswered: texts(&["the event was not answered"]), ..Verdict::default() };
        tally.add("silent", &Verdict { reason: "none".to_owned(), ..verdict });
        assert!(!tally.is_good());
        assert_eq!(tally.to_string(), "sweep: 3 cases, 1 unanswered, 1 leaks, 1 wrong answers");
        assert_eq!(
            tally.bad(),
            [
                "leaky: leak: role/r is left; sg-1 is left. wrong: it lies. Reason: because",
                "silent: unanswered: the event was not answered. Reason: none"
            ]
        );
    }
}
