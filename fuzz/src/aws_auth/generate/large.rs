//! Generates long lists. The cost of an edit must not grow faster than the length of the text.

use super::super::judge::{ARN, USERNAME};
use crate::choices::Choices;

/// The maximum number of entries. An entry has about 100 bytes, and a `ConfigMap` has at most 1 MiB.
const MAX_ENTRIES: usize = 5_000;

/// Returns a list with a few entries, and seldom one with up to [`MAX_ENTRIES`].
pub(super) fn list(choices: &mut Choices<'_>, has_target_entry: bool) -> String {
    let is_long = choices.below(256) == 255 && choices.below(8) == 7;
    let count = if is_long { MAX_ENTRIES / 250 * (1 + choices.below(250)) } else { 1 + choices.below(12) };
    let arn = |number| format!("arn:aws:iam::111122223333:role/r{number}");
    if choices.one_in(2) {
        let items: Vec<_> =
            (0..count).map(|number| format!("  {{\"rolearn\": \"{}\", \"groups\": [\"g\"]}}", arn(number))).collect();
        return format!("[\n{}\n]\n", items.join(",\n"));
    }
    let items = (0..count).map(|number| format!("- rolearn: {}\n  username: u\n  groups:\n  - g\n", arn(number)));
    let entry =
        format!("- rolearn: {ARN}\n  username: {USERNAME}\n  groups:\n  - system:bootstrappers\n  - system:nodes\n");
    items.chain(has_target_entry.then_some(entry)).collect()
}
