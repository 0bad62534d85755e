//! What an edit costs grows as its text does, up to texts as long as a ConfigMap takes.

#![allow(clippy::unwrap_used, reason = "a panic is a failure with its place, also in what tests share")]

use karpenter_prereqs_core::documents::aws_auth::{NodeEntry, insert, remove};
use std::time::Duration;

const ENTRIES: usize = 5_000;

/// The time that this thread has been on a processor: a busy machine does not count.
fn on_processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn cost(text: &str) -> Duration {
    let entry = NodeEntry::new("arn:aws:iam::111122223333:role/KarpenterNodeRole-blue");
    let begun = on_processor();
    let with = insert(Some(text), &entry).unwrap();
    let without = remove(&with, &entry).unwrap();
    let took = on_processor().saturating_sub(begun);
    assert_eq!(without, text);
    took
}

#[track_caller]
fn check(text: impl Fn(usize) -> String) {
    let (some, many) = (text(ENTRIES / 4), text(ENTRIES));
    assert!(many.len() < 1 << 20, "a ConfigMap takes 1 MiB");
    let (some, many) = (cost(&some), cost(&many));
    // Four times as many cost four times as much, or sixteen times where something looks at all for each.
    assert!(many < some * 9, "{some:?} became {many:?}");
}

#[test]
fn four_times_the_entries_cost_four_times_as_much() {
    let block = "- rolearn: arn:aws:iam::111122223333:role/admin\n  username: admin\n  groups:\n  - system:masters\n";
    check(|count| block.repeat(count));
    check(|count| block.repeat(count).replace('\n', "\r\n"));
    let flow = r#"{"rolearn": "arn:aws:iam::111122223333:role/admin", "username": "admin", "groups": ["x"]}"#;
    check(|count| format!("[{}]", vec![flow; count].join(", ")));
    check(|count| format!("[\n  {}\n]\n", vec![flow; count].join(",\n  ")));
    check(|count| "# a comment\n".repeat(count * 10) + block);
    check(|count| format!("- username: |\n{}", "    line\n".repeat(count * 10)));
    check(|count| format!("- username: \"{}\"\n", "long ".repeat(count * 20)));
    check(|count| "- {}\n".repeat(count * 3));
}
