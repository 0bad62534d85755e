//! Ids of any length. CloudFormation's have a few hundred bytes; but an event may be made by hand, and the answer to it
//! has a limit all the same.

use crate::identity::aws_names::sha256_hex;
use serde_json::Value;
use std::borrow::Cow;

/// The digits that two ids which begin alike are told apart by.
const HASH: usize = 16;

/// `id`, or, where it takes more than `max` bytes in JSON, its head and a hash of it, which take no more.
pub(super) fn bounded(id: &str, max: usize) -> Cow<'_, str> {
    if in_json(id) <= max {
        return Cow::Borrowed(id);
    }
    let mut room = max - HASH - 1;
    let fits = |c: &char| {
        let left = room.checked_sub(in_json(c.encode_utf8(&mut [0; 4])));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let head: String = id.chars().take_while(fits).collect();
    Cow::Owned(format!("{head}-{}", &sha256_hex(id)[..HASH]))
}

/// How many bytes JSON takes to write `text`, its quotes not counted.
fn in_json(text: &str) -> usize {
    Value::from(text).to_string().len() - 2
}
