//! Ids of any length in a response. CloudFormation's ids have a few hundred bytes, but a person may write an event with longer
//! ids. Its response has the same limit.

use crate::identity::aws_names::sha256_hex;
use serde_json::Value;
use std::borrow::Cow;

/// The number of hexadecimal digits of the hash in a truncated id.
const HASH_DIGITS: usize = 16;

/// Returns an id that takes at most `max` bytes in JSON. A longer id is cut and ends in a hash of the whole id, so that two long
/// ids with the same beginning differ.
pub(super) fn truncate_id(id: &str, max: usize) -> Cow<'_, str> {
    if json_len(id) <= max {
        return Cow::Borrowed(id);
    }
    let mut room = max - HASH_DIGITS - 1;
    let fits = |c: &char| {
        let rest = room.checked_sub(json_len(c.encode_utf8(&mut [0; 4])));
        room = rest.unwrap_or(0);
        rest.is_some()
    };
    let head: String = id.chars().take_while(fits).collect();
    Cow::Owned(format!("{head}-{}", &sha256_hex(id)[..HASH_DIGITS]))
}

/// Returns the bytes that a text takes in JSON, without the quotation marks.
fn json_len(text: &str) -> usize {
    Value::from(text).to_string().len() - 2
}
