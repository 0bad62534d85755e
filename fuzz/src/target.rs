//! A target of the fuzzer, and the statistics of its cases.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Code that is fuzzed: a generator that makes a case from bytes, and a judge of what the handler does with the case.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name on the command line and in the closing line.
    pub name: &'static str,
    /// The plural of what a case is, for messages.
    pub unit: &'static str,
    /// The plural of what a failure is, for the closing line, which reports 0 of them.
    pub violations: &'static str,
    /// The number of cases from which on a run must have seen every outcome and every construct.
    pub min_full_run: u64,
    /// The maximum number of bytes of a case.
    pub max_bytes: usize,
    /// Every outcome that a case can have.
    pub outcomes: &'static [ExpectedOutcome],
    /// Returns the case of these bytes as text, for messages.
    pub show: fn(&[u8]) -> String,
    /// Makes the case of these bytes and judges it. Counts its constructs, if a counter is given. The error describes the
    /// violation and shows the case.
    pub case: fn(&[u8], Option<&mut Constructs>) -> Result<CaseOutcome, String>,
}

/// What happened in a case without a violation, in words. The closing line counts by the text before the first comma or colon.
pub type CaseOutcome = &'static str;

/// An outcome, and how often a full run may see it. It must see each outcome at least once.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedOutcome {
    /// The outcome.
    pub outcome: CaseOutcome,
    /// The maximum number of cases with this outcome, in 1,000 cases.
    pub max_permille: u64,
}

/// The number of cases with each construct.
#[derive(Clone, Debug, Default)]
pub struct Constructs(BTreeMap<Cow<'static, str>, u64>);

impl Constructs {
    /// Counts a case for the construct of this name. If the case does not have it, only the name is recorded.
    pub fn record(&mut self, name: impl Into<Cow<'static, str>>, has: bool) {
        *self.0.entry(name.into()).or_default() += u64::from(has);
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    /// Returns the names with their counts, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_ref(), *count))
    }
}
