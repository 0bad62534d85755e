//! Long lists: an edit must cost as much more as its text is longer, and no more.

use super::super::judge::{ARN, USERNAME};
use crate::choices::Choices;

/// The most entries: one has some 100 bytes, and a `ConfigMap` takes 1 MiB.
const MOST: usize = 5_000;

/// Mostly a few entries, and seldom up to [`MOST`].
pub(super) fn list(choices: &mut Choices<'_>, ours: bool) -> String {
    let seldom = choices.below(256) == 255 && choices.below(8) == 7;
    let count = if seldom { MOST / 250 * (1 + choices.below(250)) } else { 1 + choices.below(12) };
    let arn = |number| format!("arn:aws:iam::111122223333:role/r{number}");
    if choices.rarely(2) {
        let items: Vec<_> =
            (0..count).map(|number| format!("  {{\"rolearn\": \"{}\", \"groups\": [\"g\"]}}", arn(number))).collect();
        return format!("[\n{}\n]\n", items.join(",\n"));
    }
    let items = (0..count).map(|number| format!("- rolearn: {}\n  username: u\n  groups:\n  - g\n", arn(number)));
    let entry =
        format!("- rolearn: {ARN}\n  username: {USERNAME}\n  groups:\n  - system:bootstrappers\n  - system:nodes\n");
    items.chain(ours.then_some(entry)).collect()
}
