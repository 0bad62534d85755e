//! What is fuzzed, and what is counted on the way.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// One thing that is fuzzed: a generator that makes a case of bytes, and the judge of what the handler does with it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name on the command line and in the closing line.
    pub name: &'static str,
    /// What its cases are, in the plural.
    pub unit: &'static str,
    /// What there must be none of, besides panics.
    pub zero: &'static str,
    /// From how many cases on a run must have seen every fate and every construct.
    pub long: u64,
    /// The most bytes that a case is made of.
    pub bytes: usize,
    /// Every fate that a case may have.
    pub fates: &'static [Expected],
    /// The case of these bytes, to be looked at.
    pub show: fn(&[u8]) -> String,
    /// Makes the case of these bytes and judges it. What it is made of is counted, where that is asked for; the error
    /// says what is wrong and shows the case.
    pub case: fn(&[u8], Option<&mut Constructs>) -> Result<Fate, String>,
}

/// What became of a case that was judged well, in words; the first word is what the closing line counts.
pub type Fate = &'static str;

/// A fate, and how often a long run must see it: once at least.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The fate.
    pub fate: Fate,
    /// In how many of a thousand cases at most.
    pub most: u64,
}

/// How many cases had each construct.
#[derive(Clone, Debug, Default)]
pub struct Constructs(BTreeMap<Cow<'static, str>, u64>);

impl Constructs {
    /// Counts a case that has the construct of that name, or has it not: then the name alone is marker_value.
    pub fn note(&mut self, name: impl Into<Cow<'static, str>>, has: bool) {
        *self.0.entry(name.into()).or_default() += u64::from(has);
    }

    /// Adds what another run has counted.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    /// The names with their counts, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_ref(), *count))
    }
}
