//! What a run says.

use super::{SAMPLED, Tally};
use crate::target::Target;
use std::collections::BTreeMap;
use std::time::Duration;

/// The line that closes a run in which every case was judged well.
pub fn closing(target: &Target, tally: &Tally, took: Duration) -> String {
    let mut fates: BTreeMap<&str, u64> = BTreeMap::new();
    for (fate, count) in &tally.fates {
        *fates.entry(fate.split([',', ':']).next().unwrap_or_default()).or_default() += count;
    }
    let fates: Vec<String> = fates.iter().map(|(fate, count)| format!("{} {fate}", grouped(*count))).collect();
    format!(
        "fuzz: {} {} {} ({}), 0 {}, 0 panics, in {} s",
        target.name,
        grouped(tally.cases),
        target.unit,
        fates.join(", "),
        target.zero,
        took.as_secs(),
    )
}

/// How often each fate and each construct was seen, a line each.
pub fn details(target: &Target, tally: &Tally) -> Vec<String> {
    let fates = target.fates.iter().map(|expected| (expected.fate, seen(tally, expected.fate)));
    let mut lines = vec![format!("{}: what became of the {}", target.name, target.unit)];
    lines.extend(fates.map(|(fate, count)| format!("{:>12}  {fate}", grouped(count))));
    lines.push(format!("{}: what they are made of, in one of {SAMPLED}", target.name));
    lines.extend(tally.constructs.iter().map(|(name, count)| format!("{:>12}  {name}", grouped(count))));
    let (longest, number) = tally.slowest;
    lines.push(format!("{}: the slowest is number {number}, {} ms", target.name, longest.as_millis()));
    lines
}

/// What a long run did not see, or saw too often: then it did not prove what it is for.
pub fn shortfalls(target: &Target, tally: &Tally) -> Vec<String> {
    if tally.cases < target.long {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for expected in target.fates {
        let count = seen(tally, expected.fate);
        if count == 0 {
            lines.push(format!("no case was `{}`", expected.fate));
        } else if count * 1_000 > tally.cases * expected.most {
            lines.push(format!("{} cases were `{}`, more than {} ‰", grouped(count), expected.fate, expected.most));
        }
    }
    for (name, _) in tally.constructs.iter().filter(|(_, count)| *count == 0) {
        lines.push(format!("no case had `{name}`"));
    }
    lines
}

/// `number` with a comma before every three digits.
pub fn grouped(number: u64) -> String {
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

fn seen(tally: &Tally, fate: &str) -> u64 {
    tally.fates.get(fate).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SPEC;

    #[test]
    fn the_closing_line_adds_fates_up_by_their_first_words() {
        let tally = Tally {
            cases: 1_234_567,
            fates: [("refused", 4), ("refused, and good enough for a Delete", 5), ("taken", 1_000)].into(),
            ..Tally::default()
        };
        assert_eq!(
            closing(&SPEC, &tally, Duration::from_millis(1_900)),
            "fuzz: spec 1,234,567 maps of properties (9 refused, 1,000 taken), 0 wrong specs, 0 panics, in 1 s"
        );
    }

    #[test]
    fn what_a_long_run_never_saw_is_said() {
        let mut tally = Tally { cases: SPEC.long, fates: [("taken", SPEC.long)].into(), ..Tally::default() };
        tally.constructs.note("a bad Tags", false);
        let said = shortfalls(&SPEC, &tally).join("\n");
        for expected in ["100,000 cases were `taken`", "no case was `refused`", "no case had `a bad Tags`"] {
            assert!(said.contains(expected), "{said}");
        }
        assert!(shortfalls(&SPEC, &Tally { cases: SPEC.long - 1, ..tally }).is_empty());
    }
}
