//! The cost of an edit of aws-auth grows in proportion to its text, up to the size of a `ConfigMap`.

#![allow(clippy::unwrap_used, reason = "a panic fails the test and shows its location, in helpers too")]

use karpenter_prereqs_core::documents::aws_auth::{MapRoles, NodeEntry, remove};
use std::time::Duration;

const ENTRIES: usize = 5_000;

/// Returns the time that this thread has been on a processor, because the wall time depends on the load of the machine.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// Returns the processor time of adding and removing an entry.
fn cost(text: &str) -> Duration {
    let entry = NodeEntry::new("arn:aws:iam::111122223333:role/KarpenterNodeRole-blue");
    let start = processor_time();
    let with_entry = MapRoles::read(Some(text), &entry).unwrap().insert().unwrap();
    let without_entry = remove(&with_entry, &entry).unwrap();
    let duration = processor_time().saturating_sub(start);
    assert_eq!(without_entry, text);
    duration
}

#[track_caller]
fn check_growth(text: impl Fn(usize) -> String) {
    let (some, many) = (text(ENTRIES / 4), text(ENTRIES));
    assert!(many.len() < 1 << 20, "a ConfigMap has at most 1 MiB");
    let (some, many) = (cost(&some), cost(&many));
    // Four times the entries cost four times as much, or sixteen times if the edit reads all entries for each of them.
    assert!(many < some * 9, "{some:?} became {many:?}");
}

#[test]
fn edit_cost_grows_in_proportion_to_text() {
    let block = "- rolearn: arn:aws:iam::111122223333:role/admin\n  username: admin\n  groups:\n  - system:masters\n";
    check_growth(|count| block.repeat(count));
    check_growth(|count| block.repeat(count).replace('\n', "\r\n"));
    let flow = r#"{"rolearn": "arn:aws:iam::111122223333:role/admin", "username": "admin", "groups": ["x"]}"#;
    check_growth(|count| format!("[{}]", vec![flow; count].join(", ")));
    check_growth(|count| format!("[\n  {}\n]\n", vec![flow; count].join(",\n  ")));
    check_growth(|count| "# a comment\n".repeat(count * 10) + block);
    check_growth(|count| format!("- username: |\n{}", "    line\n".repeat(count * 10)));
    check_growth(|count| format!("- username: \"{}\"\n", "long ".repeat(count * 20)));
    check_growth(|count| "- {}\n".repeat(count * 3));
}
